"""A real server whose database an older copy replaces, and people whose clients find it again."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from benchmarks.processes import free_port
from imserver import Server
from imserver.model import User
from imserver_client import (
    Client,
    ClientEvent,
    ClientLimits,
    ConnectionChanged,
    Environment,
    MemoryStorage,
    Storage,
    connect,
)
from imserver_protocol.shared.ids import direct_conversation_id
from tests.support.servers import config

DIRECT = direct_conversation_id("alice", "bob")
PATIENCE_S = 20
QUICK = Environment(uniform=lambda low, high: low)
#: Back at once, whatever the server that ends says.
AT_ONCE = ClientLimits(report_every_s=0.01, max_retry_after_s=0.05)


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


class Machine:
    """A server on one port, copies of its files, and clients that find it again."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.folder = folder / "data"
        self.folder.mkdir()
        self.copies = 0
        self._stack = stack
        self.server: Server
        self.port = free_port()

    async def start(self) -> None:
        self.server = Server(
            config(self.folder, server={"port": self.port}, limits={"posts_per_second": 10_000})
        )
        await self.server.__aenter__()
        for name in ("alice", "bob", "carol"):
            await self.server.chat.put_user(User(name, name.title()))

    async def stop(self) -> None:
        await self.server.__aexit__(None, None, None)

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def copied(self) -> Path:
        """A copy of all files, of a server that was stopped for it."""
        await self.stop()
        self.copies += 1
        copy = self.folder.with_name(f"copy-{self.copies}")
        shutil.copytree(self.folder, copy)
        await self.start()
        return copy

    async def put_back(
        self, copy: Path, *, whole: bool = True, said: int = 0, who: str = "bob", where: str = DIRECT
    ) -> None:
        """Stop, replace the database, or the whole folder, and start. `said`: so many messages before any client is back."""
        await self.stop()
        if whole:
            shutil.rmtree(self.folder)
            shutil.copytree(copy, self.folder)
        else:
            for old in self.folder.glob("chat.db*"):
                if not old.name.endswith(".high"):
                    old.unlink()
            shutil.copy(copy / "chat.db", self.folder / "chat.db")
        # On another port until everything is said.
        port, self.port = self.port, 0
        await self.start()
        for number in range(said):
            await self.say(f"new {number}", who=who, where=where)
        await self.stop()
        self.port = port
        await self.start()

    async def say(self, said: str, *, who: str = "bob", where: str = DIRECT) -> None:
        await self.server.chat.post(who, where, text(said))

    async def client(self, name: str, store: Storage | None = None, device: str = "", **more: Any) -> Person:
        token = self.server.accounts.make_token(name, ttl_s=3600)
        made = await connect(
            f"imserver://127.0.0.1:{self.port}",
            token=token,
            device_id=device or f"{name}-phone",
            store=MemoryStorage() if store is None else store,
            environment=QUICK,
            **{"timeout": PATIENCE_S, "limits": AT_ONCE, **more},
        )
        self._stack.push_async_callback(made.close, flush=False)
        return Person(made)


class Person:
    """A client, and all that it is told."""

    def __init__(self, client: Client, *, listening: bool = True) -> None:
        self.client = client
        self.said: list[tuple[int, str]] = []
        self.events: list[ClientEvent] = []
        self._news = asyncio.Condition()
        self._tasks = [asyncio.ensure_future(self._read())]
        if listening:
            self._tasks.append(asyncio.ensure_future(self._hear(client.events())))

    async def _read(self) -> None:
        async for message in self.client.messages():
            async with self._news:
                self.said.append((message.position, message.text or ""))
                self._news.notify_all()

    async def _hear(self, events: Any) -> None:
        async for event in events:
            async with self._news:
                self.events.append(event)
                self._news.notify_all()

    async def until(self, holds: Callable[[], Any]) -> Any:
        try:
            async with asyncio.timeout(PATIENCE_S), self._news:
                await self._news.wait_for(holds)
        except TimeoutError:
            raise AssertionError(f"{self.said[-30:]}\n{self.events[-30:]}") from None
        return holds()

    async def has(self, position: int, text: str = "") -> None:
        """The message at this position was handed on, and says so."""
        await self.until(
            lambda: self.said and self.said[-1][0] == position and self.said[-1][1].endswith(text)
        )

    async def heard(self, kind: type[Any]) -> Any:
        await self.until(lambda: self.of(kind))
        return self.of(kind)[0]

    def of(self, *kinds: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kinds)]

    async def reconnected(self, times: int = 1) -> None:
        await self.until(
            lambda: sum(e.state.name == "CONNECTED" for e in self.of(ConnectionChanged)) >= times
        )

    async def kill(self) -> None:
        await self.client.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    async with AsyncExitStack() as stack:
        made = Machine(tmp_path, stack)
        await made.start()
        yield made
        await stack.aclose()
        await made.stop()
