"""The port of checks, on SQLite: one snapshot, without a lock or a write, beside a running server or without one.

Checks see `Rows` (`check_run.py`), plugins' checks a `Reader`; behind another engine, this module is written anew.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from imserver.chat.reader import Reader
from imserver.errors import StartError
from imserver.passing import passes
from imserver.store.checks.check_run import Looked, Progress, SideMark, read_content
from imserver.store.checks.report import Report
from imserver.store.checks.run import check_snapshot
from imserver.store.engine.ledger import Ledger
from imserver.store.engine.places import of_no_store
from imserver.store.sqlite import database
from imserver.store.sqlite.connection import BUSY_TIMEOUT_S
from imserver.store.sqlite.guard import check_place, has_log
from imserver.store.sqlite.ledger import ledger_path, read_ledger
from imserver.store.sqlite.plugin_sandbox import Mode, PluginSandbox
from imserver.store.sqlite.reader import SqliteReader

#: Most findings that SQLite itself reports.
_MOST = 100
#: The version of the schema that came with features.
_FEATURES_SINCE = 3


class ChangedMeanwhile(StartError):
    """A server started while a database at rest was read without its locks: the rows read may be of two moments."""


@dataclass(frozen=True, slots=True)
class SideFile:
    """Epoch and newest change in the side file."""

    epoch: str
    change: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An open read transaction. Of before it began: `side` and `ledger`, the files beside the database, if there are such;
    `found_log`, whether there was a log beside it."""

    connection: sqlite3.Connection
    side: SideMark | None = None
    found_log: bool = True
    ledger: Ledger | None = None

    #: Also for a damaged name or text that the module cannot decode.
    broken: ClassVar[tuple[type[Exception], ...]] = (sqlite3.Error, UnicodeDecodeError)

    def rows(
        self, statement: str, params: Sequence[Any] | Mapping[str, Any] = ()
    ) -> Iterator[tuple[Any, ...]]:
        """Rows as tuples, one at a time, whatever row factory the connection has."""
        cursor = self.connection.cursor()
        cursor.row_factory = None
        return cursor.execute(statement, params)

    def version(self) -> int:
        version: int = next(self.rows("PRAGMA user_version"))[0]
        return version

    def integrity(self) -> Looked:
        """SQLite's own check of pages, rows and indexes."""
        pages: int = next(self.rows("PRAGMA page_count"))[0]
        told = (" ".join(str(text).split()) for (text,) in self.rows(f"PRAGMA integrity_check({_MOST})"))
        return Looked(pages, (text for text in told if text != "ok"))

    def dangling(self) -> Looked:
        """By the references that tables declare."""
        tables = list(self.rows("SELECT name FROM sqlite_master WHERE type = 'table'"))
        found = (
            f"row {row_id} of {table} names a row of {parent} that does not exist"
            for table, row_id, parent, _ in self.rows("PRAGMA foreign_key_check")
        )
        return Looked(len(tables), found)

    def schema(self, version: int, plugins: AbstractSet[str]) -> Looked:
        """By the very words that made them."""
        wanted = database.made_by(
            tuple(script for number, script in database.migrations() if number <= version)
        )
        there = list(
            self.rows("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
        )
        found = []
        for name, sql in there:
            if name in wanted:
                if sql != wanted[name]:
                    found.append(f"{name} is not what the migrations make")
            elif name.partition("_")[0].lower() not in plugins:
                found.append(f"{name} belongs to no plugin that ever ran here")
        missing = sorted(wanted.keys() - {name for name, _ in there})
        return Looked(len(there), [*found, *(f"{name} is missing" for name in missing)])

    def incomplete_since(self) -> int | None:
        """A file that says that somebody runs on it, and has no log: what that held is not here."""
        if self.found_log or not database.is_running(self.connection):
            return None
        return database.last_change_ms(self.connection)

    def timers_given(self) -> int:
        row = next(self.rows("SELECT seq FROM sqlite_sequence WHERE name = 'timers'"), None)
        return int(row[0] or 0) if row else 0

    def reader(self, *, budget_s: float) -> Reader:
        """What one check of a plugin reads, with so many seconds for its SQL."""
        return SqliteReader(self.connection, PluginSandbox(self.connection, budget_s=budget_s), of_no_store())

    @property
    def has_features(self) -> bool:
        """Whether this database has what features stand on: one that is not yet migrated was never served by any."""
        version: int = next(self.rows("PRAGMA user_version"))[0]
        return version >= _FEATURES_SINCE

    def feature(self, name: str, *, budget_s: float) -> FeatureRows:
        """What the checks of one feature read, with so many seconds for SQL that is not streamed."""
        return FeatureRows(self, name, PluginSandbox(self.connection, budget_s=budget_s))

    def check(self, progress: Progress | None = None) -> Report:
        """Check every invariant of the store here."""
        return check_snapshot(self, side=self.side, ledger=self.ledger, progress=progress)

    def plugins(self) -> dict[str, int]:
        """Every plugin and feature that ever ran on this database, and the number of its applied migrations."""
        tables = "SELECT count(*) FROM sqlite_master WHERE name IN ('plugin_cursors', 'plugin_migrations')"
        if next(self.rows(tables)) != (2,):
            return {}  # never set up; or damaged, which the checks say
        return dict(
            self.rows(
                "SELECT name, (SELECT count(*) FROM plugin_migrations WHERE plugin = name) FROM"
                " (SELECT plugin AS name FROM plugin_migrations UNION SELECT plugin FROM plugin_cursors) ORDER BY name"
            )
        )


class FeatureRows:
    """The tables of one feature, and what the store keeps under its name: all but the counting of
    `imserver.feature_api.Snapshot`. A map that cannot be read shows nothing: the store's own checks report it.
    """

    def __init__(self, snapshot: Snapshot, name: str, sandbox: PluginSandbox) -> None:
        self._rows = snapshot.rows
        self._name = name
        self._sandbox = sandbox

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._sandbox.execute(self._name, sql, params, Mode.OUR_READ)

    def rows(self, sql: str, params: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        return self._sandbox.stream(self._name, sql, params, Mode.OUR_READ)

    def items(self) -> Iterator[tuple[int, int, int, Any]]:
        return self._values(
            "SELECT conversation_no, position, user_no, data FROM item_values"
            " ORDER BY conversation_no, position, user_no"
        )

    def abouts(self) -> Iterator[tuple[int, Any]]:
        return self._values("SELECT no, about FROM conversations WHERE about IS NOT NULL ORDER BY no")

    def settings(self) -> Iterator[tuple[int, int, Any]]:
        return self._values(
            "SELECT conversation_no, user_no, settings FROM members WHERE settings IS NOT NULL UNION ALL"
            " SELECT conversation_no, user_no, settings FROM team_cursors WHERE settings IS NOT NULL"
            " ORDER BY conversation_no, user_no"
        )

    def accounts(self) -> Iterator[tuple[int, Any]]:
        return self._values("SELECT user_no, data FROM user_values ORDER BY user_no")

    def taken_back(self) -> Iterator[tuple[Any, ...]]:
        return self._rows("SELECT conversation_no, position FROM messages WHERE content IS NULL")

    def members(self) -> Iterator[tuple[Any, ...]]:
        return self._rows(
            "SELECT conversation_no, user_no FROM members WHERE left_at IS NULL UNION"
            " SELECT c.no, t.user_no FROM conversations c JOIN team_members t ON t.team_no = c.team"
        )

    def _values(self, statement: str) -> Iterator[Any]:
        """Rows that end with a map, with the feature's value instead."""
        for *where, data in self._rows(statement):
            values = read_content(data)
            if not isinstance(values, str) and self._name in values:
                yield (*where, values[self._name])


def check_database(
    connection: sqlite3.Connection,
    *,
    side: SideMark | None = None,
    ledger: Ledger | None = None,
    progress: Progress | None = None,
) -> Report:
    """Check every invariant of this database; writes nothing.

    Reads one snapshot: the transaction that is open on `connection`, or one of its own. The connection may be any that can
    read (the store's own reader, a copy, `file:…?mode=ro`).
    """
    own = not connection.in_transaction
    if own:
        connection.execute("BEGIN")
    try:
        return Snapshot(connection, side, ledger=ledger).check(progress)
    finally:
        if own and connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def open_snapshot(path: Path) -> Iterator[Snapshot]:
    """The database as it is at this moment. Raises `StartError`, one line, if it cannot be read, or is not one of ours;
    `ChangedMeanwhile` at the end if a server started or stopped meanwhile.

    A log that a killed server left is read with the database and stays where it is. A database at rest has no log: it is
    read without any of SQLite's own side files, so that looking leaves no trace, also in a folder that cannot be written.
    """
    path = path.resolve()
    check_place(path)
    if not path.exists():
        raise StartError(f"{path}: does not exist", again=True)
    side, ledger = _side_file(path), read_ledger(ledger_path(path))
    found_log = has_log(path)
    at_rest = _at_rest(path)
    before = _marks(path)
    connection = _open(path, at_rest)
    try:
        database.version_of_ours(connection, path)
        yield Snapshot(connection, side, found_log, ledger)
    except Snapshot.broken as error:
        raise StartError(f"{path}: {database.in_plain_words(error)}", again=passes(error)) from error
    finally:
        connection.close()
    if at_rest and (_marks(path) != before or not _at_rest(path)):
        raise ChangedMeanwhile(f"{path}: a server started or stopped meanwhile; try again", again=True)


def _open(path: Path, at_rest: bool) -> sqlite3.Connection:
    """In a read transaction that has read."""
    try:
        connection = sqlite3.connect(
            f"{path.as_uri()}?mode=ro{'&immutable=1' if at_rest else ''}",
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
        )
    except sqlite3.Error as error:
        raise StartError(f"{path}: {database.in_plain_words(error)}", again=passes(error)) from error
    try:
        database.prepare_reader(connection)
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except Snapshot.broken as error:
        connection.close()
        if not at_rest and not os.access(path.parent, os.W_OK):
            text = "its log (-wal) cannot be read in a folder that cannot be written: copy both elsewhere, and check the copy"
            raise StartError(f"{path}: {text}") from error
        raise StartError(f"{path}: {database.in_plain_words(error)}", again=passes(error)) from error
    return connection


def _side_file(path: Path) -> SideFile | None:
    seen = database.HighWater(path).read()
    return None if seen is None else SideFile(*seen)


def _at_rest(path: Path) -> bool:
    """True if no process has the database open and there is no log to read: then the file alone is complete."""
    wal, shm = Path(f"{path}-wal"), Path(f"{path}-shm")
    return not shm.exists() and not (wal.exists() and wal.stat().st_size)


def _marks(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_mtime_ns, state.st_size
