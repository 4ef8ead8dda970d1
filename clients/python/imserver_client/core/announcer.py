"""Hands events to the readers of `events()`: each has a bounded queue of its own, and loses the oldest, but none that is kept
until it was heard."""

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
        #: Events that no reader has had, for the next reader, too.
        self._kept: list[_KeptEvent] = []
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
        self._kept = [kept for kept in self._kept if kept.heard is not None]
        for kept in self._kept:
            stream.put(kept)
        if self._end is not None:
            stream.end(self._end())
        self._numbers += 1
        self._readers[self._numbers] = stream
        return stream

    def keep(self, event: ClientEvent, heard: Callable[[], None]) -> None:
        """Announce an event that is kept until a reader has it, the first one or a later: `heard` is called when it asks for
        the next one."""
        kept = _KeptEvent(event, heard)
        self._kept.append(kept)
        for reader in list(self._readers.values()):
            reader.put(kept)

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


class _KeptEvent:
    """An event, and what to call, once, when a reader has it."""

    __slots__ = ("event", "heard")

    def __init__(self, event: ClientEvent, heard: Callable[[], None]) -> None:
        self.event = event
        self.heard: Callable[[], None] | None = heard

    def done(self) -> None:
        heard, self.heard = self.heard, None
        if heard is not None:
            heard()


class EventStream:
    """`async for event in client.events()`."""

    def __init__(self, max_queued: int) -> None:
        self._queue: deque[ClientEvent | Unread | _KeptEvent] = deque()
        self._max_queued = max_queued
        self._last: _KeptEvent | None = None
        self._arrival: asyncio.Future[None] | None = None
        self._end: ClientError | None = None

    def put(self, event: ClientEvent | Unread | _KeptEvent) -> None:
        """For the announcer."""
        self._queue.append(event)
        if len(self._queue) > self._max_queued:
            self._lose_oldest()
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
        if self._last is not None:
            last, self._last = self._last, None
            last.done()
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
        if isinstance(event, _KeptEvent):
            self._last = event
            return event.event
        return event if isinstance(event, ClientEvent) else event()

    def _lose_oldest(self) -> None:
        """Of what is not kept: a reader that is slow would never be told of the rest."""
        for number, event in enumerate(self._queue):
            if not isinstance(event, _KeptEvent):
                del self._queue[number]
                return

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)
