"""Handoff to staff: the bot is silent while people talk, and pings the shop for a customer whose text waits.

A customer's text that is no command and no answer is for the staff. If none of them answers within 5 minutes of opening
hours, the bot says once that the shop knows, and pings the staff group; outside opening hours it says when the shop
opens. While people talk it says nothing, and the text waits all the same.
"""

from __future__ import annotations

from typing import Any

from imserver.plugin_api import Transaction
from imserver.plugins.booking.conversations import ServiceConversation, service_at, staff_group
from imserver.plugins.booking.customers import language_for
from imserver.plugins.booking.journey import reach
from imserver.plugins.booking.messages import cards
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.schedule.guests import called
from imserver.plugins.booking.schedule.hours import (
    after_open_minutes,
    is_open,
    next_opening,
    wall_of,
    zone_of,
)
from imserver.plugins.booking.schedule.shops import Shop
from imserver.plugins.booking.understanding.acts import Kind, Reading
from imserver.plugins.booking.waiting import Why, begin_wait, silent_until, spoke, staff_spoke

from . import said
from .context import DialogueContext, Place
from .state import Dialogue, doubt_all

UNANSWERED_TIMER = "unanswered"
WAIT_MIN = 5
#: Characters of a text that are repeated elsewhere.
MAX_PASSED = 500


def staff_wrote(tx: Transaction, conversation_id: str, position: int) -> None:
    """A staff member wrote: no text above it waits any more, the bot is silent for a while, and a yes may be for the staff."""
    doubt_all(tx, conversation_id)
    service = service_at(tx, conversation_id)
    if service is not None:
        staff_spoke(tx, service, position)


def heard(context: DialogueContext) -> None:
    """Somebody has spoken in the conversation of a shop, or been answered there."""
    for conversation_id in dict.fromkeys((context.heard_in, context.home)):
        spoke(context.tx, conversation_id)


def human_is_there(tx: Transaction, conversation_id: str) -> bool:
    """Whether people talk in a conversation: somebody of the staff has taken it over, or wrote a moment ago."""
    service = service_at(tx, conversation_id)
    return service is not None and (bool(service.taken_by) or tx.now_ms < silent_until(service))


def wrote_lately(tx: Transaction, conversation_id: str) -> bool:
    """Whether somebody of the staff wrote a moment ago, and has not given the conversation back since."""
    service = service_at(tx, conversation_id)
    return service is not None and tx.now_ms < silent_until(service)


def waits(tx: Transaction, conversation_id: str) -> bool:
    """Whether a text waits for a human there."""
    service = service_at(tx, conversation_id)
    return service is not None and service.waiting_since is not None


def wait_for_human(context: DialogueContext, why: Why, position: int | None = None) -> bool:
    """A customer's text for the staff, which stands at `position` of the conversation where the bot answers: by default it was
    typed there. True if the bot answered (only outside opening hours, once, and not while people talk)."""
    service = service_at(context.tx, context.home)
    if service is None:
        return False
    if position is None and context.home == context.heard_in:
        position = context.position
    shop = context.the_shop
    if not wait(context.tx, service, shop, why, position) or human_is_there(context.tx, context.home):
        return False
    if is_open(shop, context.now_ms):
        return False
    _say_closed(context, shop)
    return True


def _say_closed(context: DialogueContext, shop: Shop) -> None:
    opens = next_opening(shop, context.now_ms)
    if opens is None:
        context.say("human.closed_long")
    else:
        zone = zone_of(shop)
        today = wall_of(context.now_ms, zone).date()
        context.say("human.closed", opens=context.words.relative(wall_of(opens, zone), today))


def answers_people(context: DialogueContext, reading: Reading | None) -> None:
    """A text while people talk is for them, wherever it was typed; the bot says nothing. Thanks and a yes need no answer."""
    if reading is not None and said.only(reading, Kind.THANKS, Kind.GREETING, Kind.YES):
        return
    if context.home != context.heard_in:
        forward(context, context.text, Why.UNREAD)
    else:
        wait_for_human(context, Why.UNREAD)


def pass_on(context: DialogueContext, text: str) -> None:
    """A question that no fact answers: it goes to the people of the shop, and that is said."""
    if context.shop is None:
        state = context.dialogue() or Dialogue()
        state.passing = text[:MAX_PASSED]
        context.keep(state)
    elif context.home != context.heard_in or context.place is Place.DIRECT:
        forward(context, text, Why.QUESTION)
    elif not wait_for_human(context, Why.QUESTION) and not human_is_there(context.tx, context.home):
        context.say("human.passed_on")


def call_for(context: DialogueContext, why: Why) -> None:
    """A customer who goes in circles, or wishes what the bot may not give: the people hear of the text."""
    if context.home != context.heard_in:
        forward(context, context.text, why)
    else:
        wait_for_human(context, why)


def forward(context: DialogueContext, text: str, why: Why) -> None:
    """What was typed elsewhere is repeated in the shop's conversation, where its people read it."""
    if context.home == context.heard_in:
        context.go(context.the_shop)
    position = context.say("human.passed_on_here", text=text[:MAX_PASSED])
    wait_for_human(context, why, position)


def wait(tx: Transaction, service: ServiceConversation, shop: Shop, why: Why, position: int | None) -> bool:
    """From now on a text waits for people; if none answers in time, the customer and the staff are told. True if none waited
    before."""
    if not begin_wait(tx, service, why, position):
        return False
    due = after_open_minutes(shop, tx.now_ms, WAIT_MIN)
    if due is not None:
        tx.schedule(due, UNANSWERED_TIMER, {"conversation": service.conversation_id, "since": tx.now_ms})
    return True


def unanswered(tx: Transaction, texts: ShopTexts, conversation_id: str, since: int) -> None:
    """The timer: no staff member has answered the text of `since`. While people talk the bot says so to the staff alone."""
    service = service_at(tx, conversation_id)
    if service is None or service.waiting_since != since:
        return
    shop = texts.chain.shop(service.store_id)
    if shop is None:
        return
    if not human_is_there(tx, conversation_id):
        words = texts.catalogue.words(language_for(tx, service.customer_id), shop)
        where = (conversation_id, service.customer_id)
        reach.tell(tx, texts.chain, words, shop, where, {"type": "text", "text": words("human.told")})
    ping(tx, texts, shop.id, service.customer_id, "staff.waiting", conversation_id)


def human(context: DialogueContext) -> bool:
    """人工: the customer wants a staff member now, and what waited for a shop to be chosen is passed on."""
    if context.place is Place.STAFF:
        return False
    position = context.position if context.home == context.heard_in else None
    if context.passing:
        position = context.say("human.passed_on_here", text=context.passing)
    service = service_at(context.tx, context.home)
    shop = context.the_shop
    called = service is not None and service.waiting_why in (Why.ALARM, Why.ASKED)
    if service is not None:
        wait(context.tx, service, shop, Why.ASKED, position)
    if is_open(shop, context.now_ms):
        context.say("human.called")
    else:
        _say_closed(context, shop)
    if not called:  # once for each wait, which ends by an answer, and again when nobody answers
        ping(context.tx, context.texts, shop.id, context.customer_id, "staff.wants_human", context.home)
    return True


def ping(
    tx: Transaction,
    texts: ShopTexts,
    store_id: str,
    customer_id: str,
    key: str,
    conversation_id: str,
    **values: object,
) -> None:
    """Tell the staff group of a shop about a customer. `values`: what the text says beside the customer's name."""
    shop = texts.chain.shop(store_id)
    group = staff_group(tx, store_id)
    if shop is None or group is None:
        return
    card = calling(tx, texts, shop, customer_id, key, conversation_id, **values)
    tx.post(group, card, sender_id=shop.bot)


def calling(
    tx: Transaction,
    texts: ShopTexts,
    shop: Shop,
    customer_id: str,
    key: str,
    conversation_id: str,
    **values: object,
) -> dict[str, Any]:
    """The card that calls staff into a conversation."""
    words = texts.staff_words(shop)
    return cards.card(
        words(f"{key}_title"),
        words(key, name=called(tx, customer_id), **values),
        ref=("conversation", conversation_id, 1),
    )
