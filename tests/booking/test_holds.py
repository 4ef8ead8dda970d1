"""A hold lasts three minutes and twice as long again on request, by a button: never silently, and never without an end."""

from __future__ import annotations

from tests.booking.support.booked import booked
from tests.booking.support.reminders import down_until
from tests.booking.support.shop import GARDEN, RIVER, Shop, button, shown

WISH = "预约 明天15:00 验光"


async def test_one_minute_before_the_end_a_button_makes_it_longer_twice() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, WISH)
        for minutes in (2, 3):
            said = await shop.advance(minutes)
            assert "1分钟" in shown(said[-1])
            assert "继续为您保留" in await shop.hear("ming", here, button(said, "再保留"))
        assert await shop.advance(3.9) == []  # no third time
        assert len(await shop.appointments("held")) == 1
        (ended,) = await shop.advance(0.2)
        assert "保留时间到了" in shown(ended)
        assert await shop.appointments("held") == []


async def test_pressed_a_third_time_the_button_says_that_it_is_enough() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, WISH)
        longer = button(await shop.advance(2), "再保留")
        for text in (longer, longer):
            await shop.say("ming", here, text)
        assert "不能再延长" in await shop.hear("ming", here, longer)
        await shop.advance(7.1)
        assert await shop.appointments("held") == []
        assert "重新选时间" in await shop.hear("ming", here, longer)


async def test_the_label_does_what_the_button_does() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, WISH)
        await shop.advance(2)
        assert "继续为您保留" in await shop.hear("ming", here, "再保留3分钟")


async def test_answers_make_no_hold_longer() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, WISH)
        for text in ("王小明", "成人", "来过", "第一次来", "配镜", "验光", "我叫王小红"):
            await shop.advance(0.4)
            await shop.say("ming", here, text)
        await shop.advance(0.3)
        assert await shop.appointments("held") == []


async def test_what_ran_out_is_not_taken_again_by_an_answer_about_something_else() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, WISH)
        await shop.advance(3.1)
        assert "保留时间到了" in await shop.hear("ming", here, "王小明")
        assert await shop.appointments("held") == []
        assert "王小明的年龄段" in await shop.hear("ming", here, "1")  # the button with the time
        assert len(await shop.appointments("held")) == 1


async def test_nobody_is_offered_more_time_for_what_is_booked_or_given_up() -> None:
    async with Shop() as shop:
        await booked(shop)
        there = await shop.customer("lan", bot=RIVER)
        for text in (WISH, "不"):
            await shop.say("lan", there, text)
        assert await shop.advance(10) == []


async def test_after_downtime_it_is_said_that_the_time_ran_out_and_a_tap_takes_it_again() -> None:
    for wall in ("2026-11-18T10:05", "2026-11-18T14:00"):  # also when the question is too old for an answer
        async with Shop() as shop:
            here = await shop.customer("ming")
            await shop.say("ming", here, f"{WISH} 我叫王小明")
            await down_until(shop, wall)
            said = shop.kit.messages(here)[-1:]
            assert "保留时间到了" in shown(said[0])
            assert "王小明的年龄段" in await shop.hear("ming", here, button(said, "15:00"))
            assert len(await shop.appointments("held")) == 1


async def test_after_downtime_beyond_the_time_itself_another_one_is_to_be_chosen() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, WISH)
        await down_until(shop, "2026-11-20T09:00")
        said = shop.kit.messages(here)[-1:]
        assert "已经过去" in shown(said[0])
        assert "11月20日" in await shop.hear("ming", here, button(said, "预约"))


async def test_a_hold_that_no_question_is_about_any_more_is_said_to_its_customer() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, WISH)
        await shop.sql("DELETE FROM booking_dialogues")
        said = await shop.advance(3.1)
        assert "保留时间到了" in shown(said[-1])
        await shop.say("ming", here, button(said, "15:00"))


async def test_whoever_left_reads_in_the_direct_chat_that_the_time_ran_out() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, WISH)
        await shop.leave("ming", here)
        said = await shop.advance(3.1)
        direct = shop.kit.direct("ming", GARDEN)
        assert any("保留时间到了" in shown(one) for one in said if one.conversation_id == direct)


async def test_another_time_can_be_made_longer_as_often_again() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, WISH)
        longer = button(await shop.advance(2), "再保留")
        for text in (longer, longer, "周五15:00"):
            await shop.say("ming", here, text)
        assert "1分钟" in shown((await shop.advance(2))[-1])


async def test_the_code_of_what_was_held_and_ran_out_is_none() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, WISH)
        ((code, *_),) = await shop.appointments("held")
        await shop.advance(4)
        assert f"没有找到预约 {code}" in await shop.hear("ming", here, f"取消 {code}")
