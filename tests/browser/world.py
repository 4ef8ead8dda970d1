"""A server with a WebSocket door, a line to it that can be cut, and a witness who writes everything down."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.processes import free_port
from imserver import Server
from imserver.config import HttpConfig
from imserver.features import FEATURES
from imserver.model import User
from imserver.proof.fault_proxy import FaultProxy
from imserver.proof.server_process import ServerProcess
from imserver_client import Client, Message, connect
from tests.browser.site import Site
from tests.support.servers import config


class World:
    """`line` lies between pages and the server; kill and start `process` as you like."""

    def __init__(
        self,
        port: int,
        token: Callable[[str, str | None], str],
        line: FaultProxy,
        scheme: str = "ws",
        process: ServerProcess | None = None,
    ) -> None:
        self._port = port
        self.token = token
        self.line = line
        self._scheme = scheme
        self._process = process

    @property
    def process(self) -> ServerProcess:
        """The server, where it is a process of its own (`killable`)."""
        assert self._process is not None
        return self._process

    @property
    def socket(self) -> str:
        """Where pages find the server: through the line."""
        return f"{self._scheme}://127.0.0.1:{self.line.port}/socket"

    def options(self, user: str, device: str) -> dict[str, Any]:
        """What a page's `connect` takes."""
        token = self.token(user, device)
        return {"address": self.socket, "token": token, "deviceId": device}

    @asynccontextmanager
    async def client(self, user: str) -> AsyncIterator[Client]:
        """A Python client, not through the line."""
        address = f"imserver://127.0.0.1:{self._port}"
        async with connect(address, token=self.token(user, None), device_id=f"{user}-py") as client:
            yield client

    @asynccontextmanager
    async def witness(self, user: str) -> AsyncIterator[Witness]:
        async with self.client(user) as client:
            witness = Witness(client)
            try:
                yield witness
            finally:
                await witness.close()


class Witness:
    """Reads all messages of one user with the Python client, whose own tests say that it misses and doubles none."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.messages: list[Message] = []
        self._changed = asyncio.Condition()
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self.client.messages():
            async with self._changed:
                self.messages.append(message)
                self._changed.notify_all()

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.messages]

    async def until(self, *texts: str, within_s: float = 20.0) -> list[str]:
        """All texts as soon as these are among them."""
        async with asyncio.timeout(within_s), self._changed:
            await self._changed.wait_for(lambda: set(texts) <= set(self.texts))
        return self.texts

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@asynccontextmanager
async def world(folder: Path, site: Site, *, users: str = "ann bob", **http: Any) -> AsyncIterator[World]:
    """A server in this process. Pages of `site` may connect."""
    listed = HttpConfig(port=0, origins=origins(site), **http)
    settings = msgspec.structs.replace(config(folder), http=listed)
    async with (
        Server(settings, features=FEATURES) as server,
        FaultProxy("127.0.0.1", server.http_port) as line,
    ):
        for name in users.split():
            await server.chat.put_user(User(name, name.title()))

        def token(user: str, device: str | None) -> str:
            return server.accounts.make_token(user, ttl_s=3600, device_id=device)

        yield World(server.port, token, line, "wss" if listed.tls_key else "ws")


@asynccontextmanager
async def killable(folder: Path, site: Site, *, users: str = "ann bob") -> AsyncIterator[World]:
    """The same, with a server of its own process."""
    port = free_port()
    sections = {"http": {"port": port, "origins": origins(site)}}
    async with (
        ServerProcess(folder, sections, dies_with_parent=os.name == "posix") as process,
        FaultProxy("127.0.0.1", port) as line,
    ):

        def token(user: str, device: str | None) -> str:
            return process.token(user, device_id=device)

        made = World(process.port, token, line, process=process)
        for user in users.split():
            async with made.client(user):
                pass  # the first HELLO makes the account
        yield made


def origins(site: Site) -> list[str]:
    return [site.url, site.elsewhere("im.test")]
