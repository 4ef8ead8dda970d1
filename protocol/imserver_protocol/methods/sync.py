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
    """A conversation as the user sees it. `joined_at` and `left_at` are positions.

    `settings` are the user's own, and `settings_seq` counts their changes; `about` is everybody's; `modseq` counts the
    conversation's changes of state; `team` is the group by which the user is a member.
    """

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
    about: dict[str, Any] | None = None
    modseq: Number | None = None
    team: Name | None = None
    settings_seq: Number | None = None


class SyncResult(Shape, frozen=True):
    """A page of rows in commit order. `account` is the user's own state, if it changed; `account_seq` counts its changes."""

    rows: tuple[SyncRow, ...]
    next_since: Token
    more: bool
    account: dict[str, Any] | None = None
    account_seq: Number | None = None


SYNC = Method("sync", SyncParams, SyncResult)
