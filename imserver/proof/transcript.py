"""A client's transcript: each message in the order of delivery, each content that one got later, each answer to its own posts,
and what acts of features noted.

Nothing of it comes from the server's files: the checker compares it with them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from imserver.content import encode_content
from imserver_client import Message, Posted

from .booking.appointment_card import AppointmentCard, appointment_card

#: Key of a message inside one history: conversation and position.
Place = tuple[str, int]
#: Of SHA-256: enough to detect a change, at half the memory.
DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Seen:
    """A message as it was handed to a client. `digest` is of its content, as is each digest here."""

    conversation_id: str
    position: int
    key: bytes
    sender_id: str
    sent_at: int
    revision: int
    digest: bytes
    #: It came marked: an earlier process of this client may have received it already.
    redelivered: bool = False
    #: When (UTC ms); 0: not noted.
    at: int = 0


@dataclass(frozen=True, slots=True)
class Replaced:
    """Another content that a message got, as a client was told."""

    conversation_id: str
    position: int
    revision: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Fall:
    """The client was told that an older copy of the database has come back: above `keep` the conversation is another one.

    `since`: when the connection that told it began; `at`: when it was told, both in monotonic seconds of the machine. `index`:
    of the first message in `seen` that came behind it. `life`: in which process of the client, from 0.
    """

    conversation_id: str
    keep: int
    since: float
    at: float
    index: int
    life: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A post of this client that the server confirmed."""

    conversation_id: str
    position: int
    key: bytes
    digest: bytes


@dataclass(slots=True)
class Post:
    """A post that this client was about to make. `taken`: its outbox took it, so it must be stored in the end."""

    conversation_id: str
    digest: bytes
    taken: bool = False


@dataclass(slots=True)
class Transcript:
    """All that one client received. `heads`: of its conversations when it began to listen; `posted`: keys of
    its own posts in the order of posting.

    A client that keeps a full record of its posts, across kills of its process, has them in `posts`, by key, in that order.
    """

    user_id: str
    #: It has its conversations by a team, and goes from that and comes back.
    comes_and_goes: bool = False
    #: Empty: the user has one device.
    device_id: str = ""
    heads: dict[str, int] = field(default_factory=dict)
    #: Heads of its conversations when it was last caught up. None: it received all that the database holds.
    ends: dict[str, int] | None = None
    posted: list[bytes] = field(default_factory=list)
    posts: dict[bytes, Post] = field(default_factory=dict)
    #: Posts that were given up, and are not stored; and posts that the server refused, with its words.
    given_up: set[bytes] = field(default_factory=set)
    refused: dict[bytes, str] = field(default_factory=dict)
    #: Indexes in `seen` at which a new process of this client begins, the first one not counted.
    lives: list[int] = field(default_factory=list)
    #: Incidents that must not happen to a client, in words.
    troubles: list[str] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    replaced: list[Replaced] = field(default_factory=list)
    #: When attempts to connect began that a server let in, and when it did (UTC ms).
    entries: list[tuple[int, int]] = field(default_factory=list)
    #: Older copies that it was told of, and indexes in `seen` of messages that are none any more, by what it was told.
    falls: list[Fall] = field(default_factory=list)
    #: Cursors that went back, in words, and between which moments.
    cursors_fell: list[tuple[str, float, float]] = field(default_factory=list)
    void: set[int] = field(default_factory=set)
    #: Own posts that it was told are gone, with the digest of the content that came with that, if one did; and posts that the
    #: application made once more, under the same key.
    gone: dict[bytes, bytes | None] = field(default_factory=dict)
    again: set[bytes] = field(default_factory=set)
    acknowledged: list[Acknowledged] = field(default_factory=list)
    cards: list[AppointmentCard] = field(default_factory=list)
    #: What acts of features noted, by feature, and what they found at the end.
    notes: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    rests: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)

    @property
    def standing(self) -> list[Seen]:
        """The messages that it was shown and has, by what it was told since."""
        return [seen for index, seen in enumerate(self.seen) if index not in self.void]

    def note(self, message: Message) -> None:
        """Record a message that was handed over."""
        self.seen.append(seen_of(message))
        self._note_card(message.content)

    def note_replaced(
        self, conversation_id: str, position: int, revision: int, content: Mapping[str, Any] | None
    ) -> None:
        """Record what a message says now."""
        self.replaced.append(Replaced(conversation_id, position, revision, digest_of(content)))
        self._note_card(content)

    def note_answer(self, posted: Posted, content: Mapping[str, Any]) -> None:
        """Record a confirmed post."""
        self.acknowledged.append(
            Acknowledged(posted.conversation_id, posted.position, posted.key, digest_of(content))
        )

    def _note_card(self, content: Mapping[str, Any] | None) -> None:
        card = appointment_card(content)
        if card is not None:
            self.cards.append(card)


def seen_of(message: Message, at: int = 0) -> Seen:
    """The record of a message that was handed over at this time."""
    return Seen(
        message.conversation_id,
        message.position,
        message.key,
        message.sender_id,
        message.sent_at,
        message.revision,
        digest_of(message.content),
        message.redelivered,
        at,
    )


def digest_of(content: Mapping[str, Any] | None) -> bytes:
    """The same for the same content, however it was encoded on its way. A tombstone has the empty one."""
    return b"" if content is None else hashlib.sha256(encode_content(dict(content))).digest()[:DIGEST_BYTES]
