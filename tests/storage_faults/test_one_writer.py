"""The facts that SQLite's safety rests on here: one connection writes and checkpoints, every write begins IMMEDIATE, no mmap.

SQLite up to 3.51.2 can damage a database when two connections write or checkpoint at once.
"""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any
from unittest import mock

from imserver.config import StoreConfig
from imserver.store import SqliteStore
from imserver.store.sqlite import database
from imserver.store.sqlite import store as sqlite_store
from imserver.store.sqlite.connection import connect
from tests.storage_faults.connection import connector
from tests.storage_faults.disk import Disk
from tests.store.support import DIRECT, USERS, Recorder, Stand, edit_message, key, post, said


async def _busy_minute(store: SqliteStore) -> None:
    """Writes of several kinds, and reads beside them on every reader."""
    stand = Stand(store, Recorder())
    await stand.users(*USERS)
    await stand.post(post(100))
    for start in range(1, 60, 6):
        writing = stand.post(*[post(number) for number in range(start, start + 6)])
        reading = (
            stand.read(lambda reader: reader.history(DIRECT, "ann", None, None, 20, 10**6)) for _ in range(6)
        )
        await asyncio.gather(writing, *reading)
        await stand.read(lambda reader: reader.sync("bob", None, 50))
    await stand.tx(lambda tx: edit_message(tx, DIRECT, "ann", key(900), 3, said("better")))
    await stand.tx(lambda tx: tx.move_cursors(DIRECT, "bob", 5, 5))


async def test_whatever_is_written_or_checkpointed_one_connection_does_it(tmp_path: Path) -> None:
    """Seen from the file system: which thread (each connection has its own) changes a file, from start to end."""
    disk = Disk(tmp_path)
    store = SqliteStore(StoreConfig(path=str(tmp_path / "chat.db"), readers=3), connector=connector(disk))
    with (
        mock.patch.object(sqlite_store, "CHECKPOINT_PAGES", 40),
        mock.patch.object(database, "MAX_WAL_PAGES", 50),
    ):
        await store.open(Recorder())
        disk.arm()
        await _busy_minute(store)
        await store.close()
    assert len(disk.calls) > 100
    assert len(disk.changes_by_thread) == 1, disk.changes_by_thread
    disk.close()


async def test_every_write_begins_immediate_and_no_file_is_mapped(tmp_path: Path) -> None:
    """And a reader that tries to write cannot."""
    statements: list[tuple[int, str]] = []
    opened: list[sqlite3.Connection] = []

    def tracing(path: str) -> sqlite3.Connection:
        made = connect(path)
        number = len(opened)
        opened.append(made)
        made.set_trace_callback(lambda sql: statements.append((number, sql)))
        return made

    store = SqliteStore(StoreConfig(path=str(tmp_path / "chat.db"), readers=2), connector=tracing)
    await store.open(Recorder())
    del statements[:]
    await _busy_minute(store)
    begins = {(number == 0, sql) for number, sql in statements if sql.startswith("BEGIN")}
    assert begins == {(True, "BEGIN IMMEDIATE"), (False, "BEGIN")}
    changing = ("INSERT", "UPDATE", "DELETE", "CREATE", "PRAGMA wal_checkpoint", "COMMIT")
    assert {number for number, sql in statements if sql.startswith(changing)} == {0}

    def settings(raw: Any) -> tuple[int, ...]:
        names = ("mmap_size", "query_only", "wal_autocheckpoint", "synchronous")
        return tuple(raw.execute(f"PRAGMA {name}").fetchone()[0] for name in names)

    assert store._connection is not None
    assert await store._connection.run(settings) == (0, 0, database.MAX_WAL_PAGES, 2)
    for reader in store._readers:
        assert (await reader.connection.run(settings))[:3] == (0, 1, 0)
    await store.close()
