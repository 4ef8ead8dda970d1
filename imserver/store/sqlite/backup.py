"""Backups: a copy of one moment of the database, taken beside its writer, complete by itself.

A read transaction is held for as long as the copy takes, and the pages are read in small slices with rests between them. In
slices without the transaction SQLite begins anew whenever somebody commits between two of them, and beside a busy server never
ends; in one go it takes the disk and the processor from those who commit.

The copy is made under a temporary name in the target's folder, synced, checked, and renamed: there is a whole one of before, or
the new one. It bears the time at which it was taken (`copied_at`) until somebody opens it for writing: so every opening of a
copy is known for what it is, also of one that was put back by hand.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import NamedTuple, Self

from imserver.clock import time_text
from imserver.errors import BackupFailed, StartError
from imserver.passing import passes
from imserver.store.sqlite import database
from imserver.store.sqlite.faults import primary_code
from imserver.store.sqlite.guard import check_place, has_log
from imserver.store.sqlite.ledger import Copied, copy_ledger, ledger_path

#: Pages of a slice, and the rest behind each (seconds).
SLICE_PAGES = 50
REST_S = 0.01
#: Slices behind which the copy is written through to the disk: all of it at the end would keep commits waiting.
SYNC_EVERY = 20
#: Side files that SQLite may make beside a database.
SIDE_FILES = ("-wal", "-shm", "-journal")

#: Files that are ours beside it. What a restore that was killed left (`.restoring`) the next one removes.
OTHER_FILES = (".lock", ".high", ".control", ".restoring")

#: Told of how many pages were copied, and of how many there are.
Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made."""

    path: Path
    #: UTC milliseconds: everything that was committed before is in it.
    copied_at: int
    #: The last change in it.
    change: int
    messages: int
    size_bytes: int
    ledger: Copied


@dataclass(frozen=True, slots=True)
class Pace:
    """How a copy is made: at which speed, who is told of it, and what ends it."""

    slice_pages: int = SLICE_PAGES
    rest_s: float = REST_S
    told: Told = lambda done, total: None
    ended: Event = field(default_factory=Event)

    def rest(self, left: int, total: int) -> None:
        """Between two slices, and behind the last."""
        self.told(total - left, total)
        if self.ended.wait(self.rest_s if left else 0):
            raise BackupFailed("the backup was broken off before it was whole", again=True)


def check_target(target: Path, live: Path) -> None:
    """Refuse a target that is no place for a backup, before anything is done. Opens no file: closing one of the database's
    would take its locks from this process."""
    if target.is_dir():
        raise BackupFailed(f"{target}: is a folder; name a file in it")
    if not target.parent.is_dir():
        raise BackupFailed(f"{target}: the folder {target.parent} does not exist", again=True)
    for file in (live, *(Path(f"{live}{end}") for end in (*SIDE_FILES, *OTHER_FILES)), ledger_path(live)):
        if target == file or (target.exists() and file.exists() and target.samefile(file)):
            raise BackupFailed(f"{target}: is a file of the database itself")
    if target.suffix == ".ledger":
        raise BackupFailed(f"{target}: this name is the ledger's, which is put beside the backups")
    if any(Path(f"{target}{end}").exists() for end in SIDE_FILES):
        raise BackupFailed(
            f"{target}: somebody has used it as a database (there is a {target.name}-wal or the like)"
        )
    if target.exists() and not is_backup(target):
        raise BackupFailed(f"{target}: is there already, and is no backup of imserver")


def is_backup(path: Path) -> bool:
    """True if this is a copy that nobody has opened for writing."""
    with contextlib.suppress(sqlite3.Error, UnicodeError), read_only(path) as connection:
        return copied_at(connection) is not None
    return False


def back_up(
    source: sqlite3.Connection, live: Path, target: Path, copied_at: int, pace: Pace | None = None
) -> Backup:
    """Copy the database that `source` reads, in a transaction that is open and has read. Raises `BackupFailed`."""
    unfinished = Unfinished(target)
    try:
        with unfinished:
            _check_history(source, target)
            copy(source, unfinished, pace or Pace())
            mark(unfinished.path, copied_at)
            unfinished.sync()
            state = check(unfinished.path)
            if state != state_of(source):
                raise StartError("it does not hold what was copied")
            size = unfinished.path.stat().st_size
            unfinished.rename()
    except sqlite3.Error as error:
        path = live if primary_code(error) in _SOURCE_CODES else target
        raise BackupFailed(f"{path}: {database.in_plain_words(error)}", again=passes(error)) from error
    except StartError as error:
        told = str(error).removeprefix(f"{unfinished.path}: ")
        raise BackupFailed(f"{target}: was not kept: {told}", again=error.again) from error
    except OSError as error:
        raise BackupFailed(f"{target}: {error.strerror or error}", again=passes(error)) from error
    ledger = copy_ledger(ledger_path(live), target.parent / ledger_path(live).name)
    return Backup(target, copied_at, state.change, state.messages, size, ledger)


def _check_history(source: sqlite3.Connection, target: Path) -> None:
    """Keep the copy that is there if it is of another history: a server that was started in an empty folder is no reason to
    lose the last copy of the one before. Raises `BackupFailed`."""
    if target.exists():
        with read_only(target) as there:
            known = _epoch(there)
        if known is not None and known != _epoch(source):
            raise BackupFailed(
                f"{target}: is a backup of another database, perhaps the last one; name another file, or move it away"
            )


def _epoch(connection: sqlite3.Connection) -> str | None:
    if not has(connection, "meta"):
        return None
    rows = connection.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchall()
    return rows[0][0] if rows else None


_SOURCE_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Unfinished:
    """A file under a temporary name beside the target, of one backup at a time; gone at the end, unless it was renamed.

    One that a killed process left is taken over.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f".{target.name}.unfinished")
        self._fd = -1

    def __enter__(self) -> Self:
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._fd)
            raise BackupFailed(f"{self.target}: another backup is being written there", again=True) from None
        if not os.path.samestat(os.fstat(self._fd), self.path.stat()):  # renamed before the lock was free
            os.close(self._fd)
            raise BackupFailed(f"{self.target}: another backup has just been written there", again=True)
        os.ftruncate(self._fd, 0)
        self._remove_side_files()
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._fd >= 0:
            self._remove_side_files()
            with contextlib.suppress(OSError):
                self.path.unlink()
            os.close(self._fd)

    def sync(self) -> None:
        """Write it through to the disk."""
        os.fsync(self._fd)

    def rename(self) -> None:
        """Put it in the target's place."""
        self.path.replace(self.target)
        os.close(self._fd)
        self._fd = -1
        database.sync_folder(self.target.parent)

    def _remove_side_files(self) -> None:
        for end in SIDE_FILES:
            with contextlib.suppress(OSError):
                Path(f"{self.path}{end}").unlink()


class State(NamedTuple):
    """What a database holds, in short; two copies of one moment do not differ in it."""

    schema: int
    change: int = 0
    messages: int = 0
    #: The present run's mark; copies of one life have the same.
    mark: bytes = b""


def state_of(connection: sqlite3.Connection) -> State:
    """The state of the snapshot. Reads no message but the last."""
    schema: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if not schema or not has(connection, "meta"):
        return State(schema)
    messages: int = connection.execute("SELECT coalesce(sum(position), 0) FROM heads").fetchone()[0]
    marks = (
        connection.execute("SELECT mark FROM lineage ORDER BY no DESC LIMIT 1").fetchall()
        if schema > 1
        else []
    )
    return State(schema, database.last_changes(connection)[0], messages, marks[0][0] if marks else b"")


def copy(source: sqlite3.Connection, unfinished: Unfinished, pace: Pace) -> None:
    """Copy the pages of the snapshot into the empty file."""
    if not source.in_transaction:
        raise ValueError("a copy is of one transaction")
    slices = itertools.count(1)

    def copied(status: int, left: int, total: int) -> None:
        if next(slices) % SYNC_EVERY == 0:
            unfinished.sync()
        pace.rest(left, total)

    with contextlib.closing(sqlite3.connect(unfinished.path, isolation_level=None)) as made:
        # Nobody else sees this file before it is synced as a whole.
        made.execute("PRAGMA journal_mode = OFF").fetchall()
        made.execute("PRAGMA synchronous = OFF")
        source.backup(made, pages=pace.slice_pages, progress=copied)
        # The pages say that there is a log; it is none that would have to be there.
        made.execute("PRAGMA journal_mode = DELETE").fetchall()


def mark(path: Path, copied_at: int) -> None:
    """Write into the copy when it was taken, and that nobody runs on it."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as made:
        made.execute("PRAGMA synchronous = OFF")
        if not has(made, "meta"):
            return
        made.execute("BEGIN")
        made.execute("DELETE FROM meta WHERE name = 'running'")
        made.execute(
            "INSERT INTO meta (name, value) VALUES ('copied_at', ?) ON CONFLICT (name) DO NOTHING",
            (copied_at,),
        )
        made.execute("COMMIT")


def check(path: Path) -> State:
    """Read a copy to its end: whole, as SQLite finds, and a database of ours. Raises `StartError`."""
    try:
        with read_only(path) as connection:
            database.version_of_ours(connection, path)
            database.check_whole(connection, path)
            return state_of(connection)
    except (sqlite3.Error, UnicodeError) as error:
        raise StartError(f"{path}: {database.in_plain_words(error)}", again=passes(error)) from error


@contextlib.contextmanager
def reading(file: Path) -> Iterator[sqlite3.Connection]:
    """A database that no server has open, in a read transaction: a copy, or what a server left, with its log. Raises
    `StartError`."""
    check_place(file)
    if not file.exists():
        raise StartError(f"{file}: does not exist", again=True)
    found_log = has_log(file)
    try:
        with read_only(file, at_rest=not found_log) as connection:
            connection.execute("BEGIN")
            if not database.version_of_ours(connection, file):
                raise StartError(f"{file}: nothing was ever stored here")
            if database.is_running(connection) and not found_log:
                until = time_text(database.last_change_ms(connection))
                text = f"was copied beside a running server without its log (-wal): what came after {until} is missing"
                raise StartError(f"{file}: {text}")
            yield connection
    except (sqlite3.Error, UnicodeError) as error:
        raise StartError(f"{file}: {database.in_plain_words(error)}", again=passes(error)) from error


def copied_at(connection: sqlite3.Connection) -> int | None:
    rows = connection.execute("SELECT value FROM meta WHERE name = 'copied_at'").fetchall()
    return rows[0][0] if rows else None


def has(connection: sqlite3.Connection, table: str) -> bool:
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,))
    return found.fetchone() is not None


@contextlib.contextmanager
def read_only(path: Path, *, at_rest: bool = True) -> Iterator[sqlite3.Connection]:
    """A database that nobody writes to; `at_rest`: without its side files, and so without a trace."""
    where = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if at_rest else ''}"
    with contextlib.closing(sqlite3.connect(where, uri=True, isolation_level=None)) as connection:
        yield connection
