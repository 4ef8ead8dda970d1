"""The record of one device's acts and received data over all lives of its client. The oracle compares it with the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from imserver_client import Item, MemoryStorage, Message
from imserver_client.storage import SavedCounted, SavedPosition, SavedPost, SavedState

Content = Mapping[str, Any]


@dataclass(slots=True, eq=False)
class Post:
    """One key that was posted. `outcome`: "stored", "refused", "abandoned", or "" while unknown."""

    key: bytes
    conversation_id: str
    content: Content
    number: int
    outcome: str = ""
    position: int = 0
    sent_at: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A message that `messages()` handed over."""

    message: Message
    life: int
    #: The message before it was asked for and not finished when the client died.
    at: float


class Storage(MemoryStorage):
    """The client's storage, which also records where conversations began for this device."""

    def __init__(self) -> None:
        super().__init__()
        #: Position at which a conversation began for this device, and whether it was the device's first sync.
        self.begins: dict[str, tuple[int, bool]] = {}

    def save_sync(
        self,
        since: str | None,
        synced: bool,
        positions: Mapping[str, SavedPosition],
        states: Mapping[str, SavedState] | None = None,
        account: SavedCounted | None = None,
    ) -> None:
        first = not self._saved.synced
        for conversation_id, new in positions.items():
            if conversation_id not in self._saved.positions:
                self.begins[conversation_id] = (new.have, first)
        super().save_sync(since, synced, positions, states, account)

    def have(self, conversation_id: str) -> SavedPosition:
        """How far this device has come."""
        return self._saved.positions.get(conversation_id, SavedPosition())

    @property
    def positions(self) -> Mapping[str, SavedPosition]:
        """By conversation."""
        return self._saved.positions

    @property
    def outbox(self) -> list[SavedPost]:
        """Posts without an answer."""
        return list(self._posts.values())


@dataclass(slots=True)
class Record:
    """Everything of one device."""

    user_id: str
    device_id: str
    posts: dict[bytes, Post] = field(default_factory=dict)
    shown: list[Shown] = field(default_factory=list)
    #: Items of pages, of whatever method.
    items: list[Item] = field(default_factory=list)
    #: (conversation, position, revision) of `Retracted` events.
    retracted: list[tuple[str, int, int]] = field(default_factory=list)
    #: Contents that messages got later, as told: (conversation, position, revision, content).
    replaced: list[tuple[str, int, int, Content | None]] = field(default_factory=list)
    #: What acts of features noted, by feature; and what they found at the very end.
    notes: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    rests: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    #: Cursors that the server confirmed: conversation, delivered, read.
    cursors: list[tuple[str, int, int]] = field(default_factory=list)
    #: Cursors of others as reported, in order: life, conversation, user, delivered, read.
    told_cursors: list[tuple[int, str, str, int, int]] = field(default_factory=list)
    #: Conversations that were created, with the members asked for.
    created: list[tuple[str, list[str]]] = field(default_factory=list)
    #: Answered changes of membership: conversation, position of the system message.
    changes: list[tuple[str, int]] = field(default_factory=list)
    #: The messages that a life received and had not finished when it ended: (conversation, position).
    unfinished: dict[int, tuple[str, int]] = field(default_factory=dict)
    #: The client's last pages at the very end: conversation -> (head, items).
    final: dict[str, tuple[int, list[Item]]] = field(default_factory=dict)
    #: Virtual time at which the first sync was finished.
    ready_at: float | None = None
    numbers: int = 0
    lives: int = 0
