"""A copy of the database that is put back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from imserver.config import StoreConfig
from imserver.store import SqliteStore
from imserver.store.sqlite import restore as restores
from tests.store.support import Recorder

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


async def restored(folder: Path, copy: Path) -> None:
    """As the command does it: put back, and opened once without a server."""
    path = folder / "chat.db"
    await asyncio.to_thread(restores.put_back, copy, path, NOW)
    store = SqliteStore(StoreConfig(path=str(path)))
    await store.open(Recorder())
    await store.close()
