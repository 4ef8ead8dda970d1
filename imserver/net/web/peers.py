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
from imserver.net.accept_loop import AcceptLoop

#: From the accept to the end of the first request's head, the TLS handshake included (seconds).
HEAD_S = 10.0
#: From one answer to the end of the next request's head.
IDLE_S = 30.0
#: From a request's head to the last byte of its answer: body, handler, and a reader who takes his time.
REQUEST_S = 30.0
#: Between two looks at who takes too long.
SWEEP_S = 1.0


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
        self._accepts: AcceptLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, sockets: list[socket.socket], tls: ssl.SSLContext | None = None) -> None:
        """Accept on these sockets, which listen already."""
        self._tls = tls
        self._accepts = AcceptLoop(self._loop, sockets, self._take, self._failed)

    def use_tls(self, tls: ssl.SSLContext) -> None:
        """Serve another certificate from the next handshake on."""
        self._tls = tls

    @property
    def port(self) -> int:
        """The TCP port; 0 for a Unix socket."""
        return 0 if self._accepts is None else self._accepts.port

    def close(self) -> None:
        """Stop accepting. Closing twice is harmless."""
        if self._accepts is not None:
            self._accepts.close()
        for task in list(self._tasks):
            task.cancel()

    def _take(self, connection: socket.socket, _: Any) -> None:
        peer = self._peers.enter()
        if peer is None:
            connection.close()
            return
        task = self._loop.create_task(self._connect(peer, connection))
        peer.abort = task.cancel
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _failed(self, cause: str) -> None:
        self._log.warning("http_accept_failed", cause=cause)

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
