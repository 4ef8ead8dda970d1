"""The delay before the next attempt: full jitter, so that a thousand clients do not come back at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

#: The first attempt comes within this time; the range doubles up to `MOST_S` (SPEC, "Liveness and coming back").
FIRST_S: Final = 0.5
MOST_S: Final = 30.0


class Backoff:
    """`uniform(0, min(30, 0.5·2^n))` seconds, n counting the attempts since the last success."""

    def __init__(self, uniform: Callable[[float, float], float], max_retry_after_s: float) -> None:
        self._uniform = uniform
        self._max_retry_after_s = max_retry_after_s
        self._attempts = 0

    def next(self, retry_after_ms: int = 0) -> float:
        """Seconds to wait now. Never less than the server asked for, which has spread its clients already."""
        most = min(MOST_S, FIRST_S * 2 ** min(self._attempts, 16))
        self._attempts += 1
        return max(self._uniform(0.0, most), min(retry_after_ms / 1000, self._max_retry_after_s))

    def reset(self) -> None:
        """Reset after a success."""
        self._attempts = 0
