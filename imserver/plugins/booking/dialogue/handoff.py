"""Handoff to staff: the bot is silent while people talk, pings the shop for a waiting customer, and pings them.

A customer's text that is no command and no answer is for the staff. If none of them answers within 5 minutes of opening
hours, the bot says once that the shop knows, and pings the staff group; outside opening hours it says when the shop
opens.
"""

from __future__ import annotations

from typing import Any

from imserver.plugin_api import Transaction
from imserver.plugins.booking.conversations import ServiceConversation, service_at, staff_group
from imserver.plugins.booking.customers import language_for
from imserver.plugins.booking.journey import reach
from imserver.plugins.booking.messages import cards
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.schedule.asked import tell_mine
from imserver.plugins.booking.schedule.hours import (
    MINUTE_MS,
    after_open_minutes,
    is_open,
    next_opening,
    wall_of,
    zone_of,
)
from imserver.plugins.booking.schedule.shops import Shop

from .context import DialogueContext, Place
from .state import Dialogue, doubt_all

UNANSWERED_TIMER = "unanswered"
#: A staff member who wrote so recently is still in the conversation.
HUMAN_MIN = 10
WAIT_MIN = 5
#: Characters of a text that are repeated elsewhere.
MAX_PASSED = 500


def staff_wrote(tx: Transaction, conversation_id: str) -> None:
    """A staff member wrote: no text waits any more, the bot is silent for a while, and a yes may be for the staff."""
    doubt_all(tx, conversation_id)
    service = service_at(tx, conversation_id)
    if service is not None and service.waiting_since is not None:
        tell_mine(tx, service.customer_id)
    tx.execute(
        "UPDATE booking_services SET last_human_at = ?, waiting_since = NULL WHERE conversation_id = ?",
        (tx.now_ms, conversation_id),
    )


def human_is_there(tx: Transaction, conversation_id: str) -> bool:
    service = service_at(tx, conversation_id)
    return service is not None and tx.now_ms - service.last_human_at < HUMAN_MIN * MINUTE_MS


def waits(tx: Transaction, conversation_id: str) -> bool:
    """Whether a text waits for a human there."""
    service = service_at(tx, conversation_id)
    return service is not None and service.waiting_since is not None


def wait_for_human(context: DialogueContext) -> bool:
    """A customer's text for the staff. True if the bot answered (only outside opening hours, and once)."""
    service = service_at(context.tx, context.home)
    if service is None or service.waiting_since is not None or human_is_there(context.tx, context.home):
        return False
    shop = context.the_shop
    wait(context.tx, service, shop)
    if is_open(shop, context.now_ms):
        return False
    opens = next_opening(shop, context.now_ms)
    if opens is None:
        context.say("human.closed_long")
    else:
        zone = zone_of(shop)
        today = wall_of(context.now_ms, zone).date()
        context.say("human.closed", opens=context.words.relative(wall_of(opens, zone), today))
    return True


def pass_on(context: DialogueContext, text: str) -> None:
    """A question that no fact answers: it goes to the people of the shop, and that is said."""
    if context.shop is None:
        state = context.dialogue() or Dialogue()
        state.passing = text[:MAX_PASSED]
        context.keep(state)
    elif context.home != context.heard_in or context.place is Place.DIRECT:
        forward(context, text)
    elif not human_is_there(context.tx, context.home) and not wait_for_human(context):
        context.say("human.passed_on")


def call_for(context: DialogueContext) -> None:
    """A customer who goes in circles: the people hear of the text."""
    if context.home != context.heard_in:
        forward(context, context.text)
    else:
        wait_for_human(context)


def forward(context: DialogueContext, text: str) -> None:
    """What was typed elsewhere is repeated in the shop's conversation, where its people read it."""
    if context.home == context.heard_in:
        context.go(context.the_shop)
    context.say("human.passed_on_here", text=text[:MAX_PASSED])
    wait_for_human(context)


def wait(tx: Transaction, service: ServiceConversation, shop: Shop) -> None:
    """From now on a text waits for people; if none answers in time, the customer and the staff are told."""
    if service.waiting_since is not None:
        return
    tx.execute(
        "UPDATE booking_services SET waiting_since = ? WHERE conversation_id = ?",
        (tx.now_ms, service.conversation_id),
    )
    tell_mine(tx, service.customer_id)
    due = after_open_minutes(shop, tx.now_ms, WAIT_MIN)
    if due is not None:
        tx.schedule(due, UNANSWERED_TIMER, {"conversation": service.conversation_id, "since": tx.now_ms})


def unanswered(tx: Transaction, texts: ShopTexts, conversation_id: str, since: int) -> None:
    """The timer: no staff member has answered the text of `since`."""
    service = service_at(tx, conversation_id)
    if service is None or service.waiting_since != since:
        return
    shop = texts.chain.shop(service.store_id)
    if shop is None:
        return
    words = texts.catalogue.words(language_for(tx, service.customer_id), shop)
    where = (conversation_id, service.customer_id)
    reach.tell(tx, texts.chain, words, shop, where, {"type": "text", "text": words("human.told")})
    ping(tx, texts, shop.id, service.customer_id, "staff.waiting", conversation_id)


def human(context: DialogueContext) -> bool:
    """人工: the customer wants a staff member now, and what waited for a shop to be chosen is passed on."""
    if context.place is Place.STAFF:
        return False
    if context.passing:
        context.say("human.passed_on_here", text=context.passing)
    context.tx.execute(
        "UPDATE booking_services SET waiting_since = COALESCE(waiting_since, ?) WHERE conversation_id = ?",
        (context.now_ms, context.home),
    )
    tell_mine(context.tx, context.customer_id)
    shop = context.the_shop
    if is_open(shop, context.now_ms):
        context.say("human.called")
    else:
        opens = next_opening(shop, context.now_ms)
        today = wall_of(context.now_ms, zone_of(shop)).date()
        if opens is None:
            context.say("human.closed_long")
        else:
            context.say("human.closed", opens=context.words.relative(wall_of(opens, zone_of(shop)), today))
    ping(context.tx, context.texts, shop.id, context.customer_id, "staff.wants_human", context.home)
    return True


def ping(
    tx: Transaction, texts: ShopTexts, store_id: str, customer_id: str, key: str, conversation_id: str
) -> None:
    """Tell the staff group of a shop about a customer."""
    shop = texts.chain.shop(store_id)
    group = staff_group(tx, store_id)
    if shop is None or group is None:
        return
    tx.post(group, calling(tx, texts, shop, customer_id, key, conversation_id), sender_id=shop.bot)


def calling(
    tx: Transaction, texts: ShopTexts, shop: Shop, customer_id: str, key: str, conversation_id: str
) -> dict[str, Any]:
    """The card that calls staff into a conversation."""
    words = texts.staff_words(shop)
    user = tx.user(customer_id)
    return cards.card(
        words(f"{key}_title"),
        words(key, name=user.display_name if user else customer_id),
        ref=("conversation", conversation_id, 1),
    )
