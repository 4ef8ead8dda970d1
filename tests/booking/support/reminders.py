"""Reminders of appointments: when they come, and why they do not."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from tests.booking.support.ledger import ms
from tests.booking.support.shop import Shop, shown


def reminders_in(shop: Shop, here: str) -> list[str]:
    return [shown(one) for one in shop.kit.messages(here) if one.content.get("title") == "预约提醒"]


async def down_until(shop: Shop, wall: str, zone: str = "Asia/Shanghai") -> None:
    """The server stops now and starts at a wall time of the shop."""
    await shop.kit.crash()
    shop.kit.clock.jump_to(ms(wall, ZoneInfo(zone)))
    await shop.kit.start()
    await shop.kit.idle()


async def why(shop: Shop) -> list[tuple[str, str, str]]:
    rows = await shop.sql("SELECT kind, state, reason FROM booking_reminders ORDER BY version, kind")
    return [(str(kind), str(state), str(reason)) for kind, state, reason in rows]
