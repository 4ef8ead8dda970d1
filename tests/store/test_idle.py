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
from imserver.store.sqlite import database, guard
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


@pytest.mark.parametrize("checkpoint_pages", [1, 10**9], ids=["idle", "never idle"])
async def test_a_log_that_grows_is_told_once_until_it_is_short_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkpoint_pages: int
) -> None:
    """A reader that never ends keeps it from starting anew; who reads the log wants to hear of that, and not all day. Seen by
    its size, so also by a server that is never idle."""
    monkeypatch.setattr(database, "MAX_WAL_PAGES", 20)
    assert sqlite.WATCHED_LOG_BYTES == 64 * 2**20
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", checkpoint_pages)
    monkeypatch.setattr(sqlite, "WATCHED_LOG_BYTES", 60 * 4096)
    monkeypatch.setattr(guard, "LOOK_EVERY_S", 0)
    monkeypatch.setattr(database, "MAX_IDLE_WAL_BYTES", 60 * 4096)
    log = LogBook()
    stand = await _opened(tmp_path / "chat.db", log=log)
    numbers, both = itertools.count(), ["wal_is_long", "wal_is_long_ends"]
    for told in (1, 2):
        with closing(sqlite3.connect(tmp_path / "chat.db", isolation_level=None)) as forgotten:
            forgotten.execute("BEGIN")
            forgotten.execute("SELECT count(*) FROM messages").fetchone()
            for _ in range(20):
                await stand.post(post(next(numbers), text="x" * 30_000))
            await stand.tx(lambda tx: None)
            assert log.events("warning") == [*both * (told - 1), "wal_is_long"]
        for _ in range(30):  # the log begins anew, and is short
            await stand.post(post(next(numbers), text="x" * 3_000))
        assert log.events("warning") == both * told
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
