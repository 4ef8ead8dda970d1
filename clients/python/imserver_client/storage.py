"""The state that the client keeps across restarts: the `Storage` interface, and a store in memory.

Each method is atomic: after a kill, either all or nothing of it is stored. Methods are synchronous and short, so that the
store never lags behind the client.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SavedPosition:
    """Progress in a conversation: done up to `have`; handed to the application up to `handed`; exists up to `known_head`."""

    have: int = 0
    handed: int = 0
    known_head: int = 0


@dataclass(frozen=True, slots=True)
class SavedPost:
    """A post without an answer, to be offered again byte for byte."""

    conversation_id: str
    key: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class SavedCounted:
    """A map as it was told whole, encoded (None: empty), and the modseq or counter that it was told with."""

    seq: int = 0
    value: bytes | None = None


@dataclass(frozen=True, slots=True)
class SavedItem:
    """The state of a message: its maps, encoded (None: empty), and the modseq of each."""

    modseq: int = 0
    extra: bytes | None = None
    mine_modseq: int = 0
    mine: bytes | None = None


@dataclass(frozen=True, slots=True)
class SavedState:
    """What is known of a conversation's state: right as of `seen` for the positions in `held`; there is more up to `top`.

    `items` are those that changed since the last step, None for one that is not kept any more.
    """

    seen: int = 0
    top: int = 0
    met: int = 0
    former: bool = False
    about: SavedCounted = SavedCounted()
    settings: SavedCounted = SavedCounted()
    held: tuple[tuple[int, int], ...] = ()
    items: Mapping[int, SavedItem | None] = field(default_factory=dict)


@dataclass(slots=True)
class Saved:
    """Everything that a store holds."""

    device_id: str | None = None
    user_id: str | None = None
    store_epoch: str | None = None
    since: str | None = None
    #: The first sync of this device is finished; until then conversations start at their heads.
    synced: bool = False
    positions: dict[str, SavedPosition] = field(default_factory=dict)
    outbox: list[SavedPost] = field(default_factory=list)
    states: dict[str, SavedState] = field(default_factory=dict)
    account: SavedCounted = SavedCounted()
    #: The features of the server that told the state; None: nobody noted it.
    features: frozenset[str] | None = None


class Storage(Protocol):
    """Stores the client's outbox and received positions. Every method may raise StoreError."""

    def open(self) -> Saved:
        """Lock the store for this client alone and read it."""
        ...

    def close(self) -> None:
        """Release the store. Closing twice is allowed."""
        ...

    def save_identity(
        self,
        device_id: str,
        user_id: str | None,
        store_epoch: str | None,
        features: Collection[str] | None = None,
    ) -> None:
        """Save device, user, the epoch that the positions belong to, and the server's features."""
        ...

    def add_post(self, post: SavedPost) -> None:
        """Put a post at the end of the outbox."""
        ...

    def remove_post(self, key: bytes) -> None:
        """Remove a post that has its answer."""
        ...

    def save_progress(self, done: tuple[str, int] | None, handed: tuple[str, int] | None) -> None:
        """In one step: mark the message at `done` finished, and the one at `handed` as handed over."""
        ...

    def save_sync(
        self,
        since: str | None,
        synced: bool,
        positions: Mapping[str, SavedPosition],
        states: Mapping[str, SavedState] | None = None,
        account: SavedCounted | None = None,
    ) -> None:
        """In one step: save the token, the conversations that it covers, and `save_states`. Rows never lower positions."""
        ...

    def save_states(self, states: Mapping[str, SavedState], account: SavedCounted | None) -> None:
        """In one step: save the state of these conversations (of items those that are given), and the account's if given."""
        ...

    def recount_states(self) -> None:
        """In one step: count all state as of 0 (`recounted`), the account's too, and drop the token. Values stay."""
        ...

    def forget_positions(self, store_epoch: str) -> None:
        """Enter another epoch: drop positions, state and token, keep the outbox."""
        ...


class MemoryStorage:
    """Keeps everything in this object. Give the same object to a second client to play a restart of the process."""

    def __init__(self) -> None:
        self._saved = Saved()
        self._posts: dict[bytes, SavedPost] = {}

    def open(self) -> Saved:
        return replace(
            self._saved,
            positions=dict(self._saved.positions),
            outbox=list(self._posts.values()),
            states=dict(self._saved.states),
        )

    def close(self) -> None:
        pass

    def save_identity(
        self,
        device_id: str,
        user_id: str | None,
        store_epoch: str | None,
        features: Collection[str] | None = None,
    ) -> None:
        self._saved.device_id = device_id
        self._saved.user_id = user_id
        self._saved.store_epoch = store_epoch
        self._saved.features = None if features is None else frozenset(features)

    def add_post(self, post: SavedPost) -> None:
        self._posts[post.key] = post

    def remove_post(self, key: bytes) -> None:
        self._posts.pop(key, None)

    def save_progress(self, done: tuple[str, int] | None, handed: tuple[str, int] | None) -> None:
        positions = self._saved.positions
        if done is not None:
            old = positions.get(done[0], SavedPosition())
            positions[done[0]] = replace(old, have=max(old.have, done[1]))
        if handed is not None:
            old = positions.get(handed[0], SavedPosition())
            positions[handed[0]] = replace(old, handed=max(old.handed, handed[1]))

    def save_sync(
        self,
        since: str | None,
        synced: bool,
        positions: Mapping[str, SavedPosition],
        states: Mapping[str, SavedState] | None = None,
        account: SavedCounted | None = None,
    ) -> None:
        self._saved.since = since
        self._saved.synced = synced
        for conversation_id, new in positions.items():
            old = self._saved.positions.get(conversation_id, SavedPosition())
            self._saved.positions[conversation_id] = highest(old, new)
        self.save_states(states or {}, account)

    def save_states(self, states: Mapping[str, SavedState], account: SavedCounted | None) -> None:
        for conversation_id, new in states.items():
            old = self._saved.states.get(conversation_id, SavedState())
            items = {**old.items, **new.items}
            kept = {position: item for position, item in items.items() if item is not None}
            self._saved.states[conversation_id] = replace(new, items=kept)
        if account is not None:
            self._saved.account = account

    def recount_states(self) -> None:
        self._saved.since = None
        self._saved.states = {name: recounted(state) for name, state in self._saved.states.items()}
        self._saved.account = replace(self._saved.account, seq=0)

    def forget_positions(self, store_epoch: str) -> None:
        self._saved.store_epoch = store_epoch
        self._saved.since = None
        self._saved.synced = False
        self._saved.positions.clear()
        self._saved.states.clear()
        self._saved.account = SavedCounted()


def highest(one: SavedPosition, other: SavedPosition) -> SavedPosition:
    """The higher of the two, field by field: positions never go back."""
    return SavedPosition(
        max(one.have, other.have), max(one.handed, other.handed), max(one.known_head, other.known_head)
    )


def recounted(state: SavedState) -> SavedState:
    """The state as of 0: whatever is told next replaces it; and there is more up to all that was met."""
    items = {
        position: None if item is None else replace(item, modseq=0, mine_modseq=0)
        for position, item in state.items.items()
    }
    about, settings = replace(state.about, seq=0), replace(state.settings, seq=0)
    top = max(state.top, state.met)
    return replace(state, seen=0, top=top, about=about, settings=settings, items=items)


def adopt(saved: Saved, have: Mapping[str, int]) -> None:
    """Overrule stored positions with those that the application kept: it knows which messages it finished."""
    for conversation_id, position in have.items():
        old = saved.positions.get(conversation_id, SavedPosition())
        saved.positions[conversation_id] = SavedPosition(position, 0, max(old.known_head, position))
