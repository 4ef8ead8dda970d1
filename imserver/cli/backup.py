"""`imserver backup FILE`: a copy of the database. A running server makes it; without one the command reads the file itself."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from imserver.chat.ports import Backup
from imserver.clock import SystemClock, time_text
from imserver.config import Config
from imserver.errors import BackupFailed, ImserverError, StartError
from imserver.server import Server
from imserver.store.sqlite.backup import Pace, back_up, check_target, reading
from imserver.store.sqlite.guard import Guard
from imserver.store.sqlite.ledger import Copied, ledger_path

from .app import Setup
from .control import Operation, ask, control_path
from .progress import Told, progress
from .tables import say
from .words import count_words

#: How often the command asks how far the server is, and how long the server waits before its first answer (seconds): what is
#: refused is refused by then.
ASK_EVERY_S = 0.2
#: Backups that ended, and of which nobody has asked yet.
MAX_ENDED = 8
#: A starting server has locked the database, and opens its control socket a little later.
START_TRIES = 10
START_WAIT_S = 0.3
#: Pages of a slice when nobody else needs the disk: so often the bar moves.
PAGES_AT_REST = 2_000


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def backup(setup: Setup, file: Path) -> None:
    """Put a copy of the configured database into FILE: whole, of one moment, checked, synced. A copy that is there already is
    replaced, and only by a new one that is whole.

    A running server goes on meanwhile; a stopped one need not be started. The ledger, if there is one, is put beside FILE,
    unless the one there is newer.
    """
    config = setup.config()
    if control_path(config.store.path) is None:
        raise StartError("a database in memory cannot be backed up; set store.path")
    with progress() as told:
        made = asyncio.run(_back_up(config, file.absolute(), told))
    size = size_words(made["size_bytes"])
    say(f"{file}: {count_words(made['messages'], 'message')} as of {time_text(made['copied_at'])}")
    words = (
        ""
        if made["ledger"] == Copied.NONE
        else f"; {ledger_path(Path(config.store.path)).name}: {made['ledger']}"
    )
    say(f"{size}, checked{words}")


async def _back_up(config: Config, target: Path, told: Told | None) -> Mapping[str, Any]:
    socket = control_path(config.store.path)
    assert socket is not None
    for _ in range(START_TRIES):
        status = await ask(socket, "backup", {"target": str(target)})
        if status is not None:
            return await _follow(socket, status, told)
        try:
            return await asyncio.to_thread(_at_rest, Path(config.store.path), target, told)
        except _Busy:
            await asyncio.sleep(START_WAIT_S)
    raise StartError(
        f"{config.store.path} is in use by another command, or by a server that does not take commands"
        " (embedded? call its `backup`); try again",
        again=True,
    )


async def _follow(socket: Path, status: dict[str, Any] | None, told: Told | None) -> Mapping[str, Any]:
    """Wait for the server's backup. Who gives up ends it."""
    number = {"number": status["number"]} if status else {}
    try:
        while status is not None and status["state"] == "copying":
            if told is not None:
                told("copying", status["done"], status["total"])
            await asyncio.sleep(ASK_EVERY_S)
            status = await ask(socket, "backup_status", number)
    except asyncio.CancelledError:
        await ask(socket, "backup_end", number)
        raise
    if status is None:
        raise StartError("the server stopped before the backup was whole; try again", again=True)
    if status["state"] == "failed":
        raise BackupFailed(status["error"], again=status["again"])
    return status


class _Busy(Exception):  # another process has the database: perhaps a server that will answer soon
    """The lock is taken."""


def _at_rest(path: Path, target: Path, told: Told | None) -> Mapping[str, Any]:
    """Copy a database that nobody has open."""
    path = path.resolve()
    if not path.exists():
        raise StartError(f"{path}: does not exist", again=True)
    check_target(target, path)
    lock = Guard(path)
    try:
        lock.take()
    except StartError as error:
        if "has this database open" in str(error):
            raise _Busy from None
        raise
    try:
        with reading(path) as source:
            pace = Pace(PAGES_AT_REST, 0, lambda done, total: told("copying", done, total) if told else None)
            return as_map(back_up(source, path, target, SystemClock().now_ms(), pace))
    finally:
        lock.release()


def as_map(made: Backup) -> dict[str, Any]:
    """What is told of a backup."""
    return {
        "copied_at": made.copied_at,
        "messages": made.messages,
        "size_bytes": made.size_bytes,
        "ledger": str(made.ledger),
    }


class BackupOperations:
    """The operations of a running server behind this command: begin, ask, end. A backup may take longer than a request."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._numbers = itertools.count(1)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._status: dict[int, dict[str, Any]] = {}

    @property
    def operations(self) -> dict[str, Operation]:
        return {"backup": self._begin, "backup_status": self._ask, "backup_end": self._end}

    async def _begin(self, request: dict[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        status = self._status[number] = {"number": number, "state": "copying", "done": 0, "total": 0}
        target = Path(str(request.get("target", "")))
        task = self._tasks[number] = asyncio.get_running_loop().create_task(self._run(target, status))
        await asyncio.wait({task}, timeout=ASK_EVERY_S)
        return self._told(number)

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._told(self._known(request))

    async def _end(self, request: dict[str, Any]) -> dict[str, Any]:
        number = self._known(request)
        task = self._tasks[number]
        task.cancel()
        await asyncio.wait({task})
        return self._told(number)

    def _known(self, request: dict[str, Any]) -> int:
        number = request.get("number")
        if not isinstance(number, int) or number not in self._status:
            raise StartError("no such backup is being made")
        return number

    def _told(self, number: int) -> dict[str, Any]:
        status = self._status[number]
        if status["state"] != "copying":
            del self._status[number], self._tasks[number]
        return status

    async def _run(self, target: Path, status: dict[str, Any]) -> None:
        def told(done: int, total: int) -> None:
            status.update(done=done, total=total)

        try:
            status.update(as_map(await self._server.backup(target, told)), state="made")
        except ImserverError as error:
            status.update(state="failed", error=str(error), again=error.again)
        except asyncio.CancelledError:
            status.update(state="failed", error="the backup was given up", again=True)
        except Exception as error:
            self._server.log.error("backup_failed", exc_info=error)
            status.update(state="failed", error="that did not work; the server's log says why", again=False)
        finally:
            self._forget_old()

    def _forget_old(self) -> None:
        ended = [number for number, status in self._status.items() if status["state"] != "copying"]
        for number in ended[:-MAX_ENDED]:
            del self._status[number], self._tasks[number]


def size_words(size_bytes: int) -> str:
    """`312.4 MiB`."""
    size, names = float(size_bytes), iter(("bytes", "KiB", "MiB", "GiB", "TiB"))
    name = next(names)
    while size >= 1000 and name != "TiB":
        size, name = size / 1024, next(names)
    return f"{size:.0f} {name}" if name == "bytes" else f"{size:.1f} {name}"
