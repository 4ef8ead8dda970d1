"""Where the shop confirms by hand: a request is repeated, something else is offered, and it ends with words to both sides."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver.plugins.booking.journey import requests
from imserver.plugins.booking.schedule.hours import MINUTE_MS, is_open, wall_of, zone_of
from tests.booking.support.chains import demo, trial
from tests.booking.support.ledger import ms
from tests.booking.support.reminders import down_until
from tests.booking.support.shop import GARDEN, Shop, button, shown
from tests.booking.support.times_of_day import at

BY_HAND = '"staff"'


async def asked(shop: Shop, when: str = "11月25日 15:00") -> tuple[str, str, str]:
    """A request: (service conversation, staff group, code)."""
    here = await shop.customer("ming")
    for text in (f"预约 {when} 验光", "王小明，成人，来过", "好"):
        await shop.say("ming", here, text)
    ((code, *_),) = await shop.appointments("pending")
    return here, await shop.staff_group(), code


@pytest.fixture
def by_hand(tmp_path: Path) -> dict[str, str]:
    return {"chain": demo(tmp_path, confirmation=BY_HAND)}


async def test_the_course_of_a_request_that_nobody_answers(by_hand: dict[str, str]) -> None:
    async with Shop(config=by_hand) as shop:
        here, group, code = await asked(shop)
        assert await shop.advance(59) == []
        said = await shop.advance(1)
        assert {one.conversation_id for one in said} == {group}
        assert "还没有确认" in at(said, group)
        assert button(said, "确认").startswith(f"确认 {code}")
        said = await shop.advance(120)
        assert "又催了一次" in at(said, here)
        assert "换到河畔店" in at(said, here)
        assert code in at(said, group)
        await shop.kit.restart()
        assert await shop.advance(1) == [], "a start asks nobody again"
        for _ in range(3):  # from then on once a day, and the customer is left alone
            said = await shop.advance(24 * 60)
            assert [one.conversation_id for one in said] == [group]
        said = await shop.until("2026-11-25T12:59")
        assert len(await shop.appointments("pending")) == 1
        said = await shop.advance(2)
        assert "没有约上" in at(said, here)
        assert "已结束" in at(said, group)
        assert await shop.appointments("pending") == []
        assert any(one.content.get("title") == "已取消" for one in shop.kit.messages(here))
        assert await shop.sql("SELECT COUNT(*) FROM booking_cells") == [(0,)]
        assert await shop.advance(7 * 24 * 60) == []


async def test_a_yes_a_no_and_a_cancel_end_the_waiting(by_hand: dict[str, str]) -> None:
    for by, texts, status in (
        ("staff-li", ("确认 {code}",), "confirmed"),
        ("staff-li", ("取消 {code}", "好"), "cancelled"),
        ("ming", ("取消", "好"), "cancelled"),
    ):
        async with Shop(config=by_hand) as shop:
            here, group, code = await asked(shop)
            for text in texts:
                await shop.say(by, group if by == "staff-li" else here, text.format(code=code))
            assert [row[0] for row in await shop.appointments(status)] == [code]
            assert await shop.advance(3 * 24 * 60) == []


async def test_a_moved_request_is_asked_anew_and_ends_before_its_new_time(by_hand: dict[str, str]) -> None:
    async with Shop(config=by_hand) as shop:
        here, group, _ = await asked(shop)
        await shop.advance(200)
        for text in ("改约 11月27日 15:00", "好"):
            await shop.say("ming", here, text)
        said = await shop.advance(61)
        assert [one.conversation_id for one in said] == [group]
        await shop.until("2026-11-26T12:00")
        assert len(await shop.appointments("pending")) == 1
        assert "没有约上" in at(await shop.until("2026-11-27T13:00"), here)


async def test_the_buttons_of_the_offer_move_it_and_take_it_elsewhere(by_hand: dict[str, str]) -> None:
    for label, wanted in (("14:00", ("pending", "garden")), ("换到河畔店", ("confirmed", "river"))):
        async with Shop(config=by_hand) as shop:
            here, _, _ = await asked(shop)
            said = await shop.advance(180)
            offered = [one for one in said if one.conversation_id == here]
            assert "2026-11-25 15:00" not in shown(offered[-1]), "its own time is no other one"
            assert "11月25日 周三 15:00|" not in shown(offered[-1])
            question, *_ = await shop.say("ming", here, button(offered, label))
            there = question.conversation_id
            await shop.say("ming", there, "好")
            rows = await shop.sql(
                "SELECT status, store_id FROM booking_appointments WHERE status <> 'cancelled' ORDER BY id"
            )
            assert rows == [wanted]


async def test_after_the_end_another_time_is_one_tap(by_hand: dict[str, str]) -> None:
    async with Shop(config=by_hand) as shop:
        here, _, _ = await asked(shop)
        said = await shop.until("2026-11-25T13:00")
        ended = [one for one in said if one.conversation_id == here][-1:]
        await shop.say("ming", here, button(ended, "11月25日"))
        assert len(await shop.appointments("held")) == 1


async def test_nothing_is_forgotten_while_the_server_is_down(by_hand: dict[str, str]) -> None:
    async with Shop(config=by_hand) as shop:
        here, group, _ = await asked(shop)
        await down_until(shop, "2026-11-25T18:00")
        assert await shop.appointments("pending") == []
        assert "没有约上" in shown(shop.kit.messages(here)[-1])
        assert "已结束" in shown(shop.kit.messages(group)[-1])


async def test_requests_of_before_have_an_end_from_the_next_start_on(by_hand: dict[str, str]) -> None:
    async with Shop(config=by_hand) as shop:
        here, group, _ = await asked(shop)
        await shop.sql("DELETE FROM booking_requests")
        await shop.kit.restart()
        said = await shop.advance(180)
        assert at(said, group)
        assert "又催了一次" in at(said, here)
        await shop.until("2026-11-25T13:00")
        assert await shop.appointments("pending") == []


async def test_whoever_left_hears_in_the_direct_chat_that_it_ended(by_hand: dict[str, str]) -> None:
    async with Shop(config=by_hand) as shop:
        here, group, _ = await asked(shop)
        await shop.leave("ming", here)
        said = await shop.until("2026-11-25T13:00")
        direct = shop.kit.direct("ming", GARDEN)
        assert "没有约上" in at(said, direct)
        assert "又催了一次" in at(said, direct)
        assert "已退出会话" in at(said, group)


async def test_where_the_shop_confirms_by_itself_nobody_is_asked() -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        for text in ("预约 11月25日 15:00 验光", "王小明，成人，来过", "好"):
            await shop.say("ming", here, text)
        assert await shop.sql("SELECT * FROM booking_requests") == []
        assert await shop.advance(24 * 60) == []


CHAIN = trial(hours='["09:00-12:00", "14:00-18:00"]').stores[0]
BEGIN = ms("2026-11-18T00:00", zone_of(CHAIN))


@given(st.integers(0, 10 * 24 * 60), st.integers(1, 60 * 24 * 60))
def test_a_request_ends_before_its_time_and_the_staff_are_asked_while_they_are_there(
    asked_min: int, ahead_min: int
) -> None:
    asked_at = BEGIN + asked_min * MINUTE_MS
    start_at = asked_at + ahead_min * MINUTE_MS
    course = requests.course(CHAIN, asked_at, start_at)
    assert asked_at <= course.end < start_at
    for at_ms in (course.repeat, course.offer):
        if at_ms is not None:
            assert asked_at < at_ms <= course.end
            assert is_open(CHAIN, at_ms) or is_open(CHAIN, at_ms - 1)
    if course.repeat is not None and course.offer is not None:
        assert course.repeat <= course.offer
    wall = wall_of(course.end, zone_of(CHAIN))
    if ahead_min > 2 * 24 * 60:
        assert 8 <= wall.hour < 21  # nobody is told at night
