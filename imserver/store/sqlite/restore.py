"""Putting a copy of the database back: looked at, copied beside the database, checked, and put in its place in one step.

What stands there is kept under another name. A process that is killed in between leaves the database of before or the copy,
never none: the copy is whole, synced, and marked as one (`copied_at`) before it takes the place. Whoever opens it for writing
first, the command or a server, begins a life that says so, and applies the ledger.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import itertools
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from imserver.errors import BackupFailed, StartError
from imserver.passing import passes
from imserver.store.engine.ledger import Ledger, Plan, begins_with, plan
from imserver.store.sqlite import database
from imserver.store.sqlite.backup import (
    Pace,
    State,
    Unfinished,
    check,
    copied_at,
    copy,
    is_backup,
    mark,
    read_only,
    reading,
    state_of,
)
from imserver.store.sqlite.faults import primary_code
from imserver.store.sqlite.guard import has_log
from imserver.store.sqlite.ledger import ledger_path, put_file, sound_ledger

#: Told of each step that is done. Tests end the process here.
Step = Callable[[str], None]

#: Side files that hold rows.
_LOGS = ("-wal", "-journal")
#: With these codes a database cannot be read any more; IOERR is a disk that breaks.
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR})
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


@dataclass(frozen=True, slots=True)
class Found:
    """A copy that can be put back, or the database that it would replace."""

    path: Path
    state: State
    #: Of when it is (UTC ms): what the copy says, else the newest time in it.
    at: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a restore would do."""

    copy: Found
    #: None: there is none, or it cannot be read (`present_says`).
    present: Found | None
    present_says: str
    #: Messages of the present database that the copy does not have; None if they are not of one history.
    lost: int | None
    #: The ledger that holds: the newest of the one beside the database and the one beside the copy.
    ledger: Ledger | None
    ledger_from: Path | None
    stands: Plan


def look(file: Path, path: Path) -> Outlook:
    """Look at a copy and at what it would replace. Writes nothing. Raises `StartError` if it cannot be put back."""
    _check_name(file, path)
    found = _look_at(file)
    with reading(file) as connection:
        applied = database.ledger_applied(connection)
    ledger, source = newest_ledger(file, path)
    present, says, lost = _present(file, path)
    return Outlook(found, present, says, lost, ledger, source, plan(ledger or Ledger(""), applied))


def newest_ledger(file: Path, path: Path) -> tuple[Ledger | None, Path | None]:
    """The ledger that holds, and where it is: beside the database, or beside the copy if that one knows more. Raises
    `StartError` if neither is the other one written on."""
    here, there = ledger_path(path), file.parent / ledger_path(path).name
    ours, theirs = sound_ledger(here), sound_ledger(there)
    if ours is not None and not ours.records:
        ours = None
    if theirs is None or not theirs.records:
        return ours, None if ours is None else here
    if ours is None or (begins_with(theirs, ours) and len(theirs.records) > len(ours.records)):
        return theirs, there
    if begins_with(ours, theirs):
        return ours, here
    text = (
        "are not the same ledger written on: put the one that holds beside the database, the other one away"
    )
    raise StartError(f"{here} and {there}: {text}")


def stage(file: Path, place: Path, pace: Pace | None = None) -> State:
    """Make a copy of the copy at this place: whole, synced, checked, marked. Raises `StartError`."""
    unfinished = Unfinished(place)
    try:
        with unfinished, reading(file) as connection:
            before = state_of(connection)
            copy(connection, unfinished, pace or Pace(slice_pages=-1, rest_s=0))
            mark(unfinished.path, _time_of(connection))
            unfinished.sync()
            if check(unfinished.path) != before:
                raise StartError(f"{file}: changed while it was read; try again", again=True)
            unfinished.rename()
    except BackupFailed as error:
        raise StartError(str(error), again=error.again) from error
    except StartError as error:
        raise StartError(str(error).replace(str(unfinished.path), str(file)), again=error.again) from error
    except sqlite3.Error as error:
        raise StartError(f"{place}: {database.in_plain_words(error)}", again=passes(error)) from error
    except OSError as error:
        raise StartError(f"{place}: {error.strerror or error}", again=passes(error)) from error
    return before


def put_back(file: Path, path: Path, now: datetime, step: Step = lambda name: None) -> Path | None:
    """Put the copy in the database's place. Nobody has the database open: the caller holds its lock. Returns under which name
    the database of before is kept, or its log if only that was left; None if there was nothing. Raises `StartError`, and
    nothing has changed."""
    _check_name(file, path)
    staged, kept = staged_path(path), _free_name(path, now)
    ledger, source = newest_ledger(file, path)
    finish_begun(path, now)
    stage(file, staged)
    step("staged")
    before = _identity(path)
    try:
        if source is not None and source != ledger_path(path) and ledger is not None:
            put_file(ledger_path(path), source.read_bytes()[: ledger.size])
        step("ledger")
        if path.exists() and path.stat().st_size:
            _write_back(path)
        step("written back")
        _put_aside(path, kept)
        step("log aside")
        if not path.exists() or not path.stat().st_size:
            staged.replace(path)
            database.sync_folder(path.parent)
            step("done")
            return next((log for log in (Path(f"{kept}{end}") for end in _LOGS) if log.exists()), None)
        if not _swapped(staged, path, kept, step):
            _copied_aside(path, kept)
            step("kept")
            staged.replace(path)
        database.sync_folder(path.parent)
        step("done")
    except (OSError, StartError) as error:
        with contextlib.suppress(OSError):
            staged.unlink(missing_ok=True)
            for end in _LOGS if _identity(path) == before else ():  # never beside the copy
                if Path(f"{kept}{end}").exists():
                    Path(f"{kept}{end}").rename(f"{path}{end}")
        if isinstance(error, StartError):
            raise
        raise StartError(f"{path}: {error.strerror or error}", again=passes(error)) from error
    return kept


def staged_path(path: Path) -> Path:
    """Where the copy waits. Nothing else is ever there: what is there may be removed."""
    return path.with_name(f"{path.name}.restoring")


def finish_begun(path: Path, now: datetime) -> None:
    """Clear up after a restore that was killed: a copy of the copy waits. What is none is not ours, and is kept."""
    staged = staged_path(path)
    if not staged.exists():
        return
    if is_backup(staged):
        staged.unlink()
    else:
        staged.rename(_free_name(path, now))
    database.sync_folder(path.parent)


# -- parts ------------------------------------------------------------------------------------------------------------


def _check_name(file: Path, path: Path) -> None:
    """Refuse what is no copy by its name alone. Raises `StartError`."""
    for other, words in (
        (path, "is the database itself"),
        (
            staged_path(path),
            "is what a restore that was broken off left, and the next one removes; rename it first",
        ),
    ):
        if file == other or (file.exists() and other.exists() and file.samefile(other)):
            raise StartError(f"{file}: {words}")


def _free_name(path: Path, now: datetime) -> Path:
    """What the database of before is kept as: of two restores in one second, both have theirs."""
    name = f"{path.name}.before-restore-{now:%Y%m%d-%H%M%S}"
    numbers = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
    names = (path.with_name(f"{name}{number}") for number in numbers)
    return next(each for each in names if not any(os.path.lexists(f"{each}{end}") for end in ("", *_LOGS)))


def _look_at(file: Path) -> Found:
    with reading(file) as connection:
        database.check_whole(connection, file)
        size = file.stat().st_size
        return Found(file, state_of(connection), _time_of(connection), size)


def _time_of(connection: sqlite3.Connection) -> int:
    told = copied_at(connection)
    return database.last_change_ms(connection) if told is None else told


def _present(file: Path, path: Path) -> tuple[Found | None, str, int | None]:
    """What the copy would replace, what keeps us from reading it, and how many of its messages the copy lacks."""
    if not path.exists() or not path.stat().st_size:
        return None, "", 0
    try:
        # Without a log it is at rest, and stays as it is: an empty log, put there by us, would look like one that is all there.
        with reading(file) as other, read_only(path, at_rest=not has_log(path)) as connection:
            connection.execute("BEGIN")
            if not database.version_of_ours(connection, path):
                return None, "nothing was ever stored in it", 0
            found = Found(path, state_of(connection), _time_of(connection), path.stat().st_size)
            return found, "", _lost(connection, other)
    except (sqlite3.Error, UnicodeError) as error:
        return None, database.in_plain_words(error), None
    except StartError as error:
        if "something else" in str(error):
            raise
        return None, str(error).removeprefix(f"{path}: "), None


def _lost(present: sqlite3.Connection, other: sqlite3.Connection) -> int | None:
    """How many messages are behind what both have; None if they have no run in common."""
    if state_of(present).schema < 2 or state_of(other).schema < 2:
        return None
    runs = "SELECT mark, first_change FROM lineage ORDER BY no"
    ours, theirs = present.execute(runs).fetchall(), other.execute(runs).fetchall()
    common = sum(1 for _ in _same(ours, theirs))
    if not common:
        return None
    ends = [runs[common][1] - 1 if common < len(runs) else None for runs in (ours, theirs)]
    heads = [database.last_changes(each)[0] for each in (present, other)]
    shared = min(head if end is None else end for end, head in zip(ends, heads, strict=True))
    lost: int = present.execute("SELECT count(*) FROM messages WHERE change > ?", (shared,)).fetchone()[0]
    return lost


def _same(ours: list[tuple[bytes, int]], theirs: list[tuple[bytes, int]]) -> Iterator[None]:
    for one, other in zip(ours, theirs, strict=False):
        if one[0] != other[0]:
            return
        yield None


def _write_back(path: Path) -> None:
    """Write the log of the database into its file, so that it can be kept as one file. One too damaged for it is kept as it is.

    Raises `StartError` if that could be mended: without its log, what is kept, or what a kill leaves, would lack posts.
    """
    busy = 0
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as connection:
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0][0]
    except UnicodeError:
        pass
    except sqlite3.DatabaseError as error:
        if primary_code(error) not in _DAMAGE:
            raise StartError(f"{path}: {database.in_plain_words(error)}", again=passes(error)) from error
    if busy:
        raise StartError(f"{path}: another program reads it: end that first", again=True)
    shm, wal = Path(f"{path}-shm"), Path(f"{path}-wal")
    if wal.exists() and not wal.stat().st_size:
        wal.unlink()
    shm.unlink(missing_ok=True)
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _put_aside(path: Path, kept: Path) -> None:
    """Take away what SQLite would take for the copy's own log."""
    for end in _LOGS:
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{end}").rename(f"{kept}{end}")
    Path(f"{path}-shm").unlink(missing_ok=True)
    database.sync_folder(path.parent)


def _copied_aside(path: Path, kept: Path) -> None:
    shutil.copyfile(path, kept)
    kept.chmod(0o600)
    fd = os.open(kept, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    database.sync_folder(kept.parent)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _swapped(staged: Path, path: Path, kept: Path, step: Step) -> bool:
    """Let copy and database change places. False where that cannot be done in one step.

    The copy first takes the name under which the database of before is kept. So that one never waits under the name that the
    next restore clears away, whenever this one is killed.
    """
    staged.rename(kept)
    step("named")
    swapped = False
    try:
        swapped = _swap(kept, path)
    finally:
        if not swapped:
            kept.rename(staged)
    if swapped:
        step("swapped")
    return swapped


def _swap(one: Path, other: Path) -> bool:
    """Let two files change their names in one step. False where the system, or the disk, cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if not rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE):
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code))
