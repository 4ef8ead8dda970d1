"""What one wrong line would break and nothing else would show: a yes that stays armed, a hold that stays, words left unsaid."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from imserver.plugins.booking.schedule import leave, notes
from imserver.plugins.booking.schedule.chain_file import load_chain
from imserver.plugins.booking.schedule.hours import zone_of
from imserver.plugins.booking.schedule.leave import Leave
from imserver.plugins.booking.schedule.slots import last_day, why_not
from tests.booking.support.booked import FACTS, WISH, booked, standing
from tests.booking.support.chains import DEMO, demo, trial
from tests.booking.support.leave import FRIDAY, agreed, at, progress, staff, with_li
from tests.booking.support.ledger import ms
from tests.booking.support.shop import ENTRY, GARDEN, NOW, Shop, button, shown

THURSDAY, SATURDAY = "2026-11-19T15:00", "2026-11-21T15:00"


async def states(shop: Shop) -> list[str]:
    """Of the plans, in order."""
    return [row[0] for row in await shop.sql("SELECT state FROM booking_plans ORDER BY id")]


# -- a yes counts for the card right above, and for nothing else -------------------------------------------------------


async def test_a_button_that_cancels_another_appointment_leaves_the_card_of_a_booking_unarmed() -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        cancel = button(await shop.say("ming", here, f"取消 {code}"), "取消")
        await shop.say("ming", here, "不")
        await shop.say("ming", here, "预约 周六15:00 验光")
        await shop.say("ming", here, cancel)
        assert [row[0] for row in await shop.appointments("cancelled")] == [code]
        assert "对吗" in await shop.hear("ming", here, "好")
        assert await standing(shop) == []
        await shop.say("ming", here, "好")
        assert [start for start, _ in await standing(shop)] == [SATURDAY]


async def test_a_command_of_a_colleague_disarms_the_yes() -> None:
    async with Shop() as shop:
        group = await shop.staff_group()
        await shop.say("staff-li", group, "请假 李老师 周五")
        await shop.say("staff-wang", group, "今日预约")
        await shop.say("staff-li", group, "好")
        assert await states(shop) == ["asked"]
        await shop.say("staff-li", group, "好")
        assert await states(shop) == ["agreed"]


async def test_a_code_confirmed_before_everything_is_asked_books_nothing() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "预约 周六15:00 验光")
        ((code, *_),) = await shop.appointments("held")
        assert "过时" in await shop.hear("ming", here, f"确认 {code}")
        assert await standing(shop) == []


async def test_a_question_beside_a_cancel_leaves_its_card_unarmed() -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        assert "要取消" in await shop.hear("ming", here, f"取消 {code}，请问你们几点关门？")
        assert "要取消" in await shop.hear("ming", here, "好")
        assert await standing(shop) == [(THURSDAY, "王小明")]


async def test_a_correction_of_what_was_moved_meanwhile_is_not_written() -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        await shop.say("ming", here, "更正 我叫李小红")
        for text in (f"改约 {code} 周六15:00", "好"):
            await shop.say("staff-li", await shop.staff_group(), text)
        assert "过时" in await shop.hear("ming", here, "好")
        await shop.say("ming", here, "好")
        assert await standing(shop) == [(SATURDAY, "王小明")]


async def test_a_question_behind_one_moment_leaves_the_card_unarmed() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        for text in (WISH, FACTS, "等一下", "你们几点关门？"):
            await shop.say("ming", here, text)
        assert "对吗" in await shop.hear("ming", here, "好")
        assert await standing(shop) == []


async def test_news_of_a_lost_hold_disarm_the_move_above_it() -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        await shop.say("ming", here, "预约 周五15:00 验光")
        await shop.say("ming", here, f"改约 {code} 周六15:00")
        plan = await shop.say("staff-li", await shop.staff_group(), "休息 周五")
        await shop.say("staff-li", await shop.staff_group(), button(plan, "确定"))
        await shop.say("ming", here, "好")
        assert await standing(shop) == [(THURSDAY, "王小明")]


@pytest.mark.parametrize("said", [("我家的狗生病了",), ("等一下", "你们几点关门？")])
async def test_neither_talk_nor_a_question_arms_the_card_of_a_move(said: tuple[str, ...]) -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        for text in (f"改约 {code} 周六15:00", *said):
            await shop.say("ming", here, text)
        await shop.say("ming", here, "好")
        assert await standing(shop) == [(THURSDAY, "王小明")]
        await shop.say("ming", here, "好")
        assert await standing(shop) == [(SATURDAY, "王小明")]


@pytest.mark.parametrize("label", ["保留原预约", "地址"])
async def test_a_button_that_answers_something_else_disarms_the_yes(label: str) -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        await shop.say("ming", here, "帮助")
        await shop.say("ming", here, f"改约 {code} 周六15:00")
        await shop.say("ming", here, label)
        await shop.say("ming", here, "好")
        assert await standing(shop) == [(THURSDAY, "王小明")]


async def test_of_two_cancels_on_one_card_neither_goes_when_one_was_moved() -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        for text in ("预约 周六15:00 验光", "好"):
            await shop.say("ming", here, text)
        both = button(await shop.say("ming", here, "两个都取消"), "取消")
        for text in (f"改约 {code} 周日15:00", "好"):
            await shop.say("staff-li", await shop.staff_group(), text)
        for yes in ("好", both, "好"):
            await shop.say("ming", here, yes)
            if yes != "好":
                assert len(await shop.appointments()) == 2


# -- what is held is given back, and what was said is kept -------------------------------------------------------------


async def test_two_people_in_one_wish_give_the_time_back_that_was_held_for_one() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, WISH)
        assert "先" in await shop.hear("ming", here, "我和我妈都要验光")
        assert await shop.appointments("held") == []


async def test_what_was_said_beside_one_moment_goes_along() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, WISH)
        await shop.say("ming", here, FACTS)
        await shop.say("ming", here, "等一下，我戴的是多焦点")
        for _ in range(2):
            await shop.say("ming", here, "好")
        ((note,),) = await shop.sql("SELECT note FROM booking_appointments WHERE status = 'confirmed'")
        assert "多焦点" in note


# -- the shop's own answers --------------------------------------------------------------------------------------------


def answering(folder: Path, *answers: tuple[str, str, str]) -> dict[str, str]:
    """The demo chain, whose first shop has these (word, answer, language)."""
    tables = "".join(
        f'[[stores.answers]]\nwords = ["{word}"]\nanswer = "{text}"\nlanguage = "{language}"\n'
        for word, text, language in answers
    )
    file = folder / "chain.toml"
    before = '[[stores.resources]]\nid = "garden-li"\n'
    file.write_text(DEMO.read_text("utf-8").replace(before, tables + before, 1), "utf-8")
    return {"chain": str(file)}


async def test_an_answer_in_the_customers_language_goes_before_one_in_any(tmp_path: Path) -> None:
    answers = ("insurance", "See the sheet at the door.", ""), ("insurance", "All insurance is taken.", "en")
    async with Shop(config=answering(tmp_path, *answers)) as shop:
        here = await shop.customer("tom", "en")
        assert "All insurance" in await shop.hear("tom", here, "do you take insurance?")


async def test_a_latin_word_of_an_answer_ends_where_its_letters_end(tmp_path: Path) -> None:
    async with Shop(config=answering(tmp_path, ("price", "The exam is free.", "en"))) as shop:
        here = await shop.customer("tom", "en")
        assert "free" in await shop.hear("tom", here, "what is the price?")
        assert "free" not in await shop.hear("tom", here, "do you have pricey frames?")


async def test_a_question_that_nothing_answers_is_passed_on_beside_one_that_is_answered(
    tmp_path: Path,
) -> None:
    async with Shop(config=answering(tmp_path, ("insurance", "All insurance is taken.", "en"))) as shop:
        here = await shop.customer("tom", "en")
        told = await shop.hear("tom", here, "Can you repair a broken frame? Where are you?")
        assert "Road" in told
        assert await shop.sql("SELECT 1 FROM booking_services WHERE waiting_since IS NOT NULL")


# -- the staff's commands ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("denied", ["先不要", "等一下"])
async def test_a_step_that_is_denied_or_put_off_is_not_taken(denied: str) -> None:
    async with Shop() as shop:
        _, code = await booked(shop)
        await shop.until(THURSDAY)
        await shop.say("staff-li", await shop.staff_group(), f"到店 {code} {denied}")
        assert len(await shop.appointments()) == 1


async def test_what_was_cancelled_since_it_arrived_is_not_taken_back() -> None:
    async with Shop() as shop:
        _, code = await booked(shop)
        await shop.until(THURSDAY)
        group = await shop.staff_group()
        for text in (f"到店 {code}", f"取消 {code}", "好"):
            await shop.say("staff-li", group, text)
        assert len(await shop.appointments("cancelled")) == 1
        assert "没有可以撤销" in await shop.hear("staff-li", group, f"撤销 {code}")
        assert len(await shop.appointments("cancelled")) == 1


async def test_a_plan_of_one_shop_is_none_of_another() -> None:
    async with Shop() as shop:
        await shop.say("staff-li", await shop.staff_group(), "请假 李老师 周五")
        assert await shop.hear("staff-zhang", await shop.staff_group("river"), "安排 1 v1 不用")
        assert await states(shop) == ["asked"]


async def test_the_day_sheet_says_who_was_away_this_morning() -> None:
    async with Shop() as shop:
        await agreed(shop, "请假 李老师 今天 11:00-12:00")
        await shop.until("2026-11-18T15:00")
        assert "请假：李老师 11:00–12:00" in await staff(shop, "今日预约")


async def test_a_plan_that_grew_ends_when_its_new_hit_begins() -> None:
    async with Shop() as shop:
        group = await shop.staff_group()
        yes = button(await shop.say("staff-wang", group, "请假 李老师 今天下午"), "确定")
        await with_li(shop, "ming", "2026-11-18 15:00", service="儿童验光")
        assert "新的预约" in at(await shop.say("staff-wang", group, yes), group)
        await shop.until("2026-11-18T14:59")
        assert await states(shop) == ["asked"]
        assert "没有人确认" in at(await shop.until("2026-11-18T15:00"), group)
        assert await states(shop) == ["ended"]


async def test_a_plan_that_is_in_the_way_of_another_appointment_instead_is_shown_again() -> None:
    async with Shop() as shop:
        group = await shop.staff_group()
        here, code = await with_li(shop, "ming", f"{FRIDAY} 15:00", service="儿童验光")
        yes = button(await shop.say("staff-wang", group, "请假 李老师 周五下午"), "确定")
        for text in (f"取消 {code}", "好"):
            await shop.say("ming", here, text)
        await with_li(shop, "hong", f"{FRIDAY} 16:00", service="儿童验光", name="小红")
        assert "新的预约" in at(await shop.say("staff-wang", group, yes), group)
        assert await states(shop) == ["asked"]


async def test_of_two_plans_for_one_day_the_second_does_not_undo_the_first() -> None:
    async with Shop() as shop:
        group = await shop.staff_group()
        first, second = [
            button(await shop.say("staff-wang", group, f"休息 周五 {span}"), "确定")
            for span in ("9:00-12:00", "15:00-20:00")
        ]
        await shop.say("staff-wang", group, first)
        assert "对不上" in at(await shop.say("staff-wang", group, second), group)
        assert await states(shop) == ["agreed", "asked"]


async def test_what_is_left_of_leave_keeps_its_reason_and_no_more_is_withdrawn_than_there_is() -> None:
    async with Shop() as shop:
        await agreed(shop, "请假 李老师 周五 9:00-16:00 培训")
        assert "14:00–16:00" in await staff(shop, "销假 李老师 周五 14:00-20:00")
        await staff(shop, "好")
        rows = await shop.sql("SELECT end_wall, note FROM booking_leaves WHERE withdrawn_at IS NULL")
        assert rows == [(f"{FRIDAY}T14:00", "培训")]


async def test_leave_of_who_is_not_there_any_more_is_none_that_can_be_withdrawn() -> None:
    async with Shop() as shop:
        await agreed(shop, "请假 李老师 周五下午")
        await agreed(shop, "移除 李老师")
        assert "李老师" not in await staff(shop, "销假 周五")


async def test_the_staff_hear_of_who_is_silent_at_half_of_a_short_time() -> None:
    async with Shop() as shop:
        await with_li(shop, "ming", "2026-11-18 12:00", service="儿童验光")
        await agreed(shop, "请假 李老师 今天 11:00-14:00")
        assert not any("打电话" in shown(one) for one in await shop.until("2026-11-18T10:59"))
        assert any("打电话" in shown(one) for one in await shop.until("2026-11-18T11:02"))


async def test_a_part_of_a_step_is_closed_whole() -> None:
    async with Shop() as shop:
        await agreed(shop, "休息 周五 14:00-15:02")
        ((value,),) = await shop.sql("SELECT value FROM booking_chain_changes")
        assert "14:00" in value
        assert "15:05" in value


async def test_breaks_of_everybody_are_those_of_people() -> None:
    async with Shop() as shop:
        await agreed(shop, "午休 13:00-14:00")
        paths = [row[0] for row in await shop.sql("SELECT path FROM booking_chain_changes")]
        people = [one.id for one in load_chain("demo").stores[0].resources if one.kind == "person"]
        assert sorted(paths) == sorted(f"stores.garden.resources.{name}.breaks" for name in people)


# -- offers to those in the way ----------------------------------------------------------------------------------------


async def test_the_same_time_without_the_version_of_its_card_is_not_kept() -> None:
    async with Shop() as shop:
        here, code = await with_li(shop, "ming", f"{FRIDAY} 15:00")
        await agreed(shop, "请假 李老师 周五下午")
        assert "过时" in await shop.hear("ming", here, f"照旧 {code}")
        assert "等回复" in await progress(shop) or "☐" in await progress(shop)


async def test_the_time_that_one_has_is_none_of_the_other_times() -> None:
    async with Shop() as shop:
        here, code = await with_li(shop, "ming", f"{FRIDAY} 15:00")
        card = at(await agreed(shop, "请假 李老师 周五下午"), here)
        assert "时间不变" in card
        assert f"改约 {code} v3 11月20日 周五 14:00" in card
        assert f"改约 {code} v3 11月20日 周五 15:00" not in card


async def test_who_keeps_the_time_has_no_other_one_to_agree_to() -> None:
    async with Shop() as shop:
        here, code = await with_li(shop, "ming", f"{FRIDAY} 15:00")
        offered = await agreed(shop, "请假 李老师 周五下午")
        assert "对吗" in await shop.hear("ming", here, button(offered, "14:00"))
        await shop.say("ming", here, button(offered, "时间不变"))
        assert code not in await shop.hear("ming", here, "好")  # nothing is asked any more
        assert [row[1] for row in await shop.appointments()] == [f"{FRIDAY}T15:00"]


async def test_two_absences_that_both_end_are_said_once() -> None:
    async with Shop() as shop:
        here, _ = await with_li(shop, "ming", f"{FRIDAY} 15:00", service="儿童验光")
        await agreed(shop, "请假 李老师 周五下午2点到4点")
        await agreed(shop, "请假 李老师 周五下午3点到6点")
        said = []
        for label in ("14:00–16:00", ""):
            asked = await shop.say("staff-wang", await shop.staff_group(), "销假 李老师")
            if label:
                asked = await shop.say("staff-wang", await shop.staff_group(), button(asked, label))
            said += await shop.say("staff-wang", await shop.staff_group(), button(asked, "确定"))
        assert at(said, here).count("不用改时间了") == 1


async def test_who_comes_all_the_same_is_ticked_off() -> None:
    async with Shop() as shop:
        _, code = await with_li(shop, "ming", f"{FRIDAY} 15:00", service="儿童验光")
        await agreed(shop, "请假 李老师 周五下午")
        await shop.until(f"{FRIDAY}T14:50")
        await shop.say("staff-wang", await shop.staff_group(), f"到店 {code}")
        assert "1/1" in await progress(shop)


async def test_the_staff_hear_of_who_is_silent_three_hours_before() -> None:
    async with Shop() as shop:
        _, code = await with_li(shop, "ming", "2026-11-18 18:00", service="儿童验光")
        await agreed(shop, "请假 李老师 今天 13:00-19:00")
        assert not any("打电话" in shown(one) for one in await shop.until("2026-11-18T14:59"))
        said = "\n".join(map(shown, await shop.until("2026-11-18T15:01")))
        assert "打电话" in said
        assert code in said


async def test_a_plan_with_a_silent_customer_looks_again_only_at_the_start() -> None:
    async with Shop() as shop:
        await with_li(shop, "ming", f"{FRIDAY} 15:00", service="儿童验光")
        await agreed(shop, "请假 李老师 周五下午")
        await shop.advance(25 * 60)
        assert await shop.sql("SELECT state, due_at FROM booking_offers") == [("silent", None)]


# -- who is told, and where --------------------------------------------------------------------------------------------


async def test_a_parent_beside_the_customer_silences_nobody() -> None:
    async with Shop() as shop:
        here, _ = await booked(shop)
        await shop.parent("hong", here)
        await shop.say("hong", here, "不要消息")
        assert "提醒" in "\n".join(map(shown, await shop.until("2026-11-19T13:01")))


async def test_who_left_is_told_in_the_chat_with_the_shop_and_not_with_the_chain() -> None:
    async with Shop() as shop:
        await shop.kit.user("ming", language="zh-CN")
        await shop.say("ming", shop.kit.direct("ming", ENTRY), "门店")
        here, code = await booked(shop)
        await shop.leave("ming", here)
        await shop.say("staff-li", await shop.staff_group(), f"取消 {code}")
        said = await shop.say("staff-li", await shop.staff_group(), "好")
        assert "取消" in at(said, shop.kit.direct("ming", GARDEN))
        assert at(said, shop.kit.direct("ming", ENTRY)) == ""


@pytest.fixture
def only_exams_elsewhere(tmp_path: Path) -> dict[str, str]:
    """The demo chain: the first shop confirms by hand, the second does exams alone."""
    file = Path(demo(tmp_path, confirmation='"staff"'))
    text = file.read_text("utf-8")
    file.write_text(text.replace('id = "river"\n', 'id = "river"\nservices = ["exam"]\n', 1), "utf-8")
    return {"chain": str(file)}


async def test_a_shop_without_the_service_is_not_offered_instead(
    only_exams_elsewhere: dict[str, str],
) -> None:
    async with Shop(config=only_exams_elsewhere) as shop:
        here = await shop.customer("ming")
        for wish in ("12月2日 15:00 配镜", "12月3日 15:00 验光"):
            for text in (f"预约 {wish}", "王小明，成人，来过", "好"):
                await shop.say("ming", here, text)
        offered = [shown(one) for one in await shop.advance(180) if "又催了一次" in shown(one)]
        assert ["换到河畔店" in one for one in offered] == [False, True]


async def test_a_request_that_ends_is_ticked_off_where_it_was_in_the_way(tmp_path: Path) -> None:
    async with Shop(config={"chain": demo(tmp_path, confirmation='"staff"')}) as shop:
        here = await shop.customer("ming")
        for text in ("预约 11月25日 15:00 验光", "王小明，成人，来过", "好"):
            await shop.say("ming", here, text)
        await agreed(shop, "休息 11月25日")
        assert "0/1" in await progress(shop)
        await shop.until("2026-11-25T13:01")
        assert "1/1" in await progress(shop)


async def test_whoever_is_on_call_and_disabled_is_not_written_to(tmp_path: Path) -> None:
    config = {"chain": demo(tmp_path, on_call='["staff-li", "staff-wang"]')}
    async with Shop(NOW.replace(hour=23), config=config) as shop:
        here = await shop.customer("ming")
        await shop.kit.store.write(lambda tx: tx.disable_user("staff-li"))
        said = {one.conversation_id for one in await shop.say("ming", here, "右眼突然看不见了")}
        assert shop.kit.direct("staff-wang", GARDEN) in said
        assert shop.kit.direct("staff-li", GARDEN) not in said


# -- edges -------------------------------------------------------------------------------------------------------------


def test_two_absences_with_a_gap_do_not_cover_it() -> None:
    day = datetime.fromisoformat("2026-11-20")
    first, second = Leave(1, "li", day, day, 0, 10), Leave(2, "li", day, day, 20, 30)
    assert not leave.covered([first, second], 0, 30)
    assert leave.covered([first, second, Leave(3, "li", day, day, 10, 20)], 0, 30)


async def test_leave_that_begins_when_an_appointment_ends_is_not_in_its_way() -> None:
    async with Shop() as shop:
        _, code = await with_li(shop, "ming", f"{FRIDAY} 15:00", service="儿童验光")
        ((start, end),) = await shop.sql("SELECT start_at, end_at FROM booking_appointments")
        minutes = 15 * 60 + (end - start) // 60_000
        leave_from = f"{minutes // 60}:{minutes % 60:02}"
        assert code in await staff(shop, f"请假 李老师 周五 15:25-{leave_from}")
        await agreed(shop, f"请假 李老师 周五 {leave_from}-18:00")
        await shop.kit.restart()
        assert await shop.sql("SELECT * FROM booking_strays") == []


def test_the_last_day_of_the_horizon_can_be_booked() -> None:
    shop = trial().stores[0]
    now = ms("2026-11-18T10:00", zone_of(shop))
    last = datetime.combine(last_day(shop, now), datetime.min.time()).replace(hour=10)
    assert why_not(shop, last, 30, now) is None
    assert why_not(shop, last + timedelta(days=1), 30, now) == "horizon"


def test_a_shop_that_opens_on_single_days_only_is_no_mistake() -> None:
    def noted(extra: str) -> list[str]:
        chain = trial(hours="[]", extra=extra)
        return [one.text for one in notes.notes(chain) if one.path[-1] == "hours"]

    assert noted("") == ["the shop is never open"]
    assert noted('exceptions = { "2026-12-01" = ["10:00-12:00"] }') == []
