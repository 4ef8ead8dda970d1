"""What `Client.events()` reports beside messages. Droppable: whoever reads too slowly loses the oldest ones."""

from __future__ import annotations

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
class Typing(ClientEvent):
    """Somebody is writing, now."""

    conversation_id: str
    user_id: str


@dataclass(frozen=True, slots=True)
class Edited(ClientEvent):
    """A message was edited; `content` and `revision` are what it says now (None: retracted since).

    Comes after the system message that tells of the edit was handed over, and only to those who read events.
    """

    conversation_id: str
    position: int
    revision: int
    content: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class PostSettled(ClientEvent):
    """A post got its answer though nobody was waiting for it (its `post` was cancelled, or an earlier process made it).

    Exactly one of `posted` and `error` is set.
    """

    conversation_id: str
    key: bytes
    posted: Posted | None
    error: ClientError | None


@dataclass(frozen=True, slots=True)
class EpochChanged(ClientEvent):
    """The server's history is another one than before (restored from a backup): positions do not compare.

    What the application keeps by position is void. Messages come from the heads on; older ones can be paged.
    """

    store_epoch: str


@dataclass(frozen=True, slots=True)
class CatchUpFailed(ClientEvent):
    """Positions after `after` up to `known_head` cannot be read (removed from the conversation, kept no longer, …)."""

    conversation_id: str
    after: int
    known_head: int
    reason: str
