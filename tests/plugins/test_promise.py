"""The promise: rows, messages, timers and the mark of the event are one transaction, whatever fails and wherever."""

import asyncio
import contextlib
import dataclasses
import threading

import pytest

from imserver.chat.units import Unit
from imserver.config import StoreConfig
from imserver.errors import PluginError, Refusal, RefusalCode
from imserver.plugin_host import HostLimits
from imserver.plugin_host.handling import Handling
from imserver.store.sqlite.store import SqliteStore
from imserver.testing import PluginKit
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


async def test_all_of_it_happens(ledger):
    await ledger.say("ann", CHAT, "/note x")
    await assert_one_effect(ledger)
    await ledger.advance(60)
    assert await rows(ledger) == [("note", "x"), ("remind", "x")]
    assert answers(ledger) == ["note: x", "remind: x"]
    assert await timers(ledger) == []


@pytest.mark.parametrize("step", ["before", *STEPS])
async def test_a_failure_anywhere_undoes_everything_and_the_second_attempt_does_it_once(ledger, step):
    ledger.plugin.meddle = failing("note", step, 2)
    await ledger.say("ann", CHAT, "/note x")
    await assert_one_effect(ledger)
    assert ledger.plugin.calls == ["x"] * 3
    await ledger.advance(60)
    assert answers(ledger) == ["note: x", "remind: x"]


@pytest.mark.parametrize("step", ["before", *STEPS])
async def test_after_three_failures_it_is_told_kept_and_left_behind(ledger, step):
    ledger.plugin.meddle = failing("note", step, 3)
    [answer] = await ledger.say("ann", CHAT, "/note x")
    assert await rows(ledger) == []
    assert await timers(ledger) == []
    error = next(fields for _, event, fields in ledger.log.lines if event == "plugin_handler_failed")
    assert answer.text == f"Sorry, that did not work (id {error['error_id']})."
    assert error["plugin"] == "ledger"
    assert failures(ledger) == [("ledger", error["error_id"])]

    await ledger.crash()
    await ledger.start()
    await ledger.say("ann", CHAT, "/note y")
    assert ledger.plugin.calls == ["y"]
    assert await rows(ledger) == [("note", "y")]


async def test_each_attempt_waits_for_as_long_as_its_turn_says(make_store, clock, monkeypatch):
    """The last length goes for all later ones: what is broken for a while is not asked at the first pace for ever."""
    paused = []

    async def pause(handling, seconds):
        paused.append(seconds)
        return handling.stopping.is_set()

    monkeypatch.setattr(Handling, "pause", pause)
    limits = dataclasses.replace(QUICK, max_attempts=5, retry_delays_s=(0.1, 1.0, 7.0))
    async with PluginKit(Ledger, store=make_store(), clock=clock, limits=limits, raises=False) as kit:
        await kit.user("ann", "Ann")
        kit.plugin.meddle = failing("note", "before", 9)
        await kit.say("ann", CHAT, "/note x")
    assert paused == [0.1, 1.0, 7.0, 7.0]


async def test_the_answer_is_in_the_language_of_whoever_asked(ledger):
    ledger.plugin.meddle = failing("note", "post", 3)
    [answer] = await ledger.say("bob", "direct/bob/clerk", "记x")
    assert answer.text.startswith("抱歉，没有成功（编号 ")


async def test_a_failure_after_the_commit_is_no_failure_of_the_event(ledger):
    ledger.plugin.meddle = failing("note", "after", 9)
    await ledger.say("ann", CHAT, "/note x")
    await assert_one_effect(ledger)
    assert ledger.plugin.calls == ["x"]
    assert ledger.log.events("error") == ["plugin_handler_failed_after_commit"]


@pytest.mark.parametrize("step", ["before", *STEPS])
async def test_a_timer_fails_and_succeeds_as_a_message_does(ledger, step):
    ledger.plugin.meddle = failing("remind", step, 2)
    await ledger.say("ann", CHAT, "/note x")
    await ledger.advance(60)
    assert answers(ledger) == ["note: x", "remind: x"]
    assert await rows(ledger) == [("note", "x"), ("remind", "x")]
    assert await timers(ledger) == []


async def test_a_timer_that_fails_three_times_is_over(ledger):
    ledger.plugin.meddle = failing("remind", "post", 3)
    await ledger.say("ann", CHAT, "/note x")
    await ledger.advance(60)
    assert await timers(ledger) == []
    await ledger.advance(60)
    assert ledger.plugin.calls == ["x", "remind x", "remind x", "remind x"]
    assert answers(ledger) == ["note: x"]


# -- crashes ----------------------------------------------------------------------------------------------------------


async def test_a_crash_before_the_transaction(ledger, until):
    ledger.plugin.meddle = lambda kind, step: asyncio.Event().wait() if step == "before" else None
    await ledger.post("ann", CHAT, "/note x")
    await until(lambda: ledger.plugin.calls == ["x"])
    await ledger.crash()
    await assert_nothing(ledger)
    await ledger.start()
    await ledger.idle()
    await assert_one_effect(ledger)


async def test_the_lazy_cursor_waits_for_the_message_in_hand(ledger, until):
    ledger.plugin.meddle = lambda kind, step: asyncio.Event().wait() if step == "before" else None
    await ledger.post("ann", CHAT, "/note x")
    await until(lambda: ledger.plugin.calls == ["x"])
    await ledger.post("ann", "direct/ann/bob", "nothing to do with it")
    await ledger.host._store_cursors()
    await ledger.crash()
    await ledger.start()
    await ledger.idle()
    await assert_one_effect(ledger)


async def test_a_crash_after_the_commit(ledger, until):
    ledger.plugin.meddle = lambda kind, step: asyncio.Event().wait() if step == "after" else None
    await ledger.post("ann", CHAT, "/note x")
    await until(lambda: answers(ledger) != [])
    await ledger.crash()
    await ledger.start()
    await ledger.idle()
    assert ledger.plugin.calls == []
    await assert_one_effect(ledger)


async def test_a_crash_while_the_unit_waits_in_the_queue(ledger, until):
    reached = []
    ledger.plugin.meddle = lambda kind, step: reached.append(step)
    async with HeldStore(ledger) as held:
        await held.post("/note x", until)
        await ledger.crash()
    assert reached == ["before"]
    await ledger.start()
    await ledger.idle()
    await assert_one_effect(ledger)


async def test_a_crash_before_the_timer(ledger, until):
    await ledger.say("ann", CHAT, "/note x")
    ledger.plugin.meddle = lambda kind, step: asyncio.Event().wait() if step == "before" else None
    ledger.clock.advance(60)
    waiting = asyncio.ensure_future(ledger.idle())
    await until(lambda: "remind x" in ledger.plugin.calls)
    await ledger.crash()
    await waiting
    await ledger.start()
    await ledger.idle()
    assert answers(ledger) == ["note: x", "remind: x"]
    assert await timers(ledger) == []


async def test_what_is_said_while_the_plugin_is_away_is_heard_when_it_is_back(ledger):
    await ledger.say("ann", CHAT, "/note x")
    await ledger.host.stop()
    await ledger.post("ann", CHAT, "/note y")
    await ledger.start()
    await ledger.idle()
    assert answers(ledger) == ["note: x", "note: y"]


async def test_a_new_plugin_begins_at_the_end(make_store, clock):
    store = make_store()
    async with PluginKit(Ledger, store=store, clock=clock, raises=False) as kit:
        await kit.user("ann")
        await kit.user("bob")
        await kit.post("ann", "direct/ann/bob", "/note before its time")
        await kit.host.stop()
        late = type("Late", (Ledger,), {"name": "late", "migrations": ()})
        kit._make = late
        kit._config = {"bot": "bob2"}
        await kit.start()
        await kit.idle()
        assert kit.plugin.heard == []
        assert kit.host.figures()[0].cursor > 0


# -- deadlines --------------------------------------------------------------------------------------------------------

HASTY = HostLimits(
    handler_deadline_s=0.05, cancel_grace_s=0.05, retry_delays_s=(0.0,), store_busy_delays_s=(0.001, 0.01)
)
#: Where a deadline that strikes before the handler's first step, as it may on a busy machine, is a failure of the test.
NOT_SO_HASTY = dataclasses.replace(HASTY, handler_deadline_s=0.5)


@pytest.fixture
async def hasty(make_store, clock, request):
    limits = getattr(request, "param", HASTY)
    async with PluginKit(Ledger, store=make_store(), clock=clock, limits=limits, raises=False) as kit:
        await kit.user("ann")
        yield kit


async def test_a_handler_that_never_ends_is_given_up(hasty):
    hasty.plugin.meddle = lambda kind, step: asyncio.Event().wait() if step == "before" else None
    [answer] = await hasty.say("ann", CHAT, "/note x")
    assert "did not work" in answer.text
    assert hasty.plugin.calls == ["x"] * 3
    assert await rows(hasty) == []


async def test_a_handler_that_is_late_after_its_commit_has_done_it(hasty):
    hasty.plugin.meddle = lambda kind, step: asyncio.Event().wait() if step == "after" else None
    await hasty.say("ann", CHAT, "/note x")
    await assert_one_effect(hasty)
    assert hasty.plugin.calls == ["x"]


@pytest.mark.parametrize("hasty", [NOT_SO_HASTY], indirect=True, ids=[""])
async def test_a_unit_whose_handler_was_cancelled_in_the_queue_is_withdrawn_and_nobody_is_blamed(
    hasty, until
):
    steps = []
    hasty.plugin.meddle = lambda kind, step: steps.append(step)
    async with HeldStore(hasty) as held:
        await held.post("/note x", until)
        [unit] = units_of(hasty)
        await until(unit.future.cancelled)
        assert steps == ["before"]
    await hasty.idle()
    await assert_one_effect(hasty)
    assert hasty.plugin.calls == ["x", "x"]
    assert hasty.log.events("error") == []


async def test_a_unit_of_a_task_that_the_handler_started_is_withdrawn_with_the_handler(hasty, until):
    """Nobody has cancelled the task, but its handler was given up, and is called again: both must not count."""
    started: list[asyncio.Future[int]] = []

    def meddle(kind, step):
        if step != "before" or started:
            return None
        late = hasty.plugin.context.transaction(
            lambda tx: tx.post(CHAT, {"type": "text", "text": "too late"})
        )
        started.append(asyncio.ensure_future(late))
        return asyncio.Event().wait()

    hasty.plugin.meddle = meddle
    async with HeldStore(hasty) as held:
        await held.post("/note x", until)
        [unit] = units_of(hasty)
        await until(lambda: unit._attempt.abandoned)
    await hasty.idle()
    with pytest.raises(PluginError):
        await started[0]
    await assert_one_effect(hasty)


async def test_a_commit_that_races_the_deadline_counts(tmp_path, clock, until):
    """The unit is on the writer's thread when the deadline strikes: the effect is there, and nobody is told of a failure."""
    store = SqliteStore(StoreConfig(path=str(tmp_path / "im.db")), clock=clock)
    async with PluginKit(Ledger, store=store, clock=clock, limits=NOT_SO_HASTY, raises=False) as kit:
        await kit.user("ann")
        begun, go_on = threading.Event(), threading.Event()

        def meddle(kind, step):
            if step == "execute":
                begun.set()
                go_on.wait(10)

        kit.plugin.meddle = meddle
        await kit.post("ann", CHAT, "/note x")
        await until(begun.is_set)
        [unit] = units_of(kit)
        await until(unit.future.cancelled)
        go_on.set()
        await kit.idle()
        await assert_one_effect(kit)
        assert kit.plugin.calls == ["x"]
        assert kit.log.events("error") == []


async def test_a_handler_that_swallows_its_cancellation_is_left_behind_and_can_do_no_more(hasty, until):
    refused = []

    async def stubborn(kit):
        loop = asyncio.get_running_loop()
        end = loop.time() + 0.3
        while loop.time() < end:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(end - loop.time())
        try:
            await kit.plugin.context.transaction(
                lambda tx: tx.post(CHAT, {"type": "text", "text": "too late"})
            )
        except PluginError as error:
            refused.append(str(error))

    hasty.plugin.meddle = lambda kind, step: stubborn(hasty) if step == "before" else None
    [answer] = await hasty.say("ann", CHAT, "/note x")
    assert "did not work" in answer.text
    await until(lambda: len(refused) == 3)
    assert refused[0] == "the deadline of this handler has passed"
    assert answers(hasty) == [answer.text]


# -- a store that is busy ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [RefusalCode.OVERLOADED, RefusalCode.STORE_FULL])
async def test_a_busy_store_is_waited_out_and_not_the_plugins_fault(ledger, monkeypatch, code):
    submit, left = ledger.store.submit, [8]

    def busy(unit: Unit) -> None:
        if left[0] and type(unit).__name__ == "PluginUnit":
            left[0] -= 1
            raise Refusal(code, "not now")
        submit(unit)

    monkeypatch.setattr(ledger.store, "submit", busy)
    await ledger.say("ann", CHAT, "/note x")
    assert left == [0]
    await assert_one_effect(ledger)
    assert ledger.log.events("error") == []


async def test_a_store_that_fails_while_a_unit_runs_releases_everybody(ledger, until):
    async with HeldStore(ledger) as held:
        await held.post("/note x", until)
        ledger.host.store_failed(RuntimeError("gone"))
        await asyncio.wait_for(ledger.host.stop(), 5)
        assert ledger.plugin.stopped
    await ledger.start()
    await ledger.idle()
    await assert_one_effect(ledger)


# -- help -------------------------------------------------------------------------------------------------------------
