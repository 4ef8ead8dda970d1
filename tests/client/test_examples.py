"""The examples do what they say."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from imserver_client import MemoryStorage

EXAMPLES = Path(__file__).parents[2] / "clients" / "python" / "examples"


async def start(name: str, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLES / name), *arguments, stdout=asyncio.subprocess.PIPE
    )


async def lines(process: asyncio.subprocess.Process, count: int) -> list[str]:
    assert process.stdout is not None
    return [(await process.stdout.readline()).decode().strip() for _ in range(count)]


async def test_echo_bot_answers_each_message_once_though_it_is_killed(server, open_client, tmp_path):
    server.chat.conversation("c", "alice", "echo")
    async with open_client(token="alice", store=MemoryStorage()) as alice:
        messages = alice.messages()
        for number in range(3):
            bot = await start("echo_bot.py", server.url, "echo", str(tmp_path / "store.db"))
            assert await lines(bot, 1) == ["echo_bot is echo"]
            await alice.post("c", f"hello {number}")
            while (await anext(messages)).sender_id != "echo":
                pass
            bot.kill()
            await bot.communicate()
    said = [(one.sender_id, one.position) for one in server.chat.conversations["c"].messages]
    assert [sender for sender, _ in said] == ["alice", "echo"] * 3


async def test_two_devices_see_the_same(server):
    server.chat.conversation("c", "alice")
    process = await start("two_devices.py", server.url, "alice", "c")
    out, _ = await process.communicate()
    assert process.returncode == 0
    shown = ["1 from the phone", "2 from the laptop", "3 while the laptop was closed"]
    assert [line.strip() for line in out.decode().splitlines()] == ["laptop:", shown[2], "phone:", *shown]
