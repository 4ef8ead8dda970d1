"""A machine's clock that a test moves on."""

from __future__ import annotations

from imserver.clock import SystemClock


class LeapingClock(SystemClock):
    """The machine's clock, and leaps: of both readings, so that nobody takes it for one that was set."""

    leap_s = 0.0

    def now_ms(self) -> int:
        return super().now_ms() + int(self.leap_s * 1000)

    def monotonic(self) -> float:
        return SystemClock.monotonic() + self.leap_s
