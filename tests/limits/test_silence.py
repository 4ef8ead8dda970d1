"""Peers that say nothing, and peers that do not go: pinged and cut off in time, and no sooner."""

from __future__ import annotations

from pathlib import Path

import pytest

from imserver import Server
from imserver.net import listener
from tests.limits.raw import PING, Raw, eventually
from tests.support.clocks import LeapingClock
from tests.support.servers import config

IDLE, MALFORMED = 101, 210
#: SPEC, "Liveness and coming back", "Limits" (seconds).
PING_AFTER_S, DEAD_AFTER_S, CLOSE_WITHIN_S = 30, 60, 5


async def test_who_is_silent_is_asked_then_told_and_may_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "SWEEP_INTERVAL_S", 0.02)
    clock = LeapingClock()
    async with Server(config(tmp_path), clock=clock) as server:
        async with await Raw.open(server) as raw:
            welcome = await raw.enter(server, "alice")
            clock.leap_s += PING_AFTER_S + 1
            assert (await raw.frame())[0] == PING
            clock.leap_s += DEAD_AFTER_S - PING_AFTER_S
            assert (await raw.goodbye()).code == IDLE
        async with await Raw.open(server) as raw:
            resumed = await raw.enter(server, "alice", resume=(welcome.session_id, welcome.token))
            assert resumed.resumed


async def test_who_was_told_to_go_and_stays_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each such socket would be kept for as long as its peer likes."""
    monkeypatch.setattr(listener, "SWEEP_INTERVAL_S", 0.02)
    clock = LeapingClock()
    async with Server(config(tmp_path), clock=clock) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        raw.send(31, 0, 0)
        while raw.end is None:
            await raw.frame()
        assert raw.end.code == MALFORMED
        assert len(server.listener.admission.transports) == 1, "it may still hear GOODBYE"
        clock.leap_s += CLOSE_WITHIN_S + 1
        await eventually(lambda: not server.listener.admission.transports)
