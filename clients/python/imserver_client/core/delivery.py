"""The bounded queue between received messages and the application that reads `messages()`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial

from msgspec import structs

from imserver_client.errors import ClientError, Disconnected
from imserver_client.limits import ClientLimits
from imserver_client.storage import Storage
from imserver_client.values import Message
from imserver_client.wire import read_content, without_state
from imserver_protocol.methods.history import PageItem

from .lineage import Lineage


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A message that is not handed over yet."""

    epoch: int
    conversation_id: str
    item: PageItem
    redelivered: bool
    own: bool

    @property
    def size(self) -> int:
        """In bytes of content."""
        return len(self.item.content or b"")

    def message(self, finish: Callable[[Message], None]) -> Message:
        """The value that the application gets."""
        item = self.item
        return Message(
            self.conversation_id,
            item.position,
            item.sender_id,
            item.sent_at_ms,
            item.key,
            read_content(item.content),
            item.revision,
            self.own,
            self.redelivered,
            finish,
        )


class Delivery:
    """Messages not handed over yet. A message that finds no room is read again later, from the server (SPEC, "Receiving")."""

    def __init__(
        self,
        storage: Storage,
        lineage: Lineage,
        limits: ClientLimits,
        room_again: Callable[[], None],
        finished: Callable[[Message], None],
    ) -> None:
        self._storage = storage
        self._lineage = lineage
        self._limits = limits
        self._room_again = room_again
        self._on_finished = finished
        # Contents wait as bytes: the values in them may take a hundred times as much.
        self._queue: deque[_Waiting] = deque()
        self._bytes = 0
        self._reserved = 0
        self._epoch = 0
        #: Of conversations whose history was replaced: when (an epoch), and the lowest position above which it was.
        self._fallen: dict[str, tuple[int, int]] = {}
        self._starved = False
        self._unfinished: Message | None = None
        self._arrival: asyncio.Future[None] | None = None
        self._end: Callable[[], ClientError] | None = None

    # -- filling ------------------------------------------------------------------------------------------------------

    def has_room(self) -> bool:
        """Whether one more message may be put. After a False, `room_again` is called when half of it is free."""
        free = self._limits.max_queued_messages - self._reserved - len(self._queue)
        if free > 0 and self._bytes < self._limits.max_queued_bytes:
            return True
        self._starved = True
        return False

    def reserve(self, count: int) -> int:
        """Reserve room for at most `count` messages of a requested page; returns how many, 0 if there is none."""
        if not self.has_room():
            return 0
        granted = min(count, self._limits.max_queued_messages - self._reserved - len(self._queue))
        self._reserved += granted
        return granted

    def release(self, granted: int) -> None:
        """Return a reservation: the page has arrived, or failed."""
        self._reserved -= granted

    def put(self, conversation_id: str, item: PageItem, *, redelivered: bool, own: bool) -> None:
        """Queue a message."""
        waiting = _Waiting(self._epoch, conversation_id, without_state(item), redelivered, own)
        self._queue.append(waiting)
        self._bytes += waiting.size
        self._wake()

    def taken_back(self, conversation_id: str, position: int, revision: int) -> None:
        """A message was taken back. If it still waits here, the application gets the tombstone."""
        for at, waiting in enumerate(self._queue):
            item = waiting.item
            if (waiting.conversation_id, item.position) == (conversation_id, position):
                gone = structs.replace(item, content=None, revision=max(item.revision, revision))
                self._queue[at] = replace(waiting, item=gone)
                self._bytes -= waiting.size

    def fall(self, conversation_id: str, keep: int) -> None:
        """Messages above `keep` are none any more: those that wait are dropped, and none of them is saved as done."""
        self._epoch += 1
        lowest = min(keep, self._fallen.get(conversation_id, (0, keep))[1])
        self._fallen[conversation_id] = (self._epoch, lowest)
        left = [
            one for one in self._queue if one.conversation_id != conversation_id or one.item.position <= keep
        ]
        if len(left) < len(self._queue):
            self._queue = deque(left)
            self._bytes = sum(waiting.size for waiting in left)
        last = self._unfinished
        if last is not None and last.conversation_id == conversation_id and last.position > keep:
            self._unfinished = None
        self._make_room()

    def forget(self, conversation_ids: Collection[str]) -> None:
        """`fall` of each to 0: they are followed no more."""
        gone = set(conversation_ids)
        self._epoch += 1
        self._fallen.update(dict.fromkeys(gone, (self._epoch, 0)))
        self._queue = deque(one for one in self._queue if one.conversation_id not in gone)
        self._bytes = sum(waiting.size for waiting in self._queue)
        if self._unfinished is not None and self._unfinished.conversation_id in gone:
            self._unfinished = None
        self._make_room()

    def conversations(self) -> set[str]:
        """Those with a message that the application has not finished."""
        names = {waiting.conversation_id for waiting in self._queue}
        return names if self._unfinished is None else {*names, self._unfinished.conversation_id}

    def _void(self, epoch: int, conversation_id: str, position: int) -> bool:
        """Whether a message that came in this epoch is of a history that is gone."""
        since, keep = self._fallen.get(conversation_id, (0, 0))
        return epoch < since and position > keep

    def end(self, error: Callable[[], ClientError]) -> None:
        """No more messages arrive. Queued ones can still be read, unless the application closed the client."""
        self._end = error
        self._wake()

    # -- reading ------------------------------------------------------------------------------------------------------

    def stream(self) -> MessageStream:
        """See Client.messages."""
        return MessageStream(self)

    async def take(self) -> Message:
        """The next message; marks the one before as done. Raises StopAsyncIteration or Stopped."""
        if self._arrival is not None:
            raise RuntimeError("messages() is being read already")
        # If the store fails, the queue keeps the message: the next call returns this one, not the one behind it.
        done = self._unfinished
        if not self._queue and self._end is None:
            self._save(done, None)
            self._unfinished = done = None
            await self._wait()
        if self._end is not None:
            error = self._end()
            if isinstance(error, Disconnected):
                raise StopAsyncIteration
            if not self._queue:
                self._save(done, None)
                self._unfinished = None
                raise error
        waiting = self._queue[0]
        message = waiting.message(partial(self._finish, waiting.epoch))
        self._save(done, message)
        self._queue.popleft()
        self._bytes -= waiting.size
        self._unfinished = message
        if self._starved:
            self._make_room()
        return message

    def _make_room(self) -> None:
        if self._starved and len(self._queue) + self._reserved <= self._limits.max_queued_messages // 2:
            self._starved = False
            self._room_again()

    async def _wait(self) -> None:
        self._arrival = asyncio.get_running_loop().create_future()
        try:
            await self._arrival
        finally:
            self._arrival = None

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    # -- finishing ----------------------------------------------------------------------------------------------------

    def _finish(self, epoch: int, message: Message) -> None:
        """`message.done()`."""
        void = self._void(epoch, message.conversation_id, message.position)
        if void or (self._end is not None and isinstance(self._end(), Disconnected)):
            return
        self._save(message, None)
        if self._unfinished is message:
            self._unfinished = None

    def _save(self, done: Message | None, handed: Message | None) -> None:
        if done is None and handed is None:
            return
        step = self._lineage.step()
        self._storage.save_progress(
            None if done is None else (done.conversation_id, done.position),
            None if handed is None else (handed.conversation_id, handed.position),
            step,
        )
        if step is not None:
            self._lineage.saved()
        if done is not None:
            self._on_finished(done)


class MessageStream:
    """`async for message in client.messages()`. Leaving the loop leaves the last message unfinished: see `done()`."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    def __aiter__(self) -> MessageStream:
        return self

    async def __anext__(self) -> Message:
        return await self._delivery.take()
