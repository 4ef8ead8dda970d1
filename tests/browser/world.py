"""A server of its own process with a WebSocket door, a line to it that can be cut, and a witness who writes everything down."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.processes import free_port
from imserver.proof.fault_proxy import FaultProxy
from imserver.proof.server_process import ServerProcess
from imserver_client import Client, Message, connect
from tests.browser.site import Site


class World:
    """`line` lies between pages and the server; kill and start the server as you like."""

    def __init__(
        self, server: ServerProcess, line: FaultProxy, http_port: int, site: Site, scheme: str
    ) -> None:
        self.server = server
        self.line = line
        self._http_port = http_port
        self._site = site
        self._scheme = scheme

    @property
    def socket(self) -> str:
        """Where pages find the server: through the line."""
        return f"{self._scheme}://127.0.0.1:{self.line.port}/socket"

    def options(self, user: str, device: str) -> dict[str, Any]:
        """What a page's `connect` takes."""
        token = self.server.token(user, device_id=device)
        return {"address": self.socket, "token": token, "deviceId": device}

    @asynccontextmanager
    async def client(self, user: str) -> AsyncIterator[Client]:
        """A Python client, not through the line."""
        address = f"imserver://127.0.0.1:{self.server.port}"
        async with connect(address, token=self.server.token(user), device_id=f"{user}-py") as client:
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
    """Pages of `site` may connect, unless `http` says other `origins`."""
    port = free_port()
    listed = {"origins": [site.url, site.elsewhere("im.test")]}
    sections = {"http": {"port": port, **listed, **http}, "limits": {"strangers": "open"}}
    async with (
        ServerProcess(folder, sections, dies_with_parent=os.name == "posix") as server,
        FaultProxy("127.0.0.1", port) as line,
    ):
        made = World(server, line, port, site, "wss" if "tls_key" in http else "ws")
        for user in users.split():
            async with made.client(user):
                pass  # the first HELLO makes the account
        yield made
