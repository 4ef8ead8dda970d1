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
    """A message was edited; `content` and `revision` are the present ones (None: retracted since).

    Comes after the edit's system message was handed over, and only if the application reads events.
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
        self._wake = asyncio.Event()
        port.on_message(self.seen)
        port.on_epoch(self._pending.clear)
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
        """Note a delivered message: if it announces an edit, read the target."""
        if content is None or content.get("type") != "system" or content.get("event") != "edited":
            return
        target = content.get("target")
        if type(target) is not int or target < 1:
            return
        if len(self._pending) >= self._port.limits.max_edits_pending:
            del self._pending[next(iter(self._pending))]
        self._pending[conversation_id, target] = None
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                conversation_id, target = next(iter(self._pending))
                del self._pending[conversation_id, target]
                await self._read(conversation_id, target)

    async def _read(self, conversation_id: str, target: int) -> None:
        try:
            page = await self._port.call(HISTORY, HistoryParams(conversation_id, after=target - 1, limit=1))
        except Refused:
            return  # not readable any more, or the server has lost the feature
        for item in page.items:
            if item.position == target:
                self._port.announce(partial(_edited, conversation_id, wire.without_state(item)))


def _edited(conversation_id: str, item: PageItem) -> Edited:
    return Edited(conversation_id, item.position, item.revision, wire.read_content(item.content))


edits: Offer[Edits] = Offer(Edits)
