"""Attacks on the yes and on buttons: what was shown is what is done, whoever writes in between and whatever is pressed."""

from __future__ import annotations

import pytest

from tests.booking.support.booked import FACTS, WISH, booked, standing
from tests.booking.support.shop import ENTRY, GARDEN, Shop, button, shown

#: When `booked` has an appointment.
THERE = "2026-11-19T15:00"


# -- old buttons ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("put_right", "name"),
    [("名字写错了，叫李小红", "李小红"), ("不对，是第一次来", "王小明"), ("8岁", "王小明")],
)
async def test_the_button_of_a_card_that_showed_something_else_books_nothing(
    put_right: str, name: str
) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, WISH)
        first = await shop.say("ming", here, FACTS)
        second = await shop.say("ming", here, put_right)
        assert "过时" in await shop.hear("ming", here, button(first, "确认"))
        assert await standing(shop) == []
        await shop.say("ming", here, button(second, "确认"))
        assert await standing(shop) == [("2026-11-21T15:00", name)]


async def test_the_yes_of_an_odd_name_is_the_answer_to_nothing_else() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, WISH)
        odd = await shop.say("ming", here, "飞天小女警")
        await shop.say("ming", here, "我叫李小红，成人，来过")
        assert "过时" in await shop.hear("ming", here, button(odd, "是"))
        assert await standing(shop) == []


async def test_the_yes_of_an_odd_name_is_the_name() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, WISH)
        await shop.say("ming", here, button(await shop.say("ming", here, "飞天小女警"), "是"))
        await shop.say("ming", here, "成人，来过")
        await shop.say("ming", here, "好")
        assert await standing(shop) == [("2026-11-21T15:00", "飞天小女警")]


@pytest.mark.parametrize("then", ["取消 {code}", "改约 {code} 周六15:00", "更正 我叫赵六"])
async def test_the_button_of_a_correction_answers_no_later_question(then: str) -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        before = await shop.appointments()
        old = await shop.say("ming", here, "更正 我叫李小红")
        await shop.say("ming", here, then.format(code=code))
        assert "过时" in await shop.hear("ming", here, button(old, "确认"))
        assert await shop.appointments() == before


async def test_the_button_of_a_correction_counts_whatever_was_said_since() -> None:
    async with Shop() as shop:
        here, _ = await booked(shop)
        asked = await shop.say("ming", here, "更正 我叫李小红")
        await shop.say("ming", here, "你们的镜片是哪国产的")
        await shop.say("ming", here, button(asked, "确认"))
        assert [name for _, name in await standing(shop)] == ["李小红"]


async def test_the_number_below_the_card_about_more_time_is_more_time() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, WISH)
        await shop.say("ming", here, FACTS)
        await shop.advance(2)
        assert "继续为您保留" in await shop.hear("ming", here, "1")
        assert await standing(shop) == []
        await shop.say("ming", here, "好")
        assert await standing(shop) == [("2026-11-21T15:00", "王小明")]


@pytest.mark.parametrize(("said", "name"), [("不对，我叫李小红", "李小红"), ("等一下", "王小明")])
async def test_what_was_said_after_the_hold_ended_is_shown_before_it_is_booked(said: str, name: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, WISH)
        await shop.say("ming", here, FACTS)
        await shop.advance(3.1)
        await shop.say("ming", here, said)
        assert name in await shop.hear("ming", here, "好")
        assert await standing(shop) == []
        await shop.say("ming", here, "好")
        assert await standing(shop) == [("2026-11-21T15:00", name)]


async def test_a_number_of_a_list_above_an_open_yes_is_of_the_list() -> None:
    async with Shop() as shop:
        here, _ = await booked(shop)
        await shop.say("ming", here, "预约 周日10:00 验光")
        await shop.say("ming", here, "好")
        await shop.say("ming", here, WISH)
        listed = await shop.hear("ming", here, "改约")
        first = listed.split("[")[1].split("|")[0].split()[-1]
        assert first in await shop.hear("ming", here, "1")
        assert ("2026-11-21T15:00", "王小明") not in await standing(shop)


# -- somebody else writes in between -----------------------------------------------------------------------------------------


async def test_a_colleagues_words_in_the_staff_group_disarm_the_yes() -> None:
    async with Shop() as shop:
        _, code = await booked(shop)
        group = await shop.staff_group()
        for question in ("请假 李老师 周五", f"取消 {code}", f"改约 {code} 周六15:00"):
            asked = await shop.say("staff-li", group, question)
            assert asked
            await shop.say("staff-wang", group, "先别，客人还要来的")
            await shop.say("staff-li", group, "好")  # to the colleague
        assert await shop.sql("SELECT 1 FROM booking_leaves") == []
        assert [row[0] for row in await shop.appointments()] == [code]
        assert [row[2] for row in await shop.appointments()] == [3]
        await shop.say("staff-li", group, "好")  # asked again, and nobody wrote since
        assert [row[1] for row in await shop.appointments()] == ["2026-11-21T15:00"]


async def test_a_card_of_the_staff_in_the_conversation_disarms_the_customers_yes() -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        await shop.say("ming", here, "预约 周日15:00 配镜")
        await shop.say("staff-li", here, f"改约 {code} 周六10:00")
        await shop.say("ming", here, "好")  # to what the staff ask
        assert len(await standing(shop)) == 1


@pytest.mark.parametrize(
    "talk",
    ["到店 {} 了吗？", "到店了没 {}", "爽约的话 {} 怎么办", "爽约 {}？", "完成 {} 了吗", "到店 {} 还没"],
)
async def test_staff_who_ask_about_a_step_take_none(talk: str) -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        group = await shop.staff_group()
        before = await shop.appointments()
        await shop.until(THERE)
        await shop.advance(15)
        await shop.say("staff-li", group, talk.format(code))
        await shop.say("staff-li", here, talk.format(code))
        assert await shop.appointments() == before
        await shop.say("staff-li", group, f"到店 {code}")
        assert [row[0] for row in await shop.appointments("arrived")] == [code]


async def test_staff_who_say_more_than_a_step_hear_that_it_was_not_taken() -> None:
    async with Shop() as shop:
        _, code = await booked(shop)
        group = await shop.staff_group()
        await shop.until(THERE)
        assert "没有看懂" in await shop.hear("staff-li", group, f"到店 {code} 客人迟到10分钟")
        assert await shop.appointments("arrived") == []


@pytest.mark.parametrize("news", ["moves", "offers", "reminds"])
async def test_news_of_the_shop_between_the_card_and_the_yes_ask_again(news: str) -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        group = await shop.staff_group()
        if news == "reminds":
            await shop.until("2026-11-19T12:59")
        await shop.say("ming", here, WISH)
        if news == "moves":
            await shop.say("staff-li", group, f"改约 {code} 周日15:00")
            await shop.say("staff-li", group, "好")
        elif news == "offers":
            plan = await shop.say("staff-li", group, "休息 明天")
            await shop.say("staff-li", group, button(plan, "确定"))
        else:
            assert "提醒" in "".join(map(shown, await shop.advance(1.5)))
        before = await shop.appointments()
        assert "对吗" in await shop.hear("ming", here, "好")
        assert await shop.appointments() == before
        await shop.say("ming", here, "好")
        assert ("2026-11-21T15:00", "王小明") in await standing(shop)


async def test_of_two_shops_in_one_chat_the_yes_is_for_the_card_right_above() -> None:
    async with Shop() as shop:
        await shop.kit.user("ming", language="zh-CN")
        chat = shop.kit.direct("ming", ENTRY)
        for wish in ("花园店 明天15:00", "河畔店 周六15:00"):
            await shop.say("ming", chat, f"预约 {wish} 验光 我叫王小明 成人 来过")
        await shop.say("ming", chat, "好")
        rows = await shop.sql("SELECT store_id, status FROM booking_appointments ORDER BY store_id")
        assert rows == [("garden", "held"), ("river", "confirmed")]
        await shop.say("ming", chat, "好")  # a second yes to the same card
        assert await shop.sql("SELECT store_id, status FROM booking_appointments ORDER BY store_id") == rows


# -- the same person twice ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["ming", "staff-li"])
async def test_nobody_is_moved_to_a_time_of_their_own(by: str) -> None:
    async with Shop() as shop:
        here, _ = await booked(shop)
        await shop.say("ming", here, "预约 周日10:00 验光")
        await shop.say("ming", here, "好")
        code = (await shop.appointments())[-1][0]
        place = here if by == "ming" else await shop.staff_group()
        assert "已经有一个预约" in await shop.hear(by, place, f"改约 {code} 2026-11-19 15:00")
        await shop.say(by, place, "好")
        await shop.say(by, place, f"确认 {code} v2 2026-11-19 15:00")
        assert sorted(start for start, _ in await standing(shop)) == [THERE, "2026-11-22T10:00"]


async def test_no_correction_makes_one_person_of_two_at_one_time() -> None:
    async with Shop() as shop:
        here, _ = await booked(shop)
        await shop.say("ming", here, "预约 2026-11-19 15:00 验光，我叫李小红")
        await shop.say("ming", here, "好")
        names = [name for _, name in await standing(shop)]
        assert len(names) == 2
        code = next(row[0] for row in await shop.appointments() if row[3] == "李小红")
        other = next(name for name in names if name != "李小红")
        assert "已经有一个预约" in await shop.hear("ming", here, f"更正 {code} 我叫{other}")
        await shop.say("ming", here, "好")
        assert [name for _, name in await standing(shop)] == names


# -- whose appointment ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["取消我妈妈的预约", "帮我儿子改到周六下午3点", "我儿子来不了了"])
async def test_what_is_said_of_somebody_who_has_no_appointment_touches_none(said: str) -> None:
    async with Shop() as shop:
        here, _ = await booked(shop)
        before = await shop.appointments()
        asked = await shop.hear("ming", here, said)
        assert "王小明" in asked or "哪" in asked
        if "王小明" not in asked:
            await shop.say("ming", here, "好")
            assert await shop.appointments() == before


async def test_the_card_of_a_cancel_says_whose_appointments_these_are() -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        for text in ("帮我妈约周六15:00验光", "张秀英，60岁，第一次", "好"):
            await shop.say("ming", here, text)
        assert "王小明" in await shop.hear("ming", here, f"取消 {code}")
        both = await shop.hear("ming", here, "两个都取消")
        assert "王小明" in both
        assert "张秀英" in both
        assert "张秀英" in await shop.hear("ming", here, "取消我妈妈的预约")


async def test_a_group_of_others_reads_nothing_of_an_appointment() -> None:
    async with Shop() as shop:
        _, code = await booked(shop)
        await shop.kit.user("friend", language="zh-CN")
        group = await shop.kit.group("ming", "friend", GARDEN)
        for text in ("取消", "改约 周六15:00", "我的预约", f"更正 {code} 我叫李小红"):
            told = await shop.hear("ming", group, text)
            assert told
            assert code not in told
            assert "15:00" not in told


# -- names -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        ("我叫王\u202e小明", "王小明"),
        ("我叫\u2066王小明\u2069", "王小明"),
        ("王\u2028小明", "王 小明"),
        ("my name is Bob\tSmith", "Bob Smith"),
        ("名字是 محمد علي", "محمد علي"),
    ],
)
async def test_no_name_turns_the_line_around_it(said: str, stored: str) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, WISH)
        await shop.say("ming", here, said)
        await shop.say("ming", here, "成人，来过")
        await shop.say("ming", here, "好")
        assert await standing(shop) == [("2026-11-21T15:00", stored)]
