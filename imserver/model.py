"""The chat server's data: users, conversations, members, messages. Frozen values, no behaviour, no I/O.

Times are UTC milliseconds since the epoch (`_at`). Positions count from 1 in each conversation, without gaps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import msgspec

#: A user id is 1-64 bytes of UTF-8 without control characters (SPEC, "Methods").
MAX_USER_ID_BYTES = 64
#: A key is the client's name for one attempt to post: the same key, the same message.
KEY_BYTES = 16

_UNHASHED = hashlib.blake2b(digest_size=16)


class Kind(StrEnum):
    """Kinds of conversation."""

    DIRECT = "direct"
    GROUP = "group"
    CHANNEL = "channel"


class Role(StrEnum):
    """What a member may do: OWNER and ADMIN change membership, MEMBER posts, READER (of a channel) only reads."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    READER = "reader"


@dataclass(frozen=True, slots=True)
class User:
    """An account. `roles` are the application's own words (`staff`, `bot`, …)."""

    user_id: str
    display_name: str
    language: str = "en"
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Membership:
    """A user in a conversation. `joined_at` is the position of the system message of joining; `left_at` likewise."""

    user_id: str
    role: Role
    joined_at: int
    left_at: int | None = None
    muted_until: int = 0


#: user id -> role of all members at one moment. Never changed in place: a change makes a new mapping, so a
#: snapshot taken on the writer's thread can be read on the loop without a lock.
Audience = Mapping[str, Role]


class Message(msgspec.Struct, frozen=True, gc=False):
    """A committed message. `content` is opaque bytes (one msgpack map); None is the tombstone of a retracted message.

    A struct and no dataclass: one is made for each post on the writer's thread, and a frozen dataclass costs ten times as
    much (1.6 µs against 0.15).
    """

    conversation_id: str
    position: int
    sender_id: str
    sent_at: int
    key: bytes
    content: bytes | None
    revision: int = 1


@dataclass(frozen=True, slots=True)
class Page:
    """Items of a conversation and the range of positions that they cover (SPEC, "history"): first > last when empty."""

    items: tuple[Message, ...]
    first: int
    last: int
    head: int


#: A message as an item of a page has it (SPEC, "history"): `position, sender_id, sent_at, key, content, revision`.
Item = tuple[int, str, int, bytes, bytes | None, int]


class ItemPage(NamedTuple):
    """A `Page` whose messages are plain tuples, for callers that only encode it: an object for each would double the cost."""

    items: list[Item]
    first: int
    last: int
    head: int


@dataclass(frozen=True, slots=True)
class Cursors:
    """Positions up to which a user has (`delivered`) and has seen (`read`) a conversation. They never decrease."""

    delivered: int = 0
    read: int = 0


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """One conversation as one user sees it: a row of `sync` and of `conversations`.

    `unread` and `last` are filled for `conversations` only; `cursors_of` (others' cursors) for small groups only.
    """

    conversation_id: str
    kind: Kind
    title: str
    head: int
    joined_at: int
    left_at: int | None
    role: Role
    cursors: Cursors
    cursors_of: tuple[tuple[str, Cursors], ...] = ()
    unread: int = 0
    last: Message | None = None


def direct_conversation_id(one: str, other: str) -> str:
    """The id of the direct conversation of an unordered pair of users (SPEC, "Conversation ids")."""
    first, second = sorted((one, other), key=lambda user_id: user_id.encode())
    return f"direct/{_escape(first)}/{_escape(second)}"


def direct_pair(conversation_id: str) -> tuple[str, str] | None:
    """The two users of a direct conversation's id, or None if it is not the canonical id of such a pair."""
    parts = conversation_id.split("/")
    if len(parts) != 3 or parts[0] != Kind.DIRECT:
        return None
    one, other = _unescape(parts[1]), _unescape(parts[2])
    if one == other or direct_conversation_id(one, other) != conversation_id:
        return None
    return one, other


def group_conversation_id(creator_id: str, key: bytes) -> str:
    """Derive a group's id from its creator and the key of the creating request: offering it again makes no second group."""
    return f"group/{hashlib.sha256(creator_id.encode() + bytes(1) + key).hexdigest()[:32]}"


def content_digest(content: bytes) -> bytes:
    """16 bytes that stand for a content as first accepted: the same key with another digest is KEY_REUSED."""
    hashing = _UNHASHED.copy()  # half the price of a new one
    hashing.update(content)
    return hashing.digest()


def valid_user_id(user_id: str) -> bool:
    """True for 1-64 bytes of UTF-8 without control characters (categories C0, C1, bidi marks included)."""
    encoded = user_id.encode("utf-8", "surrogatepass")
    return 1 <= len(encoded) <= MAX_USER_ID_BYTES and user_id.isprintable() and not user_id.isspace()


def _escape(user_id: str) -> str:
    return user_id.replace("%", "%25").replace("/", "%2F")


def _unescape(part: str) -> str:
    return part.replace("%2F", "/").replace("%25", "%")
