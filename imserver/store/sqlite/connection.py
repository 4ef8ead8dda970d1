"""One SQLite connection and the thread that alone uses it: whole functions go in, one hop between threads each.

An adapter of one hop for each statement would cost more than the statements: a unit of work is a plain function of the raw
connection, so a batch of hundreds of posts is one hop. No transaction spans an await (docs/decisions/0028).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from queue import SimpleQueue
from threading import Thread
from typing import Protocol, TypeVar
from warnings import warn

T = TypeVar("T")

#: Opens a database: by default `sqlite3.connect`. Tests inject connectors that fail or delay.
Connector = Callable[[str], sqlite3.Connection]

#: What waits for a connection's thread, in order; None ends it. No bound here: the writer and the readers bound what they ask.
_Jobs = SimpleQueue[Callable[[], object] | None]

#: Statements kept prepared: every bulk size, every query of ours, and plugins' statements.
CACHED_STATEMENTS = 512
#: Seconds that a statement waits for a lock of another process (a backup, a shell).
BUSY_TIMEOUT_S = 2.0
#: Longest value or row that SQLite accepts here: no plugin's SQL may fill the memory.
MAX_VALUE_BYTES = 64 * 1024 * 1024


def connect(path: str) -> sqlite3.Connection:
    """The connector used in production."""
    made = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, cached_statements=CACHED_STATEMENTS
    )
    made.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
    return made


class DatabaseConnection(Protocol):
    """An open connection that runs our functions, one after another."""

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run the function and wait for it. Cancelling the caller does not stop it."""
        ...

    def post(self, function: Callable[[], object]) -> None:
        """Queue the function without waiting for it. It must not raise."""
        ...

    async def close(self) -> None:
        """Close after all functions posted before."""
        ...


#: Opens a connection that the given function makes. A simulation brings one that needs no thread.
Opener = Callable[[Callable[[], sqlite3.Connection]], Awaitable[DatabaseConnection]]


class ThreadConnection:
    """A connection whose thread runs our functions, in the order of asking. `open_on_thread` makes one."""

    def __init__(self) -> None:
        self._jobs: _Jobs = SimpleQueue()
        self._raw: sqlite3.Connection | None = None
        # A thread that is stuck in a dead disk must not keep the process from exiting; committed data is on the disk.
        self._thread = Thread(target=_work, args=(self._jobs,), name="imserver-sqlite", daemon=True)

    async def open(self, connector: Callable[[], sqlite3.Connection]) -> None:
        """Start the thread and open the database on it."""

        def opened() -> None:
            self._raw = connector()

        self._thread.start()
        try:
            await self._call(opened)
        except (
            BaseException
        ):  # a caller that was cancelled leaves no connection behind, which may be opening just now
            self.post(self._drop)
            self._jobs.put(None)
            raise

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run the function on the connection's thread. Cancelling the caller does not stop it. ValueError: it is closed."""
        raw = self._raw
        if raw is None:
            raise ValueError("this connection is closed")
        return await self._call(lambda: function(raw))

    def post(self, function: Callable[[], object]) -> None:
        """Queue the function for the connection's thread without waiting for it. It must not raise."""
        self._jobs.put(function)

    async def close(self) -> None:
        """Close, and end the thread, after all that was asked before. Closing twice is the same as once."""
        raw, self._raw = self._raw, None
        if raw is None:
            return
        try:
            await self._call(raw.close)
        finally:
            self._jobs.put(None)

    def _drop(self) -> None:
        raw, self._raw = self._raw, None
        if raw is not None:
            raw.close()

    async def _call(self, function: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def job() -> None:
            try:
                result = function()
            except BaseException as error:
                call_soon(loop, _fail, future, error)
            else:
                call_soon(loop, _answer, future, result)

        self._jobs.put(job)
        return await future

    def __del__(self) -> None:
        if self._raw is not None:
            warn(f"{self!r} was never closed", ResourceWarning, stacklevel=1, source=self)
            self._jobs.put(None)


def _work(jobs: _Jobs) -> None:
    """The thread: until it is told to end."""
    while (job := jobs.get()) is not None:
        job()
        del job  # or it would keep what it holds alive until the next one comes


def _answer(future: asyncio.Future[T], result: T) -> None:
    if not future.done():  # else its caller waits no longer
        future.set_result(result)


def _fail(future: asyncio.Future[T], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


async def open_on_thread(connector: Callable[[], sqlite3.Connection]) -> DatabaseConnection:
    """The opener used in production."""
    connection = ThreadConnection()
    await connection.open(connector)
    return connection


def call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[..., object], *arguments: object) -> None:
    """Call back from a connection's thread to the loop; ignored if the loop is closed already."""
    try:
        loop.call_soon_threadsafe(callback, *arguments)
    except RuntimeError:
        if not loop.is_closed():
            raise
