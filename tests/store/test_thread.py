"""A connection's own thread: functions in the order of asking, each answer to its caller, and nothing left behind."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from imserver.store.sqlite.connection import ThreadConnection, connect


@pytest.fixture
async def connection() -> AsyncIterator[ThreadConnection]:
    made = ThreadConnection()
    await made.open(lambda: connect(":memory:"))
    yield made
    await made.close()


async def test_functions_run_in_the_order_of_asking_on_a_thread_that_is_not_ours(
    connection: ThreadConnection,
) -> None:
    done: list[Any] = []
    connection.post(lambda: done.append("first"))
    asked = asyncio.ensure_future(connection.run(lambda raw: done.append("second")))
    await asyncio.sleep(0)
    connection.post(lambda: done.append(threading.current_thread() is threading.main_thread()))
    await connection.run(lambda raw: None)
    await asked
    assert done == ["first", "second", False]


async def test_an_error_is_its_askers_and_stops_nobody_else(connection: ThreadConnection) -> None:
    with pytest.raises(sqlite3.OperationalError):
        await connection.run(lambda raw: raw.execute("no SQL"))
    assert await connection.run(lambda raw: raw.execute("SELECT 7").fetchone()) == (7,)


async def test_what_was_asked_before_the_end_is_done_and_nothing_behind_it() -> None:
    done: list[str] = []
    connection = ThreadConnection()
    await connection.open(lambda: connect(":memory:"))
    connection.post(lambda: done.append("posted"))
    thread = connection._thread
    await connection.close()
    await connection.close()  # is no error: it is closed
    thread.join()
    assert done == ["posted"]
    with pytest.raises(ValueError, match="closed"):
        await connection.run(lambda raw: done.append("late"))


async def test_a_database_that_cannot_be_opened_ends_the_thread() -> None:
    connection = ThreadConnection()
    with pytest.raises(sqlite3.OperationalError):
        await connection.open(lambda: connect("/nowhere/at/all.db"))
    connection._thread.join()


async def test_whoever_stops_waiting_for_the_opening_leaves_no_connection_behind() -> None:
    connection, entered, go_on = ThreadConnection(), threading.Event(), threading.Event()
    closed: list[bool] = []

    class Noted(sqlite3.Connection):
        def close(self) -> None:
            closed.append(True)
            super().close()

    def slowly() -> sqlite3.Connection:
        entered.set()
        go_on.wait()
        return sqlite3.connect(":memory:", factory=Noted)

    opening = asyncio.ensure_future(connection.open(slowly))
    await asyncio.sleep(0)
    entered.wait()
    opening.cancel()
    with suppress(asyncio.CancelledError):
        await opening
    go_on.set()
    connection._thread.join()
    assert closed == [True]


async def test_one_that_is_forgotten_says_so_and_its_thread_ends() -> None:
    threads: list[threading.Thread] = []

    async def forget() -> None:
        connection = ThreadConnection()
        await connection.open(lambda: connect(":memory:"))
        threads.append(connection._thread)
        await connection.run(lambda raw: raw.close())

    with pytest.warns(ResourceWarning, match="never closed"):
        await forget()
    threads[0].join()
