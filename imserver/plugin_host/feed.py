"""Feed: a plugin's undelivered messages; live ones come from memory, all others by reading from its cursor on.

    behind ──read until nothing is missing──▶ live
      ▲                                        │
      └───────────── memory full ──────────────┘

Pure: no I/O and no time. `change` numbers come from the store, in commit order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from imserver.events import MessagePosted


class Feed:
    """The events of one plugin, each once, in commit order."""

    def __init__(self, after: int, max_live_events: int) -> None:
        #: All events up to this change are in the queue or were taken from it.
        self.fetched = after
        #: True while events may be missing between `fetched` and the newest: they have to be read.
        self.behind = True
        self._queue: deque[MessagePosted] = deque()
        self._max_live_events = max_live_events

    def __len__(self) -> int:
        return len(self._queue)

    def offer(self, event: MessagePosted) -> bool:
        """Offer an event that was just committed. False if it has to be read later. Repetitions are ignored."""
        if self.behind:
            return False
        if event.change <= self.fetched:
            return True  # a read was quicker than the commit's own event
        if len(self._queue) >= self._max_live_events:
            self.behind = True
            return False
        self._queue.append(event)
        self.fetched = event.change
        return True

    def fill(self, events: Iterable[MessagePosted], complete: int, newest: int) -> None:
        """Add the result of a read: all `events` after `fetched` up to `complete`. `newest`: the last commit notified."""
        self._queue.extend(event for event in events if event.change > self.fetched)
        self.fetched = max(self.fetched, complete)
        self.behind = self.fetched < newest

    def take(self) -> MessagePosted | None:
        """The next event, or None: then, unless `behind`, there is none."""
        return self._queue.popleft() if self._queue else None
