"""One thread that ends the process when a test has no end, where pytest-timeout starts and joins a thread for each test.

Of seventeen thousand tests most take a millisecond, and each waited three times for a thread that had to get the processor.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Final

NEVER: Final = math.inf


class Watchdog:
    """Watches one test at a time. Its thread sleeps until the end of the time that it was told first, whoever came and went
    meanwhile: a test that is over in time wakes nobody."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._ring: Callable[[], None] | None = None
        #: When it rings, and when its thread looks next (monotonic, seconds).
        self._rings_at = self._looks_at = NEVER
        self._thread = threading.Thread(target=self._watch, name="watchdog of the tests", daemon=True)

    def watch(self, limit_s: float, ring: Callable[[], None]) -> None:
        """Calls `ring` on the watchdog's thread after `limit_s` seconds, unless another test is watched by then, or none."""
        with self._changed:
            if self._thread.ident is None:
                self._thread.start()
            self._ring, self._rings_at = ring, time.monotonic() + limit_s
            if self._rings_at < self._looks_at:
                self._changed.notify()

    def rest(self) -> None:
        """Watch nothing. Waits for a ring that has begun."""
        with self._changed:
            self._ring, self._rings_at = None, NEVER

    def _watch(self) -> None:
        with self._changed:
            while True:
                left_s = self._rings_at - time.monotonic()
                if self._ring is not None and left_s <= 0:
                    ring, self._ring, self._rings_at = self._ring, None, NEVER
                    ring()
                    continue
                self._looks_at = self._rings_at
                self._changed.wait(None if left_s == NEVER else left_s)
