"""Leave, closed days, hours, breaks and people by command: who is in the way is said first, and nobody is moved silently."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from imserver.plugins.booking.dialogue.plan_words import read_period
from imserver.plugins.booking.journey import offers
from imserver.plugins.booking.schedule.leave import bounds
from tests.booking.support.chains import DEMO, demo
from tests.booking.support.leave import FRIDAY, agreed, at, book, free, progress, staff, with_li
from tests.booking.support.shop import Shop, button, shown


async def walls(shop: Shop) -> set[str]:
    return {row[1] for row in await shop.appointments()}


async def test_leave_says_who_is_in_the_way_and_changes_nothing_before_the_yes() -> None:
    async with Shop() as shop:
        here, code = await with_li(shop, "ming", f"{FRIDAY} 15:00")
        await with_li(shop, "hong", f"{FRIDAY} 10:00", name="小红")
        said = await shop.say("staff-wang", await shop.staff_group(), "请假 李老师 周五下午")
        text = at(said, await shop.staff_group())
        assert "李老师 请假：11月20日 周五 12:00–18:00" in text
        assert "会影响1个预约" in text
        assert code in text
        assert at(said, here) == ""
        assert await shop.sql("SELECT COUNT(*) FROM booking_leaves") == [(0,)]


async def test_a_yes_offers_other_times_and_the_list_is_ticked_off() -> None:
    async with Shop() as shop:
        ming, code = await with_li(shop, "ming", f"{FRIDAY} 15:00", service="儿童验光")
        hong, other = await with_li(shop, "hong", f"{FRIDAY} 16:30", service="儿童验光", name="小红")
        said = await agreed(shop, "请假 李老师 周五下午")
        card = at(said, ming)
        assert code in card
        assert "另选" in card
        assert f"[11月20日 周五 18:00|改约 {code} v2 11月20日 周五 18:00]" in card
        assert "2026-" not in card, "what a button posts, everybody reads"
        assert "时间不变" not in card  # nobody else can do it
        assert await walls(shop) == {f"{FRIDAY}T15:00", f"{FRIDAY}T16:30"}
        assert "已答复 0/2" in await progress(shop)
        # One tap and the yes to the echo; the other one gives up.
        moved = await shop.say("ming", ming, f"改约 {code} v2 2026-11-20 18:00")
        await shop.say("ming", ming, button(moved, "确认"))
        assert "已答复 1/2" in await progress(shop)
        assert f"☑ 11月20日 周五 15:00 {code} 王小明：已改时间" in await progress(shop)
        await shop.say("hong", hong, button(said, "取消预约"))
        await shop.say("hong", hong, "好")
        assert f"☑ 11月20日 周五 16:30 {other} 小红：已取消" in await progress(shop)
        assert await walls(shop) == {f"{FRIDAY}T18:00"}


async def test_the_same_time_with_somebody_else_is_one_tap() -> None:
    async with Shop() as shop:
        here, code = await with_li(shop, "ming", f"{FRIDAY} 15:00")
        said = await agreed(shop, "请假 李老师 周五下午")
        keep = button(said, "时间不变，由王老师接待")
        said = await shop.say("ming", here, keep)
        assert f"预约 {code}（11月20日 周五 15:00）时间不变" in at(said, here)
        rows = await shop.sql("SELECT resource_id FROM booking_appointment_resources ORDER BY resource_id")
        assert ("garden-wang",) in rows
        assert ("garden-li",) not in rows
        assert "时间不变，换人" in await progress(shop)
        # The button is over; the appointment stays.
        assert "过时" in at(await shop.say("ming", here, keep), here)
        assert await walls(shop) == {f"{FRIDAY}T15:00"}


async def test_new_slots_respect_leave_at_once() -> None:
    async with Shop() as shop:
        assert "12:00" in await free(shop, FRIDAY)
        await agreed(shop, "请假 李老师 周五下午")
        text = await free(shop, FRIDAY)
        assert "11:00" in text
        assert not re.search(r"1[2-7]:\d\d", text), text
        assert "18:00" in text


async def test_a_hold_in_the_way_is_given_back_with_words() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, f"预约 {FRIDAY} 15:00 儿童验光")
        said = await shop.say("staff-wang", await shop.staff_group(), "请假 李老师 周五下午")
        assert "没有预约受影响" in shown(said[0])
        assert "有1个会放开" in shown(said[0])
        said = await shop.say("staff-wang", await shop.staff_group(), button(said, "确定"))
        assert "保留的 11月20日 周五 15:00 门店安排不了了" in at(said, here)
        assert await shop.appointments("held") == []
        # The rest of the booking goes on with one of the times.
        await shop.say("ming", here, button(said, "18:00"))
        assert [row[1] for row in await shop.appointments("held")] == [f"{FRIDAY}T18:00"]


async def test_a_yes_to_a_card_that_did_not_show_everybody_asks_again() -> None:
    async with Shop() as shop:
        group = await shop.staff_group()
        said = await shop.say("staff-wang", group, "请假 李老师 周五下午")
        yes = button(said, "确定")
        here, code = await with_li(shop, "ming", f"{FRIDAY} 15:00", service="儿童验光")
        said = await shop.say("staff-wang", group, yes)
        assert "新的预约受影响" in at(said, group)
        assert code in at(said, group)
        assert await shop.sql("SELECT COUNT(*) FROM booking_leaves") == [(0,)]
        assert "过时" in at(await shop.say("staff-wang", group, yes), group)
        said = await shop.say("staff-wang", group, button(said, "确定"))
        assert code in at(said, here)
        assert "已经确定过了" in at(await shop.say("staff-li", group, yes.replace("v1", "v2")), group)


async def test_a_no_changes_nothing_and_a_word_is_as_good_as_the_button() -> None:
    async with Shop() as shop:
        group = await shop.staff_group()
        said = await shop.say("staff-wang", group, "请假 李老师 周五下午")
        assert "不改" in at(await shop.say("staff-wang", group, button(said, "不用了")), group)
        assert "已经取消了" in at(await shop.say("staff-wang", group, button(said, "确定")), group)
        await shop.say("staff-wang", group, "请假 李老师 周五下午")
        assert "好了" in await staff(shop, "好")
        assert await shop.sql("SELECT COUNT(*) FROM booking_leaves") == [(1,)]


async def test_leave_is_withdrawn_and_who_has_not_answered_need_not() -> None:
    async with Shop() as shop:
        ming, code = await with_li(shop, "ming", f"{FRIDAY} 15:00", service="儿童验光")
        await agreed(shop, "请假 李老师 周五下午")
        said = await agreed(shop, "销假 李老师 周五")
        assert f"不用改时间了：您 11月20日 周五 15:00 的预约（{code}）照旧有效" in at(said, ming)
        assert "不用改了" in await progress(shop)
        assert "15:00" not in await free(shop, FRIDAY)
        assert "17:00" in await free(shop, FRIDAY)
        assert "没有这样的请假" in await staff(shop, "销假 李老师")


async def test_two_leaves_that_overlap_are_one_absence() -> None:
    async with Shop() as shop:
        ming, code = await with_li(shop, "ming", f"{FRIDAY} 15:00", service="儿童验光")
        said = await agreed(shop, "请假 李老师 周五下午2点到4点")
        assert code in at(said, ming)
        said = await agreed(shop, "请假 李老师 周五下午3点到6点")
        assert at(said, ming) == ""  # asked already
        # In the way of both: with one of them withdrawn it still is.
        said = await shop.say("staff-wang", await shop.staff_group(), "销假 李老师")
        said = await shop.say("staff-wang", await shop.staff_group(), button(said, "14:00–16:00"))
        said = await shop.say("staff-wang", await shop.staff_group(), button(said, "确定"))
        assert at(said, ming) == ""
        assert not re.search(r"1[5-7]:\d\d", await free(shop, FRIDAY))
        assert "已经请过假" in await staff(shop, "请假 李老师 周五下午4点到5点")
        assert "已经请过假" in await staff(shop, "请假 李老师 周五下午3点到6点"), "the very same again"
        await shop.say("ming", ming, f"改约 {code} v2 2026-11-20 18:00")
        await shop.say("ming", ming, "好")
        assert "已改时间" in await progress(shop, 1)


async def test_a_day_is_closed_once() -> None:
    async with Shop() as shop:
        here, code = await book(shop, "ming", "2026-12-25 15:00")
        said = await agreed(shop, "休息 12月25日")
        assert code in at(said, here)
        assert "时间不变" not in at(said, here)
        assert "本来就休息" in await staff(shop, "休息 12月25日")
        assert "门店休息" in await free(shop, "12月25日")
        await shop.kit.restart()
        assert "门店休息" in await free(shop, "12月25日")
        # Open again, as on other weeks: nobody needs another time any more.
        said = await agreed(shop, "营业 12月25日")
        assert "不用改时间了" in at(said, here)
        assert await shop.sql("SELECT COUNT(*) FROM booking_chain_changes WHERE ended_at IS NULL") == [(0,)]


async def test_opening_hours_ask_whether_every_week_or_once() -> None:
    async with Shop() as shop:
        group = await shop.staff_group()
        said = await shop.say("staff-wang", group, "营业 周六 10:00-16:00")
        assert "以后每周都这样" in shown(said[0])
        said = await shop.say("staff-wang", group, button(said, "每周六"))
        assert "以后每周六 营业时间：10:00–16:00" in at(said, group)
        await shop.say("staff-wang", group, button(said, "确定"))
        for day in ("2026-11-21", "2026-11-28"):
            assert not re.search(r"09:|1[6-9]:", await free(shop, day, "验光"))
        await agreed(shop, "营业 2026-11-21 10:00-12:00 14:00-18:00")
        assert "17:00" in await free(shop, "2026-11-21", "验光")
        assert "17:00" not in await free(shop, "2026-11-28", "验光")


@pytest.mark.parametrize(
    "text", ["营业 每周六 16:00-10:00", "营业 每周六 10:00-14:00 13:00-16:00", "营业 每周六 10:03-14:00"]
)
async def test_hours_that_cannot_be_are_refused_in_words(text: str) -> None:
    async with Shop() as shop:
        assert "这样不行：每一段都要先开始后结束" in await staff(shop, text)
        assert await shop.sql("SELECT COUNT(*) FROM booking_plans") == [(0,)]


async def test_nobody_is_removed_whom_a_service_of_the_file_needs(tmp_path: Path) -> None:
    async with Shop(config={"chain": demo(tmp_path, services='["exam", "child-exam"]')}) as shop:
        assert "没有人或没有房间能做" in await staff(shop, "移除 李老师")
        assert "移除：王老师" in await staff(shop, "移除 王老师")


async def test_breaks_of_one_and_of_everybody() -> None:
    async with Shop() as shop:
        await agreed(shop, "午休 李老师 12:00-13:00")
        assert not re.search(r"12:\d\d", await free(shop, FRIDAY))
        assert "本来就是这样" in await staff(shop, "午休 李老师 12:00-13:00")
        assert "李老师、王老师、小周" in await staff(shop, "午休 13:00-14:00")
        for text in ("午休 李老师 周五 12:30-13:00", "/break Li 12:30-13:00 tomorrow"):  # it is of every day
            assert "没有看懂" in await staff(shop, text)
        await agreed(shop, "午休 李老师 取消")
        assert "12:00" in await free(shop, FRIDAY)


async def test_people_come_and_go_and_their_accounts_are_the_files() -> None:
    async with Shop() as shop:
        assert "技能：lenses、refraction" in await staff(shop, "添加 验光师 孙老师")
        await staff(shop, "好")
        ((path, actor, place, position),) = await shop.sql(
            "SELECT path, actor_id, conversation_id, position FROM booking_chain_changes"
        )
        assert (path, actor) == (f"stores.garden.resources.garden-person-{position}", "staff-wang")
        group = await shop.staff_group()
        assert place == group
        assert "添加 验光师 孙老师" in next(
            one.text for one in shop.kit.messages(group) if one.position == position
        )
        here, code = await with_li(shop, "ming", f"{FRIDAY} 15:00", service="儿童验光")
        said = await agreed(shop, "移除 王老师")
        await shop.kit.restart()
        assert "没有看懂是谁" in await staff(shop, "移除 王老师")
        assert code in await staff(shop, "今日预约 周五")  # Wang still has his account
        await agreed(shop, "添加 验光师 王老师")
        assert await shop.sql("SELECT COUNT(*) FROM booking_chain_changes WHERE ended_at IS NULL") == [(1,)]
        assert at(said, here) == ""


async def test_a_yes_that_comes_when_somebody_has_gone_does_nothing() -> None:
    async with Shop() as shop:
        group = await shop.staff_group()
        waiting = [
            button(await shop.say("staff-wang", group, text), "确定")
            for text in (
                "午休 李老师 12:00-13:00",
                "请假 李老师 周五",
                "移除 李老师",
                "添加 验光师 孙老师",
                "添加 验光师 钱老师",
            )
        ]
        await agreed(shop, "移除 李老师")
        for yes in waiting[:3]:
            assert "对不上了" in at(await shop.say("staff-wang", group, yes), group)
        for yes in waiting[3:]:  # two people, and two ids
            assert "好了" in at(await shop.say("staff-wang", group, yes), group)
        assert "孙老师" in await staff(shop, "移除 孙老师")
        assert "钱老师" in await staff(shop, "移除 钱老师")
        assert await shop.sql("SELECT COUNT(*) FROM booking_leaves") == [(0,)]


def test_leave_that_ends_in_an_hour_that_comes_twice_ends_at_the_second() -> None:
    zone = ZoneInfo("America/New_York")
    first, back = (datetime.fromisoformat(f"2026-11-01T{hour}") for hour in ("01:30", "02:00"))
    begin, end = bounds(first, first, zone)
    assert end - begin == 3_600_000
    assert bounds(first, back, zone)[1] - end == 1_800_000
    skipped = datetime.fromisoformat("2026-03-08T02:30")
    assert bounds(skipped, skipped, zone)[0] == bounds(skipped, skipped, zone)[1]


async def test_whoever_does_not_answer_is_named_to_the_staff() -> None:
    async with Shop() as shop:
        _, code = await with_li(shop, "ming", f"{FRIDAY} 15:00", service="儿童验光")
        await agreed(shop, "请假 李老师 周五下午")
        said = await shop.advance(25 * 60)
        assert f"11月20日 周五 15:00 {code} 王小明" in "\n".join(
            shown(one) for one in said if "打电话" in shown(one)
        )
        assert "没有答复" in await progress(shop)
        # The answer still counts.
        here = await shop.service("ming")
        await shop.say("ming", here, f"改约 {code} v2 2026-11-20 18:00")
        await shop.say("ming", here, "好")
        assert "已改时间" in await progress(shop)


async def test_an_offer_ends_when_its_appointment_has_begun() -> None:
    async with Shop() as shop:
        await with_li(shop, "ming", f"{FRIDAY} 15:00", service="儿童验光")
        await agreed(shop, "请假 李老师 周五下午")
        await shop.advance(3 * 24 * 60)
        assert "☑ 11月20日 周五 15:00" in await progress(shop)
        assert "已结束" in await progress(shop)


async def test_who_left_the_conversation_is_called() -> None:
    async with Shop() as shop:
        here, _ = await with_li(shop, "ming", f"{FRIDAY} 15:00", service="儿童验光")
        await shop.kit.store.write(lambda tx: tx.remove_member(here, "ming", bytes(16), "ming"))
        await agreed(shop, "请假 李老师 周五下午")
        assert "联系不上，请打电话" in await progress(shop)


async def test_the_cut_off_does_not_hold_for_whom_the_shop_asks() -> None:
    async with Shop() as shop:
        here, code = await with_li(shop, "ming", "2026-11-18 13:00", service="儿童验光")
        await shop.advance(100)
        assert "改不了" in await shop.hear("ming", here, f"改约 {code} 明天15:00")
        await agreed(shop, "请假 李老师 今天")
        await shop.say("ming", here, f"改约 {code} v2 2026-11-19 15:00")
        await shop.say("ming", here, "好")
        assert await walls(shop) == {"2026-11-19T15:00"}


async def test_colleagues_who_only_talk_are_left_alone_and_customers_change_nothing() -> None:
    async with Shop() as shop:
        for text in ("休息一下吧", "营业额怎么样", "请假条在哪里", "添加剂", "安排一下", "销假单呢"):
            assert await staff(shop, text) == ""
        assert "没有看懂" in await staff(shop, "请假 李老师 那天")
        here = await shop.customer("ming")
        for text in (
            "请假 李老师 周五下午",
            "休息 12月25日",
            "营业 每周六 10:00-16:00",
            "移除 李老师",
            "安排 1 v1 好",
        ):
            await shop.say("ming", here, text)
            await shop.say("staff-li", here, text)
        assert await shop.sql("SELECT COUNT(*) FROM booking_plans") == [(0,)]


async def test_leave_without_a_name_is_of_who_writes_or_asked() -> None:
    async with Shop() as shop:
        group = await shop.staff_group()
        assert "李老师 请假" in at(await shop.say("staff-li", group, "请假 周五下午"), group)
        # Nobody here is called Zhao: that must not become Li's leave.
        said = await shop.say("staff-li", group, "请假 赵老师 周五下午")
        assert "是谁请假" in at(said, group)
        assert "小周 请假：11月20日 周五 12:00–18:00" in at(
            await shop.say("staff-li", group, button(said, "小周")), group
        )


async def test_the_commands_in_english() -> None:
    async with Shop() as shop:
        here, code = await with_li(shop, "ming", f"{FRIDAY} 15:00", service="儿童验光")
        said = await shop.say("staff-wang", await shop.staff_group(), "/leave Li fri afternoon")
        assert code in shown(said[0])
        said = await shop.say("staff-wang", await shop.staff_group(), button(said, "确定"))
        assert code in at(said, here)
        for text, wanted in (
            ("/closed dec 25 to dec 27", "12月25日 周五 到 12月27日 周日"),
            ("/hours every sat 10:00-16:00", "每周六"),
            ("/break Li 12:00-13:00", "李老师 每天休息"),
            ("/back Li", "销假"),
            ("/remove Wang", "移除：王老师"),
            ("/add room Room 3", "Room 3"),
        ):
            assert wanted in await staff(shop, text)


async def test_leave_over_a_change_of_the_clocks_is_what_the_clock_says(tmp_path: Path) -> None:
    zone = ZoneInfo("America/New_York")
    file = tmp_path / "chain.toml"
    file.write_text(DEMO.read_text("utf-8").replace("Asia/Shanghai", "America/New_York"), "utf-8")
    now = datetime(2026, 10, 28, 10, 0, tzinfo=zone)
    async with Shop(now=now, config={"chain": str(file)}) as shop:
        await agreed(shop, "请假 李老师 10月31日到11月1日")
        ((begin, end),) = await shop.sql("SELECT start_at, end_at FROM booking_leaves")
        assert (end - begin) // 3_600_000 == 49
        await agreed(shop, "请假 李老师 11月2日 9:00-10:00")
        assert "10:00" in await free(shop, "2026-11-02")
        assert not re.search(r"09:\d\d", await free(shop, "2026-11-02"))


async def test_customers_are_told_by_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offers, "AT_ONCE", 1)
    async with Shop() as shop:
        places = [
            (await with_li(shop, name, f"{FRIDAY} {hour}:00", service="儿童验光", name="王小明"))[0]
            for name, hour in (("ming", 12), ("hong", 14), ("lan", 16))
        ]
        said = await agreed(shop, "请假 李老师 周五下午")
        assert all("另选" in at(said, place) for place in places)
        ((count,),) = await shop.sql(
            "SELECT COUNT(*) FROM booking_offers WHERE state = 'waiting' AND told_at > 0"
        )
        assert count == 3


async def test_a_card_counts_whom_an_older_plan_is_in_the_way_of_and_nobody_is_asked_twice() -> None:
    async with Shop() as shop:
        here, code = await with_li(shop, "ming", f"{FRIDAY} 15:00", service="儿童验光")
        await agreed(shop, "请假 李老师 周五下午")
        card = await staff(shop, "休息 11月20日")
        assert "会影响1个预约" in card
        assert f"{code} 王小明（已在请其另选时间）" in card
        said = await shop.say("staff-wang", await shop.staff_group(), "好")
        assert at(said, here) == "", "the customer has the buttons of the older plan"
        await agreed(shop, "销假 李老师 周五")
        offers_now = await shop.sql("SELECT plan_id, state FROM booking_offers")
        assert offers_now == [(1, "waiting")], "the shop is closed all the same"


async def rows_of_leave(shop: Shop) -> list[tuple[str, str, str]]:
    """(who, from, until) of the leave that stands."""
    return [
        (str(who), str(start), str(end))
        for who, start, end in await shop.sql(
            "SELECT resource_id, start_wall, end_wall FROM booking_leaves WHERE withdrawn_at IS NULL ORDER BY start_at, id"
        )
    ]


async def test_leave_over_days_is_all_of_them_also_over_new_year_and_in_the_order_of_the_day() -> None:
    for text, first, last in (
        ("/leave Wang 30/11-2/12", "2026-11-30", "2026-12-03"),
        ("请假 王老师 12月30日-1月2日", "2026-12-30", "2027-01-03"),
    ):
        async with Shop() as shop:
            await agreed(shop, text)
            assert await rows_of_leave(shop) == [("garden-wang", f"{first}T00:00", f"{last}T00:00")]


async def test_a_part_of_leave_is_withdrawn_and_the_rest_stays() -> None:
    async with Shop() as shop:
        await agreed(shop, "请假 李老师 11月19日到11月23日")
        card = await staff(shop, "销假 李老师 周五下午")
        assert "销假：李老师 11月20日 周五 12:00–18:00" in card
        await staff(shop, "好")
        assert await rows_of_leave(shop) == [
            ("garden-li", "2026-11-19T00:00", "2026-11-20T12:00"),
            ("garden-li", "2026-11-20T18:00", "2026-11-24T00:00"),
        ]
        free_times = await free(shop, "周五")
        assert "14:00" in free_times
        assert "10:00" not in free_times
        await agreed(shop, "销假 李老师 11月19日到11月30日")
        assert await rows_of_leave(shop) == []


async def test_withdrawing_the_afternoon_tells_whom_it_frees_and_not_the_morning() -> None:
    async with Shop() as shop:
        ming, _ = await with_li(shop, "ming", f"{FRIDAY} 15:00", service="儿童验光")
        hong, _ = await with_li(shop, "hong", f"{FRIDAY} 10:00", service="儿童验光", name="小红")
        await agreed(shop, "请假 李老师 周五")
        said = await agreed(shop, "销假 李老师 周五下午")
        assert at(said, ming) != ""
        assert at(said, hong) == ""


async def test_two_people_are_named_in_one_leave() -> None:
    for text in (
        "请假 李老师和王老师 周五下午",
        "请假 王老师、李老师 周五下午",
        "/leave Li and Wang fri afternoon",
    ):
        async with Shop() as shop:
            await with_li(shop, "ming", f"{FRIDAY} 15:00", service="儿童验光")
            card = await staff(shop, text)
            assert "会影响1个预约" in card
            await staff(shop, "好")
            assert {row[0] for row in await rows_of_leave(shop)} == {"garden-li", "garden-wang"}, text
            await agreed(shop, "销假 李老师 王老师 周五")
            assert await rows_of_leave(shop) == []


async def test_of_two_who_are_named_only_who_is_not_away_goes_and_a_break_is_of_both() -> None:
    async with Shop() as shop:
        await agreed(shop, "请假 李老师 周五")
        card = await staff(shop, "请假 李老师 王老师 周五下午")
        assert "李老师 11月20日 周五 12:00–18:00 已经请过假了" in card
        assert "王老师 请假" in card
        await staff(shop, "不用了")
        assert "李老师" in (card := await staff(shop, "午休 李老师 王老师 12:00-13:00"))
        assert "王老师" in card


async def test_days_of_leave_over_the_change_of_clocks_are_whole(tmp_path: Path) -> None:
    """Berlin, 28 March 2027: the day has 23 hours, and the leave of three days all of them."""
    zone = ZoneInfo("Europe/Berlin")
    begin, end = bounds(datetime.fromisoformat("2027-03-27"), datetime.fromisoformat("2027-03-30"), zone)
    assert end - begin == (3 * 24 - 1) * 3_600_000
    found = read_period("27/3/2027-29/3/2027", datetime.fromisoformat("2027-03-01T10:00"), zone)
    assert found is not None
    assert bounds(found.start, found.end, zone) == (begin, end)


async def test_a_name_that_nobody_has_is_no_reason_of_somebody_elses_leave() -> None:
    async with Shop() as shop:
        assert "没有找到「张老师」" in await staff(shop, "请假 李老师 张老师 周五")
        assert await shop.sql("SELECT COUNT(*) FROM booking_plans") == [(0,)]
        assert "（看牙）" in await staff(shop, "请假 李老师 周五 看牙")
