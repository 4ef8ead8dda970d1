"""Reads edited messages again, for readers of `Edited` events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from imserver_client import wire
from imserver_client.errors import Refused
from imserver_client.events import Edited
from imserver_protocol.methods.history import HISTORY, HistoryParams, PageItem

from .announcer import Unread
from .requests import Requests


class Edits:
    """Edited messages to read again. Bounded: the oldest is dropped, but its system message is still delivered."""

    def __init__(self, requests: Requests, max_pending: int, announce: Callable[[Unread], None]) -> None:
        self._requests = requests
        self._max_pending = max_pending
        self._announce = announce
        self._pending: dict[tuple[str, int], None] = {}
        self._wake = asyncio.Event()

    def seen(self, conversation_id: str, content: dict[str, Any] | None) -> None:
        """Note a delivered message: if it announces an edit, read the target."""
        if content is None or content.get("type") != "system" or content.get("event") != "edited":
            return
        target = content.get("target")
        if type(target) is not int or target < 1:
            return
        if len(self._pending) >= self._max_pending:
            del self._pending[next(iter(self._pending))]
        self._pending[conversation_id, target] = None
        self._wake.set()

    def forget(self) -> None:
        """Enter another epoch: drop all targets."""
        self._pending.clear()

    async def run(self) -> None:
        """Read the targets, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                conversation_id, target = next(iter(self._pending))
                del self._pending[conversation_id, target]
                await self._read(conversation_id, target)

    async def _read(self, conversation_id: str, target: int) -> None:
        try:
            page = await self._requests.call(
                HISTORY, HistoryParams(conversation_id, after=target - 1, limit=1)
            )
        except Refused:
            return  # not readable any more
        for item in page.items:
            if item.position == target:
                self._announce(partial(_edited, conversation_id, wire.without_state(item)))


def _edited(conversation_id: str, item: PageItem) -> Edited:
    return Edited(conversation_id, item.position, item.revision, wire.read_content(item.content))
