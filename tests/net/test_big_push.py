"""Contents that are longer than a window, or than a frame, of servers that are configured small."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from imserver import Server
from imserver.model import User
from imserver.plugin_api import Call, Context, Migration
from imserver.testing import LogBook
from tests.limits.raw import Raw, new_key, said
from tests.support.servers import config, running

HERE = "direct/alice/bob"


async def test_a_push_larger_than_the_whole_window_is_told_as_lagging_at_once(tmp_path: Path) -> None:
    async with running(tmp_path, limits={"window_bytes": 8192}) as server, await Raw.open(server) as bob:
        await bob.enter(server, "bob")
        await server.chat.post("alice", HERE, "x" * 20_000)
        async with asyncio.timeout(5):
            assert await bob.push(1) == [["lagging"]]


class Talker:
    """Answers `/much` with more than a frame holds."""

    name = "talker"
    config_type = msgspec.defstruct("TalkerConfig", [])
    migrations: tuple[Migration, ...] = ()

    async def start(self, context: Context) -> None:
        await context.ensure_bot("talker", "Talker")
        context.command("much", self._much, help="says much")

    async def stop(self) -> None: ...

    async def _much(self, call: Call) -> str:
        return "x" * 20_000


async def test_a_bot_says_no_more_than_the_server_is_configured_to_carry(tmp_path: Path) -> None:
    """What was stored and fits no frame could never be pushed nor read, and would stop its conversation for ever."""
    small = {"max_content_bytes": 8_192}
    there = "direct/alice/talker"
    async with Server(config(tmp_path, limits=small), plugins=[Talker()], log=LogBook()) as server:
        await server.chat.put_user(User("alice", "Alice"))
        async with await Raw.open(server) as alice:
            await alice.enter(server, "alice")
            assert (await alice.ask("post", there, new_key(), said("/much"))).code == 0
            async with asyncio.timeout(20):
                # The handler's attempts fail; what is told then instead is short.
                await alice.push(1)
            page = await alice.ask("history", there, 1, None, 50)
            assert (page.code, [item[0] for item in page.result[0]]) == (0, [2])
