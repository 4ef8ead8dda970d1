"""Read scheduler: round-robin between connections with long reads, at most 8 KiB of one connection at a time.

A socket hands over up to 256 kB at once, which may be 30,000 frames. Processed in one go they would block the event loop for
a tenth of a second, turn after turn. So long reads of all connections together get at most `TURN_S` of each loop turn; the
rest waits in a queue, and the sockets concerned are not read meanwhile. Short reads never wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from imserver.clock import Clock

#: Time for long reads in one turn of the loop (seconds).
TURN_S = 0.003
#: Bytes processed between two looks at the clock: 1,000 of the smallest frames, two milliseconds; 40 posts, a tenth of one.
SLICE_BYTES = 8192
#: A read of at most this many bytes is processed at once: an honest device's usual one.
SHORT_BYTES = 1024


class ReadTarget(Protocol):
    """A connection that takes bytes."""

    def take(self, data: bytes) -> bool:
        """Process the next bytes. False: no more, the connection is closing."""
        ...

    def pause_reading(self) -> None:
        """Read nothing more from the socket until `resume_reading`."""
        ...

    def resume_reading(self) -> None: ...


class ReadScheduler:
    """The queue of connections whose bytes wait."""

    __slots__ = ("_clock", "_loop", "_until", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self._loop = loop
        self._clock = clock
        self._waiting: deque[tuple[ReadTarget, memoryview]] = deque()
        #: When this turn's time for long reads ends; None if it has had no long read.
        self._until: float | None = None

    def read(self, target: ReadTarget, data: bytes) -> None:
        """Process bytes from a socket now, or queue them."""
        if len(data) <= SHORT_BYTES:
            target.take(data)
            return
        if self._until is None:
            self._until = self._clock.monotonic() + TURN_S
            self._loop.call_soon(self._next_turn)
        rest = memoryview(data)
        if not self._waiting:
            while rest and self._clock.monotonic() <= self._until:
                rest = _after_slice(target, rest)
        if rest:
            target.pause_reading()
            self._waiting.append((target, rest))

    def _next_turn(self) -> None:
        waiting = self._waiting
        until = self._clock.monotonic() + TURN_S
        while waiting and self._clock.monotonic() <= until:
            target, rest = waiting.popleft()
            rest = _after_slice(target, rest)
            if rest:
                waiting.append((target, rest))
            else:
                target.resume_reading()
        if waiting:
            self._until = until
            self._loop.call_soon(self._next_turn)
        else:
            self._until = None


def _after_slice(target: ReadTarget, rest: memoryview) -> memoryview:
    """Process the next slice. Returns the rest; empty if the connection takes no more."""
    goes_on = target.take(bytes(rest[:SLICE_BYTES]))
    return rest[SLICE_BYTES:] if goes_on else rest[:0]
