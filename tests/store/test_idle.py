"""What the store does when nothing is left to do: checkpoints, a word about a log that grows, and the side file."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from imserver.config import StoreConfig
from imserver.store import SqliteStore
from imserver.store.engine.figures import Sizes
from imserver.store.sqlite import database
from imserver.store.sqlite import store as sqlite
from tests.limits.raw import eventually
from tests.store.support import USERS, Recorder, Stand, faulty, post


async def _opened(path: Path, **more: Any) -> Stand:
    store = SqliteStore(StoreConfig(path=str(path)), **more)
    await store.open(recorder := Recorder())
    stand = Stand(store, recorder)
    await stand.users(*USERS)
    return stand


def _knows(side: database.HighWater, change: int) -> bool:
    seen = side.read()
    return seen is not None and seen[1] == change


async def test_the_idle_writer_checkpoints_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a COMMIT does it in the end, and everybody waits for it."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 20)
    connector, connections = faulty()
    stand = await _opened(tmp_path / "chat.db", connector=connector)
    statements: list[str] = []
    connections.before = staticmethod(statements.append)
    for number in range(60):
        await stand.post(post(number))
    done = statements.count("PRAGMA wal_checkpoint(PASSIVE)")
    connections.before = staticmethod(lambda sql: None)
    await stand.store.close()
    assert 5 < done < 40, "often, and not after each commit"


async def test_who_looks_sees_how_much_of_a_long_log_waits_for_a_reader_and_has_it_begin_anew_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that never ends keeps the log growing; under load the writer is never idle, so the look shortens it."""
    assert sqlite.WATCHED_WAL_BYTES == 64 * 2**20
    monkeypatch.setattr(sqlite, "WATCHED_WAL_BYTES", 200_000)
    stand = await _opened(tmp_path / "chat.db")
    store, seen = stand.store, list[Sizes]()
    assert isinstance(store, SqliteStore)

    async def looked() -> Sizes:
        assert store.look(seen.append)
        count = len(seen)
        await eventually(lambda: len(seen) > count)
        return seen[-1]

    numbers = itertools.count()
    short = await looked()
    assert short.lag_bytes == 0
    with closing(sqlite3.connect(tmp_path / "chat.db", isolation_level=None)) as forgotten:
        forgotten.execute("BEGIN")
        forgotten.execute("SELECT count(*) FROM messages").fetchone()
        for _ in range(20):
            await stand.post(post(next(numbers), text="x" * 30_000))
        long = await looked()
    assert 500_000 < long.lag_bytes <= long.wal_bytes
    assert (await looked()).lag_bytes == 0, "taken over, though the writer is not idle"
    assert seen[-1].database_bytes > 500_000
    await stand.store.close()
    assert not store.look(seen.append)


async def test_the_side_file_follows_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is killed after months has told it of its last hour, too."""
    monkeypatch.setattr(sqlite, "HIGH_WATER_AFTER_S", 0.01)
    stand = await _opened(tmp_path / "chat.db")
    side = database.HighWater(tmp_path / "chat.db")
    for number in range(1, 5):
        await stand.post(post(number))
        await eventually(partial(_knows, side, await stand.read(lambda reader: reader.head_change())))
    await stand.store.close()
