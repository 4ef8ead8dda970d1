"""Input that is odd and still clear, or looks clear and is not: codes in Chinese digits, a birthday, the staff's words."""

from __future__ import annotations

import pytest

from tests.booking.support.shop import Shop
from tests.booking.support.two_appointments import left, two

STAFFS_WORDS = (
    "确认 {0}", "到店 {0}", "开始 {0}", "完成 {0}", "爽约 {0}", "撤销 {0}", "不改 {0}", "/decline {0}", "请假 李老师 周六",
    "休息 11月21日", "营业 11月21日 休息", "午休 12:00-13:00", "移除 李老师", "安排 1 v1 好", "/plan 1 v1 yes",
)  # fmt: skip
ASKED = "预约 11月20日 15:00 验光 我叫王小明 成人 来过"


@pytest.mark.parametrize(
    ("text", "booked"), [("嗯嗯嗯好", 1), ("好 多少钱", 0), ("好不好啊", 0), ("好的但是周六可以吗", 0)]
)
async def test_a_yes_by_dictation_counts_and_one_with_a_question_is_asked_again(
    text: str, booked: int
) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, ASKED)
        await shop.say("ming", here, text)
        assert len(await shop.appointments()) == booked


async def test_a_code_in_chinese_digits_is_that_code() -> None:
    async with Shop() as shop:
        here, saturday, sunday = await two(shop)
        spoken = saturday.translate(str.maketrans("23456789", "二三四五六七八九"))
        card = await shop.hear("ming", here, f"取消 {spoken}")
        assert saturday in card
        assert sunday not in card


async def test_a_birthday_is_an_age_and_no_day_to_come() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        for text in ("预约 11月20日 10:00 验光", "王大"):
            await shop.say("ming", here, text)
        assert "第一次" in await shop.hear("ming", here, "1990-03-05")
        for text in ("来过", "好"):
            await shop.say("ming", here, text)
        assert await shop.sql("SELECT start_wall, age_band FROM booking_appointments") == [
            ("2026-11-20T10:00", "adult")
        ]


async def test_the_staffs_words_of_a_customer_change_nothing() -> None:
    async with Shop() as shop:
        here, *both = await two(shop)
        for text in STAFFS_WORDS:
            await shop.say("ming", here, text.format(both[0]))
        assert await left(shop) == both
        assert await shop.sql("SELECT COUNT(*) FROM booking_plans") == [(0,)]


async def test_a_code_of_somebody_else_never_acts_and_a_move_to_a_full_time_is_not_asked_about() -> None:
    async with Shop() as shop:
        here, saturday, _ = await two(shop)
        other = await shop.customer("hong")
        for text in ("预约 11月24日 11:00 儿童验光 我叫小红 8岁 来过", "好"):
            await shop.say("hong", other, text)
        for text in (f"取消 {saturday}", "好", f"改约 {saturday} 11月24日 15:00", "好"):
            await shop.say("hong", other, text)
        assert saturday in await left(shop)
        assert ("2026-11-21T10:00",) in await shop.sql(
            "SELECT start_wall FROM booking_appointments WHERE code = ?", saturday
        )
        said = await shop.hear("hong", other, "改到11月22日下午三点")
        assert "对吗" not in said
        assert here
