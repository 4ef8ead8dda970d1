"""What Chinese customers say in the middle of a booking, and what is easily taken for something else."""

from __future__ import annotations

from datetime import time

import pytest

from imserver.plugins.booking.dialogue import said as dialogue_said
from imserver.plugins.booking.understanding.acts import Kind
from tests.booking.support.readings import read, said
from tests.booking.support.shop import Shop

WISH = "周五下午三点验光，我叫陈安安，30岁，第一次来"


def test_another_name_is_put_right_at_a_card_without_the_word_for_it() -> None:
    assert read("不是张三，是李四", "confirm").all(Kind.CORRECT, "name")[0].value == "李四"
    assert not read("不是周五，是周六", "confirm").has(Kind.CORRECT, "name")


def test_a_yes_before_another_time_leaves_nothing_to_ask() -> None:
    found = read("好啊，不过要下午四点", "confirm")
    assert found.all(Kind.CORRECT, "time")[0].value == time(16)
    assert not found.has(Kind.YES)
    assert not found.dangerous


@pytest.mark.parametrize("text", ["好 但我四点要走", "我四点得走"])
def test_when_one_has_to_leave_is_no_wish(text: str) -> None:
    found = read(text, "confirm")
    assert not found.has(Kind.YES)
    assert found.when is None or not found.when.candidates


def test_who_comes_along_is_told_to_the_people() -> None:
    found = read("行，我女儿也去", "confirm")
    assert found.has(Kind.YES)
    assert dialogue_said.notes(found) == ["我女儿也去"]


@pytest.mark.parametrize(
    ("step", "text", "acts"),
    [
        ("age", "30 第一次", {"give age 30", "give first True"}),
        ("age", "30 没来过", {"give age 30", "give first True"}),
        ("", "还能约上吗", {"begin slots"}),
        ("", "我约上了吗", {"begin list"}),
        (
            "",
            "改 A2S4 到 12月1号下午两点",
            {"begin move", "give code A2S4", "give day 2026-12-01", "give time 14:00:00"},
        ),
        ("", "我周六有预约吗", {"begin list"}),
        ("", "取消还是改期好呢", {"begin move"}),
        ("confirm", "周五是几号", {"give day 2026-11-20", "question other"}),
    ],
)
def test_what_is_said_is_not_taken_for_its_neighbour(step: str, text: str, acts: set[str]) -> None:
    assert said(read(text, step)) == acts


async def test_the_shop_that_is_named_again_is_the_one_on_the_card() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, WISH)
        assert "请确认" in await shop.hear("ming", here, "是花园店吧")
        assert "预约成功" in await shop.hear("ming", here, "好")


@pytest.mark.parametrize("wish", ["两个孩子周六下午三点验光", "一家三口周六下午三点验光"])
async def test_of_several_whom_nobody_names_none_is_forgotten(wish: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        assert "每人一个预约" in await shop.hear("ming", here, wish)


async def test_below_the_times_that_the_shop_offers_no_answer_is_lost() -> None:
    async with Shop() as shop:
        here, group = await shop.customer("ming"), await shop.staff_group()
        for text in (WISH, "好"):
            await shop.say("ming", here, text)
        for text in ("休息 周五", "1"):
            await shop.say("staff-li", group, text)
        for text in ("1", "好"):
            assert "请点上面的一个时间" in await shop.hear("ming", here, text)
        assert "已留给店员" in await shop.hear("ming", here, "都不行")
        assert (await shop.sql("SELECT waiting_since FROM booking_services"))[0][0] is not None


async def test_a_choice_between_two_changes_makes_neither() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        for text in (WISH, "好", "取消还是改期好呢", "好"):
            await shop.say("ming", here, text)
        assert len(await shop.appointments()) == 1


@pytest.mark.parametrize("text", ["取消验光，改配镜", "把验光改成配镜", "能不取消吗"])
async def test_what_only_people_change_is_passed_on_and_nothing_is_cancelled(text: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        for said_before in (WISH, "好"):
            await shop.say("ming", here, said_before)
        assert "已转给店员" in await shop.hear("ming", here, text)
        await shop.say("ming", here, "好")
        assert len(await shop.appointments()) == 1


async def test_other_times_are_those_of_the_day_on_the_card() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, WISH)
        assert "11月20日 周五 有空的时间" in await shop.hear("ming", here, "好，还有别的时间吗")


@pytest.mark.parametrize("text", ["没时间去", "请不到假"])
def test_who_cannot_come_refuses_the_time_of_the_card(text: str) -> None:
    assert read(text, "confirm", asks="book").has(Kind.REFUSE, "time")


@pytest.mark.parametrize("text", ["三点会不会太晚", "周五会不会太赶？", "is 3pm too late?"])
async def test_whether_the_time_is_too_late_is_asked_and_refuses_nothing(text: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "周五下午三点验光，我叫陈安安，30岁，第一次来")
        asked = await shop.hear("ming", here, text)
        assert "转给店员" in asked or "passed on" in asked
        assert len(await shop.appointments("held")) == 1
    assert read("三点太晚了", "confirm").has(Kind.REFUSE, "time")
    assert read("3pm is too late", "confirm").has(Kind.REFUSE, "time")


def test_a_given_name_that_begins_with_a_negation_is_whole() -> None:
    assert read("我叫何不", "name").given("name") == "何不"
    assert read("我叫李不约", "name").given("name") == "李"


def test_whose_kin_comes_is_known_without_the_word_for_me() -> None:
    assert read("孩子周六下午三点验光").given("person") == "孩子"
    assert read("孩子周六考试，我周日验光").given("person") is None
