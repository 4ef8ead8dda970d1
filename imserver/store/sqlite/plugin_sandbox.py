"""Plugin sandbox: limits a plugin's SQL to its own tables, named `PLUGIN_…`, and a bounded time; it may not end a transaction.

One authorizer stays on each connection for its whole life and checks which plugin is running: setting and clearing it would
throw away every prepared statement. SQLite asks the authorizer when a statement is prepared, so a plugin must never find in
the statement cache what our own code prepared: each plugin's SQL begins with a comment that names it.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Any

from imserver.errors import PluginError, UniqueViolation
from imserver.store.engine.faults import Fault
from imserver.store.sqlite.faults import fault_of
from imserver.store.sqlite.views import VIEWS

#: Time that one unit of a plugin may compute in statements: all units share the writer. The thread's own time, because a
#: machine that is busy, or stops us for a while, is no fault of the plugin.
PLUGIN_BUDGET_S = 0.05
#: Instructions of SQLite's machine between two looks at the clock (about 10-50 µs).
_STEPS_BETWEEN_LOOKS = 1000

#: No underscore: `PLUGIN_` must not be the beginning of another plugin's prefix.
_PLUGIN_NAME = re.compile(r"[a-z][a-z0-9]{0,30}")
#: First words of our own tables' names, of SQLite's, and of PostgreSQL's catalogue: a plugin is to run on either.
_RESERVED = frozenset(
    {"plugin", "item", "user", "state", "team", "first", "given", "revoked", "sqlite", "pragma", "json", "pg"}
)
_FORBIDDEN_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer", "writefile", "readfile", "edit"})
_CATALOGUE = frozenset({"sqlite_master", "sqlite_schema", "sqlite_temp_master", "sqlite_temp_schema"})
#: The last number of each table that never gives one out again, ours included.
_NUMBERS = "sqlite_sequence"

#: Extended codes of a key that is taken.
_TAKEN_KEYS = frozenset(
    {
        sqlite3.SQLITE_CONSTRAINT_UNIQUE,
        sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
        sqlite3.SQLITE_CONSTRAINT_ROWID,
    }
)
_READS = frozenset({sqlite3.SQLITE_READ})
_WRITES = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})
_TABLE_CHANGES = frozenset({sqlite3.SQLITE_CREATE_TABLE, sqlite3.SQLITE_DROP_TABLE})
#: For these the second argument of the authorizer names the table.
_INDEX_CHANGES = frozenset({sqlite3.SQLITE_CREATE_INDEX, sqlite3.SQLITE_DROP_INDEX})
_HARMLESS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE})

#: Every table that refers to another, and that.
_REFERENCES = "SELECT t.name, f.\"table\" FROM sqlite_master t JOIN pragma_foreign_key_list(t.name) f WHERE t.type = 'table'"
#: What the module raises for a statement that cannot be done, its own errors and Python's.
_REFUSED = (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeError, TypeError, ValueError)


class Mode(Enum):
    """The running plugin's present permissions."""

    READ = "read"
    WRITE = "write"
    MIGRATE = "migrate"
    #: Of a feature of ours: with the views, and writes are not measured (6.3 µs a statement with the clock, 3.0 without).
    OUR_READ = "our read"
    OUR_WRITE = "our write"


_OURS = frozenset({Mode.OUR_READ, Mode.OUR_WRITE})
_ONLY_READ = frozenset({Mode.READ, Mode.OUR_READ})


class PluginSandbox:
    """Runs plugins' statements on one connection."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        budget_s: float = PLUGIN_BUDGET_S,
        timer: Callable[[], float] = time.thread_time,
    ) -> None:
        self._connection = connection
        self._budget_s = budget_s
        self._timer = timer
        self._spent_s = 0.0
        self._deadline = 0.0
        self._prefix: str | None = None
        self._mode = Mode.READ
        self._denied = ""
        #: The statement drops or renames a table, so that SQLite itself has to change `_NUMBERS`.
        self._renumbers = False
        connection.set_authorizer(self._authorize)

    def begin_unit(self) -> None:
        """Reset the time budget, which is for one unit of work."""
        self._spent_s = 0.0

    def execute(self, plugin: str, sql: str, params: Sequence[Any], mode: Mode) -> list[tuple[Any, ...]]:
        """Run one statement. Raises `UniqueViolation` (the statement alone is undone), or `PluginError` for the rest."""
        if not isinstance(params, Sequence):
            raise PluginError(f"plugin {plugin}: parameters are given in the order of their `?`")
        with self._running(plugin, mode):
            try:
                return self._connection.execute(f"/* {plugin} */ {sql}", params).fetchall()
            except _REFUSED as error:
                self._explain(plugin, error)
                raise

    def stream(self, plugin: str, sql: str, params: Sequence[Any], mode: Mode) -> Iterator[tuple[Any, ...]]:
        """Rows of one statement, one at a time: what it may touch is judged before the first, and its time is not bounded."""
        with self._running(plugin, mode):
            try:
                cursor = self._connection.cursor()
                cursor.row_factory = None
                cursor.execute(f"/* {plugin} */ {sql}", params)
            except (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeEncodeError) as error:
                self._explain(plugin, error)
                raise
        return cursor

    def migrate(self, plugin: str, script: str) -> None:
        """Run several statements, without a time bound: tables and indexes with the plugin's prefix."""
        with self._running(plugin, Mode.MIGRATE):
            others = self._names_of_others()
            try:
                for statement in statements(script):
                    self._renumbers = False
                    self._connection.execute(f"/* {plugin} */ {statement}").fetchall()
            except _REFUSED as error:
                self._explain(plugin, error)
                raise
            self._check_names(plugin, others)

    def _names_of_others(self) -> set[str]:
        rows = self._connection.execute(
            "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        )
        return {name for (name,) in rows.fetchall() if not self._own(name)}

    def _check_names(self, plugin: str, others: set[str]) -> None:
        """What the authorizer is not told: the new name of a table, and the parents that a table refers to. Our own rows would
        wait for a child's, or could not be deleted at all because of it."""
        for name in self._names_of_others() - others:
            raise PluginError(f"plugin {plugin}: not allowed: the name {name}")
        prefix, self._prefix = self._prefix, None
        try:
            references = self._connection.execute(_REFERENCES).fetchall()
        finally:
            self._prefix = prefix
        for table, parent in references:
            if self._own(table) and not self._own(parent):
                raise PluginError(f"plugin {plugin}: not allowed: {table} refers to {parent}")

    @contextmanager
    def _running(self, plugin: str, mode: Mode) -> Iterator[None]:
        check_plugin_name(plugin)
        self._prefix, self._mode, self._denied = f"{plugin}_", mode, ""
        bounded = mode is not Mode.MIGRATE and mode is not Mode.OUR_WRITE
        started = 0.0
        if bounded:
            started = self._timer()  # a unit may go on in another thread, a statement does not
            self._deadline = started + self._budget_s - self._spent_s
            self._connection.set_progress_handler(self._look, _STEPS_BETWEEN_LOOKS)
        try:
            yield
        finally:
            self._prefix = None
            if bounded:
                self._connection.set_progress_handler(None, 0)
                self._spent_s += self._timer() - started

    def _look(self) -> int:
        return 1 if self._timer() > self._deadline else 0

    def _explain(self, plugin: str, error: Exception) -> None:
        """Raises `UniqueViolation` or `PluginError`, unless the fault is the disk's."""
        if fault_of(error) is not Fault.UNIT:
            return
        if self._denied:
            raise PluginError(f"plugin {plugin}: {self._denied}") from error
        code = getattr(error, "sqlite_errorcode", 0)
        if code in _TAKEN_KEYS:
            raise UniqueViolation(f"plugin {plugin}: {error}") from error
        if code == sqlite3.SQLITE_INTERRUPT:
            raise PluginError(
                f"plugin {plugin}: more than {self._budget_s * 1000:g} ms of SQL in one unit"
            ) from error
        raise PluginError(f"plugin {plugin}: {error}") from error

    def _authorize(
        self, action: int, first: str | None, second: str | None, database: str | None, inner: str | None
    ) -> int:
        if self._prefix is None or self._allowed(action, first or "", second or "", database, inner):
            return sqlite3.SQLITE_OK
        self._denied = (
            f"not allowed: {_ACTION_NAMES.get(action, action)} {first or ''} {second or ''}".rstrip()
        )
        return sqlite3.SQLITE_DENY

    def _allowed(self, action: int, first: str, second: str, database: str | None, inner: str | None) -> bool:
        if action in _HARMLESS:
            return True
        if action == sqlite3.SQLITE_FUNCTION:
            return second.lower() not in _FORBIDDEN_FUNCTIONS
        migrating = self._mode is Mode.MIGRATE
        if migrating and (first in _CATALOGUE or (first == _NUMBERS and self._renumbers)):
            # SQLite lets nobody write there by a statement of one's own, but for the numbers.
            return action in _READS or action in _WRITES
        if action == sqlite3.SQLITE_ALTER_TABLE:
            # The third argument is the column that goes, if one does.
            allowed = migrating and first == "main" and self._own(second)
            self._renumbers = self._renumbers or allowed
            return allowed
        if action in _READS and self._mode in _OURS and (inner in VIEWS or first in VIEWS):
            return True
        if database not in {None, "main"}:
            return False
        if action in _READS:
            return self._own(first)
        if action in _WRITES:
            return self._mode not in _ONLY_READ and self._own(first)
        return migrating and self._may_migrate(action, first, second)

    def _may_migrate(self, action: int, first: str, second: str) -> bool:
        if action in _TABLE_CHANGES:
            self._renumbers = self._own(first)
            return self._own(first) or first == _NUMBERS
        if action in _INDEX_CHANGES:
            # An index that SQLite makes for a constraint has a name of its own.
            named = self._own(first) or first.startswith("sqlite_autoindex_")
            return named and self._own(second)
        return action == sqlite3.SQLITE_REINDEX and self._own(first)

    def _own(self, table: str) -> bool:
        return self._prefix is not None and table.lower().startswith(self._prefix)


def check_plugin_name(plugin: str) -> None:
    """Raises `PluginError` for a name whose tables could be confused with others'."""
    if not _PLUGIN_NAME.fullmatch(plugin) or plugin in _RESERVED:
        raise PluginError(f"plugin name {plugin!r}: a-z and 0-9, beginning with a letter, and none of ours")


def statements(script: str) -> Iterator[str]:
    """Split a script into statements. `executescript` cannot be used: it commits first."""
    pending = ""
    for piece in script.split(";"):
        pending += piece + ";"
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    rest = pending.rstrip("; \n\t")
    if rest:
        yield rest


_ACTION_NAMES = {
    getattr(sqlite3, name): name.removeprefix("SQLITE_").replace("_", " ").lower()
    for name in (
        "SQLITE_READ",
        "SQLITE_INSERT",
        "SQLITE_UPDATE",
        "SQLITE_DELETE",
        "SQLITE_TRANSACTION",
        "SQLITE_SAVEPOINT",
        "SQLITE_PRAGMA",
        "SQLITE_ATTACH",
        "SQLITE_DETACH",
        "SQLITE_FUNCTION",
        "SQLITE_CREATE_TABLE",
        "SQLITE_CREATE_INDEX",
        "SQLITE_CREATE_TRIGGER",
        "SQLITE_CREATE_VIEW",
        "SQLITE_CREATE_VTABLE",
        "SQLITE_CREATE_TEMP_TABLE",
        "SQLITE_DROP_TABLE",
        "SQLITE_DROP_INDEX",
        "SQLITE_ALTER_TABLE",
        "SQLITE_ANALYZE",
        "SQLITE_REINDEX",
    )
}
