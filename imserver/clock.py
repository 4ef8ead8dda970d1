"""The clock that is injected everywhere: wall time in UTC milliseconds and monotonic seconds."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Two readings of time. Wall time may jump; monotonic time never goes back."""

    def now_ms(self) -> int:
        """UTC milliseconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds, for deadlines and latencies only."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    #: The function itself, without a wrapper: every turn of the loop reads the time.
    monotonic = staticmethod(time.monotonic)


class ShiftedClock:
    """The machine's clock with its wall time set to `start_ms` at creation and running `rate` times as fast.

    For demonstrations and trials, where tomorrow has to come within seconds. Monotonic time is left alone.
    """

    def __init__(self, start_ms: int, rate: float = 1.0) -> None:
        if rate <= 0:
            raise ValueError("rate must be above 0")
        self._start_ms = start_ms
        self._rate = rate
        self._zero_s = time.monotonic()

    def now_ms(self) -> int:
        return self._start_ms + int((time.monotonic() - self._zero_s) * 1000 * self._rate)

    def monotonic(self) -> float:
        return time.monotonic()


def time_text(ms: int) -> str:
    """A moment in words, to the second; a damaged number as what it is."""
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{ms} ms"
