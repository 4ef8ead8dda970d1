"""The steps of the day: each from a sensible time on, each taken back within ten minutes, and the customer hears of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from imserver.plugins.booking.schedule import steps
from imserver.plugins.booking.schedule.appointments import Appointment
from imserver.plugins.booking.schedule.hours import MINUTE_MS, utc_ms
from imserver.plugins.booking.schedule.status import Action, Status
from tests.booking.support.booked import booked
from tests.booking.support.chains import demo
from tests.booking.support.ledger import ms
from tests.booking.support.shop import Shop, button, shown

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YEAR = datetime.fromisoformat("2026-01-01T00:00")
START = "2026-11-19T15:00"


def appointment(
    wall: str = START, status: Status = Status.CONFIRMED, zone: str = "Asia/Shanghai"
) -> Appointment:
    start_at = ms(wall, ZoneInfo(zone))
    return Appointment(
        1, "A7K2", "garden", "exam", "ming", "here", "小明", "adult", False, "", "", wall, zone,
        start_at, start_at + 1_800_000, start_at + 2_100_000, status, 5, None, 1, 0, 0, "ming",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("action", "status", "wall", "why"),
    [
        (Action.ARRIVE, Status.CONFIRMED, "2026-11-18T15:00", "early"),
        (Action.ARRIVE, Status.CONFIRMED, "2026-11-19T12:59", "early"),
        (Action.ARRIVE, Status.CONFIRMED, "2026-11-19T13:00", None),
        (Action.ARRIVE, Status.CONFIRMED, "2026-11-19T23:59", None),
        (Action.ARRIVE, Status.CONFIRMED, "2026-11-20T00:00", "late"),
        (Action.NO_SHOW, Status.CONFIRMED, "2026-11-19T15:09", "early"),
        (Action.NO_SHOW, Status.CONFIRMED, "2026-11-19T15:10", None),
        (Action.NO_SHOW, Status.CONFIRMED, "2026-11-25T15:10", None),
        (Action.FINISH, Status.CONFIRMED, "2026-11-19T14:59", "early"),
        (Action.FINISH, Status.CONFIRMED, "2026-11-19T15:00", None),
        (Action.FINISH, Status.ARRIVED, "2026-11-19T13:00", None),
        (Action.FINISH, Status.IN_EXAM, "2026-11-19T13:00", None),
        (Action.START, Status.ARRIVED, "2026-11-19T13:00", None),
        (Action.CONFIRM, Status.PENDING, "2026-11-01T13:00", None),
    ],
)
def test_when_a_step_is_sensible(action: Action, status: Status, wall: str, why: str | None) -> None:
    found = steps.untimely(appointment(status=status), action, ms(wall, SHANGHAI))
    assert (found.why if found else None) == why


def test_nobody_arrives_the_evening_before_an_appointment_at_night() -> None:
    early = appointment("2026-11-19T00:30")
    assert steps.untimely(early, Action.ARRIVE, ms("2026-11-18T23:59", SHANGHAI)) is not None
    assert steps.untimely(early, Action.ARRIVE, ms("2026-11-19T00:00", SHANGHAI)) is None


@given(
    st.sampled_from([Action.ARRIVE, Action.NO_SHOW, Action.FINISH]),
    st.integers(0, 365 * 24 * 12).map(lambda cells: NEW_YEAR + timedelta(minutes=5 * cells)),
    st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "America/Santiago"]),
)
def test_an_early_step_is_possible_when_it_is_said_to_be(action: Action, wall: datetime, zone: str) -> None:
    assume(utc_ms(wall, ZoneInfo(zone)) is not None)  # a clock that is set forward skips it
    one = appointment(wall.isoformat(timespec="minutes"), zone=zone)
    found = steps.untimely(one, action, one.start_at - 48 * 60 * MINUTE_MS)
    assert found is not None
    assert found.why == "early"
    since = ms(found.since.isoformat(timespec="minutes"), ZoneInfo(zone))
    assert steps.untimely(one, action, since) is None or found.since.fold


@pytest.mark.parametrize(
    ("text", "wall", "why"),
    [
        ("爽约", "2026-11-18T10:00", "11月19日 周四 15:10 以后"),
        ("爽约", "2026-11-19T15:09", "11月19日 周四 15:10 以后"),
        ("到店", "2026-11-19T12:59", "11月19日 周四 13:00 起"),
        ("完成", "2026-11-19T14:59", "11月19日 周四 15:00 以后"),
        ("到店", "2026-11-20T09:00", "那天已经过去"),
    ],
)
async def test_what_is_too_early_is_said_and_changes_nothing(text: str, wall: str, why: str) -> None:
    async with Shop() as shop:
        _, code = await booked(shop)
        await shop.until(wall)
        said = await shop.say("staff-li", await shop.staff_group(), f"{text} {code}")
        assert [why in shown(one) for one in said] == [
            True
        ]  # in the staff group, and nothing to the customer
        assert len(await shop.appointments()) == 1


async def test_the_button_of_a_new_appointment_says_when_it_counts() -> None:
    async with Shop() as shop:
        await booked(shop)
        group = await shop.staff_group()
        press = button(shop.kit.messages(group), "爽约")
        assert "才能记“爽约”" in await shop.hear("staff-li", group, press)
        await shop.until("2026-11-19T15:10")
        [[code, *_]] = await shop.appointments()
        assert "没有看懂" in await shop.hear(
            "staff-li", group, f"/no-show {code}?"
        )  # a question does nothing
        await shop.say("staff-li", group, press)
        assert len(await shop.appointments("no_show")) == 1


async def test_who_did_not_come_gets_kind_words_and_a_button_for_another_time() -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        await shop.until("2026-11-19T15:20")
        said = await shop.say("staff-li", await shop.staff_group(), f"爽约 {code}")
        told = [one for one in said if one.conversation_id == here]
        assert "没等到您" in shown(told[0])
        assert "想约哪一天" in await shop.hear("ming", here, button(told, "再约"))


async def test_who_came_is_not_bothered_the_card_is_enough() -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        await shop.until("2026-11-19T14:50")
        for text, status in (("到店", "已到店"), ("完成", "已完成")):
            said = await shop.say("staff-li", await shop.staff_group(), f"{text} {code}")
            assert [one for one in said if one.conversation_id == here] == []
            assert any(one.content.get("title") == status for one in shop.kit.messages(here))


#: Steps, and what stands after each 撤销.
UNDONE = {
    "arrived": (("到店",), ("confirmed",)),
    "not come": (("爽约",), ("confirmed",)),
    "done at once": (("完成",), ("confirmed",)),
    "done": (("到店", "开始", "完成"), ("in_exam", "arrived", "confirmed")),
    "done after arriving": (("到店", "完成"), ("arrived", "confirmed")),
}


@pytest.mark.parametrize("case", UNDONE)
async def test_steps_are_taken_back_one_by_one_and_the_customer_hears_of_it(case: str) -> None:
    taken, after = UNDONE[case]
    async with Shop() as shop:
        here, code = await booked(shop)
        await shop.until("2026-11-19T15:20")
        group = await shop.staff_group()
        cells = await shop.sql("SELECT resource_id, cell FROM booking_cells ORDER BY 1, 2")
        said = []
        for text in taken:
            said = await shop.say("staff-li", group, f"{text} {code}")
        for number, status in enumerate(after):
            text = button(said, "撤销") if number == 0 else f"/undo {code}"
            said = await shop.say("staff-wang", group, text)
            assert [row[0] for row in await shop.appointments(status)] == [code]
            assert any("门店记错了" in shown(one) for one in said if one.conversation_id == here)
            assert any("已撤销" in shown(one) for one in said if one.conversation_id == group)
        assert "没有可以撤销" in await shop.hear("staff-li", group, f"撤销 {code}")
        assert await shop.sql("SELECT resource_id, cell FROM booking_cells ORDER BY 1, 2") == cells


async def test_after_ten_minutes_nothing_is_taken_back() -> None:
    async with Shop() as shop:
        _, code = await booked(shop)
        await shop.until("2026-11-19T15:20")
        group = await shop.staff_group()
        await shop.say("staff-li", group, f"爽约 {code}")
        await shop.advance(10.1)
        assert "超过10分钟" in await shop.hear("staff-li", group, f"撤销 {code}")
        assert len(await shop.appointments("no_show")) == 1


async def test_what_somebody_else_has_by_now_is_not_taken_back(tmp_path: Path) -> None:
    async with Shop(config={"chain": demo(tmp_path, lead_min="0")}) as shop:
        _, code = await booked(shop)
        await shop.until("2026-11-19T15:10")
        group = await shop.staff_group()
        await shop.say("staff-li", group, f"爽约 {code}")
        for user in ("hong", "lan"):  # both rooms are taken
            await booked(shop, user, "今天15:15")
        assert "已经约给别人" in await shop.hear("staff-li", group, f"撤销 {code}")
        assert len(await shop.appointments("no_show")) == 1


async def test_only_the_staff_take_back_and_only_steps_of_the_day() -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        group = await shop.staff_group()
        assert "没有可以撤销" in await shop.hear("staff-li", group, f"撤销 {code}")
        assert "要取消" in await shop.hear("ming", here, f"撤销 {code}")  # a customer means to cancel
        await shop.say("ming", here, "不")
        await shop.until("2026-11-19T14:50")
        await shop.say("staff-li", group, f"到店 {code}")
        assert "没有找到" in await shop.hear("staff-zhang", await shop.staff_group("river"), f"撤销 {code}")
        await shop.say("ming", here, f"撤销 {code}")
        assert len(await shop.appointments("arrived")) == 1


async def test_an_old_button_to_take_back_shows_how_it_is_now() -> None:
    async with Shop() as shop:
        _, code = await booked(shop)
        await shop.until("2026-11-19T14:50")
        group = await shop.staff_group()
        old = button(await shop.say("staff-li", group, f"到店 {code}"), "撤销")
        await shop.say("staff-li", group, f"开始 {code}")
        assert "过时" in await shop.hear("staff-li", group, old)
        assert len(await shop.appointments("in_exam")) == 1
