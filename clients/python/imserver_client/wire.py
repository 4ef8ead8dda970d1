"""Checked shapes of results, pushes and signals: a misfit raises `BadShape` and closes the connection as MALFORMED.

Extra trailing fields are ignored, as everywhere on the wire (SPEC, "Methods").
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec

from imserver_protocol import MalformedFrame, decode_content

from .values import Item

T = TypeVar("T")

Position = Annotated[int, msgspec.Meta(ge=0)]
Name = Annotated[str, msgspec.Meta(max_length=1024)]
Token = Annotated[str, msgspec.Meta(max_length=4096)]
Key = Annotated[bytes, msgspec.Meta(max_length=64)]
#: A word of the protocol: kept for each conversation, so it is short.
Word = Annotated[str, msgspec.Meta(max_length=64)]


class BadShape(Exception):
    """The peer sent a value that violates the SPEC."""


class Shape(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Fields by position."""


class PostResult(Shape, frozen=True):
    position: Annotated[int, msgspec.Meta(ge=1)]
    sent_at: Position
    duplicate: bool


class AbandonResult(Shape, frozen=True):
    position: Annotated[int, msgspec.Meta(ge=1)] | None


class WireItem(Shape, frozen=True):
    position: Annotated[int, msgspec.Meta(ge=1)]
    sender_id: Name
    sent_at: Position
    key: Key
    content: bytes | None
    revision: Position


class HistoryResult(Shape, frozen=True):
    items: tuple[WireItem, ...]
    first: Position
    last: Position
    head: Position

    def __post_init__(self) -> None:
        before = self.first - 1
        for item in self.items:
            if not before < item.position <= self.last:
                raise ValueError("items are not in order within first..last")
            before = item.position
        if self.items and self.last > self.head:
            raise ValueError("a page beyond the head")


class CursorRow(Shape, frozen=True):
    user_id: Name
    delivered: Position
    read: Position


class SyncRow(Shape, frozen=True):
    conversation_id: Name
    kind: Word
    title: str
    head: Position
    joined_at: Position
    left_at: Position | None
    role: str
    delivered: Position
    read: Position
    settings: dict[str, Any]
    cursors: tuple[CursorRow, ...]


class SyncResult(Shape, frozen=True):
    rows: tuple[SyncRow, ...]
    next_since: Token
    more: bool


class CursorResult(Shape, frozen=True):
    delivered: Position
    read: Position


class ConversationRow(Shape, frozen=True):
    conversation_id: str
    kind: str
    title: str
    head: Position
    unread: Position
    last: WireItem | None
    role: str


class ConversationsResult(Shape, frozen=True):
    rows: tuple[ConversationRow, ...]
    next: str | None


class CreateResult(Shape, frozen=True):
    conversation_id: Name
    position: Position
    duplicate: bool


class MembershipResult(Shape, frozen=True):
    position: Position
    duplicate: bool


class EditResult(Shape, frozen=True):
    position: Position
    revision: Position
    duplicate: bool


class MemberRow(Shape, frozen=True):
    user_id: str
    role: str


class UserRow(Shape, frozen=True):
    user_id: str
    display_name: str
    language: str


class RenewResult(Shape, frozen=True):
    expires_at: Position


class MessagePush(Shape, frozen=True):
    conversation_id: Name
    position: Annotated[int, msgspec.Meta(ge=1)]
    sender_id: Name
    sent_at: Position
    key: Key
    content: bytes | None


class CursorPush(Shape, frozen=True):
    conversation_id: Name
    user_id: Name
    delivered: Position
    read: Position


class LaggingPush(Shape, frozen=True):
    """Says only that the server left out pushes."""


class TypingSignal(Shape, frozen=True):
    conversation_id: Name
    user_id: Name


def read(value: Any, shape: type[T]) -> T:
    """`value` as `shape`. Raises BadShape."""
    try:
        return msgspec.convert(value, shape, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise BadShape(f"{shape.__name__}: {error}") from None


def read_content(content: bytes | None) -> dict[str, Any] | None:
    """The map in a message's content. None for a tombstone, and for invalid bytes: one spoilt message must not
    keep the rest of its conversation from the application."""
    if content is None:
        return None
    try:
        return decode_content(content)
    except MalformedFrame:
        return None


def item(conversation_id: str, wire: WireItem) -> Item:
    """An item of a page as the application sees it."""
    return Item(
        conversation_id,
        wire.position,
        wire.sender_id,
        wire.sent_at,
        wire.key,
        read_content(wire.content),
        wire.revision,
    )
