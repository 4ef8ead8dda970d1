"""A TCP proxy that misbehaves on request: between a client and the server it slices, delays, stalls, swallows and cuts.

It listens on loopback only and knows nothing of frames: most cuts fall in mid-frame. It does nothing that TCP cannot do:
after a swallowed byte no other byte of that direction ever comes through.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass
from typing import Self

#: Bytes of one read. While stalled, one direction holds these and the buffer of asyncio's reader (twice its limit of 64 KiB);
#: then the proxy stops reading, as a full network would.
READ_BYTES = 64 * 1024


@dataclass(slots=True)
class Faults:
    """The faults that the proxy applies from now on. With all off, it only passes bytes on."""

    #: Longest piece that is passed on at once (bytes); 0 = as it came.
    slice_bytes: int = 0
    #: Wait before each piece (seconds).
    delay_s: float = 0.0
    #: Hold everything until set to False again.
    stalled: bool = False
    #: A half-open connection: neither side receives anything of the other any more, not even its FIN. A line that lost
    #: bytes in this way stays so until it is cut, even when the fault is over.
    blackhole: bool = False
    #: The server receives everything, and all of its answers get lost, except for its FIN.
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
        #: Connections refused because of `accepting`, and lines that lost bytes in a black hole.
        self.refusals = 0
        self.swallowed = 0
        #: False: new connections are refused by RST at once.
        self.accepting = True

    @property
    def port(self) -> int:
        """The port for clients."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def line_count(self) -> int:
        """Open connections through the proxy."""
        return len(self._lines)

    @property
    def deaf(self) -> bool:
        """True if bytes from clients do not reach the server now."""
        return self.faults.stalled or self.faults.blackhole or any(line.black for line in self._lines)

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
        return self._cut(list(self._lines))

    def cut_black(self) -> int:
        """RST on the lines that a black hole has spoilt."""
        return self._cut([line for line in self._lines if line.black])

    def half_close(self, *, up: bool) -> int:
        """FIN towards the server (`up`) or the client on every line; the other direction goes on. Returns how many."""
        return sum(line.half_close(up=up) for line in list(self._lines))

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        while self._lines:
            await asyncio.sleep(0)
            await asyncio.gather(*(line.done.wait() for line in list(self._lines)))

    def _cut(self, lines: list[_Line]) -> int:
        for line in lines:
            line.cut()
        self.cuts += len(lines)
        self.apply(self.faults)  # a stalled line has to notice
        return len(lines)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.accepting:
            self.refusals += 1
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
                group.create_task(self._pass(reader, up_writer, line, up=True))
                group.create_task(self._pass(up_reader, writer, line, up=False))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            line.cut()
            self._lines.discard(line)
            line.done.set()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: _Line, *, up: bool
    ) -> None:
        try:
            while data := await reader.read(READ_BYTES):
                await self._unstalled(line)
                if self.faults.blackhole and not line.black:
                    line.black = True
                    self.swallowed += 1
                if self.faults.swallow_down and not up:
                    line.mute = True
                if line.black or (line.mute and not up) or line.closed_half(up=up):
                    continue
                await self._forward(data, writer, line, up=up)
            await self._unstalled(line)
        except OSError:
            if not line.black:
                raise
        if line.black:
            await line.was_cut.wait()  # the other side does not learn that this one has gone
        line.finish()

    async def _unstalled(self, line: _Line) -> None:
        while self.faults.stalled and not line.was_cut.is_set():
            await self._changed.wait()

    async def _forward(self, data: bytes, writer: asyncio.StreamWriter, line: _Line, *, up: bool) -> None:
        budget_name = "cut_after_bytes_up" if up else "cut_after_bytes_down"
        step = self.faults.slice_bytes or len(data)
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            if self.faults.delay_s:
                await asyncio.sleep(self.faults.delay_s)
            if line.closed_half(up=up):
                return
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
        self._down = down
        self._up = up
        self._half_closed: set[bool] = set()
        #: Bytes of it were swallowed: in both directions, or towards the client only.
        self.black = False
        self.mute = False
        self.was_cut = asyncio.Event()
        self.done = asyncio.Event()

    def half_close(self, *, up: bool) -> bool:
        """FIN in one direction. False if that is not possible any more."""
        writer = self._up if up else self._down
        if up in self._half_closed or self.black or writer.is_closing():
            return False
        self._half_closed.add(up)
        with contextlib.suppress(OSError):
            writer.write_eof()
        return True

    def closed_half(self, *, up: bool) -> bool:
        """Whether nothing more may be written in this direction."""
        return up in self._half_closed

    def finish(self) -> None:
        """One side closed properly: close both."""
        for writer in (self._down, self._up):
            writer.close()

    def cut(self) -> None:
        """RST to both sides."""
        self.was_cut.set()
        for writer in (self._down, self._up):
            _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close by RST: the kernel drops its buffers, as when a cable is pulled and the box reboots."""
    sock = writer.get_extra_info("socket")
    if sock is not None and not writer.transport.is_closing():
        with_linger = struct.pack("ii", 1, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, with_linger)
    writer.transport.abort()
