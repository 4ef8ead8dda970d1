"""The open question of a text: where it stands, what answers it, and what a text that answers something else does to it."""

from __future__ import annotations

from imserver.plugins.booking.conversations import services_of
from imserver.plugins.booking.understanding.acts import Kind, Reading

from . import book, cancel, correct, move, plan
from .context import Answering, DialogueContext, Place
from .state import Dialogue, doubt_all, load_dialogue
from .wishes import is_only_late

#: What answers a question of each kind.
_ANSWERS = {
    "book": book.answer,
    "move": move.answer,
    "cancel": cancel.answer,
    "correct": correct.answer,
    "plan": plan.answer,
}
#: What shows a question of a kind once more.
_REPEATS = {"book": book.repeat, "move": move.repeat, "cancel": cancel.repeat, "correct": correct.repeat}
_COURTEOUS = frozenset({Kind.THANKS, Kind.GREETING})


def asked_in(context: DialogueContext) -> Answering:
    """Where the open question of this text stands: text in the direct chat may answer a shop's question, and in one shop's
    conversation another shop's that was repeated there. Of several it is the one that stands lowest here; the others are
    doubted: the next yes may be a second one to this."""
    tx, here, sender_id = context.tx, context.answering, context.sender.user_id
    if (
        context.place not in (Place.DIRECT, Place.SERVICE)
        or context.dialogue() is not None
        or context.is_staff
    ):
        return here
    asked: list[tuple[int, Answering]] = []
    for service in services_of(tx, context.customer_id):
        shop = context.chain.shop(service.store_id)
        if shop is None or (context.place is Place.DIRECT and here.shop not in (None, shop)):
            continue
        state = load_dialogue(tx, service.conversation_id, sender_id)
        if state is not None and (context.place is Place.DIRECT or context.heard_in in state.pointed):
            place = Answering(service.conversation_id, shop, shop.bot)
            asked.append((state.asked.get(context.heard_in, 0), place))
    if not asked:
        return here
    _, lowest = max(asked, key=lambda one: one[0])
    for _, place in asked:
        if place is not lowest:
            doubt_all(tx, place.conversation_id, sender_id)
    return lowest


def answered(context: DialogueContext, state: Dialogue, reading: Reading, *, stopping: bool = False) -> bool:
    """The acts of a text as an answer to the open question. `stopping`: 取消 alone, which ends whatever is open."""
    if stopping and state.kind == "book":
        book.give_up(context, state)
        return True
    if reading.hedged and state.asks_yes and all(act.kind in _COURTEOUS for act in reading.acts):
        context.say("unclear.hedged")
        if state.kind == "plan":
            plan.repeat(context, state)
        else:
            _repeat(context, state, armed=True)  # nothing was contradicted: a plain yes to it counts
        return True
    if is_only_late(reading):
        return False  # no answer: it is for the people
    return state.kind in _ANSWERS and _ANSWERS[state.kind](context, state, reading)


def repeat_unarmed(context: DialogueContext, state: Dialogue) -> None:
    """Ask once more behind a text that answers nothing: the next yes may be meant for the people who were told."""
    _repeat(context, state, armed=False)


def _repeat(context: DialogueContext, state: Dialogue, *, armed: bool) -> None:
    if state.kind in _REPEATS:
        _REPEATS[state.kind](context, state, armed=armed)


def doubt_own(context: DialogueContext) -> None:
    """Doubt the sender's open question: the sender asked for something else, and was answered."""
    asked_in = {
        context.heard_in,
        *(service.conversation_id for service in services_of(context.tx, context.customer_id)),
    }
    for conversation_id in sorted(asked_in):
        doubt_all(context.tx, conversation_id, context.sender.user_id)


def doubt_others(context: DialogueContext) -> None:
    """Doubt the others' open questions: the next yes of theirs may be meant for what was said now (two parents and a shop, or
    two of the staff in their group)."""
    if context.place in (Place.SERVICE, Place.STAFF):
        doubt_all(context.tx, context.heard_in, but=context.sender.user_id)
