"""The writer's bounds to the byte, its counters, and whose time it looks at."""

from __future__ import annotations

import pytest

from imserver.chat.units import PostUnit
from imserver.errors import Refusal, StoreFailed
from imserver.store.engine.writer import MAX_BATCH_BYTES
from imserver.testing import ManualClock
from tests.store.support import Recorder, Work, post
from tests.store.writers import Disk, Sized, turn, writer


async def test_the_queue_takes_its_bound_to_the_byte() -> None:
    queue = writer(Disk(), Recorder(), max_queue_bytes=10_000)
    queue.submit(Sized(4_000))
    with pytest.raises(Refusal):
        queue.submit(Sized(6_001))
    queue.submit(Sized(6_000))
    assert (queue.queued_units, queue.queued_bytes) == (2, 10_000)


@pytest.mark.parametrize(("first", "sizes"), [(-1, [2, 1]), (0, [1, 2]), (1, [1, 2])])
async def test_a_batch_is_full_when_its_bytes_are_reached(first: int, sizes: list[int]) -> None:
    disk, listener = Disk(), Recorder()
    queue = writer(disk, listener)
    for size in (MAX_BATCH_BYTES + first, 10, 10):
        queue.submit(Sized(size))
    await turn()
    disk.finish()
    await turn()
    assert [len(batch) for batch in disk.batches] == sizes


async def test_a_refusal_says_whether_the_server_is_full_or_going_down() -> None:
    disk, listener = Disk(), Recorder()
    queue = writer(disk, listener, max_queue_units=1)
    queue.submit(post(1))
    with pytest.raises(Refusal, match="too much is waiting"):
        queue.submit(post(2))
    await turn()
    disk.finish()
    await queue.drain()
    with pytest.raises(Refusal, match="shutting down"):
        queue.submit(post(3))


async def test_batches_and_units_are_counted() -> None:
    disk, listener = Disk(), Recorder()
    queue = writer(disk, listener)
    counts = [(queue.batches, queue.units)]
    for size in (3, 2):
        for number in range(size):
            queue.submit(post(number))
        await turn()
        disk.finish()
        counts.append((queue.batches, queue.units))
    assert counts == [(0, 0), (1, 3), (2, 5)]


async def test_a_writer_that_failed_holds_nothing_any_more() -> None:
    disk, listener = Disk(), Recorder()
    failures: list[StoreFailed] = []
    queue = writer(disk, listener, on_failure=failures.append)
    queue.submit(post(1))
    await turn()
    queue.submit(post(2))
    disk.finish(StoreFailed("who knows"))
    assert len(failures) == 1
    assert (queue.queued_units, queue.queued_bytes, queue.idle) == (0, 0, True)


@pytest.mark.parametrize("in_flight", [True, False])
async def test_it_is_the_oldest_unit_that_waits_too_long(in_flight: bool) -> None:
    """Of the batch on the disk; or, if a jam of pushes keeps the next one from being formed, of the queue."""
    disk, listener, clock = Disk(), Recorder(), ManualClock()
    failures: list[StoreFailed] = []
    queue = writer(disk, listener, clock=clock, max_queue_wait_s=10.0, on_failure=failures.append)
    listener.full = not in_flight
    for number in range(3):
        queue.submit(post(number))
        clock.advance(3.0)
    await turn()
    assert len(disk.batches) == in_flight
    queue._watch_oldest()
    assert failures == []
    clock.advance(1.1)  # the first has waited for 10.1 s, the last for 4.1 s
    queue._watch_oldest()
    assert len(failures) == 1


async def test_the_oldest_is_not_the_first_of_a_batch_that_was_arranged() -> None:
    """A post that came later is done before another conversation's unit: that one has waited for longer."""
    disk, listener, clock = Disk(), Recorder(), ManualClock()
    failures: list[StoreFailed] = []
    queue = writer(disk, listener, clock=clock, max_queue_wait_s=10.0, on_failure=failures.append)
    queue.submit(Work(lambda tx: None, "another"))
    clock.advance(6.0)
    queue.submit(post(1))
    await turn()
    assert isinstance(disk.batches[0][0], PostUnit)
    clock.advance(4.1)
    queue._watch_oldest()
    assert len(failures) == 1


async def test_nobody_waits_for_an_empty_queue() -> None:
    queue = writer(Disk(), Recorder())
    queue._watch_oldest()
    assert queue._watch is None
