"""Taking a conversation over from the bot: 接手, 交还, and what ends it by itself.

From then on the bot is silent there: what a customer says is for people, but for a button, a command with a slash and a red
flag; and what has to be told is told. It ends with 交还, when nobody of the staff has said anything for twelve hours, and when
whoever took it is not of the staff any more. What waits for an answer goes on waiting, whoever has the conversation.
"""

from __future__ import annotations

import re

from imserver.plugin_api import Transaction
from imserver.plugins.booking import waiting
from imserver.plugins.booking.conversations import (
    ServiceConversation,
    known_service,
    service_at,
    staff_group,
)
from imserver.plugins.booking.customers import language_for
from imserver.plugins.booking.journey import reach
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.schedule import codes
from imserver.plugins.booking.understanding.acts import Reading

from . import handoff
from .context import DialogueContext, Place
from .incoming import Incoming
from .open_question import doubt_own

#: Ends a take-over that nobody goes on with: of one conversation, since one moment.
TIMER = "take_over"
#: Looks for those in a shop whose takers are not there any more.
LEFT_TIMER = "takers_left"
#: Conversations that are given back in one transaction; the next one does the next ones.
AT_ONCE = 20

#: What only a button's command has: an appointment with its version, or the number of a question.
_OF_BUTTON = re.compile(rf"{codes.MARKED.pattern}|#\d{{1,15}}$")


def take(context: DialogueContext, reading: Reading) -> bool:
    """接手: the conversation is the sender's, whoever had it before. Of a customer it is nothing."""
    if not context.is_staff or reading.text.strip():
        return False
    service = service_at(context.tx, context.heard_in)
    if service is None:
        context.say("staff.take_there")
        return True
    before, taker = service.taken_by, context.sender.user_id
    waiting.take(context.tx, service, taker)
    there, customer_id = service.conversation_id, service.customer_id
    context.tx.audit("conversation.taken", actor_id=taker, about_id=customer_id, conversation_id=there)
    _watch(context.tx, service.conversation_id, context.now_ms, service)
    if before == taker:
        _tell_customer(context.tx, context.texts, service, "taken", taker)
    elif before:
        _tell(context.tx, context.texts, service, "taken", taker, staff="taken_from", before=before)
    else:
        _tell(context.tx, context.texts, service, "taken", taker)
    return True


def give_back(context: DialogueContext, reading: Reading) -> bool:
    """交还: the bot speaks again, at once. Whoever of the staff may say it."""
    if not context.is_staff or reading.text.strip():
        return False
    service = service_at(context.tx, context.heard_in)
    if service is None:
        context.say("staff.take_there")
    elif not handoff.human_is_there(context.tx, context.heard_in):
        context.say("staff.not_taken")
    else:
        _end(context.tx, context.texts, service, "given_back", context.sender.user_id)
    return True


def is_for_people(context: DialogueContext, message: Incoming) -> bool:
    """Whether a text is said to people who have taken the conversation over. One who is not of the staff any more has not."""
    shop = context.shop
    if context.is_staff or shop is None or context.place not in (Place.SERVICE, Place.DIRECT):
        return False
    there = context.heard_in
    if context.place is Place.DIRECT:
        there = known_service(context.tx, shop.id, context.customer_id) or ""
    service = service_at(context.tx, there)
    if service is None or not service.taken_by:
        return False
    if not _is_there(context.tx, service):
        _end(context.tx, context.texts, service, "taker_left", service.taken_by)
        return False
    by_program = message.pressed or _OF_BUTTON.search(message.text) is not None
    return not by_program and not message.text.lstrip().startswith(("/", "／"))


def talk(context: DialogueContext, *, for_people: bool) -> None:
    """Words of a customer to people who have taken the conversation over: nothing of it answers the bot."""
    doubt_own(context)
    if context.place is Place.DIRECT:
        context.go(context.the_shop)
    handoff.answers_people(context, None if for_people else context.read(context.text, labels=False))


# -- what ends it by itself -------------------------------------------------------------------------------------------------


def end_due(tx: Transaction, texts: ShopTexts, conversation_id: str, at: int) -> None:
    """The timer of what was taken over at that moment: it ends if nobody of the staff has said anything for so long."""
    service = service_at(tx, conversation_id)
    if service is None or not service.taken_by or service.taken_at != at:
        return
    if not _is_there(tx, service):
        _end(tx, texts, service, "taker_left", service.taken_by)
    elif tx.now_ms < waiting.taken_until(service):
        _watch(tx, conversation_id, at, service)
    else:
        _end(tx, texts, service, "taken_long", service.taken_by)


def look_after(tx: Transaction, store_id: str | None = None) -> None:
    """Somebody may not be of the staff any more, in this shop or in any: look whose conversations have nobody now."""
    rows = tx.execute(
        "SELECT DISTINCT store_id FROM booking_services WHERE taken_by <> '' AND store_id = COALESCE(?, store_id)",
        (store_id,),
    )
    for (name,) in rows:
        tx.schedule(tx.now_ms, LEFT_TIMER, {"store": name})


def end_of_leavers(tx: Transaction, texts: ShopTexts, store_id: str) -> None:
    """The timer: what those have taken over who are not of the staff any more is the bot's again."""
    left = AT_ONCE
    for (taker,) in tx.execute(
        "SELECT DISTINCT taken_by FROM booking_services WHERE taken_by <> '' AND store_id = ? ORDER BY taken_by",
        (store_id,),
    ):
        if _is_of_staff(tx, store_id, taker):
            continue
        for (conversation_id,) in tx.execute(
            "SELECT conversation_id FROM booking_services WHERE taken_by <> '' AND taken_by = ? AND store_id = ?"
            " ORDER BY conversation_id LIMIT ?",
            (taker, store_id, left),
        ):
            service = service_at(tx, conversation_id)
            assert service is not None
            _end(tx, texts, service, "taker_left", taker)
            left -= 1
        if not left:
            tx.schedule(tx.now_ms, LEFT_TIMER, {"store": store_id})
            return


def _watch(tx: Transaction, conversation_id: str, at: int, service: ServiceConversation) -> None:
    due = max(at + waiting.TAKEN_MS, waiting.taken_until(service))
    tx.schedule(due, TIMER, {"conversation": conversation_id, "at": at})


def _is_there(tx: Transaction, service: ServiceConversation) -> bool:
    return _is_of_staff(tx, service.store_id, service.taken_by)


def _is_of_staff(tx: Transaction, store_id: str, user_id: str) -> bool:
    """Whether somebody can answer there: a member of the staff group whose account lives."""
    group = staff_group(tx, store_id)
    return group is not None and user_id in tx.members(group) and tx.is_active(user_id)


def _end(tx: Transaction, texts: ShopTexts, service: ServiceConversation, why: str, by: str) -> None:
    """The bot's again. `why`: `given_back` by somebody of the staff, `taker_left` (is not of them any more), or
    `taken_long` (nobody has said anything)."""
    waiting.give_back(tx, service)
    there, actor = service.conversation_id, by if why == "given_back" else None
    tx.audit("conversation.returned", actor_id=actor, about_id=service.customer_id, conversation_id=there)
    _tell(tx, texts, service, "given_back", by, staff=why)


# -- who is told ------------------------------------------------------------------------------------------------------------


def _tell(
    tx: Transaction,
    texts: ShopTexts,
    service: ServiceConversation,
    key: str,
    by: str,
    *,
    staff: str = "",
    before: str = "",
) -> None:
    """A sentence to the customer, and one to the colleagues (`staff`, if it is another)."""
    _tell_customer(tx, texts, service, key, by)
    names = {"by": _name(tx, by), "before": _name(tx, before)}
    key = f"staff.{staff or key}"
    handoff.ping(tx, texts, service.store_id, service.customer_id, key, service.conversation_id, **names)


def _tell_customer(
    tx: Transaction, texts: ShopTexts, service: ServiceConversation, key: str, by: str
) -> None:
    shop = texts.chain.shop(service.store_id)
    if shop is None:
        return
    words = texts.catalogue.words(language_for(tx, service.customer_id), shop)
    text = {"type": "text", "text": words(f"human.{key}", by=_name(tx, by))}
    reach.tell(tx, texts.chain, words, shop, (service.conversation_id, service.customer_id), text)


def _name(tx: Transaction, user_id: str) -> str:
    user = tx.user(user_id) if user_id else None
    return user.display_name if user is not None else user_id
