"""conversations: a list for a screen, newest message first (SPEC, "conversations")."""

from __future__ import annotations

from typing import Any

from imserver_protocol.shared.bounds import PAGE_ITEMS

from .descriptors import Method, Name, Number, Shape
from .history import PageItem


class ConversationsParams(Shape, frozen=True):
    """`before` is the `next` of the page before; nil: from the newest."""

    before: str | None = None
    limit: int = PAGE_ITEMS


class ConversationRow(Shape, frozen=True):
    """A conversation; `unread` is at most `MORE_UNREAD`, which says "more"; `last_item` is nil if it is long and the reply had
    no room for it. The ends are those of `SyncRow`."""

    conversation_id: str
    kind: str
    title: str
    head: Number
    unread: Number
    last_item: PageItem | None
    role: str
    settings: dict[str, Any] | None = None
    about: dict[str, Any] | None = None
    modseq: Number | None = None
    team: Name | None = None
    settings_seq: Number | None = None


class ConversationsResult(Shape, frozen=True):
    """A page of rows; `next` is nil at the end."""

    rows: tuple[ConversationRow, ...]
    next: str | None


CONVERSATIONS = Method("conversations", ConversationsParams, ConversationsResult)
