"""A store in memory that begins with the plugin's tables: a database that was only migrated is made once and copied.

It takes half the time of opening a shop. Its life begins with the store: ids, keys and epochs are those of an empty one.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from imserver.config import StoreConfig
from imserver.plugins.booking import plugin
from imserver.store.sqlite.connection import DatabaseConnection
from imserver.store.sqlite.inline import open_inline
from imserver.store.sqlite.store import SqliteStore
from tests.store.support import Recorder

#: Where a store notes its lives: nothing of the one in which the tables were made is left.
BEGUN = ("meta", "lineage")
_made: list[bytes] = []


async def open_with_tables(connector: Callable[[], sqlite3.Connection]) -> DatabaseConnection:
    """The store's opener: an empty database gets the tables before the store looks at it."""
    image = await _image()

    def connect() -> sqlite3.Connection:
        raw = connector()
        if not raw.execute("PRAGMA schema_version").fetchone()[0]:
            with closing(sqlite3.connect(":memory:")) as migrated:
                migrated.deserialize(image)
                migrated.backup(raw)
        return raw

    return await open_inline(connect)


async def _image() -> bytes:
    if not _made:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "tables.db"
            store = SqliteStore(StoreConfig(path=str(path), readers=1), opener=open_inline)
            await store.open(Recorder())
            booking = plugin()
            await store.migrate_plugin(booking.name, [(one.number, one.sql) for one in booking.migrations])
            await store.close()
            with closing(sqlite3.connect(path, isolation_level=None)) as raw:
                for table in BEGUN:
                    raw.execute(f"DELETE FROM {table}")
                raw.execute("PRAGMA journal_mode = DELETE").fetchall()
                _made.append(raw.serialize())
    return _made[0]
