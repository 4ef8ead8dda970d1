"""The disk of the simulated machine: real SQLite connections whose jobs run on the loop after a seeded delay, and its faults.

A kill in the middle of a job runs no further statement: SQLite rolls the transaction back when its connection is closed, as the
next process would. A COMMIT can fail in either of its unknown outcomes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

from imserver.store.sqlite.connection import BUSY_TIMEOUT_S, CACHED_STATEMENTS
from imserver.store.sqlite.inline import InlineConnection

from .journal import Journal
from .loop import Process, VirtualLoop, current_process

#: Faults of the writer's transactions, by their names in the report.
BEFORE = "kill before a commit"
INSIDE = "kill inside a transaction"
AFTER = "kill after a commit"
UNKNOWN_STORED = "commit fails, stored"
UNKNOWN_LOST = "commit fails, not stored"
BUSY = "database busy"
FULL = "disk full"
STUCK = "disk stuck"
CRASHES = (BEFORE, INSIDE, AFTER, UNKNOWN_STORED, UNKNOWN_LOST)


class Killed(BaseException):
    """The process was killed; no code may catch this and go on."""


class Trap:
    """The planned fault of the writer's next transactions. One at a time."""

    def __init__(self) -> None:
        self.kind = ""
        self.statements = 0
        #: How often BEGIN fails.
        self.busy = 0

    def set(self, kind: str, statements: int = 0) -> None:
        self.kind, self.statements = kind, statements


class SimulatedConnection(sqlite3.Connection):
    """Triggers the trap. Reader connections have none."""

    trap: Trap | None = None
    killed = False
    spring: Callable[[str], None]

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        trap = self.trap
        if trap is None:
            return super().execute(sql, parameters)
        if self.killed:
            raise Killed
        if trap.kind:
            if sql == "COMMIT":
                self._commit(trap)
            elif trap.kind == INSIDE and self.in_transaction:
                trap.statements -= 1
                if trap.statements <= 0:
                    self._die(INSIDE)
        if trap.busy and sql == "BEGIN IMMEDIATE":
            trap.busy -= 1
            raise _error("database is locked", sqlite3.SQLITE_BUSY)
        return super().execute(sql, parameters)

    def _commit(self, trap: Trap) -> None:
        kind = trap.kind
        if kind == BEFORE:
            self._die(kind)
        if kind in (AFTER, UNKNOWN_STORED):
            super().execute("COMMIT")
        if kind in (AFTER, INSIDE):
            self._die(kind)
        trap.kind = ""
        self.spring(kind)
        raise _error("disk I/O error", sqlite3.SQLITE_IOERR)

    def _die(self, kind: str) -> None:
        self.killed = True
        if self.trap is not None:
            self.trap.kind = ""
        self.spring(kind)
        raise Killed


def _error(text: str, code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


class Disk:
    """The files of one machine, for one process after another."""

    def __init__(self, loop: VirtualLoop, random: Random, journal: Journal) -> None:
        self._loop = loop
        self._random = random
        self._journal = journal
        #: Seconds that a job takes: from, to.
        self.speed_s = random.choice(((0.00005, 0.0002), (0.001, 0.004), (0.005, 0.05)))
        self.trap = Trap()
        #: Time of the writer's next job (seconds).
        self.stuck_s = 0.0
        #: When the writer's thread last did something.
        self.worked_at = 0.0
        #: Called with the kind of kill, at the fatal statement.
        self.on_kill: Callable[[str], None] = lambda kind: None
        self._open: list[SimulatedConnection] = []
        self._writer: SimulatedConnection | None = None
        self._fatal = ""
        #: A commit of this process failed.
        self.sprung = False

    def connector(self, path: str) -> sqlite3.Connection:
        """`sqlite3.connect` for killable connections. The first one of a process is its writer."""
        made = sqlite3.connect(
            path,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            cached_statements=CACHED_STATEMENTS,
            check_same_thread=False,
            factory=SimulatedConnection,
        )
        if not self._open:
            made.trap = self.trap
            made.spring = self._sprung
            self._writer = made
        self._open.append(made)
        return made

    @property
    def is_open(self) -> bool:
        """Whether the file is open: the first connection is the writer."""
        return bool(self._open)

    async def opener(self, connector: Callable[[], sqlite3.Connection]) -> SimulatedThread:
        """The store's opener."""
        process = current_process()
        assert process is not None
        thread = SimulatedThread(self._loop, self, process)
        await thread.open(connector)
        return thread

    def delay(self, *, writes: bool) -> float:
        """Seconds that the next job takes."""
        if self.stuck_s and writes:
            stuck_s, self.stuck_s = self.stuck_s, 0.0
            self._journal.fault(STUCK, stuck_s)
            return stuck_s
        low, high = self.speed_s
        return low + (high - low) * self._random.random()

    def after_job(self) -> None:
        """The fatal statement was in this job: now that it has unwound, the process is gone."""
        if self._fatal:
            kind, self._fatal = self._fatal, ""
            self.on_kill(kind)

    def _sprung(self, kind: str) -> None:
        self.sprung = True
        self._journal.fault(kind)
        if kind in (BEFORE, INSIDE, AFTER):
            self._fatal = kind

    # -- room ---------------------------------------------------------------------------------------------------------

    def fill(self) -> None:
        """Fill the disk: no further page can be written."""
        if self._writer is not None and not self._writer.killed:
            with suppress(sqlite3.Error):
                used = sqlite3.Connection.execute(self._writer, "PRAGMA page_count").fetchone()[0]
                sqlite3.Connection.execute(self._writer, f"PRAGMA max_page_count = {used}")
                self._journal.fault(FULL, used)

    def empty(self) -> None:
        """Make room again."""
        if self._writer is not None and not self._writer.killed:
            with suppress(sqlite3.Error):
                sqlite3.Connection.execute(self._writer, "PRAGMA max_page_count = 1073741823")

    # -- the end of a process -----------------------------------------------------------------------------------------

    def died(self) -> None:
        """The process that had the files open is gone: the kernel closes them, and nothing uncommitted remains."""
        self.trap.set("")
        self.trap.busy = 0
        self.stuck_s = 0.0
        self._writer = None
        self.sprung = False
        for raw in self._open:
            raw.killed = True
            raw.close()
        self._open.clear()

    def closed(self, raw: sqlite3.Connection) -> None:
        """A connection was closed in good order."""
        self._open = [other for other in self._open if other is not raw]
        if raw is self._writer:
            self._writer = None


class SimulatedThread(InlineConnection):
    """A connection and its queue of jobs, each after the time that the disk takes for it."""

    untold = (Killed,)

    def __init__(self, loop: VirtualLoop, disk: Disk, process: Process) -> None:
        super().__init__()
        self._loop = loop
        self._disk = disk
        self._process = process
        self._writes = not disk.is_open

    def _later(self) -> None:
        self._loop.call_later(
            self._disk.delay(writes=self._writes), self._work, context=self._process.context
        )

    def _work(self) -> None:
        if self._writes:
            self._disk.worked_at = self._loop.time()
        with suppress(Killed):
            self._jobs.popleft()()
        self._disk.after_job()
        if self._process.alive:
            self._next()

    def _close(self) -> None:
        super()._close()
        self._disk.closed(self.raw)
