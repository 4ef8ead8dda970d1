"""A disk that fails at a chosen call and forgets what was not synced: an apsw file system over a real folder.

The folder holds the files as processes see them (the system's cache). Beside it each file is kept as it would be found after
lost power: what the last good sync saw, and in order what was written since. Nothing is ever really synced, so it is quick.
"""

from __future__ import annotations

import itertools
import os
import random
import stat
import threading
from collections import Counter
from pathlib import Path
from unittest import mock

from tests.storage_faults.faults import CRASHES, Fault, Kind, error_at, no_room
from tests.storage_faults.file_system import FaultySystem

#: What a disk writes at once or not at all.
SECTOR_BYTES = 512
#: Files that no power loss is asked about: shared memory of SQLite, our lock.
_VOLATILE = ("-shm", ".lock")


class DiskFile:
    """What would be found after lost power, and what has been done since."""

    def __init__(self, durable: bytes = b"") -> None:
        self.durable = bytearray(durable)
        #: (offset, data) of writes, (size, None) of truncations.
        self.pending: list[tuple[int, bytes | None]] = []

    def sync(self) -> None:
        for operation in self.pending:
            _apply(self.durable, *operation)
        self.pending.clear()

    def torn(self, rng: random.Random) -> bytes:
        """Some sectors of what is pending were written, others not."""
        image = bytearray(self.durable)
        share = rng.random()
        for offset, data in self.pending:
            if data is None:
                if rng.random() < share:
                    _apply(image, offset, None)
                continue
            for start in range(0, len(data), SECTOR_BYTES):
                if rng.random() < share:
                    _apply(image, offset + start, data[start : start + SECTOR_BYTES])
        return bytes(image)


def _apply(image: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del image[offset:]
        image.extend(bytes(offset - len(image)))
        return
    if offset > len(image):
        image.extend(bytes(offset - len(image)))
    image[offset : offset + len(data)] = data


class Disk:
    """The files below `folder`, and one fault that is waiting for its call."""

    _numbers = itertools.count()

    def __init__(self, folder: Path, *, seed: int = 0) -> None:
        self.folder = folder
        self._rng = random.Random(seed)
        self._files = {
            path.name: DiskFile(path.read_bytes()) for path in folder.iterdir() if _kept(path.name)
        }
        #: Names as they would be found after lost power.
        self._names = dict(self._files)
        self._remember_side_files()
        self._patch = mock.patch("imserver.store.sqlite.database.os.fsync", self._fsync)
        self._patch.start()
        self._armed = False
        self._at = 0
        self._fault: Fault | None = None
        self._after: dict[str, bytes] | None = None
        #: Calls since `arm`, and what the fault met.
        self.calls: list[Kind] = []
        self.struck: Kind | None = None
        self.full = False
        self.dead = False
        #: Calls that change something, by the thread that made them.
        self.changes_by_thread: Counter[str] = Counter()
        self.vfs = f"faulty-{next(self._numbers)}"
        self._system = FaultySystem(self)

    def close(self) -> None:
        """No connection may be open any more."""
        self._system.unregister()
        self._patch.stop()

    # -- faults -------------------------------------------------------------------------------------------------------

    def arm(self, at: int = 0, fault: Fault | None = None) -> None:
        """Count calls from now on; the `at`-th (from 1) meets the fault."""
        self._armed, self._at, self._fault = True, at, fault
        self.calls = []

    def heal(self) -> None:
        """There is room again. A dead disk stays dead."""
        self.full = False

    def replace(self) -> None:
        """After the process ended: the same files on a disk that works, nothing armed."""
        self._armed, self.dead, self.full = False, False, False

    @property
    def crashed(self) -> bool:
        """Nobody could be told anything any more."""
        return self._after is not None

    def kill(self) -> None:
        """The process ends here; the cache survives it."""
        self._crash(Fault.KILLED)

    def lose_power(self) -> None:
        """Between two calls."""
        self._crash(Fault.POWER_LOST)

    def settle(self) -> None:
        """After a crash and after every connection is closed: put the files as they are then found."""
        after, self._after = self._after, None
        if after is None:
            return
        for path in list(self.folder.iterdir()):
            if path.name.endswith("-shm") or (_kept(path.name) and path.name not in after):
                path.unlink()
        for name, data in after.items():
            path = self.folder / name
            if not path.exists() or path.read_bytes() != data:
                path.write_bytes(data)
        if self._wiped:
            self._files = {name: DiskFile(data) for name, data in after.items()}
            self._names = dict(self._files)
            self._remember_side_files()
        self.replace()

    def _crash(self, fault: Fault) -> None:
        self._wiped = fault is not Fault.KILLED
        if fault is Fault.KILLED:
            paths = [path for path in self.folder.iterdir() if _kept(path.name)]
            self._after = {path.name: path.read_bytes() for path in paths}
        elif fault is Fault.POWER_LOST:
            self._after = {name: bytes(file.durable) for name, file in self._names.items()}
        else:
            names = self._files if self._rng.random() < 0.5 else self._names
            self._after = {name: file.torn(self._rng) for name, file in names.items()}
        self._after.update(self._side_files())
        self.dead = True

    def _side_files(self) -> dict[str, bytes]:
        """Files that SQLite knows nothing of (`.high`). A name that was not synced is the old one or the new one; a file that
        was never synced holds the beginning of what was written; one that was, and was overwritten since, either."""
        now = {path.name: path for path in self.folder.iterdir() if ".high" in path.name}
        if not self._wiped:
            return {name: path.read_bytes() for name, path in now.items()}
        names = {name: _inode(path) for name, path in now.items()}
        if self._rng.random() < 0.5:
            names = self._synced_names
        contents = {_inode(path): path.read_bytes() for path in now.values()}
        return {
            name: self._found(self._synced.get(inode), contents.get(inode)) for name, inode in names.items()
        }

    def _found(self, synced: bytes | None, now: bytes | None) -> bytes:
        if now is None or (synced is not None and self._rng.random() < 0.5):
            return synced or b""
        if synced is not None and len(synced) == len(now):
            return now
        return now[: self._rng.randrange(len(now) + 1)]

    def _remember_side_files(self) -> None:
        """What lies there now has been there for long."""
        paths = [path for path in self.folder.iterdir() if ".high" in path.name]
        self._synced = {_inode(path): path.read_bytes() for path in paths}
        self._synced_names = {path.name: _inode(path) for path in paths}

    def _fsync(self, fd: int) -> None:
        """In the place of `os.fsync`: our own files."""
        status = os.fstat(fd)
        present = {path.name: path for path in self.folder.iterdir() if ".high" in path.name}
        if stat.S_ISDIR(status.st_mode):
            self._synced_names = {name: _inode(path) for name, path in present.items()}
            kept = set(self._synced_names.values())
            self._synced = {inode: data for inode, data in self._synced.items() if inode in kept}
        for path in present.values():
            if _inode(path) == status.st_ino:
                self._synced[status.st_ino] = path.read_bytes()

    # -- called by the file system ------------------------------------------------------------------------------------

    def call(self, kind: Kind) -> Fault | None:
        """Raises if the call is to fail as a whole; the fault if it is to fail in its own way."""
        if kind is not Kind.READ and kind is not Kind.OPEN:
            self.changes_by_thread[threading.current_thread().name] += 1
        if self.dead:
            raise error_at(kind)
        if not self._armed:
            return None
        self.calls.append(kind)
        if self.full and kind is Kind.WRITE:
            raise no_room()
        if len(self.calls) != self._at or self._fault is None:
            return None
        self.struck = kind
        return self._strike(kind, self._fault)

    def _strike(self, kind: Kind, fault: Fault) -> Fault:
        if fault in {Fault.SHORT, Fault.FORGOTTEN, Fault.POWER_LOST_TORN}:
            return fault
        if fault in CRASHES:
            self._crash(fault)
        elif fault is Fault.DEAD:
            self.dead = True
        elif fault in {Fault.FULL, Fault.STAYS_FULL}:
            self.full = fault is Fault.STAYS_FULL
            raise no_room()
        raise error_at(kind)

    def opened(self, name: str) -> DiskFile:
        if name not in self._files:
            self._files[name] = DiskFile()
        return self._files[name]

    def written(self, file: DiskFile, data: bytes, offset: int) -> None:
        file.pending.append((offset, data))

    def truncated(self, file: DiskFile, size: int) -> None:
        file.pending.append((size, None))

    def synced(self, file: DiskFile) -> None:
        file.sync()
        self._names = dict(self._files)  # a journalling file system writes the folder's changes in order

    def forgotten(self, file: DiskFile) -> None:
        file.pending.clear()

    def deleted(self, name: str, *, synced: bool) -> None:
        self._files.pop(name, None)
        if synced:
            self._names = dict(self._files)

    def torn_crash(self) -> None:
        self._crash(Fault.POWER_LOST_TORN)


def _inode(path: Path) -> int:
    return path.stat().st_ino


def _kept(name: str) -> bool:
    return not name.endswith(_VOLATILE) and ".high" not in name
