"""Frozen values that the client hands to the application. Times are UTC milliseconds, positions count from 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

#: One msgpack map with a `type`, as a dict with string keys; arrays arrive as tuples.
Content = Mapping[str, Any]


class State(Enum):
    """The state of the client's connection."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    WAITING = "waiting"  #: for the next attempt to connect
    STOPPED = "stopped"  #: it will not come back by itself; see `Stopped`
    CLOSED = "closed"  #: by the application


@dataclass(frozen=True, slots=True)
class Posted:
    """A post that is durable on the server."""

    conversation_id: str
    position: int
    sent_at: int
    key: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """A committed message, handed over exactly once and in order of position within its conversation.

    `content` is None for the tombstone of a retracted message (and for bytes that are no valid content). `own`: this
    user sent it, from any device. `redelivered` marks a message that an earlier process with the same store received but
    did not finish.
    """

    conversation_id: str
    position: int
    sender_id: str
    sent_at: int
    key: bytes
    content: dict[str, Any] | None
    revision: int
    own: bool
    redelivered: bool
    _finish: Callable[[Message], None] = field(repr=False, compare=False)

    def done(self) -> None:
        """Mark the message as done: it will not come again after a kill. Asking for the next one does so, too."""
        self._finish(self)

    @property
    def text(self) -> str:
        """The `text` of the content, or "" if it has none."""
        text = self.content.get("text") if self.content is not None else None
        return text if isinstance(text, str) else ""


@dataclass(frozen=True, slots=True)
class Item:
    """One message of a page. `content` is None for a tombstone; `revision` counts edits from 1.

    `extra` is the message's state that everybody sees, by name of what keeps it; `mine` what it keeps for this user alone.
    """

    conversation_id: str
    position: int
    sender_id: str
    sent_at: int
    key: bytes
    content: dict[str, Any] | None
    revision: int
    extra: Mapping[str, Any] = field(default_factory=dict)
    mine: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ItemState:
    """A message's state, by name of what keeps it: `extra` is everybody's, `mine` this user's own."""

    extra: Mapping[str, Any]
    mine: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """Items in order of position, and the positions `first..last` that they cover (`first > last` if none).

    Positions below the first page that can be read were removed by retention. `head` is the newest position. `modseq` counts
    the conversation's changes of state that this page shows.
    """

    items: tuple[Item, ...]
    first: int
    last: int
    head: int
    modseq: int = 0


@dataclass(frozen=True, slots=True)
class Cursor:
    """Positions up to which a member has (`delivered`) and has seen (`read`) a conversation."""

    delivered: int = 0
    read: int = 0


@dataclass(frozen=True, slots=True)
class Conversation:
    """A row of the list of conversations. `last` is None if it is too long for the list.

    `unread` counts the messages of others above this user's read cursor; 100 stands for 100 or more.
    `settings` are this user's own, `about` is everybody's; `modseq` counts changes of state in the conversation; `team` is the
    group by which this user is a member, if it is one.
    """

    conversation_id: str
    kind: str
    title: str
    head: int
    unread: int
    last: Item | None
    role: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    modseq: int = 0
    team: str | None = None


@dataclass(frozen=True, slots=True)
class ConversationPage:
    """Conversations, newest first. Pass `next` as `before` for the following page; None at the end."""

    conversations: tuple[Conversation, ...]
    next: Any


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a conversation: role `owner`, `admin`, `member` or `reader`."""

    user_id: str
    role: str


@dataclass(frozen=True, slots=True)
class User:
    """An account as others see it. `kind` is `person` or `bot`; of a server that does not say, everybody is a person."""

    user_id: str
    display_name: str
    language: str
    kind: str = "person"

    @property
    def is_bot(self) -> bool:
        """Whether a program writes under this name."""
        return self.kind == "bot"


@dataclass(frozen=True, slots=True)
class Queued:
    """A post that has no reply yet."""

    conversation_id: str
    key: bytes
    content: dict[str, Any]
