"""A session ends with the token that was shown last: fresh, renewed, resumed or taken over, there or away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imserver import Server
from imserver.clock import SystemClock
from imserver.net import clock_watch, listener
from tests.limits.raw import Raw, eventually
from tests.support.servers import config

AUTH_EXPIRED, FORBIDDEN = 301, 602
HOUR = 3600


class LeapingClock(SystemClock):
    """The machine's clock, whose wall time leaps."""

    leap_s = 0.0

    def now_ms(self) -> int:
        return super().now_ms() + int(self.leap_s * 1000)


SHORT, LONG, GRACE_S = 60, HOUR, 30
#: How a device shows its token: each step with one that is good for so long. "away": it is not there when the time comes.
LIVES: dict[str, list[tuple[str, int]]] = {
    "short": [("fresh", SHORT)],
    "long": [("fresh", LONG)],
    "renewed": [("fresh", SHORT), ("renew", LONG)],
    "renewed twice": [("fresh", SHORT), ("renew", SHORT), ("renew", LONG)],
    "renewed by an earlier end": [("fresh", LONG), ("refused", SHORT), ("renew", LONG)],
    "resumed with a longer one": [("fresh", SHORT), ("resume", LONG)],
    "resumed with a shorter one": [("fresh", LONG), ("resume", SHORT)],
    "taken over with a longer one": [("fresh", SHORT), ("take over", LONG)],
    "taken over with a shorter one": [("fresh", LONG), ("take over", SHORT)],
    "resumed, then renewed": [("fresh", SHORT), ("resume", SHORT), ("renew", LONG)],
    "renewed, then resumed": [("fresh", SHORT), ("renew", LONG), ("resume", SHORT)],
    "fresh again": [("fresh", SHORT), ("fresh", LONG)],
    "short and away": [("fresh", SHORT), ("away", SHORT)],
    "long and away": [("fresh", SHORT), ("resume", LONG), ("away", LONG)],
}


class Device:
    """One life of a session, step by step."""

    def __init__(self, server: Server, number: int) -> None:
        self._server = server
        self._device_id = f"device {number}"
        self.user_id = f"user{number}"
        self.raw: Raw | None = None
        self.held: tuple[str, bytes] | None = None

    async def step(self, how: str, ttl_s: int) -> None:
        token = self._server.accounts.make_token(self.user_id, ttl_s=ttl_s)
        if how in ("renew", "refused"):
            assert self.raw is not None
            assert (await self.raw.ask("renew", token)).code == (0 if how == "renew" else FORBIDDEN)
            return
        if self.raw is not None and how != "take over":
            await self.hang_up()
        if how != "away":
            resumed = await self.enter(token, fresh=how == "fresh")
            assert resumed is (how != "fresh")

    async def enter(self, token: str, *, fresh: bool = False) -> bool:
        """True if the session was resumed."""
        old, self.raw = self.raw, await Raw.open(self._server)
        self.raw.seq, ack = (old.seq, old.received) if old is not None else (0, 0)
        self.raw.hello(token, self._device_id, resume=None if fresh else self.held, ack=0 if fresh else ack)
        welcome = await self.raw.welcome()
        self.held = welcome.session_id, welcome.token
        if old is not None:
            await old.hang_up()
        return welcome.resumed

    async def hang_up(self) -> None:
        assert self.raw is not None
        await self.raw.hang_up()
        sessions = self._server.listener.sessions
        device = sessions.of_device(self.user_id, self._device_id)
        await eventually(lambda: device is None or device.transport is None)


class Sweeps:
    """Counts the server's looks at all of its sessions."""

    def __init__(self, server: Server) -> None:
        self._count = 0
        real = server.listener.sessions.sweep

        def sweep(now: float, now_s: float, grace_s: int) -> Iterator[None]:
            yield from real(now, now_s, grace_s)
            self._count += 1

        server.listener.sessions.sweep = sweep  # type: ignore[method-assign]

    async def over(self) -> None:
        """Until everybody was looked at as things are now: one look may have begun before."""
        enough = self._count + 2
        await eventually(lambda: self._count >= enough)


async def test_a_session_lives_as_long_as_the_token_that_was_shown_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it was shown, and until its grace is over; whoever is there then is told why."""
    monkeypatch.setattr(listener, "SWEEP_INTERVAL_S", 0.02)
    monkeypatch.setattr(clock_watch, "PARTED_S", 1e9)  # of which all sessions would end
    clock = LeapingClock()
    settings = config(tmp_path, auth={"grace_s": GRACE_S})
    async with Server(settings, clock=clock) as server:
        devices = {name: Device(server, number) for number, name in enumerate(LIVES)}
        for name, steps in LIVES.items():
            for how, ttl_s in steps:
                await devices[name].step(how, ttl_s)
        sweeps = Sweeps(server)
        ids = {name: device.held[0] for name, device in devices.items() if device.held is not None}
        assert len(ids) == len(LIVES)

        def alive() -> set[str]:
            return {name for name, found in ids.items() if server.listener.sessions.get(found) is not None}

        short = {name for name, steps in LIVES.items() if steps[-1][1] == SHORT}
        clock.leap_s = SHORT + GRACE_S / 2
        await sweeps.over()
        assert alive() == set(LIVES), "the grace is not over"
        clock.leap_s = SHORT + GRACE_S + 1
        await sweeps.over()
        assert alive() == set(LIVES) - short
        for name, steps in LIVES.items():
            raw = devices[name].raw
            assert raw is not None
            if steps[-1][0] != "away":
                if name in short:
                    assert (await raw.goodbye()).code == AUTH_EXPIRED, name
                else:
                    assert (await raw.ask("sync", None)).code == 0, name
                await raw.hang_up()
