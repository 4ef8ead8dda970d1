"""Starting and stopping plugins: all or none run, and a plugin that misbehaves is named."""

import asyncio

import pytest

from imserver.errors import ConfigError, PluginError, StartError
from imserver.plugin_api import Migration
from imserver.plugin_host import PluginHost
from imserver.store.memory import MemoryStore
from imserver.testing import LogBook, ManualClock, PluginKit
from tests.plugins.bench import Bench, made_with
from tests.plugins.conftest import QUICK


@pytest.fixture
async def store(clock):
    class Nobody:
        def committed(self, units):
            for unit in units:
                unit.settle()

        def saturated(self):
            return False

    store = MemoryStore(clock=clock)
    await store.open(Nobody())
    yield store
    await store.close()


def host(store, *plugins, sections=None, log=None):
    return PluginHost(
        store, sections or {}, clock=ManualClock(), log=log or LogBook(), plugins=plugins, limits=QUICK
    )


async def test_without_plugins_it_does_nothing(store):
    empty = host(store)
    await empty.start()
    empty.notify([])
    await empty.idle()
    await empty.stop()


async def test_a_plugin_that_does_not_start_stops_the_others_too(store):
    stopped = []

    class Good(Bench):
        async def stop(self):
            stopped.append(self.name)

    def explode(context):
        raise RuntimeError("boom")

    bad = made_with(explode, name="bad", migrations=())
    failing = host(store, Good(), bad(), sections={"bad": {"bots": ["other"]}})
    with pytest.raises(StartError, match=r"the plugin 'bad' did not start: .*boom"):
        await failing.start()
    assert stopped == ["bench"]
    assert failing.names == []


async def test_two_plugins_cannot_share_a_bot(store):
    other = made_with(lambda context: None, name="other", migrations=())
    with pytest.raises(StartError, match="a bot of the plugin 'bench'"):
        await host(store, Bench(), other()).start()


async def test_a_wrong_section_is_told_before_anything_starts(store):
    started: list[object] = []
    plugin = made_with(started.append)()
    with pytest.raises(ConfigError) as caught:
        await host(store, plugin, sections={"bench": {"bots": [1]}}).start()
    assert caught.value.path == "$.plugins.bench.bots[0]"
    assert started == []


@pytest.mark.parametrize("name", ["", "Bench", "a_b", "x" * 32, "1a"])
async def test_a_plugins_name_has_to_serve_as_a_table_prefix(store, name):
    with pytest.raises(PluginError, match="plugin name"):
        await host(store, made_with(lambda context: None, name=name)()).start()


async def test_migrations_are_numbered_without_gaps(store):
    plugin = made_with(lambda context: None, migrations=(Migration(2, "SELECT 1"),))
    with pytest.raises(PluginError, match="numbered 1, 2, 3"):
        await host(store, plugin()).start()


async def test_a_plugin_that_fails_or_hangs_while_stopping_does_not_keep_the_others(clock):
    class Bad(Bench):
        async def stop(self):
            raise RuntimeError("boom")

    async with PluginKit(Bad, clock=clock, limits=QUICK) as kit:
        await kit.host.stop()
        assert kit.log.events("error") == ["plugin_stop_failed"]


async def test_stopping_lets_a_running_handler_end(clock, until):
    reached, ended, go_on = [], [], asyncio.Event()

    async def slow(call):
        reached.append(True)
        await go_on.wait()
        ended.append(True)
        return "done"

    async with PluginKit(
        made_with(lambda context: context.command("slow", slow)), clock=clock, limits=QUICK
    ) as kit:
        await kit.user("ann")
        await kit.post("ann", "direct/ann/bot", "/slow")
        await kit.post("ann", "direct/ann/bot", "/slow")
        await until(lambda: bool(reached))
        stopping = asyncio.ensure_future(kit.host.stop())
        await asyncio.sleep(0)
        go_on.set()
        await stopping
        assert len(ended) == 1
        assert kit.messages("direct/ann/bot")[-1].text == "done"
        await kit.start()
        await kit.idle()
        assert len(ended) == 2  # the second one was never begun, and is not lost


async def test_without_delivery_a_plugin_is_only_asked(clock):
    heard = []

    async def hello(call):
        heard.append(call)

    def setup(context):
        context.command("hello", hello)
        context.check("always", lambda sql: ["found"])

    async with PluginKit(made_with(setup), clock=clock, limits=QUICK) as kit:
        await kit.user("ann")
        await kit.host.stop()
        await kit.post("ann", "direct/ann/bot", "/hello")
        resting = PluginHost(kit.store, {}, clock=clock, log=kit.log, plugins=[kit.plugin], limits=QUICK)
        await resting.start(deliver=False)
        assert [finding.text for finding in await resting.run_checks()] == ["found"]
        await resting.idle()
        await resting.stop()
        assert heard == []
        await kit.start()
        await kit.idle()
        assert len(heard) == 1
