"""Token first: a thousand silent connections from one address keep out nobody who has a token, also from that address."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from imserver import Server
from imserver.conditions import QUIET_S
from imserver.net.refused_peers import FEW
from imserver.net.unauthenticated import Unauthenticated
from imserver.testing import LogBook
from tests.hostile.arena import certified
from tests.limits.clocks import MovedClock
from tests.limits.raw import HELLO, Raw, eventually, packed
from tests.support.servers import config, people, running

TOO_MANY, AUTH_FAILED = 400, 300
#: Above what one address may have inside (`max_connections_per_address`).
CROWD = 1010
#: An honest login takes no longer (seconds).
SOON_S = 3.0


@contextmanager
def crowd(server: Server, first_bytes: bytes = b"") -> Iterator[list[socket.socket]]:
    """Connections from 127.0.0.1 that say no more than this."""
    sockets = []
    try:
        for _ in range(CROWD):
            sockets.append(socket.create_connection(("127.0.0.1", server.port)))
            if first_bytes:
                sockets[-1].sendall(first_bytes)
        yield sockets
    finally:
        for one in sockets:
            one.close()


async def logs_in(server: Server, name: str, context: ssl.SSLContext | None = None) -> None:
    async with asyncio.timeout(SOON_S), await Raw.open(server, tls=context) as raw:
        await raw.enter(server, name)


#: What they say, a byte each time that somebody else has logged in: nothing, or a HELLO.
SLOW_HELLO = packed(HELLO, 0, 0, (1, 1), [], "t" * 200, "raw", {}, None)


@pytest.mark.parametrize("said", [b"", SLOW_HELLO], ids=["silent", "dripping"])
async def test_a_crowd_of_one_address_keeps_nobody_of_that_address_out(tmp_path: Path, said: bytes) -> None:
    async with running(tmp_path, limits={"connects_per_minute": 20}) as server:
        with crowd(server, said[:4]) as sockets:
            await eventually(lambda: server.listener.admission.unauthenticated == CROWD)
            for number in range(10):
                await logs_in(server, f"user{number}")
                sockets[number].close()
                sockets[number] = socket.create_connection(("127.0.0.1", server.port))
                for one in sockets[10:]:
                    one.sendall(said[4 + number : 5 + number])
            await eventually(lambda: server.listener.admission.unauthenticated == CROWD)


async def test_nor_with_tls(tmp_path: Path) -> None:
    section, context, _ = certified(tmp_path)
    async with running(tmp_path, server=section) as server:
        with crowd(server, b"\x16\x03\x01\x02\x00\x01"):
            await eventually(lambda: server.listener.admission.unauthenticated == CROWD)
            for number in range(3):
                await logs_in(server, f"user{number}", context)


async def test_a_crowd_costs_other_addresses_no_place(tmp_path: Path) -> None:
    """Of too many the oldest of the largest crowd goes, though another address has been silent for longer."""
    async with running(tmp_path, limits={"max_unauthenticated": 5}) as server:
        async with await Raw.open(server, source="127.0.0.2") as patient:
            await eventually(lambda: server.listener.admission.unauthenticated == 1)
            raws = [await Raw.open(server) for _ in range(7)]
            assert [(await raw.goodbye()).code for raw in raws[:3]] == [TOO_MANY] * 3
            await patient.enter(server, "alice")
        for raw in raws:
            await raw.hang_up()


async def test_peers_of_a_unix_socket_are_not_one_address(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    limits = {
        "max_connections_per_address": 1,
        "connects_per_minute": 1,
        "failed_logins_per_minute": 1,
        "max_unauthenticated": 3,
    }
    async with running(tmp_path, server={"unix_socket": path}, limits=limits) as server:
        raws = [Raw(*await asyncio.open_unix_connection(path)) for _ in range(3)]
        for number, raw in enumerate(raws):
            await raw.enter(server, "alice", f"{number}")
            assert (await raw.ask("sync", None)).code == 0
        for _ in range(3):
            async with Raw(*await asyncio.open_unix_connection(path)) as wrong:
                wrong.hello("wrong")
                assert (await wrong.goodbye()).code == AUTH_FAILED
        for raw in raws:
            await raw.hang_up()


async def test_a_wrong_token_is_no_token(tmp_path: Path) -> None:
    """Who guesses is refused with the words for it, is not let in by the crowd's rule, and soon is told to wait."""
    async with running(tmp_path, limits={"failed_logins_per_minute": 2}) as server:
        ends = []
        for _ in range(4):
            async with await Raw.open(server) as raw:
                raw.hello("wrong")
                ends.append((await raw.goodbye()).code)
        assert ends == [AUTH_FAILED] * 2 + [TOO_MANY] * 2
        assert server.listener.admission.counts["welcomed"] == 0
        await logs_in(server, "alice")


async def test_a_wave_of_refused_logins_has_one_line_at_each_end(tmp_path: Path) -> None:
    clock, log = MovedClock(), LogBook()
    async with Server(config(tmp_path), clock=clock, log=log) as server:
        for _ in range(40):
            async with await Raw.open(server) as raw:
                raw.hello("wrong")
                await raw.goodbye()
        shown = [line for line in log.lines if line[1].startswith("login") and line[0] != "debug"]
        assert [event for _, event, _ in shown] == ["login_refused"] * FEW + ["logins_refused_begins"]
        assert shown[-1][2]["address"] == "127.0.0.1"
        assert server.listener.admission.refused.logins.count == 40
        clock.now_s += QUIET_S
        await eventually(lambda: "logins_refused_ends" in log.events())
        async with await Raw.open(server) as raw:
            raw.hello("wrong")
            await raw.goodbye()
        await eventually(lambda: log.events()[-1] == "connection_closed")
        assert log.events().count("logins_refused_begins") == log.events().count("logins_refused_ends") == 1


@pytest.mark.parametrize("seed", range(10))
def test_of_the_largest_crowd_the_oldest_goes(seed: int) -> None:
    """Compared with a list that is searched from its beginning."""
    rng = Random(seed)
    all_of_them: Any = Unauthenticated()
    model: list[tuple[str, str]] = []  # connection, address
    for number in range(400):
        act = rng.random()
        if act < 0.5 or not model:
            address = rng.choice("aaab cd")
            model.append((f"{number}", address))
            all_of_them.add(f"{number}", address)
        elif act < 0.75:
            gone = rng.choice(model)
            model.remove(gone)
            for _ in range(2):
                all_of_them.discard(gone[0])
        else:
            sizes = {address: sum(one[1] == address for one in model) for _, address in model}
            taken = str(all_of_them.take_oldest())
            address = next(one[1] for one in model if one[0] == taken)
            assert sizes[address] == max(sizes.values())
            assert taken == next(one[0] for one in model if one[1] == address)
            model.remove((taken, address))
        assert len(all_of_them) == len(model)
        assert all(name in all_of_them for name, _ in model)


async def test_clients_come_and_go_in_the_middle_of_a_crowd(tmp_path: Path) -> None:
    """With the library, and a share that is full all the time."""
    async with running(tmp_path, limits={"max_unauthenticated": 50}) as server, people(server) as enter:
        with crowd(server):
            alice, bob = await enter("alice"), await enter("bob")
            await alice.post("direct/alice/bob", "through")
            assert (await bob.history("direct/alice/bob")).items[0].content == {
                "type": "text",
                "text": "through",
            }
        assert server.listener.admission.unauthenticated <= 50
