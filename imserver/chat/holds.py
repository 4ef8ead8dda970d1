"""Holding: a retry never overtakes what was said before it, and is never overtaken (SPEC, "Holding").

A post that is refused retryably holds its conversation for its session. What arrives later is refused HELD until every refused
key was offered again or abandoned, oldest first; what arrived later and is still queued is withdrawn, and is then one of them.
What arrived before it is not touched.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from typing import NamedTuple

#: Conversations of one session that can be held at once, or whose hold is remembered.
MAX_CONVERSATIONS = 1024
#: Releases of one conversation that are remembered. A session has at most 256 posts under way, so they are short-lived.
MAX_RELEASES = 256


class Ticket(NamedTuple):
    """A post's place: `rank` says where it stands among the posts of its session, `arrival` when it was (last) offered.

    They differ for a key that held its conversation and is offered again: it keeps the rank of its first arrival.
    """

    rank: int
    arrival: int


@dataclass(slots=True)
class _Held:
    #: (rank, key) of the posts to be offered again, oldest first.
    keys: list[tuple[int, bytes]] = field(default_factory=list)
    #: (rank, arrival): a post of this rank held everything behind it that had arrived by then.
    released: list[tuple[int, int]] = field(default_factory=list)


class Holds:
    """The conversations that one session holds."""

    __slots__ = ("_arrivals", "_conversations")

    def __init__(self) -> None:
        self._arrivals = 0
        self._conversations: dict[str, _Held] = {}

    def offer(self, conversation_id: str, key: bytes) -> Ticket | None:
        """A post arrives. None: the conversation is held by an older key, which has to come first."""
        held = self._conversations.get(conversation_id)
        if held is None or not held.keys:
            self._arrivals += 1
            return Ticket(self._arrivals, self._arrivals)
        rank, oldest = held.keys[0]
        if key != oldest:
            return None
        self.release(conversation_id, key)
        return Ticket(rank, self._arrivals)

    def hold(self, conversation_id: str, ticket: Ticket, key: bytes) -> None:
        """The post with this ticket was refused retryably."""
        held = self._conversations.get(conversation_id)
        if held is None:
            held = self._conversations[conversation_id] = _Held()
            self._forget()
        if all(known != key for _, known in held.keys):
            insort(held.keys, (ticket.rank, key))

    def release(self, conversation_id: str, key: bytes) -> None:
        """The key was offered again or abandoned."""
        held = self._conversations.get(conversation_id)
        if held is None:
            return
        for place, (rank, known) in enumerate(held.keys):
            if known == key:
                self._arrivals += 1
                del held.keys[place]
                held.released.append((rank, self._arrivals - 1))
                del held.released[:-MAX_RELEASES]
                return

    def overtakes(self, conversation_id: str, ticket: Ticket) -> bool:
        """True if a queued post with this ticket would overtake one that was said before it and is not decided."""
        held = self._conversations.get(conversation_id)
        if held is None:
            return False
        rank, arrival = ticket
        if held.keys and rank > held.keys[0][0]:
            return True
        return any(rank > earlier and arrival <= until for earlier, until in held.released)

    @property
    def full(self) -> bool:
        """True if no further conversation could be held: a post is then refused before it might need it."""
        return len(self._conversations) >= MAX_CONVERSATIONS and all(
            h.keys for h in self._conversations.values()
        )

    def _forget(self) -> None:
        """Make room: the oldest conversation whose hold is over."""
        if len(self._conversations) > MAX_CONVERSATIONS:
            over = next(
                (name for name, held in self._conversations.items() if held.released and not held.keys), None
            )
            if over is not None:
                del self._conversations[over]
