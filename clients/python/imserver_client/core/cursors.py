"""Members' cursors as the server reports them, and coalesced reports of the user's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from imserver_client.errors import Refused
from imserver_client.events import CursorMoved
from imserver_client.limits import ClientLimits
from imserver_client.values import Cursor
from imserver_protocol.methods.cursor import CURSOR, CursorParams

from .requests import Requests, SessionLost

#: Reports on their way at a time; the rest of a round follows.
_PARALLEL = 16


class Cursors:
    """The known cursors of all members. They never go back, unless an older copy of the server's database did."""

    def __init__(self, max_cursors: int, max_in_all: int, announce: Callable[[CursorMoved], None]) -> None:
        self._max_cursors = max_cursors
        self._max_in_all = max_in_all
        self._announce = announce
        self._known: dict[str, dict[str, Cursor]] = {}  # the conversation that moved last is the last
        self._count = 0

    def of(self, conversation_id: str) -> dict[str, Cursor]:
        """The cursors of a conversation, by user."""
        return dict(self._known.get(conversation_id, ()))

    def moved(self, conversation_id: str, user_id: str, delivered: int, read: int) -> None:
        """Take over a cursor from a push or a row of sync."""
        known = self._known.get(conversation_id, {})
        old = known.get(user_id, Cursor())
        new = Cursor(max(old.delivered, delivered), max(old.read, read))
        if new == old or (user_id not in known and len(known) >= self._max_cursors):
            return
        self._count += user_id not in known
        known[user_id] = new
        self._known.pop(conversation_id, None)
        self._known[conversation_id] = known
        while self._count > self._max_in_all:
            self._count -= len(self._known.pop(next(iter(self._known))))
        self._announce(CursorMoved(conversation_id, user_id, new))

    def replace(self, conversation_id: str, cursors: Mapping[str, Cursor]) -> None:
        """These are the cursors, lower or not."""
        old = self._known.pop(conversation_id, {})
        self._count -= len(old)
        kept = dict(list(cursors.items())[: self._max_cursors])
        if kept:
            self._known[conversation_id] = kept
            self._count += len(kept)
        for user_id, cursor in kept.items():  # of who left since there is nothing to say
            if cursor != old.get(user_id, Cursor()):
                self._announce(CursorMoved(conversation_id, user_id, cursor))

    def drop(self, conversation_id: str) -> None:
        """The conversation is not followed any more."""
        self._count -= len(self._known.pop(conversation_id, ()))


class Receipts:
    """Reports how far this device has received, and this user has read: one report a second for each conversation."""

    def __init__(
        self, requests: Requests, limits: ClientLimits, reads_only: Callable[[str], bool] = lambda _: False
    ) -> None:
        """`reads_only`: of these only *read* is reported, those of a team."""
        self._requests = requests
        self._reads_only = reads_only
        self._every_s = limits.report_every_s
        self._pending: dict[str, Cursor] = {}
        self._wake = asyncio.Event()

    def delivered(self, conversation_id: str, position: int) -> None:
        """A message is done: report it as delivered."""
        self._put(conversation_id, position, 0)

    def read(self, conversation_id: str, position: int) -> None:
        """See Client.mark_read."""
        self._put(conversation_id, 0, position)

    def fall(self, conversation_id: str, keep: int, was: Cursor) -> None:
        """Above `keep` nothing of what was reported, or is to be, means anything. Below it, it is reported again."""
        pending = self._pending.pop(conversation_id, Cursor())
        delivered, read = max(pending.delivered, was.delivered), max(pending.read, was.read)
        if min(keep, max(delivered, read)) > 0:
            self._put(conversation_id, min(keep, delivered), min(keep, read))

    def drop(self, conversation_id: str) -> None:
        """The conversation is not followed any more."""
        self._pending.pop(conversation_id, None)

    def _put(self, conversation_id: str, delivered: int, read: int) -> None:
        if delivered and self._reads_only(conversation_id):
            delivered = 0
            if not read:
                return
        old = self._pending.get(conversation_id, Cursor())
        self._pending[conversation_id] = Cursor(max(old.delivered, delivered), max(old.read, read))
        self._wake.set()

    async def run(self) -> None:
        """Report, until cancelled."""
        while True:
            await self._wake.wait()
            await self._requests.released.wait()
            await self.flush()
            await asyncio.sleep(self._every_s)

    async def flush(self) -> None:
        """Report everything that is pending, now."""
        self._wake.clear()
        pending, self._pending = self._pending, {}
        reports = list(pending.items())
        for start in range(0, len(reports), _PARALLEL):
            async with asyncio.TaskGroup() as group:
                for conversation_id, cursor in reports[start : start + _PARALLEL]:
                    group.create_task(self._report(conversation_id, cursor))

    async def _report(self, conversation_id: str, cursor: Cursor) -> None:
        params = CursorParams(conversation_id, cursor.delivered or None, cursor.read or None)
        try:
            await self._requests.call(CURSOR, params, patient=False)
        except SessionLost:
            self._put(conversation_id, cursor.delivered, cursor.read)
        except Refused:
            return  # no member any more, or a channel, which has no receipts
