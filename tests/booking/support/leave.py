"""Leave of staff: who asks for it, who is in the way, and when the plan is agreed on."""

from __future__ import annotations

from imserver.testing import Said
from tests.booking.support.shop import Shop, button, shown

#: Friday, two days on; Li works then, and Wang.
FRIDAY = "2026-11-20"


async def book(
    shop: Shop, user_id: str, wall: str, *, service: str = "验光", name: str = "王小明"
) -> tuple[str, str]:
    """(service conversation, code) of a new customer's confirmed appointment."""
    here = await shop.customer(user_id)
    await shop.say(user_id, here, f"预约 {wall} {service}")
    await shop.say(user_id, here, name)
    await shop.say(user_id, here, "28岁，第一次")
    await shop.say(user_id, here, "好")
    (code,) = (
        row[0] for row in await shop.appointments() if row[1] == wall.replace(" ", "T") and row[3] == name
    )
    return here, code


async def with_li(shop: Shop, user_id: str, wall: str, **more: str) -> tuple[str, str]:
    """The same, and it is Li who serves it."""
    here, code = await book(shop, user_id, wall, **more)
    await shop.sql(
        "UPDATE booking_cells SET resource_id = 'garden-li' WHERE resource_id = 'garden-wang' AND appointment_id ="
        " (SELECT id FROM booking_appointments WHERE code = ?)",
        code,
    )
    await shop.sql(
        "UPDATE booking_appointment_resources SET resource_id = 'garden-li' WHERE resource_id = 'garden-wang'"
        " AND appointment_id = (SELECT id FROM booking_appointments WHERE code = ?)",
        code,
    )
    return here, code


async def staff(shop: Shop, text: str) -> str:
    return await shop.hear("staff-wang", await shop.staff_group(), text)


async def agreed(shop: Shop, text: str) -> list[Said]:
    """The command, and the yes on its card; all that was said because of the yes."""
    group = await shop.staff_group()
    said = await shop.say("staff-wang", group, text)
    return await shop.say("staff-wang", group, button(said, "确定"))


def at(said: list[Said], place: str) -> str:
    return "\n".join(shown(one) for one in said if one.conversation_id == place)


async def progress(shop: Shop, plan: int = 1) -> str:
    """The list of a plan as it reads now."""
    group = await shop.staff_group()
    ((position,),) = await shop.sql("SELECT progress_position FROM booking_plans WHERE id = ?", plan)
    return next(shown(one) for one in shop.kit.messages(group) if one.position == position)


async def free(shop: Shop, day: str, service: str = "儿童验光") -> str:
    """What a new customer is offered on a day; only Li can do a child's exam here."""
    here = await shop.customer(f"asks-{len(shop.kit._said)}")
    user_id = (await shop.sql("SELECT customer_id FROM booking_services WHERE conversation_id = ?", here))[0][
        0
    ]
    await shop.say(user_id, here, f"预约 {service}")
    return await shop.hear(user_id, here, f"{day} ")
