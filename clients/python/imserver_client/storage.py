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
class SavedOwn:
    """A message of the user's own that was stored at `position`. `passed`: the application is done with that position."""

    conversation_id: str
    key: bytes
    content: bytes
    position: int
    passed: bool = False


@dataclass(frozen=True, slots=True)
class SavedTrace:
    """What vouches for a conversation, and what another history would change in it (SPEC, "When an older copy has come back").

    `place`: where something was learnt that `since` does not vouch for; None: `since` vouches for all. `team`: one is a member by a
    group. `edited`: ranges of positions that hold every message which was seen with a revision above 1. `again`: those to be read
    again.
    """

    place: str | None = None
    team: bool = False
    edited: tuple[tuple[int, int], ...] = ()
    again: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """What an answer of `check` leaves of a conversation: positions up to `upto`, and `known_head`, which may both fall.

    `trace` None: nothing; the conversation is forgotten. `replaced`: the application is to be told, with `agreed`. Of the keys of own
    messages, `offered` go back into the outbox, `lost` are looked for, and `gone` is what the application is to be told of.
    """

    upto: int
    known_head: int
    trace: SavedTrace | None
    replaced: bool = False
    agreed: int | None = None
    offered: tuple[bytes, ...] = ()
    lost: tuple[bytes, ...] = ()
    gone: tuple[bytes, ...] = ()


#: Own messages that are kept with their keys: the newest, up to so many and so many bytes of content.
OWN_KEPT = 1000
OWN_KEPT_BYTES = 4 * 1024 * 1024
#: Between two looks at those bounds.
OWN_EVERY = 128


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
    traces: dict[str, SavedTrace] = field(default_factory=dict)
    #: Own messages of a history that was replaced: those that are being looked for, and those that are gone, until somebody heard it.
    lost: list[SavedOwn] = field(default_factory=list)
    gone: list[SavedOwn] = field(default_factory=list)
    #: Conversations whose history was replaced, with what was agreed, until somebody heard it.
    replaced: dict[str, int | None] = field(default_factory=dict)


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
        """Remove a post that was refused, or given up."""
        ...

    def answer_post(self, key: bytes, position: int, traces: Mapping[str, SavedTrace]) -> None:
        """A post is stored at `position`: it is an own message from now on (a bounded number of which is kept), and not offered."""
        ...

    def save_progress(
        self,
        done: tuple[str, int] | None,
        handed: tuple[str, int] | None,
        own: SavedOwn | None = None,
        traces: Mapping[str, SavedTrace] | None = None,
    ) -> None:
        """In one step: mark the message at `done` finished, and the one at `handed` as handed over; `own` if that is the user's, who
        has it now whatever was lost. `traces`: those that changed."""
        ...

    def save_sync(
        self,
        since: str | None,
        synced: bool,
        positions: Mapping[str, SavedPosition],
        states: Mapping[str, SavedState] | None = None,
        account: SavedCounted | None = None,
        traces: Mapping[str, SavedTrace] | None = None,
    ) -> None:
        """In one step: save the token, the conversations that it covers, and `save_states`. Rows never lower positions."""
        ...

    def save_states(
        self,
        states: Mapping[str, SavedState],
        account: SavedCounted | None,
        traces: Mapping[str, SavedTrace] | None = None,
    ) -> None:
        """In one step: save the state of these conversations (of items those that are given), and the account's if given."""
        ...

    def save_traces(self, traces: Mapping[str, SavedTrace], heads: Mapping[str, int]) -> None:
        """In one step: save what was learnt of these conversations, and that they reach so far."""
        ...

    # -- when an older copy has come back

    def forget_since(
        self, store_epoch: str | None, traces: Mapping[str, SavedTrace], *, recount: bool = False
    ) -> None:
        """In one step: drop the token, save the places that stand for it, and the epoch. `recount`: count all state as of 0."""
        ...

    def own_posts(self, conversation_id: str, above: int) -> list[SavedOwn]:
        """Own messages above this position, and those that are being looked for, in the order of posting."""
        ...

    def save_checked(
        self,
        checked: Mapping[str, Checked],
        states: Mapping[str, SavedState],
        account: SavedCounted | None,
    ) -> None:
        """In one step: take over answers of `check`. The only step in which positions fall."""
        ...

    def save_gone(self, keys: Collection[bytes]) -> None:
        """In one step: these own messages were not found; the application is to be told."""
        ...

    def told_replaced(self, conversation_id: str) -> None:
        """The application knows that the conversation's history was replaced."""
        ...

    def told_gone(self, keys: Collection[bytes]) -> None:
        """The application knows that these own messages are gone. They are forgotten."""
        ...


@dataclass(slots=True)
class _Post:
    """A post, or an own message. `lost`: 1 while it is looked for, 2 when it is gone."""

    conversation_id: str
    content: bytes
    position: int | None = None
    lost: int = 0


class MemoryStorage:
    """Keeps everything in this object. Give the same object to a second client to play a restart of the process."""

    def __init__(self) -> None:
        self._saved = Saved()
        self._posts: dict[bytes, _Post] = {}
        self._owned = 0

    def open(self) -> Saved:
        saved, posts = self._saved, self._posts
        return replace(
            saved,
            positions=dict(saved.positions),
            outbox=[
                SavedPost(one.conversation_id, key, one.content)
                for key, one in posts.items()
                if one.position is None
            ],
            states=dict(saved.states),
            traces=dict(saved.traces),
            lost=[self._own(key, one) for key, one in posts.items() if one.lost == 1],
            gone=[self._own(key, one) for key, one in posts.items() if one.lost == 2],
            replaced=dict(saved.replaced),
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
        self._posts.pop(post.key, None)
        self._posts[post.key] = _Post(post.conversation_id, post.content)

    def remove_post(self, key: bytes) -> None:
        self._posts.pop(key, None)

    def answer_post(self, key: bytes, position: int, traces: Mapping[str, SavedTrace]) -> None:
        post = self._posts.get(key)
        if post is not None:
            post.position = position
            self._one_more_own()
        self._saved.traces.update(traces)

    def save_progress(
        self,
        done: tuple[str, int] | None,
        handed: tuple[str, int] | None,
        own: SavedOwn | None = None,
        traces: Mapping[str, SavedTrace] | None = None,
    ) -> None:
        positions = self._saved.positions
        if done is not None:
            old = positions.get(done[0], SavedPosition())
            positions[done[0]] = replace(old, have=max(old.have, done[1]))
        if handed is not None:
            old = positions.get(handed[0], SavedPosition())
            positions[handed[0]] = replace(old, handed=max(old.handed, handed[1]))
        if own is not None:
            known = self._posts.get(own.key)
            if known is None:
                self._posts[own.key] = _Post(own.conversation_id, own.content, own.position)
                self._one_more_own()
            elif known.conversation_id == own.conversation_id:
                known.position, known.lost = own.position, 0
        self._saved.traces.update(traces or {})

    def save_sync(
        self,
        since: str | None,
        synced: bool,
        positions: Mapping[str, SavedPosition],
        states: Mapping[str, SavedState] | None = None,
        account: SavedCounted | None = None,
        traces: Mapping[str, SavedTrace] | None = None,
    ) -> None:
        self._saved.since = since
        self._saved.synced = synced
        for conversation_id, new in positions.items():
            old = self._saved.positions.get(conversation_id, SavedPosition())
            self._saved.positions[conversation_id] = highest(old, new)
        self.save_states(states or {}, account, traces)

    def save_states(
        self,
        states: Mapping[str, SavedState],
        account: SavedCounted | None,
        traces: Mapping[str, SavedTrace] | None = None,
    ) -> None:
        for conversation_id, new in states.items():
            old = self._saved.states.get(conversation_id, SavedState())
            items = {**old.items, **new.items}
            kept = {position: item for position, item in items.items() if item is not None}
            self._saved.states[conversation_id] = replace(new, items=kept)
        if account is not None:
            self._saved.account = account
        self._saved.traces.update(traces or {})

    def save_traces(self, traces: Mapping[str, SavedTrace], heads: Mapping[str, int]) -> None:
        self._saved.traces.update(traces)
        for conversation_id, head in heads.items():
            old = self._saved.positions.get(conversation_id, SavedPosition())
            self._saved.positions[conversation_id] = replace(old, known_head=max(old.known_head, head))

    def forget_since(
        self, store_epoch: str | None, traces: Mapping[str, SavedTrace], *, recount: bool = False
    ) -> None:
        self._saved.since = None
        self._saved.store_epoch = store_epoch
        self._saved.traces.update(traces)
        if recount:
            self._saved.states = {name: recounted(state) for name, state in self._saved.states.items()}
            self._saved.account = replace(self._saved.account, seq=0)

    def own_posts(self, conversation_id: str, above: int) -> list[SavedOwn]:
        return [
            self._own(key, one)
            for key, one in self._posts.items()
            if one.conversation_id == conversation_id
            and one.position is not None
            and (one.lost == 1 or (one.lost == 0 and one.position > above))
        ]

    def save_checked(
        self,
        checked: Mapping[str, Checked],
        states: Mapping[str, SavedState],
        account: SavedCounted | None,
    ) -> None:
        saved = self._saved
        for name, one in checked.items():
            if one.trace is None:
                for kept in (saved.positions, saved.traces, saved.states):
                    kept.pop(name, None)  # type: ignore[attr-defined]
            else:
                old = saved.positions.get(name, SavedPosition())
                saved.positions[name] = SavedPosition(
                    min(old.have, one.upto), min(old.handed, one.upto), one.known_head
                )
                saved.traces[name] = one.trace
            if one.replaced:
                agreed = saved.replaced.get(name, one.agreed)
                saved.replaced[name] = None if agreed is None or one.agreed is None else min(agreed, one.agreed)
            for key in one.offered:
                self._posts[key].position, self._posts[key].lost = None, 0
            for key in one.lost:
                self._posts[key].lost = 1
            for key in one.gone:
                self._posts[key].lost = 2
        self.save_states(states, account)

    def save_gone(self, keys: Collection[bytes]) -> None:
        for key in keys:
            if (post := self._posts.get(key)) is not None:
                post.lost = 2

    def told_replaced(self, conversation_id: str) -> None:
        self._saved.replaced.pop(conversation_id, None)

    def told_gone(self, keys: Collection[bytes]) -> None:
        for key in keys:
            if (post := self._posts.get(key)) is not None and post.lost == 2:
                del self._posts[key]

    # -- within

    def _own(self, key: bytes, post: _Post) -> SavedOwn:
        assert post.position is not None
        have = self._saved.positions.get(post.conversation_id, SavedPosition()).have
        return SavedOwn(post.conversation_id, key, post.content, post.position, post.position <= have)

    def _one_more_own(self) -> None:
        """Keep the bounds, now and then."""
        self._owned += 1
        if self._owned % OWN_EVERY:
            return
        number = size = 0
        for key, post in reversed(list(self._posts.items())):
            if post.position is None or post.lost:
                continue
            number, size = number + 1, size + len(post.content)
            if number > OWN_KEPT or size > OWN_KEPT_BYTES:
                del self._posts[key]


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
