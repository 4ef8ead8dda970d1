"""The connections as the server opens them: what each is set to, and how long it waits for somebody else's lock."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from imserver.chat.transaction import Transaction
from imserver.config import StoreConfig
from imserver.errors import Refusal, RefusalCode, StartError
from imserver.store import SqliteStore
from imserver.store.checks import open_snapshot
from imserver.store.sqlite import connection
from tests.store.support import USERS, Recorder, Stand, outcome, post

#: In the order of the columns below: the writer (durable, in memory), readers, and who only checks.
PRAGMAS: dict[str, tuple[Any, Any, Any, Any]] = {
    "journal_mode": ("wal", "wal", "wal", "wal"),
    "synchronous": (2, 0, 2, 2),
    "foreign_keys": (1, 1, 0, 0),
    "query_only": (0, 0, 1, 1),
    # Only the writer checkpoints; SQLite's WAL-reset bug needs two.
    "wal_autocheckpoint": (4096, 4096, 0, 0),
    "journal_size_limit": (64 * 2**20, 64 * 2**20, -1, -1),
    "cache_size": (-65_536, -65_536, -8_192, -8_192),
    "mmap_size": (0, 0, 0, 0),
    "temp_store": (2, 2, 2, 2),
    "trusted_schema": (0, 0, 0, 0),
    # Milliseconds: a backup that holds the lock makes nobody wait for longer.
    "busy_timeout": (2_000, 2_000, 2_000, 2_000),
}


def asked(raw: sqlite3.Connection) -> dict[str, Any]:
    found = {name: raw.execute(f"PRAGMA {name}").fetchone() for name in PRAGMAS}
    return {name: row[0] if row else 0 for name, row in found.items()}


async def _opened(path: Path | str, **more: Any) -> Stand:
    store = SqliteStore(StoreConfig(path=str(path), readers=1, **more))
    await store.open(recorder := Recorder())
    stand = Stand(store, recorder)
    await stand.users(*USERS)
    return stand


async def test_each_connection_is_set_to_what_it_needs(tmp_path: Path) -> None:
    """A table: what the server relies on (synced commits, one checkpointer, bounded waits), asked of SQLite itself."""
    columns = []
    for path in (tmp_path / "chat.db", ":memory:"):
        stand = await _opened(path)
        columns.append(await stand.tx(lambda tx: asked(tx._connection)))
        if path != ":memory:":
            columns.append(await stand.read(lambda reader: asked(reader._connection)))
            with open_snapshot(tmp_path / "chat.db") as snapshot:
                columns.append(asked(snapshot.connection))
        await stand.store.close()
    durable, reader, checker, in_memory = columns
    seen = {name: (durable[name], in_memory[name], reader[name], checker[name]) for name in PRAGMAS}
    assert seen == PRAGMAS


@pytest.fixture
async def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stand]:
    """The store with the real connector, which waits a tenth of a second."""
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_S", 0.1)
    stand = await _opened(tmp_path / "chat.db")
    yield stand
    await stand.store.close()


async def test_who_holds_the_lock_holds_up_nobody_for_longer_than_the_busy_time(
    impatient: Stand, tmp_path: Path
) -> None:
    """The lock goes only when the posts were refused; a writer that waited for it would wait until then."""
    with closing(sqlite3.connect(tmp_path / "chat.db", isolation_level=None)) as backup:
        backup.execute("BEGIN IMMEDIATE")
        units = [post(1), post(2, "bob")]
        for unit in units:
            impatient.store.submit(unit)
        refused = asyncio.ensure_future(impatient.store.write(lambda tx: None))
        await asyncio.wait([refused], timeout=20)
        told = refused.done(), *(unit.error is not None for unit in units)
        backup.execute("ROLLBACK")
    assert told == (True, True, True), "posts waited for a lock that nobody gave back"
    assert isinstance(refused.exception(), Refusal)
    assert [outcome(unit) for unit in units] == [RefusalCode.OVERLOADED] * 2
    assert all(isinstance(unit.error, Refusal) and unit.error.retry_after_ms for unit in units)
    assert await impatient.post(*[post(number) for number in (1, 3)]) == [(1, 1001, False), (2, 1003, False)]


async def test_a_lock_that_is_given_back_in_time_costs_nobody_a_refusal(tmp_path: Path) -> None:
    """The writer waits on its own thread; the event loop meanwhile goes on, and gives the lock back here."""
    stand = await _opened(tmp_path / "chat.db")
    with closing(sqlite3.connect(tmp_path / "chat.db", isolation_level=None)) as backup:
        backup.execute("BEGIN IMMEDIATE")
        posting = asyncio.ensure_future(stand.post(post(1)))
        await asyncio.sleep(0.05)
        backup.execute("ROLLBACK")
        assert await posting == [(1, 1001, False)]
    await stand.store.close()


async def test_readers_go_on_while_somebody_else_holds_the_lock(impatient: Stand, tmp_path: Path) -> None:
    await impatient.post(post(1))
    with closing(sqlite3.connect(tmp_path / "chat.db", isolation_level=None)) as backup:
        backup.execute("BEGIN IMMEDIATE")
        assert await impatient.read(lambda reader: reader.head_change()) > 0
        backup.execute("ROLLBACK")


async def test_a_start_does_not_wait_for_ever_for_a_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_S", 0.1)
    await (await _opened(tmp_path / "chat.db")).store.close()
    with closing(sqlite3.connect(tmp_path / "chat.db", isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        starting = asyncio.ensure_future(_opened(tmp_path / "chat.db"))
        await asyncio.wait([starting], timeout=20)
        done = starting.done()
        shell.execute("ROLLBACK")
    assert done, "a start waited for a lock that nobody gave back"
    assert isinstance(starting.exception(), StartError)
    assert "locked" in str(starting.exception())


async def test_a_plugin_cannot_change_what_the_connection_is_set_to(tmp_path: Path) -> None:
    stand = await _opened(tmp_path / "chat.db")
    before = await stand.tx(lambda tx: asked(tx._connection))

    def loosen(tx: Transaction, name: str) -> None:
        tx.plugin_sql("shop", f"PRAGMA {name} = 0")

    for name in PRAGMAS:
        with pytest.raises(Exception, match=r"not allowed: pragma"):
            await stand.tx(loosen, name)
    assert await stand.tx(lambda tx: asked(tx._connection)) == before
    await stand.store.close()
