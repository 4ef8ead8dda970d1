"""The proxy of a trace: passes bytes on as they come, and shows an explainer what it passed.

Half-closed and reset connections are passed on as what they are. What is kept is bounded: the buffers of two sockets and two
unfinished frames for each connection, and there are at most `MAX_CONNECTIONS`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Iterable

from imserver.clock import Clock

from .explainer import Explainer, Line
from .unwrapped import Unwrapped

#: Bytes of one read; asyncio's reader holds at most twice its limit, which is as much.
READ_BYTES = 64 * 1024
#: Connections at once, each of which may hold two unfinished frames of 1 MiB. One more is reset.
MAX_CONNECTIONS = 64
#: How long the server may take to accept (seconds).
CONNECT_S = 10.0


class _SideLost(Exception):
    """One side has gone without FIN."""


class Proxy:
    """`await proxy.open(…)`, then `await proxy.run()` until it is cancelled. `say` takes each line, and may raise to end it."""

    def __init__(
        self,
        host: str,
        port: int,
        say: Callable[[Line], None],
        clock: Clock,
        *,
        contents: bool = False,
    ) -> None:
        self._target = (host, port)
        self._say = say
        self._clock = clock
        self._contents = contents
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()
        self._accepted = 0
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def open(self, host: str, port: int) -> None:
        """Listen. Raises OSError."""
        self._server = await asyncio.start_server(self._accept, host, port, limit=READ_BYTES)

    @property
    def port(self) -> int:
        """The port for clients."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def run(self) -> None:
        """Serve until cancelled, then end every connection. Raises what `say` raised."""
        try:
            await self._failed
        finally:
            assert self._server is not None
            self._server.close()
            for line in self._lines:
                line.cancel()
            await asyncio.gather(*self._lines, return_exceptions=True)

    # -- one connection -----------------------------------------------------------------------------------------------

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: asyncio would log the end of one that is cancelled as a fault.
        task = asyncio.get_running_loop().create_task(self._line(reader, writer))
        self._lines.add(task)
        task.add_done_callback(self._lines.discard)

    async def _line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._accepted += 1
        explainer = Explainer(self._accepted, self._clock, contents=self._contents)
        unwrapped = Unwrapped()
        up: asyncio.StreamWriter | None = None
        try:
            peer = writer.get_extra_info("peername")
            if len(self._lines) > MAX_CONNECTIONS:
                self._tell([explainer.note(f"refused: {MAX_CONNECTIONS} connections are traced already")])
                return
            self._tell([explainer.note(f"opened by {peer[0]}:{peer[1]}")])
            try:
                async with asyncio.timeout(CONNECT_S):
                    back, up = await asyncio.open_connection(*self._target, limit=READ_BYTES)
            except OSError as error:  # a time-out, too
                self._tell(
                    [explainer.note(f"no way to the server: {error.strerror or str(error) or 'no answer'}")]
                )
                return
            await self._pass_both(explainer, unwrapped, (reader, writer), (back, up))
        finally:
            for side in (writer, up):
                if side is not None:
                    _reset(side)

    async def _pass_both(
        self,
        explainer: Explainer,
        unwrapped: Unwrapped,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        """Until both sides have closed, or one has gone."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(explainer, unwrapped, client[0], server[1], up=True))
                group.create_task(self._pass(explainer, unwrapped, server[0], client[1], up=False))
        except* _SideLost as lost:
            how = str(lost.exceptions[0])
        else:
            how = "closed by both"
            for _, writer in (client, server):
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
        self._tell([explainer.note(f"{how}: {explainer.sums()}")])

    async def _pass(
        self,
        explainer: Explainer,
        unwrapped: Unwrapped,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        up: bool,
    ) -> None:
        source, target = ("client", "server") if up else ("server", "client")
        while True:
            try:
                data = await reader.read(READ_BYTES)
            except OSError:
                raise _SideLost(f"reset by the {source}") from None
            if not data:
                break
            writer.write(data)
            self._tell(explainer.read(unwrapped.read(data, up=up), up=up))
            try:
                await writer.drain()
            except OSError:
                raise _SideLost(f"reset by the {target}") from None
        self._tell([explainer.note(f"{source} sends no more")])
        with contextlib.suppress(OSError):
            writer.write_eof()

    def _tell(self, lines: Iterable[Line]) -> None:
        """Hand lines over. If that fails, nobody sees the trace any more: the run ends."""
        try:
            for line in lines:
                self._say(line)
        except Exception as error:
            if not self._failed.done():
                self._failed.set_exception(error)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a socket by RST, unless it is closed."""
    sock = writer.get_extra_info("socket")
    if sock is not None and not writer.transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
