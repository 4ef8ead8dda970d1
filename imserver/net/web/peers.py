"""Who is connected over HTTP: accepts, counts, and ends who takes too long, from the accept on, the TLS handshake included.

A crowd of slow or silent connections keeps nobody out: above the bound the one goes for which we have waited the longest, be it
for a request, for more of its body, or until it has read its answer. Every state of a connection has its time-out, and no peer
can make it longer.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from imserver.clock import Clock

#: From the accept to the end of the first request's head, the TLS handshake included (seconds).
HEAD_S = 10.0
#: From one answer to the end of the next request's head.
IDLE_S = 30.0
#: From a request's head to the last byte of its answer: body, handler, and a reader who takes his time.
REQUEST_S = 30.0
#: Between two looks at who takes too long.
SWEEP_S = 1.0
#: Sockets that are accepted in one turn of the loop; the others wait in the kernel.
MAX_ACCEPTS_A_TURN = 8
#: Pause before the next accept when the system has no descriptor or memory left (seconds).
OUT_OF_RESOURCES_S = 0.2


class Peer:
    """One connection: until when it may be as it is, and how it is ended."""

    __slots__ = ("abort", "due")

    def __init__(self, due: float) -> None:
        self.due = due
        self.abort: Callable[[], object] = lambda: None


class Peers:
    """All connections of one listener."""

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock = clock
        self._most = most
        self._all: dict[Peer, None] = {}
        #: Those that are waited for, and not at work here: the longest first.
        self._waiting: OrderedDict[Peer, None] = OrderedDict()
        #: Sums for metrics.
        self.accepted = 0
        self.turned_away = 0

    def __len__(self) -> int:
        return len(self._all)

    def enter(self) -> Peer | None:
        """A new connection; None if there is no room, and nobody who could go."""
        self.accepted += 1
        if len(self._all) >= self._most:
            self.turned_away += 1
            if not self._waiting:
                return None
            oldest = next(iter(self._waiting))
            self.leave(oldest)
            oldest.abort()
        peer = Peer(self._clock.monotonic() + HEAD_S)
        self._all[peer] = self._waiting[peer] = None
        return peer

    def begins(self, peer: Peer) -> None:
        """The head of a request has come."""
        self._waiting.pop(peer, None)
        peer.due = self._clock.monotonic() + REQUEST_S

    def is_waited_for(self, peer: Peer) -> None:
        """In the middle of a request it is the peer's turn: to send, or to read."""
        if peer in self._all:
            self._waiting[peer] = None

    def goes_on(self, peer: Peer) -> None:
        """It is our turn again."""
        self._waiting.pop(peer, None)

    def ends(self, peer: Peer) -> None:
        """The answer is written."""
        if peer in self._all:
            self._waiting[peer] = None
            peer.due = self._clock.monotonic() + IDLE_S

    def leave(self, peer: Peer) -> None:
        """The connection is gone. Leaving twice is harmless."""
        self._all.pop(peer, None)
        self._waiting.pop(peer, None)

    def sweep(self) -> None:
        """End who takes too long."""
        now = self._clock.monotonic()
        for peer in [peer for peer in self._all if peer.due <= now]:
            self.leave(peer)
            peer.abort()


class Accepting:
    """Listening sockets whose connections are counted before anything else happens to them."""

    def __init__(self, peers: Peers, protocol_of: Callable[[Peer], asyncio.BaseProtocol], log: Any) -> None:
        self._peers = peers
        self._protocol_of = protocol_of
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._tls: ssl.SSLContext | None = None
        self._sockets: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, sockets: list[socket.socket], tls: ssl.SSLContext | None = None) -> None:
        """Accept on these sockets, which listen already."""
        self._sockets, self._tls = sockets, tls
        for listening in sockets:
            self._loop.add_reader(listening, self._accept, listening)

    def use_tls(self, tls: ssl.SSLContext) -> None:
        """Serve another certificate from the next handshake on."""
        self._tls = tls

    @property
    def port(self) -> int:
        """The TCP port; 0 for a Unix socket."""
        name = self._sockets[0].getsockname() if self._sockets else ""
        return 0 if isinstance(name, str) else int(name[1])

    def close(self) -> None:
        """Stop accepting. Closing twice is harmless."""
        while self._sockets:
            listening = self._sockets.pop()
            self._loop.remove_reader(listening)
            listening.close()
        for task in list(self._tasks):
            task.cancel()

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(MAX_ACCEPTS_A_TURN):
            try:
                connection, _ = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._log.warning("http_accept_failed", cause=error.strerror or str(error))
                self._loop.remove_reader(listening)
                self._loop.call_later(OUT_OF_RESOURCES_S, self._accept_again, listening)
                return
            peer = self._peers.enter()
            if peer is None:
                connection.close()
                continue
            connection.setblocking(False)
            task = self._loop.create_task(self._connect(peer, connection))
            peer.abort = task.cancel
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _accept_again(self, listening: socket.socket) -> None:
        if listening in self._sockets:
            self._loop.add_reader(listening, self._accept, listening)

    async def _connect(self, peer: Peer, connection: socket.socket) -> None:
        try:
            transport, _ = await self._loop.connect_accepted_socket(
                lambda: self._protocol_of(peer),
                connection,
                ssl=self._tls,
                ssl_handshake_timeout=HEAD_S if self._tls is not None else None,
            )
        except (OSError, EOFError, asyncio.CancelledError):  # not TLS, too slow, gone, or turned away
            self._peers.leave(peer)
            connection.close()
        else:
            peer.abort = transport.abort


async def listening_sockets(host: str, port: int, backlog: int) -> list[socket.socket]:
    """Sockets that listen on every address of `host`. Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    made: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            listening = socket.socket(family, socket.SOCK_STREAM)
            made.append(listening)
            listening.setblocking(False)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # Of `localhost` both addresses, on one port also if the system chooses it.
            listening.bind(
                (address[0], port or (made[0].getsockname()[1] if len(made) > 1 else 0), *address[2:])
            )
            listening.listen(backlog)
    except OSError:
        for listening in made:
            listening.close()
        raise
    return made
