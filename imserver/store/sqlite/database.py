"""The database file: locked for one process, checked before any write, migrated, and marked with the epoch of its history."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import sqlite3
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path

from imserver.clock import Clock
from imserver.errors import StartError
from imserver.passing import passes
from imserver.store.engine.ledger import Applied
from imserver.store.engine.lineage import Lineage, Run, new_epoch, new_mark
from imserver.store.engine.places import KEY_BYTES
from imserver.store.sqlite.views import make_views

#: "imsv": marks the file as ours in its header.
APPLICATION_ID = 0x696D7376
#: STRICT tables need 3.37.
MIN_SQLITE = (3, 37, 0)
#: Pages in the cache of the writer (random index pages) and of each reader, in KiB.
WRITER_CACHE_KIB = 64 * 1024
READER_CACHE_KIB = 8 * 1024
#: The WAL is cut back to this when it restarts from its beginning.
MAX_IDLE_WAL_BYTES = 64 * 1024 * 1024
#: Pages in the WAL at which COMMIT itself checkpoints, if the writer was never idle for long enough (16 MiB).
MAX_WAL_PAGES = 4096

_MAGIC = b"SQLite format 3\0"


class FileLock:
    """`PATH.lock`, held for the life of a store: two processes on one database would each trust their own cached heads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def take(self) -> None:
        """Take the lock. Raises `StartError` if another process has it."""
        try:
            fd = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StartError(f"{self._path}: {error.strerror}", again=passes(error)) from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            raise StartError(f"{self._path}: another imserver has this database open", again=True) from None
        self._fd = fd

    def release(self) -> None:
        """Release the lock. The file stays: removing it would let two processes lock two different files."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def check_place(path: Path) -> None:
    """Check the path. Raises `StartError` where SQLite would say only "unable to open database file", or would overwrite."""
    if path.is_dir():
        raise StartError(f"{path}: is a folder")
    if not path.parent.is_dir():
        raise StartError(f"{path}: the folder {path.parent} does not exist", again=True)
    try:
        with path.open("rb") as file:
            beginning = file.read(len(_MAGIC))
    except FileNotFoundError:
        return
    except OSError as error:
        raise StartError(f"{path}: {error.strerror}", again=passes(error)) from None
    if beginning and beginning != _MAGIC and not Path(f"{path}-journal").exists():
        # With a journal it may be a first page that a power loss cut off: SQLite rolls that back, and judges then.
        raise StartError(f"{path}: is not a database of imserver")


def create_private(path: Path) -> None:
    """Make the file if there is none, readable by its owner only. SQLite's side files take its mode over."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StartError(f"{path}: {error.strerror}", again=passes(error)) from None


def prepare(
    connection: sqlite3.Connection,
    path: Path,
    *,
    durable: bool,
    clock: Clock,
    rng: random.Random,
    seen: tuple[str, int] | None = None,
) -> int | None:
    """Check that the file is ours and sound, set it up, migrate it, begin a life. Runs on the writer's connection. `seen` is
    what the side file knows. Returns of when the database is if it is a copy that was put back. Raises `StartError`.
    """
    if sqlite3.sqlite_version_info < MIN_SQLITE:
        raise StartError(f"SQLite {sqlite3.sqlite_version} is too old: at least 3.37 is needed")
    try:
        version = version_of_ours(connection, path)
        if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise StartError(f"{path}: this place cannot hold an SQLite write-ahead log (a network disk?)")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        connection.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KIB}")
        connection.execute(f"PRAGMA journal_size_limit = {MAX_IDLE_WAL_BYTES}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {MAX_WAL_PAGES}")
        connection.execute("PRAGMA foreign_keys = ON")
        _common(connection)
        if version:
            check_whole(connection, path)
        _migrate(connection, path, version)
        # Recovered rows may be in the system's cache alone: a process killed before its fsync leaves them there, and after an
        # fsync that failed the system takes them for written. Clients will read them, so they are written again.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "INSERT INTO meta (name, value) VALUES ('change', 0) ON CONFLICT (name) DO NOTHING"
        )
        # A read-only file or a full disk shows here and not at the first post. A new value: SQLite does not write an old one
        # again. It also syncs pages that the checkpoint had to leave because another process was reading.
        connection.execute(
            "INSERT INTO meta (name, value) VALUES ('starts', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1"
        )
        connection.execute(
            "INSERT INTO meta (name, value) VALUES ('place_key', ?) ON CONFLICT (name) DO NOTHING",
            (rng.randbytes(KEY_BYTES),),
        )
        copied_at = take_copied_at(connection)
        set_back = copied_at is None and seen is not None and _is_ahead(connection, seen)
        put_run(
            connection,
            "open" if copied_at is None else "restore",
            last_changes(connection)[0] + 1,
            clock,
            rng,
            newest_time(connection) if set_back else copied_at,
        )
        connection.execute("COMMIT")
    except (sqlite3.Error, UnicodeError) as error:
        raise StartError(f"{path}: {in_plain_words(error)}", again=passes(error)) from error
    return copied_at


def prepare_reader(connection: sqlite3.Connection) -> None:
    """Set up a reader's connection: it never writes and never checkpoints."""
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
    _common(connection)
    make_views(connection)
    connection.execute("PRAGMA query_only = ON")


def last_changes(connection: sqlite3.Connection) -> tuple[int, int]:
    """The last number given out in commit order, and the last that a message got."""
    message = connection.execute("SELECT coalesce(max(change), 0) FROM messages").fetchone()[0]
    other = connection.execute("SELECT value FROM meta WHERE name = 'change'").fetchone()[0]
    return max(message, other), message


def take_copied_at(connection: sqlite3.Connection) -> int | None:
    """When this database was copied, if nobody has opened the copy yet. From now on it is no copy any more."""
    rows = connection.execute("DELETE FROM meta WHERE name = 'copied_at' RETURNING value").fetchall()
    return rows[0][0] if rows else None


def is_running(connection: sqlite3.Connection) -> bool:
    """Whether it says that somebody runs on it, or did until the end of the process or of the machine."""
    number = connection.execute("PRAGMA schema_version").fetchall()
    return connection.execute("SELECT value FROM meta WHERE name = 'running'").fetchall() == number


def newest_time(connection: sqlite3.Connection) -> int:
    """The newest time that any row bears which is written with the clock: until then, at least, this history went."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    statements = ["SELECT sent_at FROM messages ORDER BY change DESC LIMIT 1"]
    if version >= 2:
        statements.append("SELECT at FROM lineage ORDER BY no DESC LIMIT 1")
        statements.append("SELECT max(at) FROM outcomes")
    if version >= 3:
        statements.append("SELECT at FROM audit ORDER BY audit_no DESC LIMIT 1")
    times = [value for sql in statements for (value,) in connection.execute(sql) if value is not None]
    return max(times, default=0)


def _is_ahead(connection: sqlite3.Connection, seen: tuple[str, int]) -> bool:
    """Whether the side file knows more of this very history than the database does."""
    return seen[0] == epoch_of(connection) and seen[1] > last_changes(connection)[0]


def put_run(
    connection: sqlite3.Connection,
    why: str,
    first_change: int,
    clock: Clock,
    rng: random.Random,
    copied_at: int | None = None,
) -> Run:
    """Add a row with a new mark to the lineage, in the caller's transaction: what follows is a life of its own. `copied_at`:
    an older copy has come back, of that time.
    """
    no: int = connection.execute("SELECT coalesce(max(no), 0) + 1 FROM lineage").fetchall()[0][0]
    mark = new_mark(rng, clock, no)
    connection.execute(
        "INSERT INTO lineage (no, mark, life, first_change, at, why, copied_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (no, mark, mark, first_change, clock.now_ms(), why, copied_at),
    )
    return Run(no, mark, mark, first_change)


def lineage(connection: sqlite3.Connection) -> Lineage:
    """All runs of this history, the present one last."""
    rows = connection.execute("SELECT no, mark, life, first_change FROM lineage ORDER BY no")
    return Lineage(map(Run._make, rows))


def state_names(connection: sqlite3.Connection) -> set[str]:
    """The names that state was ever written under."""
    return {name for (name,) in connection.execute("SELECT name FROM state_names")}


def place_key(connection: sqlite3.Connection) -> bytes:
    """The key under which this database seals places."""
    key: bytes = connection.execute("SELECT value FROM meta WHERE name = 'place_key'").fetchall()[0][0]
    return key


def ledger_applied(connection: sqlite3.Connection) -> Applied:
    """The last record of the ledger that this database has."""
    rows = connection.execute("SELECT value FROM meta WHERE name = 'ledger'").fetchall()
    return Applied.decoded(rows[0][0] if rows else None)


def epoch_of(connection: sqlite3.Connection) -> str | None:
    """The epoch of this history, None before the first start."""
    rows = connection.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchall()
    return rows[0][0] if rows else None


def settle_epoch(
    connection: sqlite3.Connection, change: int, seen: tuple[str, int] | None, rng: random.Random
) -> str:
    """The epoch of this history: a new one if the side file is ahead of the database (an old copy was put back), or of
    another history."""
    epoch = epoch_of(connection)
    if epoch is not None and (seen is None or (seen[0] == epoch and seen[1] <= change)):
        return epoch
    epoch = new_epoch(rng)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(
        "INSERT INTO meta (name, value) VALUES ('epoch', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (epoch,),
    )
    connection.execute("COMMIT")
    return epoch


class HighWater:
    """`PATH.high`: epoch and highest change number, beside the database, to detect an old copy that was put back.

    Written lazily, and only about what is committed, so it may be behind the database but never ahead of it. It survives lost
    power: a new epoch goes into a new file, synced and renamed into place; a new number overwrites one of the same length
    within one sector, which needs no sync.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self._path = Path(f"{path}.high")
        self._durable = durable
        #: Epoch in the file that this object wrote.
        self._epoch = ""

    def read(self) -> tuple[str, int] | None:
        """Read epoch and change; None without a file, or if it is not one of ours."""
        try:
            epoch, change = self._path.read_text("ascii").split()
            return epoch, int(change)
        except (OSError, ValueError):
            return None

    def write(self, epoch: str, change: int) -> None:
        """Write epoch and change. A full disk is no error: the next write brings a newer number."""
        line = f"{epoch} {change:020d}\n".encode("ascii")
        known, self._epoch = self._epoch, ""
        with contextlib.suppress(OSError):
            if known == epoch:
                with self._path.open("r+b") as file:
                    file.write(line)
            else:
                self._replace(line)
            self._epoch = epoch

    def _replace(self, line: bytes) -> None:
        new = Path(f"{self._path}.new")
        with new.open("wb") as file:
            file.write(line)
            if self._durable:
                file.flush()
                os.fsync(file.fileno())
        new.replace(self._path)
        if self._durable:
            sync_folder(self._path.parent)


def sync_folder(folder: Path) -> None:
    """Make it durable that files of this folder were made, renamed or removed."""
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _common(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA mmap_size = 0")
    # Statement journals of large inserts would otherwise go to a temporary file on another, perhaps full, disk.
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA trusted_schema = OFF")


def version_of_ours(connection: sqlite3.Connection, path: Path) -> int:
    """The schema's version, 0 for a new file. Called before anything is changed."""
    mark = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if mark != APPLICATION_ID and (mark or version or tables):
        raise StartError(f"{path}: is a database of something else")
    newest = max(number for number, _ in migrations())
    if version > newest:
        raise StartError(f"{path}: made by a newer imserver (schema {version}, this one knows {newest})")
    return version


def check_whole(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `StartError` if SQLite finds the file damaged."""
    # SQLite returns several lines in one row; an error at the start is one.
    found = [line for row in connection.execute("PRAGMA quick_check(3)") for line in row[0].splitlines()]
    if found != ["ok"]:
        raise StartError(f"{path}: the database is damaged ({'; '.join(found)[:200]}); restore a backup")


def migrations() -> list[tuple[int, str]]:
    """The numbered scripts of this package, each with its own BEGIN and COMMIT."""
    folder = resources.files("imserver.store.sqlite") / "migrations"
    scripts = [each for each in folder.iterdir() if each.name.endswith(".sql")]
    return sorted((int(each.name.partition("_")[0]), each.read_text("utf-8")) for each in scripts)


@lru_cache(maxsize=4)
def made_by(scripts: tuple[str, ...]) -> Mapping[str, str]:
    """Name -> SQL of each table and index that these migrations make."""
    with contextlib.closing(sqlite3.connect(":memory:")) as raw:
        for script in scripts:
            raw.executescript(script)
        return dict(
            raw.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
        )


def _migrate(connection: sqlite3.Connection, path: Path, version: int) -> None:
    for number, script in migrations():
        if number <= version:
            continue
        try:
            if version == 0:
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.executescript(script)
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise StartError(
                f"{path}: migration {number}: {in_plain_words(error)}", again=passes(error)
            ) from error


def in_plain_words(error: Exception) -> str:
    """SQLite's error in words for the operator."""
    if isinstance(error, UnicodeDecodeError):  # a name in the schema, or a text
        return "the database is damaged; restore a backup"
    text = str(error)
    if text.startswith("malformed database schema"):
        return f"the database is damaged ({text}); restore a backup"
    words = {
        "attempt to write a readonly database": "cannot be written (read-only)",
        "file is not a database": "is not a database of imserver",
        "database or disk is full": "the disk is full",
        "unable to open database file": "cannot be opened (permissions?)",
        "database is locked": "somebody else has it locked",
        "database disk image is malformed": "the database is damaged; restore a backup",
    }
    return words.get(text, text)
