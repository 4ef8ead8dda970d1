"""The driver of the Python client, whose bytes go through a WebSocket: the judge's own listener is judged with it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp

import imserver_client as ims
from imserver.conformance.wires import SOCKET_PATH, SUBPROTOCOL
from imserver_client.address import Address
from tests.conformance.drivers import load_driver


class SocketTransport(asyncio.Transport):
    """What an asyncio protocol writes to, over a WebSocket."""

    def __init__(self, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        super().__init__()
        self._session = session
        self._socket = socket
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._closing = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, protocol: asyncio.Protocol) -> None:
        protocol.connection_made(self)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._send()), loop.create_task(self._read(protocol))]

    async def _send(self) -> None:
        with contextlib.suppress(ConnectionError):
            while (data := await self._waiting.get()) is not None:
                await self._socket.send_bytes(data)
            await self._socket.close()

    async def _read(self, protocol: asyncio.Protocol) -> None:
        try:
            async for message in self._socket:
                protocol.data_received(message.data)
        finally:
            self._closing = True
            self._tasks[0].cancel()
            protocol.connection_lost(None)
            await self._socket.close()
            await self._session.close()

    def write(self, data: Any) -> None:
        self._waiting.put_nowait(bytes(data))

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._waiting.put_nowait(None)

    def abort(self) -> None:
        self._closing = True
        self._tasks[1].cancel()

    def is_closing(self) -> bool:
        return self._closing

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


async def open_socket(
    address: Address, tls: ssl.SSLContext | None, factory: Callable[[], asyncio.Protocol]
) -> None:
    session = aiohttp.ClientSession()
    try:
        url = f"ws://{address.host}:{address.port}{SOCKET_PATH}"
        socket = await session.ws_connect(url, protocols=(SUBPROTOCOL,), compress=0, max_msg_size=2**21)
    except BaseException as error:
        await session.close()
        if isinstance(error, aiohttp.ClientError):
            raise OSError(str(error)) from None
        raise
    SocketTransport(session, socket).start(factory())


DRIVER: Any = load_driver()


class Driven(DRIVER.Driven):  # type: ignore[misc]
    """The client knows no address of a WebSocket, so it is told of the host alone."""

    def __init__(self, name: str) -> None:
        super().__init__(name, ims.Environment(open_transport=open_socket))

    async def do_connect(self, address: str, **told: Any) -> None:
        parts = urlsplit(address)
        await super().do_connect(address=f"imserver://{parts.netloc}", **told)


if __name__ == "__main__":
    asyncio.run(DRIVER.drive(["websocket"], Driven))
