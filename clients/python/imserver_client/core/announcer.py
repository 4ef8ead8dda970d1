"""Hands events to the readers of `events()`: each has a bounded queue of its own, and loses the oldest."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Callable

from imserver_client.errors import ClientError, Disconnected
from imserver_client.events import ClientEvent, PostSettled

#: An event that is built when a reader takes it: its content would take much room in the queue.
Unread = Callable[[], ClientEvent]


class Announcer:
    """Hands each event to all readers. Holds them weakly: a reader that the application drops is dropped here."""

    def __init__(self, max_queued: int) -> None:
        self._max_queued = max_queued
        # By number, so that readers get events in the order in which they subscribed: simulations must be repeatable.
        self._readers: weakref.WeakValueDictionary[int, EventStream] = weakref.WeakValueDictionary()
        self._numbers = 0
        #: Outcomes of posts for the first reader: posts of an earlier process may settle before it subscribes.
        self._backlog: deque[ClientEvent] | None = deque(maxlen=max_queued)
        self._end: Callable[[], ClientError] | None = None

    @property
    def heard(self) -> bool:
        """Whether there is a reader."""
        return len(self._readers) > 0

    def subscribe(self) -> EventStream:
        """See Client.events."""
        stream = EventStream(self._max_queued)
        backlog, self._backlog = self._backlog, None
        for event in backlog or ():
            stream.put(event)
        if self._end is not None:
            stream.end(self._end())
        self._numbers += 1
        self._readers[self._numbers] = stream
        return stream

    def announce(self, event: ClientEvent | Unread) -> None:
        """Queue an event for every reader."""
        if self._backlog is not None and isinstance(event, PostSettled):
            self._backlog.append(event)
        for reader in list(self._readers.values()):
            reader.put(event)

    def end(self, error: Callable[[], ClientError]) -> None:
        """No more events."""
        self._end = error
        for reader in list(self._readers.values()):
            reader.end(error())


class EventStream:
    """`async for event in client.events()`."""

    def __init__(self, max_queued: int) -> None:
        self._queue: deque[ClientEvent | Unread] = deque(maxlen=max_queued)
        self._arrival: asyncio.Future[None] | None = None
        self._end: ClientError | None = None

    def put(self, event: ClientEvent | Unread) -> None:
        """For the announcer."""
        self._queue.append(event)
        self._wake()

    def end(self, error: ClientError) -> None:
        """For the announcer: after the queued events the iteration ends, or raises Stopped."""
        self._end = error
        self._wake()

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> ClientEvent:
        if self._arrival is not None:
            raise RuntimeError("this stream of events is being read already")
        while not self._queue:
            if isinstance(self._end, Disconnected):
                raise StopAsyncIteration
            if self._end is not None:
                raise self._end
            self._arrival = asyncio.get_running_loop().create_future()
            try:
                await self._arrival
            finally:
                self._arrival = None
        event = self._queue.popleft()
        return event if isinstance(event, ClientEvent) else event()

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)
