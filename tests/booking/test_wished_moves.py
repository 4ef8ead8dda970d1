"""Where the shop confirms by hand, a customer's move is a request: both times are kept until the shop answers or it ends."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.booking.support.chains import demo
from tests.booking.support.ledger import ms
from tests.booking.support.shop import Shop, button, shown
from tests.booking.support.times_of_day import at

OLD, NEW = "2026-11-25T15:00", "2026-11-26T10:30"


@pytest.fixture
def by_hand(tmp_path: Path) -> dict[str, str]:
    return {"chain": demo(tmp_path, confirmation='"staff"')}


async def confirmed(shop: Shop, user_id: str = "ming", wall: str = "11月25日 15:00") -> tuple[str, str, str]:
    """(service conversation, staff group, code) of an appointment that the shop has confirmed."""
    here, group = await shop.customer(user_id), await shop.staff_group()
    for text in (f"预约 {wall} 验光", "王小明，成人，来过", "好"):
        await shop.say(user_id, here, text)
    ((code, *_),) = await shop.appointments("pending")
    await shop.say("staff-li", group, f"确认 {code}")
    return here, group, code


async def asked(shop: Shop, wall: str = "11月26日 10:30") -> tuple[str, str, str]:
    """The same, and its customer has asked for another time."""
    here, group, code = await confirmed(shop)
    await shop.say("ming", here, f"改到{wall}")
    await shop.say("ming", here, "好")
    return here, group, code


async def time_of(shop: Shop, code: str) -> tuple[str, str, str]:
    """(start, wished start, status)."""
    ((start, wished, status),) = await shop.sql(
        "SELECT start_wall, wish_wall, status FROM booking_appointments WHERE code = ?", code
    )
    return start, wished, status


async def cells(shop: Shop) -> int:
    return int((await shop.sql("SELECT COUNT(*) FROM booking_cells"))[0][0])


@pytest.mark.parametrize(("minutes", "wished"), [(4, ""), (6, NEW)])
async def test_a_bare_no_just_behind_the_wish_takes_it_back(
    by_hand: dict[str, str], minutes: int, wished: str
) -> None:
    async with Shop(config=by_hand) as shop:
        here, _, code = await confirmed(shop)
        await shop.advance(60)  # its wish is young, not the appointment
        for text in ("改到11月26日 10:30", "好"):
            await shop.say("ming", here, text)
        await shop.advance(minutes)
        await shop.say("ming", here, "不用了")
        assert await time_of(shop, code) == (OLD, wished, "confirmed")


async def test_a_move_is_asked_for_and_both_times_are_kept(by_hand: dict[str, str]) -> None:
    async with Shop(config=by_hand) as shop:
        here, group, code = await confirmed(shop)
        before = await cells(shop)
        card = await shop.hear("ming", here, "改到11月26日 10:30")
        assert "请门店把预约" in card
        assert "原来的时间不变" in card
        said = await shop.say("ming", here, "好")
        assert "门店确认之前两个时间都为您留着" in at(said, here)
        assert "已把预约" not in at(said, here), "nothing was moved"
        assert "王小明 想从 11月25日 周三 15:00 改到 11月26日 周四 10:30" in at(said, group)
        assert await time_of(shop, code) == (OLD, NEW, "confirmed")
        assert await cells(shop) == 2 * before
        assert "想改到: 11月26日 周四 10:30" in await shop.hear("ming", here, "我的预约")
        assert "想改到11月26日 周四 10:30" in await shop.hear("staff-li", group, "今日预约 11月25日")


async def test_the_yes_of_the_shop_moves_it(by_hand: dict[str, str]) -> None:
    async with Shop(config=by_hand) as shop:
        here, group, code = await asked(shop)
        one = await cells(shop)
        ((version,),) = await shop.sql("SELECT version FROM booking_appointments WHERE code = ?", code)
        said = await shop.say("staff-li", group, f"确认 {code} v{version}")
        assert "门店确认了" in at(said, here)
        assert "改到 11月26日 周四 10:30" in at(said, group)
        assert await time_of(shop, code) == (NEW, "", "confirmed")
        assert await cells(shop) == one // 2
        assert "过时" in await shop.hear("staff-li", group, f"确认 {code} v{version}"), "the button is old"
        assert await shop.advance(20 * 60) == [], "nobody is asked again"


async def test_a_no_a_change_of_mind_and_time_end_it_with_words_to_both(by_hand: dict[str, str]) -> None:
    for by, text, words in (
        ("staff-li", "不改 {code}", "门店没有同意改到 11月26日 周四 10:30"),
        ("ming", "不改 {code}", "好的，不改了"),
        ("ming", "改约 {code} 11月25日 15:00", "好的，不改了"),
        ("", "2026-11-25T13:01", "门店一直没有确认改到"),
    ):
        async with Shop(config=by_hand) as shop:
            here, group, code = await asked(shop)
            one = await cells(shop) // 2
            place = group if by == "staff-li" else here
            said = await shop.say(by, place, text.format(code=code)) if by else await shop.until(text)
            assert words in at(said, here), text
            assert "11月25日 周三 15:00" in at(said, here), "which time stands is said"
            assert code in at(said, group)
            assert await time_of(shop, code) == (OLD, "", "confirmed")
            assert await cells(shop) == one


async def test_the_staff_are_asked_again_and_the_customer_is_offered_other_times(
    by_hand: dict[str, str],
) -> None:
    async with Shop(config=by_hand) as shop:
        here, group, code = await asked(shop)
        said = await shop.advance(60)
        assert "想从 11月25日 周三 15:00 改到 11月26日 周四 10:30" in at(said, group)
        assert button(said, "不改了").startswith(f"不改 {code}")
        said = await shop.advance(120)
        assert "又催了一次" in at(said, here)
        kept = button([one for one in said if one.conversation_id == here], "不改了")
        assert "好的，不改了" in await shop.hear("ming", here, kept)


async def test_a_yes_for_a_time_that_is_gone_is_told_to_both(by_hand: dict[str, str]) -> None:
    async with Shop(config=by_hand) as shop:
        here, group, code = await asked(shop)
        # Leave that an import brought: no plan of the staff was in its way.
        begin = _cell(NEW) * 300_000
        await shop.sql(
            "INSERT INTO booking_leaves"
            " (resource_id, start_at, end_at, actor_id, created_at, store_id, zone, start_wall, end_wall)"
            " SELECT resource_id, ?, ?, 'file', 0, 'garden', 'Asia/Shanghai', '2026-11-26T10:30', '2026-11-26T11:00'"
            " FROM booking_cells WHERE cell = ?",
            begin,
            begin + 1_800_000,
            _cell(NEW),
        )
        said = await shop.say("staff-li", group, f"确认 {code}")
        assert "11月26日 周四 10:30 已经不能约了" in at(said, here)
        assert "顾客已收到通知" in at(said, group)
        assert await time_of(shop, code) == (OLD, "", "confirmed")


def _cell(wall: str) -> int:
    return ms(wall, ZoneInfo("Asia/Shanghai")) // 300_000


async def test_a_plan_in_the_way_of_a_wished_time_ends_the_wish_with_words(by_hand: dict[str, str]) -> None:
    async with Shop(config=by_hand) as shop:
        here, group, code = await asked(shop)
        card = await shop.hear("staff-wang", group, "休息 11月26日")
        assert "没有预约受影响" in card
        assert "正在选的时间有1个会放开" in card
        said = await shop.say("staff-wang", group, "好")
        assert "11月26日 周四 10:30 已经不能约了" in at(said, here)
        assert await time_of(shop, code) == (OLD, "", "confirmed")


async def test_a_wish_that_overlaps_its_own_time_and_one_that_takes_the_place_of_another(
    by_hand: dict[str, str],
) -> None:
    async with Shop(config=by_hand) as shop:
        here, group, code = await asked(shop, "11月25日 15:15")
        assert await time_of(shop, code) == (OLD, "2026-11-25T15:15", "confirmed")
        assert await shop.findings() == []
        for text in ("改到11月26日 10:30", "好"):
            await shop.say("ming", here, text)
        assert await time_of(shop, code) == (OLD, NEW, "confirmed")
        await shop.say("staff-li", group, f"确认 {code}")
        assert await time_of(shop, code) == (NEW, "", "confirmed")


async def test_what_else_happens_to_the_appointment_ends_the_wish(by_hand: dict[str, str]) -> None:
    for by, texts, status in (
        ("ming", ("取消", "好"), "cancelled"),
        ("staff-li", ("改约 {code} 11月27日 10:00", "好"), "confirmed"),
        ("staff-li", ("取消 {code}", "好"), "cancelled"),
    ):
        async with Shop(config=by_hand) as shop:
            here, group, code = await asked(shop)
            for text in texts:
                await shop.say(by, group if by == "staff-li" else here, text.format(code=code))
            _, wished, now = await time_of(shop, code)
            assert (wished, now) == ("", status)
            assert await shop.sql("SELECT COUNT(*) FROM booking_requests") == [(0,)]


async def test_a_name_that_is_put_right_leaves_the_wish_and_arriving_ends_it(by_hand: dict[str, str]) -> None:
    async with Shop(config=by_hand) as shop:
        here, group, code = await asked(shop)
        for text in (f"更正 {code} 王大明", "好"):
            await shop.say("ming", here, text)
        assert await time_of(shop, code) == (OLD, NEW, "confirmed")
        assert await shop.findings() == []
        await shop.sql("UPDATE booking_requests SET due_at = due_at")  # it is still asked about
        assert (await shop.sql("SELECT COUNT(*) FROM booking_requests"))[0] == (1,)
        await shop.until("2026-11-25T12:59")
        await shop.say("staff-li", group, f"到店 {code}")
        assert await time_of(shop, code) == (OLD, NEW, "confirmed"), "it is too early"


async def test_a_customer_can_not_say_yes_for_the_shop_and_staff_move_at_once(
    by_hand: dict[str, str],
) -> None:
    async with Shop(config=by_hand) as shop:
        here, group, code = await asked(shop)
        for text in (f"确认 {code}", "好", "好"):
            await shop.say("ming", here, text)
        assert await time_of(shop, code) == (OLD, NEW, "confirmed")
        for text in (f"改约 {code} 11月27日 10:00", "好"):
            await shop.say("staff-li", group, text)
        assert await time_of(shop, code) == ("2026-11-27T10:00", "", "confirmed")


async def test_the_wished_time_is_nobody_elses(by_hand: dict[str, str]) -> None:
    async with Shop(config=by_hand) as shop:
        await asked(shop)
        await shop.sql("UPDATE booking_cells SET resource_id = resource_id")
        taken = await shop.sql("SELECT DISTINCT resource_id FROM booking_cells WHERE cell = ?", _cell(NEW))
        assert len(taken) == 2, "an optometrist and a room"


async def test_whom_the_shop_asks_for_another_time_has_its_yes(by_hand: dict[str, str]) -> None:
    async with Shop(config=by_hand) as shop:
        here, group, code = await confirmed(shop)
        said = await shop.say("staff-wang", group, "休息 11月25日")
        said = await shop.say("staff-wang", group, button(said, "确定"))
        moved = await shop.say("ming", here, f"改约 {code} 11月26日 10:30")
        assert "已把预约" in at(await shop.say("ming", here, button(moved, "确认")), here)
        assert (await time_of(shop, code))[:2] == (NEW, "")
        assert shown(moved[-1])


def both_by_hand(folder: Path) -> dict[str, str]:
    """Every shop of the chain confirms by hand."""
    place = Path(demo(folder, confirmation='"staff"'))
    text = place.read_text("utf-8")
    begin = text.index('id = "river"')
    place.write_text(text[:begin] + 'confirmation = "staff"\n' + text[begin:], "utf-8")
    return {"chain": str(place)}


async def test_a_move_to_another_shop_ends_the_old_one_only_with_that_shops_yes(tmp_path: Path) -> None:
    async with Shop(config=both_by_hand(tmp_path)) as shop:
        here, _, code = await confirmed(shop)
        await shop.say("ming", here, "改到河畔店")
        there = await shop.service("ming", "river")
        said = at(await shop.say("ming", there, "好"), there)
        assert "才会取消" in said
        assert [row[0] for row in await shop.appointments()] == [code], (
            "it stands until the other shop says yes"
        )
        ((request, *_),) = await shop.appointments("pending")
        said = at(await shop.say("staff-zhang", await shop.staff_group("river"), f"确认 {request}"), here)
        assert f"（{code}）已取消" in said
        assert [row[0] for row in await shop.appointments()] == [request]


async def test_what_was_moved_since_is_not_ended_and_that_is_said(tmp_path: Path) -> None:
    async with Shop(config=both_by_hand(tmp_path)) as shop:
        here, group, code = await confirmed(shop)
        await shop.say("ming", here, "改到河畔店")
        await shop.say("ming", await shop.service("ming", "river"), "好")
        ((request, *_),) = await shop.appointments("pending")
        for text in (f"改约 {code} 11月27日 10:00", "好"):
            await shop.say("staff-li", group, text)
        said = at(await shop.say("staff-zhang", await shop.staff_group("river"), f"确认 {request}"), here)
        assert f"（{code}）后来改过" in said
        assert {row[0] for row in await shop.appointments()} == {code, request}
