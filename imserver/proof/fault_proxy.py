"""A TCP proxy that misbehaves on request: between a client and the server it slices, delays, stalls, swallows and cuts.

It stands on loopback only and knows nothing of frames: a cut falls where it falls, most often in mid-frame.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import Self

#: Bytes that one direction may hold while stalled; above it the proxy stops reading, like a full network would.
MAX_HELD_BYTES = 256 * 1024
READ_BYTES = 64 * 1024


@dataclass(slots=True)
class Faults:
    """What the proxy does to traffic from now on. Everything off: it only passes bytes on."""

    #: Longest piece that is passed on at once (bytes); 0 = as it came.
    slice_bytes: int = 0
    #: Wait before each piece (seconds).
    delay_s: float = 0.0
    #: Hold everything until set to False again.
    stalled: bool = False
    #: Read and throw away: a half-open connection, as seen by both sides.
    blackhole: bool = False
    #: The same towards the client only: the server hears everything, and all of its answers get lost.
    swallow_down: bool = False
    #: Cut by RST after so many more bytes towards the server (-1: never). Counts down; then all lines are cut.
    cut_after_bytes_up: int = -1
    #: The same towards the client.
    cut_after_bytes_down: int = -1


class FaultProxy:
    """`async with FaultProxy(host, port) as proxy:` clients connect to `proxy.port`."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._lines: set[_Line] = set()
        self._changed = asyncio.Event()
        self.faults = Faults()
        #: Lines cut so far, and those of them that were cut with part of a chunk passed on.
        self.cuts = 0
        self.mid_chunk_cuts = 0
        #: False: new connections are refused by RST at once.
        self.accepting = True

    @property
    def port(self) -> int:
        """Where clients connect."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def line_count(self) -> int:
        """Connections that pass through now."""
        return len(self._lines)

    def target(self, port: int) -> None:
        """Connect new lines to another port (a server that was started again)."""
        self._target = (self._target[0], port)

    def apply(self, faults: Faults) -> None:
        """Replace the faults, and let stalled lines look at them."""
        self.faults = faults
        self._changed.set()
        self._changed = asyncio.Event()

    def cut(self) -> int:
        """RST on every line, now, in both directions. Returns how many were cut."""
        lines = list(self._lines)
        for line in lines:
            line.cut()
        self.cuts += len(lines)
        return len(lines)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._server is not None
        self._server.close()
        for line in list(self._lines):
            line.cut()
        while self._lines:
            await asyncio.sleep(0)
            await asyncio.gather(*(line.done.wait() for line in list(self._lines)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.accepting:
            _reset(writer)
            return
        try:
            up_reader, up_writer = await asyncio.open_connection(*self._target)
        except OSError:
            _reset(writer)
            return
        line = _Line(writer, up_writer)
        self._lines.add(line)
        try:
            async with asyncio.TaskGroup() as group:
                line.tasks = [
                    group.create_task(self._pass(reader, up_writer, line, up=True)),
                    group.create_task(self._pass(up_reader, writer, line, up=False)),
                ]
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            line.cut()
            self._lines.discard(line)
            line.done.set()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: _Line, *, up: bool
    ) -> None:
        while data := await reader.read(READ_BYTES):
            while self.faults.stalled:
                await self._changed.wait()
            if self.faults.blackhole or (self.faults.swallow_down and not up):
                continue
            await self._forward(data, writer, up=up)
        line.finish()

    async def _forward(self, data: bytes, writer: asyncio.StreamWriter, *, up: bool) -> None:
        budget_name = "cut_after_bytes_up" if up else "cut_after_bytes_down"
        step = self.faults.slice_bytes or len(data)
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            if self.faults.delay_s:
                await asyncio.sleep(self.faults.delay_s)
            budget = getattr(self.faults, budget_name)
            if 0 <= budget < len(piece):
                writer.write(piece[:budget])
                await writer.drain()
                setattr(self.faults, budget_name, -1)
                self.mid_chunk_cuts += 1
                self.cut()
                return
            if budget >= 0:
                setattr(self.faults, budget_name, budget - len(piece))
            writer.write(piece)
            await writer.drain()


class _Line:
    """One client's connection through the proxy."""

    def __init__(self, down: asyncio.StreamWriter, up: asyncio.StreamWriter) -> None:
        self._writers = (down, up)
        self.tasks: list[asyncio.Task[None]] = []
        self.done = asyncio.Event()

    def finish(self) -> None:
        """One side closed properly: close both."""
        for writer in self._writers:
            writer.close()

    def cut(self) -> None:
        """RST to both sides."""
        for writer in self._writers:
            _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close by RST: what the kernel still holds is thrown away, as when a cable is pulled and the box reboots."""
    sock = writer.get_extra_info("socket")
    if sock is not None and not writer.transport.is_closing():
        with_linger = struct.pack("ii", 1, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, with_linger)
    writer.transport.abort()
