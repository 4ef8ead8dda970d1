"""Compiles the shim that makes system calls of a real server fail, and holds its controls."""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
from enum import IntEnum
from pathlib import Path

import pytest

_SOURCE = Path(__file__).with_name("shim.c")
_SIZE = 8 * 4


class Operation(IntEnum):
    """As in shim.c."""

    WRITE = 0
    SYNC = 1
    TRUNCATE = 2
    UNLINK = 3


class Mode(IntEnum):
    """As in shim.c."""

    ONCE = 0
    ALL_LATER = 1
    LATER_WRITES = 2
    SHORT = 3


def compiled(folder: Path) -> Path:
    """The shim as a shared object; the test is skipped where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler here (apt install gcc)")
    target = folder / "shim.so"
    made = subprocess.run(
        [compiler, "-O1", "-shared", "-fPIC", "-o", str(target), str(_SOURCE), "-ldl"],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"the shim does not compile here: {made.stderr.strip()[:200]}")
    return target


class Controls:
    """Of one database: which call is to fail, and how."""

    def __init__(self, database: Path) -> None:
        path = Path(f"{database}.faults")
        path.write_bytes(bytes(_SIZE))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _SIZE)

    def arm(self, at: int, error: int, mode: Mode, *operations: Operation) -> None:
        """The `at`-th of these operations from now on fails with this errno. 0: none does, and they are counted."""
        bits = sum(1 << operation for operation in operations)
        self._memory[:] = struct.pack("8i", at, error, mode, bits, 0, 0, 0, 0)

    def heal(self) -> None:
        """Nothing fails any more."""
        self.arm(0, 0, Mode.ONCE)

    def make_room(self) -> None:
        """Writes work again; what was struck stays known."""
        self._memory[24:28] = bytes(4)

    @property
    def struck(self) -> Operation | None:
        [found] = struct.unpack("i", self._memory[16:20])
        return Operation(found - 1) if found else None

    @property
    def calls(self) -> int:
        [count] = struct.unpack("i", self._memory[20:24])
        return int(count)

    def close(self) -> None:
        self._memory.close()
