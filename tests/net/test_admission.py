"""Admission: who has a valid token gets in past any crowd that has none; counts and rates of an address are those of logins."""

from __future__ import annotations

import resource
from pathlib import Path
from random import Random
from typing import Any

import pytest

from imserver.config import LimitsConfig
from imserver.net.address_limits import MAX_ADDRESSES, MAX_SWEPT, RESERVED_FDS, AddressLimits
from imserver.net.admission import Admission
from imserver.testing import ManualClock
from tests.limits.raw import Raw, eventually
from tests.support.servers import running

TOO_MANY = 400


async def test_who_is_refused_leaves_the_counts_of_his_address_as_they_were(tmp_path: Path) -> None:
    limits = {"max_connections": 2, "max_connections_per_address": 2}
    async with running(tmp_path, limits=limits) as server, await Raw.open(server) as one:
        await one.enter(server, "alice")
        inside = server.listener.admission._addresses._inside
        async with await Raw.open(server) as two:
            await two.enter(server, "bob")
            for _ in range(3):
                async with await Raw.open(server) as refused:
                    assert (await refused.goodbye()).text == "too many connections"
            await eventually(lambda: len(server.listener.admission.transports) == 2)
            assert inside == {"127.0.0.1": 2}
        await eventually(lambda: inside == {"127.0.0.1": 1})
    assert not inside


async def test_silent_connections_make_room_when_the_house_is_full(tmp_path: Path) -> None:
    """With two inside there is one place left, and one after the other may try to log in on it."""
    async with (
        running(tmp_path, limits={"max_connections": 3}) as server,
        await Raw.open(server) as one,
        await Raw.open(server) as two,
    ):
        await one.enter(server, "alice", "1")
        await two.enter(server, "alice", "2")
        silent = [await Raw.open(server) for _ in range(3)]
        async with await Raw.open(server) as three:
            await three.enter(server, "bob")
            assert [(await raw.goodbye()).code for raw in silent] == [TOO_MANY] * 3
            assert (await one.ask("sync", None)).code == (await two.ask("sync", None)).code == 0
            async with await Raw.open(server) as four:
                assert (await four.goodbye()).text == "too many connections", "all of them have logged in"
        for raw in silent:
            await raw.hang_up()


async def test_there_are_never_more_connections_than_open_files_allow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above, `accept` fails and the store can open nothing: whoever comes too late is told so instead."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (RESERVED_FDS + 1, RESERVED_FDS + 1))
    async with running(tmp_path) as server, await Raw.open(server) as inside:
        await inside.enter(server, "alice")
        async with await Raw.open(server) as outside:
            assert (await outside.goodbye()).code == TOO_MANY
        assert (await inside.ask("sync", None)).code == 0


def test_a_sweep_looks_at_a_bounded_number_of_addresses_and_at_all_of_them_in_time() -> None:
    limits = AddressLimits(LimitsConfig(connects_per_minute=60, failed_logins_per_minute=60))
    for number in range(3 * MAX_SWEPT):
        assert limits.login(f"{number}", 0.0) is None
    limits.sweep(0.5)
    assert len(limits._logins) == 3 * MAX_SWEPT, "no bucket is full again"
    for sweeps in range(1, 4):
        limits.sweep(1.0)
        assert len(limits._logins) == (3 - sweeps) * MAX_SWEPT


def test_addresses_that_still_wait_do_not_keep_others_from_being_swept() -> None:
    """Each sweep goes on where the one before it ended: there are more of them than it looks at."""
    limits = AddressLimits(LimitsConfig(connects_per_minute=60))
    assert limits.login("early", 0.0) is None
    for number in range(2 * MAX_SWEPT):
        assert limits.login(f"{number}", 0.9) is None
    for number in range(3):
        limits.sweep(1.0 + number / 10_000)
    assert "early" not in limits._logins
    assert len(limits._logins) == 2 * MAX_SWEPT


class Model:
    """What one address may do, written as a reader of the configuration would: no more than a burst and the rate since then."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._welcome_at: list[float] = []

    def wait_s(self, now: float) -> float:
        """Until one more fits: over every span of the past, at most a burst and what the span's time brings."""
        rate, waits = self.per_minute / 60, [0.0]
        for number, since in enumerate(self._welcome_at):
            count = len(self._welcome_at) - number + 1
            waits.append(since + (count - self.per_minute) / rate - now)
        return max(waits)

    def welcome(self, now: float) -> None:
        self._welcome_at.append(now)


RATES = LimitsConfig(connects_per_minute=6, failed_logins_per_minute=3, max_connections_per_address=4)


@pytest.mark.parametrize("seed", range(20))
def test_the_rates_of_an_address_are_its_own_and_those_that_are_configured(seed: int) -> None:
    """Logins and failed ones by themselves, whatever is swept; who is turned away is told when it would pass."""
    rng, now, limits = Random(seed), 1000.0, AddressLimits(RATES)
    pace = rng.choice(((0.0, 0.5, 3.0), (0.0, 3.0, 11.0), (0.0, 0.5, 19.0, 300.0)))
    addresses = "abc"[: rng.randrange(1, 4)]
    logins = {address: Model(RATES.connects_per_minute) for address in addresses}
    failures = {address: Model(RATES.failed_logins_per_minute) for address in addresses}
    inside = dict.fromkeys(addresses, 0)
    for _ in range(150):
        now += rng.choice(pace)
        address = rng.choice(addresses)
        if rng.random() < 0.3:
            limits.sweep(now)
        if rng.random() < 0.5:
            expected, told = failures[address].wait_s(now), limits.login_failed(address, now)
            kept = failures[address]
        else:
            told = limits.login(address, now)
            if inside[address] == RATES.max_connections_per_address:
                assert told is not None
                if rng.random() < 0.7:
                    limits.left(address)
                    inside[address] -= 1
                continue
            expected, kept = logins[address].wait_s(now), logins[address]
            if told is None and rng.random() < 0.7:
                limits.left(address)
            elif told is None:
                inside[address] += 1
        assert (told or 0.0) == pytest.approx(expected)
        if told is None:
            kept.welcome(now)
    assert limits._inside == {address: count for address, count in inside.items() if count}
    for _ in range(2):
        limits.sweep(now + 61)
    assert not limits._logins, "full buckets say nothing"
    assert not limits._failures


def test_of_too_many_addresses_the_oldest_is_forgotten() -> None:
    limits = AddressLimits(LimitsConfig(connects_per_minute=1))
    for number in range(MAX_ADDRESSES + 1):
        assert limits.login(f"{number}", 0.0) is None
    assert len(limits._logins) == MAX_ADDRESSES
    assert limits.login("1", 0.0) is not None
    assert limits.login("0", 0.0) is None


def test_who_comes_by_a_proxy_counts_as_the_client_that_it_names() -> None:
    class Peer:
        def __init__(self, address: str) -> None:
            self.address, self.number, self.closed = address, 0, False

        def close(self, *words: object) -> None:
            self.closed = True

    unused: Any = None
    admission = Admission(LimitsConfig(max_unauthenticated=3), ManualClock(), bytes, unused)
    peers: list[Any] = [Peer("10.0.0.1") for _ in range(4)]
    for peer, address in zip(
        peers, ("203.0.113.1", "203.0.113.2", "203.0.113.2", "203.0.113.3"), strict=True
    ):
        admission.admit(peer)
        admission.rename(peer, address)
    assert [peer.closed for peer in peers] == [False, True, False, False], "of the client with two"
    assert admission.unauthenticated == 3


async def test_of_too_many_who_do_not_say_who_they_are_the_oldest_goes(tmp_path: Path) -> None:
    """Else a crowd that says nothing would keep out everybody else for as long as it likes."""
    async with running(tmp_path, limits={"max_unauthenticated": 3}) as server:
        silent = [await Raw.open(server) for _ in range(5)]
        assert [(await raw.goodbye()).code for raw in silent[:2]] == [TOO_MANY] * 2
        async with await Raw.open(server) as guest:
            await guest.enter(server, "alice")
            assert (await silent[2].goodbye()).code == TOO_MANY
            silent += [await Raw.open(server) for _ in range(2)]
            assert (await guest.ask("sync", None)).code == 0, "who said it is none of them any more"
        for raw in silent:
            await raw.hang_up()
        await eventually(lambda: not server.listener.admission.transports)
        assert not server.listener.admission._unauthenticated
