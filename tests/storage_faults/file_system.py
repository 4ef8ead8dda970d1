"""SQLite's view of a faulty disk: an apsw file system that asks the disk before every call and tells it after."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import apsw

from tests.storage_faults.faults import Fault, Kind, error_at, no_room

if TYPE_CHECKING:
    from tests.storage_faults.disk import Disk


class FaultySystem(apsw.VFS):
    """SQLite's view of the disk."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        super().__init__(disk.vfs, "unix")

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802 - SQLite's names
        if name is None:
            return apsw.VFSFile("unix", None, flags)
        self._disk.call(Kind.OPEN)
        return _Handle(self._disk, name, flags)

    def xDelete(self, name: str, syncdir: bool) -> None:  # noqa: N802
        if self._disk.call(Kind.DELETE) is not None:
            self._disk.torn_crash()
            raise error_at(Kind.DELETE)
        super().xDelete(name, False)
        self._disk.deleted(os.path.basename(name), synced=syncdir)


class _Handle(apsw.VFSFile):
    """One open file of one connection."""

    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        super().__init__("unix", name, flags)
        self._disk = disk
        self._file = disk.opened(os.path.basename(path))

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        self._disk.call(Kind.READ)
        return super().xRead(amount, offset)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802
        data = bytes(data)
        fault = self._disk.call(Kind.WRITE)
        if fault is Fault.SHORT:
            data = data[: len(data) // 2]
        if fault is not Fault.POWER_LOST_TORN:
            super().xWrite(data, offset)
        self._disk.written(self._file, data, offset)
        if fault is Fault.SHORT:
            raise no_room()
        if fault is not None:
            self._disk.torn_crash()
            raise error_at(Kind.WRITE)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        fault = self._disk.call(Kind.TRUNCATE)
        if fault is None:
            super().xTruncate(newsize)
        self._disk.truncated(self._file, newsize)
        if fault is not None:
            self._disk.torn_crash()
            raise error_at(Kind.TRUNCATE)

    def xSync(self, flags: int) -> None:  # noqa: N802
        fault = self._disk.call(Kind.SYNC)
        if fault is None:
            self._disk.synced(self._file)
            return
        if fault is Fault.FORGOTTEN:
            self._disk.forgotten(self._file)
        else:
            self._disk.torn_crash()
        raise error_at(Kind.SYNC)
