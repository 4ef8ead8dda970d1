"""Every way out of a hold or an appointment gives its time back: the next customer is offered it, and gets it."""

from __future__ import annotations

from datetime import date

import pytest

from imserver.plugins.booking.schedule.chain_file import load_chain
from imserver.plugins.booking.schedule.slots import free_slots
from tests.booking.support.shop import GARDEN, RIVER, Shop, button, shown
from tests.booking.support.steps import at_any_time

pytestmark = pytest.mark.usefixtures(at_any_time.__name__)

WANTED = "预约 明天15:00 验光"
DETAILS = "王小明，成人，来过"
DAY = date(2026, 11, 19)


async def free(shop: Shop) -> list[str]:
    """The starts that the one-room shop offers on the day."""
    chain = load_chain("demo")
    store, service = chain.stores[1], chain.services[0]
    now_ms = shop.kit.clock.now_ms()

    def look(tx):
        return free_slots(
            lambda sql, params=(): tx.plugin_sql("booking", sql, params), store, service, DAY, 30, now_ms
        )

    return [f"{slot.wall:%H:%M}" for slot in await shop.kit.store.write(look)]


#: What the customer says while the time is held: `[label]` presses a button; a number lets minutes pass.
#: Behind it, what is held after that.
WAYS_OUT_OF_A_HOLD: dict[str, tuple[tuple[str | float, ...], list[str]]] = {
    "cancel": (("取消",), []),
    "no": (("不",), []),
    "not now": ((DETAILS, "[先不约]"), []),
    "no to the confirmation": ((DETAILS, "不"), []),
    "too late": ((3.1,), []),
    "too late, and another time": ((3.1, "明天10:00"), ["2026-11-19T10:00"]),
    "too late, and the same again": ((3.1, "1", 3.1), []),
    "another time": (("还是明天10:00吧",), ["2026-11-19T10:00"]),
    "another day": (("还是后天吧",), ["2026-11-20T15:00"]),
    "another day without a time": (("周六上午吧",), []),
    "a time that is taken": (("还是明天17:00吧",), []),
    "a day on which the shop is closed": (("还是周日15:00吧",), []),
    "a time outside the hours": (("还是明天22:00吧",), []),
    "a longer one that does not fit": (("还是明天16:15吧", "配镜"), []),
    "begun again": (("预约 后天11:00 验光",), ["2026-11-20T11:00"]),
    "begun again for nothing": (("预约 周日11:00 验光",), []),
}


@pytest.mark.parametrize("way", WAYS_OUT_OF_A_HOLD)
async def test_every_way_out_of_a_hold_gives_the_time_back(way: str) -> None:
    steps, held = WAYS_OUT_OF_A_HOLD[way]
    async with Shop() as shop:
        hong, here = await shop.customer("hong", bot=RIVER), await shop.customer("ming", bot=RIVER)
        for text in ("预约 明天17:00 验光", DETAILS, "好"):
            await shop.say("hong", hong, text)
        before = await free(shop)
        said = await shop.say("ming", here, WANTED)
        assert "15:00" not in await free(shop)
        for step in steps:
            if isinstance(step, float):
                said = await shop.advance(step)
            else:
                text = button(said, step.strip("[]")) if step.startswith("[") else step
                said = await shop.say("ming", here, text)
            assert said
        assert [row[1] for row in await shop.appointments("held")] == held, [shown(one) for one in said]
        if not any(wall.startswith("2026-11-19") for wall in held):
            assert await free(shop) == before
        await gets_it(shop)


async def gets_it(shop: Shop) -> None:
    """Somebody else takes the time."""
    here = await shop.customer("lan", bot=RIVER)
    for text in (WANTED, DETAILS, "好"):
        await shop.say("lan", here, text)
    rows = await shop.sql("SELECT start_wall, status FROM booking_appointments WHERE customer_id = 'lan'")
    assert rows == [("2026-11-19T15:00", "confirmed")]


#: What customers (here) and staff (in the group) say of a confirmed one.
WAYS_OUT_OF_AN_APPOINTMENT: dict[str, tuple[bool, tuple[str, ...]]] = {
    "cancelled": (False, ("取消", "好")),
    "cancelled by its button": (False, ("取消 {code} v{version} 好",)),
    "moved": (False, ("改约 {code} 后天15:00", "好")),
    "moved after a change of mind": (False, ("改约 {code} 明天10:00", "还是后天15:00吧", "好")),
    "cancelled by staff": (True, ("取消 {code}", "好")),
    "moved by staff": (True, ("改约 {code} 后天15:00", "好")),
    "cancelled after arriving": (True, ("到店 {code}", "取消 {code}", "好")),
    "not come": (True, ("爽约 {code}",)),
    "done": (True, ("到店 {code}", "开始 {code}", "完成 {code}")),
}


@pytest.mark.parametrize("way", WAYS_OUT_OF_AN_APPOINTMENT)
async def test_every_way_out_of_an_appointment_gives_the_time_back(way: str) -> None:
    by_staff, texts = WAYS_OUT_OF_AN_APPOINTMENT[way]
    async with Shop() as shop:
        here = await shop.customer("ming", bot=RIVER)
        before = await free(shop)
        for text in (WANTED, DETAILS, "好"):
            await shop.say("ming", here, text)
        ((code, _, version, _),) = await shop.appointments()
        there = await shop.staff_group("river") if by_staff else here
        for text in texts:
            assert "15:00" not in await free(shop)
            await shop.say(
                "staff-zhang" if by_staff else "ming", there, text.format(code=code, version=version)
            )
        assert await free(shop) == before
        await gets_it(shop)


async def test_a_refused_move_keeps_the_time_that_one_has() -> None:
    async with Shop() as shop:
        hong, here = await shop.customer("hong", bot=RIVER), await shop.customer("ming", bot=RIVER)
        for user, place, wall in (("ming", here, "15:00"), ("hong", hong, "17:00")):
            for text in (f"预约 明天{wall} 验光", DETAILS, "好"):
                await shop.say(user, place, text)
        before = await free(shop)
        asked = await shop.hear("ming", here, "改约 明天17:00")
        assert "刚刚被约走了" in asked  # it is not asked about what cannot be had
        assert "对吗" not in asked
        await shop.say("ming", here, "好")
        assert await free(shop) == before
        await shop.say("ming", here, "1")  # one of the starts that were offered instead
        await shop.say("ming", here, "好")
        assert "15:00" in await free(shop)


async def test_what_somebody_has_in_one_shop_does_not_count_in_another() -> None:
    async with Shop() as shop:
        garden, river = await shop.customer("ming", bot=GARDEN), await shop.customer("ming", bot=RIVER)
        for number in range(8):
            for text in (f"预约 12月{number + 1}日 11:00 验光", DETAILS, "好"):
                await shop.say("ming", garden, text)
        assert "已经有8个预约" in await shop.hear("ming", garden, "预约 12月10日 11:00 验光")
        for text in (WANTED, DETAILS, "好"):
            await shop.say("ming", river, text)
        assert len(await shop.appointments()) == 9
        # Staff may not go beyond it either, and another customer is not held to it.
        assert "已经有8个预约" in await shop.hear("staff-li", garden, "预约 12月10日 11:00 验光")
        hong = await shop.customer("hong")
        assert "怎么称呼" in await shop.hear("staff-li", hong, "预约 12月10日 11:00 验光")


async def test_each_customer_has_one_hold_whoever_of_the_staff_speaks() -> None:
    async with Shop() as shop:
        places = [await shop.customer(user) for user in ("ming", "hong")]
        for place in places:
            await shop.say("staff-li", place, WANTED)
        assert len(await shop.appointments("held")) == 2
        await shop.say(
            "staff-wang", places[0], "预约 后天11:00 验光"
        )  # the same customer's, by somebody else
        assert [row[1] for row in await shop.appointments("held")] == ["2026-11-19T15:00", "2026-11-20T11:00"]


async def test_a_held_time_may_be_confirmed_though_it_has_come_near() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "预约 今天11:00 验光")
        await shop.advance(1)  # less than the 60 minutes before it now
        await shop.say("ming", here, DETAILS)
        await shop.say("ming", here, "好")
        assert [row[1] for row in await shop.appointments()] == ["2026-11-18T11:00"]
