"""Request order: which of one session's requests may begin next (SPEC, "Order of requests").

Writes begin in the order of arrival. A read begins when the writes that arrived before it, posts among them, are settled; it
never waits for later ones, so a client that posts without a pause still gets its pages.
"""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class RequestOrder(Generic[T]):
    """The requests of one session that wait to begin, and the number of its writes that are not settled."""

    __slots__ = ("_behind", "reads", "unsettled", "writes")

    def __init__(self) -> None:
        #: Requests that wait, by seq; a window bounds them. Posts are not among them: they never wait.
        self.writes: list[tuple[int, T]] = []
        self.reads: list[tuple[int, T]] = []
        #: Writes, posts among them, that arrived after the last waiting read and are not settled. A plain number that the
        #: session counts itself, once for all posts of one read (benchmark "throughput").
        self.unsettled = 0
        #: For each waiting read, the unsettled writes that arrived between the waiting read before it and itself.
        self._behind: list[int] = []

    @property
    def waiting(self) -> bool:
        """True while requests wait to begin."""
        return bool(self.writes or self.reads)

    @property
    def read_is_due(self) -> bool:
        """True if every write that arrived before the first waiting read is settled."""
        return bool(self._behind) and not self._behind[0]

    def add_write(self, seq: int, request: T) -> None:
        """A write that is no post has arrived."""
        self.writes.append((seq, request))
        self.unsettled += 1

    def add_read(self, seq: int, request: T) -> None:
        """A read has arrived: it waits for the writes that did before it."""
        self.reads.append((seq, request))
        self._behind.append(self.unsettled)
        self.unsettled = 0

    def begin_read(self) -> tuple[int, T]:
        """Take the first waiting read, which is due."""
        del self._behind[0]
        return self.reads.pop(0)

    def settled(self, seq: int) -> None:
        """The write with this seq is answered, or never will be."""
        for place, (read, _) in enumerate(self.reads):
            if seq < read:
                self._behind[place] -= 1
                return
        self.unsettled -= 1

    def clear(self) -> None:
        """Drop what waits; writes that have begun are settled all the same."""
        self.unsettled += sum(self._behind)
        self._behind.clear()
        self.writes.clear()
        self.reads.clear()
