"""A fault of our own ends one session, so that its client asks again, and harms no other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from imserver.net.sessions import DeviceSession
from imserver_client import Environment
from imserver_protocol.session.post_frames import PostReceived
from tests.support.servers import people, running

AB = "direct/alice/bob"


async def test_a_request_that_breaks_us_is_offered_again_in_a_fresh_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = DeviceSession.posts, 0

    def broken_once(self: DeviceSession, received: Sequence[PostReceived]) -> None:
        nonlocal failures
        if self.user_id == "alice" and not failures:
            failures += 1
            raise RuntimeError("a fault of ours")
        real(self, received)

    monkeypatch.setattr(DeviceSession, "posts", broken_once)
    impatient = Environment(uniform=lambda low, high: min(high, 0.05))
    async with running(tmp_path) as server, people(server) as enter:
        alice, bob = await enter("alice", environment=impatient), await enter("bob")
        assert (await bob.post(AB, "from bob")).position == 1
        assert (await alice.post(AB, "from alice")).position == 2
        assert failures == 1
        assert server.listener.admission.counts["welcomed"] == 3, "alice came back with a fresh session"
