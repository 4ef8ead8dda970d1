"""Shops far from the server's clock: every day and hour that is shown, kept or compared is that of the shop's own zone."""

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from imserver.plugins.booking.schedule.chain_file import parse_chain
from imserver.plugins.booking.schedule.hours import (
    after_open_minutes,
    is_open,
    next_opening,
    opening_spans,
    slot_starts,
    utc_ms,
    wall_of,
)
from tests.booking.support.booked import booked
from tests.booking.support.chains import trial
from tests.booking.support.demo_chain import DEMO
from tests.booking.support.heard import hear
from tests.booking.support.ledger import ms
from tests.booking.support.shop import GARDEN, Shop, shown

ZONES = ["Asia/Shanghai", "America/New_York", "Pacific/Auckland", "America/Los_Angeles", "Asia/Kathmandu"]
"""UTC has another date there in the morning (east) or in the evening (west), when a shop is open or about to be."""
SAID = [
    *((zone, f"2026-11-18T{hour}") for zone in ZONES[:3] for hour in ("07:50", "13:00", "20:30")),
    ("America/New_York", "2026-10-31T20:30"),  # the clocks are set back in the night
    ("Pacific/Auckland", "2026-09-26T08:10"),  # the clocks are set forward in the night
]


def shop_in(folder: Path, zone: str, now: str) -> Shop:
    """The demo chain, moved to a zone, at a moment of its own clocks."""
    file = folder / "chain.toml"
    file.write_text(DEMO.replace("Asia/Shanghai", zone), encoding="utf-8")
    return Shop(datetime.fromisoformat(now).replace(tzinfo=ZoneInfo(zone)), config={"chain": str(file)})


def day_of(wall: datetime) -> str:
    return f"{wall.month}月{wall.day}日 周{'一二三四五六日'[wall.weekday()]}"


@pytest.mark.parametrize(("zone", "now"), SAID)
async def test_an_appointment_keeps_to_the_shops_own_days_and_hours(
    tmp_path: Path, zone: str, now: str
) -> None:
    place, wall = ZoneInfo(zone), datetime.fromisoformat(now)
    tomorrow = (wall + timedelta(days=1)).replace(hour=19 if wall.month == 11 else 18, minute=0)
    async with shop_in(tmp_path, zone, now) as shop:
        here, code = await booked(shop, when=f"明天{tomorrow:%H:%M}")
        rows = await shop.sql("SELECT start_wall, start_at FROM booking_appointments WHERE code = ?", code)
        assert rows == [(tomorrow.isoformat(timespec="minutes"), utc_ms(tomorrow, place))]
        await what_is_shown(shop, here, wall, tomorrow)
        await shop.advance(36 * 60)
        cards = [one for one in shop.kit.messages(here) if one.content.get("title") == "预约提醒"]
        sent = await shop.sql(
            "SELECT kind, decided_at FROM booking_reminders WHERE state = 'sent' ORDER BY decided_at"
        )
        assert {one.sender_id for one in cards} == {GARDEN}
        assert all("隐形眼镜" in shown(one) for one in cards)  # every customer needs this line
        told = [shown(one).split("：")[1].split("，")[0] for one in cards]
        when = [wall_of(decided, place) for _, decided in sent]
        assert list(zip(told, when, strict=True)) == [
            *([(f"明天 {tomorrow:%H:%M}", tomorrow - timedelta(days=1))] if wall.hour < 17 else []),
            (f"今天 {tomorrow:%H:%M}", tomorrow - timedelta(hours=2)),
        ]


async def what_is_shown(shop: Shop, here: str, wall: datetime, tomorrow: datetime) -> None:
    """Lists, the day sheet and the hours of opening, a moment after `wall`."""
    sunday = tomorrow.weekday() == 6
    opens = {7: "今天 09:00", 8: "今天 09:00", 20: f"明天 {'10' if sunday else '09'}:00"}
    assert f"{day_of(tomorrow)} {tomorrow:%H:%M}" in await shop.hear("ming", here, "我的预约")
    assert day_of(tomorrow) in await shop.hear("ming", here, "空档 明天")
    if wall.hour < 17:
        assert day_of(wall) in await shop.hear("ming", here, "空档 今天")
    assert opens.get(wall.hour, "已经通知店员") in await shop.hear("ming", here, "人工")
    group = await shop.staff_group()
    assert f"{day_of(wall)}\n没有预约" in await shop.hear("staff-li", group, "今日预约")
    sheet = await shop.hear("staff-li", group, "今日预约 明天")
    assert day_of(tomorrow) in sheet
    assert f"{tomorrow:%H:%M}–{tomorrow:%H}:30" in sheet
    day_after = tomorrow + timedelta(days=1)
    assert f"{day_of(day_after)}\n没有预约" in await shop.hear("staff-li", group, "今日预约 后天")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("hour", ["00:30", "06:30", "12:30", "19:30", "23:30"])
def test_days_that_customers_name_begin_at_the_shops_midnight(zone: str, hour: str) -> None:
    chain = trial(zone=zone)
    now = ms(f"2026-11-18T{hour}", ZoneInfo(zone))
    for text, day in {"今天23:45": 18, "明天15:00": 19, "周五15:00": 20, "tomorrow 3pm": 19}.items():
        when = hear(text, now, chain=chain).when
        assert when is not None
        assert [one.day for one in when.candidates] == [day]
    within = hear("两小时后", now, chain=chain).when
    assert within is not None
    assert within.candidates == (datetime.fromisoformat(f"2026-11-18T{hour}") + timedelta(hours=2),)


@pytest.mark.parametrize("zone", ZONES)
def test_opening_hours_are_the_shops_own(zone: str) -> None:
    extra = 'exceptions = { "2026-11-19" = ["11:00-12:00"] }'
    (store,) = trial(zone=zone, hours='["07:00-12:00", "19:00-23:00"]', extra=extra).stores
    place = ZoneInfo(zone)
    opens = {f"{hour:02}:{minute:02}" for hour in range(24) for minute in (0, 59)
             if is_open(store, ms(f"2026-11-18T{hour:02}:{minute:02}", place))}  # fmt: skip
    assert opens == {
        f"{hour:02}:{minute}" for hour in (*range(7, 12), *range(19, 23)) for minute in ("00", "59")
    }
    for since, coming in {
        "18T06:00": "18T07:00",
        "18T07:00": "18T19:00",
        "18T13:00": "18T19:00",
        "18T23:30": "19T11:00",
        "19T13:00": "20T07:00",
    }.items():
        assert next_opening(store, ms(f"2026-11-{since}", place)) == ms(f"2026-11-{coming}", place)
    for since, told in {
        "18T06:00": "18T07:05",
        "18T11:58": "18T19:03",
        "18T22:57": "19T11:02",
        "18T11:55": "18T12:00",
    }.items():
        assert after_open_minutes(store, ms(f"2026-11-{since}", place), 5) == ms(f"2026-11-{told}", place)
    assert not is_open(store, ms("2026-11-18T23:00", place))
    first = next(opening_spans(store, ms("2026-11-18T20:00", place)))
    assert first == (ms("2026-11-18T19:00", place), ms("2026-11-18T23:00", place))
    starts = [wall for wall, _ in slot_starts(store, datetime.fromisoformat("2026-11-19").date(), 30)]
    assert [f"{wall:%d %H:%M}" for wall in starts] == ["19 11:00", "19 11:15", "19 11:30"]
    assert all(at == utc_ms(wall, place) for wall, at in slot_starts(store, starts[0].date(), 30))


@pytest.mark.parametrize(("ahead", "found"), [(1, True), (59, True), (60, False)])
def test_an_opening_is_looked_for_over_sixty_days(ahead: int, found: bool) -> None:
    place = ZoneInfo("America/New_York")
    now = datetime.fromisoformat("2026-11-18T20:00")
    day = now.date() + timedelta(days=ahead)
    (store,) = trial(zone=place.key, hours="[]", extra=f'exceptions = {{ "{day}" = ["11:00-12:00"] }}').stores
    opens = next_opening(store, ms(now.isoformat(), place))
    assert opens == (ms(f"{day}T11:00", place) if found else None)


def test_each_shop_of_a_chain_reads_times_by_its_own_clocks() -> None:
    chain = parse_chain("America/New_York".join(DEMO.rsplit("Asia/Shanghai", 1)))
    garden, river = chain.stores[:2]
    assert (garden.zone, river.zone) == ("Asia/Shanghai", "America/New_York")
    now = ms("2026-11-18T09:00", ZoneInfo("Asia/Shanghai"))  # the evening before in New York
    for text, here, day in (
        ("明天15:00", garden, 19),
        ("明天15:00", river, 18),
        ("明天15:00", None, 19),
    ):
        when = hear(text, now, here, chain).when
        assert when is not None
        assert [one.day for one in when.candidates] == [day], (text, here)
