"""Reminders: their due times, and a text that fits the appointment at the moment of sending."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver.plugins.booking.journey import reminders
from imserver.plugins.booking.journey.reminders import KINDS, QUIET_FROM, QUIET_TO, due
from imserver.plugins.booking.schedule.hours import utc_ms, wall_of
from tests.booking.support.booked import booked
from tests.booking.support.ledger import ms
from tests.booking.support.shop import NOW, Shop, shown

SHANGHAI = ZoneInfo("Asia/Shanghai")


def due_wall(kind: str, start: str, changed: str = "2026-11-01T10:00", zone: ZoneInfo = SHANGHAI) -> str:
    when = due(kind, datetime.fromisoformat(start), zone, ms(changed, zone))
    return when.reason if when.at is None else wall_of(when.at, zone).isoformat(timespec="minutes")


@pytest.mark.parametrize(
    ("kind", "start", "wanted"),
    [
        ("day_before", "2026-11-19T15:00", "2026-11-18T15:00"),
        ("same_day", "2026-11-19T15:00", "2026-11-19T13:00"),
        ("same_day", "2026-11-19T10:00", "2026-11-19T08:00"),
        ("same_day", "2026-11-19T09:45", "2026-11-18T20:55"),  # 7:45 is quiet: the evening before
        ("day_before", "2026-11-19T07:30", "2026-11-17T20:55"),
        ("day_before", "2026-11-19T21:00", "2026-11-18T20:55"),
        ("same_day", "2026-11-19T23:30", "2026-11-19T20:55"),
    ],
)
def test_due(kind, start, wanted):
    assert due_wall(kind, start) == wanted


def test_who_booked_a_moment_ago_is_not_reminded():
    assert due_wall("day_before", "2026-11-19T15:00", "2026-11-18T14:31") == "too_soon"
    assert due_wall("day_before", "2026-11-19T15:00", "2026-11-18T14:30") == "2026-11-18T15:00"
    assert due_wall("same_day", "2026-11-19T12:00", "2026-11-19T10:30") == "too_soon"


@given(
    st.datetimes(datetime.combine(date(2026, 1, 1), time()), datetime.combine(date(2027, 12, 31), time())),
    st.sampled_from(["Europe/Berlin", "Asia/Shanghai", "America/New_York"]),
    st.sampled_from(KINDS),
)
def test_never_in_the_night_and_never_after_the_start(start, zone, kind):
    place, start = ZoneInfo(zone), start.replace(second=0, microsecond=0)
    when = due(kind, start, place, 0)
    assert when.at is not None
    wall = wall_of(when.at, place)
    assert QUIET_TO <= wall.time() < QUIET_FROM or utc_ms(wall + timedelta(hours=1), place) is None
    begins = utc_ms(start, place)
    assert begins is None or when.at <= begins


async def test_both_reminders_come_once_at_their_time_with_the_real_lead():
    async with Shop() as shop:
        here, _ = await booked(shop, when="11月20日 15:00")
        (first,) = [one for one in await shop.advance(29.1 * 60) if one.conversation_id == here]
        assert "明天 15:00" in shown(first)
        (second,) = [one for one in await shop.advance(22 * 60) if one.conversation_id == here]
        assert "今天 15:00" in shown(second)
        assert await shop.advance(48 * 60) == []
        assert await shop.sql("SELECT state FROM booking_reminders") == [("sent",), ("sent",)]


async def test_after_a_move_only_the_new_time_is_reminded_of():
    async with Shop() as shop:
        here, _ = await booked(shop, when="11月20日 15:00")
        for text in ("改约 11月25日 11:00", "好"):
            await shop.say("ming", here, text)
        assert [one for one in await shop.advance(4 * 24 * 60) if one.conversation_id == here] == []
        said = [shown(one) for one in await shop.advance(3 * 24 * 60) if one.conversation_id == here]
        assert len(said) == 2
        assert "明天 11:00" in said[0]
        states = await shop.sql("SELECT state, reason FROM booking_reminders ORDER BY version, kind")
        assert states == [
            ("not_sent", "moved"),
            ("not_sent", "moved"),
            ("sent", ""),
            ("sent", ""),
        ]


async def test_a_timer_of_an_older_version_reminds_of_nothing():
    """Whatever left it behind: what counts is the appointment as it is when the timer goes off."""
    async with Shop() as shop:
        here, _ = await booked(shop, when="11月20日 15:00")
        for text in ("改约 11月25日 11:00", "好"):
            await shop.say("ming", here, text)
        ((old,),) = await shop.sql("SELECT min(version) FROM booking_reminders")
        await shop.sql(
            "UPDATE booking_reminders SET state = 'planned', due_at = 0 WHERE version = ? AND kind = 'day_before'",
            old,
        )
        plugin, before = shop.kit.plugin, len(shop.kit.messages(here))
        texts = plugin._shop_texts
        assert plugin._context is not None
        await plugin._context.transaction(lambda tx: reminders.fire(tx, texts, 1, old, "day_before"))
        assert len(shop.kit.messages(here)) == before
        rows = await shop.sql(
            "SELECT reason FROM booking_reminders WHERE version = ? AND kind = 'day_before'", old
        )
        assert rows == [("superseded",)]


async def test_nothing_after_a_cancel():
    async with Shop() as shop:
        here, _ = await booked(shop, when="11月20日 15:00")
        for text in ("取消", "好"):
            await shop.say("ming", here, text)
        assert await shop.advance(5 * 24 * 60) == []


async def test_a_reminder_that_is_late_because_the_server_was_down_waits_for_the_morning():
    async with Shop() as shop:
        here, _ = await booked(shop, when="11月20日 9:30")  # same_day is due at 20:55 of the 19th
        await shop.kit.crash()
        shop.kit.clock.jump_to(ms("2026-11-19T23:00", SHANGHAI))
        await shop.kit.start()
        await shop.kit.idle()
        heard = [shown(one) for one in shop.kit.messages(here) if "提醒" in shown(one)]
        assert heard == []
        await shop.advance(9.1 * 60)
        heard = [shown(one) for one in shop.kit.messages(here) if "提醒" in shown(one)]
        assert heard
        assert all("今天 09:30" in one for one in heard)


async def test_booked_for_today_the_reasons_are_kept():
    async with Shop(NOW) as shop:
        await booked(shop, when="今天11:15")
        assert await shop.sql("SELECT state, reason FROM booking_reminders") == [("not_sent", "too_soon")] * 2


async def test_a_server_that_was_down_when_both_were_due_sends_one():
    async with Shop() as shop:
        here = await shop.customer("ming")
        for text in ("预约 后天10:30 验光", "王小明，成人，来过", "好"):
            await shop.say("ming", here, text)
        shop.kit.clock.jump_to(shop.kit.clock.now_ms() + 47 * 3_600_000)
        await shop.kit.restart()
        await shop.kit.idle()
        sent = [one for one in shop.kit.messages(here) if one.content.get("title") == "预约提醒"]
        assert len(sent) == 1
        assert await shop.sql(
            "SELECT kind, state, reason FROM booking_reminders WHERE state <> 'planned'"
        ) == [
            ("day_before", "not_sent", "late"),
            ("same_day", "sent", ""),
        ]


async def test_none_before_its_time_although_the_clock_is_set_back_as_its_timer_goes_off(monkeypatch):
    class HourEarlier:
        def __init__(self, tx):
            self._tx, self.now_ms = tx, tx.now_ms - 3_600_000

        def __getattr__(self, name):
            return getattr(self._tx, name)

    fire, clocks = reminders.fire, [HourEarlier]
    monkeypatch.setattr(
        reminders, "fire", lambda tx, **known: fire(clocks.pop()(tx) if clocks else tx, **known)
    )
    async with Shop() as shop:
        await booked(shop, when="后天15:00")
        await shop.advance(60 * 29 + 5)
        assert not clocks
        rows = await shop.sql("SELECT due_at, decided_at FROM booking_reminders WHERE state = 'sent'")
        assert len(rows) == 1
        assert rows[0][1] >= rows[0][0]
