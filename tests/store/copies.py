"""A database that was lived in, and copies of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imserver.config import StoreConfig
from imserver.store import SqliteStore
from imserver.testing import ManualClock
from tests.store.support import Recorder, Stand

#: When something is restored, and when the copy is made (by the clock of the store).
NOW = datetime(2026, 11, 29, 15, 10, tzinfo=UTC)
COPIED_AT = 1_000_000


async def opened(path: Path, now: int = 2_000_000, **more: Any) -> Stand:
    store = SqliteStore(StoreConfig(path=str(path)), clock=ManualClock(now), **more)
    await store.open(recorder := Recorder())
    return Stand(store, recorder)
