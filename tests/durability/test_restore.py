"""`imserver backup` and `imserver restore` beneath clients in processes of their own; the server is killed, a client too."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from imserver.proof.server_process import ServerProcess, environment
from imserver_client import Stopped, connect
from imserver_protocol.errors import CloseCode

PATIENCE_S = 60

#: Says in lines of JSON what it is told, until it is stopped or killed; posts what it reads from standard input.
CLIENT = """
import asyncio, json, os, sys
from imserver_client import Environment, HistoryReplaced, PostsGone, SqliteStorage, Stopped, connect

def tell(*facts):
    print(json.dumps(facts), flush=True)

async def hear(events):
    async for event in events:
        if isinstance(event, HistoryReplaced):
            tell("replaced", event.conversation_id, event.agreed)
        elif isinstance(event, PostsGone):
            tell("gone", [post.content["text"] for post in event.posts])

async def obey(client):
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        where, text = json.loads(line)
        posted = await client.post(where, text)
        tell("posted", posted.position)

async def main(url, token, device_id, store):
    quick = Environment(uniform=lambda low, high: min(high, 0.05))
    async with connect(
        url, token=token, device_id=device_id, store=SqliteStorage(store), timeout=None, environment=quick
    ) as client:
        tasks = [asyncio.create_task(hear(client.events())), asyncio.create_task(obey(client))]
        tell("in")
        try:
            async for message in client.messages():
                tell("said", message.position, message.text)
        except Stopped as stopped:
            tell("out", stopped.code)
        os._exit(0)  # its input may never end

asyncio.run(main(*sys.argv[1:]))
"""


class Person:
    """A client in a process of its own, with a store that outlives it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def hears(self, *facts: Any) -> list[list[Any]]:
        """Everything up to this."""
        heard: list[list[Any]] = []
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not heard or heard[-1] != [*facts]:
                    line = await self._process.stdout.readline()
                    assert line, f"it ended without {facts}: {heard}"
                    heard.append(json.loads(line))
        except TimeoutError:
            raise AssertionError(f"no {facts}: {heard}") from None
        return heard

    def posts(self, where: str, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([where, text]).encode() + b"\n")

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


class House:
    """A server process, its commands, and people."""

    def __init__(self, server: ServerProcess, folder: Path, stack: AsyncExitStack) -> None:
        self.server = server
        self.copy = folder / "copies" / "chat.db"
        self.copy.parent.mkdir()
        self._folder = folder
        self._stack = stack

    async def person(self, name: str, token: str = "") -> Person:
        token = token or self.server.token(name, device_id=f"{name}-own")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CLIENT, self.server.url, token, f"{name}-own", str(self._folder / f"{name}.store"),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=environment(),
        )  # fmt: skip
        person = Person(process)
        self._stack.push_async_callback(person.kill)
        await person.hears("in")
        return person

    async def command(self, *words: str) -> str:
        """`imserver …`, with this server's configuration."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "imserver.cli", "--config", str(self.server.folder / "imserver.toml"), *words,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env=environment(),
        )  # fmt: skip
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
        return said.decode()

    async def killed_and_restored(self) -> None:
        """SIGKILL; then the copy comes back, as an operator puts it back."""
        await self.server.kill()
        await self.command("restore", "--yes", str(self.copy))
        await self.server.start()


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    async with ServerProcess(folder) as server, AsyncExitStack() as stack:
        yield House(server, folder, stack)


async def test_a_killed_client_learns_in_its_next_process_what_a_restore_took(tmp_path: Path) -> None:
    """The client is killed after it has read and posted what the backup does not have."""
    where = "direct/ann/bob"
    async with house(tmp_path) as it:
        ann, bob = await it.person("ann"), await it.person("bob")
        for number in (1, 2):
            bob.posts(where, f"{number}")
            await ann.hears("said", number, f"{number}")
        await it.command("backup", str(it.copy))
        ann.posts(where, "mine")
        await ann.hears("said", 3, "mine")
        bob.posts(where, "gone")
        await ann.hears("said", 4, "gone")
        await ann.kill()
        await bob.hears("said", 4, "gone")
        await it.killed_and_restored()
        await bob.hears("gone", ["gone"])
        for number in (3, 4, 5):
            bob.posts(where, f"new {number}")
            await bob.hears("said", number, f"new {number}")
        ann = await it.person("ann")
        heard = await ann.hears("gone", ["mine"])
        assert ["replaced", where, 2] in heard
        said = [fact for fact in heard if fact[0] == "said"]
        # What she had in hand when she was killed may be one that is gone; nothing of that comes, and nothing twice.
        assert said == [["said", number, f"new {number}"] for number in (3, 4, 5)][: len(said)]
        ann.posts(where, "mine again")
        heard += await ann.hears("said", 6, "mine again")
        assert [fact for fact in heard if fact[0] == "said"] == [
            *(["said", number, f"new {number}"] for number in (3, 4, 5)),
            ["said", 6, "mine again"],
        ]


async def test_who_is_shut_out_stays_out_behind_a_kill_and_an_older_copy(tmp_path: Path) -> None:
    """The backup was made before; the operator's word is in the ledger."""
    async with house(tmp_path) as it:
        token = it.server.token("bob", device_id="bob-own")
        bob = await it.person("bob", token)
        await it.command("backup", str(it.copy))
        await it.command("user", "disable", "bob")
        await bob.hears("out", CloseCode.REVOKED)
        await it.killed_and_restored()
        for name, code in (("bob", CloseCode.AUTH_FAILED), ("ann", None)):
            own = token if name == "bob" else it.server.token(name, device_id=f"{name}-own")
            connecting = connect(it.server.url, token=own, device_id=f"{name}-own", timeout=PATIENCE_S)
            if code is None:
                await (await connecting).close()
                continue
            with pytest.raises(Stopped) as stopped:
                await connecting
            assert stopped.value.code == code
        await it.command("user", "enable", "bob")
        await it.person("bob", token)
