"""An appointment of a customer, made by what the customer says."""

from __future__ import annotations

from tests.booking.support.shop import Shop, shown

#: What two texts say: a wish, and who comes.
WISH, FACTS = "预约 周六15:00 验光", "王小明，成人，来过"


async def booked(
    shop: Shop, user: str = "ming", when: str = "明天15:00", bot: str = "store-garden"
) -> tuple[str, str]:
    """A confirmed appointment: (service conversation, code)."""
    here = await shop.customer(user, bot=bot)
    for text in (f"预约 {when} 验光", FACTS, "好"):
        await shop.say(user, here, text)
    rows = await shop.sql(
        "SELECT code FROM booking_appointments WHERE customer_id = ? AND status = 'confirmed'", user
    )
    assert rows, shown(shop.kit.messages(here)[-1])
    return here, str(rows[-1][0])


async def standing(shop: Shop) -> list[tuple[str, str]]:
    """(start, name) of what is booked."""
    return [(start, name) for _, start, _, name in await shop.appointments()]


async def walls(shop: Shop) -> list[str]:
    """The starts of what is booked, as wall times of the shop."""
    return [str(row[1]) for row in await shop.appointments()]
