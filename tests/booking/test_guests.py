"""Guests, whom nobody has verified: what they may have, and that above it the staff confirm and nobody is refused."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.booking.support.chains import demo
from tests.booking.support.guests import books, guest
from tests.booking.support.page import mine
from tests.booking.support.shop import RIVER, Shop, shown


async def came_for(shop: Shop, name: str, named: str) -> None:
    """The page that made this guest named that shop."""
    await shop.kit.store.write(lambda tx: tx.put_guest(name, named, ""))


def starts(day: str, count: int) -> list[str]:
    """Starts of a day that do not overlap, two for each: the demo shop has two optometrists."""
    return [f"{day} {10 + number // 2}:00" for number in range(count)]


async def test_a_guest_has_two_appointments_and_the_third_waits_for_the_staff() -> None:
    async with Shop() as shop:
        room = await guest(shop, "ann")
        walls = ("2026-11-20 15:00", "2026-11-21 15:00", "2026-11-22 15:00")
        assert [await books(shop, "ann", room, wall) for wall in walls] == [
            "confirmed",
            "confirmed",
            "pending",
        ]
        room = await shop.customer("bob", "en")
        assert [await books(shop, "bob", room, wall) for wall in walls] == ["confirmed"] * 3


async def test_a_guests_appointments_count_in_their_own_shop_and_not_against_their_own_move() -> None:
    async with Shop() as shop:
        garden, river = await guest(shop, "ann"), await guest(shop, "ann", bot=RIVER)
        for wall in ("2026-11-20 15:00", "2026-11-21 15:00"):
            assert await books(shop, "ann", garden, wall) == "confirmed"
        assert await books(shop, "ann", river, "2026-11-23 15:00") == "confirmed"
        first = (await mine(shop, "ann")).upcoming[0]
        await shop.say("ann", garden, f"{first.move} 2026-11-20 16:00")
        moving = (await mine(shop, "ann")).moving
        assert moving is not None
        assert moving.confirmation == "auto"


async def test_guests_together_have_their_part_of_a_day_and_two_at_least(tmp_path: Path) -> None:
    chain = {"chain": demo(tmp_path, guest_share="0")}
    async with Shop(config=chain) as shop:
        said = []
        for name, wall in zip(("ann", "bob", "cy", "dee"), starts("2026-11-20", 4), strict=True):
            said.append(await books(shop, name, await guest(shop, name), wall))
        assert said == ["confirmed", "confirmed", "pending", "pending"]
        other_day = await guest(shop, "eve")
        assert await books(shop, "eve", other_day, "2026-11-21 15:00") == "confirmed"
        verified = await shop.customer("fay", "en")
        assert await books(shop, "fay", verified, "2026-11-20 15:00") == "confirmed"


async def test_a_crowd_of_guests_takes_no_day_and_the_people_hear_of_it(tmp_path: Path) -> None:
    chain = {"chain": demo(tmp_path, guest_share="0")}
    async with Shop(config=chain) as shop:
        for name, wall in zip("abcd", starts("2026-11-20", 4), strict=True):
            assert await books(shop, f"g{name}", await guest(shop, f"g{name}"), wall)
        room = await guest(shop, "last")
        said = await shop.say("last", room, "/book exam 2026-11-20 17:00")
        assert await shop.appointments("held") == []
        assert "passed on" in "\n".join(shown(one) for one in said if one.conversation_id == room)
        group = await shop.staff_group()
        called = await shop.advance(6)
        assert any(one.conversation_id == group for one in called), "the staff are called"
        verified = await shop.customer("fay", "en")
        assert await books(shop, "fay", verified, "2026-11-20 17:00") == "confirmed"


@pytest.mark.parametrize("confirmation", ["auto", "staff"])
@pytest.mark.parametrize("way", ["held elsewhere", "moved"])
async def test_a_crowd_comes_to_a_day_from_no_other_day(way: str, confirmation: str, tmp_path: Path) -> None:
    """A hold of another day, an appointment of another day, and a wish to move one are no way around the bound."""
    chain = {"chain": demo(tmp_path, guest_share="0", guest_confirmation=f'"{confirmation}"')}
    async with Shop(config=chain) as shop:
        full = starts("2026-11-20", 6)
        for name, wall in zip("abc", full[:3], strict=True):
            assert await books(shop, f"g{name}", await guest(shop, f"g{name}"), wall)
        said, room = [], ""
        for name, wall, day in zip("def", full[3:], (21, 21, 22), strict=True):
            who = f"g{name}"
            room = await guest(shop, who)
            if way == "moved":
                assert await books(shop, who, room, f"2026-11-{day} 15:00")
                (one,) = (await mine(shop, who)).upcoming
                said = await shop.say(who, room, f"{one.move} {wall}")
                moving = (await mine(shop, who)).moving
                if moving is not None:
                    said = await shop.say(who, room, str(moving.confirm))
            else:
                await shop.say(who, room, f"/book exam 2026-11-{day} 15:00")
                said = await shop.say(who, room, f"/book exam {wall}")
        assert "passed on" in "\n".join(shown(one) for one in said if one.conversation_id == room)
        midnight = datetime(2026, 11, 20, tzinfo=ZoneInfo("Asia/Shanghai"))
        first = int(midnight.timestamp()) // 300
        there = await shop.sql(
            "SELECT COUNT(DISTINCT appointment_id) FROM booking_cells WHERE cell >= ? AND cell < ?",
            first,
            first + 288,
        )
        assert there == [(4,)], "twice the least part, whoever asks, however"
        verified = await shop.customer("fay", "en")
        assert await books(shop, "fay", verified, "2026-11-20 17:00") == "confirmed"


async def test_the_part_is_of_what_others_leave_free(tmp_path: Path) -> None:
    """A fifth of a day with ten places is two; with no others there are more."""
    chain = {"chain": demo(tmp_path, guest_share="20")}
    async with Shop(config=chain) as shop:
        said = []
        for number, wall in enumerate(starts("2026-11-20", 6)):
            name = f"g{number}"
            said.append(await books(shop, name, await guest(shop, name), wall))
        assert said == ["confirmed"] * 6


async def each_books(shop: Shop, *wishes: tuple[str, str]) -> list[str]:
    """What comes of the wishes (service, time of Friday), each of another guest."""
    said = []
    for number, (service, time) in enumerate(wishes):
        name = f"{service[:4]}{number}"
        said.append(await books(shop, name, await guest(shop, name), f"2026-11-20 {time}", service))
    return said


async def test_the_part_is_of_the_time_and_no_mix_of_services_is_more(tmp_path: Path) -> None:
    """A tenth of the day of two optometrists is two glasses, or five lens checks: not both."""
    async with Shop(config={"chain": demo(tmp_path, guest_share="10")}) as shop:
        long = [("glasses", time) for time in ("10:00", "10:00")]
        assert await each_books(shop, *long, ("lens-check", "12:00")) == ["confirmed", "confirmed", "pending"]


async def test_twice_the_part_is_of_the_time_too_also_for_a_hold_that_grows(tmp_path: Path) -> None:
    async with Shop(config={"chain": demo(tmp_path, guest_share="10")}) as shop:
        long = [("glasses", time) for time in ("10:00", "10:00", "11:30")]
        await each_books(shop, *long, ("lens-check", "13:00"))
        room = await guest(shop, "grows")
        await shop.say("grows", room, "/book lens-check 2026-11-20 14:00")
        assert len(await shop.appointments("held")) == 1
        said = await shop.say("grows", room, "/book glasses 2026-11-20 14:00")
        assert await shop.appointments("held") == []
        assert "passed on" in "\n".join(shown(one) for one in said if one.conversation_id == room)


async def test_what_guests_have_with_others_is_no_part_of_it(tmp_path: Path) -> None:
    """Whoever collects glasses at the counter takes no optometrist's time."""
    async with Shop(config={"chain": demo(tmp_path, guest_share="10")}) as shop:
        counter = [("collect", time) for time in ("10:00", "10:15", "10:30")]
        assert await each_books(shop, *counter, ("exam", "10:00")) == ["confirmed"] * 4


async def test_what_guests_have_on_the_next_day_is_no_part_of_it(tmp_path: Path) -> None:
    async with Shop(config={"chain": demo(tmp_path, guest_share="0")}) as shop:
        for name, wall in zip("ab", starts("2026-11-21", 2), strict=True):
            assert await books(shop, f"g{name}", await guest(shop, f"g{name}"), wall) == "confirmed"
        assert await each_books(shop, ("exam", "15:00")) == ["confirmed"]


async def test_who_came_for_another_shop_waits_until_the_people_of_this_one_have_said_yes(
    tmp_path: Path,
) -> None:
    """Guests are counted by the shop that the page names: whoever names others in turn has no more here for it."""
    async with Shop() as shop:
        for name, named in (("ann", "garden"), ("bob", "river"), ("cy", "")):
            room = await guest(shop, name)
            await came_for(shop, name, named)
            status = "confirmed" if named == "garden" else "pending"
            await shop.say(name, room, "/book exam 2026-11-20 15:00")
            held = (await mine(shop, name)).held
            assert held is not None
            assert held.confirmation == ("auto" if status == "confirmed" else "staff"), (
                "the page says so before"
            )
            assert await books(shop, name, room, f"2026-11-2{len(name)} 15:00") == status
        more = await books(shop, "cy", await shop.service("cy", "garden"), "2026-11-24 10:30")
        assert more == "pending", "what only waits is no yes"
        ((code,),) = await shop.sql(
            "SELECT code FROM booking_appointments WHERE customer_id = 'bob' AND status = 'pending'"
        )
        await shop.say("staff-li", await shop.staff_group(), f"确认 {code}")
        assert (
            await books(shop, "bob", await shop.service("bob", "garden"), "2026-11-25 15:00") == "confirmed"
        )


@pytest.mark.parametrize(
    ("more", "fields", "status"),
    [
        ((), {}, "confirmed"),
        (("crowded",), {}, "pending"),
        ((), {"guest_confirmation": '"staff"'}, "pending"),
        ((), {"guest_upcoming": "0"}, "pending"),
    ],
)
async def test_whom_the_staff_confirm(
    more: tuple[str, ...], fields: dict[str, str], status: str, tmp_path: Path
) -> None:
    async with Shop(config={"chain": demo(tmp_path, **fields)}) as shop:
        room = await guest(shop, "ann", *more)
        await shop.say("ann", room, "/book exam 2026-11-20 15:00")
        held = (await mine(shop, "ann")).held
        assert held is not None
        assert held.confirmation == ("staff" if status == "pending" else "auto")
        assert await books(shop, "ann", room, "2026-11-20 15:00") == status
        group = await shop.staff_group()
        card = next(one for one in reversed(shop.kit.messages(group)) if one.content.get("type") == "card")
        assert "nobody has verified" in shown(card) or "未核实" in shown(card)
        bob = await shop.customer("bob", "en")
        assert await books(shop, "bob", bob, "2026-11-20 16:00") == "confirmed"


async def test_staff_see_of_others_that_they_are_no_guests() -> None:
    async with Shop() as shop:
        await books(shop, "bob", await shop.customer("bob", "en"), "2026-11-20 16:00")
        card = shop.kit.messages(await shop.staff_group())[-1]
        assert "未核实" not in shown(card)


async def test_a_guest_without_a_name_holds_one_time_in_all_shops() -> None:
    async with Shop() as shop:
        garden = await guest(shop, "ann")
        await shop.say("ann", shop.kit.direct("ann", RIVER), "/stores riverside")
        river = await shop.service("ann", "river")
        await shop.say("ann", garden, "/book exam 2026-11-20 15:00")
        await shop.say("ann", river, "/book exam 2026-11-20 16:00")
        assert [row[1] for row in await shop.appointments("held")] == ["2026-11-20T16:00"]


async def test_a_guests_move_above_the_part_is_asked_of_the_staff(tmp_path: Path) -> None:
    chain = {"chain": demo(tmp_path, guest_share="0")}
    async with Shop(config=chain) as shop:
        for name, wall in zip(("ann", "bob"), starts("2026-11-20", 2), strict=True):
            assert await books(shop, name, await guest(shop, name), wall) == "confirmed"
        room = await guest(shop, "cy")
        assert await books(shop, "cy", room, "2026-11-21 15:00") == "confirmed"
        (one,) = (await mine(shop, "cy")).upcoming
        await shop.say("cy", room, f"{one.move} 2026-11-20 16:00")
        moving = (await mine(shop, "cy")).moving
        assert moving is not None
        assert moving.confirmation == "staff"
        await shop.say("cy", room, str(moving.confirm))
        (one,) = (await mine(shop, "cy")).upcoming
        assert (one.wall, one.wish) == ("2026-11-21T15:00", "2026-11-20T16:00")


async def test_staff_book_for_a_guest_as_for_anybody(tmp_path: Path) -> None:
    chain = {"chain": demo(tmp_path, guest_confirmation='"staff"')}
    async with Shop(config=chain) as shop:
        room = await guest(shop, "ann")
        await shop.say("staff-li", room, "预约 周五15:00 验光")
        await shop.say("staff-li", room, "王安，成人，第一次")
        await shop.say("staff-li", room, "好")
        assert len(await shop.appointments()) == 1
