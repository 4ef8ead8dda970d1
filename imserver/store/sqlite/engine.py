"""The engine of SQLite: transactions and savepoints on the writer's raw connection.

After any error of SQLite it looks at `in_transaction` first: "disk is full" and ON CONFLICT ROLLBACK end the whole transaction
inside a SAVEPOINT, and the next INSERT would commit alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from imserver.chat.units import PostUnit
from imserver.errors import PluginError, StoreFailed
from imserver.store.engine.faults import Fault, OutcomeUnknown, TransactionLost
from imserver.store.sqlite.bulk_posts import BulkPosts
from imserver.store.sqlite.faults import fault_of, known_at_commit, primary_code
from imserver.store.sqlite.plugin_sandbox import PluginSandbox
from imserver.store.sqlite.transaction import SqliteTransaction


class SqliteEngine:
    """`imserver.store.engine.batch.Engine` on one raw connection."""

    def __init__(self, connection: sqlite3.Connection, tx: SqliteTransaction, sandbox: PluginSandbox) -> None:
        self.tx = tx
        self._connection = connection
        self._sandbox = sandbox
        self._bulk = BulkPosts(tx)
        self._change_before = 0

    def begin(self) -> None:
        self.tx.lost = self.tx.raised = None
        self._sandbox.begin_unit()
        self._change_before = self.tx.change
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self.tx.note(error)
            raise

    def commit(self) -> None:
        tx = self.tx
        if tx.change not in (self._change_before, tx.message_change):
            # The counter is read back from the last message, unless something else took the last number.
            tx.sql("UPDATE meta SET value = ? WHERE name = 'change'", (tx.change,))
        if tx.lost is not None:
            raise TransactionLost(tx.lost) from tx.lost
        try:
            self._connection.execute("COMMIT")
        except Exception as error:
            if not isinstance(error, sqlite3.Error) or not known_at_commit(error):
                raise OutcomeUnknown(str(error)) from error
            tx.note(error)
            if primary_code(error) == sqlite3.SQLITE_CONSTRAINT:
                # No constraint of ours waits so long.
                raise PluginError(f"a plugin's constraint that waited for the commit: {error}") from error
            raise
        tx.cache.trim()

    def rollback(self) -> None:
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                raise StoreFailed(f"ROLLBACK failed: {error}") from error

    def savepoint(self) -> None:
        self._sandbox.begin_unit()
        self.tx.sql("SAVEPOINT unit")

    def release(self) -> None:
        self.tx.sql("RELEASE unit")

    def rollback_to(self) -> None:
        self.tx.sql("ROLLBACK TO unit")
        self.tx.sql("RELEASE unit")

    def posts(self, units: Sequence[PostUnit]) -> None:
        self._bulk.run(units)

    def ended_by(self, raised: BaseException | None = None) -> BaseException | None:
        if self.tx.lost is not None:
            return self.tx.lost
        return raised if not self._connection.in_transaction else None

    def fault_of(self, error: BaseException) -> Fault:
        return fault_of(error) if error is self.tx.raised else Fault.UNIT
