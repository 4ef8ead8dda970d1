"""Durable timers: in order, at their time, once, across restarts and jumps of the clock."""

import asyncio
import dataclasses

import pytest

from imserver import testing
from imserver.plugin_host import worker
from imserver.testing import PluginKit
from tests.plugins.bench import made_with
from tests.plugins.conftest import QUICK


@pytest.fixture
async def kit(make_store, clock):
    """`tick` keeps what fired, as `(name, minutes after the start)`."""
    start = clock.now_ms()

    async def tick(timer):
        fired.append((timer.payload["name"], (kit.clock.now_ms() - start) // 60_000))

    fired: list[tuple[object, int]] = []
    limits = dataclasses.replace(QUICK, timer_poll_s=0.005)
    plugin = made_with(lambda context: context.timer("tick", tick))
    async with PluginKit(plugin, store=make_store(), clock=clock, limits=limits) as kit:
        kit.fired = fired  # type: ignore[attr-defined]
        yield kit


async def schedule(kit, *timers):
    """`(minutes from now, name)` each."""
    now = kit.clock.now_ms()
    return await kit.plugin.context.transaction(
        lambda tx: [tx.schedule(now + minutes * 60_000, "tick", {"name": name}) for minutes, name in timers]
    )


async def test_they_fire_in_order_each_at_its_time(kit):
    await schedule(kit, (30, "c"), (10, "a"), (20, "b"), (90, "later"))
    await kit.advance(3600)
    assert kit.fired == [("a", 10), ("b", 20), ("c", 30)]
    await kit.advance(3600)
    assert kit.fired[3:] == [("later", 90)]


async def test_none_fires_before_its_time(kit):
    await schedule(kit, (10, "a"))
    await kit.advance(599.999)
    assert kit.fired == []
    await kit.advance(0.001)
    assert kit.fired == [("a", 10)]


async def test_one_in_the_past_fires_at_once(kit):
    await schedule(kit, (-5, "late"))
    await kit.idle()
    assert kit.fired == [("late", 0)]


async def test_a_cancelled_one_does_not_fire(kit):
    one, _two = await schedule(kit, (10, "one"), (10, "two"))
    assert await kit.plugin.context.transaction(lambda tx: tx.cancel_timer(one)) is True
    assert await kit.plugin.context.transaction(lambda tx: tx.cancel_timer(one)) is False
    await kit.advance(3600)
    assert kit.fired == [("two", 10)]


async def test_they_outlive_the_plugin(kit):
    await schedule(kit, (10, "a"))
    await kit.host.stop()
    kit.clock.advance(3600)
    await kit.start()
    await kit.idle()
    assert kit.fired == [("a", 60)]


async def test_without_any_test_helper_a_waiting_timer_notices_that_time_jumped(kit, until):
    await schedule(kit, (10, "a"))
    await kit.idle()
    kit.clock.jump_to(kit.clock.now_ms() + 3_600_000)
    await until(lambda: kit.fired == [("a", 60)])


async def test_time_that_jumps_back_makes_them_wait(kit):
    await schedule(kit, (10, "a"))
    kit.clock.jump_to(kit.clock.now_ms() - 3_600_000)
    await kit.advance(3600)
    assert kit.fired == []
    await kit.advance(600)
    assert kit.fired == [("a", 10)]


async def test_time_that_jumps_back_in_mid_work_makes_the_rest_wait(kit):
    await schedule(kit, (10, "a"), (11, "b"))
    tick = kit.host._running[0].registrations.timers["tick"]

    async def tick_and_jump(timer):
        await tick(timer)
        kit.clock.jump_to(timer.due_at)

    kit.host._running[0].registrations.timers["tick"] = tick_and_jump
    kit.clock.advance(3600)
    await kit.idle()
    assert kit.fired == [("a", 60)]
    await kit.advance(60)
    assert kit.fired == [("a", 60), ("b", 11)]


async def test_many_that_are_due_at_once_fire_each_once_and_let_messages_through(make_store, clock):
    order: list[str] = []

    async def tick(timer):
        order.append("tick")
        await asyncio.sleep(0)

    async def hello(call):
        order.append("hello")
        return "hello"

    def setup(context):
        context.timer("tick", tick)
        context.command("hello", hello)

    async with PluginKit(made_with(setup), store=make_store(), clock=clock, limits=QUICK) as kit:
        await kit.user("ann")
        await schedule(kit, *((10, str(number)) for number in range(300)))
        clock.advance(600)
        await kit.say("ann", kit.direct("ann", "bot"), "/hello")
        assert order.count("tick") == 300
        assert order.index("hello") < 20


async def test_one_that_nobody_takes_is_kept_as_a_failure_and_does_not_block(make_store, clock):
    fired = []

    async def tick(timer):
        fired.append(timer.name)

    plugin = made_with(lambda context: context.timer("tick", tick))
    async with PluginKit(plugin, store=make_store(), clock=clock, limits=QUICK) as kit:
        await kit.plugin.context.transaction(
            lambda tx: (tx.schedule(0, "unknown", {}), tx.schedule(1, "tick", {}))
        )
        await kit.idle()
        assert fired == ["tick"]
        assert kit.host.figures()[0].failed_count == 1
        assert kit.log.events("error") == ["plugin_handler_failed"]


async def test_one_that_is_cancelled_by_another_that_is_due_with_it_does_not_fire(make_store, clock):
    """Both were read together; a third one that the first sets in its place fires."""
    fired: list[object] = []

    async def tick(timer):
        fired.append(timer.payload["name"])
        if timer.payload["name"] == "first":
            await ticking.plugin.context.transaction(lambda tx: tx.cancel_timer(second), event=timer)

    plugin = made_with(lambda context: context.timer("tick", tick))
    async with PluginKit(plugin, store=make_store(), clock=clock, limits=QUICK) as ticking:
        _first, second, _third = await schedule(ticking, (10, "first"), (10, "second"), (10, "third"))
        await ticking.idle()
        clock.advance(600)
        await ticking.idle()
        assert fired == ["first", "third"]


async def test_one_that_is_set_by_another_fires_though_nothing_else_happens(make_store, clock, until):
    """Also when the unit that would have set it failed the first time."""
    fired: list[object] = []
    failing = [RuntimeError("no")]

    def set_next(tx):
        tx.schedule(tx.now_ms, "tick", {"name": "next"})
        if failing:
            raise failing.pop()

    async def tick(timer):
        fired.append(timer.payload["name"])
        if timer.payload["name"] == "first":
            await ticking.plugin.context.transaction(set_next, event=timer)

    plugin = made_with(lambda context: context.timer("tick", tick))
    async with PluginKit(plugin, store=make_store(), clock=clock, limits=QUICK) as ticking:
        await schedule(ticking, (0, "first"))
        async with asyncio.timeout(10):
            await until(lambda: fired == ["first", "first", "next"])


async def test_one_that_a_fault_of_the_host_kept_from_firing_fires_later(make_store, clock, monkeypatch):
    fired: list[object] = []

    async def tick(timer):
        fired.append(timer.payload["name"])

    monkeypatch.setattr(worker, "FAULT_PAUSE_S", 0.001)
    plugin = made_with(lambda context: context.timer("tick", tick))
    async with PluginKit(plugin, store=make_store(), clock=clock, limits=QUICK) as kit:
        deal_with, left = kit.host._running[0].worker.handling.deal_with, [1]

        async def broken(delivery):
            if left[0]:
                left[0] -= 1
                raise RuntimeError("nobody expected this")
            return await deal_with(delivery)

        monkeypatch.setattr(kit.host._running[0].worker.handling, "deal_with", broken)
        await schedule(kit, (10, "a"), (11, "b"))
        clock.advance(660)
        await kit.idle()
        assert fired == ["a", "b"]


async def test_none_fires_while_the_plugin_stops(make_store, clock, until):
    fired: list[object] = []
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def tick(timer):
        fired.append(timer.payload["name"])

    async def slow(call):
        reached.set()
        await go_on.wait()

    def setup(context):
        context.timer("tick", tick)
        context.command("slow", slow)

    async with PluginKit(made_with(setup), store=make_store(), clock=clock, limits=QUICK) as kit:
        await kit.user("ann")
        await kit.post("ann", kit.direct("ann", "bot"), "/slow")
        await reached.wait()
        await schedule(kit, (-1, "due"))
        stopping = asyncio.ensure_future(kit.host.stop())
        await asyncio.sleep(0)
        go_on.set()
        await stopping
        assert fired == []
        await kit.start()
        await kit.idle()
        assert fired == ["due"]


async def test_the_kit_ends_a_plugin_that_sets_itself_timers_without_end(make_store, clock, monkeypatch):
    monkeypatch.setattr(testing, "MAX_TIMER_STEPS", 50)

    async def tick(timer):
        await ticking.plugin.context.transaction(
            lambda tx: tx.schedule(tx.now_ms + 1, "tick", {}), event=timer
        )

    plugin = made_with(lambda context: context.timer("tick", tick))
    async with PluginKit(plugin, store=make_store(), clock=clock, limits=QUICK) as ticking:
        await ticking.plugin.context.transaction(lambda tx: tx.schedule(0, "tick", {}))
        with pytest.raises(RuntimeError, match="more than 50 timers"):
            await ticking.advance(3600)
