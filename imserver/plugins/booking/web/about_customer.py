"""A customer as the staff of a shop see them beside the conversation: what waits, who has it, and their appointments there."""

from __future__ import annotations

from collections.abc import Sequence

from imserver.plugins.booking.conversations import ServiceConversation
from imserver.plugins.booking.schedule.appointments import Appointment, past, upcoming
from imserver.plugins.booking.schedule.asked_by_staff import AboutCustomer, Commands, Facts
from imserver.plugins.booking.waiting import silent_until, taken_until

from .inbox import Desk, taken_of, who_of
from .sheet import earliest, row_of

#: Appointments that are over, the latest first.
PAST_SHOWN = 10


def about(desk: Desk, service: ServiceConversation, asker_id: str, *, here: bool) -> AboutCustomer:
    """The answer to `x-booking.customer`. `here`: whether the customer is in the conversation."""
    shown, customer_id = desk.shown, service.customer_id
    rows, shop = shown.rows, shown.shop
    coming = upcoming(rows, customer_id, shop.id)
    over = past(rows, customer_id, shop.id, PAST_SHOWN)
    told = {one.id: row_of(shown, one) for one in (*coming, *over)}
    taken = taken_of(desk, service)
    silent = taken is not None or rows.now_ms < silent_until(service)
    who = who_of(desk, customer_id)
    ends = [until for _, until in told.values()]
    ends += [one.end_at for one in coming]
    if silent:
        ends.append(taken_until(service) if taken is not None else silent_until(service))
    words = shown.words
    return AboutCustomer(
        shop=shop.id,
        as_of=rows.now_ms,
        until=earliest(at for at in ends if at is not None and at > rows.now_ms),
        customer=Facts(
            id=who.id,
            name=who.name,
            guest=who.guest,
            language=who.language,
            telephone=_telephone([*coming, *over]),
        ),
        here=here,
        why=service.waiting_why or None,
        since=service.waiting_since,
        position=service.waiting_position,
        taken=taken,
        commands=Commands(
            take=None if taken is not None and taken.by == asker_id else words("command.take"),
            give_back=words("command.give_back") if silent else None,
            book=words("command.book"),
        ),
        upcoming=tuple(told[one.id][0] for one in coming),
        past=tuple(told[one.id][0] for one in over),
    )


def _telephone(known: Sequence[Appointment]) -> str | None:
    """The number of the latest booking that has one."""
    return next((one.phone for one in sorted(known, key=lambda one: -one.id) if one.phone), None)
