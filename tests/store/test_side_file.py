"""The side file tells of committed changes only, and one database has one lock and one side file by whatever name."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from imserver.config import StoreConfig
from imserver.errors import StartError
from imserver.store import SqliteStore
from imserver.store.sqlite import store as sqlite_store
from imserver.store.sqlite.database import HighWater
from imserver.testing import LogBook
from tests.store.support import USERS, Recorder, Stand, faulty, post, sqlite_error


async def test_a_commit_of_unknown_outcome_is_not_told_to_the_side_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the next start would find less than the side file has seen, and every client would lose its cursors."""
    monkeypatch.setattr(sqlite_store, "HIGH_WATER_AFTER_S", 0.05)
    connector, connections = faulty()
    config = StoreConfig(path=str(tmp_path / "chat.db"))
    store = SqliteStore(config, connector=connector)
    failed = asyncio.Event()
    store.on_failure(lambda error: failed.set())
    await store.open(Recorder())
    stand = Stand(store, Recorder())
    await stand.users(*USERS)
    await stand.post(post(1))
    error = sqlite_error("SQLITE_IOERR", "disk I/O error")
    connections.before = staticmethod(lambda sql: error if sql == "COMMIT" else None)
    for number in range(2, 20):
        store.submit(post(number))
    await failed.wait()
    await asyncio.sleep(0.2)  # the side file's turn
    connections.before = staticmethod(lambda sql: None)
    await store.close()
    again = SqliteStore(config)
    await again.open(Recorder())
    assert again.epoch == store.epoch
    await again.close()


async def test_a_database_is_locked_by_whatever_name_it_is_opened(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "chat.db")
    store = SqliteStore(StoreConfig(path=str(tmp_path / "chat.db")))
    await store.open(Recorder())
    second = SqliteStore(StoreConfig(path=str(tmp_path / "link.db")))
    with pytest.raises(StartError, match="another imserver"):
        await second.open(Recorder())
    await store.close()
    await second.open(Recorder())
    assert second.epoch == store.epoch
    await second.close()
    assert not (tmp_path / "link.db.high").exists()


async def test_an_orderly_end_tells_it_of_everything(tmp_path: Path) -> None:
    """And so an older copy that is put back behind it is suspected, in the log and in the figures."""
    path = tmp_path / "chat.db"
    config = StoreConfig(path=str(path))
    for number in (1, 2):
        store = SqliteStore(config)
        await store.open(recorder := Recorder())
        stand = Stand(store, recorder)
        await stand.users(*USERS)
        await stand.post(post(number))
        figures = store.figures()
        assert figures is not None
        assert figures.older_copy == 0
        change = store.change
        await store.close()
        assert HighWater(path).read() == (store.epoch, change)
        with closing(sqlite3.connect(path)) as raw:
            assert raw.execute("SELECT max(copied_at) FROM lineage").fetchone() == (None,)
        if number == 1:
            shutil.copy(path, tmp_path / "older.db")
    shutil.move(tmp_path / "older.db", path)
    log = LogBook()
    store = SqliteStore(config, log=log)
    await store.open(Recorder())
    figures = store.figures()
    assert figures is not None
    assert figures.older_copy == 1
    assert [line[1] for line in log.lines] == [sqlite_store.OLDER_COPY]
    await store.close()
    with closing(sqlite3.connect(path)) as raw:
        told = raw.execute("SELECT copied_at IS NOT NULL FROM lineage ORDER BY no").fetchall()
    assert told == [(0,), (1,)], "plugins are told of it"
