"""A WebSocket in front of any asyncio protocol: binary messages carry its bytes (SPEC 2.2). `websockets` (the extra
`imserver[websocket]`) knows RFC 6455 and does no I/O; this moves bytes between it, the socket and the protocol."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Any, cast

import msgspec
from websockets import Subprotocol
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from .address import Address

SUBPROTOCOL = "imserver.1"
#: Longest message, either way; longer ones of ours are cut.
MAX_MESSAGE_BYTES = 256 * 1024
#: So much of what a refusal says is shown.
MAX_WORDS_BYTES = 500
#: Close codes (RFC 6455, 7.4.1).
WENT, WRONG_KIND = 1000, 1003

_log = logging.getLogger("imserver_client.websocket")


async def open_websocket(
    address: Address, tls: ssl.SSLContext | None, factory: Callable[[], asyncio.Protocol]
) -> None:
    """Connect, ask for the upgrade, and hand the protocol a transport. Raises OSError, also when the server refuses."""
    loop = asyncio.get_running_loop()
    pipe = WebSocketPipe(address, factory)
    context = (tls if tls is not None else ssl.create_default_context()) if address.tls else None
    await loop.create_connection(lambda: pipe, address.host, address.port, ssl=context)
    try:
        await pipe.opened
    except BaseException:
        pipe.abort()
        raise


class NoWebSocket(ConnectionRefusedError):
    """The server does not take it, and may say when to come back."""

    retry_after_ms = 0


class WebSocketPipe(asyncio.Protocol, asyncio.Transport):
    """To the socket a protocol, to the protocol behind it a transport."""

    def __init__(self, address: Address, factory: Callable[[], asyncio.Protocol]) -> None:
        super().__init__()
        self._websocket = ClientProtocol(
            parse_uri(address.web_url),
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            extensions=None,  # what we send is not compressed, nor is it asked for
            max_size=MAX_MESSAGE_BYTES,
            logger=_log,
        )
        self._factory = factory
        self._client: asyncio.Protocol | None = None
        self._socket: asyncio.Transport | None = None
        #: Set when the server has agreed, or has refused.
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # -- to the socket: a protocol --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = cast("asyncio.Transport", transport)
        self._websocket.send_request(self._websocket.connect())
        self._send()

    def data_received(self, data: bytes) -> None:
        self._websocket.receive_data(data)
        self._send()  # a Pong, an answer to Close
        for event in self._websocket.events_received():
            if isinstance(event, Frame):
                self._frame(event)
            elif isinstance(event, Response):
                self._answered()
        if self._websocket.handshake_exc is not None:
            self._refused(self._websocket.handshake_exc)
        elif self._websocket.state is not State.OPEN and self._socket is not None:
            self._socket.close()  # both have said Close, or one of us spoke nonsense

    def eof_received(self) -> bool | None:
        self._websocket.receive_eof()
        return self._client.eof_received() if self._client is not None else False

    def connection_lost(self, exc: Exception | None) -> None:
        self._socket = None
        if self._client is not None:
            self._client.connection_lost(exc)
        elif not self.opened.done():
            self.opened.set_exception(
                exc or ConnectionResetError("the server ended the connection before it was a WebSocket")
            )

    def pause_writing(self) -> None:
        if self._client is not None:
            self._client.pause_writing()

    def resume_writing(self) -> None:
        if self._client is not None:
            self._client.resume_writing()

    # -- to the client: a transport -----------------------------------------------------------------------------------

    def write(self, data: Any) -> None:
        """One message, however many frames it holds."""
        if self._websocket.state is not State.OPEN:
            return  # as a socket that is gone takes bytes and drops them
        for begin in range(0, len(data), MAX_MESSAGE_BYTES):
            self._websocket.send_binary(data[begin : begin + MAX_MESSAGE_BYTES])
        self._send()

    def close(self) -> None:
        """Say Close, and end the socket behind it."""
        if self._websocket.state is State.OPEN:
            self._websocket.send_close(WENT)
            self._send()
        if self._socket is not None:
            self._socket.close()

    def abort(self) -> None:
        """End the socket now."""
        if self._socket is not None:
            self._socket.abort()

    def is_closing(self) -> bool:
        """Whether nothing more can be written."""
        return self._socket is None or self._socket.is_closing()

    def pause_reading(self) -> None:
        """The socket is not read."""
        if self._socket is not None:
            self._socket.pause_reading()

    def resume_reading(self) -> None:
        """The socket is read again."""
        if self._socket is not None:
            self._socket.resume_reading()

    def get_write_buffer_size(self) -> int:
        """Bytes that the socket has not taken yet."""
        return self._socket.get_write_buffer_size() if self._socket is not None else 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """The socket's own."""
        return self._socket.get_extra_info(name, default) if self._socket is not None else default

    # -- between ------------------------------------------------------------------------------------------------------

    def _send(self) -> None:
        for data in self._websocket.data_to_send():
            if data and self._socket is not None:  # b"" asks for a half-close; our own close comes instead
                self._socket.write(data)

    def _frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.BINARY, Opcode.CONT) and self._client is not None:
            self._client.data_received(bytes(frame.data))
        elif frame.opcode is Opcode.TEXT:
            self._websocket.fail(WRONG_KIND, "the protocol's bytes come in binary messages")
            self._send()

    def _answered(self) -> None:
        if self._websocket.handshake_exc is not None or self.opened.done():
            return
        if self._websocket.subprotocol != SUBPROTOCOL:
            self._refused(InvalidHandshake(f"it does not speak {SUBPROTOCOL}"))
            return
        self._client = self._factory()
        self._client.connection_made(self)
        self.opened.set_result(None)

    def _refused(self, error: Exception) -> None:
        if self.opened.done():
            return
        refused = NoWebSocket(f"no WebSocket at this address: {error}")
        if isinstance(error, InvalidStatus):
            refused = _told(error.response)
        self.opened.set_exception(refused)
        self.abort()


def _told(response: Response) -> NoWebSocket:
    """What a refusal says. Ours are JSON; somebody else's are shown as they are."""
    body = response.body or b""
    words = body[:MAX_WORDS_BYTES].decode("utf-8", "replace").strip()
    refused = NoWebSocket(f"no WebSocket at this address: HTTP {response.status_code}: {words}")
    try:
        said = msgspec.json.decode(body, type=_Said)
    except msgspec.DecodeError:
        return refused
    refused.retry_after_ms = max(0, said.retry_after_ms)
    return refused


class _Said(msgspec.Struct):
    retry_after_ms: int = 0
