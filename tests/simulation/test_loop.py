"""The virtual loop: what asyncio promises, time that jumps, kills that run no code."""

import asyncio
import gc
import itertools
import sys
import threading
from random import Random
from typing import Any

import pytest

from imserver.proof.simulation.loop import Process, Stuck, VirtualLoop, current_process


@pytest.fixture
def loop():
    loop = VirtualLoop(Random(1))
    yield loop
    loop.close()


def test_an_hour_passes_at_once(loop):
    loop.run_until_complete(asyncio.sleep(3600))
    assert loop.time() == 3600


def test_what_is_ready_runs_in_order_and_timers_at_their_time(loop):
    seen: list[Any] = []

    async def main() -> None:
        for number in range(5):
            loop.call_soon(seen.append, number)
        for delay in (3.0, 1.0, 2.0):
            loop.call_later(delay, seen.append, delay)
        loop.call_later(1.5, seen.append, "never").cancel()
        await asyncio.sleep(4)

    loop.run_until_complete(main())
    assert seen == [0, 1, 2, 3, 4, 1.0, 2.0, 3.0]


def test_time_outs_are_of_virtual_time(loop):
    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await loop.create_future()
        assert loop.time() == 10

    loop.run_until_complete(main())


def test_what_is_for_a_thread_is_done_in_its_place(loop):
    seen: list[Any] = []

    def work() -> int:
        seen.append("done")
        return threading.get_ident()

    async def main() -> None:
        loop.call_soon(seen.append, "ready before")
        assert await asyncio.to_thread(work) == here
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 / 0)
        assert (seen, loop.time()) == (["done"], 0)

    here = threading.get_ident()
    loop.run_until_complete(main())


def test_nothing_to_wait_for_is_a_deadlock(loop):
    async def main() -> None:
        await asyncio.sleep(2)
        await loop.create_future()

    with pytest.raises(Stuck, match=r"deadlock at 2\.0"):
        loop.run_until_complete(main())


def test_turning_in_circles_is_noticed(loop):
    async def main() -> None:
        for _ in itertools.count():
            await asyncio.sleep(0)

    with pytest.raises(Stuck, match="and no end"):
        loop.run_until_complete(main())


def test_a_wait_however_short_takes_time(loop):
    async def main() -> None:
        for _ in range(10):
            await asyncio.sleep(1e-30)

    loop.run_until_complete(main())
    assert loop.time() > 0


def test_many_cancelled_timers_are_forgotten(loop):
    async def main() -> None:
        for _ in range(5000):
            loop.call_later(1000, print).cancel()
        assert len(loop._timers) < 1000

    loop.run_until_complete(main())


def test_the_seed_decides_which_of_two_timers_of_one_moment_comes_first():
    def order(seed: int) -> list[int]:
        loop = VirtualLoop(Random(seed))
        seen: list[int] = []

        async def main() -> None:
            for number in range(8):
                loop.call_at(1.0, seen.append, number)
            await asyncio.sleep(2)

        loop.run_until_complete(main())
        loop.close()
        return seen

    assert order(1) == order(1)
    assert any(order(1) != order(seed) for seed in range(2, 6))


def test_a_killed_process_runs_no_line_more(loop):
    seen: list[str] = []

    async def child() -> None:
        try:
            await asyncio.sleep(5)
        finally:
            seen.append("finally of a child")

    async def inside() -> None:
        assert current_process() is process
        asyncio.get_running_loop().call_later(2, seen.append, "timer")
        task = asyncio.create_task(child())
        try:
            await task
        finally:
            seen.append("finally")

    process = Process(loop, "victim")

    async def main() -> None:
        process.spawn(inside())
        await asyncio.sleep(1)
        process.kill()
        await asyncio.sleep(10)

    loop.run_until_complete(main())
    assert seen == []
    assert len(loop.dead) == 2
    assert loop.bury()
    assert not loop.bury()
    assert seen == ["finally of a child", "finally"]


def test_a_kill_leaves_others_alone(loop):
    seen: list[str] = []

    async def inside(name: str) -> None:
        await asyncio.sleep(5)
        seen.append(name)

    async def main() -> None:
        one, other = Process(loop, "one"), Process(loop, "other")
        one.spawn(inside("one"))
        other.spawn(inside("other"))
        await asyncio.sleep(1)
        one.kill()
        one.kill()
        await asyncio.sleep(9)

    loop.run_until_complete(main())
    assert seen == ["other"]
    loop.bury()


def test_sets_of_tasks_have_the_same_order_in_every_run(loop):
    async def main() -> list[int]:
        tasks = {asyncio.create_task(asyncio.sleep(0, number)) for number in range(50)}
        order = list(tasks)
        await asyncio.gather(*order)
        return [task.result() for task in order]

    first = loop.run_until_complete(main())
    again = VirtualLoop(Random(2))
    assert again.run_until_complete(main()) == first
    again.close()


def test_a_kill_in_the_middle_of_a_turn_runs_nothing_twice_and_nothing_of_the_dead(loop):
    seen: list[str] = []
    one, other = Process(loop, "one"), Process(loop, "other")

    async def main() -> None:
        loop.call_soon(one.kill)
        loop.call_soon(seen.append, "dead", context=one.context)
        loop.call_soon(seen.append, "alive", context=other.context)
        await asyncio.sleep(1)

    loop.run_until_complete(main())
    assert seen == ["alive"]


def test_computing_makes_timers_late_and_lets_them_in_between(loop):
    seen: list[Any] = []

    def work(rounds: int) -> None:
        seen.append(rounds)
        loop.spend(1.0)
        if rounds:
            loop.call_soon(work, rounds - 1)

    async def main() -> None:
        loop.call_later(1.5, lambda: seen.append(f"timer at {loop.time():g}"))
        work(3)
        await asyncio.sleep(10)

    loop.run_until_complete(main())
    assert seen == [3, 2, 1, "timer at 3", 0]  # behind what was ready, as in asyncio


def test_a_task_whose_wait_was_over_when_it_died_is_buried_too(loop):
    seen: list[str] = []
    process = Process(loop, "victim")
    future = loop.create_future()

    async def inside() -> None:
        try:
            await future
            seen.append("went on")
        finally:
            seen.append("finally")

    async def main() -> None:
        process.spawn(inside())
        await asyncio.sleep(1)
        future.set_result(None)  # wakes the task in the next turn
        process.kill()
        await asyncio.sleep(1)

    loop.run_until_complete(main())
    assert seen == []
    while loop.bury():
        pass
    assert seen == ["finally"]


def test_what_the_dead_begin_while_they_are_buried_is_buried_as_well(loop, monkeypatch):
    """It ran on, waited for ever, and complained when it was forgotten that no loop was running."""
    complaints: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)
    seen: list[str] = []
    process = Process(loop, "victim")
    future = loop.create_future()

    async def work(more: int) -> None:
        try:
            if more == 3:
                await future
            else:
                await loop.create_future()
        finally:
            seen.append(f"finally {more}")
            if more:
                asyncio.get_running_loop().create_task(work(more - 1))

    async def main() -> None:
        process.spawn(work(3))
        await asyncio.sleep(1)
        future.set_result(None)  # wakes the task in the next turn
        process.kill()
        await asyncio.sleep(1)

    loop.run_until_complete(main())
    while loop.bury():
        pass
    loop.close()
    gc.collect()
    assert seen == ["finally 3"], "what had not begun never does"
    assert complaints == []
