"""Opening hours in wall time: daylight saving, split days, exceptions, minutes of opening hours."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imserver.plugins.booking.schedule.hours import (
    after_open_minutes,
    is_open,
    next_opening,
    slot_starts,
    utc_ms,
    wall_of,
    zone_of,
)
from tests.booking.support.chains import trial
from tests.booking.support.ledger import ms

BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)


def test_a_time_that_daylight_saving_skips_is_no_slot():
    (store,) = trial(zone="Europe/Berlin", hours='["00:00-06:00"]').stores
    walls = [wall for wall, _ in slot_starts(store, SPRING, 30)]
    assert datetime.fromisoformat("2026-03-29T01:45") in walls
    assert not [wall for wall in walls if wall.hour == 2]
    assert datetime.fromisoformat("2026-03-29T03:00") in walls


def test_a_time_that_happens_twice_is_the_first():
    (store,) = trial(zone="Europe/Berlin", hours='["00:00-06:00"]').stores
    starts = dict(slot_starts(store, AUTUMN, 30))
    first = starts[datetime.fromisoformat("2026-10-25T02:30")]
    assert datetime.fromtimestamp(first / 1000, UTC) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_the_end_is_judged_by_minutes_that_pass():
    # The span 00:00-04:00 lasts three hours in spring: nothing of three and a half hours fits.
    (store,) = trial(zone="Europe/Berlin", hours='["00:00-04:00"]').stores
    assert list(slot_starts(store, SPRING, 210)) == []
    assert len(list(slot_starts(store, AUTUMN, 210))) == 7  # 00:00 to 01:30 of a span that lasts five hours


@settings(max_examples=150)
@given(
    st.dates(date(2025, 1, 1), date(2027, 12, 31)),
    st.sampled_from(
        ["Europe/Berlin", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
    ),
    st.sampled_from([15, 30, 45, 60, 120]),
)
def test_every_slot_exists_and_lies_within_opening_hours(day, zone, minutes):
    (store,) = trial(zone=zone, hours='["00:00-09:00", "10:00-24:00"]').stores
    starts = list(slot_starts(store, day, minutes))
    place = zone_of(store)
    assert [start for _, start in starts] == sorted({start for _, start in starts})
    for wall, start_at in starts:
        assert wall_of(start_at, place) == wall
        assert utc_ms(wall, place) == start_at
        assert start_at % 300_000 == 0
        assert is_open(store, start_at)
        assert is_open(store, start_at + minutes * 60_000 - 1)


def test_an_exception_replaces_the_day():
    (store,) = trial(extra='exceptions = { "2026-12-31" = ["10:00-11:00"], "2027-01-01" = [] }').stores
    assert [f"{wall:%H:%M}" for wall, _ in slot_starts(store, date(2026, 12, 31), 30)] == [
        "10:00",
        "10:15",
        "10:30",
    ]
    assert not list(slot_starts(store, date(2027, 1, 1), 30))


@pytest.mark.parametrize(
    ("since", "told"),
    [
        ("2026-11-18T10:00", "2026-11-18T10:05"),
        ("2026-11-18T17:58", "2026-11-19T09:03"),
        ("2026-11-18T23:00", "2026-11-19T09:05"),
    ],
)
def test_minutes_of_opening_hours_pass_only_while_the_shop_is_open(since, told):
    (store,) = trial().stores
    zone = zone_of(store)
    assert after_open_minutes(store, ms(since, zone), 5) == ms(told, zone)


def test_a_shop_that_never_opens_is_not_waited_for():
    (store,) = trial(hours="[]").stores
    now = ms("2026-11-18T10:00", zone_of(store))
    assert after_open_minutes(store, now, 5) is None
    assert next_opening(store, now) is None
    assert not is_open(store, now + int(timedelta(days=1).total_seconds() * 1000))
