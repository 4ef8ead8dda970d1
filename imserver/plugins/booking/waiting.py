"""What waits for people in a service conversation, and who of the staff has taken it over: the rows, each change told at once.

A text waits until somebody of the staff writes there. Nothing else ends that: no take-over, and nobody's leaving.
"""

from __future__ import annotations

from enum import StrEnum

from imserver.plugin_api import Transaction

from .conversations import ServiceConversation
from .schedule.asked import tell_mine
from .schedule.asked_by_staff import tell_conversation
from .schedule.hours import MINUTE_MS

#: A staff member who wrote so recently is still in the conversation.
HUMAN_MIN = 10
#: A take-over ends when nobody of the staff has said anything for so long (12 h).
TAKEN_MS = 12 * 60 * MINUTE_MS


class Why(StrEnum):
    """Why a text waits, the gravest first."""

    ALARM = "alarm"  # a red flag
    ASKED = "asked"  # the customer called people
    CIRCLES = "circles"  # the bot asked the same again and again
    REQUEST = "request"  # a wish that people have to decide
    QUESTION = "question"  # no fact of the shop answers it
    UNREAD = "unread"  # the bot made nothing of it, or is silent because people talk


_GRAVITY = list(Why)


def begin_wait(tx: Transaction, service: ServiceConversation, why: Why, position: int | None) -> bool:
    """A text waits from now on; of what waits already, the graver of the two is what is shown. `position`: where it stands in
    that conversation, if it does. True if nothing waited before."""
    if service.waiting_since is not None and _GRAVITY.index(Why(service.waiting_why)) <= _GRAVITY.index(why):
        return False
    tx.execute(
        "UPDATE booking_services SET waiting_since = COALESCE(waiting_since, ?), waiting_why = ?, waiting_position = ?"
        " WHERE conversation_id = ?",
        (tx.now_ms, why, position, service.conversation_id),
    )
    _tell(tx, service)
    return service.waiting_since is None


def staff_spoke(tx: Transaction, service: ServiceConversation, position: int) -> None:
    """Somebody of the staff has written there, at this position: no text above it waits any more. What stands below it, such as
    a red flag from another chat that was heard first, is not answered by it."""
    if service.waiting_position is not None and position < service.waiting_position:
        tx.execute(
            "UPDATE booking_services SET last_human_at = ?, active_at = ? WHERE conversation_id = ?",
            (tx.now_ms, tx.now_ms, service.conversation_id),
        )
        tell_conversation(tx, service.store_id, service.conversation_id)
        return
    tx.execute(
        "UPDATE booking_services SET last_human_at = ?, active_at = ?, waiting_since = NULL, waiting_why = '',"
        " waiting_position = NULL WHERE conversation_id = ?",
        (tx.now_ms, tx.now_ms, service.conversation_id),
    )
    _tell(tx, service)


def spoke(tx: Transaction, conversation_id: str) -> None:
    """Somebody said something there, if it is the conversation of a shop with a customer."""
    for (store_id,) in tx.execute(
        "UPDATE booking_services SET active_at = ? WHERE conversation_id = ? RETURNING store_id",
        (tx.now_ms, conversation_id),
    ):
        tell_conversation(tx, store_id, conversation_id)


def take(tx: Transaction, service: ServiceConversation, user_id: str) -> None:
    """Somebody of the staff has it from now on."""
    tx.execute(
        "UPDATE booking_services SET taken_by = ?, taken_at = ? WHERE conversation_id = ?",
        (user_id, tx.now_ms, service.conversation_id),
    )
    tell_conversation(tx, service.store_id, service.conversation_id)


def give_back(tx: Transaction, service: ServiceConversation) -> None:
    """The bot has it from now on, whoever of the staff wrote there a moment ago."""
    tx.execute(
        "UPDATE booking_services SET taken_by = '', taken_at = 0, given_back_at = ? WHERE conversation_id = ?",
        (tx.now_ms, service.conversation_id),
    )
    tell_conversation(tx, service.store_id, service.conversation_id)


def goes_on_elsewhere(tx: Transaction, service: ServiceConversation) -> None:
    """Its customer is not there any more: what waits is answered in another conversation, and nobody has this one."""
    tx.execute(
        "UPDATE booking_services SET waiting_since = NULL, waiting_why = '', waiting_position = NULL, taken_by = '',"
        " taken_at = 0 WHERE conversation_id = ?",
        (service.conversation_id,),
    )
    _tell(tx, service)


def silent_until(service: ServiceConversation) -> int:
    """Until when the bot leaves what is no command and no answer of its own to people (UTC ms), if nobody has taken the
    conversation over: a while behind each word of theirs."""
    if service.given_back_at >= service.last_human_at:
        return 0
    return service.last_human_at + HUMAN_MIN * MINUTE_MS


def taken_until(service: ServiceConversation) -> int:
    """When a take-over ends by itself, if nobody of the staff says anything more (UTC ms)."""
    return max(service.taken_at, service.last_human_at) + TAKEN_MS


def _tell(tx: Transaction, service: ServiceConversation) -> None:
    tell_mine(tx, service.customer_id)
    tell_conversation(tx, service.store_id, service.conversation_id)
