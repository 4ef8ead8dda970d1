"""Counts of connections by address: a connection that is turned away must leave them as they were."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from imserver.config import LimitsConfig
from imserver.net.backpressure import MAX_ADDRESSES, MAX_SWEPT, RESERVED_FDS, AddressLimits
from tests.limits.raw import Raw, eventually
from tests.support.servers import running

TOO_MANY = 400


async def test_who_is_turned_away_because_the_house_is_full_does_not_make_room_for_his_address(
    tmp_path: Path,
) -> None:
    limits = {"max_connections": 2, "max_connections_per_address": 2}
    async with running(tmp_path, limits=limits) as server, await Raw.open(server) as one:
        await one.enter(server, "alice")
        async with await Raw.open(server) as two:
            await two.enter(server, "bob")
            for _ in range(3):
                async with await Raw.open(server) as refused:
                    assert (await refused.goodbye()).text == "too many connections"
            await eventually(lambda: len(server.listener.transports) == 2)
            open_connections = server.listener._addresses._open
            assert open_connections == {"127.0.0.1": 2}
        await eventually(lambda: not server.listener._addresses._open["127.0.0.1"] > 1)
    assert not server.listener._addresses._open


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
        assert limits.connect(f"{number}", 0.0) is None
    limits.sweep(0.5)
    assert len(limits._connects) == 3 * MAX_SWEPT, "no bucket is full again"
    for sweeps in range(1, 4):
        limits.sweep(1.0)
        assert len(limits._connects) == (3 - sweeps) * MAX_SWEPT


def test_of_too_many_addresses_the_oldest_is_forgotten() -> None:
    limits = AddressLimits(LimitsConfig(connects_per_minute=1))
    for number in range(MAX_ADDRESSES + 1):
        assert limits.connect(f"{number}", 0.0) is None
    assert len(limits._connects) == MAX_ADDRESSES
    assert limits.connect("1", 0.0) is not None
    assert limits.connect("0", 0.0) is None


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
        await eventually(lambda: not server.listener.transports)
        assert not server.listener._strangers
