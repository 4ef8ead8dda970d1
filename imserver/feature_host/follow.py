"""Follows all messages for one feature, from a durable cursor that moves in the same transaction as what the feature makes of
them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from imserver.chat.ports import Store
from imserver.chat.transaction import Transaction
from imserver.errors import AlreadyHandled, StoreFailed
from imserver.feature_api import Feature, Message
from imserver.feature_host.views import FeatureTransaction

#: Messages that one transaction deals with.
MAX_FOLLOWED = 256
#: After a fault the follower waits, twice as long each time, between these bounds (seconds). Nothing is passed over.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 60.0


class Follower:
    """The task of one feature."""

    def __init__(self, feature: Feature, store: Store, log: Any) -> None:
        assert feature.follow is not None
        self._feature = feature
        self._handler = feature.follow.handler
        self._store = store
        self._log = log
        self._cursor = 0
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Go on behind the last message that was dealt with; a feature that never ran begins behind the newest."""
        name = self._feature.name
        cursor, head = await self._store.read(
            lambda reader: (reader.plugin_cursor(name), reader.head_change())
        )
        if cursor is None:
            await self._store.write(lambda tx: self._begin(tx, head))
        self._cursor = head if cursor is None else cursor
        self._wake.set()
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"follow {name}")

    async def stop(self) -> None:
        """Stop where it is: what is in the writer's queue commits with its cursor, or not at all."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def notify(self) -> None:
        """Something was committed."""
        self._idle.clear()
        self._wake.set()

    async def until_idle(self) -> None:
        """Wait until every message up to now is dealt with. For tests, which then need no sleep."""
        self._idle.clear()
        self._wake.set()
        await self._idle.wait()

    async def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                while await self._step():
                    pass
            except StoreFailed:
                return  # the server stops, and the next start goes on from the cursor
            except Exception:
                self._log.exception("follow_failed", feature=self._feature.name, after=self._cursor)
                self._wake.set()
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                await self._look_again()
                continue
            pause_s = FIRST_PAUSE_S
            if not self._wake.is_set():
                self._idle.set()

    async def _look_again(self) -> None:
        """The durable cursor decides where to go on, whatever became of the last transaction. If it cannot be read, the next
        step fails, too, and leads here again: the follower outlives any error."""
        with suppress(Exception):
            cursor = await self._store.read(lambda reader: reader.plugin_cursor(self._feature.name))
            self._cursor = cursor or 0

    async def _step(self) -> bool:
        """Deal with the next messages. False if there are none."""
        after = self._cursor
        rows, complete = await self._store.read(
            lambda reader: reader.messages_after(after, None, MAX_FOLLOWED)
        )
        if complete <= after:
            return False
        messages = [(change, message) for change, message, _ in rows]
        if messages:
            await self._store.write(lambda tx: self._handle(tx, complete, messages))
        self._cursor = complete
        return True

    def _handle(self, tx: Transaction, upto: int, messages: Sequence[tuple[int, Message]]) -> None:
        tx.mark_handled(self._feature.name, upto)
        self._handler(FeatureTransaction(tx, self._feature), messages)

    def _begin(self, tx: Transaction, head: int) -> None:
        with suppress(AlreadyHandled):
            tx.mark_handled(self._feature.name, head)
