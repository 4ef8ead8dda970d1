"""Each contract test runs on every engine of the product, and on the model."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from imserver.config import StoreConfig
from imserver.store import SqliteStore
from imserver.testing import ManualClock
from tests.store.copies import COPIED_AT, opened
from tests.store.homes import ENGINES, HOMES, Home
from tests.store.support import USERS, Recorder, Stand, post

START_MS = 1_800_000_000_000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_MS)


@pytest.fixture(params=HOMES)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """Where a database lives: for what goes over more than one opening."""
    return HOMES[request.param](tmp_path)


@pytest.fixture(params=ENGINES)
def engine_home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """For what the model does not do: SQL and timers of plugins."""
    return ENGINES[request.param](tmp_path)


async def _opened(home: Home, clock: ManualClock) -> AsyncIterator[Stand]:
    store = home.store(clock=clock, rng=random.Random(7), max_members=20)
    await store.open(recorder := Recorder())
    stand = Stand(store, recorder)
    await stand.users(*USERS)
    yield stand
    await store.close()


@pytest.fixture
async def stand(home: Home, clock: ManualClock) -> AsyncIterator[Stand]:
    """An open store with a few users."""
    async for made in _opened(home, clock):
        yield made


@pytest.fixture
async def engine_stand(engine_home: Home, clock: ManualClock) -> AsyncIterator[Stand]:
    """For what the model does not do."""
    async for made in _opened(engine_home, clock):
        yield made


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


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A database with 30 messages at chat.db, of which 20 are in the copy at backups/one.db."""
    path = tmp_path / "chat.db"
    (tmp_path / "backups").mkdir()
    stand = await opened(path, COPIED_AT)
    await stand.users(*USERS)
    await stand.post(*(post(number) for number in range(1, 21)))
    await stand.store.backup(tmp_path / "backups" / "one.db")
    await stand.post(*(post(number) for number in range(21, 31)))
    await stand.store.close()
    return path


@pytest.fixture
def copied(path: Path) -> Path:
    return path.parent / "backups" / "one.db"
