"""Stores to run plugins on, and a plugin that does everything a plugin can do in one transaction."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable

import pytest

from imserver.chat.ports import Store
from imserver.config import StoreConfig
from imserver.plugin_host import HostLimits
from imserver.store.sqlite.connection import open_on_thread
from imserver.store.sqlite.inline import open_inline
from imserver.store.sqlite.store import SqliteStore
from imserver.testing import ManualClock, PluginKit
from tests.plugins.ledger import Ledger

#: As the defaults, but nobody waits for a retry or a deadline.
QUICK = HostLimits(
    handler_deadline_s=2.0,
    cancel_grace_s=0.2,
    retry_delays_s=(0.0,),
    store_busy_delays_s=(0.001, 0.01),
    cursor_interval_s=0.01,
    review_deadline_s=0.05,
)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture(params=["threads", "inline"])
def make_store(request, tmp_path, clock) -> Callable[[], Store]:
    """A store; a second call opens the same file again."""
    config = StoreConfig(path=str(tmp_path / "im.db"))
    opener = open_on_thread if request.param == "threads" else open_inline
    return lambda: SqliteStore(config, clock=clock, rng=random.Random(1), opener=opener)


@pytest.fixture
async def ledger(make_store, clock) -> AsyncIterator[PluginKit[Ledger]]:
    """The ledger plugin, running, with ann, bob and their conversations."""
    async with PluginKit(Ledger, store=make_store(), clock=clock, limits=QUICK, raises=False) as kit:
        await kit.user("ann", "Ann")
        await kit.user("bob", "Bob", language="zh-CN")
        yield kit


@pytest.fixture
def until():
    """Waits, turn by turn of the loop, until something is the case. A test that waits for ever is ended by its timeout."""

    async def until(condition: Callable[[], bool]) -> None:
        while not condition():  # noqa: ASYNC110  what is waited for has no event of its own
            await asyncio.sleep(0)

    return until
