"""history: a page of a conversation's messages (SPEC, "history")."""

from __future__ import annotations

from imserver_protocol.shared.bounds import PAGE_ITEMS

from .descriptors import Key, Method, Name, Number, Position, Shape


class HistoryParams(Shape, frozen=True):
    """`after` or `before` a position; neither: the newest."""

    conversation_id: str
    after: int | None = None
    before: int | None = None
    limit: int = PAGE_ITEMS


class PageItem(Shape, frozen=True):
    """A message in a page; `content` is nil for a tombstone."""

    position: Position
    sender_id: Name
    sent_at_ms: Number
    key: Key
    content: bytes | None
    revision: Number


class HistoryResult(Shape, frozen=True):
    """Items in ascending order, and the range of positions that they cover: first > last when empty."""

    items: tuple[PageItem, ...]
    first: Number
    last: Number
    head: Number


HISTORY = Method("history", HistoryParams, HistoryResult)
