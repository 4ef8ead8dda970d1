"""A customer's known facts: not asked again, corrected by later messages, kept for one shop and not another."""

from __future__ import annotations

from tests.booking.support.booked import booked
from tests.booking.support.customers import known
from tests.booking.support.shop import RIVER, Shop, shown


async def visits(shop: Shop, code: str) -> None:
    for step in ("到店", "开始", "完成"):
        await shop.say("staff-li", await shop.staff_group(), f"{step} {code}")


async def test_a_first_visit_is_one_until_the_visit() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        for text in ("预约 明天15:00 验光", "王小明，成人，第一次", "好"):
            await shop.say("ming", here, text)
        assert "第一次来: 是" in await shop.hear("ming", here, "预约 周六10:00 验光")
        await shop.say("ming", here, "好")
        ((code, *_), *_) = await shop.appointments()
        await shop.until("2026-11-19T15:00")
        await visits(shop, code)
        assert "第一次来: 否" in await shop.hear("ming", here, "预约 周日10:00 验光")


async def test_who_said_otherwise_later_is_believed() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        for wall, details in (("10:00", "我叫王小明 成人 第一次"), ("11:00", "我叫王晓明 50岁 来过")):
            for text in (f"预约 周六{wall} 验光 {details}", "好"):
                await shop.say("ming", here, text)
        assert len(await shop.appointments()) == 2
        for kind in ("软镜", "RGP"):
            await shop.say("ming", here, f"我戴{kind}")
        assert await known(shop) == [("王晓明", "senior", "rgp")]
        assert "第一次来: 否" in await shop.hear("ming", here, "预约 周日12:00 验光")


async def test_who_came_to_one_shop_is_asked_in_the_other() -> None:
    async with Shop() as shop:
        here, there = await shop.customer("ming"), await shop.customer("ming", bot=RIVER)
        for text in ("预约 明天15:00 验光", "王小明，成人，来过", "好"):
            await shop.say("ming", here, text)
        assert "第一次来我们店" in await shop.hear("ming", there, "预约 周六10:00 验光")


async def test_what_was_never_booked_is_not_known() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        for text in ("预约 明天15:00 验光", "王小明，成人，来过", "取消"):
            await shop.say("ming", here, text)
        assert "怎么称呼" in await shop.hear("ming", here, "预约 明天15:00 验光")
        assert "第一次来我们店" in await shop.hear("ming", here, "王小明，成人")


async def test_the_language_that_is_spoken_counts_and_not_the_accounts() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming", "en")
        for text in ("预约 明天15:00 验光", "王小明，成人，来过", "好"):
            await shop.say("ming", here, text)
        group = await shop.staff_group()
        ((code, *_),) = await shop.appointments()
        await shop.say("staff-li", group, f"取消 {code}")
        said = await shop.say("staff-li", group, "好")
        assert any("门店取消了您" in shown(one) for one in said if one.conversation_id == here)


async def test_the_length_that_an_age_needs_stays_when_it_is_moved() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        for text in ("预约 明天15:00 验光", "小宝，8岁，来过", "好", "改约 周六10:00", "好"):
            await shop.say("ming", here, text)
        assert await shop.sql("SELECT start_wall, (end_at - start_at) / 60000 FROM booking_appointments") == [
            ("2026-11-21T10:00", 45)
        ]


async def test_ages_at_the_edges_of_their_bands() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.say("ming", here, "预约 明天15:00 验光")
        for age, band in ((15, "儿童"), (16, "成人"), (44, "成人"), (45, "45岁及以上")):
            asked = await shop.hear("ming", here, f"预约 我叫小明 {age}岁 来过")
            assert f"年龄: {band}" in asked


async def test_what_staff_type_for_a_customer_is_not_the_customers_name() -> None:
    async with Shop() as shop:
        here, _ = await booked(shop)  # 王小明
        for text in ("预约 周六15:00 验光", "我叫李小红", "好"):
            await shop.say("staff-li", here, text)
        assert [row[3] for row in await shop.appointments()] == ["王小明", "李小红"]
        assert [row[0] for row in await known(shop)] == ["王小明"]
