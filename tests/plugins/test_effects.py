"""Effects that handlers return: of a crowd they share a commit; each is done once or not at all, and nothing passes it."""

import asyncio
import dataclasses
import random

import pytest

from imserver.config import StoreConfig
from imserver.plugin_api import Effects, MessagePosted, Stale, UniqueViolation, decode_content
from imserver.store.sqlite.inline import open_inline
from imserver.store.sqlite.store import SqliteStore
from imserver.testing import PluginKit
from tests.plugins.bench import made_with
from tests.plugins.conftest import QUICK
from tests.plugins.effects import (
    CHAT,
    HeldStore,
    answers,
    assert_nothing,
    assert_one_effect,
    failing,
    failures,
    rows,
    timers,
    units_of,
)
from tests.plugins.ledger import STEPS, Ledger

CROWD = ("ann", "bob", "cat", "dan")


class Returning(Ledger):
    """The ledger, whose note is done behind its handler. `started` is called when it has started."""

    started = staticmethod(lambda: None)

    async def start(self, context):
        await super().start(context)
        self.started()

    async def note(self, call):
        self.calls.append(call.arguments)
        await self._meddle("note", "before")
        return Effects(self._effects("note", call.conversation_id, call.arguments))


@pytest.fixture
def store(tmp_path, clock):
    config = StoreConfig(path=str(tmp_path / "im.db"))
    return SqliteStore(config, clock=clock, rng=random.Random(1), opener=open_inline)


@pytest.fixture
async def ledger(store, clock):
    async with PluginKit(Returning, store=store, clock=clock, limits=QUICK, raises=False) as kit:
        for name in CROWD:
            await kit.user(name, name.title())
        yield kit


@pytest.fixture
def heard(store, clock):
    """Runs one listener: `async with heard(listener) as kit`."""

    def with_listener(listen, **limits):
        plugin = made_with(lambda context: context.on(MessagePosted, lambda event: listen(context, event)))
        bounds = dataclasses.replace(QUICK, **limits)
        return PluginKit(plugin, store=store, clock=clock, limits=bounds, raises=False)

    return with_listener


async def crowd(kit):
    for name in CROWD:
        await kit.user(name)


def text_of(event):
    return decode_content(event.message.content)["text"]


# -- done once or not at all ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", STEPS)
async def test_effects_that_fail_leave_nothing_and_the_next_attempt_does_them_once(ledger, step):
    ledger.plugin.meddle = failing("note", step, 2)
    await ledger.say("ann", CHAT, "/note x")
    await assert_one_effect(ledger)
    assert ledger.plugin.calls == ["x"] * 3


async def test_after_three_failures_it_is_told_and_left_behind(ledger):
    ledger.plugin.meddle = failing("note", "post", 3)
    [answer] = await ledger.say("ann", CHAT, "/note x")
    assert "did not work" in answer.text
    assert await rows(ledger) == await timers(ledger) == []
    assert len(failures(ledger)) == 1
    assert ledger.plugin.calls == ["x"] * 3


async def test_a_crash_while_they_wait_in_the_queue(ledger, until):
    async with HeldStore(ledger) as held:
        await held.post("/note x", until)
        [unit] = units_of(ledger)
        await ledger.crash()
        assert unit.future.cancelled()
    await assert_nothing(ledger)
    await ledger.start()
    await ledger.idle()
    await assert_one_effect(ledger)


async def test_a_stop_waits_for_them(ledger, until):
    async with HeldStore(ledger) as held:
        await held.post("/note x", until)
        stopping = asyncio.ensure_future(ledger.host.stop())
        await turns()
        assert not stopping.done()
    await stopping
    await assert_one_effect(ledger)
    await ledger.start()
    await ledger.idle()
    assert ledger.plugin.calls == []


async def test_a_store_that_fails_meanwhile_releases_everybody(ledger, until):
    async with HeldStore(ledger) as held:
        await held.post("/note x", until)
        ledger.host.store_failed(RuntimeError("gone"))
        await asyncio.wait_for(ledger.host.stop(), 5)
    await ledger.start()
    await ledger.idle()
    await assert_one_effect(ledger)


# -- together, and yet one after another ------------------------------------------------------------------------------


async def turns():
    """So many of the loop that whatever can go on has."""
    for _ in range(50):
        await asyncio.sleep(0)


def hold_from_the_start(kit, monkeypatch):
    """Once the plugin has started, nothing is committed until what this returns is called."""
    saturated = kit._hub.saturated

    def hold():
        kit._hub.saturated = lambda: True

    def release():
        kit._hub.saturated = saturated
        kit.store.resume()

    monkeypatch.setattr(Returning, "started", staticmethod(hold))
    return release


async def waiting_crowd(kit, until, monkeypatch, meddle=lambda kind, step: None):
    """Each says a thing while the plugin is away; then it is back, and done with them."""
    await kit.host.stop()
    for name in CROWD:
        await kit.post(name, kit.direct(name, "clerk"), f"/note {name}")
    release = hold_from_the_start(kit, monkeypatch)
    monkeypatch.setattr(Returning, "meddle", staticmethod(meddle))
    await kit.start()
    await until(lambda: len(units_of(kit)) == len(CROWD))
    before = kit.store.writer.batches
    release()
    await until(lambda: not units_of(kit))
    committed = kit.store.writer.batches - before
    await kit.idle()
    return committed


async def test_those_of_a_crowd_share_a_commit(ledger, until, monkeypatch):
    assert await waiting_crowd(ledger, until, monkeypatch) == 1
    assert await rows(ledger) == [("note", name) for name in CROWD]
    assert [answers(ledger, ledger.direct(name, "clerk")) for name in CROWD] == [
        [f"note: {name}"] for name in CROWD
    ]


@pytest.mark.parametrize("step", STEPS)
async def test_one_of_a_crowd_that_fails_fails_alone(ledger, until, monkeypatch, step):
    await waiting_crowd(ledger, until, monkeypatch, failing("note", step, 1))
    assert sorted(await rows(ledger)) == [("note", name) for name in CROWD]
    assert [answers(ledger, ledger.direct(name, "clerk")) for name in CROWD] == [
        [f"note: {name}"] for name in CROWD
    ]


async def test_what_one_sender_and_one_conversation_say_is_done_in_its_order_though_the_first_fails(ledger):
    group = await ledger.group("ann", "bob", "clerk")
    ledger.plugin.meddle = failing("note", "end", 2)
    for name, text in (("ann", "1"), ("bob", "2"), ("ann", "3"), ("ann", "4")):
        await ledger.post(name, group, f"/note {text}")
    await ledger.post("ann", CHAT, "/note 5")
    await ledger.idle()
    assert await rows(ledger) == [("note", text) for text in "12345"]
    assert answers(ledger, group) == [f"note: {text}" for text in "1234"]


async def test_each_works_on_what_those_before_it_left(heard):
    """Of a crowd that wants one thing, one has it: the others' effects see it, or meet its key."""

    async def listen(context, event):
        def take(tx):
            free = not tx.execute("SELECT 1 FROM bench_rows")
            if free:
                tx.execute("INSERT INTO bench_rows (text) VALUES ('the seat')")
            else:
                with pytest.raises(UniqueViolation):
                    tx.execute("INSERT INTO bench_rows (text) VALUES ('the seat')")
            tx.post(event.message.conversation_id, {"type": "text", "text": "yours" if free else "taken"})

        return Effects(take)

    async with heard(listen) as kit:
        await crowd(kit)
        for name in CROWD:
            await kit.post(name, kit.direct(name, "bot"), "me")
        await kit.idle()
        said = [kit.messages(kit.direct(name, "bot"))[-1].text for name in CROWD]
    assert sorted(said) == ["taken", "taken", "taken", "yours"]


async def test_a_handler_reads_what_those_before_it_have_returned(heard):
    seen = []

    async def listen(context, event):
        seen.append(len(await context.read("SELECT 1 FROM bench_rows")))
        return Effects(lambda tx: tx.execute("INSERT INTO bench_rows (text) VALUES (?)", [text_of(event)]))

    async with heard(listen) as kit:
        await crowd(kit)
        for name in CROWD:
            await kit.post(name, kit.direct(name, "bot"), name)
        await kit.idle()
    assert seen == [0, 1, 2, 3]


async def test_no_more_wait_at_once_than_there_is_room_for(store, clock, until, monkeypatch):
    limits = dataclasses.replace(QUICK, max_in_flight=2)
    async with PluginKit(Returning, store=store, clock=clock, limits=limits, raises=False) as kit:
        await crowd(kit)
        await kit.host.stop()
        for name in CROWD:
            await kit.post(name, kit.direct(name, "clerk"), f"/note {name}")
        release = hold_from_the_start(kit, monkeypatch)
        await kit.start()
        await until(lambda: len(units_of(kit)) == 2)
        await turns()
        assert kit.plugin.calls == ["ann", "bob"]
        release()
        await kit.idle()
        assert kit.plugin.calls == list(CROWD)


async def test_a_timer_fires_when_nothing_is_on_its_way(ledger, until, monkeypatch):
    await ledger.say("ann", CHAT, "/note x")
    await ledger.host.stop()
    await ledger.post("bob", "direct/bob/clerk", "/note y")
    ledger.clock.advance(60)
    release = hold_from_the_start(ledger, monkeypatch)
    await ledger.start()
    await until(lambda: units_of(ledger) != [])
    await turns()
    assert ledger.plugin.calls == ["y"]
    release()
    await ledger.idle()
    assert ledger.plugin.calls == ["y", "remind x"]


async def test_a_timer_that_those_on_their_way_cancel_does_not_fire(store, clock, until, monkeypatch):
    fired, timers_set = [], []

    async def listen(event):
        if text_of(event) == "set":
            return Effects(lambda tx: timers_set.append(tx.schedule(tx.now_ms + 1000, "ring", {})))
        return Effects(lambda tx: tx.cancel_timer(timers_set[0]))

    async def ring(timer):
        fired.append(timer.name)

    def register(context):
        context.on(MessagePosted, listen)
        context.timer("ring", ring)
        Returning.started()

    async with PluginKit(made_with(register), store=store, clock=clock, limits=QUICK, raises=False) as kit:
        await kit.user("ann")
        await kit.say("ann", kit.direct("ann", "bot"), "set")
        await kit.host.stop()
        await kit.post("ann", kit.direct("ann", "bot"), "cancel")
        clock.advance(60)
        release = hold_from_the_start(kit, monkeypatch)
        await kit.start()
        await until(lambda: units_of(kit) != [])
        await turns()
        release()
        await kit.idle()
    assert fired == []


# -- out of date ------------------------------------------------------------------------------------------------------


async def test_stale_effects_are_made_again_at_once_and_nobody_is_blamed(heard):
    edition, calls = ["old"], []

    async def listen(context, event):
        at_hand = edition[0]
        calls.append(at_hand)

        def work(tx):
            if at_hand == "old":
                edition[0] = "new"
                raise Stale
            tx.post(event.message.conversation_id, {"type": "text", "text": at_hand})

        return Effects(work)

    async with heard(listen) as kit:
        await kit.user("ann")
        [answer] = await kit.say("ann", kit.direct("ann", "bot"), "x")
        assert (answer.text, calls, kit.log.events("error")) == ("new", ["old", "new"], [])


async def test_effects_that_are_always_stale_are_a_failure(heard):
    async def listen(context, event):
        def work(tx):
            raise Stale

        return Effects(work)

    async with heard(listen, max_stale=2) as kit:
        await kit.user("ann")
        [answer] = await kit.say("ann", kit.direct("ann", "bot"), "x")
        assert "did not work" in answer.text
