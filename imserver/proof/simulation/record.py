"""The record of one device's acts and received data over all lives of its client. The oracle compares it with the database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from imserver_client import Item, MemoryStorage, Message
from imserver_client.storage import (
    LineageStep,
    SavedCounted,
    SavedFall,
    SavedPosition,
    SavedPost,
    SavedState,
)

T = TypeVar("T")
Content = Mapping[str, Any]


class Noted(list[T], Generic[T]):
    """What was answered or told, with the time of each. Nothing is removed but by `void`."""

    def __init__(self, now: Callable[[], float], before: Iterable[T] = ()) -> None:
        super().__init__(before)
        self._now = now
        self._times = [0.0] * len(self)

    def append(self, one: T) -> None:
        super().append(one)
        self._times.append(self._now())

    def void(self, since: float) -> None:
        """What came since then counts no more."""
        kept = [(one, at) for one, at in zip(self, self._times, strict=True) if at < since]
        self[:] = [one for one, _ in kept]
        self._times = [at for _, at in kept]


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
    #: It was stored in a history that an older copy replaced: it is there again, or its device is told that it is gone.
    replaced: bool = False
    #: Behind it its conversation ended with its team. The client forgot the conversation, and can name this post to nobody,
    #: also if the user has come back meanwhile.
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A message that `messages()` handed over."""

    message: Message
    life: int
    #: The message before it was asked for and not finished when the client died.
    at: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What passes: that a user writes, or (with delivered and read) how far one has come."""

    at: float
    conversation_id: str
    user_id: str
    cursors: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A server answered what it answers to members alone, between these two moments."""

    what: str
    conversation_id: str
    asked_at: float
    answered_at: float


class Storage(MemoryStorage):
    """The client's storage, which also records where conversations began for this device."""

    def __init__(self) -> None:
        super().__init__()
        #: Position at which a conversation began for this device, and whether it was the device's first sync.
        self.begins: dict[str, tuple[int, bool]] = {}
        #: Conversations that fell to below where they began.
        self.below: set[str] = set()
        #: Called when a session begins, and when positions of a conversation fall to this one, or (None) it is forgotten.
        self.welcomed: Callable[[], None] = lambda: None
        self.fell: Callable[[str, int | None], None] = lambda conversation_id, upto: None
        #: Whether a conversation names a team: then it may also be forgotten because that was left. That is told here, and that
        #: one begins.
        self.left: Callable[[str], None] = lambda conversation_id: None
        self.begun: Callable[[str], None] = lambda conversation_id: None
        self.names_team: Callable[[str], bool] = lambda conversation_id: False
        #: Posts that were refused or given up.
        self.dropped: set[bytes] = set()

    def save_identity(
        self,
        device_id: str,
        user_id: str | None,
        store_epoch: str | None,
        features: Collection[str] | None = None,
    ) -> None:
        super().save_identity(device_id, user_id, store_epoch, features)
        self.welcomed()

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
        first = not self._saved.synced
        for conversation_id, new in positions.items():
            if conversation_id not in self._saved.positions:
                self.begins[conversation_id] = (new.have, first)
                self.below.discard(conversation_id)
                self.begun(conversation_id)
        super().save_sync(since, synced, positions, states, account, step, forgotten)
        for conversation_id in forgotten:
            if self.names_team(conversation_id):
                self._left(conversation_id)
            else:
                self._fall(conversation_id, None)

    def save_checked(
        self,
        fallen: Mapping[str, SavedFall | None],
        offered: Collection[bytes],
        states: Mapping[str, SavedState],
        account: SavedCounted | None,
        step: LineageStep,
    ) -> None:
        super().save_checked(fallen, offered, states, account, step)
        told = {
            name
            for name, notice in step.notices.items()
            if notice is not None and (notice.replaced or notice.forgotten) and not notice.pending
        }
        for conversation_id, fall in fallen.items():
            if fall is None and self.names_team(conversation_id) and conversation_id not in told:
                self._left(conversation_id)
            elif fall is None or conversation_id in told:
                self._fall(conversation_id, None if fall is None else fall.upto)

    def add_post(self, post: SavedPost) -> None:
        super().add_post(post)
        self.dropped.discard(post.key)

    def remove_post(self, key: bytes) -> None:
        super().remove_post(key)
        self.dropped.add(key)

    def _left(self, conversation_id: str) -> None:
        """Its team was left: it is followed no more, and what was shown stays right."""
        self.begins.pop(conversation_id, None)
        self.below.discard(conversation_id)
        self.left(conversation_id)

    def _fall(self, conversation_id: str, upto: int | None) -> None:
        if upto is None:
            self.begins.pop(conversation_id, None)
        elif conversation_id in self.begins and self.begins[conversation_id][0] > upto:
            self.begins[conversation_id] = (upto, False)
            self.below.add(conversation_id)
        self.fell(conversation_id, upto)

    @property
    def unsettled(self) -> list[str]:
        """Conversations of which the application is still to be told, or that are still being read for that."""
        saved = self._saved
        waiting = [name for name, notice in saved.notices.items() if not notice.pending]
        waiting += [own.conversation_id for own in saved.own.values() if own.lost]
        waiting += [name for name, trail in saved.trails.items() if trail.again]
        return sorted(set(waiting))

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
        return [post for key, post in self._posts.items() if key not in self._positions]


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
    #: Cursors and signals of others, and answers of a server.
    heard: list[Heard] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    numbers: int = 0
    lives: int = 0
    #: When something is noted; and whether the client follows a conversation.
    now: Callable[[], float] = lambda: 0.0
    follows: Callable[[str], bool] = lambda conversation_id: True

    # -- when an older copy has come back
    #: What `HistoryReplaced` told: conversation, agreed; and the keys that `PostsGone` told.
    told: list[tuple[str, int | None]] = field(default_factory=list)
    gone: set[bytes] = field(default_factory=set)
    #: Behind which copies (the first is 1) this device was told anything.
    told_after: set[int] = field(default_factory=set)
    #: Conversations of which shown messages became void, and the lowest position above which they did.
    falls: dict[str, int] = field(default_factory=dict)
    #: Shown messages of which only the content of a later revision is void.
    stale: set[tuple[str, int]] = field(default_factory=set)
    #: What was answered since then by servers whose history was replaced counts no more, until the next session begins.
    void_since: float | None = None
    #: Conversations that ended with a team, and were not followed again so far.
    ended: set[str] = field(default_factory=set)
    #: When each conversation began for this device, and those of which a copy of before came back: where that was, and that the
    #: user had joined there, is of a history that is gone.
    began_at: dict[str, float] = field(default_factory=dict)
    began_elsewhere: set[str] = field(default_factory=set)
    #: An older copy has come back.
    replaced_once: bool = False

    def __post_init__(self) -> None:
        self.cursors = Noted(self.now, self.cursors)
        self.created = Noted(self.now, self.created)
        self.changes = Noted(self.now, self.changes)

    def note(self, feature: str, facts: tuple[Any, ...]) -> None:
        """An act of a feature notes this."""
        self.notes.setdefault(feature, []).append(facts)

    def void(self, since: float) -> None:
        """A copy of that time was put back. Answers of before may still be under way."""
        self.replaced_once = True
        for conversation_id in self.ended:
            self._cannot_be_told(conversation_id)
        self.void_since = since if self.void_since is None else min(since, self.void_since)
        self._void(self.void_since)

    def began(self, conversation_id: str) -> None:
        """The client follows it from now on."""
        self.ended.discard(conversation_id)
        self.began_elsewhere.discard(conversation_id)
        self.began_at[conversation_id] = self.now()

    def left(self, conversation_id: str) -> None:
        """It ended with its team. What was shown stays right, unless another copy comes back: of that nobody can tell, for
        nobody may read there."""
        self.ended.add(conversation_id)
        for post in self.posts.values():
            if post.conversation_id == conversation_id and post.outcome == "stored":
                post.ended = True
        if self.replaced_once:
            self._cannot_be_told(conversation_id)

    def _cannot_be_told(self, conversation_id: str) -> None:
        self.shown[:] = [one for one in self.shown if one.message.conversation_id != conversation_id]
        self.items[:] = [item for item in self.items if item.conversation_id != conversation_id]
        self._replaced_above(conversation_id, 0)
        for post in self.posts.values():
            if post.conversation_id == conversation_id:
                post.replaced = False

    def welcomed(self) -> None:
        """A session began: answers are of the present server."""
        if self.void_since is not None:
            self._void(self.void_since)
            self.void_since = None

    def _void(self, since: float) -> None:
        for noted in (self.cursors, self.created, self.changes):
            assert isinstance(noted, Noted)
            noted.void(since)
        self.began_elsewhere.update(name for name, at in self.began_at.items() if at >= since)
        # Of what its client does not follow the application has looked at a page, and nobody can tell it anything.
        self.items[:] = [item for item in self.items if self.follows(item.conversation_id)]

    def fell(self, conversation_id: str, upto: int | None) -> None:
        """What was shown above it is another history's, and so may be what was edited below."""
        low = 0 if upto is None else upto
        kept = []
        for one in self.shown:
            message = one.message
            if message.conversation_id != conversation_id or message.position <= low:
                kept.append(one)
                if message.conversation_id == conversation_id and message.revision > 1:
                    self.stale.add((conversation_id, message.position))
        if len(kept) < len(self.shown):
            self.falls[conversation_id] = min(low, self.falls.get(conversation_id, low))
        self.shown[:] = kept
        self.items[:] = [
            item
            for item in self.items
            if item.conversation_id != conversation_id or (item.position <= low and item.revision == 1)
        ]
        self._replaced_above(conversation_id, low)

    def history_replaced(self, conversation_id: str, agreed: int | None) -> None:
        """The application was told. What it was told before that came of the other history."""
        self.told.append((conversation_id, agreed))
        self._replaced_above(conversation_id, agreed or 0)

    def posts_gone(self, conversation_id: str, keys: Iterable[bytes]) -> None:
        """The application was told of own messages that are gone."""
        for key in keys:
            self.gone.add(key)
            post = self.posts.get(key)
            if post is not None and post.outcome == "stored":
                post.outcome, post.position, post.sent_at, post.replaced = "", 0, 0, True

    def _replaced_above(self, conversation_id: str, low: int) -> None:
        self.retracted[:] = [one for one in self.retracted if one[0] != conversation_id]
        self.replaced[:] = [one for one in self.replaced if one[0] != conversation_id]
        for post in self.posts.values():
            if post.conversation_id == conversation_id and post.outcome == "stored" and post.position > low:
                post.outcome, post.position, post.sent_at, post.replaced = "", 0, 0, True
