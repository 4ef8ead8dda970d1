"""The booking dialogue: service → day → slot (held) → name, age, first visit? → confirm. Known answers are not asked again.

Every message is merged into the draft, then the next open question is asked. Buttons carry commands (`预约 2026-11-19 15:00`),
so tapping, typing the number and typing the words are the same thing, and a change of mind is a message like any other.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from imserver.plugin_api import Refusal, Transaction
from imserver.plugins.booking.customers import customer, known_first_visit, language_for, remember
from imserver.plugins.booking.journey import notify
from imserver.plugins.booking.messages.cards import Option, question
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.schedule.appointments import (
    Appointment,
    Wish,
    act,
    describe,
    get,
    held_for,
    held_until,
    hold,
    place,
    upcoming,
)
from imserver.plugins.booking.schedule.hours import utc_ms, zone_of
from imserver.plugins.booking.schedule.shops import Service, minutes_of
from imserver.plugins.booking.schedule.slots import Slot, why_not
from imserver.plugins.booking.schedule.status import Action, Actor, Status
from imserver.plugins.booking.understanding.ear import Said
from imserver.plugins.booking.understanding.when import Reading

from .choose import Search, ask_day, ask_slot, choose, refuse, understand
from .context import DialogueContext, Place
from .state import Dialogue, dialogues_on, save_dialogue

HOLD_TIMER = "hold"
#: A hold's timer fires, is tried again and given up within seconds; it will never end a hold that is still there so much later.
OVERDUE_MS = 60_000


def book(context: DialogueContext, said: Said) -> bool:
    """预约 …: begin, or go on with what is being booked."""
    if context.place is Place.STAFF:
        context.say("staff.book_there")
        return True
    state = context.dialogue()
    if state is None or state.kind != "book":
        state = _begin(context)
    _merge(context, state, said)
    return True


def answer(context: DialogueContext, state: Dialogue, said: Said) -> bool:
    """A text without a command while a booking is open. False if it answers nothing."""
    if said.answer is False and state.step != "first_visit":
        give_up(context, state)
        return True
    if said.answer is True and state.step == "confirm":
        finish(context, state)
        return True
    if said.answer is True and state.step != "first_visit":
        _go_on(context, state)  # a yes to a question that has no yes: ask it again
        return True
    if not _is_answer(context, state, said):
        return False
    _merge(context, state, said)
    return True


def repeat(context: DialogueContext, state: Dialogue) -> None:
    """Ask the open question again."""
    _go_on(context, state)


def give_up(context: DialogueContext, state: Dialogue) -> None:
    """End the booking without an appointment: the slot is free again."""
    _release(context, state)
    context.keep(None)
    context.say("done.given_up")


def finish(context: DialogueContext, state: Dialogue) -> None:
    """The yes: the hold becomes an appointment; one that ran out is taken again and confirmed at once."""
    service = context.chain.service(state.service_id)
    held = _held(context, state)
    if service is None or (held is None and not state.wall):
        _go_on(context, state)
        return
    first_visit = bool(state.first_visit)
    search = Search(service, minutes_of(service, state.age_band, first_visit), context.words("command.book"))
    held = _ensure_held(context, state, search)
    if held is None:
        return
    held = describe(context.tx, held, for_name=state.name, age_band=state.age_band, first_visit=first_visit)
    by_hand = context.the_shop.confirmation == "staff" and not context.is_staff
    action = Action.REQUEST if by_hand else Action.CONFIRM
    booked = act(context.tx, held, action, _actor(context), context.sender.user_id)
    known = customer(context.tx, context.customer_id)
    if not context.is_staff or not known.name:
        remember(context.tx, replace(known, name=state.name, age_band=state.age_band))
    context.keep(None)
    notify.booked(context.tx, context.texts, booked)


def confirm_held(context: DialogueContext, said: Said, appointment: Appointment) -> None:
    """确认 CODE: the button under "is this right?"."""
    state = context.dialogue()
    if (
        state is None
        or state.kind != "book"
        or state.appointment_id != appointment.id
        or state.step not in ("confirm", "confirm_again")
    ):
        context.say("stale.question")
    elif said.version is not None and said.version != appointment.version:
        context.say("stale.question")
        _go_on(context, state)
    else:
        finish(context, state)


def _begin(context: DialogueContext) -> Dialogue:
    """A draft with what is known of the customer."""
    known = customer(context.tx, context.customer_id)
    first_visit = known_first_visit(context.tx, context.customer_id, context.the_shop.id)
    return Dialogue(kind="book", name=known.name, age_band=known.age_band, first_visit=first_visit)


def _is_answer(context: DialogueContext, state: Dialogue, said: Said) -> bool:
    if state.step == "name" and context.texts.ear.name_answer(said):
        return True
    found = (said.service, said.band, said.first_visit)
    if any(value is not None for value in found) or (state.step == "first_visit" and said.answer is not None):
        return True
    if state.step == "age" and said.number is not None:
        return True
    reading = understand(context, state, said)
    return reading is not None and (_names_some_time(reading) or state.step in ("day", "slot"))


def _names_some_time(reading: Reading) -> bool:
    """昨天来过 names a day that is over: no reason to give up a time that was chosen."""
    return bool(reading.candidates or reading.day or reading.part)


def _merge(context: DialogueContext, state: Dialogue, said: Said) -> None:
    """Merge the text into the draft, then ask the next open question."""
    service = _merge_service(context, state, said)
    if said.band is not None:
        state.age_band = said.band.id
    elif state.step == "age" and said.number is not None:
        state.age_band = context.chain.band_of_age(said.number).id
    if said.first_visit is not None:
        state.first_visit = said.first_visit
    elif state.step == "first_visit" and said.answer is not None:
        state.first_visit = said.answer
    asked_name = state.step == "name" and not context.command
    name = context.texts.ear.name_answer(said) if asked_name else context.texts.ear.name_in(said)
    state.name = name or state.name
    state.misses = 0
    reading = understand(context, state, said) if not (asked_name and name) else None
    if reading is not None and (context.command or not state.wall or _names_some_time(reading)):
        search = _search(context, state, service or context.chain.services_of(context.the_shop)[0])
        before = state.wall
        settled = choose(context, state, search, reading)
        if state.wall != before:
            _release_unless(context, state)
        if not settled:
            return
    _go_on(context, state)


def _merge_service(context: DialogueContext, state: Dialogue, said: Said) -> Service | None:
    if said.service is not None:
        if context.the_shop.offers(said.service):
            state.service_id = said.service.id
            if said.service.age_band:
                state.age_band = said.service.age_band
        else:
            context.say("why_not.service", service=said.service.names.in_language(context.language))
    return context.chain.service(state.service_id)


def _search(context: DialogueContext, state: Dialogue, service: Service) -> Search:
    return Search(
        service, minutes_of(service, state.age_band, state.first_visit), context.words("command.book")
    )


def _go_on(context: DialogueContext, state: Dialogue) -> None:
    """Ask the first question that is open; hold the slot as soon as it is known."""
    service = context.chain.service(state.service_id)
    if service is None:
        _ask_service(context, state)
        return
    search = _search(context, state, service)
    if not state.wall:
        (ask_slot if state.day else ask_day)(context, state, search)
        return
    held = _ensure_held(context, state, search)
    if held is None:
        return
    when = context.words.moment(held.wall)
    command = context.words("command.book")
    if not state.name:
        state.step = "name"
        context.ask(state, "ask.name", when=when, minutes=context.the_shop.hold_s // 60)
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
    else:
        _ask_confirm(context, state, held, service)


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


def _ask_confirm(context: DialogueContext, state: Dialogue, held: Appointment, service: Service) -> None:
    state.step = "confirm"
    words = context.words
    band = context.chain.band(state.age_band)
    length = minutes_of(service, state.age_band, bool(state.first_visit))
    fields = [
        (words("field.store"), context.the_shop.names.in_language(context.language)),
        (words("field.service"), service.names.in_language(context.language)),
        (words("field.when"), words.moment(held.wall)),
        (words("field.length"), words("minutes", minutes=length)),
        (words("field.name"), state.name),
    ]
    if band is not None and service.asks_age:
        fields.append((words("field.age"), band.names.in_language(context.language)))
    if state.first_visit is not None and service.asks_first_visit:
        fields.append((words("field.first_visit"), words("yes" if state.first_visit else "no")))
    options = [
        Option(words("button.confirm"), f"{words('command.confirm')} {held.code} v{held.version}", "primary"),
        Option(words("button.give_up"), words("command.cancel")),
    ]
    context.ask(
        state,
        "ask.confirm",
        options,
        words("ask.confirm_title"),
        fields,
        when=words.moment(held.wall),
        service=service.names.in_language(context.language),
        store=context.the_shop.names.in_language(context.language),
        name=state.name,
    )


# -- the hold ---------------------------------------------------------------------------------------------------------------


def _held(context: DialogueContext, state: Dialogue) -> Appointment | None:
    appointment = get(context.tx, state.appointment_id) if state.appointment_id else None
    return appointment if appointment is not None and appointment.status is Status.HELD else None


def _ensure_held(context: DialogueContext, state: Dialogue, search: Search) -> Appointment | None:
    """The draft's start, held for as long as the service now takes; None if that is impossible; the bot then said so."""
    wall = datetime.fromisoformat(state.wall)
    held = _held(context, state)
    same = held is not None and held.wall == wall and held.service_id == search.service.id
    if held is not None and same and held.minutes == search.minutes:
        return held
    shop = context.the_shop
    start_at = utc_ms(wall, zone_of(shop))
    reason = None if same else why_not(shop, wall, search.minutes, context.now_ms)
    if (
        reason is None
        and held is None
        and len(upcoming(context.tx, context.customer_id, shop.id)) >= shop.max_upcoming
    ):
        context.keep(None)
        context.say("why_not.too_many", count=shop.max_upcoming)
        return None
    taken: Appointment | None = None
    if reason is None and held is None:
        _give_back_other_holds(context)
    if reason is None and start_at is not None:
        wish = Wish(
            shop, search.service, context.customer_id, context.home, context.sender.user_id, search.minutes
        )
        slot = Slot(wall, start_at)
        taken = (
            hold(context.tx, wish, slot)
            if held is None
            else place(context.tx, held, wish, slot, _actor(context))
        )
    if taken is None:
        _release(context, state)
        refuse(context, state, search, wall, reason or "taken")
        return None
    state.appointment_id, state.version = taken.id, taken.version
    if taken.hold_until is not None:
        context.tx.schedule(taken.hold_until, HOLD_TIMER, {"appointment": taken.id})
    return taken


def _release_unless(context: DialogueContext, state: Dialogue) -> None:
    """The wanted time changed: a new one exchanges the cells of the hold, none frees them."""
    if not state.wall:
        _release(context, state)


def _release(context: DialogueContext, state: Dialogue) -> None:
    held = _held(context, state)
    if held is not None:
        act(context.tx, held, Action.CANCEL, _actor(context), context.sender.user_id)
    state.appointment_id = state.version = 0


def _give_back_other_holds(context: DialogueContext) -> None:
    """One open hold for each customer and shop: a second booking frees the slot of the first."""
    for held in held_for(context.tx, context.customer_id, context.the_shop.id):
        act(context.tx, held, Action.CANCEL, _actor(context), context.sender.user_id)


def _actor(context: DialogueContext) -> Actor:
    return Actor.STAFF if context.is_staff else Actor.CUSTOMER


def expire(tx: Transaction, texts: ShopTexts, appointment_id: int) -> None:
    """The timer of a hold: if it still is one and its time is over, free the slot and tell the customer."""
    held = get(tx, appointment_id)
    if held is None or held.status is not Status.HELD:
        return
    if held.hold_until is not None and held.hold_until > tx.now_ms:
        # It was held again, or the clock was set back since the timer fired: this timer may be the only one.
        tx.schedule(held.hold_until, HOLD_TIMER, {"appointment": held.id})
        return
    _expire_now(tx, texts, held)


def expire_overdue(tx: Transaction, texts: ShopTexts) -> None:
    """End the holds whose timer failed long ago: nothing else would."""
    for held in held_until(tx, tx.now_ms - OVERDUE_MS):
        _expire_now(tx, texts, held)


def _expire_now(tx: Transaction, texts: ShopTexts, held: Appointment) -> None:
    act(tx, held, Action.EXPIRE, Actor.TIMER, "")
    shop = texts.chain.shop(held.store_id)
    if shop is None:
        return
    for user_id, state in dialogues_on(tx, held.id, held.conversation_id):
        words = texts.catalogue.words(language_for(tx, user_id), shop)
        again = Option(
            words.moment(held.wall), f"{words('command.book')} {held.wall:%Y-%m-%d %H:%M}", "primary"
        )
        text = words("done.expired", when=words.moment(held.wall), minutes=shop.hold_s // 60)
        content = question(words, "", text, [again])
        # Where the bot may not speak any more, the slot is free all the same.
        with suppress(Refusal):
            tx.post(held.conversation_id, content, sender_id=shop.bot)
        state.appointment_id, state.version, state.options = 0, 0, [again.command]
        save_dialogue(tx, held.conversation_id, user_id, state)
