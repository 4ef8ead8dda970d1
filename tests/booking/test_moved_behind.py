"""A move that is said right behind "booked", or later of the only appointment: what is relative is relative to that one.

A bare weekday may be the one of its week or the coming one: it is asked which, and nothing is moved to a day that nobody meant.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.booking.support.booked import walls
from tests.booking.support.chains import demo
from tests.booking.support.shop import Shop, button, shown
from tests.booking.support.times_of_day import at

#: On Wednesday the 18th: Friday in nine days.
BOOKED = "2026-11-27T15:00"
ZH = ("预约 11月27日 15:00 验光", "王小明，成人，来过", "好")
EN = ("/book 27 Nov 15:00 eye exam", "Ann Lee, adult, been before", "yes")


async def booked(shop: Shop, lines: tuple[str, ...] = ZH) -> str:
    """The service conversation of a customer who has just booked."""
    here = await shop.customer("ming", "en" if lines is EN else "zh-CN")
    for line in lines:
        await shop.say("ming", here, line)
    assert await walls(shop) == [BOOKED]
    return here


@pytest.mark.parametrize(
    "text",
    [
        "改成周四吧",
        "周四吧",
        "不对，周四",
        "周四可以吗",
        "thursday instead",
        "make it thursday",
        "that thursday",
        "same time thursday",
        "not friday, thursday",
        "actually can we do the thursday",
        "could you move it to thursday?",
    ],
)
async def test_of_two_thursdays_it_is_asked_which(text: str) -> None:
    async with Shop() as shop:
        here = await booked(shop)
        asked = await shop.say("ming", here, text)
        assert "11月19日 周四 15:00" in at(asked, here)
        assert "11月26日 周四 15:00" in at(asked, here)
        await shop.say("ming", here, "好")
        assert await walls(shop) == [BOOKED], "a yes picks none"
        await shop.say("ming", here, button(asked, "11月26日 周四 15:00"))
        await shop.say("ming", here, "好")
        assert await walls(shop) == ["2026-11-26T15:00"]


@pytest.mark.parametrize(
    ("text", "wall"),
    [
        ("the day before", "2026-11-26T15:00"),
        ("the day before at 10am", "2026-11-26T10:00"),
        ("the previous day at 10am", "2026-11-26T10:00"),
        ("the day before please, 10am", "2026-11-26T10:00"),
        ("周五的前一天", "2026-11-26T15:00"),
        ("早一天", "2026-11-26T15:00"),
        ("那周的周四", "2026-11-26T15:00"),
        ("thursday that week instead, same time", "2026-11-26T15:00"),
        ("the day after", "2026-11-28T15:00"),
        ("day after, same time", "2026-11-28T15:00"),
        ("第二天吧", "2026-11-28T15:00"),
        ("推后一天", "2026-11-28T15:00"),
        ("two days later", "2026-11-29T15:00"),
        ("推后两天", "2026-11-29T15:00"),
        ("an hour earlier", "2026-11-27T14:00"),
        ("晚一个小时", "2026-11-27T16:00"),
        ("周五下午四点吧", "2026-11-27T16:00"),
        ("把周五的改到四点", "2026-11-27T16:00"),
        ("same day 4pm", "2026-11-27T16:00"),
        ("同一天上午十点", "2026-11-27T10:00"),
        ("改成本周四", "2026-11-19T15:00"),
        ("改成明天", "2026-11-19T15:00"),
    ],
)
async def test_what_is_relative_is_relative_to_the_appointment(text: str, wall: str) -> None:
    async with Shop() as shop:
        here = await booked(shop)
        await shop.say("ming", here, text)
        await shop.say("ming", here, "好")
        assert await walls(shop) == [wall]


@pytest.mark.parametrize("text", ["同一天下午", "周五见", "好的周五", "friday then"])
async def test_its_own_day_said_again_moves_nothing(text: str) -> None:
    async with Shop() as shop:
        here = await booked(shop)
        said = await shop.say("ming", here, text)
        assert "11月20日" not in at(said, here)
        await shop.say("ming", here, "好")
        assert await walls(shop) == [BOOKED]


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("改到周五下午四点", ("11月20日 周五 16:00", "11月27日 周五 16:00")),
        ("周四下午四点吧", ("11月19日 周四 16:00", "11月26日 周四 16:00")),
        ("thursday 4pm instead", ("11月19日 周四 16:00", "11月26日 周四 16:00")),
        ("改到周末", ("11月22日 周日", "11月28日 周六")),
        ("改到三天后", ("11月21日 周六 15:00", "11月30日 周一 15:00")),
    ],
)
async def test_the_hour_that_is_said_is_kept_while_the_day_is_asked(text: str, days: tuple[str, str]) -> None:
    async with Shop() as shop:
        here = await booked(shop)
        asked = await shop.hear("ming", here, text)
        assert all(day in asked for day in days)
        await shop.say("ming", here, "好")
        assert await walls(shop) == [BOOKED]


@pytest.mark.parametrize(
    ("first", "day", "wall"),
    [
        ("能改到下周吗", "周四下午三点", "2026-11-26T15:00"),
        ("can we move it to next week", "thursday", "2026-11-26T15:00"),
        ("改成周四吧", "26号", "2026-11-26T15:00"),
    ],
)
async def test_a_weekday_is_one_of_those_that_are_asked(first: str, day: str, wall: str) -> None:
    async with Shop() as shop:
        here = await booked(shop)
        for line in (first, day, "好"):
            await shop.say("ming", here, line)
        assert await walls(shop) == [wall]


async def test_a_weekday_behind_the_question_which_day_may_be_of_its_week() -> None:
    async with Shop() as shop:
        here = await booked(shop)
        await shop.say("ming", here, "改时间")
        asked = await shop.hear("ming", here, "周四")
        assert "11月19日 周四 15:00" in asked
        assert "11月26日 周四 15:00" in asked


async def test_a_booking_takes_the_weekday_of_the_week_that_was_asked_about() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "想约下周验光")
        assert "11月26日 周四 15:00" in await shop.hear("ming", here, "周四下午三点")


async def test_a_customer_who_writes_english_is_asked_in_english() -> None:
    async with Shop() as shop:
        here = await booked(shop, EN)
        asked = await shop.hear("ming", here, "make it thursday")
        assert "Which day do you mean?" in asked
        assert "19 Nov" in asked
        assert "26 Nov" in asked
        await shop.say("ming", here, "the 26th")
        await shop.say("ming", here, "yes")
        assert await walls(shop) == ["2026-11-26T15:00"]


@pytest.mark.parametrize("between", [("谢谢！",), ("thanks!", "👍"), ("停车方便吗", "好的谢谢")])
async def test_small_talk_in_between_changes_nothing(between: tuple[str, ...]) -> None:
    async with Shop() as shop:
        here = await booked(shop)
        for line in between:
            await shop.say("ming", here, line)
        asked = await shop.hear("ming", here, "改成周四吧")
        assert "11月19日" in asked
        assert "11月26日" in asked
        await shop.say("ming", here, "2")
        await shop.say("ming", here, "好")
        assert await walls(shop) == ["2026-11-26T15:00"]


@pytest.mark.parametrize("text", ["改成周四吧", "thursday instead"])
async def test_a_week_later_with_what_to_bring_read_it_is_still_the_only_one(text: str) -> None:
    async with Shop() as shop:
        here = await booked(shop)
        await shop.until("2026-11-20T10:00")  # the info pack has come
        asked = await shop.hear("ming", here, text)
        assert "改约" in asked or "11月26日 周四 15:00，对吗" in asked
        await shop.say("ming", here, "好")
        assert await walls(shop) == ["2026-11-26T15:00"], "both readings are one day now"


async def test_a_day_on_which_the_shop_is_closed_is_not_meant() -> None:
    async with Shop() as shop:
        here, group = await booked(shop), await shop.staff_group()
        for line in ("休息 11月19日", "好"):
            await shop.say("staff-wang", group, line)
        asked = await shop.hear("ming", here, "改成周四吧")
        assert "11月19日" not in asked
        await shop.say("ming", here, "好")
        assert await walls(shop) == ["2026-11-26T15:00"]


async def test_where_the_shop_confirms_by_hand_it_is_asked_as_well(tmp_path: Path) -> None:
    async with Shop(config={"chain": demo(tmp_path, confirmation='"staff"')}) as shop:
        here, group = await shop.customer("ming"), await shop.staff_group()
        for line in ZH:
            await shop.say("ming", here, line)
        ((code, *_),) = await shop.appointments("pending")
        await shop.say("staff-li", group, f"确认 {code}")
        asked = await shop.say("ming", here, "改成周四吧")
        assert "11月19日" in at(asked, here)
        await shop.say("ming", here, button(asked, "11月26日 周四 15:00"))
        said = await shop.say("ming", here, "好")
        assert "改到 11月26日 周四 15:00" in at(said, group)
        assert not any("11月19日" in shown(one) for one in said)
