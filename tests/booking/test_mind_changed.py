"""A mind that is changed at a card or behind it: what is said not to be wanted does not happen, and two things are not one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.booking.support.booked import walls
from tests.booking.support.chains import demo
from tests.booking.support.shop import Shop
from tests.booking.support.times_of_day import at
from tests.booking.support.two_appointments import left, two

SATURDAY, SUNDAY = "2026-11-21T10:00", "2026-11-22T15:00"


@pytest.mark.parametrize(
    ("begin", "text"),
    [
        ("改约 {0} 周五下午四点", "不用改了"),
        ("改约 {0} 周五下午四点", "好的不改了"),
        ("改约 {0} 周五下午四点", "按原来的时间吧"),
        ("/move {0} friday 4pm", "ok keep the old one"),
        ("取消 {0}", "不用取消了"),
        ("取消 {0}", "好，不取消了"),
        ("/cancel {0}", "ok don't cancel it"),
    ],
)
async def test_what_is_not_needed_any_more_is_no_yes(begin: str, text: str) -> None:
    async with Shop() as shop:
        here, saturday, _ = await two(shop)
        await shop.say("ming", here, begin.format(saturday))
        await shop.say("ming", here, text)
        await shop.say("ming", here, "好")
        assert await walls(shop) == [SATURDAY, SUNDAY]


@pytest.mark.parametrize(
    "text", ["取消周六那个，不是周日那个", "I want to cancel the one on saturday, not the sunday one"]
)
async def test_to_cancel_one_and_not_the_other_moves_neither(text: str) -> None:
    async with Shop() as shop:
        here, saturday, sunday = await two(shop)
        card = await shop.hear("ming", here, text)
        assert saturday in card
        assert sunday not in card
        await shop.say("ming", here, "好")
        assert await walls(shop) == [SUNDAY]


@pytest.mark.parametrize(
    "text",
    ["周六的取消，周日的改到周一下午三点", "cancel my saturday appointment and move sunday to monday 3pm"],
)
async def test_to_cancel_one_and_to_move_the_other_is_two_things_and_neither_is_dropped(text: str) -> None:
    async with Shop() as shop:
        here, *both = await two(shop)
        said = await shop.hear("ming", here, text)
        assert "一件一件来" in said or "One at a time" in said
        assert all(code in said for code in both)
        await shop.say("ming", here, "好")
        assert await left(shop) == both


@pytest.mark.parametrize(
    "text", ["还是算了，不改了", "不改了", "算了", "actually keep the old one", "按原来的时间吧"]
)
async def test_a_wish_is_taken_back_in_plain_words(text: str, tmp_path: Path) -> None:
    async with Shop(config={"chain": demo(tmp_path, confirmation='"staff"')}) as shop:
        here, group = await shop.customer("ming"), await shop.staff_group()
        for line in ("预约 11月21日 10:00 验光", "王小明，成人，来过", "好"):
            await shop.say("ming", here, line)
        ((code, *_),) = await shop.appointments("pending")
        await shop.say("staff-li", group, f"确认 {code}")
        await shop.say("ming", here, "改到周五下午四点")
        await shop.say("ming", here, "好")
        said = await shop.say("ming", here, text)
        assert code in at(said, here)
        assert "不改时间了" in at(said, group)
        await shop.say("staff-li", group, f"确认 {code}")
        assert await walls(shop) == [SATURDAY], "the shop's yes comes too late"


async def test_a_request_that_is_moved_is_still_a_request(tmp_path: Path) -> None:
    async with Shop(config={"chain": demo(tmp_path, confirmation='"staff"')}) as shop:
        here = await shop.customer("ming")
        for line in ("预约 11月21日 10:00 验光", "王小明，成人，来过", "好", "改到周五下午四点"):
            await shop.say("ming", here, line)
        said = await shop.hear("ming", here, "好")
        assert "等门店确认" in said
        assert await shop.appointments() == []


@pytest.mark.parametrize("text", ["我朋友想取消", "我同事要改到周日下午两点", "my friend wants to cancel"])
async def test_what_somebody_else_wishes_is_no_wish_of_the_customers(text: str) -> None:
    async with Shop() as shop:
        here, *both = await two(shop)
        said = await shop.hear("ming", here, text)
        assert "转给店员" in said or "passed on" in said
        await shop.say("ming", here, "好")
        assert await left(shop) == both
        assert await walls(shop) == [SATURDAY, SUNDAY]


async def test_what_one_of_the_family_wishes_is_of_their_own_appointment() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        for line in ("周六下午三点验光，我叫陈安安，30岁，第一次来", "好"):
            await shop.say("ming", here, line)
        assert "取消哪一个" in await shop.hear("ming", here, "我妈想取消"), "hers is not known"
        for line in ("周日下午三点给我妈验光，王秀兰，60岁，第一次来", "好"):
            await shop.say("ming", here, line)
        assert "11月22日" in await shop.hear("ming", here, "我妈想取消")
        await shop.say("ming", here, "好")
        assert await walls(shop) == ["2026-11-21T15:00"]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("帮我取消，不，改到周一下午两点", "改到 11月23日 周一 14:00"),
        ("cancel it, wait no, move it to monday 2pm", "Mon 23 Nov 14:00"),
        ("改到周一下午两点，不，还是取消吧", "要取消 11月21日"),
    ],
)
async def test_what_stands_behind_the_no_is_what_is_wished(text: str, asked: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming", "en" if text.isascii() else "zh-CN")
        for line in ("预约 11月21日 10:00 验光", "王小明，成人，来过", "好"):
            await shop.say("ming", here, line)
        assert asked in await shop.hear("ming", here, text)
