"""Write queue: writes each connection with pending bytes once, at the end of the loop's turn.

A system call costs several times what a frame costs, so frames of one turn share one. A turn writes a bounded number of
connections: a message to a large group must not delay connections outside that group.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

#: Connections that are written in one turn of the loop, about 10 microseconds each.
MAX_WRITES_A_TURN = 256


class Writable(Protocol):
    """A transport with pending bytes."""

    flush_pending: bool

    def flush(self) -> None:
        """Write all pending bytes in one call."""
        ...

    def abort(self) -> None:
        """End the socket: it cannot be written."""
        ...


class WriteQueue:
    """Transports to be written at the end of this turn of the loop."""

    __slots__ = ("_loop", "_scheduled", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Writable] = deque()
        self._scheduled = False

    def mark(self, transport: Writable) -> None:
        """Queue a transport that has something to send. Marking twice is one write."""
        if transport.flush_pending:
            return
        transport.flush_pending = True
        self._waiting.append(transport)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def flush_all(self) -> None:
        """Write all marked transports now."""
        self._write(len(self._waiting))

    def _turn(self) -> None:
        self._scheduled = False
        self._write(MAX_WRITES_A_TURN)
        if self._waiting and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _write(self, most: int) -> None:
        waiting = self._waiting
        for _ in range(min(most, len(waiting))):
            transport = waiting.popleft()
            transport.flush_pending = False
            try:
                transport.flush()
            except Exception as error:
                # One connection's error must not stop the loop: the transports behind it would never be written again.
                self._loop.call_exception_handler(
                    {"message": "a connection could not be written", "exception": error}
                )
                transport.abort()
