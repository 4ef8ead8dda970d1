"""Notices that the wall clock was set: a machine that came back with its memory goes on as if nothing had been."""

from __future__ import annotations

from imserver.clock import Clock

#: Seconds by which wall time and monotonic time may part before it counts.
PARTED_S = 10.0


class ClockWatch:
    """Compares the two readings of a clock. `rate`: how fast wall time runs, 1 but in demonstrations."""

    def __init__(self, clock: Clock, rate: float = 1.0) -> None:
        self._clock = clock
        self._rate = rate
        self._begin = self._offset()

    def parted(self) -> bool:
        """True if they have parted since the beginning, or since `begin_anew`."""
        return abs(self._offset() - self._begin) > PARTED_S

    def begin_anew(self) -> None:
        """What they say now is how they belong together."""
        self._begin = self._offset()

    def _offset(self) -> float:
        return self._clock.now_ms() / 1000 - self._clock.monotonic() * self._rate
