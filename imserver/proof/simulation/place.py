"""A private folder that is removed afterwards, even after SIGTERM: it may be in memory, which no system cleans up."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

#: In memory, if this machine has such a place: a run writes thousands of pages and needs none of them afterwards.
SHM = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it


@contextmanager
def private_place() -> Iterator[Path]:
    """The folder for databases. SIGTERM raises no exception here: the simulated server would take it for its own."""
    folders: list[Path] = []

    def tidy() -> None:
        for folder in folders:
            _remove(folder)

    def told(number: int, _frame: FrameType | None) -> None:
        tidy()
        os._exit(128 + number)

    with on_sigterm(told):
        try:
            prefix = f"imserver-simulation-{os.getpid()}-"
            folders.append(Path(tempfile.mkdtemp(prefix=prefix, dir=SHM if SHM.is_dir() else None)))
            yield folders[0]
        finally:
            tidy()


@contextmanager
def on_sigterm(told: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    """Handle SIGTERM with `told` meanwhile."""
    before = signal.signal(signal.SIGTERM, told)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _remove(folder: Path) -> None:
    """A folder with files in it."""
    for file in folder.iterdir():
        with suppress(OSError):
            file.unlink()
    with suppress(OSError):
        folder.rmdir()
