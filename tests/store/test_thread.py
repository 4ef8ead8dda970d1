"""A connection's thread: functions in the order of asking, each answer to its caller. What of aiosqlite's inside is used is
named here: a version without it fails in this file."""

from __future__ import annotations

import asyncio
import inspect
import queue
import sqlite3
import threading
from collections.abc import AsyncIterator
from typing import Any

import aiosqlite
import pytest

from imserver.store.sqlite.connection import ThreadConnection, connect


@pytest.fixture
async def connection() -> AsyncIterator[ThreadConnection]:
    made = ThreadConnection(lambda: connect(":memory:"))
    await made
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
    connection = ThreadConnection(lambda: connect(":memory:"))
    await connection
    connection.post(lambda: done.append("posted"))
    await connection.close()
    connection._thread.join()
    assert done == ["posted"]
    with pytest.raises(ValueError, match="no active connection"):
        await connection.run(lambda raw: done.append("late"))


async def test_a_database_that_cannot_be_opened_ends_the_thread() -> None:
    connection = ThreadConnection(lambda: connect("/nowhere/at/all.db"))
    with pytest.raises(sqlite3.OperationalError):
        await connection
    connection._thread.join()


async def test_the_parts_of_aiosqlite_that_are_used_are_what_they_were(connection: ThreadConnection) -> None:
    assert isinstance(connection._tx, queue.SimpleQueue)  # type: ignore[attr-defined,unused-ignore]
    assert connection._thread.daemon, "a dead disk would keep the process from ending"
    assert inspect.iscoroutinefunction(aiosqlite.Connection._execute)
    assert list(inspect.signature(aiosqlite.Connection._execute).parameters) == [
        "self",
        "fn",
        "args",
        "kwargs",
    ]
