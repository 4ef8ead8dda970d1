"""conversations: a list for a screen, newest message first (SPEC, "conversations")."""

from __future__ import annotations

from imserver_protocol.shared.bounds import PAGE_ITEMS

from .descriptors import Method, Number, Shape
from .history import PageItem


class ConversationsParams(Shape, frozen=True):
    """`before` is the `next` of the page before; nil: from the newest."""

    before: str | None = None
    limit: int = PAGE_ITEMS


class ConversationRow(Shape, frozen=True):
    """A conversation; `last_item` is nil if the reply had no room for it."""

    conversation_id: str
    kind: str
    title: str
    head: Number
    unread: Number
    last_item: PageItem | None
    role: str


class ConversationsResult(Shape, frozen=True):
    """A page of rows; `next` is nil at the end."""

    rows: tuple[ConversationRow, ...]
    next: str | None


CONVERSATIONS = Method("conversations", ConversationsParams, ConversationsResult)
