"""A refused client learns when to come back, to the millisecond; and the right session makes room for another."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from tests.limits.clocks import MovedClock
from tests.limits.raw import End, Raw, eventually
from tests.support.servers import config

TOO_MANY = 400


async def silent(stack: AsyncExitStack, server: Server, count: int) -> list[Raw]:
    return [await stack.enter_async_context(await Raw.open(server)) for _ in range(count)]


async def first_of_the_silent(stack: AsyncExitStack, server: Server) -> End:
    """Of as many as there may be none is turned away: one of them says who it is."""
    known, first = await silent(stack, server, 2)
    await eventually(lambda: len(server.listener.admission.transports) == 2)
    await known.enter(server, "alice")
    await silent(stack, server, 2)
    return await first.goodbye()


async def fourth_bad_token(stack: AsyncExitStack, server: Server) -> End:
    ends = []
    for raw in await silent(stack, server, 4):
        raw.hello("wrong")
        ends.append(await raw.goodbye())
    return ends[-1]


async def third_device(stack: AsyncExitStack, server: Server) -> End:
    raws = await silent(stack, server, 3)
    for number, raw in enumerate(raws[:2]):
        await raw.enter(server, "alice", f"{number}")
    raws[2].hello(server.accounts.make_token("alice", ttl_s=60), "2")
    return await raws[2].goodbye()


async def third(stack: AsyncExitStack, server: Server) -> End:
    """With a valid token; those of before have logged in."""
    raws = await silent(stack, server, 2)
    for raw, name in zip(raws, ("alice", "bob"), strict=True):
        await raw.enter(server, name)
    [one_more] = await silent(stack, server, 1)
    one_more.hello(server.accounts.make_token("carol", ttl_s=60))
    return await one_more.goodbye()


#: What is configured, who is turned away, and after how many milliseconds to come back.
TURNED_AWAY: list[tuple[dict[str, Any], Any, int]] = [
    ({"max_connections": 2}, third, 5000),
    ({"max_connections_per_address": 2}, third, 5001),
    ({"connects_per_minute": 2}, third, 30_001),
    ({"max_unauthenticated": 2}, first_of_the_silent, 5000),
    ({"failed_logins_per_minute": 3}, fourth_bad_token, 20_001),
    ({"max_sessions_per_user": 2}, third_device, 60_000),
]


@pytest.mark.parametrize(
    ("limits", "who", "after_ms"), TURNED_AWAY, ids=[next(iter(row[0])) for row in TURNED_AWAY]
)
async def test_who_is_turned_away_is_told_when_to_come_back(
    tmp_path: Path, limits: dict[str, Any], who: Any, after_ms: int
) -> None:
    async with Server(config(tmp_path, limits=limits), clock=MovedClock()) as server:
        async with AsyncExitStack() as stack:
            end = await who(stack, server)
        assert (end.code, end.retry_after_ms) == (TOO_MANY, after_ms)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
async def test_the_longest_detached_session_makes_room_for_another_device(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    """In whatever order they came."""
    clock = MovedClock()
    async with Server(config(tmp_path, limits={"max_sessions_per_user": 3}), clock=clock) as server:
        raws = [await Raw.open(server) for _ in order]
        welcomes = [await raw.enter(server, "alice", f"{number}") for number, raw in enumerate(raws)]
        for count, number in enumerate(order, 1):
            clock.now_s += 1
            await raws[number].hang_up()
            await eventually(lambda count=count: server.listener.sessions.detached_count == count)  # type: ignore[misc]
        async with await Raw.open(server) as raw:
            await raw.enter(server, "alice", "one more")
        gone = [n for n in range(3) if server.listener.sessions.get(welcomes[n].session_id) is None]
        assert gone == [order[0]]
