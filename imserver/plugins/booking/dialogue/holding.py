"""The hold of a booking: a start is kept for the customer for three minutes, made longer on request, and given back in time."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from imserver.plugin_api import Refusal, Transaction
from imserver.plugins.booking.customers import customer, language_for
from imserver.plugins.booking.journey import reach
from imserver.plugins.booking.messages.cards import Option, question
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.messages.texts import Words
from imserver.plugins.booking.schedule import day_limits, guests
from imserver.plugins.booking.schedule.appointments import (
    Appointment,
    Wish,
    act,
    count_upcoming,
    extend,
    get,
    held_for,
    held_until,
    hold,
    place,
    resources_of,
)
from imserver.plugins.booking.schedule.hits import Rules, stands
from imserver.plugins.booking.schedule.hours import MINUTE_MS, utc_ms, zone_of
from imserver.plugins.booking.schedule.leave import leaves_of
from imserver.plugins.booking.schedule.plans import open_offers
from imserver.plugins.booking.schedule.shops import Shop
from imserver.plugins.booking.schedule.slots import Slot, why_not
from imserver.plugins.booking.schedule.status import Action, Actor, Status
from imserver.plugins.booking.understanding.acts import Reading
from imserver.plugins.booking.waiting import Why

from . import lost_hold, said
from .choose import refuse
from .context import DialogueContext
from .labels import label_key
from .offered import Search
from .state import Dialogue, dialogues_on, save_dialogue

HOLD_TIMER = "hold"
#: A hold's timer fires, is tried again and given up within seconds; it will never end a hold that is still there so much later.
OVERDUE_MS = 60_000
#: So long before its end a hold can be made longer, and so often.
WARN_MS, MAX_EXTENSIONS = MINUTE_MS, 2


def actor(context: DialogueContext) -> Actor:
    return Actor.STAFF if context.is_staff else Actor.CUSTOMER


def held_of(context: DialogueContext, state: Dialogue) -> Appointment | None:
    appointment = get(context.tx, state.appointment_id) if state.appointment_id else None
    return appointment if appointment is not None and appointment.status is Status.HELD else None


def ensure_held(
    context: DialogueContext, state: Dialogue, search: Search, held: Appointment | None = None
) -> Appointment | None:
    """The draft's start, held for as long as the service now takes; None if that is impossible; the bot then said so. `held`:
    its hold, for whoever has just looked it up."""
    wall = datetime.fromisoformat(state.wall)
    held = held or held_of(context, state)
    same = held is not None and held.wall == wall and held.service_id == search.service.id
    if held is not None and same and held.minutes == search.minutes:
        return held
    shop = context.the_shop
    reason = None if same else why_not(shop, wall, search.minutes, context.now_ms)
    by_guest = not context.is_staff and guests.is_guest(context.tx, context.customer_id)
    taken: Appointment | None = None
    if reason is None:
        if held is None and _has_enough(context, state, shop):
            return None
        if by_guest and _takes_more(held, wall, search) and _is_crowd(context, state, search, held):
            return None
        wish = Wish(
            shop,
            search.service,
            context.customer_id,
            context.home,
            context.sender.user_id,
            search.minutes,
            by_guest=by_guest,
        )
        taken = _take(context, held, wish, wall)
    if taken is None:
        release(context, state)
        refuse(
            context, state, search, wall, reason or "taken", was_held=held is not None and held.wall == wall
        )
        return None
    if held is None or held.wall != wall:
        state.extended = state.warned = 0
    state.appointment_id, state.version, state.expired = taken.id, taken.version, False
    if taken.hold_until is not None and (held is None or held.hold_until != taken.hold_until):
        context.tx.schedule(
            _next_look(context.now_ms, taken.hold_until), HOLD_TIMER, {"appointment": taken.id}
        )
    return taken


def _has_enough(context: DialogueContext, state: Dialogue, shop: Shop) -> bool:
    """Whether the customer has as many appointments as one may, in all or as a guest today; then that is said, and no question
    is open any more."""
    upcoming = count_upcoming(context.tx, context.customer_id, shop.id)
    if upcoming >= shop.max_upcoming + bool(state.replaces):
        context.close(state)
        context.say("why_not.too_many", count=shop.max_upcoming)
        return True
    if has_enough_today(context, shop):
        context.close(state)
        return True
    return False


def _is_crowd(context: DialogueContext, state: Dialogue, search: Search, held: Appointment | None) -> bool:
    """Whether guests have their part of that day; then that is said, and nothing is held."""
    wall = datetime.fromisoformat(state.wall)
    but = 0 if held is None else held.id
    if not guests.is_crowd(context.tx, context.the_shop, search.service, wall.date(), search.minutes, but):
        return False
    release(context, state)
    tell_crowd(context, state, wall)
    return True


def _take(
    context: DialogueContext, held: Appointment | None, wish: Wish, wall: datetime
) -> Appointment | None:
    """Hold that time, or move the hold there; None if somebody has it. One holds one time: another is given back,
    and who lost it so is told."""
    given_back = _give_back_other_holds(context) if held is None else []
    taken: Appointment | None = None
    start_at = utc_ms(wall, zone_of(wish.shop))
    if start_at is not None:
        slot = Slot(wall, start_at)
        taken = (
            hold(context.tx, wish, slot)
            if held is None
            else place(context.tx, held, wish, slot, actor(context))
        )
    for lost in given_back:
        there = context.chain.shop(lost.store_id)
        if there is not None:
            lost_hold.taken_over(context.tx, context.texts, there, lost, context.sender)
    return taken


def has_enough_today(context: DialogueContext, shop: Shop) -> bool:
    """Whether it is for the people to go on with this guest; then that is said."""
    if context.is_staff or not guests.is_guest(context.tx, context.customer_id):
        return False
    if not day_limits.has_enough(context.tx, context.customer_id, shop.id):
        return False
    context.say("why_not.often", phone=shop.phone)
    return True


def _takes_more(held: Appointment | None, wall: datetime, search: Search) -> bool:
    """Whether it takes time of a day, or of people, that nothing is held of, or more of it than is held."""
    if held is None or held.wall.date() != wall.date():
        return True
    return search.minutes > held.minutes or search.service.id != held.service_id


def tell_crowd(context: DialogueContext, state: Dialogue, wall: datetime) -> None:
    """Guests have enough of that day: nothing is held, and the people are called."""
    context.close(state)
    context.say("guest.crowd", day=context.words.day(wall.date()), phone=context.the_shop.phone)
    context.calls_for = Why.REQUEST


def _next_look(now_ms: int, hold_until: int) -> int:
    """When a hold's timer fires: a minute before the end, if there are two or more, to offer more time; then at the end."""
    return hold_until - WARN_MS if hold_until - now_ms >= 2 * WARN_MS else hold_until


def still_stands(context: DialogueContext, held: Appointment) -> bool:
    """Whether the shop can serve a hold as it is now: a file that was imported meanwhile gives no hold back."""
    shop = context.the_shop
    rules = Rules(shop, leaves_of(context.tx, shop))
    return held.start_at > context.now_ms and stands(rules, held, resources_of(context.tx, held.id))


def waits_for_staff(context: DialogueContext, held: Appointment) -> bool:
    """Whether the customer's yes makes it a request: the shop confirms by hand, everybody's or this guest's."""
    service = context.chain.service(held.service_id)
    if context.is_staff or service is None:
        return False
    return guests.by_hand(
        context.tx, context.the_shop, service, held.customer_id, held.wall, held.minutes, held.id
    )


def is_too_late(context: DialogueContext, appointment: Appointment) -> bool:
    """Whether its customer may not change it any more. Whom the shop asks for another time may, until the last minute."""
    shop = context.texts.shop_of(appointment)
    late = appointment.start_at - context.now_ms < shop.cutoff_min * MINUTE_MS
    if context.is_staff or not late or open_offers(context.tx, appointment.id):
        return False
    context.say("why_not.cutoff", code=appointment.code, minutes=shop.cutoff_min, phone=shop.phone)
    return True


def keep_held(context: DialogueContext, reading: Reading) -> bool:
    """续留 CODE: the hold is made longer by its length, twice at most."""
    state = context.dialogue()
    draft = state if state is None or state.kind == "book" else state.below
    held = held_of(context, draft) if draft is not None else None
    if draft is None or held is None or held.code != said.code_of(reading):
        context.say("stale.hold")
    elif draft.extended >= MAX_EXTENSIONS or held.hold_until is None:
        context.say("hold.no_more", when=context.words.moment(held.wall))
    else:
        until = held.hold_until + context.the_shop.hold_s * 1000
        extend(context.tx, held, until)
        draft.extended += 1
        context.keep(state)
        minutes = max(1, (until - context.now_ms) // MINUTE_MS)
        context.say("hold.longer", when=context.words.moment(held.wall), minutes=minutes)
    return True


def release(context: DialogueContext, state: Dialogue) -> None:
    held = held_of(context, state)
    if held is not None:
        act(context.tx, held, Action.CANCEL, actor(context), context.sender.user_id)
    state.appointment_id = state.version = 0


def _give_back_other_holds(context: DialogueContext) -> list[Appointment]:
    """One open hold for each customer and shop: a second booking frees the slot of the first. Those that were given back."""
    nameless = not customer(context.tx, context.customer_id).name and guests.is_guest(
        context.tx, context.customer_id
    )  # whoever has said no name has one hold in all shops
    others = held_for(context.tx, context.customer_id, None if nameless else context.the_shop.id)
    for held in others:
        act(context.tx, held, Action.CANCEL, actor(context), context.sender.user_id)
    return others


def expire(tx: Transaction, texts: ShopTexts, appointment_id: int) -> None:
    """The timer of a hold. Its end is near: that is said, with a button for more time. Its time is over: the slot is freed, and
    the customer told."""
    held = get(tx, appointment_id)
    if held is None or held.status is not Status.HELD:
        return
    if held.hold_until is not None and held.hold_until > tx.now_ms:
        if held.hold_until - tx.now_ms <= WARN_MS:
            _warn(tx, texts, held)
        # It was held again, or the clock was set back since the timer fired: this timer may be the only one.
        tx.schedule(_next_look(tx.now_ms, held.hold_until), HOLD_TIMER, {"appointment": held.id})
        return
    _expire_now(tx, texts, held)


def expire_overdue(tx: Transaction, texts: ShopTexts) -> None:
    """End the holds whose timer failed long ago: nothing else would."""
    for held in held_until(tx, tx.now_ms - OVERDUE_MS):
        _expire_now(tx, texts, held)


def _warn(tx: Transaction, texts: ShopTexts, held: Appointment) -> None:
    """One minute is left: a button makes it three more, twice at most."""
    shop = texts.chain.shop(held.store_id)
    if shop is None or held.hold_until is None:
        return
    for user_id, state in dialogues_on(tx, held.id, held.conversation_id):
        draft = state if state.appointment_id == held.id or state.below is None else state.below
        if draft.warned == held.hold_until or draft.extended >= MAX_EXTENSIONS:
            continue
        draft.warned = held.hold_until
        words = texts.catalogue.words(language_for(tx, user_id), shop)
        minutes = shop.hold_s // 60
        longer = Option(words("button.longer", minutes=minutes), f"{words('command.longer')} {held.code}")
        content = question(words, "", words("hold.ends_soon", when=words.moment(held.wall)), [longer])
        with suppress(Refusal):
            tx.post(held.conversation_id, content, sender_id=shop.bot)
        state.show([longer.command], {label_key(longer.label): longer.command})
        save_dialogue(tx, held.conversation_id, user_id, state)


def _expire_now(tx: Transaction, texts: ShopTexts, held: Appointment) -> None:
    """The slot is free, and whoever chose it hears of it, however late: with a button to take it again, or another if its time
    has passed."""
    act(tx, held, Action.EXPIRE, Actor.TIMER, "")
    shop = texts.chain.shop(held.store_id)
    if shop is None:
        return
    asked = dialogues_on(tx, held.id, held.conversation_id, of_any_age=True)
    for user_id, state in asked:
        draft = state if state.appointment_id == held.id or state.below is None else state.below
        words = texts.catalogue.words(language_for(tx, user_id), shop)
        again = _say_expired(tx, texts, shop, held, words)
        draft.appointment_id, draft.version, draft.expired = 0, 0, again is not None
        if again is None:
            draft.wall = draft.day = ""
            draft.doubt()
        else:
            state.show([again.command], {label_key(again.label): again.command})
        save_dialogue(tx, held.conversation_id, user_id, state)
    if not asked:  # no question is about it any more: its customer hears of it all the same
        words = texts.catalogue.words(language_for(tx, held.customer_id), shop)
        _say_expired(tx, texts, shop, held, words)


def _say_expired(
    tx: Transaction, texts: ShopTexts, shop: Shop, held: Appointment, words: Words
) -> Option | None:
    """The words and the button that takes the same time again; None if that has passed."""
    moment = words.moment(held.wall)
    again = Option(moment, f"{words('command.book')} {moment}", "primary")
    past = held.start_at <= tx.now_ms
    text = words("hold.ended_and_past" if past else "done.expired", when=moment, minutes=shop.hold_s // 60)
    shown = Option(words("button.book"), words("command.book")) if past else again
    content = question(words, "", text, [shown])
    with suppress(Refusal):  # where the bot may not speak any more, the slot is free all the same
        where = (held.conversation_id, held.customer_id)
        reach.tell(tx, texts.chain, words, shop, where, content)
    return None if past else again
