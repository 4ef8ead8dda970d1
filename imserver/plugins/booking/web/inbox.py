"""The inbox of a shop: the service conversations in which a text waits for people, and the others, the latest first.

Pages of it are cut by keys of an index, never by counting: a shop has thousands of conversations, and each page costs what it
shows. What changed last is read by itself, so that a page that is open reads one row and not two hundred.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from imserver.plugin_api import Message, Refusal, RefusalCode, decode_content
from imserver.plugins.booking.conversations import SERVICE, ServiceConversation
from imserver.plugins.booking.customers import language_for
from imserver.plugins.booking.schedule.appointments import upcoming
from imserver.plugins.booking.schedule.asked_by_staff import (
    LATEST,
    Changes,
    Coming,
    Inbox,
    InboxParams,
    InboxRow,
    Taken,
    Who,
)
from imserver.plugins.booking.schedule.guests import name_of
from imserver.plugins.booking.schedule.rows import Rows

from .sheet import Shown

#: Conversations that wait, of one answer, and the longest page of those that do not.
MAX_WAITING = MAX_PAGE = 200
#: Characters of the text that waits.
TEXT_CHARS = 200
#: Later than any time, in the first page's key.
_END_OF_TIME = 1 << 62

_ALARMS = f"{SERVICE} WHERE store_id = ? AND waiting_why = 'alarm' ORDER BY waiting_since NULLS FIRST, conversation_id LIMIT ?"
_WAITING = (
    f"{SERVICE} WHERE store_id = ? AND waiting_since IS NOT NULL AND waiting_why <> 'alarm'"
    " ORDER BY waiting_since NULLS FIRST, conversation_id LIMIT ?"
)
_RECENT = (
    f"{SERVICE} WHERE store_id = ? AND waiting_since IS NULL AND (active_at, conversation_id) < (?, ?)"
    " ORDER BY active_at DESC, conversation_id DESC LIMIT ?"
)
_COUNT = "SELECT COUNT(*) FROM booking_services WHERE store_id = ? AND waiting_since IS NOT NULL"
_LATEST = f"{SERVICE} WHERE store_id = ? AND changed > 0 ORDER BY changed DESC LIMIT ?"
_NUMBERS = (
    "SELECT changed FROM booking_services WHERE store_id = ? AND changed > 0 ORDER BY changed DESC LIMIT ?"
)
_EDITION = "SELECT edition FROM booking_staff_groups WHERE store_id = ?"
_COUNT_ALARMS = "SELECT COUNT(*) FROM booking_services WHERE store_id = ? AND waiting_why = 'alarm'"


@dataclass(frozen=True, slots=True)
class Desk:
    """A shop as its staff see it: `staff` are those of now, and `message` finds what was said."""

    shown: Shown
    staff: Collection[str]
    message: Callable[[str, int], Message | None]


def counts(rows: Rows, store_id: str) -> tuple[int, int]:
    """How many conversations of a shop wait, and how many of them because of a red flag."""
    ((waiting,),) = rows.execute(_COUNT, (store_id,))
    ((alarms,),) = rows.execute(_COUNT_ALARMS, (store_id,))
    return waiting, alarms


def inbox_of(desk: Desk, params: InboxParams) -> Inbox:
    """The answer to `x-booking.inbox`. Raises `Refusal` for a `before` that no page gave."""
    rows, shop = desk.shown.rows, desk.shown.shop
    limit = min(max(params.limit, 1), MAX_PAGE)
    waiting: list[ServiceConversation] = []
    more = 0
    if not params.before:
        waiting = _waiting(rows, shop.id)
        more = counts(rows, shop.id)[0] - len(waiting)
    found = [
        ServiceConversation(*row) for row in rows.execute(_RECENT, (shop.id, *_key(params.before), limit + 1))
    ]
    recent = found[:limit]
    edition, numbers = standing(rows, shop.id, 1)
    return Inbox(
        shop=shop.id,
        as_of=rows.now_ms,
        waiting=tuple(row_of(desk, one) for one in waiting),
        more_waiting=more,
        recent=tuple(row_of(desk, one) for one in recent),
        next=f"{recent[-1].active_at} {recent[-1].conversation_id}" if len(found) > limit else None,
        edition=edition,
        number=max(numbers, default=0),
    )


def changes_of(desk: Desk, edition: int, numbers: list[int]) -> Changes:
    """The answer to `x-booking.changes`, of a snapshot with `LATEST` numbers and one more (`standing`)."""
    rows, shop = desk.shown.rows, desk.shown.shop
    latest = [ServiceConversation(*row) for row in rows.execute(_LATEST, (shop.id, LATEST))]
    return Changes(
        shop=shop.id,
        as_of=rows.now_ms,
        edition=edition,
        number=max(numbers, default=0),
        after=numbers[LATEST] if len(numbers) > LATEST else 0,
        waiting=counts(rows, shop.id)[0],
        rows=tuple(row_of(desk, one) for one in latest),
    )


def standing(rows: Rows, store_id: str, count: int) -> tuple[int, list[int]]:
    """Which edition of the inbox it is, and the numbers of so many of its last changes."""
    editions = rows.execute(_EDITION, (store_id,))
    numbers = [int(number) for (number,) in rows.execute(_NUMBERS, (store_id, count))]
    return sum(int(edition) for (edition,) in editions), numbers


def _waiting(rows: Rows, store_id: str) -> list[ServiceConversation]:
    """The alarms first, then the others, each with the longest wait first."""
    found = rows.execute(_ALARMS, (store_id, MAX_WAITING))
    found += rows.execute(_WAITING, (store_id, MAX_WAITING - len(found)))
    return [ServiceConversation(*row) for row in found]


def _key(before: str) -> tuple[int, str]:
    """Where a page begins: below this time and conversation."""
    if not before:
        return _END_OF_TIME, ""
    at, _, conversation_id = before.partition(" ")
    if not (at.isascii() and at.isdigit() and len(at) < 19 and conversation_id):
        raise Refusal(RefusalCode.INVALID, "before: the `next` of another page", detail="before")
    return int(at), conversation_id


def row_of(desk: Desk, service: ServiceConversation) -> InboxRow:
    """One conversation."""
    return InboxRow(
        conversation=service.conversation_id,
        customer=who_of(desk, service.customer_id),
        since=service.waiting_since,
        why=service.waiting_why or None,
        position=service.waiting_position,
        text=_text(desk, service),
        taken=taken_of(desk, service),
        coming=_coming(desk, service.customer_id),
        last_human_at=service.last_human_at or None,
        at=service.active_at,
    )


def who_of(desk: Desk, customer_id: str) -> Who:
    shown, user = desk.shown, desk.shown.user(customer_id)
    return Who(
        id=customer_id,
        name=customer_id if user is None else name_of(shown.rows, user),
        guest=shown.is_guest(customer_id),
        language=language_for(shown.rows, customer_id),
    )


def taken_of(desk: Desk, service: ServiceConversation) -> Taken | None:
    """Who has it; nobody who is not of the staff any more, though the row may say so for another moment."""
    if service.taken_by not in desk.staff:
        return None
    return Taken(by=service.taken_by, name=desk.shown.name(service.taken_by), at=service.taken_at)


def _text(desk: Desk, service: ServiceConversation) -> str:
    """What waits, as it is now; "" for what is no text, or was taken back."""
    if service.waiting_position is None:
        return ""
    message = desk.message(service.conversation_id, service.waiting_position)
    content = decode_content(message.content) if message is not None and message.content is not None else {}
    text = content.get("text") if content.get("type") == "text" else ""
    return text[:TEXT_CHARS] if isinstance(text, str) else ""


def _coming(desk: Desk, customer_id: str) -> Coming | None:
    shown = desk.shown
    found = upcoming(shown.rows, customer_id, shown.shop.id)
    if not found:
        return None
    first = found[0]
    return Coming(
        code=first.code,
        wall=first.start_wall,
        status=first.status.value,
        service_name=shown.service_name(first.service_id),
    )
