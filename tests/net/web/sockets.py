"""WebSockets to a server under test: with a whole client behind, with bare frames of the protocol, and with bare bytes."""

from __future__ import annotations

import asyncio
import base64
import itertools
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

from imserver import Server
from imserver.config import HttpConfig
from imserver.model import User
from imserver.net.web.entrance import SUBPROTOCOL as OURS  # before a loop runs: aiohttp takes its time
from imserver_client import Client, connect
from imserver_client.address import parse_address
from imserver_client.websocket import open_websocket
from tests.limits.raw import HELLO, PATIENCE_S, Raw, packed
from tests.seeing.web import seen

TEXT, BINARY, CLOSE, PING, PONG, CONTINUED = 1, 2, 8, 9, 10, 0
KEY = base64.b64encode(bytes(range(16))).decode()
SUBPROTOCOL = f"Sec-WebSocket-Protocol: {OURS}"
UPGRADE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    f"Sec-WebSocket-Key: {KEY}",
)


@asynccontextmanager
async def with_door(
    folder: Path, *, http: dict[str, Any] | None = None, **sections: Any
) -> AsyncIterator[Server]:
    """A server that makes accounts for whoever comes with a token, and takes WebSockets."""
    async with seen(folder, http=HttpConfig(port=0, **(http or {})), **sections) as server:
        for name in ("alice", "bob"):
            await server.chat.put_user(User(name, name.title()))
        yield server


def url(server: Server) -> str:
    return f"imserver+ws://127.0.0.1:{server.http_port}"


def hello(server: Server, name: str = "alice", device: str = "bare") -> bytes:
    """A good HELLO."""
    return packed(HELLO, 0, 0, (1, 1), [], server.accounts.make_token(name, ttl_s=3600), device, {}, None)


@asynccontextmanager
async def entered(server: Server, name: str, *, at: str = "", **options: Any) -> AsyncIterator[Client]:
    """A client that comes through the door."""
    token = server.accounts.make_token(name, ttl_s=3600)
    options.setdefault("timeout", 15.0)
    options.setdefault("device_id", f"{name}-web")
    async with connect(at or url(server), token=token, **options) as client:
        yield client


async def raw_over_websocket(where: Server | str) -> Raw:
    """Bare frames of the protocol, each write a message of its own."""
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    made: list[asyncio.BaseTransport] = []

    class Behind(asyncio.StreamReaderProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.append(transport)
            super().connection_made(transport)

    protocol = Behind(reader)
    address = parse_address(where if isinstance(where, str) else url(where))
    await open_websocket(address, None, lambda: protocol)
    writer = asyncio.StreamWriter(made[0], protocol, reader, asyncio.get_running_loop())  # type: ignore[arg-type]
    return Raw(reader, writer)


class Came(NamedTuple):
    """A frame of WebSocket from the server."""

    kind: int
    data: bytes

    @property
    def close_code(self) -> int:
        assert self.kind == CLOSE, self
        return int.from_bytes(self.data[:2])


class Bare:
    """A WebSocket of bytes, for sending what no library sends."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.head = b""

    @classmethod
    async def open(
        cls,
        port: int,
        *headers: str,
        host: str = "localhost",
        source: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> Self:
        """Ask for the upgrade; `headers` stand beside the usual ones."""
        local = (source, 0) if source else None
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, local_addr=local, ssl=tls, server_hostname="localhost" if tls else None
        )
        self = cls(reader, writer)
        lines = ["GET /socket HTTP/1.1", f"Host: {host}", *UPGRADE, *(headers or (SUBPROTOCOL,))]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())
        try:
            async with asyncio.timeout(PATIENCE_S):
                self.head = await self.reader.readuntil(b"\r\n\r\n")
        except BaseException:
            writer.close()
            raise
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()

    @property
    def status(self) -> int:
        return int(self.head.split()[1])

    def send(self, kind: int, data: bytes, *, last: bool = True) -> None:
        self.writer.write(masked(kind, data, last=last))

    async def came(self) -> Came:
        """The next frame. Raises IncompleteReadError at the end."""
        async with asyncio.timeout(PATIENCE_S):
            first, size = await self.reader.readexactly(2)
            assert not size & 0x80, "a server masks nothing"
            if size >= 126:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8))
            assert first & 0xF0 == 0x80, "whole messages, nothing compressed"
            return Came(first & 15, await self.reader.readexactly(size))

    async def close_came(self) -> int:
        """The code of Close, and nothing behind it but the end."""
        while (frame := await self.came()).kind != CLOSE:
            pass
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionError):
                assert await self.reader.read() == b""
        return frame.close_code


def masked(kind: int, data: bytes, *, last: bool = True, mask: bytes = b"\x0a\x0b\x0c\x0d") -> bytes:
    """A frame as a client sends it."""
    first = bytes([kind | (0x80 if last else 0)])
    size = len(data)
    if size < 126:
        head = bytes([0x80 | size])
    elif size < 65536:
        head = b"\xfe" + size.to_bytes(2)
    else:
        head = b"\xff" + size.to_bytes(8)
    hidden = bytes(a ^ b for a, b in zip(data, itertools.cycle(mask), strict=False))
    return first + head + mask + hidden
