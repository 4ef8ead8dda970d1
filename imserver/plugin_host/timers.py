"""Timers: finds a plugin's due timers in a small page of the store's table.

Wall time may jump either way, so a due time is never turned into a sleep of that length: it is compared with the clock again
and again (`HostLimits.timer_poll_s`), which costs nothing while no timer is set.
"""

from __future__ import annotations

from collections import deque

from imserver.chat.ports import Store
from imserver.chat.reader import Reader
from imserver.clock import Clock
from imserver.events import TimerFired


class Timers:
    """The due timers of one plugin, in order of `due_at`."""

    def __init__(self, plugin: str, store: Store, clock: Clock, *, page: int, poll_s: float) -> None:
        self._plugin = plugin
        self._store = store
        self._clock = clock
        self._page = page
        self._poll_s = poll_s
        self._due: deque[TimerFired] = deque()
        #: No timer of the plugin is due before this; None: there is none.
        self._next_at: int | None = None
        self._stale = True
        self._looking = False

    def changed(self, set_for: int | None = None) -> None:
        """Timers were set, the first of them for this time (UTC ms); or nobody says which were set or cancelled (None), and the
        page in memory is dropped."""
        if set_for is None or self._due or self._looking:
            self._stale = True
        elif self._next_at is None or set_for < self._next_at:
            self._next_at = set_for

    async def next_due(self) -> TimerFired | None:
        """The timer to fire now. It counts as fired once its row is gone, so it fires again after a crash or a failure."""
        now = self._clock.now_ms()
        if not self._stale and self._due and self._due[0].due_at <= now:
            return self._due.popleft()
        if not self._stale and not self._due and (self._next_at is None or now < self._next_at):
            return None
        self._stale, self._looking = False, True
        try:
            due, self._next_at = await self._store.read(lambda reader: self._look(reader, now))
        except BaseException:
            self._stale = True
            raise
        finally:
            self._looking = False
        self._due = deque(due)
        return self._due.popleft() if self._due else None

    def wait_s(self) -> float | None:
        """Longest time to wait before the next call of `next_due`; None: until `changed`."""
        if self._stale or self._due:
            return 0.0
        if self._next_at is None:
            return None
        return min(self._poll_s, max(0.0, (self._next_at - self._clock.now_ms()) / 1000))

    def _look(self, reader: Reader, now: int) -> tuple[list[TimerFired], int | None]:
        rows = reader.timers_due(self._plugin, now, self._page)
        due = [
            TimerFired(timer_id, self._plugin, name, due_at, payload)
            for timer_id, name, due_at, payload in rows
        ]
        return due, reader.next_timer_at(self._plugin)
