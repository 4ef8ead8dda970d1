"""history: a page of a conversation's messages (SPEC, "history")."""

from __future__ import annotations

from typing import Any

from imserver_protocol.shared.bounds import PAGE_ITEMS

from .descriptors import Key, Method, Name, Number, Position, Shape


class HistoryParams(Shape, frozen=True):
    """`after` or `before` a position; neither: the newest."""

    conversation_id: str
    after: int | None = None
    before: int | None = None
    limit: int = PAGE_ITEMS


class PageItem(Shape, frozen=True):
    """A message in a page; `content` is nil for a tombstone. Its state: `extra` for everybody, `mine` for the asker alone."""

    position: Position
    sender_id: Name
    sent_at_ms: Number
    key: Key
    content: bytes | None
    revision: Number
    extra: dict[str, Any] | None = None
    mine: dict[str, Any] | None = None


class HistoryResult(Shape, frozen=True):
    """Items in ascending order, and the range of positions that they cover: first > last when empty.

    `modseq` counts the conversation's changes of state up to the page's snapshot.
    """

    items: tuple[PageItem, ...]
    first: Number
    last: Number
    head: Number
    modseq: Number | None = None


HISTORY = Method("history", HistoryParams, HistoryResult)
