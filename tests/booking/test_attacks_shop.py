"""Attacks from the shop's side: it changes while customers choose, hold and answer; what is booked, the shop can serve."""

from __future__ import annotations

import re

import pytest

from tests.booking.support.booked import booked
from tests.booking.support.chain_changes import run
from tests.booking.support.shop import Shop, button, shown
from tests.booking.support.staff import ChainFile


async def imports(shop: Shop, file: ChainFile, pattern: str, new: str) -> str:
    """The file says something else from here on, and is imported; what the staff of the garden shop read of it."""
    text = file.path.read_text(encoding="utf-8")
    changed = re.sub(pattern, new, text, count=1, flags=re.DOTALL | re.MULTILINE)
    assert changed != text
    file.path.write_text(changed, encoding="utf-8")
    before = shop._heads()
    result = await run(shop, file, "import")
    assert "in effect" in result.output, result.output
    await shop.kit.idle()
    group = await shop.staff_group()
    return "\n".join(shown(one) for one in shop._since(before, "") if one.conversation_id == group)


#: Of the first shop, which the file names first.
FRIDAY_CLOSED = (r"^fri = .*?$", "fri = []")
LI_GONE = (r'\[\[stores\.resources\]\]\nid = "garden-li".*?(?=\[\[stores)', "")
LI_AWAY = (r'(?<=id = "garden-li"\n)', 'leave = ["2026-11-20 13:00-18:00"]\n')


async def holds(shop: Shop, here: str, when: str = "周五15:00") -> None:
    await shop.say("ming", here, f"预约 {when} 验光")
    await shop.say("ming", here, "王小明，成人，来过")
    assert len(await shop.appointments("held")) == 1


@pytest.mark.parametrize("yes", ["好", "确认 A2S4 v2"])
async def test_a_day_that_an_import_closed_is_not_booked_by_a_hold(file: ChainFile, yes: str) -> None:
    async with Shop(config=file.config, path=file.path.with_name("x.db")) as shop:
        here = await shop.customer("ming")
        await holds(shop, here)
        assert "A2S4" not in await imports(shop, file, *FRIDAY_CLOSED)  # nobody counts on a hold
        assert "门店休息" in await shop.hear("ming", here, yes)
        assert await shop.appointments() == []
        assert await shop.appointments("held") == []


async def test_a_hold_of_somebody_whom_an_import_removed_is_booked_with_somebody_who_is_there(
    file: ChainFile,
) -> None:
    async with Shop(config=file.config, path=file.path.with_name("x.db")) as shop:
        here = await shop.customer("ming")
        await holds(shop, here)
        assert await shop.sql("SELECT 1 FROM booking_appointment_resources WHERE resource_id = 'garden-li'")
        await imports(shop, file, *LI_GONE)
        assert "预约成功" in await shop.hear("ming", here, "好")
        rows = await shop.sql(
            "SELECT resource_id FROM booking_appointment_resources JOIN booking_appointments ON id = appointment_id"
            " WHERE status = 'confirmed' ORDER BY resource_id"
        )
        assert [row[0] for row in rows] == ["garden-room-1", "garden-wang"]


@pytest.mark.parametrize("change", [FRIDAY_CLOSED, LI_GONE, LI_AWAY])
async def test_the_staff_hear_once_of_what_the_file_is_in_the_way_of(
    file: ChainFile, change: tuple[str, str]
) -> None:
    async with Shop(config=file.config, path=file.path.with_name("x.db")) as shop:
        _, code = await booked(shop, when="周五15:00")
        await booked(shop, "hong", when="周六15:00")
        told = await imports(shop, file, *change)
        assert code in told
        assert told.count("改约 ") == (
            4 if change is LI_GONE else 2
        )  # a label and a command each; Li is to serve both
        assert code not in await imports(
            shop, file, 'cutoff_min = .*?$|(?<=zone = "Asia/Shanghai"\n)', "cutoff_min = 60\n"
        )


async def test_whom_a_plan_asks_is_not_called_a_stray(file: ChainFile) -> None:
    async with Shop(config=file.config, path=file.path.with_name("x.db")) as shop:
        _, code = await booked(shop, when="周五15:00")
        group = await shop.staff_group()
        plan = await shop.say("staff-li", group, "休息 周五")
        await shop.say("staff-li", group, button(plan, "确定"))
        assert code not in await imports(shop, file, '(?<=zone = "Asia/Shanghai"\n)', "cutoff_min = 60\n")


async def test_a_yes_in_another_shop_does_not_end_what_is_too_late_to_cancel() -> None:
    async with Shop() as shop:
        here, code = await booked(shop, when="今天15:00")
        await shop.until("2026-11-18T12:58")
        await shop.say("ming", here, "改约 河畔店 周五15:00")
        await shop.until("2026-11-18T13:00:30")
        there = await shop.service("ming", "river")
        assert "改不了" in await shop.hear("ming", there, "好")
        assert [(row[0], row[1]) for row in await shop.appointments()] == [(code, "2026-11-18T15:00")]
        assert await shop.appointments("held") == []


# -- plans -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("second", ["休息 周五上午", "营业 11月20日 09:00-20:00"])
async def test_of_two_plans_for_one_day_the_second_does_not_undo_the_first(second: str) -> None:
    async with Shop() as shop:
        group, here = await shop.staff_group(), await shop.customer("ming")
        plans = [
            await shop.say("staff-li", group, "休息 周五下午"),
            await shop.say("staff-wang", group, second),
        ]
        await shop.say("staff-li", group, button(plans[0], "确定"))
        assert "对不上" in await shop.hear("staff-wang", group, button(plans[1], "确定"))
        assert "15:00" not in await shop.hear("ming", here, "空档 周五")


async def test_nobody_is_added_twice_by_two_plans() -> None:
    async with Shop() as shop:
        group = await shop.staff_group()
        plans = [await shop.say(who, group, "添加 验光师 孙老师") for who in ("staff-li", "staff-wang")]
        await shop.say("staff-li", group, button(plans[0], "确定"))
        assert "对不上" in await shop.hear("staff-wang", group, button(plans[1], "确定"))
        assert len(await shop.sql("SELECT path FROM booking_chain_changes")) == 1


async def test_weekly_hours_that_changed_are_not_undone_by_a_plan_of_before() -> None:
    async with Shop() as shop:
        group, here = await shop.staff_group(), await shop.customer("ming")
        half = await shop.say("staff-li", group, "休息 周五上午")
        weekly = await shop.say("staff-wang", group, "营业 每周五 10:00-16:00")
        await shop.say("staff-wang", group, button(weekly, "确定"))
        assert "对不上" in await shop.hear("staff-li", group, button(half, "确定"))
        assert "18:00" not in await shop.hear("ming", here, "空档 周五")


async def test_a_hold_behind_another_question_is_given_back_and_the_question_stays() -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        group = await shop.staff_group()
        await shop.say("ming", here, "预约 周五15:00 验光")
        await shop.say("ming", here, f"取消 {code}")
        plan = await shop.say("staff-li", group, "休息 周五")
        await shop.say("staff-li", group, button(plan, "确定"))
        assert f"（{code}）吗" in await shop.hear("ming", here, "好")  # other words came: asked once more
        await shop.say("ming", here, "好")
        assert [row[0] for row in await shop.appointments("cancelled") if row[0] == code] == [code]


async def test_who_left_reads_in_the_direct_chat_that_the_hold_is_gone() -> None:
    async with Shop() as shop:
        here, group = await shop.customer("ming"), await shop.staff_group()
        await shop.say("ming", here, "预约 周五15:00 验光")
        await shop.leave("ming", here)
        plan = await shop.say("staff-li", group, "休息 周五")
        said = await shop.say("staff-li", group, button(plan, "确定"))
        assert any("安排不了" in shown(one) for one in said if one.conversation_id.startswith("direct/ming"))


async def test_a_hold_that_no_question_is_about_is_given_back_with_words() -> None:
    async with Shop() as shop:
        here, group = await shop.customer("ming"), await shop.staff_group()
        await shop.say("ming", here, "预约 周五15:00 验光")
        await shop.sql("DELETE FROM booking_dialogues")
        plan = await shop.say("staff-li", group, "休息 周五")
        said = await shop.say("staff-li", group, button(plan, "确定"))
        assert any("安排不了" in shown(one) for one in said if one.conversation_id == here)
