"""What the store uses of `sqlite3.Connection`, on apsw: another copy of SQLite, on a disk that fails.

Errors become those of `sqlite3` with their codes. SQLite swallows some errors of its files (an automatic checkpoint behind a
COMMIT, a checkpoint at closing), where apsw raises whatever Python raised below: those are swallowed here.

The two copies must never have one file open at the same time in one process; checkers look at copies of the files.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import apsw

from imserver.store.sqlite.connection import BUSY_TIMEOUT_S, CACHED_STATEMENTS
from imserver.store.sqlite.plugin_sandbox import statements
from tests.storage_faults.disk import Disk

_AUTOCHECKPOINT = re.compile(r"PRAGMA wal_autocheckpoint = (\d+)")
_OPERATIONAL = frozenset({1, 3, 4, 5, 6, 8, 9, 10, 13, 14, 15, 16, 17})
_CLASSES: Mapping[int, type[Exception]] = {
    sqlite3.SQLITE_NOMEM: MemoryError,
    sqlite3.SQLITE_CORRUPT: sqlite3.DatabaseError,
    sqlite3.SQLITE_TOOBIG: sqlite3.DataError,
    sqlite3.SQLITE_CONSTRAINT: sqlite3.IntegrityError,
    sqlite3.SQLITE_MISMATCH: sqlite3.IntegrityError,
    sqlite3.SQLITE_MISUSE: sqlite3.InterfaceError,
    **dict.fromkeys(_OPERATIONAL, sqlite3.OperationalError),
}
_CODE_OF_CLASS = {
    apsw.IOError: sqlite3.SQLITE_IOERR,
    apsw.FullError: sqlite3.SQLITE_FULL,
    apsw.CantOpenError: sqlite3.SQLITE_CANTOPEN,
}


def translated(error: apsw.Error) -> Exception:
    """The error that `sqlite3` would raise."""
    code = getattr(error, "extendedresult", None) or _CODE_OF_CLASS.get(type(error), 0)
    made = _CLASSES.get(code & 0xFF, sqlite3.DatabaseError)(str(error))
    if isinstance(made, sqlite3.Error):
        made.sqlite_errorcode = code
        made.sqlite_errorname = type(error).__name__
    return made


class Rows:
    """What `execute` returns: a cursor that has fetched everything. `lastrowid`: of the row that was last inserted."""

    def __init__(self, rows: list[tuple[Any, ...]], lastrowid: int = 0) -> None:
        self._rows = iter(rows)
        self.lastrowid = lastrowid

    def fetchall(self) -> list[tuple[Any, ...]]:
        return list(self._rows)

    def fetchone(self) -> tuple[Any, ...] | None:
        return next(self._rows, None)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self._rows

    def close(self) -> None: ...


class FaultyDisksConnection:
    """One connection of one thread."""

    def __init__(
        self, disk: Disk, path: str, after_commit: Callable[[FaultyDisksConnection], None] | None
    ) -> None:
        self._after_commit = after_commit
        self._checkpoint_at = 1000
        self._committed = False
        try:
            self._raw = apsw.Connection(path, vfs=disk.vfs, statementcachesize=CACHED_STATEMENTS)
        except apsw.Error as error:
            raise translated(error) from error
        self._raw.set_busy_timeout(int(BUSY_TIMEOUT_S * 1000))
        self._raw.set_wal_hook(self._when_committed)

    @property
    def in_transaction(self) -> bool:
        return self._raw.in_transaction

    def execute(self, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> Rows:
        setting = _AUTOCHECKPOINT.fullmatch(sql)
        if setting:
            self._checkpoint_at = int(setting[1])
            return Rows([(self._checkpoint_at,)])
        self._committed = False
        rows: list[tuple[Any, ...]] = []
        try:
            rows = self._raw.execute(sql, params).fetchall()
        except apsw.Error as error:
            if not (self._committed and str(error) == "injected"):
                raise translated(error) from error
        if self._after_commit is not None and sql.strip() in {"COMMIT", "COMMIT;"}:
            self._after_commit(self)
        return Rows(rows, self._raw.last_insert_rowid())

    def executescript(self, script: str) -> Rows:
        """One statement after the other: a script that commits several times leaves as many states."""
        for statement in statements(script):
            self.execute(statement)
        return Rows([])

    def set_authorizer(self, authorizer: Callable[..., int] | None) -> None:
        self._raw.set_authorizer(authorizer)

    def set_progress_handler(self, handler: Callable[[], Any] | None, steps: int) -> None:
        self._raw.set_progress_handler(handler, steps or 100)

    def getlimit(self, category: int) -> int:
        return self._raw.limit(category)

    def setlimit(self, category: int, limit: int) -> int:
        """What it was before, as `sqlite3` answers."""
        return self._raw.limit(category, limit)

    def close(self) -> None:
        try:
            self._raw.close()
        except apsw.Error as error:
            if str(error) != "injected":
                raise translated(error) from error
            self._raw.close(True)

    def _when_committed(self, connection: apsw.Connection, database: str, pages: int) -> int:
        """Takes the place of SQLite's own hook, which is how it checkpoints automatically."""
        self._committed = True
        if self._checkpoint_at and pages >= self._checkpoint_at:
            try:
                connection.wal_checkpoint(database, apsw.SQLITE_CHECKPOINT_PASSIVE)
            except apsw.Error as error:
                if str(error) != "injected":
                    raise
        return apsw.SQLITE_OK


def connector(
    disk: Disk, after_commit: Callable[[FaultyDisksConnection], None] | None = None
) -> Callable[[str], Any]:
    """For `SqliteStore`: connections to files of this disk. `after_commit` is called on the connection's thread."""
    return lambda path: FaultyDisksConnection(disk, path, after_commit)
