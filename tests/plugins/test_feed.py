"""Each message once, by turns, in order of its sender and of its conversation, however offers, reads and overflows meet."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from imserver.events import MessagePosted
from imserver.model import Message
from imserver.plugin_host.feed import Feed, Room

PLENTY = Room(events=512, of_sender=32, ahead=1000)


def event(change: int, sender: str = "ann", place: str = "c") -> MessagePosted:
    return MessagePosted(change, Message(place, change, sender, 0, b"", b""), {})


def dealt(feed: Feed) -> int | None:
    """The change whose turn it is, dealt with."""
    taken = feed.take()
    if taken is None:
        return None
    feed.deal(taken)
    return taken.change


class World:
    """Commits with gaps in their numbers (other facts take numbers too), told of late; reads that see more than was told; and
    crashes, behind which only what was stored is known."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.committed: list[MessagePosted] = []
        self.told = 0
        self.head = 0
        self.feed = Feed(0, (), room)
        self.heard: list[MessagePosted] = []
        self.cursor = 0
        self.ahead: set[int] = set()
        #: Messages whose turn it was, each with the floor of then; they are dealt with later.
        self.in_flight: dict[int, tuple[MessagePosted, int]] = {}

    def commit(self, gap: int, sender: str, place: str) -> None:
        self.head += gap
        self.committed.append(event(self.head, sender, place))

    def tell(self) -> None:
        untold = [one for one in self.committed if one.change > self.told]
        if untold:
            self.told = untold[0].change
            self.feed.offer(untold[0])

    def read(self, limit: int, tell_meanwhile: bool = False) -> None:
        after = self.feed.to_read()
        if after is None:
            return
        found = [one for one in self.committed if one.change > after][:limit]
        complete = found[-1].change if len(found) == limit else max(self.head, after)
        if tell_meanwhile:
            self.commit(1, "ann", "c")
            self.tell()
        self.feed.fill(after, found, complete, self.told)

    def take(self) -> None:
        self.begin()
        if self.in_flight:
            self.land(-1)

    def begin(self) -> None:
        taken = self.feed.take(self.in_flight)
        if taken is not None:
            assert taken.change not in self.in_flight
            self.in_flight[taken.change] = taken, self.feed.floor(self.told, dealing=taken)

    def land(self, which: int) -> None:
        if not self.in_flight:
            return
        taken, upto = self.in_flight.pop(list(self.in_flight)[which % len(self.in_flight)])
        self.feed.deal(taken)
        self.heard.append(taken)
        self._store(taken.change, upto)
        self.feed.forget(upto)
        assert self.feed.floor(self.told) >= self.cursor

    def _store(self, change: int, upto: int) -> None:
        """As the store does."""
        assert change > self.cursor
        assert change not in self.ahead
        self.cursor = max(self.cursor, upto)
        self.ahead = {one for one in (*self.ahead, change) if one > self.cursor}
        heard = {one.change for one in self.heard}
        assert all(one.change in heard for one in self.committed if one.change <= self.cursor)
        assert len(self.ahead) <= self.room.ahead + self.room.events

    def crash(self) -> None:
        self.feed = Feed(self.cursor, self.ahead, self.room)
        self.in_flight.clear()

    def finish(self) -> None:
        for _ in range(20 * len(self.committed) + 20):
            self.tell()
            self.read(2)
            self.take()
        assert self.told == (self.committed[-1].change if self.committed else 0)
        assert self.feed.to_read() is None or self.feed.behind
        assert not len(self.feed)
        assert not self.feed.leaves
        self.ahead = {one for one in self.ahead if one > self.feed.floor(self.told)}  # the lazy cursor


SENDERS, PLACES = st.sampled_from("abcde"), st.sampled_from("uvwxyz")
ACTIONS = st.one_of(
    st.tuples(st.just("commit"), st.integers(1, 3), SENDERS, PLACES),
    st.tuples(st.just("commit"), st.just(1), st.just("a"), st.just("u")),
    st.tuples(st.just("tell")),
    st.tuples(st.just("read"), st.integers(1, 4), st.booleans()),
    st.tuples(st.just("take")),
    st.tuples(st.just("begin")),
    st.tuples(st.just("land"), st.integers(0, 3)),
    st.tuples(st.just("crash")),
)


@settings(max_examples=500)
@given(
    st.builds(Room, st.integers(1, 8), st.integers(1, 3), st.integers(1, 12)), st.lists(ACTIONS, max_size=80)
)
def test_each_comes_once_and_in_the_order_of_its_sender_and_of_its_conversation(room, actions):
    world = World(room)
    for name, *arguments in actions:
        getattr(world, name)(*arguments)
        assert len(world.feed) <= max(room.events, 1)
    world.finish()
    assert sorted(one.change for one in world.heard) == [one.change for one in world.committed]
    for key in ("sender_id", "conversation_id"):
        for name in "abcdeuvwxyz":
            changes = [one.change for one in world.heard if getattr(one.message, key) == name]
            assert changes == sorted(changes), (key, name)
    assert world.ahead == set()


def test_it_falls_behind_when_memory_is_full_and_catches_up_by_reading():
    feed = Feed(0, (), Room(events=2, of_sender=2, ahead=10))
    feed.fill(0, [], 0, 0)
    events = [event(change, f"user {change}", f"place {change}") for change in range(1, 5)]
    assert [feed.offer(one) for one in events[:3]] == [True, True, False]
    assert [feed.behind, feed.to_read(), dealt(feed), feed.to_read(), dealt(feed)] == [True, None, 1, 2, 2]
    feed.fill(2, [events[2]], 3, 3)
    assert feed.offer(events[3])
    assert [feed.behind, dealt(feed), dealt(feed), dealt(feed)] == [False, 3, 4, None]


def flooded(count: int, flooders: int = 1) -> Feed:
    """A feed that was offered so many messages of each flooder, in turn, each in a conversation of his own."""
    feed = Feed(0, (), PLENTY)
    feed.fill(0, [], 0, 0)
    for number in range(count * flooders):
        name = f"flooder {number % flooders}"
        feed.offer(event(number + 1, name, name))
    return feed


def test_whoever_writes_behind_a_flood_waits_for_one_message_of_each_of_the_others():
    feed = flooded(5_000, flooders=4)
    feed.offer(event(20_001, "ann", "ann's"))
    taken = [dealt(feed) for _ in range(5)]
    assert 20_001 in taken
    assert len(feed) <= 4 * PLENTY.of_sender


def test_a_flood_stands_in_the_store_and_not_in_memory_and_none_of_it_is_lost():
    feed, heard = flooded(1_000), 0
    assert len(feed) == PLENTY.of_sender
    reads = 0
    while heard < 1_000:
        after = feed.to_read()
        if after is not None:
            reads += 1
            page = [
                event(change, "flooder 0", "flooder 0") for change in range(after + 1, min(after + 129, 1001))
            ]
            feed.fill(after, page, page[-1].change, 1_000)
        heard += 1
        assert dealt(feed) == heard
    assert reads <= 1_000 / PLENTY.of_sender + 1
    assert [dealt(feed), feed.to_read(), feed.leaves, feed.floor(1_000)] == [None, None, False, 1_000]


def test_a_turn_that_has_to_wait_goes_to_what_it_waits_for():
    """ann wrote behind the flood, in the flooded conversation, then elsewhere: both keep their order, and her turns are used
    up by the flood's messages before hers."""
    feed = Feed(0, (), PLENTY)
    feed.fill(0, [], 0, 0)
    for change in range(1, 11):
        feed.offer(event(change, "flooder", "group"))
    feed.offer(event(11, "ann", "group"))
    feed.offer(event(12, "ann", "ann's"))
    feed.offer(event(13, "bob", "bob's"))
    order = [dealt(feed) for _ in range(13)]
    assert order.index(13) <= 2
    assert [change for change in order if change != 13] == list(range(1, 13))


def test_shares_shrink_so_that_a_crowd_of_flooders_leaves_room_for_others():
    feed = flooded(50, flooders=100)
    assert len(feed) <= PLENTY.events // 2 + 100
    assert feed.offer(event(5_001, "ann", "ann's"))
    assert not feed.behind
    counts: Counter[str] = Counter()
    for _ in range(101):
        taken = feed.take()
        assert taken is not None
        counts[taken.message.sender_id] += 1
        feed.deal(taken)
    assert counts["ann"] == 1
    assert max(counts.values()) == 1


def test_no_more_than_so_many_are_dealt_with_before_an_older_one():
    feed = Feed(0, (), Room(events=512, of_sender=32, ahead=3))
    feed.fill(0, [], 0, 0)
    for change in range(1, 9):
        feed.offer(event(change, "slow", "slow's"))
    for change in range(9, 30):
        feed.offer(event(change, f"user {change}", f"place {change}"))
    order = []
    for _ in range(10):
        order.append(dealt(feed))
        feed.forget(feed.floor(29))
    assert order[:10] == [1, 9, 10, 11, 2, 3, 4, 5, 6, 7]


def test_what_was_dealt_with_before_a_crash_does_not_come_again():
    feed = Feed(3, [5, 7], PLENTY)
    feed.fill(3, [event(change, f"user {change}", f"place {change}") for change in range(4, 9)], 8, 8)
    assert [dealt(feed) for _ in range(4)] == [4, 6, 8, None]
    assert feed.floor(8) == 8


def test_what_was_dealt_with_before_the_start_is_forgotten_once_the_floor_passes_it() -> None:
    """Else it would count against what may be dealt with ahead for as long as the plugin runs."""
    feed = Feed(0, (3, 5), PLENTY)
    feed.fill(0, [event(2), event(3), event(4), event(5), event(6)], 6, 6)
    assert feed.ahead == 2
    assert [dealt(feed) for _ in range(4)] == [2, 4, 6, None]
    feed.forget(feed.floor(6))
    assert feed.ahead == 0


def test_who_waits_behind_another_in_a_conversation_waits_until_that_one_is_through_there() -> None:
    """Not until all is dealt with that the other has elsewhere."""
    feed = Feed(0, (), Room(events=512, of_sender=2, ahead=1000))
    feed.fill(0, [], 0, 0)
    for one in (
        event(1, "ann", "here"),
        event(2, "ann", "there"),
        event(3, "ann", "here"),
        event(4, "bob", "here"),
    ):
        feed.offer(one)
    assert len(feed) == 2, "there is no room for more of ann, and bob does not pass her"
    assert feed.to_read() is None
    assert dealt(feed) == 1
    assert feed.to_read() == 2
    feed.fill(2, [event(3, "ann", "here"), event(4, "bob", "here")], 4, 4)
    assert [dealt(feed) for _ in range(4)] == [2, 3, 4, None]
