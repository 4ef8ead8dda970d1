"""Runs a batch of units on the writer's thread in one transaction; if that fails, each unit in one of its own.

After any error of SQLite it checks `in_transaction` first: "disk is full" and ON CONFLICT ROLLBACK end the whole transaction
inside a SAVEPOINT, and the next INSERT would commit alone. Memory (heads, members, counters) is undone together with the
rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from imserver.chat.units import PostUnit, Unit
from imserver.clock import Clock
from imserver.errors import PluginError, Refusal, RefusalCode, StoreFailed
from imserver.store.sqlite.bulk_posts import BulkPosts
from imserver.store.sqlite.faults import Fault, TransactionLost, fault_of, known_at_commit
from imserver.store.sqlite.plugin_sandbox import PluginSandbox
from imserver.store.sqlite.transaction import SqliteTransaction

#: Units of one batch that may end its transaction by their own doing (a plugin's endless INSERT) before the rest is done
#: one by one.
MAX_CULPRITS = 4

_Lane = tuple[str, str]


class Batches:
    """Runs batches on one raw connection. Not thread-safe: lives on the writer's thread."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        tx: SqliteTransaction,
        sandbox: PluginSandbox,
        clock: Clock,
        retry_after_ms: Callable[[], int],
    ) -> None:
        self._connection = connection
        self._tx = tx
        self._sandbox = sandbox
        self._clock = clock
        self._retry_after_ms = retry_after_ms
        self._bulk = BulkPosts(tx)
        #: (conversation, sender) of posts in this batch that may be offered again: no later post of theirs may overtake.
        self._held: set[_Lane] = set()
        #: The unit that itself ended the last transaction, if one did.
        self._culprit: Unit | None = None

    def run(self, units: Sequence[Unit]) -> None:
        """Give each unit a result or an error. Raises `StoreFailed` if the outcome is unknown: then none counts."""
        self._held.clear()
        error = self._together(units)
        left = MAX_CULPRITS
        while error is not None and self._culprit is not None and left > 0:
            # One unit itself ended the transaction; the others need not pay for it with a commit each.
            left -= 1
            self._give_up(self._culprit, error)
            units = [unit for unit in units if unit is not self._culprit]
            error = self._together(units) if units else None
        if error is not None:
            self._each_alone(units, error)

    def _each_alone(self, units: Sequence[Unit], first_error: Exception) -> None:
        error: Exception | None = first_error
        stopped: Refusal | None = None
        for unit in units:
            if stopped is None and len(units) > 1:
                error = self._together([unit])
                if error is None:
                    continue
            if stopped is None:
                stopped = self._give_up(unit, error)
            else:
                # No unit may overtake one that failed for want of room.
                unit.error = stopped

    # -- one transaction ----------------------------------------------------------------------------------------------

    def _together(self, units: Sequence[Unit]) -> Exception | None:
        """Run all units in one transaction. None: committed. An error: nothing is stored, and memory is as before."""
        tx = self._tx
        before = (tx.change, tx.message_change)
        held = set(self._held)
        self._culprit = None
        tx.now_ms = self._clock.now_ms()
        tx.lost = None
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._all(units)
            if tx.change != before[0] and tx.change != tx.message_change:
                # The counter is read back from the last message, unless something else took the last number.
                tx.sql("UPDATE meta SET value = ? WHERE name = 'change'", (tx.change,))
            if tx.lost is not None:
                raise TransactionLost(tx.lost) from tx.lost
        except Exception as error:
            self._undo(before)
            # Results and events of the units are void: neither replies nor pushes may be made of them.
            _unmark(units)
            self._held = held
            return error
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if not known_at_commit(error):
                # The side file must not get numbers that the next start may not find (see `HighWater`).
                tx.change, tx.message_change = before
                raise StoreFailed(f"COMMIT failed, outcome unknown: {error}") from error
            self._undo(before)
            # Results and events of the units are void: neither replies nor pushes may be made of them.
            _unmark(units)
            self._held = held
            return error
        tx.journal.clear()
        tx.cache.trim()
        return None

    def _undo(self, before: tuple[int, int]) -> None:
        tx = self._tx
        tx.journal.undo()
        tx.change, tx.message_change = before
        tx.events = []
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                raise StoreFailed(f"ROLLBACK failed: {error}") from error

    def _all(self, units: Sequence[Unit]) -> None:
        start, count = 0, len(units)
        while start < count:
            end = start
            while end < count and is_plain_post(units[end]):
                end += 1
            if end > start:
                self._posts(units[start:end])  # type: ignore[arg-type]  # is_plain_post said so
            if end < count:
                self._one(units[end])
                end += 1
            start = end

    def _posts(self, units: Sequence[PostUnit]) -> None:
        if self._held:
            self._one_by_one(units)
            return
        try:
            self._bulk.run(units)
        except (TransactionLost, StoreFailed):
            raise
        except Exception as error:
            # One odd value spoils the run; alone it spoils itself.
            if self._tx.lost is not None or fault_of(error) is not Fault.UNIT:
                raise
            self._one_by_one(units)

    def _one_by_one(self, units: Sequence[PostUnit]) -> None:
        for unit in units:
            self._one(unit)

    # -- one unit -----------------------------------------------------------------------------------------------------

    def _one(self, unit: Unit) -> None:
        """Run a unit in its own SAVEPOINT: its exception undoes it alone, in the rows and in memory."""
        tx = self._tx
        lane = (unit.conversation_id, unit.sender_id) if isinstance(unit, PostUnit) else None
        if lane in self._held:
            unit.error = Refusal(
                RefusalCode.HELD, "an earlier message of this conversation has to be decided first"
            )
            return
        mark, change, message_change = tx.journal.mark(), tx.change, tx.message_change
        tx.events = []
        self._sandbox.begin_unit()
        tx.sql("SAVEPOINT unit")
        try:
            unit.result = unit.run(tx)
            unit.error = None
            unit.happened = tuple(tx.events)
            tx.sql("RELEASE unit")
        except BaseException as raised:
            if tx.lost is not None or not self._connection.in_transaction:
                cause = tx.lost or raised
                if fault_of(cause) is Fault.UNIT:
                    self._culprit = unit
                raise TransactionLost(cause) from cause
            if fault_of(raised) is not Fault.UNIT:
                raise
            tx.sql("ROLLBACK TO unit")
            tx.sql("RELEASE unit")
            tx.journal.undo(mark)
            tx.change, tx.message_change = change, message_change
            unit.void()
            unit.error = own_error(raised)
            if lane is not None and not is_final(unit.error):
                self._held.add(lane)

    def _give_up(self, unit: Unit, error: Exception | None) -> Refusal | None:
        """Judge a unit that failed in a transaction of its own. Returns the refusal for all units behind it, if any."""
        cause = error.cause if isinstance(error, TransactionLost) else error
        assert cause is not None
        fault = fault_of(cause)
        if fault is Fault.BROKEN:
            raise StoreFailed(f"the database does not work: {cause}") from cause
        if fault is Fault.UNIT:
            unit.error = own_error(cause)
            if isinstance(unit, PostUnit) and not is_final(unit.error):
                self._held.add((unit.conversation_id, unit.sender_id))
            return None
        if fault is Fault.FULL:
            refusal = Refusal(
                RefusalCode.STORE_FULL, "the disk is full", retry_after_ms=self._retry_after_ms()
            )
        else:
            refusal = Refusal(
                RefusalCode.OVERLOADED, "the store is busy", retry_after_ms=self._retry_after_ms()
            )
        unit.error = refusal
        return refusal


def is_plain_post(unit: Unit) -> bool:
    """True for a post without a `run` of its own; others run alone."""
    return isinstance(unit, PostUnit) and type(unit).run is PostUnit.run


def is_final(error: Exception | None) -> bool:
    """True if the error means that the unit will never be stored."""
    return isinstance(error, Refusal) and not error.code.retryable


def own_error(raised: BaseException) -> Exception:
    """The error as the unit's owner gets it."""
    if isinstance(raised, Exception):
        return raised
    return PluginError(f"a unit of work raised {type(raised).__name__}")


def _unmark(units: Sequence[Unit]) -> None:
    for unit in units:
        unit.void()
