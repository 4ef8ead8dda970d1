"""A WebSocket as the socket of a `ServerTransport`: the bytes of SPEC in binary messages, cut anywhere. Knows nothing of them.

aiohttp takes messages apart, within its bounds. Ours go out by hand: what a server sends is not masked, so a message is two to
ten bytes and the data, and a flush stays one call that never waits. Whether the peer reads is told by the socket's protocol, as
for TCP (`pause_writing`).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Protocol

from aiohttp import WSMsgType, web

from imserver.net.scheduling.read_scheduler import ReadScheduler
from imserver_protocol.errors import CloseCode

#: Longest message, either way. Longer ones of ours are cut.
MAX_MESSAGE_BYTES = 256 * 1024
#: What a peer may send before it is welcome: HELLO and its wrapping, four times over. Messages are held until they are whole.
MAX_EARLY_BYTES = 16 * 1024
#: Messages that are taken, pings and pongs among them, before others get their turn: their reader does not wait while there are
#: more.
MESSAGES_A_TURN = 32

#: Close codes (RFC 6455, 7.4.1): of a good end, of a message of the wrong kind, of one that is too long.
WENT, WRONG_KIND, TOO_LONG = 1000, 1003, 1009
_BINARY, _CLOSE = 0x82, 0x88


class Parsing(Protocol):
    """aiohttp's side of the connection."""

    def parse(self, data: bytes) -> None:
        """Take bytes apart; the messages wait for `Messages.receive`."""
        ...

    def hold(self, holds: bool) -> None:
        """Whether the socket is not to be read."""
        ...


class Client(Protocol):
    """The transport behind, as a socket's protocol."""

    session_id: str

    def data_received(self, data: bytes) -> None: ...

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...

    def connection_lost(self, exc: Exception | None) -> None: ...

    def close(self, code: CloseCode, text: str = "", retry_after_ms: int = 0) -> None: ...


class Messages(web.WebSocketResponse):
    """What aiohttp reads. It never closes: the pipe does. Its own Close, on a socket that may be gone, would keep the error
    that this raises, and by it the whole connection until the collector of garbage looks."""

    #: From the upgrade on.
    pipe: WebSocketPipe | None = None

    def __init__(self, protocols: tuple[str, ...]) -> None:
        # aiohttp's bound is the first size that is too much.
        super().__init__(
            protocols=protocols,
            compress=False,
            autoclose=False,
            autoping=False,  # a flood of pings would be answered within one turn of the loop
            max_msg_size=MAX_MESSAGE_BYTES + 1,
        )

    async def close(self, *, code: int = WENT, message: bytes = b"", drain: bool = True) -> bool:
        """At the end of the stream, and with another code where it cannot be read on."""
        if self.pipe is not None:
            self.pipe.close(code)
        return True


class Feed:
    """The socket's bytes on their way to aiohttp. Long reads take turns with those of all connections: 256 KiB of empty
    fragments would hold the loop for 15 ms. Nothing overtakes what waits."""

    __slots__ = ("_behind", "_connection", "_pipe", "_scheduler", "waits")

    def __init__(self, pipe: WebSocketPipe, connection: Parsing, scheduler: ReadScheduler) -> None:
        self._pipe = pipe
        self._connection = connection
        self._scheduler = scheduler
        self._behind: list[bytes] = []
        #: Bytes of this socket wait for their turn.
        self.waits = False

    def read(self, data: bytes) -> None:
        """From the socket."""
        if self.waits:
            self._behind.append(data)
        else:
            self._scheduler.read(self, data)

    def take(self, data: bytes) -> bool:
        """Take the next bytes apart. False: no more, the connection closes."""
        if not self._pipe.is_closing() and self._pipe.takes(len(data)):
            self._connection.parse(data)
        return not self._pipe.is_closing()

    def pause_reading(self) -> None:
        """Bytes begin to wait."""
        self.waits = True
        self._connection.hold(True)

    def resume_reading(self) -> None:
        """None wait any more, but for those that came meanwhile."""
        self.waits = False
        if self._behind:
            data = b"".join(self._behind)
            self._behind.clear()
            self._scheduler.read(self, data)
        if not self.waits:
            self._connection.hold(False)


class WebSocketPipe(asyncio.Transport):
    """Between `client` and the socket that was upgraded."""

    __slots__ = ("_close_code", "_early_bytes", "_resumed", "_said_close", "_socket", "client")

    def __init__(self, client: Client, socket: asyncio.Transport) -> None:
        super().__init__()
        self.client = client
        self._socket = socket
        self._early_bytes = 0
        self._said_close = False
        #: Of the Close that we will say.
        self._close_code = WENT
        #: While nothing is to be read: set when that is over.
        self._resumed: asyncio.Future[None] | None = None

    # -- from the socket ----------------------------------------------------------------------------------------------

    def takes(self, count: int) -> bool:
        """Whether so many more bytes may be taken apart. A peer that is not welcome yet does not fill our memory."""
        if self.client.session_id:
            return True
        self._early_bytes += count
        if self._early_bytes <= MAX_EARLY_BYTES:
            return True
        self.close(TOO_LONG)
        return False

    async def read(self, messages: web.WebSocketResponse) -> None:
        """Hand over what comes, until the end."""
        unbroken = 0
        while True:
            if self._resumed is not None:
                await self._resumed
                self._resumed = None
            message = await messages.receive()
            if message.type is WSMsgType.BINARY:
                self.client.data_received(message.data)
            elif message.type is WSMsgType.TEXT:
                self._close_code = WRONG_KIND
                self.client.close(
                    CloseCode.MALFORMED, "a text message: the protocol's bytes come in binary ones"
                )
            elif message.type is WSMsgType.PING:
                with contextlib.suppress(ConnectionError):  # it is gone, which the next message says
                    await messages.pong(message.data)
            elif message.type is not WSMsgType.PONG:  # the end, in one way or another
                if message.type is WSMsgType.ERROR:
                    message.data.with_traceback(None)  # through which it would hold on to all of this
                break
            unbroken += 1
            if unbroken % MESSAGES_A_TURN == 0:
                await asyncio.sleep(0)
        self.close()

    def lost(self, error: Exception | None) -> None:
        """The socket is gone."""
        self._go_on()
        self.client.connection_lost(error)

    # -- from the client ----------------------------------------------------------------------------------------------

    def write(self, data: Any) -> None:
        """One message, however many frames it holds."""
        for begin in range(0, len(data), MAX_MESSAGE_BYTES):
            piece = data[begin : begin + MAX_MESSAGE_BYTES]
            self._socket.write(_head(_BINARY, len(piece)) + piece)

    def can_write_eof(self) -> bool:
        """Also over TLS: WebSocket has an end of its own in each direction."""
        return True

    def write_eof(self) -> None:
        """Say Close. What the peer sends before it says so, too, is still read."""
        if not self._said_close and not self._socket.is_closing():
            self._socket.write(_head(_CLOSE, 2) + self._close_code.to_bytes(2))
        self._said_close = True

    def close(self, code: int = WENT) -> None:
        """Say Close, and end the socket behind it."""
        if code != WENT:
            self._close_code = code
        self.write_eof()
        self._socket.close()

    def abort(self) -> None:
        """End the socket now."""
        self._socket.abort()

    def is_closing(self) -> bool:
        """Whether the socket is ending."""
        return self._socket.is_closing()

    def pause_reading(self) -> None:
        """Hand nothing over. aiohttp reads on for 128 KiB at most."""
        if self._resumed is None:
            self._resumed = asyncio.get_running_loop().create_future()

    def resume_reading(self) -> None:
        """Hand over again."""
        self._go_on()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """The socket's own."""
        self._socket.set_write_buffer_limits(high=high, low=low)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """The socket's own."""
        return self._socket.get_extra_info(name, default)

    def _go_on(self) -> None:
        if self._resumed is not None and not self._resumed.done():
            self._resumed.set_result(None)


def _head(kind: int, size: int) -> bytes:
    """Of a whole message that is not masked (RFC 6455, 5.2)."""
    if size < 126:
        return bytes((kind, size))
    if size < 65536:
        return bytes((kind, 126)) + size.to_bytes(2)
    return bytes((kind, 127)) + size.to_bytes(8)
