"""The state that the client keeps across restarts: its values, and the interface of what keeps it.

Each method is atomic: after a kill, either all or nothing of it is stored. Methods are synchronous and short, so that the
store never lags behind the client.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol


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
