"""Durable timers: in order, at their time, once, across restarts and jumps of the clock."""

import asyncio
import dataclasses

import pytest

from imserver import testing
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
