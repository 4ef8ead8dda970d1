"""Holds keep a session's posts in order: a retry never overtakes an earlier post, and is never overtaken (SPEC, "Holding").

A post that is refused retryably holds its conversation for its session. Posts that arrive later are refused HELD until every
refused key was offered again or abandoned, oldest first; later posts that are still queued are withdrawn and join these keys.
Posts that arrived before it are not touched.

Holds are bounded (invariant 14), and the bound costs no order. A hold guards against posts that the client sent before it
received the refusal; later ones the client puts in order itself. So a hold is needed for no longer than a window of requests,
and of several windows of held keys the oldest may go.
"""

from __future__ import annotations

from bisect import insort
from collections import OrderedDict
from typing import Any

from imserver.chat.tickets import Ticket

#: Most requests of a session in flight, unless the server is configured otherwise.
MAX_UNDER_WAY = 256
#: Keys that hold, in windows of requests: each arrival holds once at the most, so a key that goes is more than two windows old.
HELD_WINDOWS = 4
#: Releases that are remembered, in windows of requests: of one window offered again and one abandoned while a post is queued.
RELEASED_WINDOWS = 2

#: What most sessions hold, all of them this same one: four of their own would be a tenth of an idle session. Never filled.
_NOTHING: OrderedDict[Any, Any] = OrderedDict()


class Holds:
    """The conversations that one session holds."""

    __slots__ = (
        "_arrivals",
        "_held",
        "_keys",
        "_max_keys",
        "_max_released",
        "_released",
        "_releases",
        "waiting",
        "waiting_tokens",
    )

    def __init__(self, max_under_way: int = MAX_UNDER_WAY) -> None:
        self._max_keys = HELD_WINDOWS * max_under_way
        self._max_released = RELEASED_WINDOWS * max_under_way
        self._arrivals = 0
        #: conversation -> (rank, key) of the posts to be offered again, oldest first; the last conversation held stands last.
        self._held: OrderedDict[str, list[tuple[int, bytes]]] = _NOTHING
        self._keys = 0
        #: conversation -> rank -> arrival: a post of this rank held everything behind it that had arrived by then.
        self._released: dict[str, dict[int, int]] = _NOTHING
        self._releases: OrderedDict[tuple[str, int], None] = _NOTHING
        #: conversation -> writes other than posts that wait for their rate or room; a window of requests bounds them.
        #: No post runs past them: one that arrives there is refused, and holds.
        self.waiting: dict[str, int] = _NOTHING
        #: What all of them take of the rate (tokens).
        self.waiting_tokens = 0.0

    def __len__(self) -> int:
        """Number of remembered keys and releases."""
        return self._keys + len(self._releases)

    @property
    def matter(self) -> bool:
        """False while nothing is held and no release is remembered: then no post overtakes anything."""
        return bool(self._held or self._released)

    def offer(self, conversation_id: str, key: bytes) -> Ticket | None:
        """Give an arriving post its ticket. None: an older key holds the conversation and has to come first."""
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
        """Hold the conversation: the post with this ticket was refused retryably."""
        if self._held is _NOTHING:
            self._held = OrderedDict()
        keys = self._held.setdefault(conversation_id, [])
        if all(known != key for _, known in keys):
            insort(keys, (ticket.rank, key))
            self._keys += 1
            self._held.move_to_end(conversation_id)
        while self._keys > self._max_keys and len(self._held) > 1:
            oldest, gone = self._held.popitem(last=False)
            self._keys -= len(gone)
            # Posts still queued behind it are withdrawn all the same, and offered again in their order.
            self._remember(oldest, gone[0][0])

    def release(self, conversation_id: str, key: bytes) -> None:
        """End the hold of a key that was offered again or abandoned."""
        keys = self._held.get(conversation_id, [])
        for place, (rank, known) in enumerate(keys):
            if known == key:
                del keys[place]
                self._keys -= 1
                if not keys:
                    del self._held[conversation_id]
                self._remember(conversation_id, rank)
                return

    def write_waits(self, conversation_id: str, tokens: float) -> None:
        """A write that is no post waits to begin."""
        if self.waiting is _NOTHING:
            self.waiting = {}
        self.waiting[conversation_id] = self.waiting.get(conversation_id, 0) + 1
        self.waiting_tokens += tokens

    def write_begins(self, conversation_id: str, tokens: float) -> None:
        """It waits no longer."""
        self.waiting_tokens -= tokens
        self.waiting[conversation_id] -= 1
        if not self.waiting[conversation_id]:
            del self.waiting[conversation_id]

    def overtakes(self, conversation_id: str, ticket: Ticket) -> bool:
        """True if a queued post with this ticket would overtake an earlier one that is not decided."""
        rank, arrival = ticket.rank, ticket.arrival
        keys = self._held.get(conversation_id)
        if keys and rank > keys[0][0]:
            return True
        released = self._released.get(conversation_id)
        if not released:
            return False
        return any(rank > earlier and arrival <= until for earlier, until in released.items())

    def _remember(self, conversation_id: str, rank: int) -> None:
        """The hold of this rank is over; it held all posts that have arrived until now."""
        if self._releases is _NOTHING:
            self._released, self._releases = {}, OrderedDict()
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
