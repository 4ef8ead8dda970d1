"""Feed: a plugin's undealt messages, handed out so that users take turns; live ones come from memory, others by reading.

**Turns.** Each sender has a queue, and the queues take turns: one message of each. Two orders hold all the same: of one sender,
and of one conversation, messages come in commit order. A message that is next in its sender's queue may still wait for an older
one in its conversation; then its turn goes to what it waits for, so that a turn is never lost and nobody waits for more than
what is before him there. (Each such step leads to an older message, and the oldest of all waits for nothing.)

**Room.** A sender has at most a share of the memory. What exceeds it is *left*: it is read from the store once the sender's
queue is empty. While a message is left, later ones of its sender and of its conversation are left too, and no others. If memory
is full the whole feed is *behind* and reads from there on.

**Dealt with.** Messages are dealt with out of order, so a number says only up to where everything is (`floor`); above it the
single ones are remembered (`ahead`). With too many of those the oldest message has the turn until the floor has risen (and
there are never more of them than that and what was in memory).

    behind ──read until nothing is missing──▶ live ◀──────── read again ────────┐
      ▲                                        │  └─ a sender's share is full ─▶ left
      └───────────── memory full ──────────────┘

Pure: no I/O and no time. `change` numbers come from the store, in commit order.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Collection, Iterable
from heapq import heappop, heappush
from itertools import islice
from typing import NamedTuple

from imserver.events import MessagePosted

#: Senders and conversations of which messages are left, together. Above it nothing more is left: the feed is behind.
MAX_LEFT = 4096


class Room(NamedTuple):
    """The bounds of a feed: messages in memory, those of one sender, and those dealt with above the floor."""

    events: int
    of_sender: int
    ahead: int


class _Left:
    """What is left: of these senders and places, from the lowest change on."""

    __slots__ = ("at", "places", "senders")

    def __init__(self) -> None:
        self.at: int | None = None
        self.senders: set[str] = set()
        self.places: set[str] = set()

    def __len__(self) -> int:
        return len(self.senders) + len(self.places)

    def holds(self, sender: str, place: str) -> bool:
        return sender in self.senders or place in self.places

    def add(self, change: int, sender: str, place: str) -> None:
        self.at = change if self.at is None else min(self.at, change)
        self.senders.add(sender)
        self.places.add(place)

    def merge(self, other: _Left) -> None:
        self.senders |= other.senders
        self.places |= other.places
        if other.at is not None:
            self.at = other.at if self.at is None else min(self.at, other.at)


class _Again:
    """A second look at what was left: from where to where, what it leaves again, and what is left behind its end meanwhile."""

    __slots__ = ("after", "later", "left", "upto")

    def __init__(self, after: int, upto: int) -> None:
        self.after = after
        self.upto = upto
        self.left = _Left()
        self.later = _Left()


class Feed:
    """The events of one plugin, each once. `ahead`: those above `after` that were dealt with before."""

    def __init__(self, after: int, ahead: Iterable[int], room: Room) -> None:
        #: All events up to this change are in memory, left, or dealt with.
        self.fetched = after
        #: True while events may be missing between `fetched` and the newest: they have to be read.
        self.behind = True
        self._room = room
        self._pending: dict[int, MessagePosted] = {}
        #: The changes in `_pending`, the lowest first; those that are dealt with are dropped when they come up.
        self._oldest: list[int] = []
        #: The sender whose turn is next comes first.
        self._of_sender: OrderedDict[str, deque[MessagePosted]] = OrderedDict()
        self._in_place: dict[str, deque[MessagePosted]] = {}
        self._dealt = set(ahead)
        self._lowest_dealt = sorted(self._dealt)
        #: All that is left is of these senders; not all of theirs is.
        self._left = _Left()
        self._look_again = False
        self._again: _Again | None = None

    def __len__(self) -> int:
        """The events in memory."""
        return len(self._pending)

    @property
    def ahead(self) -> int:
        """Events above the floor that are dealt with."""
        return len(self._dealt)

    @property
    def leaves(self) -> bool:
        """True while messages are left, to be read later."""
        return self._left.at is not None

    # -- in -----------------------------------------------------------------------------------------------------------

    def offer(self, event: MessagePosted) -> bool:
        """Offer an event that was just committed. False if it has to be read later. Repetitions are ignored."""
        if self.behind:
            return False
        if event.change <= self.fetched:
            return True  # a read was quicker than the commit's own event
        if not self._add(event):
            self.behind = True
            return False
        self.fetched = event.change
        return event.change in self._pending

    def to_read(self) -> int | None:
        """The change after which to read now; None if there is nothing to read, or no room."""
        if len(self._pending) > self._room.events // 2:
            return None
        if self.behind and len(self._left) < MAX_LEFT and not self._too_far_ahead:
            return self.fetched
        if self._again is not None and self._again.left.at is not None and self._too_far_ahead:
            self._end_again(
                self._again, whole=False
            )  # what it has left again is older than what it would find
        look = self._look_again or self._too_far_ahead or not self._pending
        if self._again is None and self._left.at is not None and look:
            self._again, self._look_again = _Again(self._left.at - 1, self.fetched), False
        return None if self._again is None else self._again.after

    def fill(self, after: int, events: Iterable[MessagePosted], complete: int, newest: int) -> None:
        """Add the result of a read: all `events` after `after` up to `complete`. `newest`: the last commit notified."""
        again = self._again
        if again is not None and after == again.after and after < self.fetched:
            self._fill_again(again, events, complete)
        elif after <= self.fetched:
            self._fill_new(events, complete, newest)

    def _fill_new(self, events: Iterable[MessagePosted], complete: int, newest: int) -> None:
        for event in events:
            if event.change > self.fetched:
                if not self._add(event):
                    self.behind = True
                    return
                self.fetched = event.change
        self.fetched = max(self.fetched, complete)
        self.behind = self.fetched < newest

    def _fill_again(self, again: _Again, events: Iterable[MessagePosted], complete: int) -> None:
        for event in events:
            if event.change > again.upto:
                break
            sender, place = event.message.sender_id, event.message.conversation_id
            missing = event.change not in self._pending and event.change not in self._dealt
            if missing and sender in self._left.senders:
                if len(self._pending) >= self._room.events:
                    self._look_again = True
                    self._end_again(again, whole=False)
                    return
                if again.left.holds(sender, place) or not self._has_room(sender):
                    again.left.add(event.change, sender, place)
                    if self._too_far_ahead:
                        self._end_again(again, whole=False)
                        return
                else:
                    self._queue(event)
            again.after = event.change
        again.after = max(again.after, min(complete, again.upto))
        if again.after >= again.upto:
            self._end_again(again, whole=True)
        elif not any(map(self._has_room, self._left.senders)):
            self._end_again(again, whole=False)

    def _end_again(self, again: _Again, *, whole: bool) -> None:
        """What was left before is in memory or left again; behind a look that was cut short it may be either."""
        self._again = None
        left = again.left
        if not whole:
            at = again.after + 1 if left.at is None else left.at
            left.merge(self._left)
            left.at = at
        left.merge(again.later)
        self._left = left
        # Whoever of them is in memory asks for the next look when his queue is empty.
        if left.at is not None and self._of_sender.keys().isdisjoint(left.senders):
            self._look_again = True

    def _add(self, event: MessagePosted) -> bool:
        """Put a new event into memory or leave it. False if there is no room for either."""
        if event.change in self._dealt:
            return True
        sender, place = event.message.sender_id, event.message.conversation_id
        if self._left.holds(sender, place) or not self._has_room(sender):
            if len(self._left) >= MAX_LEFT:
                return False
            self._left.add(event.change, sender, place)
            if self._again is not None:
                self._again.later.add(event.change, sender, place)
            return True
        if len(self._pending) >= self._room.events or self._too_far_ahead:
            return False
        self._queue(event)
        return True

    @property
    def _lowest_missing(self) -> int | None:
        """All that is neither in memory nor dealt with is at this change or above."""
        if self._again is None:
            return self._left.at
        return self._again.after + 1 if self._again.left.at is None else self._again.left.at

    @property
    def _too_far_ahead(self) -> bool:
        """What is left has to be looked at before anything new is."""
        return self._left.at is not None and len(self._dealt) >= self._room.ahead

    def _has_room(self, sender: str) -> bool:
        # Half of the memory is shared out, so that whoever is new finds some; nobody's share is less than one.
        waiting = len(self._of_sender.get(sender, ()))
        share = self._room.events // 2 // max(1, len(self._of_sender))
        return waiting < max(1, min(self._room.of_sender, share))

    def _queue(self, event: MessagePosted) -> None:
        self._pending[event.change] = event
        heappush(self._oldest, event.change)
        self._of_sender.setdefault(event.message.sender_id, deque()).append(event)
        self._in_place.setdefault(event.message.conversation_id, deque()).append(event)

    # -- out ----------------------------------------------------------------------------------------------------------

    def take(self, in_flight: Collection[int] = ()) -> MessagePosted | None:
        """The event whose turn it is; it stays in memory until it is dealt with. None: there is none, or it has to be read.

        Those `in_flight` (changes) have had their turn and are not dealt with: what waits for one of them is passed over."""
        if len(self._pending) <= len(in_flight):
            return None
        if len(self._dealt) >= self._room.ahead:
            oldest = self._lowest_pending()
            assert oldest is not None
            missing = self._lowest_missing
            # What is left and older is to be read first, if only there is room.
            must_read = missing is not None and missing < oldest and self.to_read() is not None
            return None if must_read or oldest in in_flight else self._pending[oldest]
        for _ in range(len(self._of_sender)):
            sender, queue = next(iter(self._of_sender.items()))
            self._of_sender.move_to_end(sender)
            event = queue[0]
            while (first := self._in_place[event.message.conversation_id][0]) is not event:
                event = self._of_sender[first.message.sender_id][0]
            if event.change not in in_flight:
                return event
        return None

    def waiting(self, count: int) -> list[MessagePosted]:
        """So many of the events in memory, those that came first."""
        return list(islice(self._pending.values(), count))

    def deal(self, event: MessagePosted) -> None:
        """The event is dealt with."""
        del self._pending[event.change]
        sender, place = event.message.sender_id, event.message.conversation_id
        self._of_sender[sender].popleft()
        self._in_place[place].popleft()
        if not self._of_sender[sender]:
            del self._of_sender[sender]
            self._look_again = self._look_again or sender in self._left.senders
        if not self._in_place[place]:
            del self._in_place[place]
            self._look_again = self._look_again or place in self._left.places
        self._dealt.add(event.change)
        heappush(self._lowest_dealt, event.change)

    def floor(self, newest: int, *, dealing: MessagePosted | None = None) -> int:
        """All events up to this change are dealt with, or are once `dealing` is. It never falls."""
        lowest = self._lowest_pending(dealing)
        floor = self.fetched if self.behind else max(newest, self.fetched)
        if lowest is not None:
            floor = min(floor, lowest - 1)
        missing = self._lowest_missing
        return floor if missing is None else min(floor, missing - 1)

    def forget(self, floor: int) -> None:
        """Nobody asks any more whether something up to here is dealt with."""
        while self._lowest_dealt and self._lowest_dealt[0] <= floor:
            self._dealt.discard(heappop(self._lowest_dealt))

    def _lowest_pending(self, besides: MessagePosted | None = None) -> int | None:
        heap, put_back = self._oldest, None
        while heap:
            if besides is not None and heap[0] == besides.change:
                put_back = heappop(heap)
            elif heap[0] not in self._pending:
                heappop(heap)
            else:
                break
        lowest = heap[0] if heap else None
        if put_back is not None:
            heappush(heap, put_back)
        return lowest
