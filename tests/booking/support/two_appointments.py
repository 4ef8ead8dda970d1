"""A customer with two appointments, and which of them is left."""

from __future__ import annotations

from tests.booking.support.shop import Shop

SATURDAY, SUNDAY = "11月21日 10:00", "11月22日 15:00"


async def two(shop: Shop, language: str = "zh-CN") -> tuple[str, str, str]:
    """(service conversation, code of Saturday, code of Sunday)."""
    here = await shop.customer("ming", language)
    for wall in (SATURDAY, SUNDAY):
        for text in (f"预约 {wall} 验光", "王小明，成人，来过", "好"):
            await shop.say("ming", here, text)
    (saturday, *_), (sunday, *_) = await shop.appointments()
    return here, str(saturday), str(sunday)


async def left(shop: Shop) -> list[str]:
    return [str(row[0]) for row in await shop.appointments()]
