"""Lineage: which histories of a database are the same, and up to where (docs/decisions, "places and lineage").

Each life of a server on a database has a random mark. What a client learns is labelled with a `Place`: the mark under which it
was learnt, and where this and earlier lives had ended. When an older copy of the database comes back, its `Lineage` lacks the
marks that are gone, and the place says up to which change its owner's history and this one are the same.

Pure rules, the same for every store. `head` is always the last change of the snapshot that is asked.
"""

from __future__ import annotations

import hashlib
import random
from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from imserver.clock import Clock
from imserver.errors import Refusal, RefusalCode

#: Bytes of a mark.
MARK_BYTES = 16
#: Lives that a place names: its own and seven before it.
NAMED_LIVES = 8
#: The first position that is kept in every conversation: nothing removes messages yet.
FIRST_KEPT = 1


class Run(NamedTuple):
    """A row of the table `lineage`: what was written from `first_change` on, up to the next row, was written under `mark`.

    `life` is the mark with which that life began. A row takes no change.
    """

    no: int
    mark: bytes
    life: bytes
    first_change: int


class Place(NamedTuple):
    """Where somebody learnt something: in a snapshot that ended with `change`, under `mark`.

    `lives`: this life and up to seven before it that are not empty, the newest first, each with its last change as of then.
    `upto`: up to which change a listing had come; it is below `change` between two pages.
    """

    mark: bytes
    change: int
    lives: tuple[tuple[bytes, int], ...]
    upto: int


class Lineage:
    """The runs of one database in order. Never changed: another run makes another lineage."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self.runs = tuple(runs)
        if not self.runs:
            raise ValueError("a lineage has at least one run")
        self.present = self.runs[-1]
        self._firsts = [run.first_change for run in self.runs]
        self._by_mark = {run.mark: index for index, run in enumerate(self.runs)}
        self._last_of_life = {run.life: index for index, run in enumerate(self.runs)}
        #: Lives before the present one in which something was written, the newest first, each with its last change. A server
        #: that tries to start again and again, and cannot, does not use them up.
        self.earlier = self._earlier_lives()

    def with_run(self, run: Run) -> Lineage:
        """The lineage with one more run behind it."""
        return Lineage((*self.runs, run))

    def place(self, head: int, upto: int | None = None) -> Place:
        """The place of a snapshot; `upto` where a listing of it goes on."""
        lives = ((self.present.life, head), *self.earlier)
        return Place(self.present.mark, head, lives, head if upto is None else upto)

    def good(self, place: Place, head: int) -> bool:
        """Whether all that was learnt up to this place is part of this history."""
        index = self._by_mark.get(place.mark)
        return index is not None and place.change <= self._end(index, head)

    def common(self, place: Place, head: int) -> int:
        """The change up to which the history of who learns under this place, then or later in that life, is the same as this
        one. 0: no life that the place names is known here."""
        for number, (life, end) in enumerate(place.lives):
            index = self._last_of_life.get(life)
            if index is not None:
                here = self._end(index, head)
                return here if number == 0 else min(end, here)
        return 0

    def run_of(self, change: int) -> Run:
        """The run that this change is in, or would be in."""
        return self.runs[max(0, bisect_right(self._firsts, change) - 1)]

    def _end(self, index: int, head: int) -> int:
        """The last change of a run."""
        return self._firsts[index + 1] - 1 if index + 1 < len(self._firsts) else head

    def _earlier_lives(self) -> tuple[tuple[bytes, int], ...]:
        found: list[tuple[bytes, int]] = []
        begins: dict[bytes, int] = {}
        for run in self.runs:
            begins.setdefault(run.life, run.first_change)
        newest = self.present.life
        for index in range(len(self.runs) - 2, -1, -1):
            life = self.runs[index].life
            if life != newest:
                newest = life
                end = self._firsts[index + 1] - 1
                if end < begins[life]:
                    continue  # nothing was written in it, so the one before it says as much
                found.append((life, end))
                if len(found) == NAMED_LIVES - 1:
                    break
        return tuple(found)


def agreed_position(asked: int, *, first: int, last: int, common: int) -> int | None:
    """The position up to which the asker's messages and ours are the same.

    `first..last` is what the asker may read here, `common` the highest position of these up to `asked` whose change both
    histories have (0: there is none). None: nothing that is kept is known to be the same.
    """
    if asked < first:
        return min(asked, last)  # nothing that is kept can differ
    if common >= first:
        return common
    return 0 if first == 1 else None


def state_good(asked: int, *, present: int, first_after: int | None) -> bool:
    """Whether all state up to the modseq `asked` is part of this history.

    `present` is the conversation's modseq (for a former member: at leaving), `first_after` the first modseq that was given out
    in a run that the asker may not share; None if there is none.
    """
    return asked <= present and (first_after is None or asked < first_after)


def new_mark(rng: random.Random, clock: Clock, no: int) -> bytes:
    """A mark that nobody ever had, for the run number `no`: random, and hashed with both clocks, for a machine that came back
    with its memory may repeat what it takes for random."""
    told = f"{no} {clock.now_ms()} {clock.monotonic()}".encode()
    return hashlib.blake2b(rng.randbytes(32) + told, digest_size=MARK_BYTES).digest()


def new_epoch(rng: random.Random) -> str:
    """The mark of a new history: 16 hex digits."""
    return f"{rng.getrandbits(64):016x}"


def epoch_changed() -> Refusal:
    return Refusal(RefusalCode.EPOCH_CHANGED, "the store's history is another than the one you know")
