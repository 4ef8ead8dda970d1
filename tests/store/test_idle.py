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
from imserver.store.sqlite import database
from imserver.store.sqlite import store as sqlite
from imserver.testing import LogBook
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


async def test_a_log_that_grows_is_told_once_until_it_is_short_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that never ends keeps it from starting anew; who reads the log wants to hear of that, and not all day."""
    assert sqlite.WATCHED_WAL_PAGES * 4096 == 64 * 2**20  # bytes
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 1)
    monkeypatch.setattr(sqlite, "WATCHED_WAL_PAGES", 60)
    log = LogBook()
    stand = await _opened(tmp_path / "chat.db", log=log)
    numbers = itertools.count()
    for told in (1, 2):
        with closing(sqlite3.connect(tmp_path / "chat.db", isolation_level=None)) as forgotten:
            forgotten.execute("BEGIN")
            forgotten.execute("SELECT count(*) FROM messages").fetchone()
            for _ in range(20):
                await stand.post(post(next(numbers), text="x" * 30_000))
        await stand.tx(lambda tx: None)
        assert len(log.events("warning")) == told, log.events("warning")
        for _ in range(10):  # the log begins anew, and is short
            await stand.post(post(next(numbers)))
    await stand.store.close()


async def test_the_side_file_follows_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is killed after months has told it of its last hour, too."""
    monkeypatch.setattr(sqlite, "HIGH_WATER_AFTER_S", 0.01)
    stand = await _opened(tmp_path / "chat.db")
    side = database.HighWater(tmp_path / "chat.db")
    for number in range(1, 5):
        await stand.post(post(number))
        await eventually(partial(_knows, side, await stand.read(lambda reader: reader.head_change())))
    await stand.store.close()
