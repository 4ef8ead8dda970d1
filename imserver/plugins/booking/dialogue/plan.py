"""Plans: what the staff group wants to change of the shop. One stands as a card before anything happens.

The card says what the plan does and which appointments are in the way, and waits for a yes; the yes carries the version of the
card, and counts only for the appointments that were shown on it. Then the rows are written, slots follow at once, holds in the
way are given back with words, and every customer in the way is offered other times (`journey.offers`).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec

from imserver.plugins.booking.journey import offers, plan_end
from imserver.plugins.booking.messages.cards import Option
from imserver.plugins.booking.schedule import changes, plans
from imserver.plugins.booking.schedule import leave as leaves
from imserver.plugins.booking.schedule.appointments import Appointment
from imserver.plugins.booking.schedule.chain_file import shop_of
from imserver.plugins.booking.schedule.changes import InEffect, Origin
from imserver.plugins.booking.schedule.day_sheet import name_on
from imserver.plugins.booking.schedule.faults import Fault
from imserver.plugins.booking.schedule.hits import Rules, hit, wishes_hit
from imserver.plugins.booking.schedule.hours import shop_spans, zone_of
from imserver.plugins.booking.schedule.leave import Leave
from imserver.plugins.booking.schedule.plans import Detail, FieldWish, Plan
from imserver.plugins.booking.schedule.shops import Shop, span_minutes
from imserver.plugins.booking.schedule.status import Status
from imserver.plugins.booking.understanding.acts import Kind, Reading

from . import wished_move
from .context import DialogueContext, Place
from .lost_hold import take_away
from .plan_words import typed
from .state import Dialogue

#: Lines of one card.
MAX_LINES = 20

#: Where a fault stands that is no field's: what was asked does not fit the shop any more.
_OUT_OF_PLACE = ("(now)",)

_DECIDED = re.compile(r"#?(\d{1,12}) v(\d{1,9}) (\S+)")


def decide(context: DialogueContext, reading: Reading) -> bool:
    """安排 12 v1 好: the button under a plan."""
    found = _DECIDED.fullmatch(typed(reading.text))
    if context.place is not Place.STAFF or found is None:
        return False
    plan = plans.plan(context.tx, int(found[1]))
    yes = found[3] == context.words("plan.yes_word")
    if plan is None or plan.store_id != context.the_shop.id:
        context.say("plan.no_such")
    elif plan.state != "asked":
        context.say(f"plan.is_{plan.state}", summary=plan.detail.summary)
    elif not yes:
        plans.decide(context.tx, plan, "dropped", context.sender.user_id)
        context.keep(None)
        context.say("plan.dropped", summary=plan.detail.summary)
    elif int(found[2]) != plan.version:
        context.say("stale.question")
        _show(context, plan)
    else:
        _agree(context, plan)
    return True


def answer(context: DialogueContext, state: Dialogue, reading: Reading) -> bool:
    """A text without a command while a plan is asked about: a yes or a no."""
    yes, no = reading.has(Kind.YES) and not reading.disarms, reading.has(Kind.NO)
    if yes == no or not state.options:
        return False
    command = state.options[0 if yes else 1]
    if state.step != "confirm" and yes and _asked_about(context, state) is not None:
        repeat(context, state)  # something was said in between
        return True
    _, _, arguments = command.partition(" ")
    return decide(context, Reading(arguments))


def repeat(context: DialogueContext, state: Dialogue) -> None:
    """Show the plan that is asked about once more, as it is now."""
    plan = _asked_about(context, state)
    if plan is not None:
        _show(context, plan)


def show_again(context: DialogueContext, plan: Plan) -> None:
    """Show a plan that waits once more: a yes that comes late asks again first."""
    _show(context, plan)


def _asked_about(context: DialogueContext, state: Dialogue) -> Plan | None:
    """The plan of an open question, unless it is decided."""
    asked = _DECIDED.search(state.options[0]) if state.options else None
    plan = plans.plan(context.tx, int(asked[1])) if asked is not None else None
    return plan if plan is not None and plan.state == "asked" else None


@dataclass(frozen=True, slots=True)
class _Outlook:
    """What a plan comes to: the shop as it will be, and who is in the way; or what is wrong with it."""

    shop: Shop
    hits: Sequence[Appointment]
    faults: Sequence[Fault] = ()
    #: Appointments whose customers have asked for a time that the plan is in the way of.
    wishes: Sequence[Appointment] = ()

    @property
    def promised(self) -> list[Appointment]:
        """Those that customers count on; the others are holds."""
        return [one for one in self.hits if one.status is not Status.HELD]


def _outlook(context: DialogueContext, detail: Detail) -> _Outlook:
    tx, shop = context.tx, context.the_shop
    gone = _out_of_place(context, detail)
    if gone is not None:
        return _Outlook(shop, (), (gone,))
    tree = {"stores": [copy.deepcopy(changes.found(in_effect_of(context).tree, ("stores", shop.id)))]}
    for wish in detail.fields:
        changes.put(tree, tuple(wish.path.split(".")), wish.value)
    after, faults = shop_of(context.chain, tree["stores"][0])
    if faults:
        return _Outlook(shop, (), faults)
    zone, now = zone_of(shop), leaves.leaves_of(tx, shop)
    then = [one for one in now if one.id not in detail.withdrawn]
    for wanted in detail.leaves:
        start, end = datetime.fromisoformat(wanted.start), datetime.fromisoformat(wanted.end)
        then.append(Leave(0, wanted.resource_id, start, end, *leaves.bounds(start, end, zone)))
    if detail.end <= detail.begin:
        return _Outlook(after, ())
    span = (Rules(shop, now), Rules(after, then), detail.begin, detail.end, detail.weekdays)
    return _Outlook(after, hit(tx, *span), (), wishes_hit(tx, *span))


def _out_of_place(context: DialogueContext, detail: Detail) -> Fault | None:
    """The shop is another since this was asked: somebody is not there any more, or is there by now."""
    here = {one.id for one in context.the_shop.resources}
    called = {name for one in context.the_shop.resources for name in (one.names.zh, one.names.en)}
    names = [wanted.resource_id for wanted in detail.leaves]
    for wish in detail.fields:
        _, _, table, *rest = wish.path.split(".")
        added = table == "resources" and len(rest) == 1 and wish.value is not None
        if added and (rest[0] in here or called & set(wish.value["names"].values())):
            return Fault((*_OUT_OF_PLACE, rest[0]), "")
        if table == "resources" and (len(rest) > 1 or wish.value is None):
            names.append(rest[0])
    return next((Fault((*_OUT_OF_PLACE, name), "") for name in names if name not in here), None)


def _standing(context: DialogueContext, wish: FieldWish) -> Any:
    """What stands now where a plan wants something else."""
    path = tuple(wish.path.split("."))
    if path[2] == "exceptions":
        return [span_text(one) for one in shop_spans(context.the_shop, date.fromisoformat(path[3]))]
    return changes.found(in_effect_of(context).tree, path)


def propose_fields(context: DialogueContext, detail: Detail) -> None:
    """The same for plans of nothing but fields: one that changes nothing is none."""
    tree = in_effect_of(context).tree
    if all(_same(changes.found(tree, tuple(one.path.split("."))), one) for one in detail.fields):
        context.say("plan.so_already", summary=detail.summary)
        return
    propose(context, detail)


def _same(here: Any, wish: FieldWish) -> bool:
    """No exception and a closed day are two things; no breaks and an empty list are one."""
    return bool(here == wish.value or (".exceptions." not in wish.path and not here and not wish.value))


def propose(context: DialogueContext, detail: Detail) -> None:
    outlook = _outlook(context, detail)
    if outlook.faults:
        _say_fault(context, outlook.faults[0])
        return
    origin = Origin(context.sender.user_id, context.heard_in, context.position, context.now_ms)
    fields = tuple(msgspec.structs.replace(one, was=_standing(context, one)) for one in detail.fields)
    shown = msgspec.structs.replace(detail, fields=fields, hits=tuple(one.id for one in outlook.promised))
    plan = plans.ask(context.tx, context.the_shop.id, shown, origin)
    plan_end.watch(context.tx, plan)
    _show(context, plan, outlook)


def _say_fault(context: DialogueContext, fault: Fault) -> None:
    """Why a plan cannot be, in the words of the staff; what they do not name by a command in those of the check."""
    if fault.path[:1] == _OUT_OF_PLACE:
        context.say("plan.out_of_place")
    elif {"hours", "exceptions", "breaks"} & set(fault.path):
        context.say("plan.wrong_hours")
    elif fault.path[-1] == "services":
        context.say("plan.wrong_services")
    else:
        context.say("plan.wrong", fault=str(fault))


def _show(context: DialogueContext, plan: Plan, outlook: _Outlook | None = None) -> None:
    """The card of a plan: what it does, who is in the way, and the two buttons."""
    words = context.words
    if outlook is None:
        outlook = _outlook(context, plan.detail)
    promised = outlook.promised
    held = len(outlook.hits) - len(promised) + len(outlook.wishes)
    lines = [
        words(
            "plan.hit_asked" if plans.open_offers(context.tx, one.id) else "plan.hit",
            when=words.moment(one.wall),
            code=one.code,
            name=name_on(context.tx, one),
        )
        for one in promised[:MAX_LINES]
    ]
    if len(promised) > MAX_LINES:
        lines.append(words("plan.more", count=len(promised) - MAX_LINES))
    parts = [plan.detail.summary]
    parts.append(
        words("plan.hits", count=len(promised), lines="\n".join(lines)) if promised else words("plan.no_hits")
    )
    if held:
        parts.append(words("plan.held", count=held))
    command = f"{words('plan.decide_command')} {plan.id} v{plan.version}"
    options = [
        Option(words("plan.yes"), f"{command} {words('plan.yes_word')}", "primary"),
        Option(words("plan.no"), f"{command} {words('plan.no_word')}"),
    ]
    context.ask(
        Dialogue(kind="plan", step="confirm"), "plan.ask", options, words("plan.title"), text="\n".join(parts)
    )


def _agree(context: DialogueContext, plan: Plan) -> None:
    """The yes: all of it in this transaction."""
    tx, texts = context.tx, context.texts
    if any(_standing(context, one) != one.was for one in plan.detail.fields):
        context.say(
            "plan.out_of_place"
        )  # two who close half a day each: the second would open the first half again
        return
    outlook = _outlook(context, plan.detail)
    if outlook.faults:
        _say_fault(context, outlook.faults[0])
        return
    ids = tuple(one.id for one in outlook.promised)
    if not set(ids) <= set(plan.detail.hits):
        context.say("plan.more_hits")
        again = plans.ask_again(tx, plan, msgspec.structs.replace(plan.detail, hits=ids))
        plan_end.watch(tx, again)
        _show(context, again, outlook)
        return
    context.keep(None)
    _write(context, plan)
    plans.decide(tx, plan, "agreed", context.sender.user_id)
    for one in outlook.hits:
        if one.status is Status.HELD:
            take_away(tx, texts, outlook.shop, one, context.sender.user_id)
    for one in outlook.wishes:
        if one.wished is not None:
            wished_move.end(context, one, one.wished, "gone")
    unasked = [one for one in outlook.promised if not plans.open_offers(tx, one.id)]
    if unasked:  # the others have the card of an older plan, which stays open for them
        offers.begin(tx, texts, outlook.shop, plan, unasked)
    else:
        context.say("plan.done", summary=plan.detail.summary)
    offers.give_back(tx, texts, outlook.shop, but=plan.id)


def _write(context: DialogueContext, plan: Plan) -> None:
    tx, shop, detail = context.tx, context.the_shop, plan.detail
    asked = plan.origin()
    origin = Origin(asked.actor_id, asked.conversation_id, asked.position, context.now_ms)
    for wanted in detail.leaves:
        start, end = datetime.fromisoformat(wanted.start), datetime.fromisoformat(wanted.end)
        leaves.give(tx, shop, wanted.resource_id, start, end, origin, note=wanted.note)
    for number in detail.withdrawn:
        leaves.withdraw(tx, number, origin)
    for wish in detail.fields:
        changes.change(tx, in_effect_of(context).file, tuple(wish.path.split(".")), wish.value, origin)


def not_read(context: DialogueContext, command: str, *, named: bool = False) -> bool:
    """An example for whoever meant a command; colleagues who only talk (休息一下) are left alone."""
    words = context.words
    text = typed(context.text)
    word = words(f"plan.{command}_command")
    if not (named or text == word or text.startswith((f"{word} ", "/"))):
        return False
    context.say(f"plan.{command}_example")
    return True


def in_effect_of(context: DialogueContext) -> InEffect:
    found = context.texts.in_effect
    assert found is not None, "the plugin is not started"
    return found


def path_of(shop: Shop, *parts: str) -> str:
    return ".".join(("stores", shop.id, *parts))


def span_text(minutes: tuple[int, int]) -> str:
    text = "-".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in minutes)
    assert span_minutes(text) == minutes
    return text
