"""Servers and clients for tests: in this process, or as a process of its own, always over real TCP and a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from imserver import Config, Server
from imserver.config import AuthConfig, LimitsConfig, ServerConfig, StoreConfig
from imserver.feature_api import Feature
from imserver.features import FEATURES
from imserver.model import User
from imserver_client import Client, Message, connect

SECRET = "a secret for tests that is long enough"


def config(folder: Path, **sections: Any) -> Config:
    """A configuration on a fresh database and a free port, where everybody may write to everybody.

    `limits={"max_requests": 8}` changes single fields."""
    base = Config(
        server=ServerConfig(port=0),
        store=StoreConfig(path=str(folder / "chat.db")),
        auth=AuthConfig(secret=SECRET, create_users=True),
        limits=LimitsConfig(strangers="open"),
    )
    changes: dict[str, Any] = {}
    for name, values in sections.items():
        if name == "plugins":
            changes[name] = values
        else:
            changes[name] = msgspec.structs.replace(getattr(base, name), **values)
    return msgspec.structs.replace(base, **changes)


@asynccontextmanager
async def running(
    folder: Path, users: str = "alice bob", *, features: Sequence[Feature] = FEATURES, **sections: Any
) -> AsyncIterator[Server]:
    """A server in this process with these users."""
    async with Server(config(folder, **sections), features=features) as server:
        for name in users.split():
            await server.chat.put_user(User(name, name.title()))
        yield server


class People:
    """Clients of one server by name, closed together: `alice = await people("alice")`."""

    def __init__(self, server: Server, stack: AsyncExitStack) -> None:
        self._server = server
        self._stack = stack

    async def __call__(
        self, name: str, *, device: str | None = None, port: int = 0, **options: Any
    ) -> Client:
        token = self._server.accounts.make_token(name, ttl_s=3600)
        url = f"imserver://127.0.0.1:{port or self._server.port}"
        options.setdefault("timeout", 15.0)
        return await self._stack.enter_async_context(
            connect(url, token=token, device_id=device or f"{name}-{id(token):x}", **options)
        )


@asynccontextmanager
async def people(server: Server) -> AsyncIterator[People]:
    """Clients that are closed before the server stops."""
    async with AsyncExitStack() as stack:
        yield People(server, stack)


class Inbox:
    """All messages that a client received, in order, and a way to wait for the next without sleeping."""

    def __init__(self, client: Client) -> None:
        self.messages: list[Message] = []
        self._arrived = asyncio.Condition()
        self._task = asyncio.get_running_loop().create_task(self._read(client))

    async def _read(self, client: Client) -> None:
        async for message in client.messages():
            async with self._arrived:
                self.messages.append(message)
                self._arrived.notify_all()

    async def until(self, count: int, within_s: float = 20.0) -> list[Message]:
        """The first `count` messages, as soon as they are there."""
        async with asyncio.timeout(within_s), self._arrived:
            await self._arrived.wait_for(lambda: len(self.messages) >= count)
        return self.messages[:count]

    async def text(self, text: str, within_s: float = 20.0) -> Message:
        """The message with this text."""

        def found() -> Message | None:
            return next((m for m in self.messages if (m.content or {}).get("text") == text), None)

        async with asyncio.timeout(within_s), self._arrived:
            await self._arrived.wait_for(lambda: found() is not None)
        message = found()
        assert message is not None
        return message

    @property
    def texts(self) -> list[str]:
        """The texts of all received text messages."""
        return [m.content["text"] for m in self.messages if m.content and "text" in m.content]

    async def close(self) -> None:
        """Stop reading."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
