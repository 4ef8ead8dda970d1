"""Guests of the page, and what they book."""

from __future__ import annotations

from imserver.testing import Said
from tests.booking.support.page import mine
from tests.booking.support.shop import GARDEN, Shop

FORM = "/details\nname: {name}\nage: adult\nfirst visit: yes"
ANNS_FORM = FORM.format(name="Ann Lee")


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
    held = (await mine(shop, name)).held
    if held is None:
        return ""
    said = await shop.say(name, room, FORM.format(name=name.title()))
    command = [
        a["command"] for one in said for a in one.content.get("actions", ()) if "confirm" in a["command"]
    ][-1]
    await shop.say(name, room, command)
    ((status,),) = await shop.sql("SELECT status FROM booking_appointments WHERE code = ?", held.code)
    return str(status)


async def old_and_new(shop: Shop, *, opened: bool = True) -> tuple[str, str]:
    """Ann's conversation, and that of the guest that her new phone is."""
    room = await shop.customer("ann", "en")
    if opened:
        return room, await guest(shop, "new")
    await shop.kit.user("new", language="en", roles=("guest",))
    return room, ""


async def asks_to_join(shop: Shop, room: str, staff: str = "staff-li", *, at: str = "") -> str:
    """Staff type the code of the new phone; the code."""
    code = await shop.kit.show_code("new", at)
    assert code in await shop.hear(staff, room, f"/link {code}")
    return code


async def joins(shop: Shop, room: str) -> list[Said]:
    """All of it, with the yes; what was posted from the yes on."""
    code = await asks_to_join(shop, room)
    before = shop._heads()
    await shop.kit.accept(code)
    return shop._since(before, "")
