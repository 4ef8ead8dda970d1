"""An attempt is decided when the last of its units is, and handled when a committed one has marked the event."""

import asyncio
from typing import Any, cast

import pytest

from imserver.errors import Refusal, RefusalCode, StoreFailed
from imserver.events import TimerFired
from imserver.plugin_host.attempt import Attempt
from imserver.plugin_host.timers import Timers
from imserver.testing import ManualClock
from tests.plugins.effects import CHAT, HeldStore, answers, rows, units_of

EVENT = TimerFired(1, "bench", "x", 0, {})


async def test_it_is_decided_when_the_last_unit_is():
    attempt = Attempt(EVENT)
    await attempt.all_decided()
    attempt.submitted()
    attempt.submitted()
    waiting = asyncio.ensure_future(attempt.all_decided())
    attempt.decided(marked=False, error=None)
    await asyncio.sleep(0)
    seen = [waiting.done()]
    attempt.decided(marked=True, error=None)
    await waiting
    assert [*seen, attempt.handled, attempt.unit_count] == [False, True, 2]


@pytest.mark.parametrize(
    ("error", "busy"),
    [
        (RuntimeError("no"), False),
        (Refusal(RefusalCode.FORBIDDEN, "no"), False),
        (Refusal(RefusalCode.STORE_FULL, "later"), True),
    ],
)
async def test_a_unit_that_failed_has_marked_nothing(error, busy):
    attempt = Attempt(EVENT)
    attempt.submitted()
    attempt.decided(marked=True, error=error)
    assert (attempt.handled, attempt.store_busy) == (False, busy)


async def test_a_handler_is_not_called_again_for_a_store_that_has_failed(ledger, monkeypatch):
    """Nobody can be answered any more, and whatever is tried again would be told of as the plugin's failure."""

    submit = ledger.store.submit

    def fails_for_plugins(unit):
        if type(unit).__name__ == "PluginUnit":
            raise StoreFailed("the disk is gone")
        submit(unit)

    monkeypatch.setattr(ledger.store, "submit", fails_for_plugins)
    await ledger.post("ann", CHAT, "/note x")
    await ledger.idle()
    assert ledger.plugin.calls == ["x"]
    assert ledger.log.events("error") == ["plugin_stopped_with_the_store"]


async def test_a_transaction_that_marks_nothing_has_not_dealt_with_the_event(ledger):
    """The handler keeps something on its own account, and fails: it is called again."""
    failing = [RuntimeError("no")]

    async def keep(kit):
        await kit.plugin.context.transaction(
            lambda tx: tx.execute("INSERT INTO ledger_rows (kind, text) VALUES ('own', 'account')")
        )
        if failing:
            raise failing.pop()

    ledger.plugin.meddle = lambda kind, step: keep(ledger) if (kind, step) == ("note", "before") else None
    await ledger.say("ann", CHAT, "/note x")
    assert ledger.plugin.calls == ["x", "x"]
    assert await rows(ledger) == [("own", "account"), ("own", "account"), ("note", "x")]
    assert answers(ledger) == ["note: x"]


async def test_units_of_a_store_that_failed_are_let_go_at_once(ledger, until):
    async with HeldStore(ledger) as held:
        await held.post("/note x", until)
        [unit] = units_of(ledger)
        ledger.host.store_failed(StoreFailed("gone"))
        assert unit.future.done()
        await ledger.host.stop()
    await ledger.start()


class Reads:
    """A store whose first read fails."""

    def __init__(self):
        self.failures = [RuntimeError("not now")]

    async def read(self, query):
        if self.failures:
            raise self.failures.pop()
        return query(self)

    def timers_due(self, plugin, now_ms, limit):
        return [(1, "x", 5, {})]

    def next_timer_at(self, plugin):
        return None


async def test_timers_that_could_not_be_read_are_asked_for_again():
    store: Any = Reads()
    timers = Timers("bench", store, ManualClock(), page=10, poll_s=1.0)
    with pytest.raises(RuntimeError):
        await timers.next_due()
    assert timers.wait_s() == 0.0
    found = await timers.next_due()
    assert found is not None
    assert (found.timer_id, found.due_at) == (1, 5)


async def test_one_that_is_set_while_the_table_is_looked_at_is_not_forgotten():
    class Slow(Reads):
        async def read(self, query):
            timers.changed(5)  # committed behind the snapshot that is read
            return [], None

    timers = Timers("bench", cast("Any", Slow()), ManualClock(), page=10, poll_s=1.0)
    assert await timers.next_due() is None
    assert timers.wait_s() == 0.0
