"""A database from before pages goes on: what was booked and held is shown there, and nobody had agreed to anything.

`fixtures/before_pages.sql` is of commit 65190bbc.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.booking.support.page import mine
from tests.booking.support.shop import Shop

OLD = Path(__file__).parent / "fixtures" / "before_pages.sql"


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    path = tmp_path / "chat.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.executescript(OLD.read_text("utf-8"))
        number = "SELECT MAX(number) FROM plugin_migrations WHERE plugin = 'booking'"
        assert raw.execute(number).fetchone() == (10,)
    async with Shop(path=path, seed=2) as shop:
        yield shop


async def test_what_was_booked_and_held_is_there(shop: Shop) -> None:
    ming = await mine(shop, "ming")
    assert [(one.code, one.wall, one.name) for one in ming.upcoming] == [
        ("A2S4", "2026-11-20T15:00", "王小明")
    ]
    assert ming.known.consent == {}
    hong = await mine(shop, "hong")
    assert hong.held is not None
    assert (hong.held.wall, hong.held.ask, hong.held.confirmation) == ("2026-11-20T16:00", "name", "auto")
    assert await shop.sql("SELECT DISTINCT by_guest FROM booking_appointments") == [(0,)]


async def test_it_goes_on_with_what_is_new(shop: Shop) -> None:
    room = await shop.service("hong")
    await shop.say("hong", room, "/details\nname: Hong\nage: adult\nfirst visit: yes\nconsent: shipped-1")
    held = (await mine(shop, "hong")).held
    assert held is not None
    await shop.say("hong", room, str(held.confirm))
    assert [row[3] for row in await shop.appointments()] == ["王小明", "Hong"]
    await shop.say("hong", room, "/withdraw")
    assert await shop.sql("SELECT COUNT(*) FROM booking_consents WHERE withdrawn_at IS NOT NULL") == [(1,)]
