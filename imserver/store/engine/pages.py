"""Pages of history: which positions a request asks for, and where its page must end. The same for every store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple, TypeAlias, cast

import msgspec

from imserver.chat.permissions import Grant
from imserver.chat.reader import Takes
from imserver.errors import Refusal, RefusalCode
from imserver.model import ChangedItem, ConversationRow, Item, ItemPage, Message, Page
from imserver.store.engine.lineage import epoch_changed

#: Most bytes that an item of a page takes on the wire beside content and names (position, time, revision, key, headers).
ITEM_OVERHEAD_BYTES = 64
#: The same of a row of `changes` beside its two maps.
CHANGED_OVERHEAD_BYTES = 16


class Span(NamedTuple):
    """Positions that a page may show: `first..last`, from its end if `backwards`. Empty if first > last."""

    first: int
    last: int
    backwards: bool
    head: int

    def near_end(self, limit: int) -> tuple[int, int]:
        """The first and the last of the `limit` positions with which a page of the span begins."""
        if self.backwards:
            return max(self.first, self.last - limit + 1), self.last
        return self.first, min(self.last, self.first + limit - 1)


#: Position -> content and revision of then.
Replaced: TypeAlias = Mapping[int, tuple[bytes, int]]
#: Position -> what an item ends with: `extra`, and `mine` if there is any.
States: TypeAlias = Mapping[int, tuple[msgspec.Raw] | tuple[msgspec.Raw, msgspec.Raw]]


def span_of(head: int, grant: Grant, after: int | None, before: int | None, limit: int) -> Span:
    """Check the request, and cut it to the grant. Neither `after` nor `before`: the newest page."""
    if after is not None and before is not None:
        raise Refusal(RefusalCode.INVALID, "after, before: one of them", detail="before")
    if limit < 1:
        raise Refusal(RefusalCode.INVALID, "limit: at least 1", detail="limit")
    for name, value, least in (("after", after, 0), ("before", before, 1)):
        if value is not None and value < least:
            raise Refusal(RefusalCode.INVALID, f"{name}: at least {least}", detail=name)
    seen = grant.cut(head)
    if after is not None and after > seen:
        raise epoch_changed()  # also for a former member, who could otherwise find out the head
    if after is not None:
        return Span(max(after + 1, grant.first), seen, False, seen)
    last = seen if before is None else min(before - 1, seen)
    return Span(grant.first, last, True, seen)


def as_of_then(found: Iterable[Item], replaced: Replaced) -> Iterator[Item]:
    """The items with the contents of then: a former member is shown what was to be read when they left, and no later edit."""
    for item in found:
        then = replaced.get(item[0])
        yield item if then is None else (*item[:4], *then)


def with_states(found: Iterable[Item], states: States) -> Iterator[Item]:
    """The items with their state at the end."""
    for item in found:
        state = states.get(item[0])
        yield item if state is None else cast("Item", (*item, *state))


def page_of(
    span: Span, found: Iterable[Item], limit: int, max_bytes: int, modseq: int, change: int = 0
) -> ItemPage:
    """Make a page of `found`, which starts at the span's near end: at least one item, then as many as fit."""
    items: list[Item] = []
    room = max_bytes
    full = False
    for item in found:
        # About the item's bytes in a frame, never less.
        room -= ITEM_OVERHEAD_BYTES + len(item[1].encode()) + len(item[4] or b"")
        if modseq:
            room -= sum(map(len, item[6:]))
        if items and (room < 0 or len(items) >= limit):
            full = True
            break
        items.append(item)
    full = full or len(items) >= limit
    if span.backwards:
        items.reverse()
        first = items[0][0] if items and full else span.first
        return ItemPage(items, first, span.last, span.head, modseq, change)
    last = items[-1][0] if items and full else span.last
    return ItemPage(items, span.first, last, span.head, modseq, change)


def changes_taken(
    steps: Iterable[Sequence[ChangedItem]], limit: int, max_bytes: int
) -> tuple[list[ChangedItem], bool]:
    """Whole steps, one at least and then as many as fit; and whether there was another."""
    rows: list[ChangedItem] = []
    for step in steps:
        max_bytes -= sum(CHANGED_OVERHEAD_BYTES + len(extra) + len(mine) for _, _, extra, mine in step)
        if rows and (max_bytes < 0 or len(rows) + len(step) > limit):
            return rows, True
        rows += step
    return rows, False


def rows_taken(rows: Iterable[ConversationRow], takes: Takes | None) -> list[ConversationRow]:
    """The rows up to the first that the caller does not take; made one by one, so that none is made for nothing."""
    return list(rows) if takes is None else list(takewhile(takes, rows))


def messages_of(conversation_id: str, page: ItemPage) -> Page:
    """The same page for callers in this process."""
    items = tuple(Message(conversation_id, *item[:6]) for item in page.items)
    return Page(items, page.first, page.last, page.head, page.modseq)
