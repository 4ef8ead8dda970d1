"""A clock that goes ahead of the machine's."""

from __future__ import annotations

from imserver.clock import SystemClock


class MovedClock(SystemClock):
    """Its monotonic time stands still until it is moved."""

    now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s
