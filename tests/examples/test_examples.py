"""clients/python/examples against a real server: each does what its first line says."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from imserver import Server
from imserver_client import direct_conversation_id
from tests.support.servers import Inbox, people, running

EXAMPLES = Path(__file__).parents[2] / "clients" / "python" / "examples"
PATIENCE_S = 40


@asynccontextmanager
async def example(name: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The example as a process; it is killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLES / name),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def url(server: Server) -> str:
    return f"imserver://127.0.0.1:{server.port}"


async def ready(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)).decode()


async def test_echo_bot_says_everything_back_once_even_if_it_is_killed(tmp_path: Path) -> None:
    here = direct_conversation_id("alice", "echo")
    async with running(tmp_path, users="alice echo") as server, people(server) as enter:
        token = server.accounts.make_token("echo", ttl_s=3600)
        arguments = (url(server), token, str(tmp_path / "echo.db"))
        alice = await enter("alice")
        heard = Inbox(alice)
        async with example("echo_bot.py", *arguments) as bot:
            assert await ready(bot) == "echo_bot is echo\n"
            await alice.post(here, "hello")
            await heard.until(2, PATIENCE_S)
            posts = [asyncio.create_task(alice.post(here, f"{n}")) for n in range(30)]
            await heard.until(20, PATIENCE_S)
            bot.kill()  # in the middle of answering
        await asyncio.gather(*posts)
        await alice.post(here, "while it was away")
        async with example("echo_bot.py", *arguments) as bot:
            assert await ready(bot) == "echo_bot is echo\n"
            await heard.until(64, PATIENCE_S)
            said = [m.text for m in heard.messages if m.sender_id == "alice"]
            echoed = [m.text for m in heard.messages if m.sender_id == "echo"]
            assert said == ["hello", *(f"{n}" for n in range(30)), "while it was away"]
            assert echoed == said, "each once, in order"
        await heard.close()


async def test_two_devices_see_the_same(tmp_path: Path) -> None:
    here = direct_conversation_id("alice", "bob")
    async with running(tmp_path) as server:
        await server.chat.post("bob", here, "before they came")
        phone, laptop = (server.accounts.make_token("alice", ttl_s=60) for _ in range(2))
        async with example("two_devices.py", url(server), f"{phone},{laptop}", here) as process:
            assert process.stdout is not None
            output = (await asyncio.wait_for(process.stdout.read(), PATIENCE_S)).decode()
            assert await process.wait() == 0, output
    laptop_saw, phone_saw = output.split("phone:")
    assert [line.strip() for line in phone_saw.splitlines() if line.strip()] == [
        "2 from the phone",
        "3 from the laptop",
        "4 while the laptop was closed",
    ]
    assert "4 while the laptop was closed" in laptop_saw
