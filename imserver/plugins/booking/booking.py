"""The booking dialogue: service → day → slot (held) → name, age, first visit? → confirm. What was said is not asked again.

Every message is merged into the draft, then the next open question is asked. Buttons carry commands (`预约 2026-11-19 15:00`),
so tapping, typing the number and typing the words are the same thing, and a change of mind is a message like any other.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from imserver.plugin_api import Refusal, Transaction

from . import outcomes
from .appointments import Appointment, Wish, act, describe, get, held_for, held_until, hold, place, upcoming
from .calendar import utc_ms, zone_of
from .cards import Option, question
from .chain import Service, minutes_of
from .choosing import Search, ask_day, ask_slot, choose, refuse, understand
from .customers import customer, known_first_visit, language_for, remember
from .heard import Said
from .slots import Slot, why_not
from .state import Dialogue, dialogues_on, save_dialogue
from .states import Action, Actor, Status
from .talk import House, Place, Talk
from .when import Reading

HOLD_TIMER = "hold"
#: A hold's timer goes off, is tried again and given up within seconds; what is still held so much later, it will never end.
OVERDUE_MS = 60_000


def book(talk: Talk, said: Said) -> bool:
    """预约 …: begin, or go on with what is being booked."""
    if talk.place is Place.STAFF:
        talk.say("staff.book_there")
        return True
    state = talk.dialogue()
    if state is None or state.kind != "book":
        state = _begin(talk)
    _merge(talk, state, said)
    return True


def answer(talk: Talk, state: Dialogue, said: Said) -> bool:
    """A text without a command while a booking is open. False if it answers nothing."""
    if said.answer is False and state.step != "first_visit":
        give_up(talk, state)
        return True
    if said.answer is True and state.step == "confirm":
        finish(talk, state)
        return True
    if said.answer is True and state.step != "first_visit":
        _go_on(talk, state)  # a yes to a question that has no yes: ask it again
        return True
    if not _is_answer(talk, state, said):
        return False
    _merge(talk, state, said)
    return True


def repeat(talk: Talk, state: Dialogue) -> None:
    """Ask the open question again."""
    _go_on(talk, state)


def give_up(talk: Talk, state: Dialogue) -> None:
    """The customer does not want to book after all: the slot is free again."""
    _release(talk, state)
    talk.keep(None)
    talk.say("done.given_up")


def finish(talk: Talk, state: Dialogue) -> None:
    """The yes: the hold becomes an appointment, or, if it ran out, is taken anew and confirmed at once."""
    service = talk.chain.service(state.service_id)
    held = _held(talk, state)
    if service is None or (held is None and not state.wall):
        _go_on(talk, state)
        return
    first_visit = bool(state.first_visit)
    search = Search(service, minutes_of(service, state.age_band, first_visit), talk.words("command.book"))
    held = _ensure_held(talk, state, search)
    if held is None:
        return
    held = describe(talk.tx, held, for_name=state.name, age_band=state.age_band, first_visit=first_visit)
    by_hand = talk.the_store.confirmation == "staff" and not talk.is_staff
    action = Action.REQUEST if by_hand else Action.CONFIRM
    booked = act(talk.tx, held, action, _actor(talk), talk.sender.user_id)
    known = customer(talk.tx, talk.customer_id)
    if not talk.is_staff or not known.name:
        remember(talk.tx, replace(known, name=state.name, age_band=state.age_band))
    talk.keep(None)
    outcomes.booked(talk.tx, talk.house, booked)


def confirm_held(talk: Talk, said: Said, appointment: Appointment) -> None:
    """确认 CODE: the button under "is this right?"."""
    state = talk.dialogue()
    if (
        state is None
        or state.kind != "book"
        or state.appointment_id != appointment.id
        or state.step not in ("confirm", "confirm_again")
    ):
        talk.say("stale.question")
    elif said.version is not None and said.version != appointment.version:
        talk.say("stale.question")
        _go_on(talk, state)
    else:
        finish(talk, state)


def _begin(talk: Talk) -> Dialogue:
    """A draft with what is known of the customer."""
    known = customer(talk.tx, talk.customer_id)
    first_visit = known_first_visit(talk.tx, talk.customer_id, talk.the_store.id)
    return Dialogue(kind="book", name=known.name, age_band=known.age_band, first_visit=first_visit)


def _is_answer(talk: Talk, state: Dialogue, said: Said) -> bool:
    if state.step == "name" and talk.house.ear.name_answer(said):
        return True
    found = (said.service, said.band, said.first_visit)
    if any(value is not None for value in found) or (state.step == "first_visit" and said.answer is not None):
        return True
    if state.step == "age" and said.number is not None:
        return True
    reading = understand(talk, state, said)
    return reading is not None and (_names_some_time(reading) or state.step in ("day", "slot"))


def _names_some_time(reading: Reading) -> bool:
    """昨天来过 names a day that is over: no reason to give up a time that was chosen."""
    return bool(reading.candidates or reading.day or reading.part)


def _merge(talk: Talk, state: Dialogue, said: Said) -> None:
    """Take over everything that was said, then ask what is still open."""
    service = _merge_service(talk, state, said)
    if said.band is not None:
        state.age_band = said.band.id
    elif state.step == "age" and said.number is not None:
        state.age_band = talk.chain.band_of_age(said.number).id
    if said.first_visit is not None:
        state.first_visit = said.first_visit
    elif state.step == "first_visit" and said.answer is not None:
        state.first_visit = said.answer
    asked_name = state.step == "name" and not talk.command
    name = talk.house.ear.name_answer(said) if asked_name else talk.house.ear.name_in(said)
    state.name = name or state.name
    state.misses = 0
    reading = understand(talk, state, said) if not (asked_name and name) else None
    if reading is not None and (talk.command or not state.wall or _names_some_time(reading)):
        search = _search(talk, state, service or talk.chain.services_of(talk.the_store)[0])
        before = state.wall
        settled = choose(talk, state, search, reading)
        if state.wall != before:
            _release_unless(talk, state)
        if not settled:
            return
    _go_on(talk, state)


def _merge_service(talk: Talk, state: Dialogue, said: Said) -> Service | None:
    if said.service is not None:
        if talk.the_store.offers(said.service):
            state.service_id = said.service.id
            if said.service.age_band:
                state.age_band = said.service.age_band
        else:
            talk.say("why_not.service", service=said.service.names.in_language(talk.language))
    return talk.chain.service(state.service_id)


def _search(talk: Talk, state: Dialogue, service: Service) -> Search:
    return Search(service, minutes_of(service, state.age_band, state.first_visit), talk.words("command.book"))


def _go_on(talk: Talk, state: Dialogue) -> None:
    """Ask the first question that is open; hold the slot as soon as it is known."""
    service = talk.chain.service(state.service_id)
    if service is None:
        _ask_service(talk, state)
        return
    search = _search(talk, state, service)
    if not state.wall:
        (ask_slot if state.day else ask_day)(talk, state, search)
        return
    held = _ensure_held(talk, state, search)
    if held is None:
        return
    when = talk.words.moment(held.wall)
    command = talk.words("command.book")
    if not state.name:
        state.step = "name"
        talk.ask(state, "ask.name", when=when, minutes=talk.the_store.hold_s // 60)
    elif not state.age_band and service.asks_age:
        state.step = "age"
        names = [(band.names.in_language(talk.language)) for band in talk.chain.age_bands]
        talk.ask(
            state,
            "ask.age",
            [Option(name, f"{command} {name}") for name in names],
            name=state.name,
            when=when,
        )
    elif state.first_visit is None and service.asks_first_visit:
        state.step = "first_visit"
        labels = [talk.words("answer.first_visit"), talk.words("answer.returning")]
        talk.ask(
            state, "ask.first_visit", [Option(label, f"{command} {label}") for label in labels], when=when
        )
    else:
        _ask_confirm(talk, state, held, service)


def _ask_service(talk: Talk, state: Dialogue) -> None:
    state.step = "service"
    command = talk.words("command.book")
    names = [service.names.in_language(talk.language) for service in talk.chain.services_of(talk.the_store)]
    when = datetime.fromisoformat(state.wall) if state.wall else None
    options = [Option(name, f"{command} {name}") for name in names]
    if when is None:
        talk.ask(state, "ask.service", options)
    else:
        talk.ask(state, "ask.service_at", options, when=talk.words.moment(when))


def _ask_confirm(talk: Talk, state: Dialogue, held: Appointment, service: Service) -> None:
    state.step = "confirm"
    words = talk.words
    band = talk.chain.band(state.age_band)
    length = minutes_of(service, state.age_band, bool(state.first_visit))
    fields = [
        (words("field.store"), talk.the_store.names.in_language(talk.language)),
        (words("field.service"), service.names.in_language(talk.language)),
        (words("field.when"), words.moment(held.wall)),
        (words("field.length"), words("minutes", minutes=length)),
        (words("field.name"), state.name),
    ]
    if band is not None and service.asks_age:
        fields.append((words("field.age"), band.names.in_language(talk.language)))
    if state.first_visit is not None and service.asks_first_visit:
        fields.append((words("field.first_visit"), words("yes" if state.first_visit else "no")))
    options = [
        Option(words("button.confirm"), f"{words('command.confirm')} {held.code} v{held.version}", "primary"),
        Option(words("button.give_up"), words("command.cancel")),
    ]
    talk.ask(
        state,
        "ask.confirm",
        options,
        words("ask.confirm_title"),
        fields,
        when=words.moment(held.wall),
        service=service.names.in_language(talk.language),
        store=talk.the_store.names.in_language(talk.language),
        name=state.name,
    )


# -- the hold ---------------------------------------------------------------------------------------------------------------


def _held(talk: Talk, state: Dialogue) -> Appointment | None:
    appointment = get(talk.tx, state.appointment_id) if state.appointment_id else None
    return appointment if appointment is not None and appointment.status is Status.HELD else None


def _ensure_held(talk: Talk, state: Dialogue, search: Search) -> Appointment | None:
    """The draft's start, held for as long as the service now takes; None if that is impossible, and then it was said."""
    wall = datetime.fromisoformat(state.wall)
    held = _held(talk, state)
    same = held is not None and held.wall == wall and held.service_id == search.service.id
    if held is not None and same and held.minutes == search.minutes:
        return held
    store = talk.the_store
    start_at = utc_ms(wall, zone_of(store))
    reason = None if same else why_not(store, wall, search.minutes, talk.now_ms)
    if (
        reason is None
        and held is None
        and len(upcoming(talk.tx, talk.customer_id, store.id)) >= store.max_upcoming
    ):
        talk.keep(None)
        talk.say("why_not.too_many", count=store.max_upcoming)
        return None
    taken: Appointment | None = None
    if reason is None and held is None:
        _give_back_other_holds(talk)
    if reason is None and start_at is not None:
        wish = Wish(store, search.service, talk.customer_id, talk.home, talk.sender.user_id, search.minutes)
        slot = Slot(wall, start_at)
        taken = hold(talk.tx, wish, slot) if held is None else place(talk.tx, held, wish, slot, _actor(talk))
    if taken is None:
        _release(talk, state)
        refuse(talk, state, search, wall, reason or "taken")
        return None
    state.appointment_id, state.version = taken.id, taken.version
    if taken.hold_until is not None:
        talk.tx.schedule(taken.hold_until, HOLD_TIMER, {"appointment": taken.id})
    return taken


def _release_unless(talk: Talk, state: Dialogue) -> None:
    """The wanted time changed. A new one exchanges the cells of the hold; none gives them back."""
    if not state.wall:
        _release(talk, state)


def _release(talk: Talk, state: Dialogue) -> None:
    held = _held(talk, state)
    if held is not None:
        act(talk.tx, held, Action.CANCEL, _actor(talk), talk.sender.user_id)
    state.appointment_id = state.version = 0


def _give_back_other_holds(talk: Talk) -> None:
    """One open hold for each customer and shop: who begins anew keeps no second slot from others."""
    for held in held_for(talk.tx, talk.customer_id, talk.the_store.id):
        act(talk.tx, held, Action.CANCEL, _actor(talk), talk.sender.user_id)


def _actor(talk: Talk) -> Actor:
    return Actor.STAFF if talk.is_staff else Actor.CUSTOMER


def expire(tx: Transaction, house: House, appointment_id: int) -> None:
    """The timer of a hold: if it still is one and its time is over, the slot is free again and whoever held it is told."""
    held = get(tx, appointment_id)
    if held is None or held.status is not Status.HELD:
        return
    if held.hold_until is not None and held.hold_until > tx.now_ms:
        # It was held anew, or the clock was set back since the timer went off: this timer may be the only one.
        tx.schedule(held.hold_until, HOLD_TIMER, {"appointment": held.id})
        return
    _expire_now(tx, house, held)


def expire_overdue(tx: Transaction, house: House) -> None:
    """Holds whose timer should have ended them long ago, and did not (it failed): nobody else will."""
    for held in held_until(tx, tx.now_ms - OVERDUE_MS):
        _expire_now(tx, house, held)


def _expire_now(tx: Transaction, house: House, held: Appointment) -> None:
    act(tx, held, Action.EXPIRE, Actor.TIMER, "")
    store = house.chain.store(held.store_id)
    if store is None:
        return
    for user_id, state in dialogues_on(tx, held.id, held.conversation_id):
        words = house.catalogue.words(language_for(tx, user_id), store)
        again = Option(
            words.moment(held.wall), f"{words('command.book')} {held.wall:%Y-%m-%d %H:%M}", "primary"
        )
        text = words("done.expired", when=words.moment(held.wall), minutes=store.hold_s // 60)
        content = question(words, "", text, [again])
        # Where the bot may not speak any more, the slot is free all the same.
        with suppress(Refusal):
            tx.post(held.conversation_id, content, sender_id=store.bot)
        state.appointment_id, state.version, state.options = 0, 0, [again.command]
        save_dialogue(tx, held.conversation_id, user_id, state)
