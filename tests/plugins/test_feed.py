"""Each message once, in commit order, however live events, reads and overflows fall together."""

from hypothesis import given
from hypothesis import strategies as st

from imserver.events import MessagePosted
from imserver.model import Message
from imserver.plugin_host.feed import Feed


def event(change: int) -> MessagePosted:
    return MessagePosted(change, Message("c", change, "ann", 0, b"", b""), {})


class World:
    """Commits with gaps in their numbers (other facts take numbers too), told of late; reads that see more than was told."""

    def __init__(self, max_live_events: int) -> None:
        self.committed: list[int] = []
        self.told = 0
        self.head = 0
        self.feed = Feed(0, max_live_events)
        self.heard: list[int] = []

    def commit(self, gap: int) -> None:
        self.head += gap
        self.committed.append(self.head)

    def tell(self) -> None:
        untold = [change for change in self.committed if change > self.told]
        if untold:
            self.told = untold[0]
            self.feed.offer(event(self.told))

    def read(self, limit: int, tell_meanwhile: bool) -> None:
        after = self.feed.fetched
        found = [change for change in self.committed if change > after][:limit]
        complete = found[-1] if len(found) == limit else max(self.head, after)
        if tell_meanwhile:
            self.commit(1)
            self.tell()
        self.feed.fill([event(change) for change in found], complete, self.told)

    def take(self) -> None:
        taken = self.feed.take()
        if taken is not None:
            self.heard.append(taken.change)


ACTIONS = st.one_of(
    st.tuples(st.just("commit"), st.integers(1, 3)),
    st.tuples(st.just("tell")),
    st.tuples(st.just("read"), st.integers(1, 4), st.booleans()),
    st.tuples(st.just("take")),
)


@given(st.integers(1, 4), st.lists(ACTIONS, max_size=60))
def test_nothing_is_missed_and_nothing_comes_twice(max_live_events, actions):
    world = World(max_live_events)
    for name, *arguments in actions:
        if name == "read" and (not world.feed.behind or len(world.feed)):
            continue  # a worker reads only when it has nothing in memory and knows that something may be missing
        getattr(world, name)(*arguments)
        assert len(world.feed) <= max(max_live_events, 4)
    while world.told < world.head or world.feed.behind or len(world.feed):
        world.tell()
        if not len(world.feed) and world.feed.behind:
            world.read(2, tell_meanwhile=False)
        world.take()
    assert world.heard == world.committed


def test_it_falls_behind_when_memory_is_full_and_catches_up_by_reading():
    feed = Feed(0, 2)
    feed.fill([], 0, 0)
    assert [feed.offer(event(change)) for change in (1, 2, 3)] == [True, True, False]
    assert [feed.behind, taken(feed), taken(feed), taken(feed)] == [True, 1, 2, None]
    feed.fill([event(3)], 3, 3)
    assert feed.offer(event(4))
    assert [feed.behind, taken(feed), taken(feed), taken(feed)] == [False, 3, 4, None]


def taken(feed: Feed) -> int | None:
    event = feed.take()
    return None if event is None else event.change
