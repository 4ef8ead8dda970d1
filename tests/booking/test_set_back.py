"""After a restore staff hear what is gone, customers get their list, and no reminder is sent a second time."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest

from imserver.plugins.booking.journey import set_back
from imserver.plugins.booking.schedule.codes import code_of, number_of
from tests.booking.support.booked import booked
from tests.booking.support.ledger import ms
from tests.booking.support.reminders import down_until, reminders_in, why
from tests.booking.support.shop import Shop, shown

SHANGHAI = ZoneInfo("Asia/Shanghai")
STAFF_TITLE = "预约记录已退回"


async def restored(shop: Shop, wall: str, copied_at: int) -> None:
    """The server stops now; at a wall time of the shop it starts on a copy of the state of now."""
    await shop.kit.crash()
    shop.kit.clock.jump_to(ms(wall, SHANGHAI))
    await shop.kit.set_back(copied_at)


def cards_in(shop: Shop, place: str) -> list[str]:
    return [shown(one) for one in shop.kit.messages(place) if one.content.get("title") == STAFF_TITLE]


async def test_staff_hear_from_when_until_when_it_is_gone_and_customers_get_their_list() -> None:
    async with Shop() as shop:
        here, code = await booked(shop, when="11月20日 15:00")
        other = await shop.customer("hong")
        copied_at = shop.kit.clock.now_ms()
        before = len(shop.kit.messages(here)), len(shop.kit.messages(other))
        await restored(shop, "2026-11-18T15:10", copied_at)
        [told] = cards_in(shop, await shop.staff_group())
        assert "今天 15:10之间的预约、改期和取消都不在了" in told
        assert "提醒可能已经发过" not in told
        [text] = [shown(one) for one in shop.kit.messages(here)[before[0] :]]
        assert code in text
        assert "11月20日" in text
        assert len(shop.kit.messages(other)) == before[1], "who has no appointment hears nothing"
        assert await shop.findings() == []


async def test_each_shop_is_told_and_only_once() -> None:
    async with Shop() as shop:
        await booked(shop, when="11月20日 15:00")
        groups = [row[0] for row in await shop.sql("SELECT conversation_id FROM booking_staff_groups")]
        assert len(groups) > 1
        await restored(shop, "2026-11-18T15:10", shop.kit.clock.now_ms())
        await shop.kit.restart()
        await shop.kit.idle()
        assert [len(cards_in(shop, group)) for group in groups] == [1] * len(groups)


async def test_a_reminder_that_may_have_been_sent_is_counted_and_not_sent() -> None:
    async with Shop() as shop:
        here, _ = await booked(shop, when="11月20日 15:00")
        copied_at = shop.kit.clock.now_ms()
        await restored(shop, "2026-11-19T16:00", copied_at)
        [told] = cards_in(shop, await shop.staff_group())
        assert "不再重发：1条" in told
        others = [row[0] for row in await shop.sql("SELECT conversation_id FROM booking_staff_groups")]
        others.remove(await shop.staff_group())
        assert others
        assert all("不再重发" not in card for other in others for card in cards_in(shop, other)), "not theirs"
        assert reminders_in(shop, here) == []
        await shop.advance(24 * 60)
        assert len(reminders_in(shop, here)) == 1, "the one of the day itself was not due yet"
        assert await why(shop) == [("day_before", "not_sent", "set_back"), ("same_day", "sent", "")]


async def test_plain_downtime_sends_it_late() -> None:
    async with Shop() as shop:
        here, _ = await booked(shop, when="11月20日 15:00")
        await down_until(shop, "2026-11-19T16:00")
        assert len(reminders_in(shop, here)) == 1
        assert cards_in(shop, await shop.staff_group()) == []


@pytest.mark.parametrize("at_once", [1, 2, 50])
async def test_many_customers_are_told_in_turns_each_once(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(set_back, "CUSTOMERS_AT_ONCE", at_once)
    async with Shop() as shop:
        places: list[str] = []
        for user_id in ("ming", "hong", "lan"):
            here, _ = await booked(shop, user_id, when=f"11月{20 + len(places)}日 15:00")
            places.append(here)
        before = [len(shop.kit.messages(place)) for place in places]
        await restored(shop, "2026-11-18T15:10", shop.kit.clock.now_ms())
        after = [len(shop.kit.messages(place)) for place in places]
        assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1, 1]
        assert len(cards_in(shop, await shop.staff_group())) == 1


async def test_a_crash_in_the_middle_tells_nobody_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_back, "CUSTOMERS_AT_ONCE", 1)
    async with Shop() as shop:
        here, _ = await booked(shop, when="11月20日 15:00")
        await shop.kit.crash()
        shop.kit.clock.jump_to(ms("2026-11-18T15:10", SHANGHAI))
        await shop.kit.store.begin_life("restore", copied_at=5)
        calls: list[str] = []
        tell: Callable[..., None] = set_back.tell

        def fails_first(*given: object, **more: object) -> None:
            calls.append("")
            if len(calls) == 2:
                raise RuntimeError("in the middle")
            tell(*given, **more)

        monkeypatch.setattr(set_back, "tell", fails_first)
        before = len(shop.kit.messages(here))
        await shop.kit.start()
        await shop.kit.idle()
        assert len(shop.kit.messages(here)) == before + 1
        assert len(cards_in(shop, await shop.staff_group())) == 1
        assert [line[1] for line in shop.kit.log.lines if line[0] == "error"] == ["plugin_handler_failed"]
        shop.kit.log.lines.clear()


async def test_no_code_is_given_again_behind_a_restore_and_a_lost_one_is_said_to_be_lost() -> None:
    async with Shop() as shop:
        await booked(shop, when="11月20日 15:00")
        ((last,),) = await shop.sql("SELECT MAX(id) FROM booking_appointments")
        lost = [code_of(last + ahead) for ahead in range(1, 50)]
        here = await shop.customer("hong")
        await restored(shop, "2026-11-18T15:10", shop.kit.clock.now_ms())
        for text in ("预约 11月20日 16:00 验光", "小红", "28岁，第一次", "好"):
            await shop.say("hong", here, text)
        (new,) = [row[0] for row in await shop.appointments() if row[3] == "小红"]
        assert new not in lost
        said = await shop.hear("hong", here, f"取消 {lost[0]}")
        assert f"{lost[0]} 这个预约不在了" in said
        assert "今天 15:10" in said
        assert new in said, "what there is stands beside it"
        assert "不在了" in await shop.hear("staff-wang", await shop.staff_group(), f"到店 {lost[3]}")
        assert "没有找到预约" in await shop.hear("hong", here, f"取消 {code_of(last + 20_000_000)}")
        assert len(await shop.appointments()) == 2
        assert await shop.findings() == []


async def test_each_restore_of_one_copy_gives_codes_of_its_own() -> None:
    """The same old copy comes back twice: what the first life behind it gave is not known to the second."""
    given: list[str] = []
    for wall in ("2026-11-18T15:10", "2026-11-18T15:20"):
        async with Shop() as shop:
            here = await shop.customer("hong")
            await restored(shop, wall, shop.kit.clock.now_ms())
            for text in ("预约 11月20日 16:00 验光", "小红", "28岁，第一次", "好"):
                await shop.say("hong", here, text)
            given += [row[0] for row in await shop.appointments()]
    assert len(set(given)) == 2, given


def test_a_code_leads_back_to_its_number() -> None:
    for number in (1, 2, 36_864, 36_865, 921_601, 8_000_000, 177_868_801, 200_000_000):
        assert number_of(code_of(number)) == number
    assert number_of("A7") is None
