"""The chat server's data: users, conversations, members, messages. Frozen values, no behaviour, no I/O.

Times are UTC milliseconds since the epoch (`_at`). Positions count from 1 in each conversation, without gaps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from imserver_protocol.shared.ids import (
    KEY_BYTES,
    MAX_USER_ID_BYTES,
    direct_conversation_id,
    direct_pair,
    group_conversation_id,
    valid_user_id,
)
from imserver_protocol.shared.titles import is_printable
from imserver_protocol.shared.words import Kind, Role

__all__ = [
    "KEY_BYTES",
    "MAX_USER_ID_BYTES",
    "Agreement",
    "Audience",
    "ConversationRow",
    "Cursors",
    "Item",
    "ItemPage",
    "ItemState",
    "Kind",
    "Learnt",
    "Membership",
    "Message",
    "Page",
    "Role",
    "User",
    "content_digest",
    "direct_conversation_id",
    "direct_pair",
    "group_conversation_id",
    "is_printable",
    "valid_user_id",
]

_UNHASHED = hashlib.blake2b(digest_size=16)


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
    """Items of a conversation and the range of positions that they cover (SPEC, "history"): first > last when empty.

    `modseq`: changes of the conversation's state up to the page's snapshot; for a former member, up to leaving.
    """

    items: tuple[Message, ...]
    first: int
    last: int
    head: int
    modseq: int = 0


#: A message as an item of a page has it (SPEC, "history"): `position, sender_id, sent_at, key, content, revision`.
Item = tuple[int, str, int, bytes, bytes | None, int]


class ItemPage(NamedTuple):
    """A `Page` whose messages are plain tuples, for callers that only encode it: an object for each would double the cost."""

    items: list[Item]
    first: int
    last: int
    head: int
    modseq: int = 0


class ItemState(NamedTuple):
    """The state of a message as one user sees it: `extra` for everybody, `mine` for this user alone, as of `modseq`."""

    modseq: int
    extra: Mapping[str, Any]
    mine: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cursors:
    """Positions up to which a user has (`delivered`) and has seen (`read`) a conversation. They never decrease."""

    delivered: int = 0
    read: int = 0


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """One conversation as one user sees it: a row of `sync` and of `conversations`.

    `unread` and `last` are filled for `conversations` only; `cursors_of` (others' cursors) for small groups only. `settings`
    (the user's own) and `about` (everybody's) are encoded maps, None when there is none; `modseq` counts the conversation's
    changes of state, up to leaving for a former member; `team` is the conversation by which the user is a member.
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
    settings: bytes | None = None
    about: bytes | None = None
    modseq: int = 0
    team: str | None = None


class Learnt(NamedTuple):
    """What a client knows of a conversation since it came to a place (a sealed text): the highest position and modseq."""

    conversation_id: str
    place: str
    position: int
    modseq: int


class Agreement(NamedTuple):
    """Up to which position that is the same here (None: nothing that is kept is known to be), whether the state is good, and
    the conversation as it is now."""

    agreed: int | None
    state_good: bool
    row: ConversationRow


def content_digest(content: bytes) -> bytes:
    """16 bytes that stand for a content as first accepted: the same key with another digest is KEY_REUSED."""
    hashing = _UNHASHED.copy()  # half the price of a new one
    hashing.update(content)
    return hashing.digest()
