"""An appointment of a customer, made by what the customer says."""

from __future__ import annotations

from tests.booking.support.shop import Shop, shown


async def booked(
    shop: Shop, user: str = "ming", when: str = "明天15:00", bot: str = "store-garden"
) -> tuple[str, str]:
    """A confirmed appointment: (service conversation, code)."""
    here = await shop.customer(user, bot=bot)
    for text in (f"预约 {when} 验光", "王小明，成人，来过", "好"):
        await shop.say(user, here, text)
    rows = await shop.sql(
        "SELECT code FROM booking_appointments WHERE customer_id = ? AND status = 'confirmed'", user
    )
    assert rows, shown(shop.kit.messages(here)[-1])
    return here, str(rows[-1][0])
