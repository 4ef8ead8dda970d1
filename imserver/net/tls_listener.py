"""TLS listener: counts a socket when it is accepted, and only then starts its handshake, within HELLO's time-out.

asyncio's own server reports a connection after its handshake: a peer that never finishes one would be counted nowhere.
A refused socket is closed without GOODBYE, since a handshake costs a thousand times what it costs to ask for it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl

from imserver.net.transport import Acceptor, ServerTransport
from imserver_protocol.errors import CloseCode

#: Sockets that are accepted in one turn of the loop, at up to a millisecond each; the others wait in the kernel.
MAX_ACCEPTS_A_TURN = 8
#: Pause before the next accept when the system has no descriptor or memory left (seconds).
OUT_OF_RESOURCES_S = 0.2


class Handshake:
    """An accepted socket in its TLS handshake; only its address and its number are known."""

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


class TlsListener:
    """Accepts sockets, asks admission, and starts their TLS handshakes."""

    def __init__(self, acceptor: Acceptor, context: ssl.SSLContext) -> None:
        self._acceptor = acceptor
        self._context = context
        self._sockets: list[socket.socket] = []

    async def open(self, host: str, port: int, backlog: int) -> None:
        """Listen on every address of `host`. Raises OSError."""
        loop = self._acceptor.loop
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        try:
            for family, _, _, _, address in dict.fromkeys(found):
                listening = socket.socket(family, socket.SOCK_STREAM)
                self._sockets.append(listening)
                listening.setblocking(False)
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listening.bind(address)
                listening.listen(backlog)
        except OSError:
            self.close()
            raise
        for listening in self._sockets:
            loop.add_reader(listening, self._accept, listening)

    @property
    def port(self) -> int:
        """The port of the first address."""
        port: int = self._sockets[0].getsockname()[1]
        return port

    def close(self) -> None:
        """Stop accepting. Closing twice is harmless."""
        while self._sockets:
            listening = self._sockets.pop()
            self._acceptor.loop.remove_reader(listening)
            listening.close()

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(MAX_ACCEPTS_A_TURN):
            try:
                connection, peer = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._acceptor.log.warning("accept_failed", cause=error.strerror or str(error))
                self._acceptor.loop.remove_reader(listening)
                self._acceptor.loop.call_later(OUT_OF_RESOURCES_S, self._accept_again, listening)
                return
            self._admit(connection, str(peer[0]))

    def _accept_again(self, listening: socket.socket) -> None:
        if listening in self._sockets:
            self._acceptor.loop.add_reader(listening, self._accept, listening)

    def _admit(self, connection: socket.socket, address: str) -> None:
        handshake = Handshake(address)
        if self._acceptor.admission.admit(handshake) is not None:
            connection.close()
            self._acceptor.admission.forget(handshake)
            return
        connection.setblocking(False)
        client = ServerTransport(self._acceptor, handshake)
        handshake.task = self._acceptor.loop.create_task(self._shake_hands(handshake, client, connection))

    async def _shake_hands(
        self, handshake: Handshake, client: ServerTransport, connection: socket.socket
    ) -> None:
        try:
            await self._acceptor.loop.connect_accepted_socket(
                lambda: client,
                connection,
                ssl=self._context,
                ssl_handshake_timeout=self._acceptor.protocol_limits.hello_timeout_s,
            )
        except (OSError, EOFError, asyncio.CancelledError):  # not TLS, too slow, gone, or refused
            connection.close()
        finally:
            self._acceptor.admission.forget(handshake)  # unless `client` took its place
