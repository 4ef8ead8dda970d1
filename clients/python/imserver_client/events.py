"""The events that `Client.events()` reports beside messages; those of features stand with these. Droppable: a slow reader loses
the oldest ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ClientError
from .values import Cursor, Posted, State


@dataclass(frozen=True, slots=True)
class ClientEvent:
    """Base of all events."""


@dataclass(frozen=True, slots=True)
class ConnectionChanged(ClientEvent):
    """`reason` is for people. `retry_in_s` says when the next attempt to connect begins, in state WAITING."""

    state: State
    reason: str = ""
    retry_in_s: float | None = None
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class CursorMoved(ClientEvent):
    """A member received or read up to the positions in `cursor`."""

    conversation_id: str
    user_id: str
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class Retracted(ClientEvent):
    """A message was taken back by `user_id`: forget its content. It is a tombstone now, and `revision` its last one.

    Comes when the system message that tells of it is handed on, missed ones too, and only if the application reads events.
    What was not handed over before is handed over as a tombstone. Whoever keeps contents goes by that system message.
    """

    conversation_id: str
    position: int
    revision: int
    user_id: str


@dataclass(frozen=True, slots=True)
class ItemChanged(ClientEvent):
    """The state of a message that the application has is this now, whole. See `Client.show` for when to count on it."""

    conversation_id: str
    position: int
    extra: Mapping[str, Any]
    mine: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AboutChanged(ClientEvent):
    """What a conversation keeps for all its members is this now, whole."""

    conversation_id: str
    about: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SettingsChanged(ClientEvent):
    """What a conversation keeps for this user alone is this now, whole."""

    conversation_id: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AccountChanged(ClientEvent):
    """What the user's account keeps is this now, whole."""

    account: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PostSettled(ClientEvent):
    """A post got its answer while no call waited for it (its `post` was cancelled, or an earlier process made it).

    Exactly one of `posted` and `error` is set.
    """

    conversation_id: str
    key: bytes
    posted: Posted | None
    error: ClientError | None


@dataclass(frozen=True, slots=True)
class PostsDelayed(ClientEvent):
    """The server takes posts later (`delayed`), or does so no more. All go out by themselves; nothing is to be done.

    `code` is the refusal's: RATE_LIMITED (posts come faster than it takes them from one user), STORE_FULL, OVERLOADED, …, and
    `text` what it says of it. Comes once for each code when that begins, and once when no post was refused so for a while. At
    the beginning `waiting` says how many posts have no answer, and `retry_in_s` when the next of them goes out.

    RATE_LIMITED with a map as `detail` is an allowance that is used up, of bytes a day: `quota`, `used`, `limit`, `left`, and
    `back_at` (UTC milliseconds), hours ahead. It is a delay of its own; the client asks again now and then.
    """

    delayed: bool
    code: int
    text: str = ""
    waiting: int = 0
    retry_in_s: float | None = None
    detail: Any = None


@dataclass(frozen=True, slots=True)
class HistoryReplaced(ClientEvent):
    """An older copy of the server's database has come back: above `agreed` the conversation is another one now.

    What the application keeps of messages above it is void; those that are there now come in `messages()`. None: nothing is
    known to be the same; maybe this user is in the conversation no more. `Edited` follows for messages below that may say
    something else. Kept until it was heard, across restarts, too: the reader who asks for the next event has heard it.
    """

    conversation_id: str
    agreed: int | None


@dataclass(frozen=True, slots=True)
class GonePost:
    """An own message that is gone. Posting `content` again under the same key makes no second one, whoever does it.
    `content` is None if this client does not have it any more."""

    key: bytes
    content: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class PostsGone(ClientEvent):
    """Own messages that were stored and are not there any more: the history was replaced, was read to its head, and they did
    not come. Kept until it was heard, like `HistoryReplaced`, behind which it comes."""

    conversation_id: str
    posts: tuple[GonePost, ...]


@dataclass(frozen=True, slots=True)
class CatchUpFailed(ClientEvent):
    """Positions after `after` up to `known_head` cannot be read (removed from the conversation, kept no longer, …)."""

    conversation_id: str
    after: int
    known_head: int
    reason: str
