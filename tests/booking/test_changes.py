"""Moving and cancelling: one row changed, cells exchanged, cards edited in place, stale buttons refused."""

import pytest

from tests.booking.support.booked import booked
from tests.booking.support.shop import GARDEN, NOW, RIVER, Shop, button, shown


async def test_a_move_is_one_row_and_its_card_is_edited_in_place():
    async with Shop() as shop:
        here, code = await booked(shop)
        (card,) = [one for one in shop.kit.messages(here) if one.content.get("title") == "预约成功"]
        assert "周五 10:30" in await shop.hear("ming", here, "改约 周五上午10点半")
        assert [a[1] for a in await shop.appointments()] == ["2026-11-19T15:00"]  # not yet
        assert "已把预约" in await shop.hear("ming", here, "是")
        assert [(a[0], a[1]) for a in await shop.appointments()] == [(code, "2026-11-20T10:30")]
        assert await shop.sql("SELECT COUNT(*) FROM booking_appointments WHERE status <> 'expired'") == [(1,)]
        (after,) = [one for one in shop.kit.messages(here) if one.position == card.position]
        assert after.revision == 2
        assert "11月20日 周五 10:30" in shown(after)
        actions = await shop.sql("SELECT action FROM booking_changes ORDER BY version")
        assert [row[0] for row in actions][-2:] == ["confirm", "move"]
        assert (
            await shop.sql("SELECT reason FROM booking_reminders ORDER BY version, kind LIMIT 2")
            == [("moved",)] * 2
        )


@pytest.mark.parametrize("text", ["把预约改到四点", "帮我改成四点", "can I move it to 4pm", "移到下午四点"])
async def test_the_hour_of_a_move_is_of_the_appointments_day(text: str) -> None:
    async with Shop() as shop:
        here, _ = await booked(shop, when="周五上午10点半")
        said = await shop.hear("ming", here, text)
        assert "16:00" in said
        assert "周五" in said or "Fri" in said
        await shop.hear("ming", here, "是" if "周五" in said else "yes")
        assert [row[1] for row in await shop.appointments()] == ["2026-11-20T16:00"]


async def test_move_in_english_with_a_code_and_buttons():
    async with Shop() as shop:
        here = await shop.customer("ann", "en")
        await shop.say("ann", here, "/book tomorrow 3pm eye exam, name Ann, 30 years old, first visit")
        said = await shop.say("ann", here, "yes")
        said = await shop.say("ann", here, button(said, "Move"))
        assert "Which day?" in shown(said[-1])
        said = await shop.say("ann", here, "fri 10:30")
        said = await shop.say("ann", here, button(said, "Confirm"))
        assert "is moved from Thu 19 Nov 15:00 to Fri 20 Nov 10:30" in shown(said[-1])


async def test_a_stale_button_is_refused_with_the_current_state():
    async with Shop() as shop:
        here, code = await booked(shop)
        old = button(shop.kit.messages(here), "改时间")
        for text in ("改约 周五上午10点半", "是"):
            await shop.say("ming", here, text)
        answer = await shop.hear("ming", here, old)
        assert "过时" in answer
        assert "11月20日 周五 10:30" in answer
        assert "过时" in await shop.hear("ming", here, f"取消 {code} v2 好")
        assert len(await shop.appointments()) == 1


async def test_an_old_confirm_button_does_not_confirm_a_newer_question():
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "预约 明天15:00 验光")
        first = button(await shop.say("ming", here, "王小明，成人，来过"), "确认")
        await shop.say("ming", here, "还是后天吧")
        assert "过时" in await shop.hear("ming", here, first)
        assert await shop.appointments() == []
        await shop.say("ming", here, "好")
        assert [a[1] for a in await shop.appointments()] == ["2026-11-20T15:00"]


async def test_a_button_whose_time_is_over_does_not_move_to_the_time_of_a_later_question():
    async with Shop() as shop:
        here, _ = await booked(shop)
        old = button(await shop.say("ming", here, "改约 今天11:00"), "确认")
        await shop.advance(40)
        await shop.say("ming", here, "改约 今天17:00")
        await shop.advance(25)
        assert "过时" in await shop.hear("ming", here, old)
        assert [a[1] for a in await shop.appointments()] == ["2026-11-19T15:00"]
        await shop.say("ming", here, "好")
        assert [a[1] for a in await shop.appointments()] == ["2026-11-18T17:00"]


async def test_cancel_asks_once_and_frees():
    async with Shop() as shop:
        here, code = await booked(shop)
        assert "回复“好”取消" in await shop.hear("ming", here, "取消")
        assert len(await shop.appointments()) == 1
        assert "不变" in await shop.hear("ming", here, "不")
        said = await shop.say("ming", here, f"取消 {code}")
        assert "已取消" in shown((await shop.say("ming", here, button(said, "确定取消")))[-1])
        assert await shop.appointments() == []
        assert await shop.sql("SELECT COUNT(*) FROM booking_cells") == [(0,)]
        assert not [r for r in await shop.sql("SELECT state FROM booking_reminders") if r[0] == "planned"]
        assert "不能这样改" in await shop.hear("ming", here, f"取消 {code}")


async def test_with_two_appointments_it_is_asked_which():
    async with Shop() as shop:
        here, _ = await booked(shop)
        for text in ("预约 周六10:00 验光", "好"):
            await shop.say("ming", here, text)
        said = await shop.say("ming", here, "改约 下周一上午11点")
        assert "哪一个" in shown(said[-1])
        said = await shop.say("ming", here, "2")
        assert "11月23日 周一 11:00" in shown(said[-1])
        await shop.say("ming", here, "好")
        assert [a[1] for a in await shop.appointments()] == ["2026-11-19T15:00", "2026-11-23T11:00"]


@pytest.mark.parametrize("menu", ["改约 下周一上午11点", "门店"])
async def test_a_yes_after_a_newer_question_does_not_answer_the_older_one(menu):
    async with Shop() as shop:
        here, code = await booked(shop)
        for text in ("预约 周六10:00 验光", "好", f"取消 {code}", menu, "好"):
            await shop.say("ming", here, text)
        assert len(await shop.appointments()) == 2
        await shop.say("ming", here, f"改约 {code} 周五10:30")
        for text in ("门店", "好"):
            await shop.say("ming", here, text)
        assert [a[1] for a in await shop.appointments()] == ["2026-11-19T15:00", "2026-11-21T10:00"]


@pytest.mark.parametrize("menu", ["空档 周六", "门店"])
async def test_a_yes_after_a_list_asks_again_before_it_books(menu):
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "预约 明天15:00 验光")
        confirm = button(await shop.say("ming", here, "王小明，成人，来过"), "确认")
        await shop.say("ming", here, menu)
        assert "请确认" in await shop.hear("ming", here, "好")
        assert await shop.appointments() == []
        await shop.say("ming", here, menu)
        await shop.say("ming", here, confirm)  # the button says what it confirms
        assert [a[1] for a in await shop.appointments()] == ["2026-11-19T15:00"]


async def test_of_two_who_move_to_the_last_room_one_gets_it():
    async with Shop() as shop:
        one, _ = await booked(shop, "ming", "明天14:30", RIVER)
        two, _ = await booked(shop, "hong", "明天16:00", RIVER)
        for user, place in (("ming", one), ("hong", two)):
            await shop.say(user, place, "改约 后天15:00")
        assert "已把预约" in await shop.hear("ming", one, "好")
        refused = await shop.hear("hong", two, "好")
        assert "刚刚被约走了" in refused
        assert refused.count("[") == 3
        assert sorted(a[1] for a in await shop.appointments()) == ["2026-11-19T16:00", "2026-11-20T15:00"]


async def test_too_late_for_customers_is_not_too_late_for_staff():
    async with Shop() as shop:
        here, code = await booked(shop, when="今天13:00")
        await shop.advance(100)
        assert "改不了" in await shop.hear("ming", here, "取消")
        group = await shop.staff_group()
        await shop.say("staff-li", group, f"取消 {code}")
        said = await shop.say("staff-li", group, "好")
        assert await shop.appointments() == []
        assert {one.conversation_id for one in said} == {here, group}  # the customer gets a message, too


@pytest.mark.parametrize("way", ["yes", "button"])
async def test_the_cut_off_may_come_between_the_question_and_the_yes(way):
    async with Shop() as shop:
        here, _ = await booked(shop, when="今天13:00")
        await shop.advance(50)
        confirm = button(await shop.say("ming", here, "改约 周五上午10点半"), "确认")
        await shop.advance(20)
        assert "改不了" in await shop.hear("ming", here, confirm if way == "button" else "好")
        assert [a[1] for a in await shop.appointments()] == ["2026-11-18T13:00"]


async def test_nobody_sees_or_touches_an_appointment_of_somebody_else():
    async with Shop() as shop:
        _, code = await booked(shop)
        there = await shop.customer("eve")
        for text in (f"改约 {code} 周五10:30", f"取消 {code} v2 好", f"取消 {code}", f"确认 {code}"):
            assert "没有找到" in await shop.hear("eve", there, text)
        assert "没有找到" in await shop.hear("eve", there, "取消 Z9Z9")
        assert [a[1] for a in await shop.appointments()] == ["2026-11-19T15:00"]
        river = await shop.staff_group("river")
        assert "没有找到" in await shop.hear("staff-zhang", river, f"到店 {code}")


async def test_staff_of_one_shop_do_not_touch_what_their_customer_booked_in_another():
    async with Shop() as shop:
        _, code = await booked(shop, bot=RIVER)
        await shop.say("ming", shop.kit.direct("ming", GARDEN), "门店 花园店")
        here = await shop.service("ming", "garden")
        for text in (f"爽约 {code}", f"到店 {code}", f"取消 {code}", f"改约 {code} 周五10:30"):
            assert "没有找到" in await shop.hear("staff-li", here, text)
        assert [a[1] for a in await shop.appointments()] == ["2026-11-19T15:00"]
        there = await shop.say("ming", here, f"取消 {code}")  # its customer may
        assert any("回复“好”取消" in shown(one) for one in there)


@pytest.mark.parametrize("text", ["取消", "改约 明天10:00", "我的预约"])
async def test_without_an_appointment(text):
    async with Shop() as shop:
        here = await shop.customer("ming")
        assert "没有即将到来的预约" in await shop.hear("ming", here, text)


async def test_my_appointments_show_what_comes_and_what_was():
    async with Shop(NOW) as shop:
        here, code = await booked(shop)
        await shop.advance(60 * 24 * 2)
        for text in ("预约 11月23日 10:00 验光", "好"):
            await shop.say("ming", here, text)
        shown_now = await shop.hear("ming", here, "我的预约")
        assert "11月23日 周一 10:00" in shown_now
        assert f"11月19日 周四 15:00 验光 预约成功 {code}" in shown_now
