"""When the server takes posts later the client says so, and why: once when that begins and once when it is over."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

from imserver import Server
from imserver_client import Client, ClientLimits, MemoryStorage, PostsDelayed, RefusalCode, connect
from imserver_client.client import Connecting
from imserver_client.core.delays import Delays
from imserver_client.errors import plain
from imserver_protocol import RefusalReceived
from imserver_protocol.shared.ids import direct_conversation_id
from tests.client.support.fake_server import FakeServer
from tests.support.servers import running

DIRECT = direct_conversation_id("alice", "bob")
PATIENCE_S = 30


def told(client: Client) -> tuple[list[PostsDelayed], asyncio.Task[None]]:
    """What the client says of the rate, as it comes; the task ends with the news that it is over."""
    found: list[PostsDelayed] = []

    async def hear() -> None:
        async for event in client.events():
            if isinstance(event, PostsDelayed):
                found.append(event)
                if not event.delayed:
                    return

    return found, asyncio.create_task(hear())


def alice(server: Server) -> Connecting:
    return connect(
        f"imserver://127.0.0.1:{server.port}",
        token=server.accounts.make_token("alice", ttl_s=3600),
        device_id="phone",
        store=MemoryStorage(),
        limits=ClientLimits(delay_over_after_s=1.0),
    )


async def test_one_post_after_the_other_is_one_time_too(tmp_path: Path) -> None:
    """Between two of them nothing waits; still it is the rate that bounds them."""
    limits = {"posts_burst": 1, "posts_per_second": 20}
    async with running(tmp_path, limits=limits) as server, alice(server) as client:
        found, hearing = told(client)
        await asyncio.sleep(0)
        for number in range(6):
            await client.post(DIRECT, str(number))
        async with asyncio.timeout(PATIENCE_S):
            await hearing
    assert [one.delayed for one in found] == [True, False]


async def test_below_the_limits_nothing_is_said(tmp_path: Path) -> None:
    async with running(tmp_path) as server, alice(server) as client:
        found, hearing = told(client)
        await asyncio.sleep(0)
        await asyncio.gather(*(client.post(DIRECT, str(number)) for number in range(20)))
        assert found == []
        hearing.cancel()


async def test_the_words_of_the_server_come_once_for_each_reason_whatever_is_refused(
    server: FakeServer, open_client: partial[Connecting]
) -> None:
    """Two conversations, and posts that are held behind others: a full disk is told of once, and so is what comes after it."""
    server.chat.conversation("c", "alice")
    server.chat.conversation("d", "alice")
    seen: dict[str, int] = {}

    def full(peer: Any, request: Any) -> bool:
        name = request.params[0]
        if request.method != "post":
            return False
        number = seen[name] = seen.get(name, 0) + 1
        if number > 8:
            return False
        code = (
            RefusalCode.STORE_FULL
            if number == 1
            else RefusalCode.HELD
            if number < 4
            else RefusalCode.OVERLOADED
        )
        server.refuse(
            peer, request, code, 5, {RefusalCode.STORE_FULL: "the disk\x1b[2J is full"}.get(code, "busy")
        )
        return True

    server.script = full
    limits = ClientLimits(delay_over_after_s=0.2)
    async with open_client(token="alice", limits=limits) as client:
        found: list[PostsDelayed] = []
        over = asyncio.Event()

        async def hear() -> None:
            async for event in client.events():
                if isinstance(event, PostsDelayed):
                    found.append(event)
                    if len(found) == 4:
                        over.set()

        hearing = asyncio.create_task(hear())
        await asyncio.sleep(0)
        await asyncio.gather(*(client.post(name, str(number)) for name in "cd" for number in range(3)))
        await asyncio.wait_for(over.wait(), PATIENCE_S)
        hearing.cancel()
    begun = [(one.code, one.text) for one in found if one.delayed]
    assert begun == [
        (RefusalCode.STORE_FULL, plain("the disk\x1b[2J is full")),
        (RefusalCode.OVERLOADED, "busy"),
    ]
    assert sorted(one.code for one in found if not one.delayed) == [
        RefusalCode.STORE_FULL,
        RefusalCode.OVERLOADED,
    ]
    assert found[0].waiting == 6


async def test_an_allowance_that_is_used_up_is_told_of_though_posts_came_too_fast_before() -> None:
    """Both are RATE_LIMITED, and one of them lasts for hours."""
    found: list[PostsDelayed] = []
    delays = Delays(found.append, lambda: 0.0, 0.01)
    detail = {"quota": "bytes_per_day", "used": 9, "limit": 9, "left": 0, "back_at": 5}
    for text, told in (("slowly", None), ("used up", detail), ("slowly", None), ("used up", detail)):
        delays.refused(RefusalReceived(1, RefusalCode.RATE_LIMITED, text, 0, told), 3600.0, 1)
    for odd in ({"quota": ["x"]}, {"quota": "of a server that makes many up"}, "quota"):
        delays.refused(RefusalReceived(1, RefusalCode.RATE_LIMITED, "x", 0, odd), 1.0, 1)
    assert [(one.text, one.detail) for one in found] == [("slowly", None), ("used up", detail)]
    delays.end()


async def test_it_is_not_over_while_posts_are_still_refused_for_it() -> None:
    found: list[PostsDelayed] = []
    now = 0.0
    delays = Delays(found.append, lambda: now, 0.01)
    refusal = RefusalReceived(1, RefusalCode.RATE_LIMITED, "slowly", 0, None)
    delays.refused(refusal, 0.01, 2)
    delays.refused(refusal, 3600.0, 1)
    await asyncio.sleep(0.1)
    assert found == [PostsDelayed(True, RefusalCode.RATE_LIMITED, "slowly", 2, 0.01)]
    delays.end()
