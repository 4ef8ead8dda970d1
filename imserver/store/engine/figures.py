"""Figures that the writer and its store keep for whoever looks: counts on the loop, sizes from the writer's thread."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

#: Upper bounds of commit times (seconds) and of units in a batch.
COMMIT_BOUNDS_S = (
    *(0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)  # fmt: skip
BATCH_BOUNDS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)


class Distribution:
    """How many values fell below which bound, and their sum. Read by whoever likes, written in one place, without a lock."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        #: One for each bound, and one for what is above all of them.
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


def quantile(bounds: Sequence[float], counts: Sequence[int], share: float) -> float | None:
    """The value below which this share of the counted ones lies, on a straight line between two bounds; None of nothing. What
    is above the last bound counts as that bound."""
    wanted = share * sum(counts)
    if wanted <= 0:
        return None
    below = 0
    for number, count in enumerate(counts[:-1]):
        if count and below + count >= wanted:
            low = bounds[number - 1] if number else 0.0
            return low + (bounds[number] - low) * (wanted - below) / count
        below += count
    return bounds[-1]


class WriterFigures(NamedTuple):
    """Of the writer, since the store was opened. All but the queue's are sums."""

    batches: int
    units: int
    posts: int
    #: Units that failed, and of these the ones for which the disk had no room.
    failed: int
    full: int
    commit_s: Distribution
    batch_units: Distribution
    queued_units: int
    queued_bytes: int
    #: How long the batch in flight is under way, and the oldest unit waits (seconds).
    in_flight_s: float
    waited_s: float
    #: Whether the disk had room for the last batch that asked for any.
    has_room: bool = True
    #: Reads that wait for a reader.
    waiting_reads: int = 0
    #: An older copy of the database is suspected: by the side file, or by so many clients.
    older_copy: int = 0


class Sizes(NamedTuple):
    """Of the files, looked up on the writer's thread: a disk that does not answer gives no new ones."""

    database_bytes: int
    wal_bytes: int
    #: Of the log, what could not be taken over into the database yet, because somebody still reads from before it.
    lag_bytes: int
    free_bytes: int
    disk_bytes: int
