"""A guest goes on as an older account: what was booked, said and agreed to is that account's, and nothing is dropped.

Everything here is one transaction (`Context.carry_over`) and may be done again, on older rows. What was said as a guest just
before, and is handled behind it, is repeated where the customer is now.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from itertools import combinations

from msgspec import structs

from imserver.plugin_api import Refusal, Transaction
from imserver.plugins.booking import waiting
from imserver.plugins.booking.conversations import (
    ServiceConversation,
    has_left,
    service_at,
    service_conversation,
    services_of,
    staff_group,
)
from imserver.plugins.booking.customers import customer, language_for, remember
from imserver.plugins.booking.journey import notify, offers, reach
from imserver.plugins.booking.messages import cards
from imserver.plugins.booking.messages.cards import Option
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.messages.texts import Words
from imserver.plugins.booking.schedule import consents, joins
from imserver.plugins.booking.schedule.appointments import (
    Appointment,
    act,
    give_rest_to,
    give_to,
    held_for,
    upcoming,
)
from imserver.plugins.booking.schedule.asked import tell_mine
from imserver.plugins.booking.schedule.asked_by_staff import tell_conversation
from imserver.plugins.booking.schedule.day_sheet import name_on
from imserver.plugins.booking.schedule.guests import called
from imserver.plugins.booking.schedule.shops import Shop
from imserver.plugins.booking.schedule.status import Action, Actor
from imserver.plugins.booking.waiting import Why

from . import asking, emergency, handoff
from .context import DialogueContext, Place
from .incoming import Incoming, locate
from .state import Dialogue, load_dialogue

#: Rows that name a customer and nothing that differs by it: the table and its column.
_RENAMED = (
    ("booking_waitlist", "customer_id"),
    ("booking_orders", "customer_id"),
    ("booking_health_views", "customer_id"),
)
#: Stands for what has no text; it is in the guest's conversation.
_PICTURE = "…"
#: Characters of a text that is repeated.
MAX_REPEATED = 500


def carry_over(tx: Transaction, guest_id: str, account_id: str, *, texts: ShopTexts) -> None:
    """All that there is of the guest is the account's from now on."""
    if joins.goes_on_as(tx, guest_id) is not None:
        return
    join = joins.note_joined(tx, guest_id, account_id)
    _know(tx, guest_id, account_id)
    consents.carry_over(tx, guest_id, account_id)
    emergency.carry_over(tx, guest_id, account_id)
    told: set[str] = set()
    carried: set[int] = set()
    for service in reversed(services_of(tx, guest_id)):  # the latest is spoken to last
        shop = texts.chain.shop(service.store_id)
        if shop is not None:
            home, ids = _shop(tx, texts, shop, service, account_id)
            told.add(home)
            carried |= ids
    give_rest_to(tx, guest_id, account_id)  # what is over, and what is in shops that left the chain
    for table, key in _RENAMED:
        tx.execute(f"UPDATE {table} SET {key} = ? WHERE {key} = ?", (account_id, guest_id))  # noqa: S608  constants
    if join.conversation_id not in told:
        _greet(tx, texts, join.conversation_id, account_id)
    _same_time(tx, texts, account_id, carried)
    tell_mine(tx, account_id)


# -- what is known ----------------------------------------------------------------------------------------------------------


def _know(tx: Transaction, guest_id: str, account_id: str) -> None:
    """What was said as a guest fills what is not known of the account, and changes nothing of it."""
    said, known = customer(tx, guest_id), customer(tx, account_id)
    fields = ("language", "name", "age_band", "lens_kind", "chosen_language")
    filled = {name: getattr(known, name) or getattr(said, name) for name in fields}
    remember(tx, structs.replace(known, **filled))
    tx.execute("DELETE FROM booking_customers WHERE user_id = ?", (guest_id,))


# -- a shop -----------------------------------------------------------------------------------------------------------------


def _shop(
    tx: Transaction, texts: ShopTexts, shop: Shop, service: ServiceConversation, account_id: str
) -> tuple[str, set[int]]:
    """The conversation of the account with this shop, and which appointments of the guest are talked about there now."""
    draft = _draft(tx, service)
    coming, held = upcoming(tx, service.customer_id, shop.id), held_for(tx, service.customer_id, shop.id)
    home = service_conversation(tx, texts.chain, texts.catalogue, shop, account_id)
    tx.execute("DELETE FROM booking_dialogues WHERE conversation_id = ?", (service.conversation_id,))
    _greet(tx, texts, home, account_id)
    for old in coming:
        _goes_on(tx, texts, shop, old, called(tx, account_id))
        moved = give_to(tx, old, account_id, home)
        notify.shown_again(tx, texts, moved)
        offers.asked_again(tx, texts, shop, moved)
    for one in held:
        _hold_on(tx, texts, shop, give_to(tx, one, account_id, home), draft)
    _wait_on(tx, texts, shop, service, home)
    words = texts.staff_words(shop)
    text = words("link.goes_on", name=called(tx, account_id))
    tx.post(service.conversation_id, {"type": "text", "text": text}, sender_id=shop.bot)
    tell_conversation(tx, shop.id, home)
    return home, {one.id for one in coming}


def _greet(tx: Transaction, texts: ShopTexts, home: str, account_id: str) -> None:
    """The first phone hears of the other one where it was asked for, and wherever something was carried to."""
    service = service_at(tx, home)
    shop = texts.chain.shop(service.store_id) if service is not None else None
    if shop is None:
        return
    words = _words(tx, texts, shop, account_id)
    content = {"type": "text", "text": words("link.done")}
    reach.tell(tx, texts.chain, words, shop, (home, account_id), content)


def _goes_on(tx: Transaction, texts: ShopTexts, shop: Shop, old: Appointment, name: str) -> None:
    """The card of the guest's conversation shows nothing that will be out of date."""
    if old.card_position is None:
        return
    words = texts.staff_words(shop)
    content = cards.card(words("link.card_title"), words("link.card", code=old.code, name=name))
    with suppress(Refusal):  # somebody took it back
        tx.edit(old.conversation_id, old.card_position, content)


def _draft(tx: Transaction, service: ServiceConversation) -> Dialogue | None:
    """The booking that the guest has begun there."""
    state = load_dialogue(tx, service.conversation_id, service.customer_id)
    if state is not None and state.kind != "book":
        state = state.below
    return state


def _hold_on(
    tx: Transaction, texts: ShopTexts, shop: Shop, held: Appointment, draft: Dialogue | None
) -> None:
    """A time that is held goes on being held, and the booking with it. Where another one is open it is given back, for there is
    one hold in a shop, and a button takes it."""
    home, account_id = held.conversation_id, held.customer_id
    open_now = load_dialogue(tx, home, account_id)
    free = (open_now is None or open_now.kind == "menu") and not has_left(tx, home, account_id)
    if free and draft is not None and draft.appointment_id == held.id:
        context = locate(tx, texts, Incoming(home, account_id, tx.members(home), ""))
        if context is not None:
            asking.go_on(context, _afresh(draft))
            return
    act(tx, held, Action.CANCEL, Actor.CUSTOMER, account_id)
    words = _words(tx, texts, shop, account_id)
    moment = words.moment(held.wall)
    command = f"{words('command.book')} {held.service_id} {held.start_wall.replace('T', ' ')}"
    options = [Option(moment, command, "primary")]
    content = cards.card(words("link.held_title"), words("link.held", when=moment), (), options)
    reach.tell(tx, texts.chain, words, shop, (home, account_id), content)


def _afresh(draft: Dialogue) -> Dialogue:
    """What was said so far; what was shown in the other conversation counts for nothing in this one."""
    keeps = ("kind", "service_id", "plain_service", "day", "part", "clock", "day_said", "wall", "name", "age_band",
             "first_visit", "person", "people", "appointment_id", "version", "extended", "notes")  # fmt: skip
    return Dialogue(**{name: getattr(draft, name) for name in keeps})


def _wait_on(tx: Transaction, texts: ShopTexts, shop: Shop, service: ServiceConversation, home: str) -> None:
    """Words that wait for people wait in the conversation that is answered."""
    there = service_at(tx, home)
    waiting.goes_on_elsewhere(tx, service)
    if service.waiting_since is None or there is None:
        return
    text = texts.staff_words(shop)("link.waited", guest=called(tx, service.customer_id))
    position = tx.post(home, {"type": "text", "text": text}, sender_id=shop.bot)
    handoff.wait(tx, there, shop, Why(service.waiting_why), position)


# -- two at one time --------------------------------------------------------------------------------------------------------


def _same_time(tx: Transaction, texts: ShopTexts, account_id: str, carried: set[int]) -> None:
    """Both stand, and both sides hear of it: they may be for two people."""
    coming = upcoming(tx, account_id)
    for first, second in combinations(coming, 2):
        if not {first.id, second.id} & carried or second.start_at >= first.end_at:
            continue
        for at in {one.store_id: one for one in (first, second)}.values():
            shop = texts.chain.shop(at.store_id)
            if shop is not None:
                _ask_whom(tx, texts, shop, at, (first, second))


def _ask_whom(
    tx: Transaction, texts: ShopTexts, shop: Shop, at: Appointment, both: tuple[Appointment, Appointment]
) -> None:
    words, staffs = _words(tx, texts, shop, at.customer_id), texts.staff_words(shop)
    cancel = words("command.cancel")
    options = [
        Option(words("link.cancel", code=one.code), f"{cancel} {one.code} v{one.version}") for one in both
    ]
    text = words("link.same_time", first=_line(tx, words, both[0]), second=_line(tx, words, both[1]))
    where = (at.conversation_id, at.customer_id)
    reach.tell(
        tx, texts.chain, words, shop, where, cards.card(words("link.same_time_title"), text, (), options)
    )
    group = staff_group(tx, shop.id)
    if group is not None:
        lines = {"first": _line(tx, staffs, both[0]), "second": _line(tx, staffs, both[1])}
        told = staffs("link.same_time_staff", name=called(tx, at.customer_id), **lines)
        tx.post(group, cards.card(staffs("link.same_time_title"), told), sender_id=shop.bot)


def _line(tx: Transaction, words: Words, one: Appointment) -> str:
    return words("link.line", when=words.moment(one.wall), code=one.code, name=name_on(tx, one))


# -- what comes behind it ---------------------------------------------------------------------------------------------------


def is_behind(context: DialogueContext, message: Incoming) -> bool:
    """Whether a text is of a guest, or stands in the conversation of one, who went on by now. The guest's is repeated where the
    customer is, and people look at it: it was meant for what is gone. Whoever else writes there hears where it goes on."""
    tx, texts = context.tx, context.texts
    gone = joins.gone_among(tx, message.sender_id, context.customer_id)
    if message.sender_id in gone:
        store_id = context.shop.id if context.shop is not None else ""
        repeat(tx, texts, message, gone[message.sender_id], store_id)
        return True
    if context.place is not Place.SERVICE or context.customer_id not in gone:
        return False
    name = called(tx, gone[context.customer_id])
    text = texts.staff_words(context.the_shop)("link.goes_on", name=name)
    tx.post(context.heard_in, {"type": "text", "text": text}, sender_id=context.the_shop.bot)
    return True


def repeat(tx: Transaction, texts: ShopTexts, message: Incoming, account_id: str, store_id: str) -> None:
    """Say a text of the guest again in the account's conversation, with that shop if it has one, and have people look."""
    known = [one for one in services_of(tx, account_id) if texts.chain.shop(one.store_id) is not None]
    there = next((one for one in known if one.store_id == store_id), known[0] if known else None)
    shop = texts.chain.shop(there.store_id) if there is not None else None
    if there is None or shop is None:
        return
    words, home = _words(tx, texts, shop, account_id), there.conversation_id
    text = words("link.said_before", text=message.text[:MAX_REPEATED] or _PICTURE)
    position = tx.post(home, {"type": "text", "text": text}, sender_id=shop.bot)
    here = replace(
        message, conversation_id=home, sender_id=account_id, audience=tx.members(home), position=position
    )
    context = locate(tx, texts, here) if message.flag is not None else None
    if context is not None and message.flag is not None:
        emergency.answer(context, message.flag)
    handoff.wait(tx, there, shop, Why.UNREAD, position)


def _words(tx: Transaction, texts: ShopTexts, shop: Shop, user_id: str) -> Words:
    return texts.catalogue.words(language_for(tx, user_id), shop)
