"""Group commit: the writer's queue on the event loop. One batch is in flight; units queued meanwhile form the next one.

It adds no delay on purpose, and no task or future for each post. A batch starts at the end of the loop's turn, so that all
posts of one turn share a commit. When a batch is done, the writer marks its failures first, because they decide which queued
units are withdrawn; then it calls the listener. The next batch starts at the end of that turn, when the replies are written:
before, its thread would compete with them for the processor (benchmark "throughput", window 1: a quarter more).
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from imserver.chat.ports import CommitListener
from imserver.chat.transaction import Transaction
from imserver.chat.units import Unit, resolve, resolve_lost
from imserver.clock import Clock
from imserver.config import StoreConfig
from imserver.errors import Refusal, RefusalCode, StoreFailed
from imserver.store.engine.arrangement import arranged
from imserver.store.engine.figures import BATCH_BOUNDS, COMMIT_BOUNDS_S, Distribution, WriterFigures

#: Bytes of content in one commit: above, the commit itself would delay every waiting unit (about 20 ms).
MAX_BATCH_BYTES = 4 * 1024 * 1024
#: Refused clients retry spread over this span (ms), so that they do not all come at once.
MIN_RETRY_MS, MAX_RETRY_MS = 200, 2_000
#: A timer that is later than this means that the process did not run (stopped, swapped out), not that the disk hangs.
HELD_S = 1.0

#: Runs a batch on another thread and calls back on the loop: with None, or with the failure of the store.
Execute = Callable[[Sequence[Unit], Callable[[StoreFailed | None], None]], None]


class WorkUnit(Unit):
    """A function of the transaction whose caller waits: `Store.write`."""

    __slots__ = ("future", "work")

    def __init__(self, work: Callable[[Transaction], Any], future: asyncio.Future[Any]) -> None:
        super().__init__()
        self.work = work
        self.future = future

    def withdrawn(self) -> Exception | None:
        if self.future.cancelled():
            return Refusal(RefusalCode.INTERNAL, "the caller has gone")
        return None

    def run(self, tx: Transaction) -> Any:
        return self.work(tx)

    def lost(self, error: Exception) -> None:
        resolve_lost(self.future, error)

    def settle(self) -> None:
        resolve(self.future, self)


class Writer:
    """The queue of units and the one batch in flight."""

    def __init__(
        self,
        execute: Execute,
        listener: CommitListener,
        config: StoreConfig,
        *,
        clock: Clock,
        rng: random.Random,
        on_failure: Callable[[StoreFailed], None],
        on_idle: Callable[[], None] = lambda: None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._execute = execute
        self._listener = listener
        self._config = config
        self._clock = clock
        self._rng = rng
        self._on_failure = on_failure
        self._on_idle = on_idle
        self._queue: deque[Unit] = deque()
        self._queue_bytes = 0
        self._in_flight: Sequence[Unit] = ()
        self._in_flight_since = 0.0
        #: Whether the batch in flight has other units than plain posts.
        self._mixed = False
        self._kicked = False
        self._watch: asyncio.TimerHandle | None = None
        self._ran_since = float("-inf")
        self._closing: asyncio.Future[None] | None = None
        self.failure: StoreFailed | None = None
        #: Counters for metrics: batches and units that were committed or refused by them.
        self.batches = 0
        self.units = 0
        #: And plain posts that were accepted (one that was offered again counts again), units that failed, for want of room or
        #: for any reason; how long commits took, and how many units shared one.
        self.posts = 0
        self.failed = 0
        self.full = 0
        #: False from a batch with a unit for which the disk had no room, to the next one that stored anything.
        self.has_room = True
        self.commit_s = Distribution(COMMIT_BOUNDS_S)
        self.batch_units = Distribution(BATCH_BOUNDS)

    @property
    def idle(self) -> bool:
        """True if no unit is queued or in flight."""
        return not self._in_flight and not self._queue

    @property
    def queued_units(self) -> int:
        return len(self._queue)

    @property
    def queued_bytes(self) -> int:
        return self._queue_bytes

    def figures(self) -> WriterFigures:
        """What there is to see."""
        now = self._clock.monotonic()
        return WriterFigures(
            self.batches,
            self.units,
            self.posts,
            self.failed,
            self.full,
            self.commit_s,
            self.batch_units,
            len(self._queue),
            self._queue_bytes,
            now - self._in_flight_since if self._in_flight else 0.0,
            now - self._queue[0].submitted_at if self._queue else 0.0,
            self.has_room,
        )

    def retry_after_ms(self) -> int:
        return self._rng.randint(MIN_RETRY_MS, MAX_RETRY_MS)

    def submit(self, unit: Unit) -> None:
        """Queue a unit, or raise `Refusal` OVERLOADED, or `StoreFailed` once the store has failed."""
        if self.failure is not None:
            raise StoreFailed(str(self.failure))
        size = unit.size_bytes
        if (
            len(self._queue) >= self._config.max_queue_units
            or self._queue_bytes + size > self._config.max_queue_bytes
            or self._closing is not None
        ):
            text = "the server is shutting down" if self._closing else "too much is waiting to be stored"
            raise Refusal(RefusalCode.OVERLOADED, text, retry_after_ms=self.retry_after_ms())
        if not unit.submitted_at:  # a session sets the time itself for the posts of one read
            unit.submitted_at = self._clock.monotonic()
        self._queue.append(unit)
        self._queue_bytes += size
        if not self._in_flight:
            self._kick_later()

    def resume(self) -> None:
        """The listener is no longer saturated."""
        self._kick()

    async def drain(self) -> None:
        """Accept no more units and finish those that are queued."""
        if self._closing is None:
            self._closing = self._loop.create_future()
        self._kick()
        self._maybe_drained()
        await self._closing
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def fail(self, failure: StoreFailed) -> None:
        """The outcome of a batch is unknown: settle no more units. Waiting callers in this process get the error."""
        if self.failure is not None:
            return
        self.failure = failure
        for unit in (*self._in_flight, *self._queue):
            unit.lost(StoreFailed(str(failure)))
        self._queue.clear()
        self._queue_bytes = 0
        self._in_flight = ()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._maybe_drained()
        self._on_failure(failure)

    # -- batches ------------------------------------------------------------------------------------------------------

    def _kick_later(self) -> None:
        """Start a batch at the end of this turn of the loop."""
        if self._queue and not self._kicked:
            self._kicked = True
            self._loop.call_soon(self._kick)

    def _kick(self) -> None:
        """Start a batch if nothing is in flight."""
        self._kicked = False
        if self._in_flight or self.failure is not None:
            return
        undone = self._begin()
        if undone:
            self._listener.committed(undone)
        self._maybe_drained()

    def _begin(self) -> Sequence[Unit]:
        """Form the next batch and start it. Returns units that were all withdrawn, so that nothing had to start."""
        if not self._queue or (self._closing is None and self._listener.saturated()):
            return ()
        batch, live = self._form()
        if not live:
            return batch
        self._in_flight = batch
        self._in_flight_since = self._clock.monotonic()
        if self._watch is None:
            self._watch_oldest()
        self._execute(live, self._done)
        return ()

    def _form(self) -> tuple[Sequence[Unit], Sequence[Unit]]:
        """Take the next batch from the queue. Returns its units in the order of doing, and those that are to be committed."""
        queue = self._queue
        batch: list[Unit] = []
        live = 0
        mixed = False
        room, most = MAX_BATCH_BYTES, self._config.max_batch_units
        while queue and live < most and room > 0:
            unit = queue.popleft()
            size = unit.size_bytes
            self._queue_bytes -= size
            batch.append(unit)
            withdrawn = unit.withdrawn()
            if withdrawn is None:
                live += 1
                room -= size
            else:
                unit.fail(withdrawn)
            mixed = mixed or not unit.together
        self._mixed = mixed
        order = arranged(batch) if mixed else batch
        if live == len(batch):
            return order, order
        return order, [unit for unit in order if unit.error is None]

    def _done(self, failure: StoreFailed | None) -> None:
        """Called on the loop when the batch in flight is decided."""
        if self.failure is not None:
            return
        if failure is not None:
            self.fail(failure)
            return
        failed = 0
        done = self._in_flight
        self.batches += 1
        self.units += len(done)
        for unit in done:
            if unit.error is not None:
                unit.fail(unit.error)
                failed += 1
        self._in_flight = ()
        self._count(done, failed)
        try:
            self._listener.committed(done)
        finally:
            self._kick_later()
            if self.idle:
                self._on_idle()
            self._maybe_drained()

    def _count(self, done: Sequence[Unit], failed: int) -> None:
        """Once for each batch, so that a post costs next to nothing."""
        self.commit_s.observe(self._clock.monotonic() - self._in_flight_since)
        self.batch_units.observe(len(done))
        if failed < len(done):
            self.has_room = True
        if failed:
            self.failed += failed
            full = sum(is_full(unit.error) for unit in done)
            self.full += full
            self.has_room = self.has_room and not full
        if failed or self._mixed:
            self.posts += sum(unit.together and unit.error is None for unit in done)
        else:
            self.posts += len(done)

    def _maybe_drained(self) -> None:
        closing = self._closing
        if closing is not None and not closing.done() and self.idle:
            closing.set_result(None)

    # -- a stuck disk -------------------------------------------------------------------------------------------------

    def _watch_oldest(self, due: float = float("inf")) -> None:
        """Check with one timer whether the oldest unit waits for too long. `due` is when this check was planned."""
        self._watch = None
        waiting = self._in_flight or self._queue
        if not waiting or self.failure is not None:
            return
        oldest = min(unit.submitted_at for unit in waiting)  # a batch is not in the order of arrival
        now = self._clock.monotonic()
        if now - due > HELD_S:
            self._ran_since = now  # the disk had no time either: its time starts again
        due = max(oldest, self._ran_since) + self._config.max_queue_wait_s
        if due <= now:
            self.fail(StoreFailed(f"a unit of work waited for more than {self._config.max_queue_wait_s:g} s"))
            return
        self._watch = self._loop.call_later(due - now, self._watch_oldest, due)


def is_full(error: Exception | None) -> bool:
    """True if the disk had no room."""
    return isinstance(error, Refusal) and error.code is RefusalCode.STORE_FULL
