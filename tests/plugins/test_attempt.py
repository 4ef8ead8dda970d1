"""An attempt is decided when the last of its units is, and handled when a committed one has marked the event."""

import asyncio

import pytest

from imserver.errors import Refusal, RefusalCode, StoreFailed
from imserver.events import TimerFired
from imserver.plugin_host.attempt import Attempt
from tests.plugins.test_promise import CHAT

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
