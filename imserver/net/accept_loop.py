"""Sockets that listen, and the loop that accepts on them: a few in each turn, and a pause when the system has no more to give.

asyncio's own server reports a connection after its TLS handshake. Whoever counts connections from the accept on has this.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

#: Sockets that are accepted in one turn of the loop, at up to a millisecond each; the others wait in the kernel.
MAX_ACCEPTS_A_TURN = 8
#: Pause before the next accept when the system has no descriptor or memory left (seconds).
OUT_OF_RESOURCES_S = 0.2


class AcceptLoop:
    """Accepts on some sockets until it is closed."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sockets: list[socket.socket],
        take: Callable[[socket.socket, Any], None],
        failed: Callable[[str], None],
    ) -> None:
        """`sockets` listen already, and are this loop's from now on. `take` gets each connection, which does not block, and
        its peer's address as the kernel has it; `failed` gets the cause if there is none to be had. Neither raises."""
        self._loop = loop
        self._sockets = sockets
        self._take = take
        self._failed = failed
        for listening in sockets:
            loop.add_reader(listening, self._accept, listening)

    @property
    def port(self) -> int:
        """The TCP port of the first address; 0 for a Unix socket, and behind the end."""
        name = self._sockets[0].getsockname() if self._sockets else ""
        return 0 if isinstance(name, str) else int(name[1])

    def close(self) -> None:
        """Stop accepting. Closing twice is harmless."""
        while self._sockets:
            listening = self._sockets.pop()
            self._loop.remove_reader(listening)
            listening.close()

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(MAX_ACCEPTS_A_TURN):
            try:
                connection, peer = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._failed(error.strerror or str(error))
                self._loop.remove_reader(listening)
                self._loop.call_later(OUT_OF_RESOURCES_S, self._accept_again, listening)
                return
            connection.setblocking(False)
            self._take(connection, peer)

    def _accept_again(self, listening: socket.socket) -> None:
        if listening in self._sockets:
            self._loop.add_reader(listening, self._accept, listening)


async def listening_sockets(host: str, port: int, backlog: int) -> list[socket.socket]:
    """Sockets that listen on every address of `host`, all on one port. Raises OSError, and then none is left."""
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
