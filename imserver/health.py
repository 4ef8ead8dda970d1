"""How a server is: whether it is ready, what is wrong with it for a while, and all of that on one screen.

Once a second `look` compares the figures with those of before. It asks for what is counted anyway, and has the sizes of files
looked up on the writer's thread: a disk that does not answer holds up nobody who asks how the server is.
"""

from __future__ import annotations

import importlib.metadata
from collections import Counter, deque
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple, Protocol, runtime_checkable

from imserver.clock import Clock
from imserver.conditions import Condition, Conditions
from imserver.errors import RefusalCode
from imserver.store.engine.figures import COMMIT_BOUNDS_S, Sizes, WriterFigures, quantile

#: A commit that takes longer is slow, and the server is not ready (seconds). One of `COMMIT_BOUNDS_S`.
SLOW_COMMIT_S = 1.0
#: So many refused requests a second, over `RATE_S`, are many; half as many are not any more.
MANY_REFUSALS = 50.0
RATE_S = 10.0
#: A log longer than this, of which so much waits for a reader, is not the writer's own doing.
LONG_WAL_BYTES = 64 * 1024 * 1024
LAG_BYTES = 16 * 1024 * 1024
#: With so much room a disk is not full any more, also if nobody has tried.
ROOM_AGAIN_BYTES = 16 * 1024 * 1024
#: Without [http]: less free room than this is not ready.
MIN_FREE_BYTES = 64 * 1024 * 1024
#: A disk whose sizes were asked for so long ago does not answer (seconds).
SILENT_DISK_S = 10.0
#: Figures are kept for so many looks, about a minute.
KEPT_LOOKS = 61
SHOWN_LOOKS = 30
#: An older copy is told for so long after the last client that knew more (seconds).
OLDER_COPY_S = 3600.0


@runtime_checkable
class Measured(Protocol):
    """A store that can tell how it is. One that cannot is taken to be well."""

    def figures(self) -> WriterFigures | None:
        """None while it is not open."""
        ...

    def look(self, told: Callable[[Sizes], object]) -> bool:
        """Have the sizes looked up; told on the loop, later, or not if the disk does not answer. False: they never are."""
        ...


class Part(NamedTuple):
    """One part of being ready; `why` is empty if it is."""

    name: str
    why: str

    @property
    def ok(self) -> bool:
        return not self.why


class _Moment(NamedTuple):
    at: float
    posts: int
    commits: tuple[int, ...]
    refused: int


class Health:
    """The health of one server. `refusals` are set when there is a listener to count them."""

    def __init__(
        self, store: object, clock: Clock, conditions: Conditions, *, min_free_bytes: int = MIN_FREE_BYTES
    ) -> None:
        self._store = store if isinstance(store, Measured) else None
        self._clock = clock
        self._min_free_bytes = min_free_bytes
        self.conditions = conditions
        self.refusals: Mapping[RefusalCode, int] = Counter()
        #: Why nobody new is accepted; empty if everybody is.
        self.not_accepting = "the server is starting"
        self.started_ms = clock.now_ms()
        self._started = clock.monotonic()
        #: When a copy of the database was last made, if that is known.
        self.last_backup_ms: int | None = None
        self.sizes: Sizes | None = None
        self._asked: float | None = None
        self._moments: deque[_Moment] = deque(maxlen=KEPT_LOOKS)
        self._before: WriterFigures | None = None
        self._refused_before = 0
        self._slow_before = 0
        add = conditions.add
        self._disk_full = add(
            "disk_full", "The disk is full: nothing can be stored. Make room; the server goes on by itself."
        )
        self._slow_commits = add(
            "slow_commits",
            f"Commits take longer than {SLOW_COMMIT_S:g} s: the disk is slow, or something else keeps it busy.",
        )
        self._reader_lag = add(
            "reader_lag",
            "Another program reads the database and does not end: the write-ahead log grows. End that program.",
        )
        self._older_copy = add(
            "older_copy",
            "An older copy of the database seems to have been put back: clients knew more than it.",
            quiet_s=OLDER_COPY_S,
            logs_begin=False,  # the store says `older_copy_suspected`
        )
        self._many_refusals = add(
            "many_refusals", f"More than {MANY_REFUSALS:g} requests a second are refused; see the codes."
        )

    @property
    def figures(self) -> WriterFigures | None:
        """Of the writer, now."""
        return self._store.figures() if self._store is not None else None

    @property
    def uptime_s(self) -> float:
        return self._clock.monotonic() - self._started

    # -- once a second ------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Compare with before, and have conditions begin and end."""
        now = self._clock.monotonic()
        figures = self.figures
        refused = sum(self.refusals.values())
        if figures is not None:
            self._moments.append(_Moment(now, figures.posts, tuple(figures.commit_s.counts), refused))
            self._judge(figures)
        self._judge_refusals(now, refused)
        if self._store is not None and self._asked is None:
            self._asked = now
            if not self._store.look(self._sized):
                self._asked = None

    def _sized(self, sizes: Sizes) -> None:
        self._asked = None
        self.sizes = sizes
        if sizes.wal_bytes > LONG_WAL_BYTES and sizes.lag_bytes > LAG_BYTES:
            self._reader_lag.begin(wal_bytes=sizes.wal_bytes, lag_bytes=sizes.lag_bytes)
        else:
            self._reader_lag.rest(wal_bytes=sizes.wal_bytes)

    def _judge(self, figures: WriterFigures) -> None:
        before, self._before = self._before, figures
        full = figures.full - (before.full if before is not None else 0)
        free = self.sizes.free_bytes if self.sizes is not None else 0
        if full > 0:
            self._disk_full.begin(full, free_bytes=free)
        elif figures.has_room or free >= ROOM_AGAIN_BYTES:
            self._disk_full.rest(free_bytes=free)
        slow = sum(figures.commit_s.counts[COMMIT_BOUNDS_S.index(SLOW_COMMIT_S) + 1 :])
        took, self._slow_before = slow - self._slow_before, slow
        if took > 0:
            self._slow_commits.begin(took)
        elif figures.in_flight_s > SLOW_COMMIT_S:
            # Counted when it is done.
            self._slow_commits.begin(
                int(not self._slow_commits.is_on), in_flight_s=round(figures.in_flight_s, 1)
            )
        else:
            self._slow_commits.rest()
        suspected = figures.older_copy - (before.older_copy if before is not None else 0)
        if suspected > 0:
            self._older_copy.begin(suspected)
        else:
            self._older_copy.rest()

    def _judge_refusals(self, now: float, refused: int) -> None:
        new, self._refused_before = refused - self._refused_before, refused
        since = next((moment for moment in self._moments if now - moment.at <= RATE_S), None)
        rate = (refused - since.refused) / RATE_S if since is not None else 0.0
        if rate >= MANY_REFUSALS:
            code = max(self.refusals, key=self.refusals.__getitem__)
            self._many_refusals.begin(new, per_s=round(rate), most=code.name)
        elif self._many_refusals.is_on and rate > MANY_REFUSALS / 2:
            self._many_refusals.begin(new, per_s=round(rate))
        else:
            self._many_refusals.rest()

    # -- asked --------------------------------------------------------------------------------------------------------

    def ready(self) -> list[Part]:
        """The parts of being ready: all of them are, or the server wants no new work."""
        return [
            Part("accepting", self.not_accepting),
            Part("writer", self._writer_why()),
            Part("disk", self._disk_why()),
        ]

    def _writer_why(self) -> str:
        if self._store is None:
            return ""
        figures = self._store.figures()
        if figures is None:
            return "the store is not open"
        waited_s = max(figures.in_flight_s, figures.waited_s)
        if waited_s > SLOW_COMMIT_S:
            return f"work waits for {waited_s:.1f} s to be stored"
        return "commits are slow" if self._slow_commits.is_on else ""

    def _disk_why(self) -> str:
        if self._disk_full.is_on:
            return "the disk is full"
        if self._asked is not None and self._clock.monotonic() - self._asked > SILENT_DISK_S:
            return "the disk does not answer"
        if self.sizes is not None and self.sizes.free_bytes < self._min_free_bytes:
            return f"less than {self._min_free_bytes // (1024 * 1024)} MiB are free"
        return ""

    def rates(self) -> dict[str, float | None]:
        """Of the last minute: posts and refusals a second; half of the commits, and 99 of 100, took no longer (seconds)."""
        if len(self._moments) < 2:
            return {"posts_per_s": 0.0, "refusals_per_s": 0.0, "commit_p50_s": None, "commit_p99_s": None}
        first, last = self._moments[0], self._moments[-1]
        passed = max(last.at - first.at, 0.001)
        commits = [new - old for new, old in zip(last.commits, first.commits, strict=True)]
        return {
            "posts_per_s": (last.posts - first.posts) / passed,
            "refusals_per_s": (last.refused - first.refused) / passed,
            "commit_p50_s": quantile(COMMIT_BOUNDS_S, commits, 0.5),
            "commit_p99_s": quantile(COMMIT_BOUNDS_S, commits, 0.99),
        }

    def _posts_each_s(self) -> list[int]:
        """The last half minute, second by second."""
        shown = [moment.posts for moment in self._moments][-SHOWN_LOOKS - 1 :]
        return [new - old for old, new in pairwise(shown)]

    def told(self) -> dict[str, Any]:
        """What `imserver status` shows of it."""
        figures = self.figures
        return {
            "version": version(),
            "started_ms": self.started_ms,
            "uptime_s": round(self.uptime_s, 1),
            "ready": {part.name: part.why or "ok" for part in self.ready()},
            "posts": figures.posts if figures is not None else None,
            "posts_each_s": self._posts_each_s(),
            **self.rates(),
            "queue_units": figures.queued_units if figures is not None else None,
            "queue_bytes": figures.queued_bytes if figures is not None else None,
            "sizes": self.sizes._asdict() if self.sizes is not None else None,
            "last_backup_ms": self.last_backup_ms,
            "conditions": [_told(condition) for condition in self.conditions.on],
        }


def _told(condition: Condition) -> dict[str, Any]:
    return {
        "name": condition.name,
        "words": condition.words,
        "lasted_s": round(condition.lasted_s, 1),
        "count": condition.count,
        "facts": condition.facts,
    }


def version() -> str:
    """Of the installed distribution."""
    try:
        return importlib.metadata.version("imserver")
    except importlib.metadata.PackageNotFoundError:  # sources without an installation
        return "unknown"
