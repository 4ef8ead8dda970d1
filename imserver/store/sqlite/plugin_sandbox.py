"""Plugin sandbox: limits a plugin's SQL to its own tables, named `PLUGIN_…`, and a bounded time; it may not end a transaction.

One authorizer stays on each connection for its whole life and checks which plugin is running: setting and clearing it would
throw away every prepared statement. SQLite asks the authorizer when a statement is prepared, so a plugin must never find in
the statement cache what our own code prepared: each plugin's SQL begins with a comment that names it.

The clock is looked at between SQLite's steps, and nobody can look inside one. So what one step can cost is bounded: functions
are those of a list, each of which takes time as its arguments are long at most, and values have a longest length.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Any, NamedTuple

from imserver.errors import PluginError, UniqueViolation
from imserver.store.engine.faults import Fault
from imserver.store.sqlite.faults import fault_of
from imserver.store.sqlite.views import VIEWS

#: Time that one unit of a plugin may compute in statements: all units share the writer. The thread's own time, because a
#: machine that is busy, or stops us for a while, is no fault of the plugin.
PLUGIN_BUDGET_S = 0.05
#: Instructions of SQLite's machine between two looks at the clock (about 10-50 µs).
_STEPS_BETWEEN_LOOKS = 1000
#: The same for statements with functions that read a whole text (up to 3 ms a MiB).
_STEPS_BETWEEN_LOOKS_AT_TEXTS = 50
#: What a statement counts for at most until the first look at the thread's clock (seconds). It is measured with the clock on
#: the wall, which costs no system call (0.2 µs, not 2.4), and in which others may have had the processor.
_MOST_BEFORE_A_LOOK_S = 0.0005

#: No underscore: `PLUGIN_` must not be the beginning of another plugin's prefix.
_PLUGIN_NAME = re.compile(r"[a-z][a-z0-9]{0,30}")
#: First words of our own tables' names, of SQLite's, and of PostgreSQL's catalogue: a plugin is to run on either.
_RESERVED = frozenset(
    {
        *("plugin", "item", "user", "state", "team", "first", "given", "revoked", "own"),
        *("sqlite", "pragma", "json", "pg"),
    }
)
#: What a plugin's statement may call. Not here because of what one call can cost: `trim`, `instr`, `replace`, `like` and `glob`
#: (a length times a length: 5 s for a text of 1 MiB [measured]); `zeroblob`, `randomblob`, `printf`, `hex`, `quote`,
#: `group_concat` and those of JSON (much out of little). And what a second run would answer differently: `random`, dates.
FUNCTIONS = frozenset(
    {
        *("abs", "coalesce", "ifnull", "iif", "max", "min", "nullif", "round", "sign", "typeof"),
        *("length", "lower", "substr", "substring", "upper"),
        *("avg", "count", "sum", "total"),
        *("dense_rank", "first_value", "lag", "last_value", "lead", "rank", "row_number"),
    }
)
#: What statements of our own features may not: all that reaches out of the database.
_FORBIDDEN_TO_US = frozenset({"load_extension", "fts3_tokenizer", "writefile", "readfile", "edit"})
#: The functions that read a whole text.
_OF_TEXTS = re.compile(r"\b(?:length|lower|upper|substr|substring)\b", re.IGNORECASE)
#: What SQLite itself calls when a migration alters a table. Those with its name in front nobody else can call.
_FUNCTIONS_TO_MIGRATE = FUNCTIONS | {
    "glob",
    "like",
    "printf",
    "sqlite_drop_column",
    "sqlite_rename_column",
    "sqlite_rename_quotefix",
    "sqlite_rename_table",
    "sqlite_rename_test",
}
#: Longest value or row in a plugin's statement.
MAX_PLUGIN_VALUE_BYTES = 1024 * 1024
#: What a statement may be like; these count when it is prepared.
_MAX_FUNCTIONS = 64
_SHAPE = {
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 128 * 1024,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COLUMN: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 32,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1_000,  # what SQLite asks itself, in a migration
}
#: Statements of plugins that are known to be of that shape.
_MAX_KNOWN = 1024
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
#: Every default that is no literal.
_DEFAULTS = (
    "SELECT t.name, c.dflt_value FROM sqlite_master t JOIN pragma_table_info(t.name) c"
    " WHERE t.type = 'table' AND c.dflt_value LIKE '%(%'"
)
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_CALL = re.compile(r"(\w+)[\"`\]]?\s*\(")
#: What the module raises for a statement that cannot be done, its own errors and Python's.
_REFUSED = (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeError, TypeError, ValueError)


class Mode(Enum):
    """The running plugin's present permissions: of a feature of ours? may it write? has it no end?

    What is ours sees the views, and its writes are not measured (6.3 µs a statement with the clock, 3.0 without).
    """

    READ = ("read", False, False, False)
    WRITE = ("write", False, True, False)
    MIGRATE = ("migrate", False, True, True)
    OUR_READ = ("our read", True, False, False)
    OUR_WRITE = ("our write", True, True, True)

    def __init__(self, _: str, ours: bool, writes: bool, endless: bool) -> None:
        # Fields, not sets of modes: an Enum's hash is Python's own, and a booking asks some 220 times.
        self.ours = ours
        self.writes = writes
        self.endless = endless


class _Known(NamedTuple):
    """A statement that was prepared before: as SQLite gets it, whose it is, and the steps between two looks at the clock."""

    text: str
    prefix: str
    steps: int


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
        self._wall = time.perf_counter
        self._spent_s = 0.0
        #: The running statement's beginning on the wall, and by the thread's time when it was first looked at.
        self._begun = 0.0
        self._looked: float | None = None
        self._prefix: str | None = None
        self._mode = Mode.READ
        self._denied = ""
        #: The statement drops or renames a table, so that SQLite itself has to change `_NUMBERS`.
        self._renumbers = False
        self._functions = 0
        self._known: dict[tuple[str, str], _Known] = {}
        self._value_bytes = connection.getlimit(sqlite3.SQLITE_LIMIT_LENGTH)
        self._our_shape = {limit: connection.getlimit(limit) for limit in _SHAPE}
        connection.set_authorizer(self._authorize)

    def begin_unit(self) -> None:
        """Reset the time budget, which is for one unit of work."""
        self._spent_s = 0.0

    def execute(self, plugin: str, sql: str, params: Sequence[Any], mode: Mode) -> list[tuple[Any, ...]]:
        """Run one statement. Raises `UniqueViolation` (the statement alone is undone), or `PluginError` for the rest."""
        kind = type(params)
        # An abstract class's check takes 2 µs.
        if kind is not tuple and kind is not list and not isinstance(params, Sequence):
            raise PluginError(f"plugin {plugin}: parameters are given in the order of their `?`")
        if not isinstance(sql, str):
            raise PluginError(f"plugin {plugin}: a statement is a text")
        key = (plugin, sql)
        known = None if mode.ours else self._known.get(key)
        new = known is None
        if known is None:
            check_plugin_name(plugin)
            steps = _STEPS_BETWEEN_LOOKS_AT_TEXTS if _OF_TEXTS.search(sql) else _STEPS_BETWEEN_LOOKS
            known = _Known(f"/* {plugin} */ {sql}", f"{plugin}_", steps)
        self._enter(known.prefix, mode, known.steps, new=new)
        try:
            rows = self._connection.execute(known.text, params).fetchall()
        except _REFUSED as error:
            self._explain(plugin, error)
            raise
        finally:
            self._leave(mode, new=new)
        if new and not mode.ours:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[key] = known
        return rows

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
        """What the authorizer is not told: the new name of a table, the parents that a table refers to (our own rows would wait
        for a child's, or could not be deleted at all because of it), and what a default calls."""
        for name in self._names_of_others() - others:
            raise PluginError(f"plugin {plugin}: not allowed: the name {name}")
        prefix, self._prefix = self._prefix, None
        try:
            references = self._connection.execute(_REFERENCES).fetchall()
            defaults = self._connection.execute(_DEFAULTS).fetchall()
        finally:
            self._prefix = prefix
        for table, parent in references:
            if self._own(table) and not self._own(parent):
                raise PluginError(f"plugin {plugin}: not allowed: {table} refers to {parent}")
        for table, default in defaults:
            called = {name.lower() for name in _CALL.findall(_LITERAL.sub("", default))} - FUNCTIONS
            if self._own(table) and called:
                raise PluginError(
                    f"plugin {plugin}: not allowed: function {min(called)} in a default of {table}"
                )

    @contextmanager
    def _running(self, plugin: str, mode: Mode) -> Iterator[None]:
        check_plugin_name(plugin)
        self._enter(f"{plugin}_", mode, _STEPS_BETWEEN_LOOKS, new=True)
        try:
            yield
        finally:
            self._leave(mode, new=True)

    def _enter(self, prefix: str, mode: Mode, steps: int, *, new: bool) -> None:
        """Begin a plugin's statement. `new`: it may have to be prepared, so its shape counts."""
        connection = self._connection
        self._prefix, self._mode, self._denied, self._functions = prefix, mode, "", 0
        if not mode.ours:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_PLUGIN_VALUE_BYTES)
            if new:
                for limit, value in _SHAPE.items():
                    connection.setlimit(limit, value)
        if mode.endless:
            return
        self._begun = self._wall()
        # A unit may go on in another thread, a statement does not. What a few steps on texts take, nobody can bound so low.
        self._looked = None if steps == _STEPS_BETWEEN_LOOKS else self._timer()
        connection.set_progress_handler(self._look, steps)

    def _leave(self, mode: Mode, *, new: bool) -> None:
        connection = self._connection
        self._prefix = None
        if not mode.endless:
            connection.set_progress_handler(None, 0)
            if self._looked is None:
                self._spent_s += min(self._wall() - self._begun, _MOST_BEFORE_A_LOOK_S)
            else:
                self._spend(self._timer())
        if not mode.ours:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, self._value_bytes)
            if new:
                for limit, value in self._our_shape.items():
                    connection.setlimit(limit, value)

    def _look(self) -> int:
        self._spend(self._timer())
        return 1 if self._spent_s > self._budget_s else 0

    def _spend(self, now: float) -> None:
        """Count the running statement's time since it was last looked at. `now`: the thread's."""
        if self._looked is None:
            self._spent_s += min(self._wall() - self._begun, _MOST_BEFORE_A_LOOK_S)
        else:
            self._spent_s += now - self._looked
        self._looked = now

    def _explain(self, plugin: str, error: Exception) -> None:
        """Raises `UniqueViolation` or `PluginError`, unless the fault is the disk's."""
        if fault_of(error) is not Fault.UNIT:
            return
        if self._denied:
            raise PluginError(f"plugin {plugin}: {self._denied}") from error
        code = getattr(error, "sqlite_errorcode", 0)
        if code == sqlite3.SQLITE_TOOBIG or isinstance(error, sqlite3.DataError):
            raise PluginError(
                f"plugin {plugin}: {error}: a value has at most {MAX_PLUGIN_VALUE_BYTES} bytes"
            ) from error
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
        if self._functions > _MAX_FUNCTIONS:
            self._denied = f"not allowed: more than {_MAX_FUNCTIONS} calls of functions"
        else:
            words = (str(_ACTION_NAMES.get(action, action)), first, second)
            self._denied = f"not allowed: {' '.join(word for word in words if word)}"
        return sqlite3.SQLITE_DENY

    def _allowed(self, action: int, first: str, second: str, database: str | None, inner: str | None) -> bool:
        if action in _HARMLESS:
            return True
        migrating = self._mode is Mode.MIGRATE
        if action == sqlite3.SQLITE_FUNCTION:
            return self._may_call(second.lower())
        if migrating and (first in _CATALOGUE or (first == _NUMBERS and self._renumbers)):
            # SQLite lets nobody write there by a statement of one's own, but for the numbers.
            return action in _READS or action in _WRITES
        if action == sqlite3.SQLITE_ALTER_TABLE:
            # The third argument is the column that goes, if one does.
            allowed = migrating and first == "main" and self._own(second)
            self._renumbers = self._renumbers or allowed
            return allowed
        if action in _READS and self._mode.ours and (inner in VIEWS or first in VIEWS):
            return True
        if database not in {None, "main"}:
            return False
        if action in _READS:
            return self._own(first)
        if action in _WRITES:
            return self._mode.writes and self._own(first)
        return migrating and self._may_migrate(action, first, second)

    def _may_call(self, name: str) -> bool:
        if self._mode.ours:
            return name not in _FORBIDDEN_TO_US
        if self._mode is Mode.MIGRATE:
            return name in _FUNCTIONS_TO_MIGRATE
        self._functions += 1
        return name in FUNCTIONS and self._functions <= _MAX_FUNCTIONS

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
