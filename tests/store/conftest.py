"""Each contract test runs on every engine of the product, and on the model."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from imserver.chat.ports import Store
from imserver.config import StoreConfig
from imserver.store import SqliteStore
from imserver.testing import ManualClock
from tests.store.model import ModelStore
from tests.store.support import USERS, Recorder, Stand

START_MS = 1_800_000_000_000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_MS)


#: Every engine of the product: a second one is written against the port, gets its row, and passes the contract tests.
ENGINES: dict[str, Callable[..., Any]] = {"sqlite": SqliteStore}
STORES: dict[str, Callable[..., Any]] = {**ENGINES, "model": ModelStore}


async def _open(maker: Callable[..., Store], tmp_path: Path, clock: ManualClock) -> Stand:
    config = StoreConfig(path=str(tmp_path / "chat.db"))
    store = maker(config, clock=clock, rng=random.Random(7), max_members=20)
    opened = Stand(store, recorder := Recorder())
    await store.open(recorder)
    await opened.users(*USERS)
    return opened


@pytest.fixture(params=STORES)
async def stand(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Stand]:
    """An open store with a few users."""
    opened = await _open(STORES[request.param], tmp_path, clock)
    yield opened
    await opened.store.close()


@pytest.fixture(params=ENGINES)
async def engine_stand(
    request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock
) -> AsyncIterator[Stand]:
    """For what the model does not do: SQL and timers of plugins."""
    opened = await _open(ENGINES[request.param], tmp_path, clock)
    yield opened
    await opened.store.close()


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
