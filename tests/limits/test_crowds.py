"""Too many connections, connects, sessions: a refused client learns when to come back, and the others stay in."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from imserver import Server
from imserver.model import direct_conversation_id
from tests.limits.raw import End, Raw, eventually, neighbourhood

TOO_MANY, REPLACED = 400, 201


async def refused(server: Server, device_id: str) -> End:
    """Eve comes with a valid token, and is sent away."""
    async with await Raw.open(server) as raw:
        raw.hello(server.accounts.make_token("eve", ttl_s=60), device_id)
        return await raw.goodbye()


async def test_too_many_connections_from_one_address(tmp_path: Path) -> None:
    limits = {"max_connections_per_address": 5}
    async with neighbourhood(tmp_path, limits=limits) as (server, neighbours), AsyncExitStack() as stack:
        inside = [await stack.enter_async_context(await Raw.open(server)) for _ in range(3)]
        for number, raw in enumerate(inside):
            await raw.enter(server, "eve", f"{number}")
        for _ in range(5):
            end = await refused(server, "one more")
            assert (end.code, end.retry_after_ms > 0) == (TOO_MANY, True)
        await neighbours.talk()
        await inside[0].hang_up()
        await eventually(lambda: len(server.listener.admission.transports) == 4)
        async with await Raw.open(server) as raw:
            await raw.enter(server, "eve", "next")


async def test_too_many_connections_in_all(tmp_path: Path) -> None:
    async with (
        neighbourhood(tmp_path, limits={"max_connections": 3}) as (server, _),
        await Raw.open(server) as inside,
    ):
        await inside.enter(server, "eve")
        async with await Raw.open(server) as outside:
            assert (await outside.goodbye()).code == TOO_MANY
        assert (await inside.ask("sync", None)).code == 0


async def test_too_many_logins_a_minute(tmp_path: Path) -> None:
    """And connections that say nothing use up none of them."""
    async with neighbourhood(tmp_path, limits={"connects_per_minute": 6}) as (server, neighbours):
        for _ in range(8):
            async with await Raw.open(server):
                pass
        for number in range(4):
            async with await Raw.open(server) as raw:
                await raw.enter(server, "eve", f"{number}")
        for number in range(4, 7):
            end = await refused(server, f"{number}")
            assert (end.code, 0 < end.retry_after_ms <= 10_001) == (TOO_MANY, True)
        await neighbours.talk()


async def test_a_user_has_sixteen_sessions(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as (server, _), AsyncExitStack() as stack:
        devices = [await stack.enter_async_context(await Raw.open(server)) for _ in range(16)]
        welcomes = [await raw.enter(server, "eve", f"{n}") for n, raw in enumerate(devices)]
        async with await Raw.open(server) as raw:
            raw.hello(server.accounts.make_token("eve", ttl_s=60), "17th")
            assert (await raw.goodbye()).code == TOO_MANY
        # A device that comes back is not one more; nor is another user's.
        async with await Raw.open(server) as raw, await Raw.open(server) as other:
            await raw.enter(server, "eve", "3")
            assert (await devices[3].goodbye()).code == REPLACED
            await other.enter(server, "bob", "phone")
        # A detached one makes room for the 17th.
        await devices[5].hang_up()
        await eventually(lambda: server.listener.sessions.of_device("eve", "5") is not None)
        await eventually(lambda: server.listener.sessions.detached_count >= 3)
        async with await Raw.open(server) as raw:
            await raw.enter(server, "eve", "17th")
        gone = [n for n in range(16) if server.listener.sessions.get(welcomes[n].session_id) is None]
        assert set(gone) <= {3, 5}


async def test_detached_sessions_are_bounded_in_number(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path, limits={"max_detached_sessions": 3}) as (server, _):
        welcomes = []
        for number in range(6):
            async with await Raw.open(server) as raw:
                welcomes.append(await raw.enter(server, "eve", f"{number}"))
            await eventually(lambda: len(server.listener.admission.transports) == 2)
            assert server.listener.sessions.detached_count == min(number + 1, 3)
        kept = [server.listener.sessions.get(welcome.session_id) is not None for welcome in welcomes]
        assert kept == [False] * 3 + [True] * 3, "the oldest go first"


async def test_detached_sessions_are_bounded_in_bytes(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path, limits={"max_detached_bytes": 500_000}) as (server, _):
        for count, name in enumerate(("eve", "alice", "bob"), 1):
            async with await Raw.open(server) as raw:
                await raw.enter(server, name, "phone")
            await eventually(lambda count=count: server.listener.sessions.detached_count == count)  # type: ignore[misc]
        for name, other in (("eve", "alice"), ("alice", "bob"), ("bob", "eve")):
            await fill(server, name, other)
        await eventually(lambda: server.listener.sessions.detached_count == 1)
        assert server.listener.sessions.of_device("bob", "phone") is not None, "the oldest go first"


async def fill(server: Server, name: str, other: str) -> None:
    """15 messages of 30 kB: one session's share of them."""
    for _ in range(15):
        await server.chat.post(name, direct_conversation_id(name, other), "x" * 15_000)
