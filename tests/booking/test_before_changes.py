"""A database from before anything was changed by talking goes on: its leave counts, its appointments are offered other times.

`fixtures/before_changes.sql` is of commit aeb923f. Li was away on Saturday by a row without wall time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.booking.support.leave import agreed, at, free, progress
from tests.booking.support.shop import Shop

OLD = Path(__file__).parent / "fixtures" / "before_changes.sql"


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    path = tmp_path / "chat.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.executescript(OLD.read_text("utf-8"))
        assert raw.execute(
            "SELECT MAX(number) FROM plugin_migrations WHERE plugin = 'booking'"
        ).fetchone() == (3,)
        assert raw.execute("SELECT COUNT(*) FROM booking_leaves").fetchone() == (1,)
    async with Shop(path=path, seed=2) as shop:
        yield shop


async def test_leave_of_before_counts_and_has_its_wall_time(shop: Shop) -> None:
    assert await shop.sql("SELECT store_id, zone, start_wall, end_wall, origin FROM booking_leaves") == [
        ("garden", "Asia/Shanghai", "2026-11-21T00:00", "2026-11-22T00:00", "message")
    ]
    assert "15:00" not in await free(shop, "2026-11-21")
    assert 'leave = ["2026-11-21"]' in (await shop.kit.operate("export", offset=4_000))["text"]
    await agreed(shop, "销假 李老师")
    assert "15:00" in await free(shop, "2026-11-21")


async def test_appointments_of_before_are_offered_other_times(shop: Shop) -> None:
    codes = [row[0] for row in await shop.appointments()]
    said = await agreed(shop, "请假 李老师 周五")
    for code, customer in zip(codes, ("ming", "hong"), strict=True):
        assert code in at(said, await shop.service(customer))
    assert "已答复 0/2" in await progress(shop)
    assert "门店安排不了了" in at(said, await shop.service("lan"))  # held, and given back
    assert await shop.appointments("held") == []
