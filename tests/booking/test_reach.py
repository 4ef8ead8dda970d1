"""Whoever left the service conversation: taken back by a tap before anything is held there, and told what the shop does."""

from __future__ import annotations

from pathlib import Path

import pytest

from imserver.chat.permissions import Relation
from tests.booking.support.booked import booked
from tests.booking.support.chains import demo
from tests.booking.support.shop import ENTRY, GARDEN, RIVER, Shop, button, shown
from tests.booking.support.staff import relation
from tests.booking.support.times_of_day import at

BACK = "回到会话"
WISH = "预约 明天15:00 验光"


async def gone(shop: Shop, bot: str = GARDEN) -> tuple[str, str]:
    """A customer who opened a shop and left: (service conversation, direct chat)."""
    here = await shop.customer("ming", bot=bot)
    await shop.leave("ming", here)
    return here, shop.kit.direct("ming", bot)


@pytest.mark.parametrize("ask", [False, True], ids=["open", "strangers ask"])
@pytest.mark.parametrize("way", ["button", "label", "number"])
async def test_the_tap_brings_them_back_and_it_goes_on(way: str, ask: bool) -> None:
    async with Shop(ask=ask) as shop:
        here, direct = await gone(shop)
        said = await shop.say("ming", direct, WISH)
        assert {one.conversation_id for one in said} == {direct}
        assert "退出" in at(said, direct)
        assert await shop.appointments("held") == []
        assert await relation(shop, "ming", here) is not Relation.MEMBER
        text = {"button": button(said, BACK), "label": BACK, "number": "1"}[way]
        said = await shop.say("ming", direct, text)
        assert await relation(shop, "ming", here) is Relation.MEMBER
        assert [row[1] for row in await shop.appointments("held")] == ["2026-11-19T15:00"]
        assert "怎么称呼" in at(said, here)


@pytest.mark.parametrize(
    "text",
    [
        WISH,
        "我想约明天下午三点验光",
        "改约 明天10:00",
        "空档 周六",
        "人工",
        "配镜多少钱",
        "门店 花园店",
        "改到后天吧",
        "谢谢",
    ],
)
async def test_nothing_is_asked_or_held_where_they_cannot_read_it(text: str) -> None:
    async with Shop() as shop:
        here, _ = await booked(shop)
        direct = shop.kit.direct("ming", GARDEN)
        await shop.leave("ming", here)
        said = await shop.say("ming", direct, text)
        assert {one.conversation_id for one in said} == {direct}
        assert await shop.appointments("held") == []


@pytest.mark.parametrize(("text", "answer"), [("我的预约", "预约成功"), ("地址", "停车"), ("取消", "要取消")])
async def test_what_holds_nothing_is_answered_where_they_are(text: str, answer: str) -> None:
    async with Shop() as shop:
        here, _ = await booked(shop)
        direct = shop.kit.direct("ming", GARDEN)
        await shop.leave("ming", here)
        assert answer in at(await shop.say("ming", direct, text), direct)


async def test_whoever_left_cancels_in_the_direct_chat_and_reads_that_it_is_done() -> None:
    async with Shop() as shop:
        here, _ = await booked(shop)
        direct = shop.kit.direct("ming", GARDEN)
        await shop.leave("ming", here)
        await shop.say("ming", direct, "取消")
        assert "已取消" in at(await shop.say("ming", direct, "好"), direct)
        assert await shop.appointments() == []


async def test_a_yes_of_before_only_asks_again_below_the_card() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        direct = shop.kit.direct("ming", GARDEN)
        await shop.say("ming", direct, f"{WISH} 我叫王小明 成人 来过")
        await shop.leave("ming", here)
        said = await shop.say("ming", direct, "好")
        assert await shop.appointments() == []
        asked = await shop.say("ming", direct, button(said, BACK))
        assert await shop.appointments() == []
        assert "请确认" in at(asked, here)
        await shop.say("ming", here, "好")
        assert len(await shop.appointments()) == 1


async def test_a_button_of_a_card_above_is_what_goes_on() -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        direct = shop.kit.direct("ming", GARDEN)
        await shop.leave("ming", here)
        shown_there = await shop.say("ming", direct, "我的预约")
        said = await shop.say("ming", direct, f"{button(shown_there, '改时间')} 后天15:00")
        said = await shop.say("ming", direct, button(said, BACK))
        assert "对吗" in at(said, here)
        await shop.say("ming", here, "好")
        assert [row[:2] for row in await shop.appointments()] == [(code, "2026-11-20T15:00")]


async def test_from_the_entry_bot_and_from_another_shop() -> None:
    async with Shop() as shop:
        here, _ = await gone(shop, RIVER)
        for place in (shop.kit.direct("ming", ENTRY), await shop.customer_again("ming", GARDEN)):
            said = await shop.say("ming", place, "预约 河畔店 明天15:00 验光")
            assert await shop.appointments("held") == []
            await shop.say("ming", place, button(said, BACK))
            assert [row[1] for row in await shop.appointments("held")] == ["2026-11-19T15:00"]
            await shop.say("ming", here, "不")
            await shop.leave("ming", here)


async def test_a_booking_that_goes_to_a_shop_that_was_left_keeps_its_hold_until_the_tap() -> None:
    async with Shop() as shop:
        there, _ = await gone(shop, RIVER)
        here = await shop.customer_again("ming", GARDEN)
        await shop.say("ming", here, WISH)
        said = await shop.say("ming", here, "换河畔店")
        assert (
            len(
                await shop.sql(
                    "SELECT 1 FROM booking_appointments WHERE store_id = 'garden' AND status = 'held'"
                )
            )
            == 1
        )
        assert "怎么称呼" in at(await shop.say("ming", here, button(said, BACK)), there)
        rows = await shop.sql("SELECT store_id FROM booking_appointments WHERE status = 'held'")
        assert rows == [("river",)]


async def test_what_was_written_before_leaving_is_answered_in_the_direct_chat() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.kit.crash()
        await shop.kit.post("ming", here, WISH)
        await shop.leave("ming", here)
        await shop.kit.start()
        await shop.kit.idle()
        assert await shop.appointments("held") == []
        direct = shop.kit.direct("ming", GARDEN)
        assert BACK in shown(shop.kit.messages(direct)[-1])
        await shop.say("ming", direct, button(shop.kit.messages(direct), BACK))
        assert len(await shop.appointments("held")) == 1


async def test_nobody_opens_the_conversation_of_somebody_else() -> None:
    async with Shop() as shop:
        here, _ = await gone(shop)
        await shop.customer("eve")
        direct = shop.kit.direct("eve", GARDEN)
        await shop.say("eve", direct, f"/open {here} {WISH}")
        assert await relation(shop, "eve", here) is Relation.STRANGER
        assert await relation(shop, "ming", here) is not Relation.MEMBER
        assert await shop.appointments("held") == []


#: What staff say of an appointment, and what the customer reads in the direct chat.
ACTS = {
    "move": (("改约 {code} 后天15:00", "好"), "改到了 11月20日 周五 15:00"),
    "cancel": (("取消 {code}", "好"), "门店取消了"),
    "no show": (("爽约 {code}",), "没等到您"),
    "undo": (("爽约 {code}", "撤销 {code}"), "门店记错了"),
}


@pytest.mark.parametrize("act", ACTS)
async def test_what_staff_do_is_said_in_the_direct_chat_and_the_staff_hear_that_they_left(act: str) -> None:
    lines, told = ACTS[act]
    async with Shop() as shop:
        here, code = await booked(shop)
        await shop.leave("ming", here)
        await shop.until("2026-11-19T15:20" if act in ("no show", "undo") else "2026-11-18T11:00")
        group, said = await shop.staff_group(), []
        for line in lines:
            said = await shop.say("staff-li", group, line.format(code=code))
        direct = shop.kit.direct("ming", GARDEN)
        assert told in at(said, direct)
        assert BACK in at(said, direct)
        assert told in at(said, here)  # the staff read it where they always do
        assert "已退出会话" in at(said, group)


async def test_a_request_that_staff_confirm_is_told_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    async with Shop(config={"chain": demo(tmp_path, confirmation='"staff"')}) as shop:
        here = await shop.customer("ming")
        for text in (WISH, "王小明，成人，来过", "好"):
            await shop.say("ming", here, text)
        ((code, *_),) = await shop.appointments("pending")
        await shop.leave("ming", here)
        said = await shop.say("staff-li", await shop.staff_group(), f"确认 {code}")
        told = at(said, shop.kit.direct("ming", GARDEN))
        assert "预约成功" in told
        assert "来之前请看" in told


async def test_who_is_here_reads_nothing_twice() -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        said = []
        for text in (f"取消 {code}", "好"):
            said = await shop.say("staff-li", await shop.staff_group(), text)
        assert at(said, shop.kit.direct("ming", GARDEN)) == ""
        assert "退出" not in at(said, await shop.staff_group())
        assert "门店取消了" in at(said, here)


async def test_whoever_blocked_the_bot_too_is_to_be_called() -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        await shop.say("ming", here, "不要消息")
        await shop.leave("ming", here)
        await shop.kit.store.write(lambda tx: tx.set_block("ming", GARDEN, True))
        said = []
        for text in (f"取消 {code}", "好"):
            said = await shop.say("staff-li", await shop.staff_group(), text)
        assert "请打电话" in at(said, await shop.staff_group())
        assert await shop.appointments() == []


async def test_reminders_reach_whoever_left() -> None:
    async with Shop() as shop:
        here, _ = await booked(shop, when="后天15:00")
        await shop.leave("ming", here)
        said = await shop.until("2026-11-20T13:01")
        assert at(said, shop.kit.direct("ming", GARDEN)).count("预约提醒") == 2


async def test_staff_who_write_where_nobody_reads_hear_of_it_once_and_the_customer_too() -> None:
    async with Shop() as shop:
        here, direct = await gone(shop)
        said = await shop.say("staff-li", here, "您的眼镜到了")
        assert "已退出会话" in at(said, here)
        assert "留言" in at(said, direct)
        assert await shop.say("staff-li", here, "请来取") == []
        await shop.say("ming", direct, button(said, BACK))
        await shop.advance(11)
        assert await shop.say("staff-li", here, "还在吗") == []


async def test_the_label_alone_leads_back_days_later() -> None:
    async with Shop() as shop:
        here, direct = await gone(shop)
        await shop.say("ming", direct, WISH)
        await shop.advance(2 * 24 * 60)
        assert "欢迎" in at(await shop.say("ming", direct, BACK), here)
        assert await relation(shop, "ming", here) is Relation.MEMBER
