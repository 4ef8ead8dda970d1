"""Reads messages that were not pushed: `sync` after a fresh session, `history` where positions are missing (SPEC, "Receiving").

Before the first sync of a session it asks `check` about what `since` does not vouch for
(SPEC, "When an older copy has come back"). One sync at a time, one read at a time for each conversation, a few conversations
at a time, and only as much as the application's queue has room for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from msgspec import structs

from imserver_client.errors import Refused
from imserver_client.limits import ClientLimits
from imserver_client.storage import Saved, SavedPosition, Storage
from imserver_protocol import RefusalCode
from imserver_protocol.methods.check import CHECK, CheckParams, CheckResult, Known
from imserver_protocol.methods.history import HISTORY, HistoryParams, HistoryResult, PageItem
from imserver_protocol.methods.sync import SYNC, SyncParams, SyncResult, SyncRow

from .delivery import Delivery
from .inbox import Inbox
from .lineage import Lineage
from .requests import Requests, SessionLost
from .states import States
from .window import Window

_log = logging.getLogger("imserver_client")

#: Of one `check`: half a frame, beside its answer's.
_MAX_QUESTION_BYTES = 32 * 1024
_KNOWN_OVERHEAD_BYTES = 32


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

    def take_answers(self, asked: Sequence[Known], result: CheckResult) -> None:
        """Answers of `check`: what is known falls to what is part of the server's history."""
        ...

    def opened(self) -> None:
        """The session goes on with what is known."""
        ...

    def read_again(self, conversation_id: str, item: PageItem) -> None:
        """A message that may say something else than the application knows."""
        ...

    def read_up_to_head(self, conversation_id: str) -> None:
        """There is nothing more to read, now."""
        ...

    def not_found(self, conversation_id: str, standing: tuple[int, int] | None) -> None:
        """A page of it was refused NOT_FOUND: unless something said since it was asked (`Inbox.standing`) that one is in the
        conversation, it is followed no more."""
        ...

    @property
    def window(self) -> Window:
        """What is done about very many conversations."""
        ...

    def left_teams(self, rows: tuple[SyncRow, ...], *, listed: bool) -> list[str]:
        """A page of sync, the last one if it is `listed`, may say that teams were left. Conversations that end with them, which
        are followed no more."""
        ...

    def tell_gone(self, conversation_ids: Collection[str]) -> None:
        """It is stored that these are followed no more: own messages that were looked for there are gone."""
        ...

    @property
    def heard(self) -> bool:
        """Whether the application reads events."""
        ...

    def since_refused(self) -> None:
        """Give the token up, and let nothing be asked that depends on positions, until they are checked."""
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
        lineage: Lineage,
        delivery: Delivery,
        storage: Storage,
        limits: ClientLimits,
    ) -> None:
        self._owner = owner
        self._requests = requests
        self._inbox = inbox
        self._lineage = lineage
        self._delivery = delivery
        self._storage = storage
        self._limits = limits
        self._since: str | None = None
        #: The first sync of this device is finished.
        self.started = False
        self._sync_wanted = False
        self._syncing = False
        #: A page of sync is asked, or is being told.
        self._asked = False
        #: How often `since` was refused in this session.
        self._refusals = 0
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

    def begin(self, place: str) -> None:
        """A fresh session: whose history does it go on with?"""
        self._refusals = 0
        self._asked = False
        self._inbox.void()
        self._lineage.begin(place, since=self._since, followed=bool(self._inbox))
        self.want_sync()

    def let_go(self, store_epoch: str | None, *, recount: bool = False) -> None:
        """Give `since` up, in one step with what then stands for it. All that it vouched for is checked; then every row is told
        again. What is followed and its positions stay."""
        self._owner.window.recall()
        self._lineage.let_go(self._since, self._inbox)
        self._since = None
        self._inbox.void()
        self._storage.forget_since(store_epoch, self._lineage.unsaved(), recount=recount)
        self._lineage.saved()

    def missed(self) -> None:
        """A push was dropped. A sync that is asked later tells of it; one on its way may not."""
        if self._asked:
            self.want_sync()

    @property
    def since(self) -> str | None:
        """The token."""
        return self._since

    def wake(self) -> None:
        """Wake the task: a conversation is behind, or the queue has room again."""
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
                    while (
                        self._lineage.open
                        and len(self._reads) < self._limits.max_parallel_reads
                        and (self._start_read(group) or self._start_reading_again(group))
                    ):
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
                    self._sync_wanted = True  # with the token of then
                    await asyncio.sleep(0)
        finally:
            self._syncing = False
        self._wake.set()

    async def _sync_once(self) -> None:
        await self._check()
        more, idle = True, 0
        while more:
            epoch = self._inbox.epoch
            self._lineage.sync_asked()
            self._asked = True
            try:
                params = SyncParams(self._since, self._limits.sync_rows)
                result = await self._requests.call(SYNC, params, patient=False, urgent=True)
            except Refused as refused:
                if refused.code != RefusalCode.EPOCH_CHANGED or self._since is None:
                    raise
                self._since_refused()
                await self._check()
                more, idle = True, 0
                continue
            finally:
                self._asked = False
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

    async def _check(self) -> None:
        """Ask about all that `since` does not vouch for."""
        while (question := self._lineage.question(self._known)) is not None:
            asked = _within_bytes(question)
            try:
                result = await self._requests.call(
                    CHECK, CheckParams(tuple(asked)), patient=False, urgent=True
                )
            except Refused as refused:
                self._owner.violated(f"check: {refused}")
                raise SessionLost from None
            fault = _fault(asked, result)
            if fault is not None:
                self._owner.violated(f"check: {fault}")
                raise SessionLost
            self._owner.take_answers(asked, result)

    def _known(self, conversation_id: str) -> tuple[int, int] | None:
        head = self._inbox.known_head(conversation_id)
        return None if head is None else (head, self._owner.states.met(conversation_id))

    def _since_refused(self) -> None:
        """The token is of a history that is gone, or of another one."""
        _log.info("the server does not know the history that was synced: it is checked")
        self._refusals += 1
        if self._refusals > 1:
            self._owner.violated("sync: refused what it gave in this session")
            raise SessionLost
        self._owner.since_refused()

    def _apply(self, result: SyncResult) -> bool:
        """Apply a page; True if it brought an unknown conversation or head, or one that found no room."""
        inbox, window = self._inbox, self._owner.window
        known = {row.conversation_id: inbox.known_head(row.conversation_id) for row in result.rows}
        resting = window.at_rest(result.rows)
        changed = inbox.apply(result.rows, first_sync=not self.started, resting=resting)
        heads = known | {name: place.known_head for name, place in resting.items()}
        rows = result.rows
        if len(changed) < len(known):
            result = self._without_room(result, changed)
        self._since = result.next_since
        self.started = self.started or not result.more
        states, lineage = self._owner.states, self._lineage
        states.take_rows(result, [name for name, head in known.items() if head is None])
        for row in result.rows:
            lineage.row(row.conversation_id, former=row.left_at is not None, team=row.team)
        ended = self._owner.left_teams(rows, listed=not result.more)
        was_open = lineage.open
        lineage.sync_answered(more=result.more)
        self._storage.save_sync(
            self._since, self.started, changed, *states.unsaved(), lineage.unsaved(), ended
        )
        states.saved()
        lineage.saved()
        self._owner.take_rows(result.rows)
        self._owner.tell_gone(ended)
        window.make_room(listed=not result.more)
        if not was_open:
            self._owner.opened()
        self._wake.set()
        without_room = len(rows) > len(result.rows)
        return without_room or any(place.known_head != heads[name] for name, place in changed.items())

    def _without_room(self, result: SyncResult, taken: Mapping[str, SavedPosition]) -> SyncResult:
        """Too many conversations have something to read: of those that found no room the application is told. Each can be
        asked, and is followed if it moves when there is room again."""
        for row in result.rows if self.started else ():
            if row.conversation_id not in taken and row.left_at is None:
                reason = "more conversations than this client follows"
                self._owner.cannot_read(row.conversation_id, max(row.joined_at - 1, 0), row.head, reason)
        return structs.replace(result, rows=tuple(row for row in result.rows if row.conversation_id in taken))

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
        epoch, after, wanted, standing = self._inbox.epoch, track.have, track.known_head, track.standing
        try:
            with self._owner.states.page_asked(conversation_id):
                page = await self._requests.call(
                    HISTORY, HistoryParams(conversation_id, after=after, limit=room), patient=False
                )
        except SessionLost:
            return
        except Refused as refused:
            self._cannot_read(conversation_id, epoch, standing, refused)
            return
        finally:
            self._delivery.release(room)
            track.reading = False
        if len(page.items) > room:
            self._owner.violated("history: more items than were asked for")
        elif epoch == self._inbox.epoch and self._inbox.get(conversation_id) is track:
            self._take_page(conversation_id, page, after, wanted)

    def _take_page(self, conversation_id: str, page: HistoryResult, after: int, wanted: int) -> None:
        if page.last > max(page.head, after):
            self._owner.violated("history: a page beyond the head")
            return
        self._lineage.moved(conversation_id)
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
            self._owner.read_up_to_head(conversation_id)
        elif page.last <= after:
            self._give_up(conversation_id, wanted, "the page ends before it")

    def _cannot_read(
        self, conversation_id: str, epoch: int, standing: tuple[int, int], refused: Refused
    ) -> None:
        if epoch != self._inbox.epoch:
            return
        if refused.code != RefusalCode.NOT_FOUND:
            self._give_up(conversation_id, standing[0], str(refused))
        else:
            self._owner.not_found(conversation_id, standing)

    def _give_up(self, conversation_id: str, wanted: int, reason: str) -> None:
        """Give up positions up to `wanted`. If the conversation has moved since the request, read it again."""
        track = self._inbox.get(conversation_id)
        if track is not None and track.known_head <= wanted:
            _log.info("cannot read %r after %d: %s", conversation_id, track.have, reason)
            self._owner.cannot_read(conversation_id, track.have, track.known_head, reason)
            self._inbox.give_up(conversation_id)
            self._owner.read_up_to_head(conversation_id)

    # -- messages that may say something else --------------------------------------------------------------------------

    def _start_reading_again(self, group: asyncio.TaskGroup) -> bool:
        """Read a few such messages, if anybody is to be told of them."""
        if not self._owner.heard:
            return False
        for conversation_id in self._lineage.to_reread():
            span = self._lineage.reread(conversation_id, self._limits.page_items)
            if span is not None:
                task = group.create_task(self._read_again(conversation_id, *span))
                self._reads.add(task)
                task.add_done_callback(self._read_ended)
                return True
        return False

    async def _read_again(self, conversation_id: str, low: int, high: int) -> None:
        epoch, standing = self._inbox.epoch, self._inbox.standing(conversation_id)
        params = HistoryParams(conversation_id, after=low - 1, limit=high - low + 1)
        upto: int | None = high  # what is refused is not to be read any more
        try:
            with self._owner.states.page_asked(conversation_id):
                page = await self._requests.call(HISTORY, params, patient=False)
        except SessionLost:
            return
        except Refused as refused:
            _log.info("cannot read %r again: %s", conversation_id, refused)
            if refused.code == RefusalCode.NOT_FOUND and epoch == self._inbox.epoch:
                self._owner.not_found(conversation_id, standing)
                self._lineage.reread_answered(conversation_id, None)
                return
        else:
            if epoch != self._inbox.epoch or self._inbox.get(conversation_id) is None:
                return
            if page.last > max(page.head, low - 1) or len(page.items) > params.limit:
                self._owner.violated("history: a page that was not asked for")
                return
            self._lineage.moved(conversation_id)
            self._owner.states.take_page(conversation_id, page)
            for item in page.items:
                if low <= item.position <= high:
                    self._owner.read_again(conversation_id, item)
            upto = page.last if low <= page.last < high else high
        self._lineage.reread_answered(conversation_id, upto)
        self._storage.save_lineage(self._lineage.unsaved())
        self._lineage.saved()


def _within_bytes(question: list[Known]) -> list[Known]:
    """As many as fit into a frame, whatever the names are like: the rest is asked next."""
    size = 0
    for number, known in enumerate(question):
        size += len(known.conversation_id.encode()) + len(known.place.encode()) + _KNOWN_OVERHEAD_BYTES
        if number and size > _MAX_QUESTION_BYTES:
            return question[:number]
    return question


def _fault(asked: Sequence[Known], result: CheckResult) -> str | None:
    """What an honest server would not answer."""
    if len(result.answers) > len(asked) or (asked and not result.answers):
        return f"{len(result.answers)} answers to {len(asked)}"
    for known, answer in zip(asked, result.answers, strict=False):
        if answer is None:
            continue
        row = answer.row
        # Who left may have read more by a team, behind the end of their own place.
        highest = min(known.position, row.head) if row.left_at is None else known.position
        if row.conversation_id != known.conversation_id:
            return f"the row of {row.conversation_id!r} for {known.conversation_id!r}"
        if answer.agreed is not None and answer.agreed > highest:
            return f"agreed on {answer.agreed} of {known.position}, up to {row.head}"
    return None
