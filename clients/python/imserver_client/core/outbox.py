"""The outbox: posts without a reply, and the choice of those that may be offered now. No I/O, no clock.

Each conversation is a lane: its posts are offered in order, many at a time. A retryable refusal closes the lane until
all of its posts in flight are answered and the hold has ended; then they are offered again in order, first one post, and
twice as many after each success, so that a rate limit is not answered with a flood. The lane is closed, too, while one of
its posts is being given up: later posts may not be stored before the outcome of that one is known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

#: Posts of one lane in flight at a time: only the session's window bounds them.
_MANY = 1 << 30


class Entry:
    """One post. `offered`: it may have reached the server, now, in an earlier process, or before an answer that it had."""

    __slots__ = (
        "content",
        "conversation_id",
        "gone",
        "holds",
        "in_flight",
        "key",
        "number",
        "offered",
        "paused",
        "violations",
    )

    def __init__(
        self, number: int, conversation_id: str, key: bytes, content: bytes, *, offered: bool
    ) -> None:
        self.number = number
        self.conversation_id = conversation_id
        self.key = key
        self.content = content
        self.offered = offered
        self.in_flight = False
        #: Settled, but not yet removed from its lane's queue.
        self.gone = False
        #: Refused for now in this session: the server holds the conversation until this key is offered again or abandoned,
        #: also if a page has meanwhile shown that the post was committed.
        self.holds = False
        #: How many calls are giving it up.
        self.paused = 0
        #: Connections that the server closed with a violation while this post was the only one in flight.
        self.violations = 0

    @property
    def wanted(self) -> bool:
        """Whether to offer it: to have it stored, or to lift its hold."""
        return not self.gone or self.holds

    @property
    def given_up(self) -> bool:
        """Whether an `abandon` is to lift its hold. A post not yet refused in this session is offered first: until then
        it may be stored (SPEC, "Giving up")."""
        return self.paused > 0 and self.holds


class Lane:
    """The posts of one conversation."""

    __slots__ = (
        "allowed",
        "conversation_id",
        "giving_up",
        "held_until",
        "in_flight",
        "returned",
        "unsent",
    )

    def __init__(self, conversation_id: str) -> None:
        self.conversation_id = conversation_id
        self.unsent: deque[Entry] = deque()
        self.in_flight: dict[bytes, Entry] = {}
        #: Refused for now; they go back to the front when nothing of the lane is in flight.
        self.returned: list[Entry] = []
        #: Those that a call is giving up. They keep their places, too.
        self.giving_up: dict[bytes, Entry] = {}
        self.held_until: float | None = None
        self.allowed = _MANY

    @property
    def open(self) -> bool:
        """Whether the next post of the lane may be offered."""
        return (
            bool(self.unsent)
            and not self.returned
            and self.held_until is None
            and len(self.in_flight) < self.allowed
            and not any(entry.given_up for entry in self.giving_up.values())
        )

    def gather(self) -> None:
        """If nothing is in flight, put refused posts back in their old places."""
        if self.returned and not self.in_flight:
            back = (entry for entry in self.returned if entry.wanted)
            self.unsent = deque(sorted((*back, *self.unsent), key=lambda entry: entry.number))
            self.returned = []


class Outbox:
    """All lanes."""

    def __init__(self) -> None:
        self._entries: dict[bytes, Entry] = {}
        self._lanes: dict[str, Lane] = {}
        self._ready: dict[str, Lane] = {}  # round-robin between lanes
        self._numbers = 0
        self._first = 0
        self.bytes = 0
        self.in_flight = 0
        #: Number of the newest post at the last violation.
        self._suspects = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    @property
    def one_by_one(self) -> bool:
        """True after a violation, until the posts of that time are settled: one post in flight in all lanes together."""
        if self._suspects and not (
            self._entries and next(iter(self._entries.values())).number <= self._suspects
        ):
            self._suspects = 0
        return self._suspects > 0

    def get(self, key: bytes) -> Entry | None:
        """The post with this key."""
        return self._entries.get(key)

    def add(self, conversation_id: str, key: bytes, content: bytes, *, offered: bool = False) -> Entry:
        """Put a new key at the end."""
        self._numbers += 1
        entry = Entry(self._numbers, conversation_id, key, content, offered=offered)
        self._entries[key] = entry
        self.bytes += len(content)
        lane = self._lane(conversation_id)
        lane.unsent.append(entry)
        self._look_at(lane)
        return entry

    def offer_first(self, posts: Sequence[tuple[str, bytes, bytes]]) -> None:
        """Put posts (conversation, key, content) before all others: they had been answered once. Those that are here already,
        for they were posted again, move to their places among them."""
        later, self._entries = self._entries, {}
        for at, (conversation_id, key, content) in enumerate(posts, self._first - len(posts)):
            entry = later.pop(key, None)
            if entry is None:
                entry = Entry(at, conversation_id, key, content, offered=True)
                self.bytes += len(content)
                self._lane(conversation_id).returned.append(entry)
            entry.number = at
            self._entries[key] = entry
        self._first -= len(posts)
        self._entries.update(later)
        for conversation_id in {post[0] for post in posts}:
            lane = self._lane(conversation_id)
            lane.unsent = deque(sorted(lane.unsent, key=lambda entry: entry.number))
            self._look_at(lane)

    # -- offering -----------------------------------------------------------------------------------------------------

    def next(self) -> Entry | None:
        """Take the next post that may be offered; it counts as in flight until `answered`, `held` or `back`."""
        while self._ready and not (self.one_by_one and self.in_flight):
            conversation_id = next(iter(self._ready))
            lane = self._ready.pop(conversation_id)
            entry = lane.unsent.popleft() if lane.open else None
            if entry is not None and entry.wanted:
                entry.in_flight = entry.offered = True
                lane.in_flight[entry.key] = entry
                self.in_flight += 1
                self._look_at(lane)
                return entry
            self._look_at(lane)
        return None

    def back(self, entry: Entry) -> None:
        """Take back a post from `next` that found no room."""
        lane = self._land(entry)
        lane.unsent.appendleft(entry)
        self._ready = {lane.conversation_id: lane, **self._ready}

    def remove(self, entry: Entry, *, accepted: bool = False) -> None:
        """The post is settled. `accepted`: the server took it, so its lane may go on faster."""
        if self._entries.pop(entry.key, None) is None:
            return
        self.bytes -= len(entry.content)
        entry.gone = True
        lane = self._land(entry)
        if accepted and lane.allowed < _MANY:
            lane.allowed *= 2
        self._look_at(lane)

    def landed(self, entry: Entry) -> None:
        """An answer came for a post that is settled or being given up: it is in flight no more."""
        self._look_at(self._land(entry))

    def held(self, entry: Entry, until: float) -> None:
        """Refused for now: the lane waits."""
        lane = self._land(entry)
        entry.holds = True
        lane.returned.append(entry)
        lane.allowed = 1
        lane.held_until = until if lane.held_until is None else max(until, lane.held_until)
        self._look_at(lane)

    def give_up(self, entry: Entry) -> None:
        """A call gives the post up. From its refusal in this session until `given_up` or `resume` its lane is closed."""
        entry.paused += 1
        self._lane(entry.conversation_id).giving_up[entry.key] = entry

    def given_up(self, entry: Entry) -> None:
        """An `abandon` was answered: the server holds nothing for this key any more."""
        entry.holds = False
        self.resume(entry)

    def resume(self, entry: Entry) -> None:
        """A call stops giving the post up. Unless it is settled, or another call gives it up, it is offered again."""
        entry.paused -= 1
        lane = self._lane(entry.conversation_id)
        if not entry.paused:
            lane.giving_up.pop(entry.key, None)
        self._look_at(lane)

    def session_lost(self) -> None:
        """Posts in flight are undecided: offer all of them again, in order. A fresh session has no holds."""
        for lane in list(self._lanes.values()):
            lane.held_until = None
            for entry in (*lane.unsent, *lane.returned, *lane.giving_up.values()):
                entry.holds = False
            for entry in list(lane.in_flight.values()):
                entry.holds = False
                self._land(entry)
                if not entry.gone:
                    lane.returned.append(entry)
            self._look_at(lane)

    def violation(self, *, by_server: bool) -> Entry | None:
        """A connection closed for a violation. Offer one by one from now on; returns a post that caused it twice."""
        sole = [entry for lane in self._lanes.values() for entry in lane.in_flight.values()]
        guilty = None
        if self.one_by_one and by_server and len(sole) == 1:
            sole[0].violations += 1
            if sole[0].violations >= 2:
                guilty = sole[0]
        self._suspects = self._numbers
        return guilty

    def of(self, conversation_id: str) -> list[Entry]:
        """The posts of one conversation, in order."""
        return [entry for entry in self if entry.conversation_id == conversation_id]

    def conversations(self) -> set[str]:
        """Those that have posts here."""
        return {entry.conversation_id for entry in self._entries.values()}

    def is_held(self, conversation_id: str) -> bool:
        """Whether the lane waits for the end of a hold."""
        lane = self._lanes.get(conversation_id)
        return lane is not None and lane.held_until is not None

    # -- holds --------------------------------------------------------------------------------------------------------

    def lift(self, now: float) -> float | None:
        """End the holds whose time has come; returns when the next one ends."""
        next_at: float | None = None
        for lane in list(self._lanes.values()):
            if lane.held_until is None:
                continue
            if lane.held_until <= now:
                lane.held_until = None
                self._look_at(lane)
            elif next_at is None or lane.held_until < next_at:
                next_at = lane.held_until
        return next_at

    # -- within -------------------------------------------------------------------------------------------------------

    def _lane(self, conversation_id: str) -> Lane:
        lane = self._lanes.get(conversation_id)
        if lane is None:
            lane = self._lanes[conversation_id] = Lane(conversation_id)
        return lane

    def _land(self, entry: Entry) -> Lane:
        lane = self._lane(entry.conversation_id)
        if entry.in_flight:
            entry.in_flight = False
            lane.in_flight.pop(entry.key, None)
            self.in_flight -= 1
        return lane

    def _look_at(self, lane: Lane) -> None:
        lane.gather()
        while lane.unsent and not lane.unsent[0].wanted:
            lane.unsent.popleft()
        if lane.open:
            self._ready.setdefault(lane.conversation_id, lane)
        else:
            self._ready.pop(lane.conversation_id, None)
            if not (lane.unsent or lane.in_flight or lane.returned or lane.giving_up or lane.held_until):
                self._lanes.pop(lane.conversation_id, None)
