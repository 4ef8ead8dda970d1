"""A process with a store: posts, does something that a program around it might do, posts again, and is killed or waits.

python -m tests.store.guarded DATABASE WHAT     prints a line for each post that was answered
"""

# ruff: noqa: ASYNC221, ASYNC222 - nobody else waits here

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from imserver.check.consistency import check_file
from imserver.config import StoreConfig
from imserver.errors import StartError
from imserver.store import SqliteStore
from tests.store.support import USERS, Recorder, Stand, post

#: Posts before and after.
BEFORE, AFTER = range(1, 21), range(21, 41)
#: Seconds that a worker lives, if nobody ends it.
WORKER_S = 60

FOREIGN_READER = """
import sqlite3, sys
raw = sqlite3.connect(sys.argv[1])
print(raw.execute("SELECT count(*) FROM messages").fetchone()[0])
raw.close()
"""


async def nothing(path: Path) -> None:
    """The control."""


async def second_store(path: Path) -> None:
    with contextlib.suppress(StartError):
        await SqliteStore(StoreConfig(path=str(path))).open(Recorder())


async def copy_of_the_file(path: Path) -> None:
    shutil.copy(path, path.parent.parent / "copy.db")


async def copy_of_the_folder(path: Path) -> None:
    shutil.copytree(path.parent, path.parent.parent / "copy")


async def look_at_it(path: Path) -> None:
    report = await check_file(path, {})
    assert report.found == 0, report.findings


async def shell_in_this_process(path: Path) -> None:
    """What the other process runs."""
    exec(FOREIGN_READER, {"sys": sys})


async def child_that_ends(path: Path) -> None:
    """It closes whatever it has, at its end."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


async def folder_in_a_child(path: Path) -> None:
    child = multiprocessing.get_context("fork").Process(
        target=shutil.copytree, args=(path.parent, path.parent.parent / "copy")
    )
    child.start()
    child.join()
    assert child.exitcode == 0


INSIDE: Mapping[str, Callable[[Path], object]] = {
    each.__name__: each
    for each in (
        nothing,
        second_store,
        copy_of_the_file,
        copy_of_the_folder,
        look_at_it,
        shell_in_this_process,
        child_that_ends,
        folder_in_a_child,
    )
}


def wait_in(way: str, path: Path) -> None:
    """A worker of the program around, which outlives it."""
    if way == "fork":
        child: int | None = os.fork()
        if child == 0:
            time.sleep(WORKER_S)
            os._exit(0)
    else:
        worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(WORKER_S,))
        worker.start()
        child = worker.pid
    path.read_bytes()  # ends SQLite's own locks: what is left are the guard's
    print(child, flush=True)


async def main(path: Path, what: str) -> None:
    store = SqliteStore(StoreConfig(path=str(path)))
    await store.open(recorder := Recorder())
    stand = Stand(store, recorder)
    await stand.users(*USERS)
    for number in BEFORE:
        await stand.post(post(number))
        print("answered", flush=True)
    if what in {"fork", "multiprocessing"}:
        wait_in(what, path)
        await asyncio.sleep(WORKER_S)
    await INSIDE[what](path)  # type: ignore[misc]
    told = subprocess.run(
        [sys.executable, "-c", FOREIGN_READER, str(path)], capture_output=True, text=True, check=True
    )
    assert told.stdout == f"{len(BEFORE)}\n"
    for number in AFTER:
        await stand.post(post(number))
        print("answered", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
