"""The calendar file of an appointment: its customer's alone, the same event whatever becomes of it, and an alarm."""

from __future__ import annotations

from typing import Any

import icalendar
import pytest

from imserver.plugin_api import HttpResponse
from imserver.plugins.booking.web.limit import BURST
from tests.booking.support.chains import demo
from tests.booking.support.page import mine
from tests.booking.support.shop import NOW, Shop, shown

FORM = "/details\nname: Ann Lee\nage: adult\nfirst visit: yes\nconsent: shipped-1"


async def booked(
    shop: Shop, name: str = "ann", wall: str = "2026-11-20 15:00", language: str = "en"
) -> tuple[str, str]:
    """(conversation, code)"""
    room = await shop.customer(name, language)
    for text in (f"/book exam {wall}", FORM, "yes" if language == "en" else "好"):
        await shop.say(name, room, text)
    (one,) = (await mine(shop, name)).upcoming
    return room, one.code


async def get(shop: Shop, code: str, user_id: str | None = "ann") -> HttpResponse:
    return await shop.kit.http("GET", f"/x/booking/event/{code}.ics", user_id=user_id)


async def event(shop: Shop, code: str, user_id: str = "ann") -> Any:
    answer = await get(shop, code, user_id)
    assert answer.status == 200, answer.body
    assert answer.content_type == "text/calendar; charset=utf-8"
    assert "no-store" in answer.headers["cache-control"]
    assert isinstance(answer.body, bytes)
    calendar = icalendar.Calendar.from_ical(answer.body)
    (one,) = calendar.walk("VEVENT")
    return one


async def test_an_appointment_with_its_alarm() -> None:
    async with Shop() as shop:
        _, code = await booked(shop)
        one = await event(shop, code)
        begin = NOW.replace(day=20, hour=15)
        assert (one["dtstart"].dt, (one["dtend"].dt - one["dtstart"].dt).seconds) == (begin, 30 * 60)
        assert (str(one["status"]), one["sequence"]) == ("CONFIRMED", 3)
        assert str(one["summary"]) == "eye exam at Garden Road"
        assert str(one["location"]) == "18 Garden Road, ground floor"
        (alarm,) = one.walk("VALARM")
        assert alarm["trigger"].dt.total_seconds() == -2 * 3600
        assert (await event(shop, code.lower()))["uid"] == one["uid"], "however a code is written"
        await shop.until("2026-11-20T15:10")
        await shop.say("staff-li", await shop.staff_group(), f"爽约 {code}")
        missed = await event(shop, code)
        assert (str(missed["status"]), missed.walk("VALARM")) == ("CANCELLED", [])


async def test_moved_and_cancelled_it_is_the_same_event_in_a_later_state() -> None:
    async with Shop() as shop:
        room, code = await booked(shop)
        first = await event(shop, code)
        await shop.say("ann", room, f"/move {code} v3 2026-11-21 10:30")
        await shop.say("ann", room, "yes")
        moved = await event(shop, code)
        await shop.say("ann", room, f"/cancel {code} v4 yes")
        off = await event(shop, code)
        assert str(first["uid"]) == str(moved["uid"]) == str(off["uid"])
        assert first["sequence"] < moved["sequence"] < off["sequence"]
        assert moved["dtstart"].dt == NOW.replace(day=21, hour=10, minute=30)
        assert str(off["status"]) == "CANCELLED"
        assert off.walk("VALARM") == []


async def test_nobody_else_finds_it() -> None:
    async with Shop() as shop:
        room, code = await booked(shop)
        await shop.kit.user("eve")
        for user_id, status in ((None, 401), ("eve", 404), ("staff-li", 404)):
            assert (await get(shop, code, user_id)).status == status
        for other in ("A2S5", code + "x", "", f"{code}.ics"):
            assert (await get(shop, other)).status == 404
        await shop.say("ann", room, "/book exam 2026-11-20 16:00")
        held = (await mine(shop, "ann")).held
        assert held is not None
        assert (await get(shop, held.code)).status == 404, "it is none yet"


async def test_whoever_asks_for_files_without_end_is_slowed_down() -> None:
    """It takes no place from those who open the page meanwhile."""
    async with Shop() as shop:
        await shop.kit.user("ann")
        answers = [await get(shop, "ZZ22") for _ in range(int(BURST) + 1)]
        assert [answer.status for answer in answers[-2:]] == [404, 429]


async def test_a_request_is_tentative_and_chinese_is_answered_in_chinese(tmp_path: Any) -> None:
    async with Shop(config={"chain": demo(tmp_path, confirmation='"staff"')}) as shop:
        _, code = await booked(shop, "ming", language="zh-CN")
        one = await event(shop, code, "ming")
        assert (str(one["status"]), str(one["summary"])) == ("TENTATIVE", "花园店 验光")


@pytest.mark.parametrize(("url", "there"), [("https://shop.example", True), ("", False)])
async def test_the_pack_names_the_file_where_it_can_be_reached(url: str, there: bool) -> None:
    shop = Shop()
    shop.kit.public_url = url
    async with shop:
        room, code = await booked(shop)
        pack = next(one for one in reversed(shop.kit.messages(room)) if "Before you come" in shown(one))
        assert (f"{url}/x/booking/event/{code}.ics" in shown(pack)) is there
