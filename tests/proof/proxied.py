"""One connection through the proxy that commits faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from imserver.proof.fault_proxy import FaultProxy


@dataclass
class Far:
    """A server that answers every piece with the same, and remembers what it heard and how its connections ended."""

    heard: bytearray = field(default_factory=bytearray)
    ends: list[str] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        end = "closed"
        try:
            while data := await reader.read(1000):
                async with self.changed:
                    self.heard += data
                    self.changed.notify_all()
                writer.write(data)
        except ConnectionError:
            end = "reset"
        writer.close()
        async with self.changed:
            self.ends.append(end)
            self.changed.notify_all()

    async def until_heard(self, data: bytes) -> None:
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(lambda: bytes(self.heard) == data)

    async def until_ended(self, end: str) -> None:
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(lambda: self.ends == [end])


@asynccontextmanager
async def line() -> AsyncIterator[tuple[FaultProxy, Far, asyncio.StreamReader, asyncio.StreamWriter]]:
    """One connection through a proxy, over which something was said already."""
    far = Far()
    async with (
        await asyncio.start_server(far.serve, "127.0.0.1", 0) as server,
        FaultProxy("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"one.")
        assert await read(reader, 4) == b"one."
        yield proxy, far, reader, writer
        writer.close()


async def read(reader: asyncio.StreamReader, count: int) -> bytes:
    async with asyncio.timeout(20):
        return await reader.readexactly(count)
