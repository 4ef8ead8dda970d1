"""Holding: a retry never overtakes what was said before it, and is never overtaken (SPEC, "Holding").

A post that is refused retryably holds its conversation for its session. What arrives later is refused HELD until every refused
key was offered again or abandoned, oldest first; what arrived later and is still queued is withdrawn, and is then one of them.
What arrived before it is not touched.

What a session holds is bounded (invariant 14), and the bound costs no order. A hold guards against what its client sent
before it heard of the refusal; what it sends later it puts in order itself. So a hold is needed for no longer than a window of
requests, and of several windows of held keys the oldest may go.
"""

from __future__ import annotations

from bisect import insort
from collections import OrderedDict

import msgspec

#: Requests of a session that are under way at the most, unless the server is configured otherwise.
MAX_UNDER_WAY = 256
#: Keys that hold, in windows of requests: each arrival holds once at the most, so a key that goes is more than two windows old.
HELD_WINDOWS = 4
#: Releases that are remembered, in windows of requests: of one window offered again and one abandoned while a post is queued.
RELEASED_WINDOWS = 2


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """A post's place: `rank` says where it stands among the posts of its session, `arrival` when it was (last) offered.

    They differ for a key that held its conversation and is offered again: it keeps the rank of its first arrival.
    """

    rank: int
    arrival: int


class Holds:
    """The conversations that one session holds."""

    __slots__ = ("_arrivals", "_held", "_keys", "_max_keys", "_max_released", "_released", "_releases")

    def __init__(self, max_under_way: int = MAX_UNDER_WAY) -> None:
        self._max_keys = HELD_WINDOWS * max_under_way
        self._max_released = RELEASED_WINDOWS * max_under_way
        self._arrivals = 0
        #: conversation -> (rank, key) of the posts to be offered again, oldest first; what was held last stands last.
        self._held: OrderedDict[str, list[tuple[int, bytes]]] = OrderedDict()
        self._keys = 0
        #: conversation -> rank -> arrival: a post of this rank held everything behind it that had arrived by then.
        self._released: dict[str, dict[int, int]] = {}
        self._releases: OrderedDict[tuple[str, int], None] = OrderedDict()

    def __len__(self) -> int:
        """Keys and releases that are remembered."""
        return self._keys + len(self._releases)

    @property
    def matter(self) -> bool:
        """False while nothing is held and no release is remembered: then no post overtakes anything."""
        return bool(self._held or self._released)

    def offer(self, conversation_id: str, key: bytes) -> Ticket | None:
        """A post arrives. None: the conversation is held by an older key, which has to come first."""
        keys = self._held.get(conversation_id)
        if not keys:
            self._arrivals += 1
            return Ticket(self._arrivals, self._arrivals)
        rank, oldest = keys[0]
        if key != oldest:
            return None
        self.release(conversation_id, key)
        return Ticket(rank, self._arrivals)

    def hold(self, conversation_id: str, ticket: Ticket, key: bytes) -> None:
        """The post with this ticket was refused retryably."""
        keys = self._held.setdefault(conversation_id, [])
        if all(known != key for _, known in keys):
            insort(keys, (ticket.rank, key))
            self._keys += 1
            self._held.move_to_end(conversation_id)
        while self._keys > self._max_keys and len(self._held) > 1:
            oldest, gone = self._held.popitem(last=False)
            self._keys -= len(gone)
            # What is still queued behind it comes back all the same, and is offered again in its order.
            self._remember(oldest, gone[0][0])

    def release(self, conversation_id: str, key: bytes) -> None:
        """The key was offered again or abandoned."""
        keys = self._held.get(conversation_id, [])
        for place, (rank, known) in enumerate(keys):
            if known == key:
                del keys[place]
                self._keys -= 1
                if not keys:
                    del self._held[conversation_id]
                self._remember(conversation_id, rank)
                return

    def overtakes(self, conversation_id: str, ticket: Ticket) -> bool:
        """True if a queued post with this ticket would overtake one that was said before it and is not decided."""
        rank, arrival = ticket.rank, ticket.arrival
        keys = self._held.get(conversation_id)
        if keys and rank > keys[0][0]:
            return True
        released = self._released.get(conversation_id)
        if not released:
            return False
        return any(rank > earlier and arrival <= until for earlier, until in released.items())

    def _remember(self, conversation_id: str, rank: int) -> None:
        """The hold of this rank is over; it held what has arrived until now."""
        self._released.setdefault(conversation_id, {})[rank] = self._arrivals
        self._arrivals += 1
        self._releases[conversation_id, rank] = None
        self._releases.move_to_end((conversation_id, rank))
        if len(self._releases) > self._max_released:
            (conversation, oldest), _ = self._releases.popitem(last=False)
            ranks = self._released[conversation]
            del ranks[oldest]
            if not ranks:
                del self._released[conversation]
