"""Socket listener: accepts by itself, where something comes before the first frame: a PROXY header, a TLS handshake.

A socket is counted when it is accepted, since a peer that never finishes its handshake would be counted nowhere else, and
whatever comes before the first frame has its time-out. Before TLS is up a refused socket is closed without GOODBYE: a handshake
costs a thousand times what it costs to ask for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import Any

from imserver.net.accept_loop import AcceptLoop
from imserver.net.proxy_protocol import MAX_V2_BYTES, V2_BEGINS, BadHeader, begins_header, read_header
from imserver.net.transport import NO_PROXY_TEXT, Acceptor, Refusal, ServerTransport, address_of
from imserver.networks import Proxies
from imserver_protocol.errors import CloseCode

#: From the accept to the end of the PROXY header (seconds). It is the first thing that a proxy sends; the protocol asks for at
#: least 3, so that it may be lost once on the way.
PROXY_HEADER_S = 5.0
#: What a listed proxy is told that sends no right header.
NEEDS_HEADER_TEXT = "connections of this proxy begin with a PROXY header"


class Handshake:
    """An accepted socket before its first frame: only its address and its number are known. The address is that of the proxy
    until its header has come."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.number = 0
        self.task: asyncio.Task[None] | None = None

    def sweep(self, now: float) -> None:
        """Nothing to do: the handshake has its own time-out."""

    def close(self, code: CloseCode, text: str = "", retry_after_ms: int = 0) -> None:
        """Abort: before TLS is up no GOODBYE can be sent."""
        self.abort()

    def abort(self) -> None:
        """Cancel the handshake now."""
        if self.task is not None:
            self.task.cancel()


class SocketListener:
    """Accepts sockets, asks admission, reads the headers of `proxies`, and shakes hands if there is a `context`."""

    def __init__(
        self,
        acceptor: Acceptor,
        proxies: Proxies,
        context: ssl.SSLContext | None,
        sockets: list[socket.socket],
    ) -> None:
        """`sockets` listen already, and are this listener's from now on."""
        self._acceptor = acceptor
        self._loop = acceptor.loop
        self._proxies = proxies
        #: For handshakes from now on.
        self.context = context
        self._accepts = AcceptLoop(self._loop, sockets, self._admit, self._failed)

    @property
    def port(self) -> int:
        """The port of the first address."""
        return self._accepts.port

    def close(self) -> None:
        """Stop accepting. Closing twice is harmless."""
        self._accepts.close()

    def _failed(self, cause: str) -> None:
        self._acceptor.log.warning("accept_failed", cause=cause)

    def _admit(self, connection: socket.socket, peer: Any) -> None:
        handshake = Handshake(address_of(peer))
        refusal = self._acceptor.admission.admit(handshake)
        if refusal is not None and self.context is not None:
            connection.close()
            self._acceptor.admission.forget(handshake)
            return
        handshake.task = self._loop.create_task(self._receive(handshake, connection, refusal))

    # -- before the first frame ---------------------------------------------------------------------------------------

    async def _receive(
        self, handshake: Handshake, connection: socket.socket, refusal: Refusal | None
    ) -> None:
        """The header if a proxy sends it, hands if there is TLS, and then it is a client's connection like any."""
        try:
            if refusal is not None:
                client = ServerTransport(self._acceptor, handshake)
                client.close(*refusal)
                _read_away(connection)
            elif handshake.address in self._proxies:
                client = await self._after_header(handshake, connection)
            else:
                client = ServerTransport(self._acceptor, handshake)
            if self.context is None:
                await self._loop.connect_accepted_socket(lambda: client, connection)
            else:
                await self._shake_hands(client, connection)
        except (OSError, EOFError, asyncio.CancelledError):  # not TLS, too slow, gone, or refused
            connection.close()
        finally:
            self._acceptor.admission.forget(handshake)  # unless `client` took its place

    async def _after_header(self, handshake: Handshake, connection: socket.socket) -> ServerTransport:
        """Read the header, and count the client as what it is. Raises OSError or EOFError if the connection ends with it."""
        cause = ""
        try:
            async with asyncio.timeout(PROXY_HEADER_S):
                source = await self._header(connection)
            if source is not None:
                self._acceptor.admission.rename(handshake, source)
        except TimeoutError:
            cause = f"no whole header within {PROXY_HEADER_S:g} s"
        except BadHeader as error:
            cause = str(error)
        client = ServerTransport(self._acceptor, handshake)
        if cause:
            self._acceptor.admission.proxy_header_refused(client, cause)
            if self.context is not None:
                raise ConnectionAbortedError(cause)
            client.close(CloseCode.MALFORMED, NEEDS_HEADER_TEXT)
        return client

    async def _header(self, connection: socket.socket) -> str | None:
        """The client's address in the header, of which exactly its own bytes are read: what follows may be TLS."""
        held = b""
        while True:
            seen = await self._peek(connection, MAX_V2_BYTES)
            if not seen:
                raise EOFError
            try:
                header = read_header(held + seen)
            except BadHeader:
                _read_away(connection)
                raise
            connection.recv(len(seen) if header is None else header.length - len(held))
            if header is not None:
                return header.source
            held += seen

    async def _shake_hands(self, client: ServerTransport, connection: socket.socket) -> None:
        assert self.context is not None
        within_s = self._acceptor.protocol_limits.hello_timeout_s
        began = self._loop.time()
        async with asyncio.timeout(within_s):
            first = await self._peek(connection, len(V2_BEGINS))
        if begins_header(first):
            self._acceptor.admission.proxy_header_refused(client, NO_PROXY_TEXT)
            raise ConnectionAbortedError(NO_PROXY_TEXT)
        await self._loop.connect_accepted_socket(
            lambda: client,
            connection,
            ssl=self.context,
            ssl_handshake_timeout=max(0.001, began + within_s - self._loop.time()),
        )

    async def _peek(self, connection: socket.socket, most: int) -> bytes:
        """The next bytes, which stay unread; empty at the end of the stream. Raises OSError."""
        while True:
            readable: asyncio.Future[None] = self._loop.create_future()
            self._loop.add_reader(connection, _wake, readable)
            try:
                await readable
            finally:
                self._loop.remove_reader(connection)
            with contextlib.suppress(BlockingIOError, InterruptedError):
                return connection.recv(most, socket.MSG_PEEK)


def _read_away(connection: socket.socket) -> None:
    """Of a connection that is refused: bytes that nobody reads would reset it, and GOODBYE with it."""
    with contextlib.suppress(BlockingIOError, InterruptedError):
        connection.recv(MAX_V2_BYTES)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
