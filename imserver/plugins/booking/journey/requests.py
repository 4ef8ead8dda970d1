"""Requests where the shop confirms by hand, and when what happens to them: none is forgotten until its time has come.

The staff are asked again after an hour of opening hours, and after three the customer is offered other times and other shops;
from then on the staff are asked once a day. Two hours before its time a request that nobody answered ends, with words to both.
Where the shop is open for less than that until the end, the same steps come sooner.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from imserver.plugin_api import Transaction
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.schedule.appointments import Appointment, pending
from imserver.plugins.booking.schedule.hours import (
    MINUTE_MS,
    after_open_minutes,
    opening_spans,
    utc_ms,
    wall_of,
    zone_of,
)
from imserver.plugins.booking.schedule.shops import Shop
from imserver.plugins.booking.schedule.status import Status

from .reminders import before_quiet

TIMER = "request"
#: Minutes of opening hours after which the staff are asked again, and the customer is offered something else.
REPEAT_MIN, OFFER_MIN = 60, 180
#: The staff are asked again each time so much later.
AGAIN_MS = 24 * 60 * MINUTE_MS
#: A timer fires, is tried again and given up within seconds; so much later it never will.
OVERDUE_MS = 60 * MINUTE_MS
#: A request ends so long before its time, not at night, and never in the first half of the time that there was.
ENDS_BEFORE_MIN = 120


@dataclass(frozen=True, slots=True)
class Course:
    """When what happens to a request that nobody answers, UTC ms. None: the shop is not open for it before the end."""

    repeat: int | None
    offer: int | None
    end: int


def course(shop: Shop, asked_at: int, start_at: int) -> Course:
    """The steps of a request, from when it was asked and the time that it asks for."""
    zone = zone_of(shop)
    latest = utc_ms(before_quiet(wall_of(start_at, zone) - timedelta(minutes=ENDS_BEFORE_MIN)), zone)
    half = asked_at + (start_at - asked_at) // 2
    end = max(half, latest if latest is not None else start_at - ENDS_BEFORE_MIN * MINUTE_MS)
    open_min = _open_minutes(shop, asked_at, end)
    if open_min < 3:
        return Course(None, None, end)
    repeat = after_open_minutes(shop, asked_at, min(REPEAT_MIN, open_min // 3))
    offer = after_open_minutes(shop, asked_at, min(OFFER_MIN, open_min * 2 // 3))
    return Course(repeat, offer, end)


def _open_minutes(shop: Shop, begin: int, end: int) -> int:
    """Opening minutes between two moments, as far as it matters here."""
    found = 0
    for opens, closes in opening_spans(shop, begin):
        if opens >= end or found >= 2 * OFFER_MIN:
            break
        found += max(0, min(closes, end) - max(opens, begin)) // MINUTE_MS
    return found


def plan_all(tx: Transaction, texts: ShopTexts) -> None:
    """Requests of before they had an end, and those whose timer was given up. Writes nothing if there are none."""
    for appointment in pending(tx):
        row = row_of(tx, appointment.id)
        if row is None and texts.chain.shop(appointment.store_id) is not None:
            plan(tx, texts, appointment)
        elif row is not None and row[2] < tx.now_ms - OVERDUE_MS:
            asked_at, step, _ = row
            drop(tx, appointment)
            put(tx, appointment, asked_at, step, tx.now_ms)


def plan(tx: Transaction, texts: ShopTexts, appointment: Appointment) -> None:
    """A time was asked for: what comes first. Of an appointment that is no request there is nothing to plan."""
    drop(tx, appointment)
    if waits(appointment):
        asked_at = appointment.changed_at
        steps = course(texts.shop_of(appointment), asked_at, until(appointment))
        name, due = ("end", steps.end) if steps.repeat is None else ("repeat", steps.repeat)
        put(tx, appointment, asked_at, name, due)


def waits(appointment: Appointment) -> bool:
    """Whether the shop has to answer: a request, or a wish for another time."""
    return appointment.status is Status.PENDING or bool(appointment.wish_wall)


def until(appointment: Appointment) -> int:
    """The time that comes first, UTC ms: before it the answer has to be there."""
    return min(appointment.start_at, appointment.wish_start_at or appointment.start_at)


def drop(tx: Transaction, appointment: Appointment) -> None:
    """It is answered, or no request any more."""
    rows = tx.execute(
        "DELETE FROM booking_requests WHERE appointment_id = ? RETURNING timer_id", (appointment.id,)
    )
    for (timer_id,) in rows:
        tx.cancel_timer(timer_id)


def row_of(tx: Transaction, appointment_id: int) -> tuple[int, str, int] | None:
    """(asked_at, next_step, due_at) of a request."""
    rows = tx.execute(
        "SELECT asked_at, next_step, due_at FROM booking_requests WHERE appointment_id = ?", (appointment_id,)
    )
    return (rows[0][0], rows[0][1], rows[0][2]) if rows else None


def put(tx: Transaction, appointment: Appointment, asked_at: int, step: str, due_at: int) -> None:
    """What comes next, and its timer."""
    timer = tx.schedule(due_at, TIMER, {"appointment": appointment.id})
    tx.execute(
        "INSERT INTO booking_requests (appointment_id, asked_at, next_step, due_at, timer_id) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (appointment_id) DO UPDATE SET next_step = excluded.next_step, due_at = excluded.due_at,"
        " timer_id = excluded.timer_id",
        (appointment.id, asked_at, step, due_at, timer),
    )
