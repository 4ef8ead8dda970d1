"""The ledger's file: beside the database, synced at each record; and its copy beside the backups, where the newest stays."""

from __future__ import annotations

import contextlib
import errno
import os
import random
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from imserver.errors import BackupFailed, Refusal, RefusalCode, StartError, StoreFailed
from imserver.passing import passes
from imserver.store.engine.ledger import (
    NAME_BYTES,
    Ledger,
    Record,
    begins_with,
    first_line,
    line,
    parse,
    sum_of,
)
from imserver.store.sqlite.database import sync_folder

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def ledger_path(database: Path) -> Path:
    """`imserver.ledger` beside `imserver.db`."""
    return database.with_suffix(".ledger")


def read_ledger(path: Path) -> Ledger | None:
    """What the file holds, `damage` included; None if there is none. Raises StartError if it cannot be read."""
    try:
        return parse(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StartError(f"{path}: {error.strerror}", again=passes(error)) from None


def sound_ledger(path: Path) -> Ledger | None:
    """The same, without any damage. Raises StartError."""
    found = read_ledger(path)
    if found is not None and found.damage:
        raise StartError(f"{path}: {found.damage}; put back a copy of it (backups have one beside them)")
    return found


class LedgerFile:
    """The file of one open database, which alone writes to it."""

    def __init__(self, path: Path, found: Ledger | None, rng: random.Random) -> None:
        self.path = path
        self._rng = rng
        self._ledger = found if found is not None and found.name else None
        #: Which file it is, and how long; None: there is none.
        self._seen: tuple[int, int, int] | None = None
        if found is not None:
            status = path.stat()
            self._seen = status.st_dev, status.st_ino, found.size + found.cut_off
        self._broken = False

    def append(self, at: int, kind: str, body: Mapping[str, Any], *, above: int) -> Record:
        """Write a record with a number above that one, and above the last, through to the disk.

        Raises Refusal STORE_FULL, and nothing of it is there; or StoreFailed, and nobody knows.
        """
        if self._broken:
            raise StoreFailed(
                f"{self.path}: what was written last may not be on the disk; start the server again"
            )
        known = self._ledger or self._begun()
        beginning = first_line(bytes.fromhex(known.name))[:-1]
        before = known.records[-1].sum if known.records else sum_of(b"", beginning)
        written, record = line(max(known.last.number, above) + 1, at, kind, body, before)
        self._write(written, known.size)
        # The last one is all that the next one needs: to keep them all would make each slower than the one before.
        self._ledger = Ledger(known.name, [record], known.size + len(written))
        return record

    def drop_cut_off(self, raw: object) -> None:
        """Remove what follows the last whole record. On the writer's thread, as all that writes here."""
        if self._ledger is not None and self._ledger.cut_off:
            self._write(b"", self._ledger.size)

    def _begun(self) -> Ledger:
        name = self._rng.randbytes(NAME_BYTES)
        self._write(first_line(name), 0)
        sync_folder(self.path.parent)
        self._ledger = Ledger(name.hex(), size=len(first_line(name)))
        return self._ledger

    def _write(self, written: bytes, at: int) -> None:
        """Cut the file to this length, and write this behind it. Raises StoreFailed, and touches nothing, if it is not the file
        that was read: whoever put another one there has put records there."""
        create = os.O_CREAT | os.O_EXCL if self._seen is None else 0
        try:
            fd = os.open(self.path, os.O_RDWR | create | os.O_CLOEXEC, 0o600)
        except (FileExistsError, FileNotFoundError):
            raise _changed(self.path) from None
        except OSError as error:
            raise _not_stored(self.path, error) from None
        try:
            status = os.fstat(fd)
            if self._seen is not None and self._seen != (status.st_dev, status.st_ino, status.st_size):
                raise _changed(self.path)
            self._seen = status.st_dev, status.st_ino, at
            os.ftruncate(fd, at)
            try:
                _write_all(fd, written, at)
            except OSError as error:
                os.ftruncate(fd, at)
                raise _not_stored(self.path, error) from None
            os.fsync(fd)
            self._seen = status.st_dev, status.st_ino, at + len(written)
        except OSError as error:
            self._broken = True
            raise StoreFailed(f"{self.path}: {error.strerror}") from error
        finally:
            os.close(fd)


class Copied(StrEnum):
    """What became of a ledger that was to be copied."""

    NONE = "there is none"
    SAME = "the copy was as new"
    WRITTEN = "copied"
    NEWER = "the copy knows more"


def copy_ledger(source: Path, target: Path) -> Copied:
    """Copy the ledger, unless the copy there is as new or newer. Raises BackupFailed if neither is the other written on."""
    if source == target:
        return Copied.SAME if source.exists() else Copied.NONE
    try:
        ours, theirs = sound_ledger(source), sound_ledger(target)
    except StartError as error:
        raise BackupFailed(str(error), again=error.again) from None
    if ours is None or not ours.name:
        return Copied.NONE if theirs is None or not theirs.records else Copied.NEWER
    if theirs is not None and theirs.name:
        if theirs.name != ours.name:
            raise BackupFailed(f"{target}: is the ledger of another server; use a folder for each")
        if begins_with(theirs, ours):
            return Copied.SAME if begins_with(ours, theirs) else Copied.NEWER
        if not begins_with(ours, theirs):
            same = sum(one == other for one, other in zip(ours.records, theirs.records, strict=False))
            raise BackupFailed(
                f"{source} and {target}: are not the same behind record {same}; keep both, and decide"
            )
    try:
        put_file(target, source.read_bytes()[: ours.size])
    except OSError as error:
        raise BackupFailed(f"{target}: {error.strerror}", again=passes(error)) from None
    return Copied.WRITTEN


def put_file(path: Path, data: bytes) -> None:
    """Put a file there in one step, on the disk when this returns."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _write_all(fd, data, 0)
            os.fsync(fd)
        finally:
            os.close(fd)
        unfinished.replace(path)
        sync_folder(path.parent)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise


def _write_all(fd: int, data: bytes, at: int) -> None:
    while data:
        written = os.pwrite(fd, data, at)
        data, at = data[written:], at + written


def _changed(path: Path) -> StoreFailed:
    return StoreFailed(f"{path}: somebody removed or changed it while it was in use; start the server again")


def _not_stored(path: Path, error: OSError) -> Exception:
    if error.errno in _FULL:
        return Refusal(RefusalCode.STORE_FULL, f"{path.name}: {error.strerror}")
    return StoreFailed(f"{path}: {error.strerror}")
