"""The staff group: every change at once, the day sheet, the steps of an appointment, a shop that confirms by hand."""

import pytest

from tests.booking.support.booked import booked
from tests.booking.support.chains import DEMO, demo
from tests.booking.support.shop import Shop, button, shown


async def test_every_change_appears_in_the_staff_group():
    async with Shop() as shop:
        here, _ = await booked(shop)
        group = await shop.staff_group()
        for text in ("改约 周五上午10点半", "好", "取消", "好"):
            await shop.say("ming", here, text)
        assert [one.content["title"] for one in shop.kit.messages(group)] == ["新预约", "改约", "取消"]
        assert "从 11月19日 周四 15:00 改到 11月20日 周五 10:30" in shown(shop.kit.messages(group)[1])


async def test_the_staff_move_to_today_in_english_behind_the_code():
    async with Shop() as shop:
        _, code = await booked(shop)
        group = await shop.staff_group()
        assert "11月18日 周三 11:15" in await shop.hear("staff-li", group, f"/move {code} today 11:15")


async def test_a_day_with_a_slash_is_read_alike_for_staff_and_customers_behind_a_chinese_command():
    async with Shop() as shop:
        here, code = await booked(shop)
        for user, room in (("ming", here), ("staff-li", here), ("staff-li", await shop.staff_group())):
            said = await shop.hear(user, room, f"改约 {code} 12/3 15:30")
            assert "12月3日 周四 15:30" in said, (user, said)
            await shop.say(user, room, "不改了")
        asked = await shop.hear("staff-li", here, f"/move {code} 12/3 15:30")
        assert "12月3日 周四 15:30 吗" not in asked, "behind an English one it may be the 12th of March"


async def test_the_day_sheet_is_in_order_of_time():
    async with Shop() as shop:
        await booked(shop, "ming", "明天15:00")
        await booked(shop, "hong", "明天10:00")
        await booked(shop, "lan", "后天10:00")
        group = await shop.staff_group()
        sheet = await shop.hear("staff-li", group, "今日预约 明天")
        assert "共2个预约" in sheet
        assert sheet.index("10:00–") < sheet.index("15:00–")
        assert "李老师" in sheet
        assert "没有预约" in await shop.hear("staff-li", group, "日程")
        assert "共1个预约" in await shop.hear("staff-li", group, "/schedule 11月20日")
        assert "哪一天" in await shop.hear("staff-li", group, "今日预约 13月45号")


async def test_the_day_sheet_counts_who_is_expected():
    async with Shop() as shop:
        group = await shop.staff_group()
        for user, hour in (("ming", 10), ("hong", 11), ("lan", 12)):
            await booked(shop, user, f"明天{hour}:00")
        here, code = await booked(shop, "mei", "明天13:00")
        for text in (f"取消 {code}", "好"):
            await shop.say("mei", here, text)
        held, over = await shop.customer("qing"), await shop.customer("yu")
        for text in ("预约 明天15:00 验光", "取消"):
            await shop.say("yu", over, text)
        await shop.say("yu", over, "预约 明天16:00 验光")
        await shop.advance(4)
        await shop.say("qing", held, "预约 明天14:00 验光")
        sheet = await shop.hear("staff-li", group, "今日预约 明天")
        assert "共3个预约" in sheet
        assert sheet.index("11:00–") < sheet.index("13:00–") < sheet.index("14:00–")
        assert "15:00–" not in sheet  # given up
        assert "16:00–" not in sheet  # ran out


async def test_a_request_that_is_confirmed_waits_no_more_on_any_card(tmp_path):
    async with Shop(config={"chain": demo(tmp_path, confirmation='"staff"')}) as shop:
        here = await shop.customer("ming")
        for line in ("预约 明天15:00 验光", "王小明，成人，来过"):
            await shop.say("ming", here, line)
        said = await shop.say("ming", here, "好")
        assert any("等待门店确认" in shown(one) for one in shop.kit.messages(here))
        await shop.say("staff-li", await shop.staff_group(), button(said, "确认"))
        assert not any("等待门店确认" in shown(one) for one in shop.kit.messages(here))


async def test_who_joins_the_shop_later_is_in_its_group_and_keeps_the_account_they_had(tmp_path):
    chain = tmp_path / "chain.toml"
    text = DEMO.read_text(encoding="utf-8")
    chain.write_text(text.replace('user_id = "staff-zhou"\n', ""), encoding="utf-8")
    async with Shop(config={"chain": str(chain)}) as shop:
        group = await shop.staff_group()
        await shop.kit.user("staff-zhou", language="en")
        before = await shop.kit.store.write(lambda tx: tx.user("staff-zhou"))
        chain.write_text(text, encoding="utf-8")
        await shop.kit.restart()
        after = await shop.kit.store.write(lambda tx: tx.user("staff-zhou"))
        assert before is not None
        assert after is not None
        assert (after.display_name, after.language) == (before.display_name, "en")
        assert set(after.roles) == {*before.roles, "staff"}
        assert "没有预约" in await shop.hear("staff-zhou", group, "日程")


async def test_each_shop_gives_its_first_customers_to_whoever_has_least_to_do():
    async with Shop() as shop:
        for user, hour in (("ming", 10), ("hong", 12)):
            await booked(shop, user, f"明天{hour}:00")
        people = await shop.sql("SELECT resource_id FROM booking_appointment_resources ORDER BY 1")
        assert [row[0] for row in people] == ["garden-li", "garden-room-1", "garden-room-2", "garden-wang"]


async def test_a_long_day_is_several_messages():
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.sql("SELECT 1")
        rows = [
            f"({n}, 'C{n}', 'garden', 'exam', 'ming', '{here}', '2026-11-19T10:00', 'Asia/Shanghai', {1795053600000 + n},"
            f" {1795055400000 + n}, {1795055400000 + n}, 'no_show', 1, 0, 0, '')"
            for n in range(1, 121)
        ]
        await shop.sql(
            "INSERT INTO booking_appointments (id, code, store_id, service_id, customer_id, conversation_id, start_wall,"
            " zone, start_at, end_at, free_at, status, version, created_at, changed_at, changed_by) VALUES "
            + ", ".join(rows)
        )
        said = await shop.say("staff-li", await shop.staff_group(), "今日预约 明天")
        assert len(said) == 3
        assert sum(shown(one).count("未到店") for one in said) == 120
        await shop.sql("DELETE FROM booking_appointments")


async def test_staff_take_an_appointment_through_its_day_with_buttons():
    async with Shop() as shop:
        here, code = await booked(shop)
        group = await shop.staff_group()
        said = shop.kit.messages(group)
        await shop.until("2026-11-19T14:50")
        for label, status in (("到店", "arrived"), ("开始", "in_exam"), ("完成", "done")):
            said = await shop.say("staff-li", group, button(said, label))
            assert [a[0] for a in await shop.appointments(status)] == [code]
        assert "不能这样改" in await shop.hear("staff-li", group, f"爽约 {code}")
        assert "已完成" in shown(next(one for one in shop.kit.messages(here) if one.revision > 1))


async def test_customers_cannot_use_staff_commands():
    async with Shop() as shop:
        here, code = await booked(shop)
        for text in (f"到店 {code}", f"完成 {code}", f"/done {code}"):
            await shop.say("ming", here, text)
        assert len(await shop.appointments()) == 1
        assert "只有门店员工" in await shop.hear("ming", here, "今日预约")


async def test_staff_book_for_a_customer_in_the_service_conversation():
    async with Shop() as shop:
        here = await shop.customer("ming")
        for text in ("预约 明天15:00 验光", "王小明，成人，来过", "好"):
            await shop.say("staff-zhou", here, text)
        rows = await shop.sql("SELECT customer_id, changed_by FROM booking_appointments")
        assert rows == [("ming", "staff-zhou")]
        assert "11月19日" in await shop.hear("ming", here, "我的预约")
        assert "那位顾客的会话" in await shop.hear("staff-zhou", await shop.staff_group(), "预约 明天15:00")


async def test_where_the_shop_confirms_by_hand(tmp_path):
    async with Shop(config={"chain": demo(tmp_path, confirmation='"staff"')}) as shop:
        here = await shop.customer("ming")
        for line in ("预约 明天15:00 验光", "王小明，成人，来过", "好"):
            said = await shop.say("ming", here, line)
        assert len(await shop.appointments("pending")) == 1
        assert not await shop.sql("SELECT * FROM booking_reminders")
        said = await shop.say("staff-li", await shop.staff_group(), button(said, "确认"))
        assert len(await shop.appointments()) == 1
        heard = "\n".join(shown(one) for one in said if one.conversation_id == here)
        assert "预约成功" in heard
        assert "来之前请看" in heard
        assert len(await shop.sql("SELECT * FROM booking_reminders WHERE state = 'planned'")) == 2


async def test_restart_makes_nothing_twice_and_remembers_everything():
    async with Shop() as shop:
        here, _ = await booked(shop)
        group = await shop.staff_group()
        said = await shop.hear("ming", here, "改约 周五10:30")
        await shop.kit.restart()
        assert await shop.staff_group() == group
        assert "确认" in said
        assert "已把预约" in await shop.hear("ming", here, "好")


async def test_the_day_sheet_is_not_shown_where_customers_read_along():
    async with Shop() as shop:
        here, code = await booked(shop)
        there = await shop.customer("hong")
        assert code not in await shop.hear("staff-li", there, "今日预约 明天")
        assert "没有找到" in await shop.hear("staff-li", there, f"取消 {code}")
        assert len(await shop.appointments()) == 1
        assert here != there


async def test_a_shop_that_left_the_chain_file_does_not_break_what_it_left_behind(tmp_path):
    chain = tmp_path / "chain.toml"
    text = DEMO.read_text(encoding="utf-8")
    chain.write_text(text, encoding="utf-8")
    async with Shop(config={"chain": str(chain)}) as shop:
        here, code = await booked(shop, bot="store-river")
        there = await shop.customer("ming")
        chain.write_text(text[: text.index('[[stores]]\nid = "river"')], encoding="utf-8")
        await shop.kit.restart()
        assert "没有即将到来的预约" in await shop.hear("ming", there, "我的预约")
        assert "没有找到" in await shop.hear("ming", there, f"取消 {code}")
        assert await shop.say("ming", here, "你好") == []
        await shop.advance(3 * 24 * 60)
        assert {row[0] for row in await shop.sql("SELECT reason FROM booking_reminders")} == {"no_store"}


async def test_what_staff_ask_of_an_appointment_is_answered_with_their_own_card() -> None:
    async with Shop() as shop:
        _, code = await booked(shop, "ming", "明天15:00")
        said = await shop.hear("staff-li", await shop.staff_group(), f"确认 {code}")
        assert said.splitlines()[0] == f"预约 {code} 已经是“预约成功”了："
        assert f"[到店|到店 {code} v3]" in said
        assert "取消预约" not in said
        old = await shop.hear("staff-li", await shop.staff_group(), f"到店 {code} v1")
        assert old.splitlines()[0] == f"这个按钮已经过时了，预约 {code} 现在是这样："
        assert f"[到店|到店 {code} v3]" in old


@pytest.mark.parametrize("command", ["确认", "到店", "开始", "完成", "爽约", "撤销", "改约", "取消"])
async def test_who_forgets_the_code_is_shown_the_command_that_was_meant(command: str) -> None:
    async with Shop() as shop:
        said = await shop.hear("staff-li", await shop.staff_group(), command)
        assert said == f"请带上预约码，比如“{command} A7K2”。"


async def test_what_is_said_of_a_code_in_the_group_acts_or_hears_how() -> None:
    async with Shop() as shop:
        (_, code), group = await booked(shop), await shop.staff_group()
        assert "才能记“到店”" in await shop.hear("staff-li", group, f"Arrive {code}")
        assert f"请发：到店 {code}" in await shop.hear("staff-li", group, f"{code} 到了")
        assert "吗？" in await shop.hear("staff-li", group, f"cancel {code.lower()}")
        assert await shop.say("staff-wang", group, f"{code} 到了吗") == [], "a question to a colleague"


async def test_a_yes_that_decides_no_plan_hears_why() -> None:
    async with Shop() as shop:
        group = await shop.staff_group()
        await shop.say("staff-li", group, "请假 李老师 周五下午")
        assert "李老师说“好”" in await shop.hear("staff-wang", group, "好")
        assert await shop.say("staff-wang", group, "谢谢") == []
        await shop.advance(60)
        assert "请确认" in await shop.hear("staff-li", group, "好")
        assert await shop.sql("SELECT state FROM booking_plans") == [("asked",)]
        await shop.say("staff-li", group, "好")
        assert await shop.sql("SELECT state FROM booking_plans") == [("agreed",)]
