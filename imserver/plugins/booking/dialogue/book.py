"""The booking dialogue: for whom → service → day → slot (held) → name, age, first visit? → confirm.

Known answers are not asked again. What a text says is put into the draft, then the next open question is asked. Buttons carry
commands (`预约 11月19日 周四 15:00`), so tapping, typing the number and typing the words are the same thing, and a change of
mind is a message like any other.

A yes books only what the card above it showed and nothing contradicted since: `_yes` and `go_on` decide that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from msgspec import structs

from imserver.plugins.booking.customers import customer, remember
from imserver.plugins.booking.journey import notify
from imserver.plugins.booking.messages.cards import Option
from imserver.plugins.booking.schedule import instead
from imserver.plugins.booking.schedule.appointments import (
    About,
    Appointment,
    act,
    get,
)
from imserver.plugins.booking.schedule.hours import MINUTE_MS
from imserver.plugins.booking.schedule.shops import minutes_of
from imserver.plugins.booking.schedule.status import Action, NotPossible, next_status
from imserver.plugins.booking.understanding.acts import Act, Kind, Reading

from . import answers, arming, said, which
from .asking import ask_people, go_on, notes_of, twice
from .choose import said_by_option, takes_only_option
from .context import DialogueContext, Place
from .draft import SELF, begin, carry, note, of_button, put, say_unread, says_something
from .holding import actor, ensure_held, held_of, is_too_late, release, still_stands, waits_for_staff
from .labels import label_key
from .offered import Search
from .state import Dialogue
from .subjects import names_appointment

#: Characters of a name.
MAX_NAME = 40
#: Questions beside a yes that are answered behind it; any other is answered first, and the yes is asked for again.
_BESIDE_YES = frozenset({"place", "parking", "bring", "hours"})


def book(context: DialogueContext, reading: Reading) -> bool:
    """预约 …, or a wish in a sentence: begin, or go on with what is being booked."""
    if context.place is Place.STAFF:
        context.say("staff.book_there")
        return True
    state = open_draft(context)
    if state.step == "who" and context.command and _chose(context, state, reading.text):
        return True
    _merge(context, state, of_button(context, reading))
    return True


def open_draft(context: DialogueContext) -> Dialogue:
    """The booking that is open, or a new one."""
    state = context.dialogue()
    if state is not None and state.kind != "book" and state.below is not None:
        state = state.below
    if state is None or state.kind != "book":
        before, state = state, context.interrupts(begin(context))
        if before is not None and before.kind == "menu":
            state.service_id, state.day_said = before.service_id, before.day_said
    return state


def answer(context: DialogueContext, state: Dialogue, reading: Reading) -> bool:
    """A text without a command while a booking is open. False if it answers nothing."""
    if said.puts_off(reading):
        _later(context, state, reading)
        return True
    if _is_of_another(reading):
        return False
    if _names_other_shop(context, reading):
        return _change_shop(context, state, reading)
    if _gives_up(state, reading):
        give_up(context, state)
    elif takes_only_option(context, state, reading):
        _merge(context, state, said_by_option(context, state))
    elif reading.has(Kind.YES) and state.step not in ("first_visit", "name"):
        _yes(context, state, reading)
    elif _answers_step(context, state, reading):
        pass
    elif reading.has(Kind.YES) and not says_something(reading):
        state.expired = False  # a yes to a question that has no yes: at most to the time that ran out
        repeat(context, state)
    elif says_something(reading):
        _merge(context, state, reading)
    elif reading.has(Kind.QUESTION):
        _asked_back(context, state, reading)
    elif _names_this_shop(context, reading):
        repeat(context, state, armed=arming.stays_armed(state, reading, answered=True))
    else:
        return False
    return True


def _is_of_another(reading: Reading) -> bool:
    """Whether it changes nothing here: a question about free time, or another appointment, named by its code."""
    wishes = reading.has(Kind.BEGIN, "book") or reading.has(Kind.YES)
    former = reading.has(Kind.BEGIN, "cancel") and which.is_former(reading.text)
    return (reading.has(Kind.BEGIN, "slots") and not wishes) or names_appointment(reading) or former


def _answers_step(context: DialogueContext, state: Dialogue, reading: Reading) -> bool:
    """Whether it was an answer to a question that takes words of its own: whom first, the first visit, the name."""
    if state.step == "who":
        return _chose(context, state, str(reading.given("person") or ""))
    if state.step == "first_visit":
        return _says_first_visit(context, state, reading)
    return state.step == "name" and _odd_name(context, state, reading)


def repeat(context: DialogueContext, state: Dialogue, *, armed: bool = True) -> None:
    """Ask the open question again."""
    go_on(context, state, armed=armed)


def give_up(context: DialogueContext, state: Dialogue) -> None:
    """End the booking without an appointment: the slot is free again."""
    release(context, state)
    context.close(state)
    context.say("done.kept" if state.replaces else "done.given_up")


def _gives_up(state: Dialogue, reading: Reading) -> bool:
    """A no, or "cancel" without anything that is wanted instead."""
    if reading.has(Kind.QUESTION) or reading.has(Kind.YES) or said.names_time(reading):
        return False
    if reading.has(Kind.BEGIN, "cancel"):
        return not said.code_of(reading) and not _wants_another_service(state, reading)
    if not reading.has(Kind.NO) or state.step == "first_visit":
        return False
    return not reading.has(Kind.REFUSE) and not said.gives_values(reading)


def _wants_another_service(state: Dialogue, reading: Reading) -> bool:
    """眼镜先不配了，只验光: what is given up is the service, and another one is named behind it."""
    ends = max((span.end for act in reading.all(Kind.BEGIN, "cancel") for span in act.spans), default=0)
    return any(
        act.value not in (state.service_id, state.plain_service) and act.spans and act.spans[0].start >= ends
        for act in reading.all(Kind.GIVE, "service")
    )


def _later(context: DialogueContext, state: Dialogue, reading: Reading) -> None:
    """ "One moment": the time stays held as long as it is, and a yes asks first. What is asked beside it is answered."""
    state.doubt()
    if reading.has(Kind.QUESTION):
        answers.reply(context, reading, state)
    note(context, state, reading)
    context.keep(state)
    held = held_of(context, state)
    left = 0 if held is None or held.hold_until is None else held.hold_until - context.now_ms
    if held is not None and left > 0:
        context.say("later.held", when=context.words.moment(held.wall), minutes=max(1, left // MINUTE_MS))
    else:
        context.say("later.open")


def _yes(context: DialogueContext, state: Dialogue, reading: Reading) -> None:
    """It books if the card stands above it, nothing has come between, and it contradicts nothing."""
    before = state.facts
    if not put(context, state, reading):
        return
    changed = state.facts != before
    questions = reading.all(Kind.QUESTION)
    beside = all(one.what in _BESIDE_YES and answers.knows(context, one, reading, state) for one in questions)
    if not changed and beside and arming.agrees(context, state, reading):
        finish(context, state)
        if questions:
            answers.reply(context, reading, state)
        return
    if questions:
        answers.reply(context, reading, state)
    say_unread(context, reading)
    sure = arming.takes_yes(reading, changed=changed)
    if sure and not changed:
        state.expired = False  # it is wanted: held again, and shown again
    go_on(context, state, armed=sure)


def _says_first_visit(context: DialogueContext, state: Dialogue, reading: Reading) -> bool:
    """A bare yes or no to "is this the first visit?"."""
    if reading.has(Kind.GIVE, "first") or not (reading.has(Kind.YES) or reading.has(Kind.NO)):
        return False
    if said.takes_time(reading) or reading.has(Kind.REFUSE):
        return False
    before = state.facts
    state.first_visit = reading.has(Kind.YES)
    if put(context, state, reading):
        say_unread(context, reading)
        if reading.has(Kind.QUESTION):
            answers.reply(context, reading, state)
        go_on(context, state, armed=arming.takes_yes(reading, changed=state.facts != before))
    return True


def _odd_name(context: DialogueContext, state: Dialogue, reading: Reading) -> bool:
    """A text at "what name, please?" that looks like no name: asked about once, and then taken as it is."""
    if reading.has(Kind.YES) and state.odd_name and not says_something(reading):
        state.name, state.odd_name = state.odd_name, ""
        go_on(context, state)
        return True
    odd = said.notes(reading)
    known = all(
        act.kind is Kind.GIVE and act.what in ("age", "first", "person", "phone") for act in reading.acts
    )
    if (
        not known
        or said.unread(reading)
        or len(odd) != 1
        or not odd[0].isprintable()
        or len(odd[0]) > MAX_NAME
    ):
        return False
    if not any(char.isalpha() for char in odd[0]):
        return False
    again = bool(state.odd_name)
    if not put(context, state, replace(reading, rest=())):
        return True
    if again:
        state.name, state.odd_name = odd[0], ""
        go_on(context, state)
        return True
    state.odd_name, state.number = odd[0], 0
    words = context.words
    option = Option(words("yes"), context.yes_command(state))
    context.ask(state, "ask.odd_name", [option], name=odd[0])
    return True


def _asked_back(context: DialogueContext, state: Dialogue, reading: Reading) -> None:
    """A question while a booking is open: answered or passed on, then the open question again."""
    sure = arming.stays_armed(state, reading, answered=answers.reply(context, reading, state))
    repeat(context, state, armed=sure)


def _merge(context: DialogueContext, state: Dialogue, reading: Reading) -> None:
    """Put the text into the draft, then ask the next open question."""
    if reading.has(Kind.QUESTION):
        answers.reply(context, reading, state)
    before, day_known = state.facts, bool(state.wall or state.day_said)
    if len(reading.people) > 1:
        _ask_who(context, state, reading)
        return
    if reading.people:  # 两个孩子, "my two kids": who they are is not said, and the second is not forgotten
        context.say("ask.each")
    if not put(context, state, reading):
        return
    say_unread(context, reading)
    changed = state.facts != before
    sure = arming.takes_yes(_without_known(context, state, reading), changed=changed)
    go_on(context, state, armed=sure and (day_known or not _supposes_today(reading)))


def _supposes_today(reading: Reading) -> bool:
    """Whether an hour without a day stands beside a word that nobody read: that word may have been the day."""
    given = reading.given("time") is not None and reading.given("day") is None
    return given and bool(said.unread(reading))


def _without_known(context: DialogueContext, state: Dialogue, reading: Reading) -> Reading:
    """Without what the card shows anyway, and what is refused beside it: 不是我，是我妈, at the card for 妈."""
    shown = [act for act in reading.acts if _shows(context, state, reading, act)]
    again = {act.what for act in shown if act.kind is not Kind.REFUSE}

    def contradicts(act: Act) -> bool:
        if act.what not in again:
            return True
        return act.value is None or act in shown if act.kind is Kind.REFUSE else act not in shown

    return replace(reading, acts=tuple(act for act in reading.acts if contradicts(act)))


def _shows(context: DialogueContext, state: Dialogue, reading: Reading, act: Act) -> bool:
    """Whether the draft has this value. A day or an hour that is put right is never what the card shows (周五我记错了), only a
    part of the day, said alone (对，下午)."""
    value = act.value
    if value is None:
        return False
    if act.what == "range":
        held = bool(state.wall) and said.hits(act, datetime.fromisoformat(state.wall))
        return held and act.kind is not Kind.REFUSE and said.says_only(reading, act)
    if act.what == "age":
        band = said.band_of(Reading("", (Act(Kind.GIVE, "age", value),)), context.chain)
        return band is not None and band.id == state.age_band
    if act.what == "person":
        return value == state.person or (str(value).casefold() in SELF and not state.person)
    shown = {"service": state.service_id, "name": state.name, "first": state.first_visit}
    return act.what in shown and value == shown[act.what]


def go_on_with(context: DialogueContext, draft: Dialogue, reading: Reading) -> None:
    """A draft from elsewhere, and the text that brought it here."""
    _merge(context, draft, reading)


def _ask_who(context: DialogueContext, state: Dialogue, reading: Reading) -> None:
    """Two people are two appointments: which first?"""
    release(context, state)
    fresh = Dialogue(
        kind="book", step="who", people=list(reading.people), labels=state.labels, below=state.below
    )
    service = said.service_of(reading, context.chain)
    fresh.service_id = service.id if service is not None and context.the_shop.offers(service) else ""
    when = said.when_of(reading)
    if when is not None and len(when.days) == 1:
        fresh.day_said = fresh.day = when.days[0].isoformat()
    ask_people(context, fresh)


def _chose(context: DialogueContext, state: Dialogue, text: str) -> bool:
    """The answer to "whom first?": one of those that were offered."""
    key = label_key(text)
    chosen = next(
        (one for one in state.people if key and (key == label_key(one) or key in label_key(one)[1:])), None
    )
    if chosen is None:
        return False
    _book_for(context, state, chosen, [one for one in state.people if one != chosen])
    return True


def _book_for(context: DialogueContext, state: Dialogue, person: str, others: Sequence[str]) -> None:
    draft = begin(context) if person.casefold() in SELF else Dialogue(kind="book", person=person)
    draft.people, draft.service_id, draft.labels = list(others), state.service_id, state.labels
    draft.step, draft.below = "day", state.below
    draft.day, draft.day_said = state.day, state.day_said
    service = context.chain.service(draft.service_id)
    if service is not None and service.age_band:
        draft.age_band = service.age_band
    go_on(context, draft)


def _names_other_shop(context: DialogueContext, reading: Reading) -> bool:
    """Whether another shop is wanted; a question about one is no wish, nor a no to another than this one."""
    if reading.has(Kind.QUESTION):
        return False
    shop = said.shop_of(reading, context.chain)
    refused = [act.value for act in reading.all(Kind.REFUSE, "shop")]
    here = context.shop.id if context.shop is not None else None
    return shop is not context.shop if shop is not None else any(one in (None, here) for one in refused)


def _names_this_shop(context: DialogueContext, reading: Reading) -> bool:
    """是花园店吧, in that shop: the open question says which shop it is, and goes on."""
    named = context.shop is not None and said.shop_of(reading, context.chain) is context.shop
    return named and said.only(reading, Kind.GIVE, Kind.THANKS, Kind.GREETING)


def _change_shop(context: DialogueContext, state: Dialogue, reading: Reading) -> bool:
    """The booking goes on in another shop; this one's slot is free again."""
    shop = said.shop_of(reading, context.chain)
    if context.is_staff:
        return False
    if shop is not None:
        context.require_reach(shop)
    release(context, state)
    if shop is None:
        state.wall = ""
        context.keep(state)
        ask_other_shop(context)
        return True
    context.keep(state.below)
    context.go(shop)
    carry(context, state, shop)
    context.say("shop.changed", store=shop.names.in_language(context.language))
    _merge(context, state, reading)
    return True


def ask_other_shop(context: DialogueContext) -> None:
    """Which other shop? Each button says the shop's name."""
    command = context.words("command.book")
    options = [
        Option(
            shop.names.in_language(context.language), f"{command} {shop.names.in_language(context.language)}"
        )
        for shop in context.chain.stores
        if shop is not context.shop
    ]
    context.offer("ask.store", options)


def finish(context: DialogueContext, state: Dialogue, held: Appointment | None = None) -> None:
    """The yes: the hold becomes an appointment; one that ran out is taken again and confirmed at once. `held`: the hold, for
    whoever has just looked it up."""
    service = context.chain.service(state.service_id)
    held = held or held_of(context, state)
    if service is not None and not context.the_shop.offers(
        service
    ):  # the file does not name it here any more
        context.say("why_not.service", service=service.names.in_language(context.language))
        state.service_id, service = "", None
    if service is None or (held is None and not state.wall):
        go_on(context, state)
        return
    first_visit = bool(state.first_visit)
    search = Search(service, minutes_of(service, state.age_band, first_visit), context.words("command.book"))
    ends = _ends(context, state)
    if state.replaces and ends is None:
        release(context, state)
        context.close(state)
        return
    if held is not None and not still_stands(context, held):
        release(context, state)
        held = None
    held = ensure_held(context, state, search, held)
    if held is None or twice(context, state, held.wall, search):
        return
    by_hand = waits_for_staff(context, held)
    booked = act(
        context.tx,
        held,
        Action.REQUEST if by_hand else Action.CONFIRM,
        actor(context),
        context.sender.user_id,
        about=About(state.name, state.age_band, first_visit, state.person, notes_of(context, state)),
    )
    _remember(context, state)
    context.close(state)
    notify.booked(context.tx, context.texts, booked)
    if ends is not None and by_hand:  # the other shop has not said yes: the appointment that there is stays
        instead.promise(context.tx, booked, ends)
        context.say("done.stands_until_yes", when=context.words.moment(ends.wall), code=ends.code)
    elif ends is not None:
        cancelled = act(context.tx, ends, Action.CANCEL, actor(context), context.sender.user_id)
        notify.cancelled(context.tx, context.texts, cancelled, by_staff=context.is_staff)
    if state.people:
        following = Dialogue(kind="book", service_id=state.service_id, day=state.day, below=state.below)
        context.say("ask.next_person", person=state.people[0])
        _book_for(context, following, state.people[0], state.people[1:])


def _ends(context: DialogueContext, state: Dialogue) -> Appointment | None:
    """The appointment that this one takes the place of, if it is still what was shown and may be cancelled; else why not is
    said."""
    ends = get(context.tx, state.replaces) if state.replaces else None
    if ends is None:
        return None
    try:
        next_status(ends.status, Action.CANCEL, actor(context))
        current = ends.version == state.replaces_version
    except NotPossible:
        current = False
    if not current:
        context.say("stale.question")
        return None
    return None if is_too_late(context, ends) else ends


def _remember(context: DialogueContext, state: Dialogue) -> None:
    """Next time the customer's own name and age are known. Those of others, and of a child, are not the customer's."""
    known = customer(context.tx, context.customer_id)
    band = context.chain.band(state.age_band)
    if state.person or (band is not None and band.guardian and known.age_band != band.id):
        return
    if not context.is_staff or not known.name:
        remember(
            context.tx, structs.replace(known, name=state.name, age_band=state.age_band or known.age_band)
        )


def confirm_held(context: DialogueContext, version: int | None, appointment: Appointment) -> None:
    """确认 CODE: the button under "is this right?"."""
    state = context.dialogue()
    if state is not None and state.kind != "book" and state.below is not None:
        state = state.below
    if state is None or state.kind != "book" or state.appointment_id != appointment.id or not state.asks_yes:
        context.say("stale.question")
    elif version is not None and version != appointment.version:
        context.say("stale.question")
        go_on(context, state)
    else:
        finish(context, state, appointment)
