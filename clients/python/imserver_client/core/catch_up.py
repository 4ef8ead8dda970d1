"""Reads messages that were not pushed: `sync` after a fresh session, `history` where positions are missing (SPEC, "Receiving").

One sync at a time, one read at a time for each conversation, a few conversations at a time, and only as much as the
application's queue has room for.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from imserver_client.errors import Refused
from imserver_client.limits import ClientLimits
from imserver_client.storage import Saved, Storage
from imserver_protocol import RefusalCode
from imserver_protocol.methods.history import HISTORY, HistoryParams, HistoryResult, PageItem
from imserver_protocol.methods.sync import SYNC, SyncParams, SyncResult, SyncRow

from .delivery import Delivery
from .inbox import Inbox
from .requests import Requests, SessionLost
from .states import States

_log = logging.getLogger("imserver_client")


class CatchUpOwner(Protocol):
    """The rest of the client, as `CatchUp` uses it."""

    def take_item(self, conversation_id: str, item: PageItem) -> None:
        """The next message of a conversation, in order."""
        ...

    def take_rows(self, rows: tuple[SyncRow, ...]) -> None:
        """Rows of sync, for the cursors in them."""
        ...

    @property
    def states(self) -> States:
        """State that is no message: rows and pages tell of it."""
        ...

    def synced(self) -> None:
        """A sync is finished."""
        ...

    def epoch_changed(self) -> None:
        """Forget every position."""
        ...

    def violated(self, text: str) -> None: ...

    def cannot_read(self, conversation_id: str, after: int, known_head: int, reason: str) -> None: ...


class CatchUp:
    """Decides what to read next, and reads it."""

    def __init__(
        self,
        owner: CatchUpOwner,
        requests: Requests,
        inbox: Inbox,
        delivery: Delivery,
        storage: Storage,
        limits: ClientLimits,
    ) -> None:
        self._owner = owner
        self._requests = requests
        self._inbox = inbox
        self._delivery = delivery
        self._storage = storage
        self._limits = limits
        self._since: str | None = None
        #: The first sync of this device is finished.
        self.started = False
        self._sync_wanted = False
        self._syncing = False
        self._wake = asyncio.Event()
        self._reads: set[asyncio.Task[None]] = set()

    def restore(self, saved: Saved) -> None:
        """Resume from the stored sync token."""
        self._since = saved.since
        self.started = saved.synced

    def want_sync(self) -> None:
        """Request a sync after an event that only sync explains: a fresh session, `lagging`, an unknown conversation."""
        self._sync_wanted = True
        self._wake.set()

    def start_over(self) -> None:
        """Have every row told again; what is followed and its positions stay."""
        self._since = None
        self.want_sync()

    def wake(self) -> None:
        """Wake the task: a conversation is behind, or the queue has room again."""
        self._wake.set()

    def forget(self) -> None:
        """Enter another epoch: sync from scratch."""
        self._since = None
        self.started = False
        self._sync_wanted = True
        self._wake.set()

    # -- the task -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Sync, and read missing messages, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    await self._wake.wait()
                    self._wake.clear()
                    if self._sync_wanted and not self._syncing:
                        self._syncing = True
                        group.create_task(self._sync())
                    while len(self._reads) < self._limits.max_parallel_reads and self._start_read(group):
                        pass
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    # -- sync ---------------------------------------------------------------------------------------------------------

    async def _sync(self) -> None:
        try:
            while self._sync_wanted:
                self._sync_wanted = False
                try:
                    await self._sync_once()
                except SessionLost:
                    self._sync_wanted = True  # with the current token: the epoch may have changed
                    await asyncio.sleep(0)
        finally:
            self._syncing = False
        self._wake.set()

    async def _sync_once(self) -> None:
        more, idle = True, 0
        while more:
            epoch = self._inbox.epoch
            try:
                result = await self._requests.call(
                    SYNC, SyncParams(self._since, self._limits.sync_rows), patient=False
                )
            except Refused as refused:
                if refused.code != RefusalCode.EPOCH_CHANGED or self._since is None:
                    raise
                self._owner.epoch_changed()
                raise SessionLost from None
            if epoch != self._inbox.epoch:
                raise SessionLost
            more = result.more
            if more and not result.rows and result.next_since == self._since:
                self._owner.violated("sync: more, but nothing new")
                raise SessionLost
            # A server may add changes while it lists, but must not list known rows for ever.
            idle = 0 if self._apply(result) else idle + (len(result.rows) or self._limits.sync_rows)
            if more and idle > self._limits.max_conversations:
                self._owner.violated("sync: more and more, but nothing new")
                raise SessionLost
        if not self._sync_wanted:
            for conversation_id in self._inbox.explained():
                _log.info("pushed but not listed by sync: %r", conversation_id)
        self._owner.synced()

    def _apply(self, result: SyncResult) -> bool:
        """Apply a page; True if it brought an unknown conversation or head."""
        known = {row.conversation_id: self._inbox.known_head(row.conversation_id) for row in result.rows}
        try:
            changed = self._inbox.apply(result.rows, first_sync=not self.started)
        except ValueError as error:
            self._owner.violated(f"sync: {error}")
            raise SessionLost from None
        self._since = result.next_since
        self.started = self.started or not result.more
        states = self._owner.states
        states.take_rows(result, [name for name, head in known.items() if head is None])
        self._storage.save_sync(self._since, self.started, changed, *states.unsaved())
        states.saved()
        self._owner.take_rows(result.rows)
        self._wake.set()
        return any(place.known_head != known[name] for name, place in changed.items())

    # -- history ------------------------------------------------------------------------------------------------------

    def _start_read(self, group: asyncio.TaskGroup) -> bool:
        conversation_id = self._inbox.next_to_read()
        if conversation_id is None:
            return False
        room = self._delivery.reserve(self._limits.page_items)
        if room == 0:
            return False  # the queue says when there is room again
        track = self._inbox.get(conversation_id)
        assert track is not None
        track.reading = True
        task = group.create_task(self._read(conversation_id, room))
        self._reads.add(task)
        task.add_done_callback(self._read_ended)
        return True

    def _read_ended(self, task: asyncio.Task[None]) -> None:
        self._reads.discard(task)
        self._wake.set()

    async def _read(self, conversation_id: str, room: int) -> None:
        track = self._inbox.get(conversation_id)
        if track is None:
            self._delivery.release(room)
            return
        epoch, after, wanted = self._inbox.epoch, track.have, track.known_head
        try:
            with self._owner.states.page_asked(conversation_id):
                page = await self._requests.call(
                    HISTORY, HistoryParams(conversation_id, after=after, limit=room), patient=False
                )
        except SessionLost:
            return
        except Refused as refused:
            self._cannot_read(conversation_id, epoch, wanted, refused)
            return
        finally:
            self._delivery.release(room)
            track.reading = False
        if len(page.items) > room:
            self._owner.violated("history: more items than were asked for")
        elif epoch == self._inbox.epoch:
            self._take_page(conversation_id, page, after, wanted)

    def _take_page(self, conversation_id: str, page: HistoryResult, after: int, wanted: int) -> None:
        if page.last > max(page.head, after):
            self._owner.violated("history: a page beyond the head")
            return
        self._owner.states.take_page(conversation_id, page)
        for item in page.items:
            if item.position > after:
                self._owner.take_item(conversation_id, item)
        track = self._inbox.get(conversation_id)
        if track is None or track.have >= track.known_head:
            return
        if page.last > track.have:
            # The page covers positions without items: the server no longer keeps them.
            self._inbox.advance(conversation_id, page.last)
        elif page.last <= after:
            self._give_up(conversation_id, wanted, "the page ends before it")

    def _cannot_read(self, conversation_id: str, epoch: int, wanted: int, refused: Refused) -> None:
        if epoch != self._inbox.epoch:
            return
        if refused.code == RefusalCode.EPOCH_CHANGED:
            self._owner.epoch_changed()
        else:
            self._give_up(conversation_id, wanted, str(refused))

    def _give_up(self, conversation_id: str, wanted: int, reason: str) -> None:
        """Give up positions up to `wanted`. If the conversation has moved since the request, read it again."""
        track = self._inbox.get(conversation_id)
        if track is not None and track.known_head <= wanted:
            _log.info("cannot read %r after %d: %s", conversation_id, track.have, reason)
            self._owner.cannot_read(conversation_id, track.have, track.known_head, reason)
            self._inbox.give_up(conversation_id)
