"""A connection without a thread: its functions run on the loop, one a turn, so that every run goes the same way.

For tests and simulations. It is as slow as its statements are: a server would stand still meanwhile.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from typing import ClassVar, TypeVar

from imserver.store.sqlite.connection import DatabaseConnection

T = TypeVar("T")


class InlineConnection:
    """`DatabaseConnection` on the loop. A simulation derives its own, with delays and faults."""

    #: What no caller is told of, because it ends with the process.
    untold: ClassVar[tuple[type[BaseException], ...]] = ()

    raw: sqlite3.Connection

    def __init__(self) -> None:
        self._jobs: deque[Callable[[], object]] = deque()
        self._busy = False
        # As a thread would: what runs here knows nothing of whoever asked for it.
        self._context = copy_context()

    async def open(self, connector: Callable[[], sqlite3.Connection]) -> None:
        """Open the database, in its turn."""
        self.raw = await self._call(connector)

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        return await self._call(lambda: function(self.raw))

    def post(self, function: Callable[[], object]) -> None:
        self._jobs.append(function)
        if not self._busy:
            self._next()

    async def close(self) -> None:
        await self._call(self._close)

    # -- turns --------------------------------------------------------------------------------------------------------

    async def _call(self, function: Callable[[], T]) -> T:
        """In its turn, after all that was posted before."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def job() -> None:
            try:
                result = function()
            except self.untold:
                raise
            except BaseException as error:
                if not future.done():
                    future.set_exception(error)
            else:
                if not future.done():
                    future.set_result(result)

        self.post(job)
        return await future

    def _next(self) -> None:
        self._busy = bool(self._jobs)
        if self._busy:
            self._later()

    def _later(self) -> None:
        """Have `_work` called: in the next turn of the loop."""
        asyncio.get_running_loop().call_soon(self._work, context=self._context)

    def _work(self) -> None:
        """Do the oldest job."""
        try:
            self._jobs.popleft()()
        finally:
            self._next()

    def _close(self) -> None:
        self.raw.close()


async def open_inline(connector: Callable[[], sqlite3.Connection]) -> DatabaseConnection:
    """The store's opener of such connections."""
    connection = InlineConnection()
    await connection.open(connector)
    return connection
