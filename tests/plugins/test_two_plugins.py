"""Two plugins on one host: each has its own messages, timers, cursor and answers, and neither waits for the other."""

import asyncio
import dataclasses

import pytest

from imserver.plugin_api import MessagePosted, decode_content
from imserver.plugin_host import PluginHost
from imserver.testing import PluginKit
from tests.plugins.bench import Bench, made_with
from tests.plugins.conftest import QUICK

LIMITS = dataclasses.replace(QUICK, cursor_interval_s=1000.0, timer_poll_s=0.005)


class Pair(PluginKit[Bench]):
    """`one` with the bot "one", and `two` with the bot "two"; what each hears and what fires is kept by its name."""

    async def start(self):
        self.heard: dict[str, list[object]] = {"one": [], "two": []}
        self.fired: dict[str, list[object]] = {"one": [], "two": []}
        self.plugins = {name: self._plugin(name) for name in self.heard}
        self.plugin = self.plugins["one"]
        self.host = PluginHost(
            self.store,
            {name: {"bots": [name]} for name in self.heard},
            clock=self.clock,
            log=self.log,
            plugins=list(self.plugins.values()),
            limits=LIMITS,
        )
        await self.host.start()

    def _plugin(self, name):
        async def listen(event):
            self.heard[name].append(decode_content(event.message.content).get("text"))

        async def tick(timer):
            self.fired[name].append(timer.payload["name"])

        def setup(context):
            context.on(MessagePosted, listen)
            context.timer("tick", tick)

        return made_with(setup, name=name, migrations=())()

    async def schedule(self, plugin, minutes, name):
        due_at = self.clock.now_ms() + minutes * 60_000
        await self.plugins[plugin].context.transaction(lambda tx: tx.schedule(due_at, "tick", {"name": name}))


@pytest.fixture
async def pair(make_store, clock):
    async with Pair(Bench, store=make_store(), clock=clock) as pair:
        await pair.user("ann")
        yield pair


async def test_each_hears_what_is_said_to_its_own_bot_and_both_what_is_said_to_both(pair):
    await pair.say("ann", pair.direct("ann", "one"), "to one")
    await pair.say("ann", pair.direct("ann", "two"), "to two")
    both = await pair.group("ann", "one", "two")
    await pair.say("ann", both, "to both")
    assert pair.heard == {"one": ["to one", None, "to both"], "two": ["to two", None, "to both"]}


async def test_who_is_to_be_blocked_is_asked_of_its_own_plugin(pair):
    asked: list[tuple[str, str, str]] = []
    for name, plugin in pair.plugins.items():
        plugin.context.may_block(lambda tx, user_id, bot, name=name: asked.append((name, user_id, bot)))
    await pair.store.write(lambda tx: tx.set_block("ann", "two", True))
    assert asked == [("two", "ann", "two")]


async def test_the_lazy_cursor_is_moved_for_both_also_if_one_is_ahead(pair):
    """`two` has marked what it heard; `one` had nothing to do: after a crash nothing comes again to either."""
    await pair.say("ann", pair.direct("ann", "one"), "to one")
    await pair.say("ann", pair.direct("ann", "two"), "to two")
    newest = pair.host._newest.change
    for name in pair.plugins:
        await pair.store.write(lambda tx, name=name: tx.mark_handled(name, newest) if name == "one" else None)
    await pair.host._store_cursors()
    assert [row.cursor for row in pair.host.figures()] == [newest, newest]
    await pair.crash()
    await pair.start()
    await pair.idle()
    assert pair.heard == {"one": [], "two": []}


async def test_timers_are_each_plugins_own_and_the_kit_stops_at_each(pair):
    await pair.schedule("one", 10, "a")
    await pair.schedule("two", 20, "b")
    await pair.schedule("one", 30, "c")
    assert await pair.host.next_timer_at() == pair.clock.now_ms() + 600_000
    await pair.advance(25 * 60)
    assert pair.fired == {"one": ["a"], "two": ["b"]}
    assert await pair.host.next_timer_at() == pair.clock.now_ms() + 300_000
    await pair.advance(5 * 60)
    assert (pair.fired["one"], await pair.host.next_timer_at()) == (["a", "c"], None)


async def test_one_that_is_stuck_does_not_hold_the_other_up(pair, until):
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slow(event):
        reached.set()
        await go_on.wait()

    pair.plugins["one"].context.on(MessagePosted, slow)
    both = await pair.group("ann", "one", "two")
    await reached.wait()
    await pair.post("ann", both, "hello")
    async with asyncio.timeout(10):
        await until(lambda: pair.heard["two"] == [None, "hello"])
    assert pair.heard["one"] == [None]
    go_on.set()
    await pair.idle()
    assert pair.heard["one"] == [None, "hello"]
