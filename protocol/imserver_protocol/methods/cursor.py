"""cursor: how far somebody has, and has seen, a conversation (SPEC, "Cursors and receipts")."""

from __future__ import annotations

from .descriptors import Method, Name, Number, Push, Shape


class CursorParams(Shape, frozen=True):
    """Positions to raise one's own cursors to; nil leaves one as it is."""

    conversation_id: str
    delivered: int | None = None
    read: int | None = None


class CursorResult(Shape, frozen=True):
    """One's own cursors as they are now."""

    delivered: Number
    read: Number


class CursorPush(Shape, frozen=True):
    """A member's cursors went up."""

    conversation_id: Name
    user_id: Name
    delivered: Number
    read: Number


class MemberCursor(Shape, frozen=True):
    """Another member's cursors in a row of `sync`."""

    user_id: Name
    delivered: Number
    read: Number


CURSOR = Method("cursor", CursorParams, CursorResult)
CURSOR_MOVED = Push("cursor", CursorPush)
