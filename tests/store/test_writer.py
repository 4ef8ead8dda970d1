"""The writer's queue: what shares a commit, what is refused, withdrawn and held, and what happens when the disk is stuck."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from imserver.chat.units import Unit
from imserver.errors import Refusal, RefusalCode, StoreFailed
from imserver.store.engine.writer import MAX_BATCH_BYTES, MAX_RETRY_MS, MIN_RETRY_MS, WorkUnit
from imserver.testing import ManualClock
from tests.store.support import Recorder, post
from tests.store.writers import Disk, turn, writer


class Named(Unit):
    """A unit that logs what happens to it."""

    __slots__ = ("log", "name", "refused_with")

    def __init__(self, name: str, log: list[str], refused_with: Exception | None = None) -> None:
        super().__init__()
        self.name = name
        self.log = log
        self.refused_with = refused_with

    def withdrawn(self) -> Exception | None:
        self.log.append(f"asked {self.name}")
        return self.refused_with

    def fail(self, error: Exception) -> None:
        super().fail(error)
        self.log.append(f"failed {self.name}")

    def settle(self) -> None:
        self.log.append(f"settled {self.name}")


async def test_posts_of_one_turn_share_a_commit_and_what_queues_meanwhile_the_next() -> None:
    disk, listener = Disk(), Recorder()
    queue = writer(disk, listener)
    for number in range(3):
        queue.submit(post(number))
    assert disk.batches == []
    await turn()
    for number in range(3, 8):
        queue.submit(post(number))
    await turn()
    assert [len(batch) for batch in disk.batches] == [3]
    disk.finish()
    await turn()
    assert [len(batch) for batch in disk.batches] == [3, 5]
    disk.finish()
    assert [len(batch) for batch in listener.batches] == [3, 5]


async def test_who_waits_the_longest_is_who_came_first() -> None:
    disk, clock = Disk(), ManualClock()
    queue = writer(disk, Recorder(), clock=clock)
    for seconds in (0, 2, 3):  # the first is under way, and two wait
        clock.advance(seconds)
        queue.submit(post(seconds))
        await turn()
    assert (queue.figures().in_flight_s, queue.figures().waited_s) == (5, 3)
    disk.finish()


async def test_a_batch_is_bounded_in_units_and_in_bytes() -> None:
    disk, listener = Disk(), Recorder()
    queue = writer(disk, listener, max_batch_units=4)
    for number in range(10):
        queue.submit(post(number))
    await turn()
    disk.finish()
    await turn()
    disk.finish()
    await turn()
    assert [len(batch) for batch in disk.batches] == [4, 4, 2]
    disk.finish()
    queue = writer(disk, listener)
    for number in range(200):
        queue.submit(post(number, text="x" * 30_000))
    await turn()
    assert len(disk.batches[-1]) == MAX_BATCH_BYTES // 30_000


async def test_a_batch_is_arranged_and_told_in_the_order_of_doing() -> None:
    """A withdrawn unit is told with the others, and not done."""
    disk, listener = Disk(), Recorder()
    queue = writer(disk, listener)
    cursor = Named("cursor", [])
    cursor.conversation_id = "direct/cy/dee"
    gone = Named("gone", [], Refusal(RefusalCode.HELD, "held"))
    gone.conversation_id = "direct/cy/dee"
    first, last = post(1), post(2)
    for unit in (first, cursor, gone, last):
        queue.submit(unit)
    await turn()
    assert disk.batches == [[first, last, cursor]]
    disk.finish()
    assert listener.batches == [[first, last, cursor, gone]]


async def test_the_queue_is_bounded_in_units() -> None:
    disk, listener = Disk(), Recorder()
    queue = writer(disk, listener, max_queue_units=3)
    for number in range(3):
        queue.submit(post(number))
    waits = set()
    for number in range(20):
        with pytest.raises(Refusal) as refused:
            queue.submit(post(10 + number))
        assert refused.value.code is RefusalCode.OVERLOADED
        waits.add(refused.value.retry_after_ms)
    assert all(MIN_RETRY_MS <= wait <= MAX_RETRY_MS for wait in waits)
    assert len(waits) > 10  # spread
    await turn()
    queue.submit(post(50))  # the batch has left the queue
    assert queue.queued_units == 1


async def test_the_queue_is_bounded_in_bytes() -> None:
    disk, listener = Disk(), Recorder()
    queue = writer(disk, listener, max_queue_bytes=10_000)
    queue.submit(post(1, text="x" * 5_000))
    with pytest.raises(Refusal):
        queue.submit(post(2, text="x" * 5_000))
    queue.submit(post(3, text="x" * 1_000))
    await turn()
    assert queue.queued_bytes == 0


async def test_failures_are_marked_first_then_the_listener_is_told_then_the_next_batch_formed() -> None:
    log: list[str] = []
    disk = Disk()

    class Telling(Recorder):
        def committed(self, units: Sequence[Unit]) -> None:
            log.append("committed")
            super().committed(units)

    queue = writer(disk, Telling())
    first = Named("first", log)
    queue.submit(first)
    await turn()
    queue.submit(Named("second", log))
    first.error = Refusal(RefusalCode.STORE_FULL, "full")
    log.clear()
    disk.finish()
    assert log == ["failed first", "committed", "settled first"]
    await turn()
    assert log[3:] == ["asked second"]


async def test_what_the_listener_calls_soon_goes_before_the_next_batch() -> None:
    """It writes the answers: the writer's thread must not compete with them for the processor."""
    log: list[str] = []
    disk = Disk()

    class Answering(Recorder):
        def committed(self, units: Sequence[Unit]) -> None:
            super().committed(units)
            asyncio.get_running_loop().call_soon(log.append, "answers written")

    queue = writer(disk, Answering())
    queue.submit(post(1))
    await turn()
    queue.submit(Named("next", log))
    disk.finish()
    await turn()
    assert log == ["answers written", "asked next"]


async def test_withdrawn_units_are_settled_in_their_place_and_not_stored() -> None:
    log: list[str] = []
    disk, listener = Disk(), Recorder()
    queue = writer(disk, listener)
    held = Refusal(RefusalCode.HELD, "held")
    for unit in (Named("a", log), Named("b", log, held), Named("c", log)):
        queue.submit(unit)
    await turn()
    assert [unit.name for unit in disk.batches[0] if isinstance(unit, Named)] == ["a", "c"]
    disk.finish()
    assert log[-3:] == ["settled a", "settled b", "settled c"]
    # Nothing but withdrawn ones: settled without a commit, and the writer goes on.
    queue.submit(Named("d", log, held))
    await turn()
    assert log[-1] == "settled d"
    assert len(disk.batches) == 1
    queue.submit(Named("e", log))
    await turn()
    queue.submit(Named("f", log, held))
    disk.finish()
    await turn()
    assert log[-4:] == ["settled e", "asked f", "failed f", "settled f"]
    assert queue.idle


async def test_a_saturated_listener_holds_the_next_batch() -> None:
    disk, listener = Disk(), Recorder()
    queue = writer(disk, listener)
    queue.submit(post(1))
    await turn()
    listener.full = True
    queue.submit(post(2))
    disk.finish()
    await turn()
    assert len(disk.batches) == 1
    listener.full = False
    queue.resume()
    assert len(disk.batches) == 2


async def test_draining_finishes_the_queue_even_for_a_saturated_listener_and_takes_no_more() -> None:
    disk, listener = Disk(), Recorder()
    queue = writer(disk, listener)
    queue.submit(post(1))
    await turn()
    queue.submit(post(2))
    listener.full = True
    draining = asyncio.ensure_future(queue.drain())
    await turn()
    with pytest.raises(Refusal):
        queue.submit(post(3))
    disk.finish()
    await turn()
    assert not draining.done()
    disk.finish()
    await draining
    assert len(listener.units) == 2


async def test_an_idle_writer_drains_at_once_and_says_when_it_is_idle() -> None:
    disk, listener = Disk(), Recorder()
    idle: list[int] = []
    queue = writer(disk, listener, on_idle=lambda: idle.append(1))
    queue.submit(post(1))
    await turn()
    disk.finish()
    assert idle == [1]
    await asyncio.wait_for(queue.drain(), 1)


async def test_an_unknown_outcome_answers_nobody_and_ends_the_writer() -> None:
    disk, listener = Disk(), Recorder()
    failures: list[StoreFailed] = []
    queue = writer(disk, listener, on_failure=failures.append)
    loop = asyncio.get_running_loop()
    first: WorkUnit = WorkUnit(lambda tx: None, loop.create_future())
    second: WorkUnit = WorkUnit(lambda tx: None, loop.create_future())
    queue.submit(post(1))
    queue.submit(first)
    await turn()
    queue.submit(second)
    queue.submit(post(2))
    disk.finish(StoreFailed("COMMIT failed"))
    assert listener.units == []
    assert len(disk.batches) == 1
    assert [str(failure) for failure in failures] == ["COMMIT failed"]
    for waiting in (first, second):  # callers in this process hear that nothing is known
        with pytest.raises(StoreFailed):
            await waiting.future
    with pytest.raises(StoreFailed):
        queue.submit(post(3))
    await asyncio.wait_for(queue.drain(), 1)


async def test_a_unit_that_waits_too_long_means_a_stuck_disk() -> None:
    disk, listener = Disk(), Recorder()
    failed = asyncio.get_running_loop().create_future()
    queue = writer(disk, listener, max_queue_wait_s=0.05, on_failure=failed.set_result)
    queue.submit(post(1))
    error = await asyncio.wait_for(failed, 5)
    assert isinstance(error, StoreFailed)
    disk.finish()  # the disk comes back: too late to answer anybody
    assert listener.units == []


async def test_a_process_that_was_stopped_gives_the_disk_its_time_anew() -> None:
    """SIGSTOP for a minute, then SIGCONT: the unit is old, and the disk did nothing wrong."""
    disk, listener, clock = Disk(), Recorder(), ManualClock()
    failed = asyncio.get_running_loop().create_future()
    queue = writer(disk, listener, clock=clock, max_queue_wait_s=0.1, on_failure=failed.set_result)
    queue.submit(post(1))
    await turn()
    clock.advance(60)
    await asyncio.sleep(0.15)
    assert queue.failure is None
    clock.advance(0.11)  # and now it runs, and the disk is stuck
    await asyncio.wait_for(failed, 5)
    assert listener.units == []


async def test_a_busy_writer_that_moves_on_is_not_stuck() -> None:
    disk, listener = Disk(), Recorder()
    queue = writer(disk, listener, max_queue_wait_s=0.2)
    for number in range(8):
        queue.submit(post(number))
        await asyncio.sleep(0.05)
        disk.finish()
    assert len(listener.units) == 8
    await queue.drain()


async def test_a_cancelled_caller_withdraws_what_has_not_begun() -> None:
    disk, listener = Disk(), Recorder()
    queue = writer(disk, listener)
    future = asyncio.get_running_loop().create_future()
    queue.submit(WorkUnit(lambda tx: None, future))
    future.cancel()
    await turn()
    assert disk.batches == []
    assert queue.idle


async def test_a_listener_that_raises_stops_neither_the_writer_nor_the_drain() -> None:
    class Broken(Recorder):
        def committed(self, units: Sequence[Unit]) -> None:
            super().committed(units)
            raise RuntimeError("a fault of the hub")

    disk, listener = Disk(), Broken()
    queue = writer(disk, listener)
    queue.submit(post(1))
    await turn()
    queue.submit(post(2))
    with pytest.raises(RuntimeError):
        disk.finish()
    await turn()
    assert len(disk.batches) == 2
    with pytest.raises(RuntimeError):
        disk.finish()
    await asyncio.wait_for(queue.drain(), 1)
