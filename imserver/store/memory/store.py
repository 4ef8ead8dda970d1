"""The store's twin in memory, for tests and simulation: the same rules and the same writer, on dictionaries.

A batch runs on the loop in the turn after it was formed; `delay` puts it (and reads) off, so that batches form and a reply
before its commit would show. `crash` drops the queue and keeps the tables, as a kill does.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeVar

from imserver.chat.ports import CommitListener
from imserver.chat.transaction import Reader, Transaction
from imserver.chat.units import PostUnit, Unit
from imserver.clock import Clock, SystemClock
from imserver.config import StoreConfig
from imserver.errors import PluginError, Refusal, RefusalCode, StoreFailed
from imserver.store.engine.batch import is_final, own_error
from imserver.store.engine.lineage import Lineage, new_epoch
from imserver.store.engine.places import KEY_BYTES, Places
from imserver.store.engine.transaction import MAX_MEMBERS
from imserver.store.engine.writer import WorkUnit, Writer
from imserver.store.memory.reader import MemoryReader
from imserver.store.memory.tables import MemoryTables, MemoryTransaction
from imserver.store.sqlite.plugin_sandbox import check_plugin_name

T = TypeVar("T")


class MemoryStore:
    """`imserver.chat.ports.Store` without a file."""

    def __init__(
        self,
        config: StoreConfig | None = None,
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        tables: MemoryTables | None = None,
        delay: Callable[[], float] | None = None,
        max_members: int = MAX_MEMBERS,
    ) -> None:
        self._config = config or StoreConfig(path=":memory:")
        self._clock = clock or SystemClock()
        self._rng = rng or random.SystemRandom()
        self._delay = delay
        self._owns_tables = tables is None
        self.tables = tables or MemoryTables()
        self._reader: MemoryReader | None = None
        self._places: Places | None = None
        self._tx = MemoryTransaction(self.tables, max_members=max_members)
        self._writer: Writer | None = None
        self._pending: asyncio.Handle | None = None
        self._failed: Callable[[Exception], None] = lambda error: None
        self._held: set[tuple[str, str]] = set()

    @property
    def epoch(self) -> str:
        return self.tables.epoch

    def place(self) -> str:
        return self._opened_places().seal(self.tables.change)

    @property
    def witnesses(self) -> int:
        return len(self._places.witnesses) if self._places is not None else 0

    def _opened_places(self) -> Places:
        if self._places is None:
            raise StoreFailed("the store is not open")
        return self._places

    @property
    def writer(self) -> Writer:
        if self._writer is None:
            raise StoreFailed("the store is not open")
        return self._writer

    # -- life ---------------------------------------------------------------------------------------------------------

    async def open(self, listener: CommitListener) -> None:
        tables = self.tables
        tables.epoch = tables.epoch or new_epoch(self._rng)
        tables.place_key = tables.place_key or self._rng.randbytes(KEY_BYTES)
        tables.put_run(self._clock, self._rng)
        self._places = Places(tables.place_key, Lineage(tables.runs), self._rng)
        self._reader = MemoryReader(tables, self._places)
        self._writer = Writer(
            self._execute,
            listener,
            self._config,
            clock=self._clock,
            rng=self._rng,
            on_failure=self._on_failure,
        )

    async def close(self) -> None:
        """Finish the queue. Tables passed in by the caller stay open: they may be opened again."""
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.drain()
        if self._owns_tables:
            self.tables.close()

    def crash(self) -> None:
        """Act as a kill at this instant: units that are queued or in flight are gone, without an answer."""
        if self._pending is not None:
            self._pending.cancel()
        if self._writer is not None:
            self._writer.fail(StoreFailed("crashed"))
        self._writer = None

    def on_failure(self, callback: Callable[[Exception], None]) -> None:
        self._failed = callback

    def _on_failure(self, failure: StoreFailed) -> None:
        self._failed(failure)

    # -- work ---------------------------------------------------------------------------------------------------------

    def submit(self, unit: Unit) -> None:
        self.writer.submit(unit)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.submit(WorkUnit(work, future))
        return await future

    async def read(self, query: Callable[[Reader], T]) -> T:
        if self.writer.failure is not None:
            raise StoreFailed(str(self.writer.failure))
        await asyncio.sleep(self._delay() if self._delay else 0)
        self.tables.sandbox.begin_unit()
        assert self._reader is not None
        return query(self._reader)

    async def begin_life(self, why: str) -> None:
        places = self._opened_places()
        run = self.tables.put_run(self._clock, self._rng)
        places.lineage = places.lineage.with_run(run)

    async def migrate_plugin(self, plugin: str, migrations: Sequence[tuple[int, str]]) -> None:
        check_plugin_name(plugin)

        def migrate(tx: Transaction) -> None:
            if not isinstance(tx, MemoryTransaction):
                raise PluginError("migrations need the memory store's own transaction")
            for number, script in sorted(migrations):
                tx.migrate_plugin(plugin, number, script)

        await self.write(migrate)

    def resume(self) -> None:
        if self._writer is not None:
            self._writer.resume()

    # -- batches ------------------------------------------------------------------------------------------------------

    def _execute(self, units: Sequence[Unit], done: Callable[[StoreFailed | None], None]) -> None:
        loop = asyncio.get_running_loop()
        if self._delay is None:
            self._pending = loop.call_soon(self._run, units, done)
        else:
            self._pending = loop.call_later(self._delay(), self._run, units, done)

    def _run(self, units: Sequence[Unit], done: Callable[[StoreFailed | None], None]) -> None:
        self._pending = None
        self._held.clear()
        if not self._together(units):
            # A plugin's statement ended the transaction of the plugin tables: nothing of the batch counts.
            for unit in units:
                if not self._together([unit]):
                    unit.error = own_error(self._tx.lost or StoreFailed("the transaction was lost"))
        done(None)

    def _together(self, units: Sequence[Unit]) -> bool:
        """Run the units in one transaction. False, with everything undone, if the plugin tables lost theirs."""
        tx, tables = self._tx, self.tables
        tx.now_ms = self._clock.now_ms()
        tx.lost = None
        before = (tx.change, tx.message_change)
        tables.plugin_tables.execute("BEGIN")
        for unit in units:
            unit.void()
            self._one(unit)
            if not tables.plugin_tables.in_transaction:
                break
        if not self._commit_plugin_tables():
            tx.journal.undo()
            tx.change, tx.message_change = before
            for unit in units:
                unit.void()
            return False
        tx.journal.clear()
        tables.change, tables.message_change = tx.change, tx.message_change
        return True

    def _commit_plugin_tables(self) -> bool:
        plugin_tables = self.tables.plugin_tables
        if not plugin_tables.in_transaction:
            return False
        try:
            plugin_tables.execute("COMMIT")
        except sqlite3.Error as error:  # a deferred constraint of a plugin's
            plugin_tables.execute("ROLLBACK")
            self._tx.lost = error
            return False
        return True

    def _one(self, unit: Unit) -> None:
        tx, plugin_tables = self._tx, self.tables.plugin_tables
        lane = (unit.conversation_id, unit.sender_id) if isinstance(unit, PostUnit) else None
        if lane in self._held:
            unit.error = Refusal(
                RefusalCode.HELD, "an earlier message of this conversation has to be decided first"
            )
            return
        mark, change, message_change = tx.journal.mark(), tx.change, tx.message_change
        tx.events = []
        self.tables.sandbox.begin_unit()
        plugin_tables.execute("SAVEPOINT unit")
        try:
            unit.result = unit.run(tx)
            unit.happened = tuple(tx.events)
        except BaseException as raised:
            unit.void()
            unit.error = own_error(raised)
            if tx.lost is not None:
                return
            plugin_tables.execute("ROLLBACK TO unit")
            tx.journal.undo(mark)
            tx.change, tx.message_change = change, message_change
            if lane is not None and not is_final(unit.error):
                self._held.add(lane)
        if tx.lost is None:
            plugin_tables.execute("RELEASE unit")
