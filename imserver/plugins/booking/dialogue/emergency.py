"""What the bot does about a red flag: it sends the customer to the hospital and calls people. It grades nothing.

People answer where they read, in the shop's conversation with the customer: what was said to a bot in the direct chat is
repeated there, and there is one from then on.

An *urgent* flag gets one card for a customer and ten minutes, however often it is said; a text of another family (acid after
pain) adds its words to that card as a plain text, because it says to do something else first. The staff are called as often.
A *careful* flag gets a text, as rarely, and what was said beside it is read as if it stood alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from imserver.plugin_api import Kind, Role, Transaction
from imserver.plugins.booking.conversations import disarm, service_conversation, services_of
from imserver.plugins.booking.messages import cards
from imserver.plugins.booking.schedule.emergency import emergency_number
from imserver.plugins.booking.schedule.hours import MINUTE_MS, is_open
from imserver.plugins.booking.schedule.shops import Shop
from imserver.plugins.booking.understanding.alarms import RedFlag
from imserver.plugins.booking.waiting import Why

from . import handoff
from .context import DialogueContext, Place

#: One urgent card and one careful text for a customer in so many minutes.
AGAIN_MIN = 10
#: Kinds that have words of their own; all others are `urgent`.
FAMILIES = ("chemical", "stroke")


@dataclass(frozen=True, slots=True)
class _Told:
    """What a customer has been told: when, and which families since the urgent card."""

    urgent_at: int = 0
    careful_at: int = 0
    families: tuple[str, ...] = ()


def family_of(kind: str) -> str:
    """Which words a kind gets."""
    return kind if kind in FAMILIES else "urgent"


def answer(context: DialogueContext, flag: RedFlag) -> None:
    """What the bot does about a flag, whatever else the text says."""
    if flag.urgent:
        raise_alarm(context, flag)
    else:
        caution(context)


def raise_alarm(context: DialogueContext, flag: RedFlag) -> None:
    """Send the customer to the emergency department at once, and call every shop that knows them."""
    told, family = _told(context), family_of(flag.kind)
    shops = _shops(context)
    text = _words_to(context, shops[0], f"red_flag.{family}")
    sender = context.bot if context.home == context.heard_in else context.heard_by
    fresh = context.now_ms - told.urgent_at >= AGAIN_MIN * MINUTE_MS
    if fresh:
        card = cards.card(context.words("red_flag.title"), text)
        context.tx.post(context.heard_in, card, sender_id=sender)
        for shop in shops:
            _call(context, shop, _answered_in(context, shop))
        _note(context, _Told(context.now_ms, told.careful_at, (family,)))
    elif family not in told.families:
        context.tx.post(context.heard_in, {"type": "text", "text": text}, sender_id=sender)
        _note(context, _Told(told.urgent_at, told.careful_at, (*told.families, family)))
    heard = _leave_to_people(context, shops)
    if not heard and not fresh and family in told.families:
        again = _words_to(context, shops[0], "red_flag.again")
        context.tx.post(context.heard_in, {"type": "text", "text": again}, sender_id=sender)


def caution(context: DialogueContext) -> None:
    """Say where to go if it is bad now; not beside an urgent card, and not again and again."""
    told = _told(context)
    if context.now_ms - max(told.urgent_at, told.careful_at) < AGAIN_MIN * MINUTE_MS:
        return
    sender = context.bot if context.home == context.heard_in else context.heard_by
    text = _words_to(context, _shops(context)[0], "red_flag.careful")
    context.tx.post(context.heard_in, {"type": "text", "text": text}, sender_id=sender)
    _note(context, _Told(told.urgent_at, context.now_ms, told.families))


def _words_to(context: DialogueContext, shop: Shop, key: str) -> str:
    number = emergency_number(shop)
    call = context.words("red_flag.call", number=number) if number else context.words("red_flag.call_nobody")
    return context.words(key, call=call)


def _shops(context: DialogueContext) -> list[Shop]:
    """Whom it concerns: the shop spoken to, or those that know the customer, or the chain's first."""
    if context.shop is not None:
        return [context.shop]
    known = [context.chain.shop(one.store_id) for one in services_of(context.tx, context.customer_id)]
    return [shop for shop in known if shop is not None] or [context.chain.stores[0]]


def _answered_in(context: DialogueContext, shop: Shop) -> str:
    """Where the people of a shop answer: their conversation with whoever spoke to a bot alone, made now if there is none. A
    group that others made is none of theirs."""
    if context.place is not Place.DIRECT:
        return context.heard_in
    return service_conversation(context.tx, context.chain, context.texts.catalogue, shop, context.customer_id)


def _call(context: DialogueContext, shop: Shop, there: str) -> None:
    """Call the staff to that conversation in their group, and outside opening hours those on call one by one."""
    tx = context.tx
    handoff.ping(tx, context.texts, shop.id, context.customer_id, "staff.red_flag", there)
    if is_open(shop, context.now_ms):
        return
    for user_id in shop.on_call:
        if tx.user(user_id) is not None and tx.is_active(user_id):
            _wake(context, shop, user_id, there)


def _wake(context: DialogueContext, shop: Shop, user_id: str, there: str) -> None:
    tx = context.tx
    chat = tx.ensure_conversation(
        f"on-call/{user_id}", Kind.DIRECT, {shop.bot: Role.MEMBER, user_id: Role.MEMBER}, owner_id=shop.bot
    )
    content = handoff.calling(tx, context.texts, shop, context.customer_id, "staff.red_flag", there)
    tx.post(chat, content, sender_id=shop.bot)


def _leave_to_people(context: DialogueContext, shops: list[Shop]) -> bool:
    """Let the text wait for an answer by people, in each conversation that the shops have with the customer. Whether it was
    typed in one of them."""
    ids = {shop.id for shop in shops}
    waits = [one for one in services_of(context.tx, context.customer_id) if one.store_id in ids]
    for service in waits:
        shop = next(shop for shop in shops if shop.id == service.store_id)
        here = service.conversation_id == context.heard_in
        position = context.position if here else None
        if context.place is Place.DIRECT:
            position = _repeat(context, shop, service.conversation_id)
        handoff.wait(context.tx, service, shop, Why.ALARM, position)
    return any(one.conversation_id == context.heard_in for one in waits)


def _repeat(context: DialogueContext, shop: Shop, conversation_id: str) -> int:
    """Say in the shop's conversation what was said to a bot elsewhere; where that stands."""
    disarm(context.tx, conversation_id)
    text = context.words("human.passed_on_here", text=context.text[: handoff.MAX_PASSED])
    return context.tx.post(conversation_id, {"type": "text", "text": text}, sender_id=shop.bot)


def _told(context: DialogueContext) -> _Told:
    return _of(context.tx, context.customer_id)


def _of(tx: Transaction, customer_id: str) -> _Told:
    rows = tx.execute(
        "SELECT urgent_at, careful_at, told FROM booking_alarms WHERE customer_id = ?", (customer_id,)
    )
    return _Told(rows[0][0], rows[0][1], tuple(rows[0][2].split())) if rows else _Told()


def carry_over(tx: Transaction, guest_id: str, account_id: str) -> None:
    """Whoever was sent to the hospital as a guest has had the card."""
    (guest, known) = (_of(tx, user_id) for user_id in (guest_id, account_id))
    families = guest.families if guest.urgent_at > known.urgent_at else known.families
    both = _Told(max(guest.urgent_at, known.urgent_at), max(guest.careful_at, known.careful_at), families)
    if both != known:
        _keep(tx, account_id, both)
    tx.execute("DELETE FROM booking_alarms WHERE customer_id = ?", (guest_id,))


def _note(context: DialogueContext, told: _Told) -> None:
    _keep(context.tx, context.customer_id, told)


def _keep(tx: Transaction, customer_id: str, told: _Told) -> None:
    tx.execute(
        "INSERT INTO booking_alarms (customer_id, urgent_at, careful_at, told) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (customer_id) DO UPDATE SET"
        " urgent_at = excluded.urgent_at, careful_at = excluded.careful_at, told = excluded.told",
        (customer_id, told.urgent_at, told.careful_at, " ".join(told.families)),
    )
