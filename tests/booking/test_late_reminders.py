"""Reminders that the server could not send in time, of appointments that went on meanwhile."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.booking.support.booked import booked
from tests.booking.support.demo_chain import DEMO
from tests.booking.support.ledger import ms
from tests.booking.support.reminders import down_until, reminders_in, why
from tests.booking.support.shop import Shop
from tests.booking.support.steps import at_any_time


@pytest.mark.parametrize("wall", ["2026-11-20T15:00", "2026-11-20T18:00", "2026-11-23T09:00"])
async def test_nobody_is_reminded_of_what_has_begun(wall: str) -> None:
    async with Shop() as shop:
        here, _ = await booked(shop, when="11月20日 15:00")
        await down_until(shop, wall)
        await shop.advance(24 * 60)
        assert reminders_in(shop, here) == []
        assert await why(shop) == [("day_before", "not_sent", "past"), ("same_day", "not_sent", "past")]


@pytest.mark.usefixtures(at_any_time.__name__)
async def test_who_has_arrived_is_not_reminded() -> None:
    async with Shop() as shop:
        here, code = await booked(shop, when="明天15:00")
        await shop.advance(24 * 60)
        before = len(reminders_in(shop, here))
        assert "到店了" in await shop.hear("staff-li", await shop.staff_group(), f"到店 {code}")
        await shop.advance(24 * 60)
        assert len(reminders_in(shop, here)) == before


async def test_what_was_sent_stays_sent_after_a_cancel() -> None:
    async with Shop() as shop:
        here, _ = await booked(shop, when="11月20日 15:00")
        await shop.advance(30 * 60)
        for text in ("取消", "好"):
            await shop.say("ming", here, text)
        await shop.advance(48 * 60)
        assert len(reminders_in(shop, here)) == 1
        assert await why(shop) == [("day_before", "sent", ""), ("same_day", "not_sent", "cancelled")]


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York", "Pacific/Auckland"])
@pytest.mark.parametrize(
    "up", ["2026-11-19T21:00", "2026-11-19T23:30", "2026-11-20T04:00", "2026-11-20T07:59"]
)
@pytest.mark.parametrize(("start", "reminded"), [("07:45", False), ("09:30", True)])
async def test_a_reminder_that_would_come_by_night_waits_for_eight_or_for_ever(
    tmp_path: Path, zone: str, up: str, start: str, reminded: bool
) -> None:
    file = tmp_path / "chain.toml"
    text = DEMO.replace("09:00-20:00", "07:00-20:00").replace("Asia/Shanghai", zone)
    file.write_text(text, encoding="utf-8")
    now = datetime(2026, 11, 18, 22, 0, tzinfo=ZoneInfo(zone))
    async with Shop(now, config={"chain": str(file)}) as shop:
        here, _ = await booked(shop, when=f"后天{start}")
        if up == "2026-11-20T07:59" and not reminded:
            return  # it has begun before the morning in every case
        await down_until(shop, up, zone)
        assert reminders_in(shop, here) == []
        await shop.advance(20 * 60)
        sent = await shop.sql("SELECT decided_at FROM booking_reminders WHERE state = 'sent'")
        assert sent == ([(ms("2026-11-20T08:00", ZoneInfo(zone)),)] if reminded else [])
        assert [one.partition("：")[2][:8] for one in reminders_in(shop, here)] == (
            ["今天 09:30"[:8]] if reminded else []
        )
