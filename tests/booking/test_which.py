"""Which appointments are meant: all of them, all but one, not this one; and what a card asks once more."""

from __future__ import annotations

import pytest

from imserver.plugins.booking.dialogue.which import denied_codes, follows_denied
from tests.booking.support.shop import Shop, button, shown
from tests.booking.support.times_of_day import at
from tests.booking.support.two_appointments import SATURDAY, left, two


@pytest.mark.parametrize(
    "text",
    ["两个都取消", "都取消吧", "全部取消", "把我的预约全取消了", "取消所有预约", "两个预约都不要了",
     "cancel both", "cancel all of them", "please cancel all my appointments", "cancel everything"],
)  # fmt: skip
async def test_all_of_them_are_one_card_and_each_is_said(text: str) -> None:
    async with Shop() as shop:
        here, saturday, sunday = await two(shop)
        card = await shop.hear("ming", here, text)
        assert saturday in card
        assert sunday in card
        assert await left(shop) == [saturday, sunday], "nothing before the yes"
        said = at(await shop.say("ming", here, "yes" if text.isascii() else "好"), here)
        assert saturday in said
        assert sunday in said
        assert await left(shop) == []


@pytest.mark.parametrize(
    "text",
    ["取消 {0}，不是 {1}", "取消{0}，{1}保留", "除了 {1} 都取消", "取消 {0}，别动 {1}",
     "都取消，除了周日的", "保留周日的，其他都取消",
     "cancel {0}, not {1}", "cancel all except {1}", "cancel {0} but {1} stays", "keep {1} and cancel {0}"],
)  # fmt: skip
async def test_a_code_that_is_denied_is_not_cancelled(text: str) -> None:
    async with Shop() as shop:
        here, saturday, sunday = await two(shop)
        card = await shop.hear("ming", here, text.format(saturday, sunday))
        assert sunday not in card, card
        await shop.say("ming", here, "好")
        assert await left(shop) == [sunday]


async def test_what_is_not_clear_is_asked_and_a_code_that_cannot_be_stops_all() -> None:
    for text in (
        "取消，不是 {0}，{1}",
        "取消 {0} 和 B9K9",
        "三个都不取消",
        "取消其他的",
    ):
        async with Shop() as shop:
            here, *both = await two(shop)
            await shop.say("ming", here, text.format(*both))
            await shop.say("ming", here, "好")
            assert await left(shop) == both, text


async def test_below_a_card_of_both_one_of_them_is_another_question() -> None:
    async with Shop() as shop:
        here, saturday, sunday = await two(shop)
        await shop.say("ming", here, "两个都取消")
        card = await shop.hear("ming", here, "不是，只取消周六的")
        assert saturday in card
        assert sunday not in card
        await shop.say("ming", here, "好")
        assert await left(shop) == [sunday]


def test_denied_codes_as_they_are_written() -> None:
    for text, denied in (
        ("取消 A2S4 v3 V4S5 v2 好", []),
        ("A2S4 不要了", []),
        ("不要 A2S4 了", []),
        ("not A2S4 but V4S5", ["A2S4"]),
        ("not a2s4 or v4s5", ["A2S4", "V4S5"]),
        ("除了 A2S4、V4S5 都取消", ["A2S4", "V4S5"]),
        ("不是 A2S4，取消 V4S5", ["A2S4"]),
    ):
        assert denied_codes(text) == denied, text
    assert follows_denied("not A2S4, V4S5")
    assert not follows_denied("not A2S4 but V4S5")


@pytest.mark.parametrize(("begin", "moved"), [("改到11月24日 11:00", True), ("取消周六的", False)])
async def test_a_yes_behind_a_question_that_nothing_answers_only_asks_again(begin: str, moved: bool) -> None:
    async with Shop() as shop:
        here, saturday, sunday = await two(shop)
        await shop.say("ming", here, "取消周日的")
        await shop.say("ming", here, "好")
        assert await left(shop) == [saturday]
        await shop.say("ming", here, begin)
        card = await shop.hear("ming", here, "你们有狗吗？")
        assert f"{saturday}" in card, "the card stands below the question"
        await shop.say("ming", here, "好")
        assert [row[1] for row in await shop.appointments()] == ["2026-11-21T10:00"], (
            "the yes only asks again"
        )
        await shop.say("ming", here, "好")
        assert [row[1] for row in await shop.appointments()] == (["2026-11-24T11:00"] if moved else [])
        assert sunday


@pytest.mark.parametrize("question", ["你们在哪里？", "你们几点下班"])
async def test_a_yes_behind_a_question_that_the_shop_answers_counts(question: str) -> None:
    async with Shop() as shop:
        here, saturday, sunday = await two(shop)
        await shop.say("ming", here, f"取消 {saturday}")
        card = await shop.hear("ming", here, question)
        assert f"取消 {saturday}" in card, "the card stands below the answer"
        await shop.say("ming", here, "好")
        assert await left(shop) == [sunday]


async def test_whoever_loses_a_hold_to_the_other_parent_hears_it() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.parent("dad", here)
        for text in ("预约 11月20日 15:00 验光", "王小明"):
            await shop.say("ming", here, text)
        said = at(await shop.say("dad", here, "预约 11月20日 16:00 验光"), here)
        assert "11月20日 周五 15:00 不再为您保留" in said
        assert "11月20日 周五 15:00|预约" in said, "it is free, and one tap takes it again"
        for text in ("成人", "来过", "好"):
            await shop.say("ming", here, text)
        assert await shop.appointments() == [], "what was lost is not booked by a yes"
        ((held,),) = await shop.sql("SELECT start_wall FROM booking_appointments WHERE status = 'held'")
        assert held == "2026-11-20T16:00"


async def test_both_parents_want_one_time_and_one_of_them_has_it() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.parent("dad", here)
        wish = "预约 11月20日 15:00 验光 王小明 成人 来过"
        await shop.say("ming", here, wish)
        said = at(await shop.say("dad", here, wish), here)
        assert "15:00 不再为您保留" in said
        await shop.say("ming", here, "好")
        assert await shop.appointments() == []
        await shop.say("dad", here, "好")
        await shop.say("dad", here, "好")
        assert [row[1] for row in await shop.appointments()] == ["2026-11-20T15:00"]


async def test_a_name_put_right_is_said_as_it_was_and_as_it_is() -> None:
    async with Shop() as shop:
        here, saturday, _ = await two(shop)
        card = await shop.say("ming", here, f"更正 {saturday} 王大明 儿童")
        said = await shop.say("ming", here, button(card, "确认"))
        group = await shop.staff_group()
        for place in (here, group):
            assert "姓名从王小明改为王大明" in at(said, place)
            assert "年龄从成人" in at(said, place)
        assert saturday in at(said, group)


async def test_a_card_pressed_on_one_device_after_the_other_moved_on() -> None:
    """Two devices of one customer: what the first shows is old when the second has answered."""
    async with Shop() as shop:
        here, saturday, sunday = await two(shop)
        phone = await shop.say("ming", here, f"取消 {saturday}")
        await shop.say("ming", here, f"改约 {saturday} 11月24日 11:00")
        await shop.say("ming", here, "好")
        old = await shop.hear("ming", here, button(phone, "确定取消"))
        assert "过时" in old
        assert await left(shop) == [sunday, saturday], "moved, and not cancelled"
        # And the other way round: typed on one, pressed on the other, in turn.
        tablet = await shop.say("ming", here, "预约 11月20日 15:00 配镜")
        await shop.say("ming", here, "预约 11月20日 16:00 配镜")
        await shop.say("ming", here, button(tablet, "确认"))
        assert await left(shop) == [sunday, saturday], "the older card books nothing"
        held = await shop.sql("SELECT start_wall FROM booking_appointments WHERE status = 'held'")
        assert held == [("2026-11-20T16:00",)]


@pytest.mark.parametrize(
    ("text", "cancelled"),
    [
        ("取消第二个", 1),
        ("第一个取消", 0),
        ("取消最后一个", 1),
        ("cancel the first one", 0),
        ("cancel my second appointment", 1),
    ],
)
async def test_one_of_them_by_its_place(text: str, cancelled: int) -> None:
    async with Shop() as shop:
        here, *both = await two(shop)
        card = await shop.hear("ming", here, text)
        assert both[cancelled] in card
        assert both[1 - cancelled] not in card
        await shop.say("ming", here, "好")
        assert await left(shop) == [both[1 - cancelled]]


@pytest.mark.parametrize(
    "text",
    ["please cancel XOOO", "reschedule CHIEF for Tuesday", "把 BABE 改到下周二", "取消 XOXO",
     "change booking XOOO, Monday at 11", "move MATEY to monday 11am"],
)  # fmt: skip
async def test_a_code_that_reads_like_an_address_or_a_kiss_changes_nothing_else(text: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming", "zh-CN")
        for line in (f"预约 {SATURDAY} 验光", "王小明，成人，来过", "好"):
            await shop.say("ming", here, line)
        before = await shop.appointments()
        await shop.say("ming", here, text)
        await shop.say("ming", here, "yes" if text.isascii() else "好")
        assert await shop.appointments() == before


@pytest.mark.parametrize(
    "text",
    ["cancel it PLEASE", "cancel my appointment ASAP", "cancel my exam THANKS", "cancel, mate", "cancel XX"],
)
async def test_what_is_said_loud_is_no_code(text: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming", "en")
        for line in (f"预约 {SATURDAY} 验光", "王小明，成人，来过", "好"):
            await shop.say("ming", here, line)
        await shop.say("ming", here, text)
        await shop.say("ming", here, "yes")
        assert await left(shop) == []


@pytest.mark.parametrize(
    ("wish", "yes"),
    [
        ("周五下午三点验光，我叫陈安安，30岁，第一次来", "好"),
        ("eye exam friday 3pm, my name is Ann Lee, 30, first visit", "yes"),
    ],
)
async def test_a_yes_that_may_be_for_people_hears_the_time_again_and_the_next_one_books(
    wish: str, yes: str
) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming", "zh-CN" if yes == "好" else "en")
        await shop.say("ming", here, wish)
        await shop.say("ming", here, "你们有狗吗？" if yes == "好" else "do you have a dog?")
        asked = await shop.hear("ming", here, yes)
        assert "15:00" in asked
        assert f"“{yes}”" in asked
        assert await shop.appointments() == []
        await shop.say("ming", here, yes)
        assert [row[1] for row in await shop.appointments()] == ["2026-11-20T15:00"]


@pytest.mark.parametrize("text", ["the second", "option two", "the last one", "最后一个"])
async def test_below_the_list_a_place_in_words_is_its_button(text: str) -> None:
    async with Shop() as shop:
        here, saturday, sunday = await two(shop)
        await shop.say("ming", here, "取消")
        card = await shop.hear("ming", here, text)
        assert sunday in card
        assert saturday not in card


async def test_the_last_of_the_free_times_is_the_last_of_them() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "空档 周六 验光")
        await shop.say("ming", here, "最后一个")
        (held,) = await shop.sql("SELECT start_wall FROM booking_appointments")
        assert held[0] == "2026-11-21T18:00"


async def test_a_place_that_the_list_does_not_have_is_said() -> None:
    async with Shop() as shop:
        here, *_ = await two(shop)
        await shop.say("ming", here, "取消")
        assert "1 到 3" in await shop.hear("ming", here, "option nine")


async def test_who_will_be_late_does_not_move_there() -> None:
    async with Shop() as shop:
        here, saturday, _ = await two(shop)
        await shop.say("ming", here, f"/move {saturday} 11月23日 11:00")
        for text in ("10 minutes late on saturday", "I'll be 10 minutes late on sunday"):
            said = await shop.say("ming", here, text)
            assert not [one for one in said if "11月22日" in shown(one)]
        (state,) = await shop.sql("SELECT state FROM booking_dialogues")
        assert "2026-11-23T11:00" in str(state)


@pytest.mark.parametrize(
    ("text", "moves"),
    [("取消周六的，改约周五11点", True), ("cancel saturday, book friday 11am instead", True),
     ("取消周六的，周日的改到周五11点", False), ("取消周六的，改约周日11点", False)],
)  # fmt: skip
async def test_one_that_is_cancelled_for_another_time_moves(text: str, *, moves: bool) -> None:
    """Not if another one is spoken of, too: 周日."""
    async with Shop() as shop:
        here, saturday, _ = await two(shop)
        card = await shop.hear("ming", here, text)
        assert (f"{saturday} 从" in card) is moves
