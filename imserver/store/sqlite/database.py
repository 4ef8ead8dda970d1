"""The database file: checked before any write, migrated, marked with the epoch of its history and with who runs on it."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

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


def prepare(connection: sqlite3.Connection, path: Path, *, durable: bool) -> None:
    """Check that the file is ours and sound, set it up, migrate it. Runs on the writer's connection. Raises `StartError`."""
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
    except (sqlite3.Error, UnicodeError) as error:
        raise StartError(f"{path}: {in_plain_words(error)}", again=passes(error)) from error


class Beginning(NamedTuple):
    """What was found when a life began."""

    #: Time (ms) of the last change of a copy that lacks its log.
    incomplete_since: int | None
    #: Of when this is (ms), if it is an older copy that has come back: as it says, or as the side file lets us suspect.
    copied_at: int | None
    #: The copy said so itself.
    is_backup: bool


def begin(
    connection: sqlite3.Connection,
    path: Path,
    *,
    found_log: bool,
    clock: Clock,
    rng: random.Random,
    seen: tuple[str, int] | None = None,
) -> Beginning:
    """Begin a life, and say in the file itself that somebody runs on it: a copy of it without its log is incomplete then.
    `seen` is what the side file knows. Raises `StartError`.
    """
    try:
        incomplete = is_running(connection) and not found_log
        last_ms = last_change_ms(connection) if incomplete else None
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
        # An older copy that comes back keeps its epoch: what each client has to forget then, its places tell.
        connection.execute(
            "INSERT INTO meta (name, value) VALUES ('epoch', ?) ON CONFLICT (name) DO NOTHING",
            (new_epoch(rng),),
        )
        copied_at = _take_copied_at(connection)
        is_backup = copied_at is not None
        why = "opened without its log" if incomplete else "restore" if is_backup else "open"
        if not is_backup and (incomplete or (seen is not None and _is_ahead(connection, seen))):
            copied_at = last_change_ms(connection)
        if copied_at is not None:  # a link, or a code, that was used since would be good again
            connection.execute("DELETE FROM links WHERE used_at IS NULL")
            connection.execute("DELETE FROM joins")
        put_run(connection, why, last_changes(connection)[0] + 1, clock, rng, copied_at)
        put_running(connection, True)
        connection.execute("COMMIT")
        # Into the file. One that another program reads meanwhile gets it with a later checkpoint.
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    except (sqlite3.Error, UnicodeError) as error:
        raise StartError(f"{path}: {in_plain_words(error)}", again=passes(error)) from error
    return Beginning(last_ms, copied_at, is_backup)


def end(connection: sqlite3.Connection) -> None:
    """Write everything into the file, and then, as the last thing, that it is complete without a log."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    put_running(connection, False)
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def put_running(connection: sqlite3.Connection, running: bool) -> None:
    """Say whether somebody runs on this database: 0, or the number of the schema as it is.

    A copy of the file has the same number, so it needs the log that was beside it. One that SQLite made (its backup, VACUUM
    INTO) got a number of its own, and is whole.
    """
    number = connection.execute("PRAGMA schema_version").fetchall()[0][0] if running else 0
    connection.execute(
        "INSERT INTO meta (name, value) VALUES ('running', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (number,),
    )


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


def _take_copied_at(connection: sqlite3.Connection) -> int | None:
    """When this database was copied, if nobody has opened the copy yet. From now on it is no copy any more."""
    rows = connection.execute("DELETE FROM meta WHERE name = 'copied_at' RETURNING value").fetchall()
    return rows[0][0] if rows else None


def is_running(connection: sqlite3.Connection) -> bool:
    """Whether it says that somebody runs on it, or did until the end of the process or of the machine."""
    number = connection.execute("PRAGMA schema_version").fetchall()
    return connection.execute("SELECT value FROM meta WHERE name = 'running'").fetchall() == number


def last_change_ms(connection: sqlite3.Connection) -> int:
    """When something was stored here last, as far as rows bear times: until then, at least, this history went."""
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


def disabled_users(connection: sqlite3.Connection) -> set[str]:
    """Who may do nothing."""
    return {name for (name,) in connection.execute("SELECT user_id FROM users WHERE disabled_at IS NOT NULL")}


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


def epoch_of(connection: sqlite3.Connection) -> str:
    """The epoch of this history."""
    epoch: str = connection.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchall()[0][0]
    return epoch


class HighWater:
    """`PATH.high`: epoch and highest change number, beside the database, to detect an old copy that was put back.

    Written lazily, and only about what is committed, so it may be behind the database but never ahead of it. It survives lost
    power: another epoch goes into a new file, synced and renamed into place; a new number overwrites one of the same length
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

    def is_ahead_of(self, epoch: str, change: int) -> bool:
        """Whether it knows more than a database that ends here, or another history: an older copy has come back."""
        seen = self.read()
        return seen is not None and (seen[0] != epoch or seen[1] > change)

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
        with open(new, "wb", opener=_private) as file:
            file.write(line)
            if self._durable:
                file.flush()
                os.fsync(file.fileno())
        new.replace(self._path)
        if self._durable:
            sync_folder(self._path.parent)


def _private(path: str, flags: int) -> int:
    """As SQLite makes the database beside it: what a server keeps is for its user alone, whatever the umask."""
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


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
