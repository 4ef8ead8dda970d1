"""The sheet of a day as data: it says what the text says, and offers what the bot does, no more and no less."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from imserver.plugins.booking.schedule.asked_by_staff import SHEET, Sheet, SheetParams, SheetRow
from tests.booking.support.booked import booked
from tests.booking.support.chains import demo
from tests.booking.support.leave import agreed
from tests.booking.support.shop import Shop, shown

#: The staff commands for the steps of the day.
STEPS = {"arrive": "到店", "start": "开始", "finish": "完成", "no_show": "爽约"}
THURSDAY = "2026-11-19"


async def sheet(shop: Shop, day: str = THURSDAY) -> Sheet:
    told = (await shop.kit.call(SHEET, "staff-li", SheetParams("garden", day))).sheet
    assert told is not None
    return told


async def the_row(shop: Shop) -> SheetRow:
    (row,) = (await sheet(shop)).rows
    return row


def kinds(row: SheetRow) -> list[str]:
    return [one.kind for one in row.actions]


async def text_of(shop: Shop, day: str) -> str:
    said = await shop.say("staff-li", await shop.staff_group(), f"今日预约 {day}")
    return "\n".join(shown(one) for one in said)


async def test_the_text_and_the_data_say_the_same(shop: Shop) -> None:
    room, code = await booked(shop)
    await shop.say("ming", room, "不要消息")
    other = await shop.customer("hong")
    for text in ("预约 明天10:00 验光", "李红，成人，第一次", "好"):
        await shop.say("hong", other, text)
    third = await shop.customer("lan")
    await shop.say("lan", third, "预约 明天11:00 验光")
    await agreed(shop, "请假 王老师 明天 18:00-20:00")
    told = await sheet(shop)
    text = await text_of(shop, "明天")
    lines = [line for line in text.splitlines() if any(row.code in line for row in told.rows)]
    assert len(lines) == len(told.rows) == 3
    columns = {one.id: one.name.zh for one in told.columns}
    for row, line in zip(told.rows, lines, strict=True):
        assert row.wall[-5:] in line
        assert row.code in line
        assert row.name in line
        assert row.service_name.zh in line
        assert {one for one, name in columns.items() if name in line} == set(row.with_)
        assert ("首次" in line or "第一次" in line) is row.first_visit
        assert ("不要消息" in line or "不接收消息" in line or "不收消息" in line) is row.no_messages
    away = [(one.name.zh, *((a.from_, a.to) for a in one.away)) for one in told.columns if one.away]
    assert away == [("王老师", (18 * 60, 20 * 60))]
    assert "王老师" in text.splitlines()[1]
    assert (told.closed, told.open) == (False, ((540, 1200),))
    assert [one.status for one in told.rows] == ["confirmed", "held", "confirmed"]
    assert next(row for row in told.rows if row.status == "held").actions == ()
    assert code in text


async def test_a_day_away_from_midnight_to_midnight_and_a_closed_one(shop: Shop) -> None:
    await agreed(shop, "请假 王老师 11月21日")
    await agreed(shop, "休息 11月22日")
    told = await sheet(shop, "2026-11-21")
    assert [(a.from_, a.to) for one in told.columns for a in one.away] == [(0, 1440)]
    assert (await sheet(shop, "2026-11-22")).closed


@pytest.mark.parametrize(
    ("wall", "before", "possible"),
    [
        ("2026-11-19T09:00", (), ["move", "cancel"]),
        ("2026-11-19T13:00", (), ["arrive", "move", "cancel"]),
        ("2026-11-19T15:00", (), ["arrive", "finish", "move", "cancel"]),
        ("2026-11-19T15:10", (), ["arrive", "finish", "no_show", "move", "cancel"]),
        ("2026-11-19T15:10", ("到店",), ["start", "finish", "undo", "cancel"]),
        ("2026-11-19T15:10", ("到店", "开始"), ["finish", "undo"]),
        ("2026-11-19T15:10", ("到店", "开始", "完成"), ["undo"]),
        ("2026-11-19T15:10", ("爽约",), ["undo"]),
        ("2026-11-20T00:00", (), ["finish", "no_show", "move", "cancel"]),
    ],
)
async def test_what_is_offered_is_what_the_bot_does(
    shop: Shop, wall: str, before: tuple[str, ...], possible: list[str]
) -> None:
    _, code = await booked(shop)
    group = await shop.staff_group()
    await shop.until(wall)
    for step in before:
        await shop.say("staff-li", group, f"{step} {code}")
    row = await the_row(shop)
    assert kinds(row) == possible
    refused = [word for kind, word in STEPS.items() if kind not in possible]
    for word in refused:
        await shop.say("staff-li", group, f"{word} {code}")
        assert (await the_row(shop)).version == row.version, word
    first = next((one for one in row.actions if one.kind != "move"), None)
    assert first is not None
    await shop.say("staff-li", group, first.command)
    assert (await the_row(shop)).version == row.version + 1, first
    assert kinds(await the_row(shop)) != possible


@pytest.mark.parametrize("kind", ["arrive", "finish", "no_show", "cancel"])
@pytest.mark.parametrize("place", ["group", "service"])
async def test_each_button_acts_at_once_and_an_old_one_does_nothing(
    shop: Shop, kind: str, place: str
) -> None:
    room, _ = await booked(shop)
    where = room if place == "service" else await shop.staff_group()
    await shop.until("2026-11-19T15:10")
    row = await the_row(shop)
    action = next(one for one in row.actions if one.kind == kind)
    assert action.sure is (kind in ("no_show", "cancel"))
    assert f"{row.code} v{row.version}" in action.command
    await shop.say("staff-li", where, action.command)
    after = await the_row(shop)
    assert (
        after.status
        == {"arrive": "arrived", "finish": "done", "no_show": "no_show", "cancel": "cancelled"}[kind]
    )
    await shop.say("staff-li", where, action.command)
    assert (await the_row(shop)).version == after.version


async def test_moving_takes_the_time_behind_the_command_or_asks(shop: Shop) -> None:
    await booked(shop)
    group = await shop.staff_group()
    row = await the_row(shop)
    move = next(one.command for one in row.actions if one.kind == "move")
    assert await shop.say("staff-li", group, move) != []
    await shop.say("staff-li", group, f"{move} 2026-11-20 10:30")
    await shop.say("staff-li", group, "好")
    assert [one[1] for one in await shop.appointments()] == ["2026-11-20T10:30"]


async def test_a_wish_is_confirmed_or_declined(tmp_path: Path) -> None:
    async with Shop(config={"chain": demo(tmp_path, confirmation='"staff"')}) as shop:
        room = await shop.customer("ming")
        for text in ("预约 明天15:00 验光", "王小明，成人，来过", "好"):
            await shop.say("ming", room, text)
        group = await shop.staff_group()
        row = await the_row(shop)
        assert (row.status, kinds(row)) == ("pending", ["confirm", "move", "cancel"])
        await shop.say("staff-li", group, row.actions[0].command)
        await shop.say("ming", room, f"改约 {row.code} 周五上午10点半")
        await shop.say("ming", room, "好")
        row = await the_row(shop)
        assert (row.wish, kinds(row)) == ("2026-11-20T10:30", ["confirm", "move", "decline", "cancel"])
        assert [one.kind for one in row.actions if one.sure] == ["decline", "cancel"], (
            "what ends something asks first"
        )
        await shop.say("staff-li", group, next(one.command for one in row.actions if one.kind == "decline"))
        row = await the_row(shop)
        assert (row.wish, row.wall) == (None, "2026-11-19T15:00")


async def test_until_says_when_other_steps_become_possible(shop: Shop) -> None:
    """Each step of a day in its turn, to the millisecond."""
    await booked(shop)
    seen = []
    for _ in range(5):
        told = await sheet(shop)
        seen.append(kinds(told.rows[0]))
        if told.until is None:
            break
        now_ms = shop.kit.clock.now_ms()
        await shop.advance((told.until - now_ms - 1) / 60_000)
        assert kinds(await the_row(shop)) == seen[-1]
        await shop.advance(1 / 60_000)
    assert len(seen) == 5
    assert all(one != other for one, other in pairwise(seen))


async def test_undo_passes_with_its_ten_minutes(shop: Shop) -> None:
    _, code = await booked(shop)
    await shop.until("2026-11-19T15:00")
    await shop.say("staff-li", await shop.staff_group(), f"到店 {code}")
    assert "undo" in kinds(await the_row(shop))
    told = await sheet(shop)
    assert told.until is not None
    await shop.advance((told.until - shop.kit.clock.now_ms()) / 60_000)
    assert "undo" not in kinds(await the_row(shop))
