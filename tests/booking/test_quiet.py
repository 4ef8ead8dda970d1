"""No messages: a shop's bot cannot be blocked while an appointment is to come, unless the customer wants no messages; then no
reminders are sent, and the day sheet says so."""

import pytest

from imserver.errors import Refusal, RefusalCode
from tests.booking.support.booked import booked
from tests.booking.support.shop import ENTRY, GARDEN, RIVER, Shop


async def block(shop: Shop, user_id: str, bot: str) -> None:
    await shop.kit.store.write(lambda tx: tx.set_block(user_id, bot, True))


async def refusal(shop: Shop, user_id: str, bot: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await block(shop, user_id, bot)
    return caught.value


async def test_a_bot_with_an_appointment_to_come_is_not_blocked_and_others_are():
    async with Shop() as shop:
        _, code = await booked(shop)
        no = await refusal(shop, "ming", GARDEN)
        assert no.code is RefusalCode.FORBIDDEN
        assert code in no.text
        assert "不要消息" in no.text
        await block(shop, "ming", RIVER)
        await block(shop, "ming", ENTRY)
        await shop.customer("hong")
        await block(shop, "hong", GARDEN)


async def test_after_it_is_cancelled_or_over_the_bot_may_be_blocked():
    async with Shop() as shop:
        here, code = await booked(shop)
        await booked(shop, "hong", "明天10:00")
        for text in (f"取消 {code}", "好"):
            await shop.say("ming", here, text)
        await block(shop, "ming", GARDEN)
        await refusal(shop, "hong", GARDEN)
        await shop.advance(2 * 24 * 60)
        await block(shop, "hong", GARDEN)


async def test_a_time_that_is_only_held_keeps_nobody_from_blocking():
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "预约 明天15:00 验光")
        assert await shop.appointments("held")
        await block(shop, "ming", GARDEN)


async def test_who_wants_no_messages_gets_no_reminders_and_the_day_sheet_says_so():
    async with Shop() as shop:
        here, _ = await booked(shop)
        there, _ = await booked(shop, "hong", "明天16:00")
        assert "不再给您发提醒" in await shop.hear("ming", here, "不要消息")
        await block(shop, "ming", GARDEN)
        await refusal(shop, "hong", GARDEN)
        sheet = await shop.hear("staff-li", await shop.staff_group(), "今日预约 明天")
        assert [("不要消息" in line) for line in sheet.splitlines()[1:3]] == [True, False]
        said = await shop.advance(2 * 24 * 60)
        assert [one.conversation_id for one in said if "提醒" in one.content.get("title", "")] == [
            there,
            there,
        ]
        rows = await shop.sql("SELECT DISTINCT state, reason FROM booking_reminders ORDER BY 1")
        assert rows == [("not_sent", "no_messages"), ("sent", "")]


async def test_messages_come_again_for_who_says_so():
    async with Shop() as shop:
        here, _ = await booked(shop)
        await shop.hear("ming", here, "/quiet")
        assert "已恢复" in await shop.hear("ming", here, "恢复消息")
        await refusal(shop, "ming", GARDEN)
        said = await shop.advance(2 * 24 * 60)
        assert len([one for one in said if one.conversation_id == here and "提醒" in str(one.content)]) == 2


async def test_nobody_says_it_for_somebody_else():
    async with Shop() as shop:
        here, _ = await booked(shop)
        await shop.parent("mum", here)
        for user_id in ("staff-li", "mum"):
            await shop.say(user_id, here, "不要消息")
        await shop.say("ming", here, "不要消息费用吗")  # words for people
        await refusal(shop, "ming", GARDEN)
        assert await shop.sql("SELECT user_id FROM booking_customers WHERE no_messages = 1") == []
