"""A small file system of its own, and how to fill it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MIB = 1024 * 1024


@contextmanager
def small_disk(folder: Path, size: int, *options: str) -> Iterator[Path]:
    """A file system of its own in memory, where this process may mount one."""
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", ",".join((f"size={size}", *options)), "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system is not allowed here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path, leaving: int = 0) -> Path:
    """Take all room but so many bytes. Returns the file to delete."""
    filler = disk / "filler"
    room = os.statvfs(disk)
    free = room.f_bavail * room.f_frsize - leaving
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free)
    return filler


def has_no_room(folder: Path) -> bool:
    """No room for one more page of a database."""
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize < 16 * 1024
