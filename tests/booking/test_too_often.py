"""One customer who does the same again and again: the people hear of it once, and have a day's peace."""

from __future__ import annotations

import pytest

from imserver.plugins.booking.schedule import day_limits
from tests.booking.support.guests import books, guest
from tests.booking.support.page import mine
from tests.booking.support.shop import Shop, shown


async def to_staff(shop: Shop) -> int:
    return len(shop.kit.messages(await shop.staff_group()))


async def test_who_calls_again_is_answered_and_the_staff_are_called_once_until_they_answer() -> None:
    async with Shop() as shop:
        room = await shop.customer("ann", "en")
        before = await to_staff(shop)
        for _ in range(5):
            assert "called" in (await shop.hear("ann", room, "/human")).lower()
        assert await to_staff(shop) == before + 1
        await shop.advance(6)
        assert await to_staff(shop) == before + 2, "once more, as nobody answered"
        await shop.say("staff-li", room, "hello")
        await shop.say("ann", room, "/human")
        assert await to_staff(shop) == before + 3


async def test_the_lenses_of_somebody_are_told_once() -> None:
    async with Shop() as shop:
        room = await shop.customer("ann", "en")
        before = await to_staff(shop)
        for _ in range(3):
            await shop.say("ann", room, "/lenses rgp")
        assert await to_staff(shop) == before + 1


@pytest.mark.parametrize("act", ["books and cancels", "moves", "holds"])
async def test_a_guest_who_books_and_changes_all_day_is_left_to_the_people(
    act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_limits, "MAX_CHANGED", 3)
    monkeypatch.setattr(day_limits, "MAX_HELD", 4)
    async with Shop() as shop:
        room = await guest(shop, "ann")
        if act == "moves":
            assert await books(shop, "ann", room, "2026-11-20 15:00") == "confirmed"
        for number in range(5):
            if act == "holds":
                await shop.say("ann", room, "/cancel")
                await shop.say("ann", room, f"/book exam 2026-11-2{number} 15:00")
            elif act == "moves":
                (one,) = (await mine(shop, "ann")).upcoming
                await shop.say("ann", room, f"{one.move} 2026-11-2{number} 1{number}:30")
                moving = (await mine(shop, "ann")).moving
                if moving is not None:
                    await shop.say("ann", room, str(moving.confirm))
            elif await books(shop, "ann", room, f"2026-11-2{number} 15:00") == "confirmed":
                (one,) = (await mine(shop, "ann")).upcoming
                said = await shop.hear("ann", room, f"/cancel {one.code} v{one.version} yes")
                assert "cancelled" in said, "that is always possible"
        assert "more than one person books" in "\n".join(shown(one) for one in shop.kit.messages(room)[-4:])
        before = await to_staff(shop)
        await shop.say("ann", room, "/book exam 2026-11-25 15:00")
        assert (await mine(shop, "ann")).held is None
        assert await to_staff(shop) == before
        await shop.advance(24 * 60)
        await shop.say("ann", room, "/book exam 2026-11-26 15:00")
        assert (await mine(shop, "ann")).held is not None
