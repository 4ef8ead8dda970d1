"""The examples do what they say."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from imserver_client import MemoryStorage

EXAMPLES = Path(__file__).parents[2] / "clients" / "python" / "examples"

#: Interpreters are started one after another: on a busy machine each may take ten seconds to come to its first line.
pytestmark = pytest.mark.timeout(240)


@contextlib.asynccontextmanager
async def started(name: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that is gone afterwards, whatever happens: one that is left behind disturbs the tests that follow."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLES / name), *arguments, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


async def test_echo_bot_answers_each_message_once_though_it_is_killed(server, open_client, tmp_path):
    server.chat.conversation("c", "alice", "echo")
    async with open_client(token="alice", store=MemoryStorage()) as alice:
        messages = alice.messages()
        for number in range(3):
            async with started("echo_bot.py", server.url, "echo", str(tmp_path / "store.db")) as bot:
                assert await line(bot) == "echo_bot is echo"
                await alice.post("c", f"hello {number}")
                while (await anext(messages)).sender_id != "echo":
                    pass
                bot.kill()
    said = [(one.sender_id, one.position) for one in server.chat.conversations["c"].messages]
    assert [sender for sender, _ in said] == ["alice", "echo"] * 3


async def test_two_devices_see_the_same(server):
    server.chat.conversation("c", "alice")
    async with started("two_devices.py", server.url, "alice", "c") as process:
        out, _ = await process.communicate()
    assert process.returncode == 0
    shown = ["1 from the phone", "2 from the laptop", "3 while the laptop was closed"]
    assert [line.strip() for line in out.decode().splitlines()] == ["laptop:", shown[2], "phone:", *shown]
