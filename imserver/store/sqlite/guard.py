"""The guard of a database file: one store for one file, by whatever name, and nobody takes its log away while it runs.

SQLite holds its database by POSIX locks. Those belong to the process and vanish when anything in it closes *any* descriptor of
the file: a backup that copies it, another store that is refused. A foreign `sqlite3` then takes itself for the last one, writes
the log into the database and deletes it, and what is stored from then on goes into a deleted file. So the guard has descriptors
of its own, with open file description locks that only it can end, and it never closes them beside an open connection.

Descriptors and their locks would be shared with a forked child, and a worker that outlives the server would keep the database.
So a child closes them at once (`os.register_at_fork`).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import struct
import sys
import threading
import time
from pathlib import Path

from imserver.errors import StartError, StoreFailed
from imserver.passing import passes

#: Bytes that SQLite locks: those that every connection shares, in the database, and the "dead man's switch", in `-shm`.
SHARED_BYTES = (0x40000002, 510)
DEAD_MAN_BYTES = (128, 1)
#: The byte behind SQLite's: who has it has the file, by whatever name. No page is ever there.
OWNER_BYTES = (0x40000200, 1)
#: Seconds that another program may hold the file at the start: it is writing the log of a killed server into it.
PATIENCE_S = 2.0
#: Between two looks (seconds). A look at a file that was just written makes the next write of it dearer, for its time was asked
#: for: a tenth of the whole at every commit. What was answered since the last look is where everything before it is.
LOOK_EVERY_S = 0.02

_MAGIC = b"SQLite format 3\0"
#: The last bit says in which order its checksums read bytes.
_LOG_MAGIC = b"\x37\x7f\x06\x82"
#: `struct flock`.
_LOCK = struct.Struct("@hhqqi4x")
#: What comes beside a database while it is open.
BESIDE = ("-wal", "-shm", "-journal", ".high", ".high.new", ".lock")
#: Whether this system has locks that belong to a descriptor. Without them SQLite's own must do (docs/operating.md).
HAS_OWN_LOCKS = sys.platform == "linux" and hasattr(fcntl, "F_OFD_SETLK")

_BUSY = frozenset({errno.EAGAIN, errno.EACCES})
#: What a system, or a disk, that has no such locks answers.
_UNKNOWN = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS})

_Identity = tuple[int, int]


class Guard:
    """Keeps one database for one store. Calls in this order: `take`, `hold`, then `look` at each batch, `let_go`, `release`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = f"{path}-wal"
        #: Of the lock file, the database and its `-shm`.
        self._descriptors: list[int] = []
        self._identity: _Identity | None = None
        self._opened: tuple[_Identity, _Identity] | None = None
        self._replaced = False
        self._look_at = 0.0
        self._log_bytes = 0
        #: Whether the database had a log when it was taken: the file alone may be incomplete.
        self.found_log = False
        #: What `take` has made, and what may have come beside it since, in the order in which it is removed.
        self._made: tuple[str, ...] = ()

    def take(self) -> None:
        """Take the database, which is made if there is none, readable by its owner only (SQLite's side files take its mode
        over). Nothing of it is opened before it is ours. Raises `StartError`, one line."""
        check_place(self._path)
        with _forking:
            _guards.add(self)
            try:
                self._take()
            except BaseException:
                self.release(discard=True)
                raise

    def hold(self) -> None:
        """From here on nobody else can delete the log. Called when the connection that writes has its log open. Raises
        `StartError`."""
        self._share(self._descriptors[1], SHARED_BYTES)
        try:
            with _forking:
                switch = os.open(f"{self._path}-shm", os.O_RDONLY | os.O_CLOEXEC)
                self._descriptors.append(switch)
            self._share(switch, DEAD_MAN_BYTES)
            self._opened = (_identity(self._path), _identity(self._log))
        except OSError as error:
            raise StartError(f"{error.filename}: {error.strerror}", again=passes(error)) from None

    def look(self) -> int:
        """The size of the log. Raises `StoreFailed` if the database or its log is no longer the file that was opened: nobody
        may be told that something is stored in a file that the next start will not find."""
        now = time.monotonic()
        if now < self._look_at:
            return self._log_bytes
        self._look_at = now + LOOK_EVERY_S
        return self.look_now()

    def look_now(self) -> int:
        """The same, however short ago it was looked. For whoever opens the files by their names a second time."""
        try:
            database, log = os.stat(self._path), os.stat(self._log)
        except OSError as error:
            self._replaced = True
            raise StoreFailed(f"{error.filename}: {error.strerror}, though it is in use") from error
        if ((database.st_dev, database.st_ino), (log.st_dev, log.st_ino)) != self._opened:
            self._replaced = True
            raise StoreFailed(f"{self._path}: it or its log was replaced by another file while it was in use")
        self._log_bytes = log.st_size
        return self._log_bytes

    def let_go(self) -> None:
        """Let SQLite delete the log when its last connection is closed. Not called when the log is still needed, and without
        effect when another file bears its name: it would be deleted instead."""
        if not self._replaced and HAS_OWN_LOCKS:
            for descriptor, (start, length) in zip(
                self._descriptors[1:], (SHARED_BYTES, DEAD_MAN_BYTES), strict=False
            ):
                _lock(descriptor, fcntl.F_UNLCK, start, length)

    def release(self, *, discard: bool = False) -> None:
        """Give the database back. No connection of ours may be open any more: closing a descriptor ends their locks. The lock
        file stays: removing it would let two processes lock two different files.

        With `discard` what `take` made goes: the database, and all that came beside it, for nobody was ever told that something
        is in it; the lock file, too, where the database has a lock of its own (`OWNER_BYTES`). Should somebody have put another
        database there meanwhile, all stays."""
        with _forking:
            _guards.discard(self)
            made, self._made = self._made, ()
            for name in made if discard and self._is_as_made(made) else ():
                with contextlib.suppress(OSError):
                    os.unlink(name)
            self._close()

    def _is_as_made(self, made: tuple[str, ...]) -> bool:
        if str(self._path) not in made:
            return True
        try:
            return self._identity == _identity(self._path)
        except OSError:
            return False

    # -- parts --------------------------------------------------------------------------------------------------------

    def _take(self) -> None:
        lock_file = f"{self._path}.lock"
        names = [f"{self._path}{suffix}" for suffix in BESIDE[: None if HAS_OWN_LOCKS else -1]]
        new = tuple(name for name in names if not os.path.lexists(name))
        self._lock_named(lock_file)
        self._made = tuple({lock_file}.intersection(new))  # not before it is ours
        self.found_log = has_log(self._path)
        self._check_names()
        database, is_new = self._open(str(self._path))
        if is_new:
            # What is beside it goes first: alone it would look like what a lost database has left (`imserver.cli.place`).
            beside = (name for name in new if name != lock_file)
            self._made = (*beside, str(self._path), *self._made)
        self._identity = _identity(database)
        if HAS_OWN_LOCKS and not _lock(database, fcntl.F_WRLCK, *OWNER_BYTES):
            raise StartError(
                f"{self._path}: another imserver has this database open, by another name", again=True
            )
        beginning = os.pread(database, len(_MAGIC), 0)
        if beginning and beginning != _MAGIC and not os.path.exists(f"{self._path}-journal"):
            # With a journal it may be a first page that a power loss cut off: SQLite rolls that back, and judges then.
            raise StartError(f"{self._path}: is not a database of imserver")

    def _lock_named(self, path: str) -> None:
        """Who opened the lock file before its holder removed it has a file without a name, beside which another could be held:
        it looks again."""
        while True:
            lock, _ = self._open(path)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in _BUSY:
                    raise StartError(f"{path}: {error.strerror}", again=passes(error)) from None
                raise StartError(
                    f"{self._path}: another imserver has this database open", again=True
                ) from None
            with contextlib.suppress(FileNotFoundError):
                if _identity(path) == _identity(lock):
                    return
            os.close(self._descriptors.pop())

    def _check_names(self) -> None:
        """Without opening the file: a store of this process may have it."""
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StartError(f"{self._path}: {error.strerror}", again=passes(error)) from None
        if not stat.S_ISREG(status.st_mode):
            raise StartError(f"{self._path}: is not a file")
        if any(other._identity == (status.st_dev, status.st_ino) for other in _guards):
            raise StartError(
                f"{self._path}: another imserver has this database open, by another name", again=True
            )
        if status.st_nlink > 1:
            text = "has more than one name (hard links), and its log is beside one of them: remove the others"
            raise StartError(f"{self._path}: {text}")

    def _open(self, path: str) -> tuple[int, bool]:
        """A descriptor, and whether the file was made for it."""
        flags, is_new = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, True
        try:
            try:
                descriptor = os.open(path, flags | os.O_EXCL, 0o600)
            except FileExistsError:
                descriptor, is_new = os.open(path, flags, 0o600), False
        except OSError as error:
            raise StartError(f"{path}: {error.strerror}", again=passes(error)) from None
        self._descriptors.append(descriptor)
        return descriptor, is_new

    def _share(self, descriptor: int, place: tuple[int, int]) -> None:
        if not HAS_OWN_LOCKS:
            return
        deadline = time.monotonic() + PATIENCE_S
        while not _lock(descriptor, fcntl.F_RDLCK, *place):
            if time.monotonic() > deadline:
                raise StartError(f"{self._path}: somebody else has it locked", again=True)
            time.sleep(0.01)

    def _close(self) -> None:
        while self._descriptors:
            os.close(self._descriptors.pop())
        self._identity = None


def check_place(path: Path) -> None:
    """Check the path without opening it. Raises `StartError` where SQLite would say only "unable to open database file"."""
    if path.is_dir():
        raise StartError(f"{path}: is a folder")
    if not path.parent.is_dir():
        raise StartError(f"{path}: the folder {path.parent} does not exist", again=True)


def has_log(path: Path) -> bool:
    """Whether a log of SQLite is beside the database, if only an empty one. It has no locks that opening it here would end."""
    try:
        with open(f"{path}-wal", "rb") as log:
            beginning = log.read(len(_LOG_MAGIC))
    except FileNotFoundError:
        return False
    except OSError:
        return True  # SQLite will say what is wrong with it
    return not beginning or beginning[:3] == _LOG_MAGIC[:3]


def _lock(descriptor: int, kind: int, start: int, length: int) -> bool:
    """Lock these bytes, or unlock them. False if somebody else has them."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _LOCK.pack(kind, os.SEEK_SET, start, length, 0))
    except OSError as error:
        if error.errno in _UNKNOWN:
            return True
        if error.errno not in _BUSY:
            raise StartError(
                f"the database cannot be locked: {error.strerror}", again=passes(error)
            ) from None
        return False
    return True


def _identity(path: Path | str | int) -> _Identity:
    """Of a file, by its name or its descriptor."""
    status = os.stat(path)
    return status.st_dev, status.st_ino


#: All guards of this process that have something. No fork falls between opening a descriptor and noting it.
_guards: set[Guard] = set()
_forking = threading.RLock()


def _in_child() -> None:
    """Nothing is unlocked, for the locks are the parent's, too: they end when its descriptors are closed, or it ends."""
    while _guards:
        _guards.pop()._close()
    _forking.release()


os.register_at_fork(before=_forking.acquire, after_in_parent=_forking.release, after_in_child=_in_child)
