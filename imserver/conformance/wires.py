"""What carries the bytes of one connection: a TCP socket, or a WebSocket whose binary messages are pieces of the same stream.

A `Wire` is read by one task, and written without waiting: the judge's answers are small, and a client that reads nothing for so
long that they fill memory has failed its scenario before.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from aiohttp import WSMsgType, web

#: Bytes of one read.
READ_BYTES: Final = 64 * 1024
#: Where the judge listens for WebSockets, and what a client asks for there.
SOCKET_PATH: Final = "/socket"
SUBPROTOCOL: Final = "imserver.1"
#: Longest WebSocket message that a server takes.
MAX_MESSAGE_BYTES: Final = 256 * 1024


class BadMessage(Exception):
    """The client sent something that is no piece of the stream."""


class Wire(Protocol):
    """One connection's bytes."""

    async def read(self) -> bytes:
        """The next bytes; b"" at the end. Raises BadMessage."""
        ...

    def write(self, data: bytes) -> None: ...

    def close(self) -> None:
        """End it behind what was written."""
        ...

    def abort(self) -> None:
        """Cut it: nothing that waits is sent."""
        ...


class Listener(Protocol):
    """Where one scenario's client connects."""

    @property
    def address(self) -> str: ...

    async def close(self) -> None: ...


#: Serves one connection, to its end.
Serve = Callable[[Wire], Awaitable[None]]
Listen = Callable[[Serve], Awaitable[Listener]]


class _Socket:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        try:
            return await self._reader.read(READ_BYTES)
        except OSError:
            return b""

    def write(self, data: bytes) -> None:
        if not self._writer.transport.is_closing():
            self._writer.write(data)

    def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        self._writer.transport.abort()


class _TcpListener:
    def __init__(self, server: asyncio.Server, tasks: set[asyncio.Task[None]]) -> None:
        self._server = server
        self._tasks = tasks

    @property
    def address(self) -> str:
        return f"imserver://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def listen_tcp(serve: Serve) -> Listener:
    """Plain TCP on a free port of this machine."""
    tasks: set[asyncio.Task[None]] = set()

    async def live(wire: Wire) -> None:
        await serve(wire)

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = _Socket(reader, writer)
        task = asyncio.get_running_loop().create_task(live(wire))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        # Not in the task, which may be cancelled before it has begun.
        task.add_done_callback(lambda _: wire.abort())

    return _TcpListener(await asyncio.start_server(accept, "127.0.0.1", 0), tasks)


class _WebSocket:
    """Writes go through a queue: aiohttp's have to be awaited."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self._socket = socket
        self._request = request
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def read(self) -> bytes:
        message = await self._socket.receive()
        if message.type is WSMsgType.BINARY:
            # A message of no bytes is no end of the stream.
            return bytes(message.data) or await self.read()
        if message.type is WSMsgType.TEXT:
            raise BadMessage("a text message; the stream is cut into binary ones")
        return b""

    def write(self, data: bytes) -> None:
        self._waiting.put_nowait(data)

    def close(self) -> None:
        self._waiting.put_nowait(None)

    def abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()
        self._waiting.put_nowait(None)

    async def send(self) -> None:
        """Write what waits, until the wire is closed."""
        with contextlib.suppress(ConnectionError):
            while (data := await self._waiting.get()) is not None:
                await self._socket.send_bytes(data)
            await self._socket.close()


class _Refused:
    """A connection that never came to be."""

    def __init__(self, why: str) -> None:
        self._why = why

    async def read(self) -> bytes:
        raise BadMessage(self._why)

    def write(self, data: bytes) -> None:
        pass

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


def _offered(request: web.Request) -> list[str]:
    return [one.strip() for one in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]


class _WebListener:
    def __init__(self, runner: web.AppRunner, port: int) -> None:
        self._runner = runner
        self._port = port

    @property
    def address(self) -> str:
        return f"ws://127.0.0.1:{self._port}{SOCKET_PATH}"

    async def close(self) -> None:
        await self._runner.cleanup()


async def listen_websocket(serve: Serve) -> Listener:
    """WebSocket without TLS on a free port of this machine."""

    async def live(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,), compress=False, autoping=True, max_msg_size=MAX_MESSAGE_BYTES
        )
        if not socket.can_prepare(request) or SUBPROTOCOL not in _offered(request):
            # What no server takes: the scenario is told by a connection that says so.
            await serve(_Refused(f"an upgrade that does not ask for the subprotocol {SUBPROTOCOL}"))
            return web.json_response({"error": "no subprotocol"}, status=400)
        await socket.prepare(request)
        wire = _WebSocket(socket, request)
        sender = asyncio.get_running_loop().create_task(wire.send())
        try:
            await serve(wire)
        finally:
            wire.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await sender
            sender.cancel()
        return socket

    app = web.Application()
    app.router.add_get(SOCKET_PATH, live)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port: int = runner.addresses[0][1]
    return _WebListener(runner, port)


LISTEN: Final[dict[str, Listen]] = {"tcp": listen_tcp, "websocket": listen_websocket}
