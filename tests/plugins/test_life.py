"""Starting and stopping plugins: all or none run, and a plugin that misbehaves is named."""

import asyncio
import dataclasses

import pytest

from imserver.errors import ConfigError, PluginError, Refusal, RefusalCode, StartError
from imserver.model import BOT, User
from imserver.plugin_api import Migration
from imserver.plugin_host import PluginHost
from imserver.testing import LogBook, ManualClock, PluginKit, scratch_store
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

    store = scratch_store(clock)
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


@pytest.mark.parametrize("checks", [["points"], {"points": "all of them"}, None])
async def test_checks_are_names_and_functions(store, checks):
    class Odd(Bench):
        def __init__(self):
            super().__init__()
            self.checks = checks

    with pytest.raises(PluginError, match="checks are a map"):
        await host(store, Odd()).start()


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


async def test_a_plugin_that_hangs_while_stopping_holds_the_end_up_for_no_longer_than_it_may(clock):
    class Hanging(Bench):
        async def stop(self):
            await asyncio.Event().wait()

    limits = dataclasses.replace(QUICK, stop_deadline_s=0.02)
    async with PluginKit(Hanging, clock=clock, limits=limits) as kit:
        await asyncio.wait_for(kit.host.stop(), 10)
        assert kit.log.events("error") == ["plugin_stop_failed"]


async def test_a_plugin_that_hangs_while_starting_is_named(store):
    hanging = made_with(lambda context: asyncio.Event().wait())
    limits = dataclasses.replace(QUICK, start_deadline_s=0.02)
    waiting = PluginHost(store, {}, clock=ManualClock(), log=LogBook(), plugins=[hanging()], limits=limits)
    with pytest.raises(StartError, match="'bench' did not start"):
        await asyncio.wait_for(waiting.start(), 10)
    assert waiting.names == []


async def test_a_plugin_has_a_greatest_number_of_bots_and_may_rename_the_last(clock):
    limits = dataclasses.replace(QUICK, max_bots=3)
    async with PluginKit(Bench, {"bots": ["a", "b", "c"]}, clock=clock, limits=limits) as kit:
        assert (await kit.plugin.context.ensure_bot("c", "Renamed")).display_name == "Renamed"
        with pytest.raises(PluginError, match="more than 3 bots"):
            await kit.plugin.context.ensure_bot("d", "D")


async def test_a_bot_keeps_its_other_roles_and_a_person_without_any_is_no_bot(clock):
    async with PluginKit(Bench, clock=clock, limits=QUICK) as kit:
        await kit.user("helper", roles=["staff", "bot"])
        made = await kit.plugin.context.ensure_bot("helper", "Helper")
        assert (
            made
            == await kit.plugin.context.user("helper")
            == User("helper", "Helper", "en", ("staff", "bot"), BOT)
        )
        for name, roles in (("ann", []), ("bob", ["staff"])):
            await kit.user(name, roles=roles)
            with pytest.raises(PluginError, match="is not a bot"):
                await kit.plugin.context.ensure_bot(name, name)


async def test_a_bot_of_a_plugin_that_is_gone_may_be_anothers(store):
    """And what the plugin counted may be counted anew."""
    reused = host(store, Bench())
    await reused.start()
    await reused.stop()
    other = made_with(lambda context: context.metrics.counter("x", "x"), name="other", migrations=())
    for _ in range(2):
        reused._plugins[:] = [other()]
        await reused.start()
        assert reused.names == ["other"]
        await reused.stop()


async def test_what_was_put_off_by_a_stop_is_not_lost(clock, until, monkeypatch):
    """The store was busy: the message was neither dealt with nor may a cursor pass it."""
    calls = []

    async def note(call):
        calls.append(call.arguments)
        return "noted"

    plugin = made_with(lambda context: context.command("note", note))
    limits = dataclasses.replace(QUICK, store_busy_delays_s=(1000.0, 1000.0))
    async with PluginKit(plugin, clock=clock, limits=limits) as kit:
        await kit.user("ann")
        submit, busy = kit.store.submit, [True]

        def refusing(unit):
            if busy and type(unit).__name__ == "PluginUnit":
                raise Refusal(RefusalCode.OVERLOADED, "not now")
            submit(unit)

        monkeypatch.setattr(kit.store, "submit", refusing)
        await kit.post("ann", "direct/ann/bot", "/note x")
        await until(lambda: calls == ["x"])
        await kit.post("ann", "direct/ann/bot", "behind it")
        await asyncio.wait_for(kit.host.stop(), 10)
        busy.clear()
        await kit.start()
        await kit.idle()
        assert calls == ["x", "x"]
        assert [said.text for said in kit.messages("direct/ann/bot")][2:] == ["noted"]


async def test_what_is_said_between_the_first_start_of_a_plugin_and_a_crash_is_heard(make_store, clock):
    """It begins at the end of what was said by then, once and for all."""
    heard = []

    async def hear(call):
        heard.append(call.arguments)

    limits = dataclasses.replace(QUICK, cursor_interval_s=1000.0)
    plugin = made_with(lambda context: context.command("hear", hear))
    async with PluginKit(plugin, store=make_store(), clock=clock, limits=limits) as kit:
        await kit.user("ann")
        await kit.crash()
        await kit.post("ann", "direct/ann/bot", "/hear while it was away")
        await kit.start()
        await kit.idle()
        assert heard == ["while it was away"]


async def test_a_store_that_cannot_be_asked_is_a_finding_and_the_other_checks_are_asked(clock, monkeypatch):
    async with PluginKit(Bench, clock=clock, limits=QUICK) as kit:
        kit.plugin.checks |= dict.fromkeys(("one", "two"), lambda sql: ["found"])
        read, failures = kit.store.read, [RuntimeError("not now")]

        async def broken(query):
            if failures:
                raise failures.pop()
            return await read(query)

        monkeypatch.setattr(kit.store, "read", broken)
        first, second = await kit.host.run_checks()
        assert first.text.startswith("the check itself failed")
        assert (second.check, second.text) == ("two", "found")


@pytest.mark.parametrize("text", ["/help", " /HELP ", "／ｈｅｌｐ"])
async def test_help_is_answered_however_it_is_written(clock, text):
    async def nothing(call):
        return None

    plugin = made_with(lambda context: context.command("book", nothing, help="books", aliases=["预约"]))
    async with PluginKit(plugin, clock=clock, limits=QUICK) as kit:
        await kit.user("ann")
        assert [said.text for said in await kit.say("ann", "direct/ann/bot", text)] == [
            "/book · 预约 — books"
        ]
