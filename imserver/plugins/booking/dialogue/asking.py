"""The questions of a booking: the first one that is open, up to "is this right?"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from imserver.plugins.booking.messages.cards import Option, person_fields
from imserver.plugins.booking.schedule.appointments import (
    Appointment,
    get,
    put_right,
    upcoming_within,
)
from imserver.plugins.booking.schedule.hours import MINUTE_MS, utc_ms, zone_of
from imserver.plugins.booking.schedule.shops import Service, minutes_of

from .choose import ask_day, ask_slot
from .context import DialogueContext
from .draft import search_of
from .holding import ensure_held, release, waits_for_staff
from .labels import label_key
from .offered import Search
from .state import Dialogue

#: Characters of notes that an appointment takes along.
MAX_NOTE = 500


def go_on(context: DialogueContext, state: Dialogue, *, armed: bool = True) -> None:
    """Ask the first question that is open; hold the slot as soon as it is known. `armed`: what the card shows was not
    doubted."""
    if state.step == "who" and state.people:
        ask_people(context, state)
        return
    service = context.chain.service(state.service_id)
    if service is None:
        _ask_service(context, state)
        return
    search = search_of(context, state, service)
    if not state.wall:
        (ask_slot if state.day else ask_day)(context, state, search)
        return
    if state.expired:
        if not armed or state.shown != state.facts:
            state.doubt()  # what this card does not show is shown before it is booked
        _ask_again(context, state)
        return
    held = ensure_held(context, state, search)
    if held is None:
        return
    when = context.words.moment(held.wall)
    command = context.words("command.book")
    if not state.name:
        state.step = "name"
        _ask_name(context, state, when)
    elif not state.age_band and service.asks_age:
        state.step = "age"
        names = [(band.names.in_language(context.language)) for band in context.chain.age_bands]
        context.ask(
            state,
            "ask.age",
            [Option(name, f"{command} {name}") for name in names],
            name=state.name,
            when=when,
        )
    elif state.first_visit is None and service.asks_first_visit:
        state.step = "first_visit"
        labels = [context.words("answer.first_visit"), context.words("answer.returning")]
        context.ask(
            state, "ask.first_visit", [Option(label, f"{command} {label}") for label in labels], when=when
        )
    elif not twice(context, state, held.wall, search):
        _ask_confirm(context, state, held, service, armed=armed)


def _ask_name(context: DialogueContext, state: Dialogue, when: str) -> None:
    minutes = context.the_shop.hold_s // 60
    if state.person:
        context.ask(state, "ask.name_of", when=when, minutes=minutes, person=state.person)
    else:
        context.ask(state, "ask.name", when=when, minutes=minutes)


def _ask_again(context: DialogueContext, state: Dialogue) -> None:
    """The hold is over: it is taken again only if that is said."""
    wall = datetime.fromisoformat(state.wall)
    moment = context.words.moment(wall)
    option = Option(moment, f"{context.words('command.book')} {moment}", "primary")
    context.ask(state, "done.expired", [option], when=moment, minutes=context.the_shop.hold_s // 60)


def _ask_service(context: DialogueContext, state: Dialogue) -> None:
    state.step = "service"
    command = context.words("command.book")
    names = [
        service.names.in_language(context.language) for service in context.chain.services_of(context.the_shop)
    ]
    when = datetime.fromisoformat(state.wall) if state.wall else None
    options = [Option(name, f"{command} {name}") for name in names]
    if when is None:
        context.ask(state, "ask.service", options)
    else:
        context.ask(state, "ask.service_at", options, when=context.words.moment(when))


def _ask_confirm(
    context: DialogueContext, state: Dialogue, held: Appointment, service: Service, *, armed: bool
) -> None:
    state.arm(armed=armed)
    held = _as_shown(context, state, held)
    words = context.words
    length = minutes_of(service, state.age_band, bool(state.first_visit))
    fields = [
        (words("field.store"), context.the_shop.names.in_language(context.language)),
        (words("field.service"), service.names.in_language(context.language)),
        (words("field.when"), words.moment(held.wall)),
        (words("field.length"), words("minutes", minutes=length)),
        *person_fields(
            words, context.chain, state.name, state.person, state.age_band if service.asks_age else ""
        ),
    ]
    if state.first_visit is not None and service.asks_first_visit:
        fields.append((words("field.first_visit"), words("yes" if state.first_visit else "no")))
    if state.notes:
        fields.append((words("field.note"), notes_of(context, state)))
    options = [
        Option(words("button.confirm"), f"{words('command.confirm')} {held.code} v{held.version}", "primary"),
        Option(words("button.give_up"), words("command.cancel")),
    ]
    ends = get(context.tx, state.replaces) if state.replaces else None
    old = context.chain.shop(ends.store_id) if ends is not None else None
    context.ask(
        state,
        _confirm_key(context, held, instead=old is not None),
        options,
        words("ask.confirm_title"),
        fields,
        when=words.moment(held.wall),
        service=service.names.in_language(context.language),
        store=context.the_shop.names.in_language(context.language),
        name=state.name,
        **{} if old is None or ends is None else {
            "old_store": old.names.in_language(context.language),
            "before": words.moment(ends.wall),
            "code": ends.code,
        },
    )  # fmt: skip


def _confirm_key(context: DialogueContext, held: Appointment, *, instead: bool) -> str:
    if not instead:
        return "ask.confirm"
    return "ask.request_instead" if waits_for_staff(context, held) else "ask.confirm_instead"


def _as_shown(context: DialogueContext, state: Dialogue, held: Appointment) -> Appointment:
    """The hold in the version of this card: a card that shows something else than the one before makes its button stale."""
    if state.shown and state.shown != state.facts:
        held = put_right(
            context.tx,
            held,
            for_name=state.name,
            age_band=state.age_band,
            actor_id=context.sender.user_id,
        )
    state.version, state.shown = held.version, state.facts
    return held


def notes_of(context: DialogueContext, state: Dialogue) -> str:
    return context.words("note_separator").join(state.notes)[:MAX_NOTE]


def twice(context: DialogueContext, state: Dialogue, wall: datetime, search: Search) -> bool:
    """Whether this person has another appointment at that time: then it is said, and other times are offered."""
    begin = utc_ms(wall, zone_of(context.the_shop)) or 0
    span = (begin, begin + search.minutes * MINUTE_MS)
    who = (context.customer_id, state.name, state.person)
    if not is_elsewhere(context, who, span, (state.appointment_id, state.replaces)):
        return False
    release(context, state)
    state.wall = ""
    ask_day(context, state, search)
    return True


def is_elsewhere(
    context: DialogueContext, who: tuple[str, str, str], span: tuple[int, int], but: Sequence[int]
) -> bool:
    """Whether a person (account, name, for whom) has another appointment in a span of time; then that is said. In any shop, if
    it is the customer who asks: staff see their own shop's alone."""
    customer_id, name, person = who
    begin, end = span
    store_id = context.the_shop.id if context.is_staff else None
    for one in upcoming_within(context.tx, customer_id, store_id, begin, end):
        same = label_key(one.for_name) == label_key(name) and one.person == person
        if same and one.id not in but:
            shop = context.chain.shop(one.store_id)
            context.say(
                "why_not.twice",
                name=name,
                when=context.words.moment(one.wall),
                store=shop.names.in_language(context.language) if shop else one.store_id,
                code=one.code,
            )
            return True
    return False


def ask_people(context: DialogueContext, state: Dialogue) -> None:
    command = context.words("command.book")
    options = [Option(person, f"{command} {person}") for person in state.people]
    context.ask(state, "ask.who", options, count=len(state.people))
