"""sync: the conversations that changed since a token (SPEC, "sync")."""

from __future__ import annotations

from typing import Any

from imserver_protocol.shared.bounds import MAX_PAGE_ITEMS

from .cursor import MemberCursor
from .descriptors import Method, Name, Number, Shape, Token, Word


class SyncParams(Shape, frozen=True):
    """`since` is the `next_since` of the page before; nil: from the beginning."""

    since: str | None = None
    limit: int = MAX_PAGE_ITEMS


class SyncRow(Shape, frozen=True):
    """A conversation as the user sees it. `joined_at` and `left_at` are positions."""

    conversation_id: Name
    kind: Word
    title: str
    head: Number
    joined_at: Number
    left_at: Number | None
    role: str
    delivered: Number
    read: Number
    settings: dict[str, Any]
    cursors: tuple[MemberCursor, ...]


class SyncResult(Shape, frozen=True):
    """A page of rows in commit order."""

    rows: tuple[SyncRow, ...]
    next_since: Token
    more: bool


SYNC = Method("sync", SyncParams, SyncResult)
