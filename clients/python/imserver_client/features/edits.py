"""edits: new content for one's own messages, and what edited messages say now."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any

from imserver_client import wire
from imserver_client.errors import Refused
from imserver_client.events import ClientEvent
from imserver_client.values import Content
from imserver_protocol.methods.edits import EDIT, EditParams
from imserver_protocol.methods.history import HISTORY, HistoryParams, PageItem

from .base import Feature, Offer, Port


@dataclass(frozen=True, slots=True)
class Edit:
    """A durable edit: `position` is that of its system message."""

    position: int
    revision: int


@dataclass(frozen=True, slots=True)
class Edited(ClientEvent):
    """A message was edited; `content` and `revision` are the present ones (None: bytes that are no valid content).

    Comes after the edit's system message was handed over, and only if the application reads events. Not for a message that
    was taken back since: `Retracted` tells of that, and no `Edited` of it comes afterwards. After `HistoryReplaced` it tells of
    messages whose edit, or retraction, may be gone: then `revision` may be lower than before.
    """

    conversation_id: str
    position: int
    revision: int
    content: dict[str, Any] | None


class Edits(Feature):
    """`client.edits`. Its event is `Edited`: edited messages are read again for it.

    Those to be read are bounded: the oldest is dropped, but its system message is still delivered.
    """

    def __init__(self, port: Port) -> None:
        super().__init__(port)
        self._pending: dict[tuple[str, int], None] = {}
        #: What is being read, unless it was taken back meanwhile.
        self._reading: tuple[str, int] | None = None
        self._wake = asyncio.Event()
        port.on_message(self.seen)
        port.on_fall(self._fall)
        port.on_changed(self._changed)
        port.on_open(self._run)

    async def edit(
        self, conversation_id: str, position: int, content: Content | str, *, revision: int | None = None
    ) -> Edit:
        """Replace the content of an own message. With `revision`: only if it still has that revision (else CONFLICT).

        Cancelling ends the waiting, not the editing. Edits in a conversation are made one after another.
        """
        port = self._port
        encoded = port.encode(conversation_id, content)
        params = EditParams(conversation_id, port.key(), position, revision, encoded)
        result = await port.write(EDIT, params)
        port.reaches(conversation_id, result.position)
        return Edit(result.position, result.revision)

    def seen(self, conversation_id: str, content: dict[str, Any] | None) -> None:
        """Note a delivered message: if it announces an edit, read the target; if it was taken back, do not."""
        if content is None or content.get("type") != "system":
            return
        event, target = content.get("event"), content.get("target")
        if event not in ("edited", "retracted") or type(target) is not int or target < 1:
            return
        place = (conversation_id, target)
        if event == "retracted":
            self._pending.pop(place, None)
            if self._reading == place:
                self._reading = None
            return
        if len(self._pending) >= self._port.limits.max_edits_pending:
            del self._pending[next(iter(self._pending))]
        self._pending[place] = None
        self._wake.set()

    def _fall(self, conversation_id: str, keep: int) -> None:
        for place in [one for one in self._pending if one[0] == conversation_id and one[1] > keep]:
            del self._pending[place]
        if self._reading is not None and self._reading[0] == conversation_id and self._reading[1] > keep:
            self._reading = None

    def _changed(self, conversation_id: str, item: PageItem) -> None:
        if item.content is not None:
            self._port.announce(partial(_edited, conversation_id, wire.without_state(item)))

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                place = next(iter(self._pending))
                del self._pending[place]
                await self._read(place)

    async def _read(self, place: tuple[str, int]) -> None:
        conversation_id, target = self._reading = place
        try:
            page = await self._port.call(HISTORY, HistoryParams(conversation_id, after=target - 1, limit=1))
        except Refused:
            return  # not readable any more, or the server has lost the feature
        if self._reading != place:
            return  # taken back while the page was under way, which may still show it
        for item in page.items:
            if item.position == target and item.content is not None:
                self._port.announce(partial(_edited, conversation_id, wire.without_state(item)))


def _edited(conversation_id: str, item: PageItem) -> Edited:
    return Edited(conversation_id, item.position, item.revision, wire.read_content(item.content))


edits: Offer[Edits] = Offer(Edits)
