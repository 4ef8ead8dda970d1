"""When the server's rate bounds the posts, the client says so: once when that begins and once when it is over."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from imserver import Server
from imserver.config import LimitsConfig
from imserver_client import Client, ClientLimits, MemoryStorage, RateLimited, connect
from imserver_client.client import Connecting
from imserver_protocol.shared.ids import direct_conversation_id
from tests.support.servers import running

DIRECT = direct_conversation_id("alice", "bob")
#: More than the server takes at once, by default.
MANY = LimitsConfig().posts_burst + 40
PATIENCE_S = 30


def told(client: Client) -> tuple[list[RateLimited], asyncio.Task[None]]:
    """What the client says of the rate, as it comes; the task ends with the news that it is over."""
    found: list[RateLimited] = []

    async def hear() -> None:
        async for event in client.events():
            if isinstance(event, RateLimited):
                found.append(event)
                if not event.limited:
                    return

    return found, asyncio.create_task(hear())


def alice(server: Server) -> Connecting:
    return connect(
        f"imserver://127.0.0.1:{server.port}",
        token=server.accounts.make_token("alice", ttl_s=3600),
        device_id="phone",
        store=MemoryStorage(),
        limits=ClientLimits(rate_calm_s=0.1),
    )


async def test_posts_at_once_beyond_the_default_limits_are_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "imserver_client")
    async with running(tmp_path) as server, alice(server) as client:
        found, hearing = told(client)
        await asyncio.sleep(0)  # it listens
        posted = await asyncio.gather(*(client.post(DIRECT, str(number)) for number in range(MANY)))
        async with asyncio.timeout(PATIENCE_S):
            await hearing
    assert [one.position for one in posted] == list(range(1, MANY + 1))
    assert [one.limited for one in found] == [True, False]
    assert 40 <= found[0].waiting <= MANY
    assert found[0].retry_in_s is not None
    assert (found[1].waiting, found[1].retry_in_s) == (0, None)
    said = [record for record in caplog.records if "posts" in record.message and "faster" in record.message]
    assert [record.levelname for record in said] == ["WARNING", "INFO"]


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
    assert [one.limited for one in found] == [True, False]


async def test_below_the_limits_nothing_is_said(tmp_path: Path) -> None:
    async with running(tmp_path) as server, alice(server) as client:
        found, hearing = told(client)
        await asyncio.sleep(0)
        await asyncio.gather(*(client.post(DIRECT, str(number)) for number in range(20)))
        assert found == []
        hearing.cancel()
