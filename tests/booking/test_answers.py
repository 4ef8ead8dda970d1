"""Answers that come late, twice, negated or in between, and how the bot understands each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.booking.support.booked import booked
from tests.booking.support.chains import demo
from tests.booking.support.shop import GARDEN, RIVER, Shop, button, shown


@pytest.mark.parametrize("no", ["不是", "不", "no"])
async def test_a_no_to_the_first_visit_is_an_answer(no: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        for text in ("预约 明天15:00 验光", "王小明，成人"):
            await shop.say("ming", here, text)
        assert "第一次来: 否" in await shop.hear("ming", here, no)


@pytest.mark.parametrize("question", ["取消", "改约 周五10:30", "预约 周五10:30 验光"])
async def test_a_yes_after_a_no_does_nothing(question: str) -> None:
    async with Shop() as shop:
        here, _ = await booked(shop)
        for text in (question, "不"):
            await shop.say("ming", here, text)
        before = await shop.appointments()
        assert "直接说就行" in await shop.hear("ming", here, "好")
        assert await shop.appointments() == before
        assert await shop.advance(10) == []  # and nobody is told of it


@pytest.mark.parametrize("done", [("取消", "好"), ("改约 周五10:30", "好")])
async def test_a_second_yes_is_to_nothing(done: tuple[str, ...]) -> None:
    async with Shop() as shop:
        here, _ = await booked(shop)
        for text in done:
            await shop.say("ming", here, text)
        before = await shop.appointments()
        assert "直接说就行" in await shop.hear("ming", here, "好")
        assert await shop.appointments() == before


async def test_who_answers_slowly_but_steadily_is_heard() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "预约")
        for text, asked in (
            ("验光", "哪一天"),
            ("周六", "几点"),
            ("10:00", "怎么称呼"),
            ("王小明", "保留时间到了"),
            ("好", "年龄"),
        ):
            await shop.advance(25)
            assert asked in await shop.hear("ming", here, text)
        await shop.advance(35)
        assert await shop.hear("ming", here, "2") == ""  # too old: it means something else


async def test_a_hold_begins_anew_with_each_time_that_is_chosen() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "预约 明天15:00 验光")
        await shop.advance(2)
        await shop.say("ming", here, "还是明天10:00吧")
        await shop.advance(2)
        assert [row[1] for row in await shop.appointments("held")] == ["2026-11-19T10:00"]
        await shop.advance(1.1)
        assert await shop.appointments("held") == []


async def test_another_service_of_the_same_length_is_the_one_that_is_booked() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        for text in ("预约 明天15:00 取镜", "调整", "王小明", "好"):
            await shop.say("ming", here, text)
        assert await shop.sql("SELECT service_id, status FROM booking_appointments") == [
            ("adjust", "confirmed")
        ]


async def test_a_service_that_the_shop_does_not_have_is_said_and_not_booked(tmp_path: Path) -> None:
    async with Shop(config={"chain": demo(tmp_path, services='["exam"]')}) as shop:
        here = await shop.customer("ming")
        asked = await shop.hear("ming", here, "预约 明天15:00 取镜")
        assert "暂时没有「取镜」" in asked
        assert "想预约什么项目" in asked
        assert await shop.appointments("held") == []


async def test_a_second_move_does_not_inherit_the_time_of_the_first() -> None:
    async with Shop() as shop:
        here, first = await booked(shop)
        _, second = await booked(shop, when="周六11:00")
        await shop.say("ming", here, f"改约 {first} 周五10:30")
        asked = await shop.hear("ming", here, f"改约 {second}")
        assert "哪一天" in asked
        await shop.say("ming", here, "好")
        assert [row[1] for row in await shop.appointments()] == ["2026-11-19T15:00", "2026-11-21T11:00"]


@pytest.mark.parametrize("command", ["取消", "改约"])
async def test_a_list_of_appointments_is_of_those_that_it_shows(command: str) -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        await booked(shop, when="周六11:00")
        listed = await shop.say("ming", here, command)
        group = await shop.staff_group()
        for text in (f"改约 {code} 周五11:00", "好"):
            await shop.say("staff-li", group, text)
        assert "过时" in await shop.hear("ming", here, button(listed, code))


async def test_a_move_that_is_begun_again_is_of_the_appointment_as_it_is_now() -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        await shop.say("ming", here, "改约 周五10:30")
        group = await shop.staff_group()
        for text in (f"改约 {code} 周六11:00", "好"):
            await shop.say("staff-li", group, text)
        for text in ("改约 周五11:00", "好"):
            await shop.say("ming", here, text)
        assert [row[1] for row in await shop.appointments()] == ["2026-11-20T11:00"]


async def test_a_move_to_where_it_is_changes_nothing() -> None:
    async with Shop() as shop:
        here, _ = await booked(shop)
        before = await shop.appointments()
        assert "不用改" in await shop.hear("ming", here, "改约 明天15:00")
        await shop.say("ming", here, "好")
        assert await shop.appointments() == before


async def test_a_time_may_come_too_near_between_the_question_and_the_yes() -> None:
    async with Shop() as shop:
        here, _ = await booked(shop)
        await shop.say("ming", here, "改约 今天11:15")
        await shop.advance(20)
        assert "太近了" in await shop.hear("ming", here, "好")
        assert [row[1] for row in await shop.appointments()] == ["2026-11-19T15:00"]


@pytest.mark.parametrize(("minutes", "allowed"), [(60, True), (60.01, False)])
async def test_the_last_moment_before_the_cut_off(minutes: float, allowed: bool) -> None:
    async with Shop() as shop:
        here, _ = await booked(shop, when="今天13:00")
        await shop.advance(minutes)
        assert ("回复“好”取消" in await shop.hear("ming", here, "取消")) is allowed


async def test_the_button_of_the_other_parent_is_not_for_ones_own_booking() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.parent("mum", here)
        await shop.say("mum", here, "预约 明天17:00 验光 我叫小明 成人 来过")
        said = await shop.say("ming", here, "预约 明天15:00 验光 我叫小明 成人 来过")
        assert "过时" in await shop.hear("mum", here, button(said, "确认"))
        assert await shop.appointments() == []
        assert [row[1] for row in await shop.appointments("held")] == ["2026-11-19T15:00"]


async def test_an_answer_to_one_shops_bot_is_not_for_another_shops_question() -> None:
    async with Shop() as shop:
        here, _ = await booked(shop)
        await shop.customer("ming", bot=RIVER)
        await shop.say("ming", here, "取消")
        await shop.say("ming", shop.kit.direct("ming", RIVER), "好")
        assert len(await shop.appointments()) == 1
        garden = shop.kit.direct("ming", GARDEN)
        assert "回复“好”取消" in shown((await shop.say("ming", garden, "好"))[-1])  # to be sure
        await shop.say("ming", garden, "好")
        assert await shop.appointments() == []


async def test_staff_who_name_another_shop_book_in_their_own() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("staff-li", here, "预约 河畔店 明天15:00 验光")
        assert await shop.sql("SELECT store_id, conversation_id FROM booking_appointments") == [
            ("garden", here)
        ]


async def test_an_unclear_answer_repeats_the_question_once() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "预约 验光")
        assert "哪一天" in await shop.hear("ming", here, "我家的猫很可爱")
        assert await shop.hear("ming", here, "我是说那种圆的") == ""
        assert "几点" in await shop.hear("ming", here, "周六")


async def test_an_appointment_that_has_begun_is_still_mine() -> None:
    async with Shop() as shop:
        here, code = await booked(shop, when="今天13:00")
        await booked(shop, when="周六11:00")
        await shop.advance(3 * 60 + 10)
        said = await shop.say("ming", here, "我的预约")
        assert next(one.content["ref"]["id"] for one in said if "ref" in one.content) == code
        await shop.advance(30)
        assert f"预约成功 {code}" in shown((await shop.say("ming", here, "我的预约"))[-1])


@pytest.mark.parametrize(
    ("text", "times"), [("空档 周六中午", "11:00–13:45"), ("空档 周六晚上", "17:00–19:15")]
)
async def test_free_times_of_a_part_of_a_day(text: str, times: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        assert times in await shop.hear("ming", here, text)
