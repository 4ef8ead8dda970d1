"""One SQLite connection on a thread of its own: aiosqlite's `Connection` that can run a whole function in one hop.

aiosqlite takes one hop between threads for each statement; here a unit of work is a plain function of the raw connection, so
a batch of hundreds of posts is one hop. No transaction spans an await.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import aiosqlite

T = TypeVar("T")

#: Opens a database: by default `sqlite3.connect`. Tests inject connectors that fail or delay.
Connector = Callable[[str], sqlite3.Connection]

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


class ThreadConnection(aiosqlite.Connection):
    """A connection whose thread runs our functions. `await` it to open."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        # A thread that is stuck in a dead disk must not keep the process from exiting; committed data is on the disk.
        self._thread.daemon = True

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run the function on the connection's thread. Cancelling the caller does not stop it."""
        result: T = await self._execute(function, self._conn)  # type: ignore[no-untyped-call]
        return result

    def post(self, function: Callable[[], object]) -> None:
        """Queue the function for the connection's thread without waiting for it. It must not raise."""
        self._tx.put_nowait((None, function))


async def open_on_thread(connector: Callable[[], sqlite3.Connection]) -> DatabaseConnection:
    """The opener used in production."""
    connection = ThreadConnection(connector)
    await connection
    return connection


def call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[..., object], *arguments: object) -> None:
    """Call back from a connection's thread to the loop; ignored if the loop is closed already."""
    try:
        loop.call_soon_threadsafe(callback, *arguments)
    except RuntimeError:
        if not loop.is_closed():
            raise
