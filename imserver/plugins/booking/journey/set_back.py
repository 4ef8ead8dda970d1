"""After a restore: staff hear what is gone, customers with coming appointments get their list, nothing is sent twice.

Shop by shop, so many customers at a time, each time one transaction of a timer: a chain has thousands of them.
"""

from __future__ import annotations

from collections import Counter

from imserver.plugin_api import SetBack, Transaction
from imserver.plugins.booking.conversations import staff_group
from imserver.plugins.booking.customers import language_for
from imserver.plugins.booking.messages import cards
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.messages.texts import Words
from imserver.plugins.booking.schedule import lives
from imserver.plugins.booking.schedule.appointments import (
    Appointment,
    coming_at,
    conversations_with_coming,
    get,
)
from imserver.plugins.booking.schedule.hours import wall_of, zone_of
from imserver.plugins.booking.schedule.shops import Shop

from . import reach, reminders

TIMER = "set_back"
#: Conversations with customers that one transaction posts to.
CUSTOMERS_AT_ONCE = 50


def begin(tx: Transaction, texts: ShopTexts, event: SetBack) -> None:
    """Give no code twice, write down which reminders are not sent, and plan what each shop and its customers are told."""
    lives.begin(tx, event.copied_at, event.restored_at)
    of_shops: Counter[str] = Counter()
    for timer in event.may_have_been_sent:
        number, version = timer.payload["appointment"], timer.payload["version"]
        assert isinstance(number, int)
        assert isinstance(version, int)
        appointment = get(tx, number)
        if appointment is not None and reminders.not_sent_again(
            tx, number, version, str(timer.payload["kind"])
        ):
            of_shops[appointment.store_id] += 1
    for shop in texts.chain.stores:
        payload = {
            "store": shop.id,
            "to": event.copied_at,
            "until": event.restored_at,
            "reminders": of_shops[shop.id],
            "after": "",
        }
        tx.schedule(tx.now_ms, TIMER, payload)


def tell(
    tx: Transaction, texts: ShopTexts, store_id: str, to: int, until: int, reminder_count: int, after: str
) -> None:
    """Tell the shop's staff, then its next customers behind the conversation `after`."""
    shop = texts.chain.shop(store_id)
    if shop is None:
        return
    if not after:
        _tell_staff(tx, texts, shop, to, until, reminder_count)
    conversations = conversations_with_coming(tx, store_id, after, CUSTOMERS_AT_ONCE)
    for conversation_id in conversations:
        _tell_customer(tx, texts, shop, conversation_id, to)
    if len(conversations) == CUSTOMERS_AT_ONCE:
        payload = {
            "store": store_id,
            "to": to,
            "until": until,
            "reminders": reminder_count,
            "after": conversations[-1],
        }
        tx.schedule(tx.now_ms, TIMER, payload)


def _tell_staff(
    tx: Transaction, texts: ShopTexts, shop: Shop, to: int, until: int, reminder_count: int
) -> None:
    group = staff_group(tx, shop.id)
    if group is None:
        return
    words = texts.staff_words(shop)
    text = words(
        "set_back.staff",
        store=shop.names.in_language(words.language),
        to=_moment(tx, words, shop, to),
        until=_moment(tx, words, shop, until),
    )
    if reminder_count:
        text = f"{text}\n{words('set_back.reminders', count=reminder_count)}"
    tx.post(group, cards.card(words("set_back.staff_title"), text), sender_id=shop.bot)


def _tell_customer(tx: Transaction, texts: ShopTexts, shop: Shop, conversation_id: str, to: int) -> None:
    appointments = coming_at(tx, shop.id, conversation_id)
    if not appointments:
        return
    words = texts.catalogue.words(language_for(tx, appointments[0].customer_id), shop)
    lines = "\n".join(_line(texts, words, one) for one in appointments)
    text = words("set_back.customer", to=_moment(tx, words, shop, to), lines=lines)
    where = (conversation_id, appointments[0].customer_id)
    reach.tell(tx, texts.chain, words, shop, where, {"type": "text", "text": text})


def _line(texts: ShopTexts, words: Words, appointment: Appointment) -> str:
    service = texts.chain.service(appointment.service_id)
    return words(
        "my.line",
        when=words.moment(appointment.wall),
        service=service.names.in_language(words.language) if service else appointment.service_id,
        status=words(f"status.{appointment.status}"),
        code=appointment.code,
    )


def _moment(tx: Transaction, words: Words, shop: Shop, at: int) -> str:
    zone = zone_of(shop)
    return words.relative(wall_of(at, zone), wall_of(tx.now_ms, zone).date())
