"""Each contract test runs on every store."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from imserver.chat.ports import Store
from imserver.config import StoreConfig
from imserver.store import MemoryStore, SqliteStore
from imserver.testing import ManualClock
from tests.store.support import USERS, Recorder, Stand

START_MS = 1_800_000_000_000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_MS)


@pytest.fixture(params=["sqlite", "memory"])
async def stand(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Stand]:
    """An open store with a few users."""
    makers: dict[str, Callable[..., Any]] = {"sqlite": SqliteStore, "memory": MemoryStore}
    config = StoreConfig(path=str(tmp_path / "chat.db"))
    store: Store = makers[request.param](config, clock=clock, rng=random.Random(7), max_members=20)
    recorder = Recorder()
    await store.open(recorder)
    opened = Stand(store, recorder)
    await opened.users(*USERS)
    yield opened
    await store.close()


@pytest.fixture
async def sqlite_stand(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Stand]:
    """For what only the SQLite store does."""
    store = SqliteStore(StoreConfig(path=str(tmp_path / "chat.db")), clock=clock, rng=random.Random(7))
    recorder = Recorder()
    await store.open(recorder)
    opened = Stand(store, recorder)
    await opened.users(*USERS)
    yield opened
    await store.close()
