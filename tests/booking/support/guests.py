"""Guests of the page, and what they book."""

from __future__ import annotations

from imserver.plugins.booking.schedule.asked import MINE, MineParams
from tests.booking.support.shop import GARDEN, Shop

FORM = "/details\nname: {name}\nage: adult\nfirst visit: yes"


async def guest(shop: Shop, name: str, *more: str, bot: str = GARDEN) -> str:
    """A guest who has opened a shop; the conversation."""
    await shop.kit.user(name, language="en", roles=("guest", *more))
    await shop.say(
        name, shop.kit.direct(name, bot), "/stores garden" if bot == GARDEN else "/stores riverside"
    )
    return await shop.service(name, bot.removeprefix("store-"))


async def books(shop: Shop, name: str, room: str, wall: str, service: str = "exam") -> str:
    """The status of what comes of it; "" for nothing."""
    await shop.say(name, room, f"/book {service} {wall}")
    held = (await shop.kit.call(MINE, name, MineParams())).mine.held
    if held is None:
        return ""
    said = await shop.say(name, room, FORM.format(name=name.title()))
    command = [
        a["command"] for one in said for a in one.content.get("actions", ()) if "confirm" in a["command"]
    ][-1]
    await shop.say(name, room, command)
    ((status,),) = await shop.sql("SELECT status FROM booking_appointments WHERE code = ?", held.code)
    return str(status)
