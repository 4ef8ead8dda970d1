"""The state that the client keeps across restarts: the `Storage` interface, and a store in memory.

Each method is atomic: after a kill, either all or nothing of it is stored. Methods are synchronous and short, so that the
store never lags behind the client.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, Protocol, TypeVar

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class SavedPosition:
    """Progress in a conversation: done up to `have`; handed to the application up to `handed`; exists up to `known_head`."""

    have: int = 0
    handed: int = 0
    known_head: int = 0


_NOWHERE: Final = SavedPosition()


@dataclass(frozen=True, slots=True)
class SavedPost:
    """A post without an answer, to be offered again byte for byte."""

    conversation_id: str
    key: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class SavedTrail:
    """What is stored of a conversation: its place (None: clean), ranges with edited messages, and ranges to be read again."""

    place: str | None = None
    edited: tuple[tuple[int, int], ...] = ()
    again: tuple[tuple[int, int], ...] = ()
    veiled: bool = False
    team: str | None = None


class SavedOwn(NamedTuple):
    """An own message that was met, or whose post was answered. `lost`: its part of the history is gone; it is looked for."""

    conversation_id: str
    position: int
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """What the application is to be told of a conversation; kept until it was.

    `replaced`: above `agreed` it is another history (None: all of it is). `forgotten`: the conversation is gone. `gone`: keys
    of own messages that did not come back. `pending`: to be told only if `since` is refused, for to lose a conversation of a
    team is ordinary.
    """

    conversation_id: str
    replaced: bool = False
    agreed: int | None = None
    forgotten: bool = False
    gone: tuple[bytes, ...] = ()
    pending: bool = False


@dataclass(frozen=True, slots=True)
class LineageStep:
    """What changed since the last step, each one whole; None: remove it. An own message that is known from an answered post
    (`answer_post`) is not among them before something else becomes of it."""

    trails: Mapping[str, SavedTrail | None] = field(default_factory=dict)
    own: Mapping[bytes, SavedOwn | None] = field(default_factory=dict)
    notices: Mapping[str, Notice | None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.trails or self.own or self.notices)


@dataclass(frozen=True, slots=True)
class SavedAnswered:
    """A post that was stored at `position`, with its content. `passed`: the application is done with that position."""

    post: SavedPost
    position: int
    passed: bool


@dataclass(frozen=True, slots=True)
class SavedFall:
    """What is left of a conversation's positions after a check: `have` and `handed` fall to `upto`, and `known_head` is
    this."""

    upto: int
    known_head: int


#: Posts that have their answer are kept, so that they can be offered again: the newest, up to so many and so many bytes of
#: content.
ANSWERED_KEPT = 1000
ANSWERED_KEPT_BYTES = 4 * 1024 * 1024
#: Answers between two looks at those bounds.
ANSWERED_EVERY = 256


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
    trails: dict[str, SavedTrail] = field(default_factory=dict)
    #: Those of the lowest positions first.
    own: dict[bytes, SavedOwn] = field(default_factory=dict)
    notices: dict[str, Notice] = field(default_factory=dict)


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
        """Put a post at the end of the outbox. One that is answered, and posted again, has its old place: before what was
        posted since, should an older copy of the server's database come back. One that is gone since is new."""
        ...

    def remove_post(self, key: bytes) -> None:
        """Remove a post that was refused, or given up."""
        ...

    def answer_post(self, key: bytes, position: int, step: LineageStep | None = None) -> None:
        """A post is stored at `position`: from now on that is an own message that was met. It is not offered any more, and kept
        for a while: see `answered`."""
        ...

    def save_progress(
        self, done: tuple[str, int] | None, handed: tuple[str, int] | None, step: LineageStep | None = None
    ) -> None:
        """In one step: mark the message at `done` finished, and the one at `handed` as handed over."""
        ...

    def save_sync(
        self,
        since: str | None,
        synced: bool,
        positions: Mapping[str, SavedPosition],
        states: Mapping[str, SavedState] | None = None,
        account: SavedCounted | None = None,
        step: LineageStep | None = None,
        forgotten: Collection[str] = (),
    ) -> None:
        """In one step: save the token, the conversations that it covers and those that it ends, and `save_states`. Rows never
        lower positions."""
        ...

    def save_states(
        self, states: Mapping[str, SavedState], account: SavedCounted | None, step: LineageStep | None = None
    ) -> None:
        """In one step: save the state of these conversations (of items those that are given), and the account's if given."""
        ...

    def save_lineage(self, step: LineageStep, heads: Mapping[str, int] | None = None) -> None:
        """In one step: save this, and that conversations reach so far."""
        ...

    # -- when there are very many conversations

    def save_rest(self, resting: Collection[str], forgotten: Collection[str], step: LineageStep) -> None:
        """In one step: of `resting` conversations keep the positions and not their state, of `forgotten` nothing."""
        ...

    def places(self, conversation_ids: Collection[str] | None = None) -> dict[str, SavedPosition]:
        """The positions that are kept of these conversations, or of all."""
        ...

    # -- when an older copy has come back

    def forget_since(self, store_epoch: str | None, step: LineageStep, *, recount: bool = False) -> None:
        """In one step: drop the token, and save the places that stand for it, and the epoch. `recount`: count all state as of 0
        (`recounted`), the account's too. Values stay."""
        ...

    def answered(self, conversation_id: str, above: int) -> list[SavedAnswered]:
        """Posts of this device above this position that are still kept, in the order of posting."""
        ...

    def contents(self, keys: Collection[bytes]) -> dict[bytes, bytes]:
        """The contents of answered posts, as far as they are still kept."""
        ...

    def forget_content(self, conversation_id: str, position: int) -> None:
        """What was posted there says something else now, or nothing: it is not to be offered again."""
        ...

    def save_checked(
        self,
        fallen: Mapping[str, SavedFall | None],
        offered: Collection[bytes],
        states: Mapping[str, SavedState],
        account: SavedCounted | None,
        step: LineageStep,
    ) -> None:
        """In one step: take over answers of `check`. Only here positions fall. None: the conversation is forgotten, which a
        page that was refused NOT_FOUND says, too. `offered`: answered posts that have no answer in this history."""
        ...


class MemoryStorage:
    """Keeps everything in this object. Give the same object to a second client to play a restart of the process."""

    def __init__(self) -> None:
        self._saved = Saved()
        self._posts: dict[bytes, SavedPost] = {}
        #: Positions of those that have their answer; 0: it is gone, and its content is kept for who is told so.
        self._positions: dict[bytes, int] = {}
        self._answers = 0

    def open(self) -> Saved:
        saved = self._saved
        return replace(
            saved,
            positions=dict(saved.positions),
            outbox=[post for key, post in self._posts.items() if key not in self._positions],
            states=dict(saved.states),
            trails=dict(saved.trails),
            own=self._own(),
            notices=dict(saved.notices),
        )

    def _own(self) -> dict[bytes, SavedOwn]:
        answered = {
            key: SavedOwn(self._posts[key].conversation_id, position)
            for key, position in self._positions.items()
            if position
        }
        return by_position({**answered, **self._saved.own})

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
        if position := self._positions.pop(post.key, 0):
            self._saved.own.setdefault(post.key, SavedOwn(self._posts[post.key].conversation_id, position))
        else:
            self._posts.pop(post.key, None)
        self._posts[post.key] = post

    def remove_post(self, key: bytes) -> None:
        self._posts.pop(key, None)
        self._positions.pop(key, None)

    def answer_post(self, key: bytes, position: int, step: LineageStep | None = None) -> None:
        if key in self._posts:
            self._positions[key] = position
        self._answers += 1
        if self._answers % ANSWERED_EVERY == 0:
            self._keep_newest()
        if step is not None:
            self._put(step)

    def save_progress(
        self, done: tuple[str, int] | None, handed: tuple[str, int] | None, step: LineageStep | None = None
    ) -> None:
        positions = self._saved.positions
        if done is not None:
            old = positions.get(done[0], _NOWHERE)
            if done[1] > old.have:
                positions[done[0]] = SavedPosition(done[1], old.handed, old.known_head)
        if handed is not None:
            old = positions.get(handed[0], _NOWHERE)
            if handed[1] > old.handed:
                positions[handed[0]] = SavedPosition(old.have, handed[1], old.known_head)
        if step is not None:
            self._put(step)

    def save_sync(
        self,
        since: str | None,
        synced: bool,
        positions: Mapping[str, SavedPosition],
        states: Mapping[str, SavedState] | None = None,
        account: SavedCounted | None = None,
        step: LineageStep | None = None,
        forgotten: Collection[str] = (),
    ) -> None:
        self._saved.since = since
        self._saved.synced = synced
        for conversation_id, new in positions.items():
            old = self._saved.positions.get(conversation_id, SavedPosition())
            self._saved.positions[conversation_id] = highest(old, new)
        self.save_states(states or {}, account, step)
        self._forget(forgotten)

    def save_states(
        self, states: Mapping[str, SavedState], account: SavedCounted | None, step: LineageStep | None = None
    ) -> None:
        for conversation_id, new in states.items():
            old = self._saved.states.get(conversation_id, SavedState())
            items = {**old.items, **new.items}
            kept = {position: item for position, item in items.items() if item is not None}
            self._saved.states[conversation_id] = replace(new, items=kept)
        if account is not None:
            self._saved.account = account
        self._put(step)

    def save_lineage(self, step: LineageStep, heads: Mapping[str, int] | None = None) -> None:
        for conversation_id, head in (heads or {}).items():
            old = self._saved.positions.get(conversation_id, SavedPosition())
            self._saved.positions[conversation_id] = replace(old, known_head=max(old.known_head, head))
        self._put(step)

    def save_rest(self, resting: Collection[str], forgotten: Collection[str], step: LineageStep) -> None:
        for name in resting:
            self._saved.states.pop(name, None)
        self._forget(forgotten)
        self._put(step)

    def places(self, conversation_ids: Collection[str] | None = None) -> dict[str, SavedPosition]:
        kept = self._saved.positions
        if conversation_ids is None:
            return dict(kept)
        return {name: kept[name] for name in conversation_ids if name in kept}

    def forget_since(self, store_epoch: str | None, step: LineageStep, *, recount: bool = False) -> None:
        self._saved.since = None
        self._saved.store_epoch = store_epoch
        if recount:
            self._saved.states = {name: recounted(state) for name, state in self._saved.states.items()}
            self._saved.account = replace(self._saved.account, seq=0)
        self._put(step)

    def answered(self, conversation_id: str, above: int) -> list[SavedAnswered]:
        have = self._saved.positions.get(conversation_id, SavedPosition()).have
        return [
            SavedAnswered(post, position, position <= have)
            for key, post in self._posts.items()
            if post.conversation_id == conversation_id and (position := self._positions.get(key, 0)) > above
        ]

    def contents(self, keys: Collection[bytes]) -> dict[bytes, bytes]:
        return {key: self._posts[key].content for key in keys if key in self._positions}

    def forget_content(self, conversation_id: str, position: int) -> None:
        for key, at in list(self._positions.items()):
            if at == position and self._posts[key].conversation_id == conversation_id:
                self._saved.own.setdefault(key, SavedOwn(conversation_id, position))
                self.remove_post(key)

    def save_checked(
        self,
        fallen: Mapping[str, SavedFall | None],
        offered: Collection[bytes],
        states: Mapping[str, SavedState],
        account: SavedCounted | None,
        step: LineageStep,
    ) -> None:
        for name, fall in fallen.items():
            if fall is not None:
                old = self._saved.positions.get(name, SavedPosition())
                have, handed = min(old.have, fall.upto), min(old.handed, fall.upto)
                self._saved.positions[name] = SavedPosition(have, handed, fall.known_head)
        self.save_states(states, account, step)
        for key in offered:
            self._positions.pop(key, None)
        self._forget([name for name, fall in fallen.items() if fall is None])

    # -- within

    def _forget(self, names: Collection[str]) -> None:
        for name in names:
            self._saved.positions.pop(name, None)
            self._saved.states.pop(name, None)

    def _put(self, step: LineageStep | None) -> None:
        if step:
            _update(self._saved.trails, step.trails)
            _update(self._saved.own, step.own)
            _update(self._saved.notices, step.notices)
            for key, own in step.own.items():
                if own is None and key in self._positions:
                    self._positions[key] = 0

    def _keep_newest(self) -> None:
        answered = [post for key, post in self._posts.items() if key in self._positions]
        first = max(0, len(answered) - ANSWERED_KEPT)
        size = sum(len(post.content) for post in answered[first:])
        while size > ANSWERED_KEPT_BYTES:
            size -= len(answered[first].content)
            first += 1
        for post in answered[:first]:
            position = self._positions[post.key]
            if position:
                self._saved.own.setdefault(post.key, SavedOwn(post.conversation_id, position))
            self.remove_post(post.key)


def _update(kept: dict[K, V], changes: Mapping[K, V | None]) -> None:
    for name, value in changes.items():
        if value is None:
            kept.pop(name, None)
        else:
            kept[name] = value


def by_position(own: Mapping[bytes, SavedOwn]) -> dict[bytes, SavedOwn]:
    """Those of the lowest positions first."""
    return dict(sorted(own.items(), key=lambda item: item[1].position))


def highest(one: SavedPosition, other: SavedPosition) -> SavedPosition:
    """The higher of the two, field by field: positions never go back."""
    return SavedPosition(
        max(one.have, other.have), max(one.handed, other.handed), max(one.known_head, other.known_head)
    )


def recounted(state: SavedState) -> SavedState:
    """The state as of 0: whatever is told next replaces it; and there is more up to all that was met. What is doubted
    stays so."""
    items = {
        position: None
        if item is None
        else replace(item, modseq=min(item.modseq, 0), mine_modseq=min(item.mine_modseq, 0))
        for position, item in state.items.items()
    }
    about, settings = replace(state.about, seq=min(state.about.seq, 0)), replace(state.settings, seq=0)
    top = max(state.top, state.met)
    return replace(state, seen=min(state.seen, 0), top=top, about=about, settings=settings, items=items)


def adopt(saved: Saved, have: Mapping[str, int]) -> None:
    """Overrule stored positions with those that the application kept: it knows which messages it finished. But not that a
    history was replaced, before it has heard of it."""
    for conversation_id, position in have.items():
        notice = saved.notices.get(conversation_id)
        if notice is not None and not notice.pending and (notice.replaced or notice.forgotten):
            position = min(position, (None if notice.forgotten else notice.agreed) or 0)
        old = saved.positions.get(conversation_id, SavedPosition())
        saved.positions[conversation_id] = SavedPosition(position, 0, max(old.known_head, position))
