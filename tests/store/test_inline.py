"""The store without threads: the same in every run, turn for turn; a connection does one function a turn, in order."""

from __future__ import annotations

import asyncio
import contextvars
import os
import random
import threading
from pathlib import Path
from typing import Any

import pytest

from imserver.config import StoreConfig
from imserver.store import SqliteStore
from imserver.store.sqlite.connection import connect, open_on_thread
from imserver.store.sqlite.inline import InlineConnection, open_inline
from imserver.testing import ManualClock, scratch_store
from tests.store.support import DIRECT, USERS, Recorder, Stand, post

NAME: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="nobody")


@pytest.fixture
async def connection() -> Any:
    made = InlineConnection()
    await made.open(lambda: connect(":memory:"))
    yield made
    await made.close()


async def _life(store: SqliteStore) -> list[Any]:
    """Posts of several senders at once and pages between them: what is answered, and when (in turns of the loop)."""
    turns = [0]

    async def count() -> None:
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(count())
    await store.open(recorder := Recorder())
    stand = Stand(store, recorder)
    await stand.users(*USERS)
    told: list[Any] = [store.epoch]

    async def posts(sender: str, first: int) -> None:
        for number in range(first, first + 5):
            told.append((sender, turns[0], await stand.post(post(number, sender))))
            page = await stand.read(lambda reader: reader.history(DIRECT, "ann", 0, None, 99, 10**6))
            told.append((sender, turns[0], page))

    await asyncio.gather(posts("ann", 100), posts("bob", 200))
    await store.close()
    counting.cancel()
    return [*told, turns[0], [len(batch) for batch in recorder.batches]]


async def test_two_runs_of_one_seed_are_one_turn_for_turn() -> None:
    lives = [await _life(scratch_store(ManualClock(), seed=5)) for _ in range(3)]
    assert lives[0] == lives[1] == lives[2]


async def test_it_has_no_thread_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = threading.enumerate()
    store = scratch_store()
    await store.open(Recorder())
    assert threading.enumerate() == before
    assert os.listdir(tmp_path) != []
    await store.close()
    assert os.listdir(tmp_path) == []


async def test_what_it_wrote_is_opened_with_threads(tmp_path: Path) -> None:
    config = StoreConfig(path=str(tmp_path / "chat.db"))
    told = []
    for opener in (open_inline, open_on_thread):
        store = SqliteStore(config, rng=random.Random(1), opener=opener)
        await store.open(recorder := Recorder())
        stand = Stand(store, recorder)
        await stand.users(*USERS)
        told.append(await stand.post(post(1)))
        await store.close()
    assert told == [[(1, 1001, False)], [(1, 1001, True)]]


async def test_functions_run_one_a_turn_in_the_order_of_asking(connection: InlineConnection) -> None:
    done: list[str] = []
    connection.post(lambda: done.append("first"))
    connection.post(lambda: done.append("second"))
    assert done == []
    await asyncio.sleep(0)
    assert done == ["first"]
    await connection.run(lambda raw: done.append("third"))
    assert done == ["first", "second", "third"]


async def test_an_error_is_its_askers_and_stops_nobody_else(connection: InlineConnection) -> None:
    class Odd(BaseException):
        pass

    def fails(raw: Any) -> None:
        raise Odd

    failing = asyncio.ensure_future(connection.run(fails))
    after = asyncio.ensure_future(connection.run(lambda raw: raw.execute("SELECT 7").fetchone()))
    assert await after == (7,)
    with pytest.raises(Odd):
        failing.result()


async def test_whoever_stops_waiting_stops_nothing(connection: InlineConnection) -> None:
    done: list[str] = []
    asking = asyncio.ensure_future(connection.run(lambda raw: done.append("asked")))
    await asyncio.sleep(0)
    asking.cancel()
    await connection.run(lambda raw: done.append("later"))
    assert done == ["asked", "later"]


async def test_whoever_stops_waiting_is_not_told_of_an_error(connection: InlineConnection) -> None:
    heard: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: heard.append(context))
    asking = asyncio.ensure_future(connection.run(lambda raw: raw.execute("no SQL")))
    await asyncio.sleep(0)
    asking.cancel()
    assert await connection.run(lambda raw: 7) == 7
    assert heard == []


async def test_a_function_does_not_know_who_asked(connection: InlineConnection) -> None:
    NAME.set("somebody")
    assert await connection.run(lambda raw: NAME.get()) == "nobody"
