"""Reminders: when each is due, and whether it is sent when its timer fires.

`due` is pure. A planned reminder is a row and a durable timer; whether it is sent is decided only when it fires, from the
appointment as it is then. `PRIMARY KEY (appointment, version, kind)`: no version is reminded of twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from imserver.plugin_api import Transaction
from imserver.plugins.booking.customers import customer, language_for
from imserver.plugins.booking.messages import cards
from imserver.plugins.booking.messages.info_pack import reminder_note
from imserver.plugins.booking.messages.shop_texts import ShopTexts
from imserver.plugins.booking.schedule.appointments import Appointment, get, resources_of
from imserver.plugins.booking.schedule.hours import MINUTE_MS, utc_ms, wall_of, zone_named
from imserver.plugins.booking.schedule.status import Status

from . import reach

TIMER = "reminder"
KINDS = ("day_before", "same_day")

SAME_DAY_MIN = 120
#: The quiet hours: a reminder that would be due in them is due a little before they begin.
QUIET_FROM, QUIET_TO = time(21, 0), time(8, 0)
QUIET_MARGIN_MIN = 5
#: A customer who booked so recently needs no reminder.
MIN_AGE_MIN = 30


@dataclass(frozen=True, slots=True)
class Due:
    """`at` is UTC ms, or None with the reason why nothing will be sent."""

    at: int | None
    reason: str = ""


def due(kind: str, start_wall: datetime, zone: ZoneInfo, changed_at: int) -> Due:
    """When a reminder of this kind is due for an appointment that was booked or changed at `changed_at`."""
    if kind == "day_before":
        wall = start_wall - timedelta(days=1)
    else:
        start_at = utc_ms(start_wall, zone)
        wall = start_wall if start_at is None else wall_of(start_at - SAME_DAY_MIN * MINUTE_MS, zone)
    wall = before_quiet(wall)
    at = utc_ms(wall, zone)
    if at is None:  # daylight saving skips this wall time: an hour earlier exists
        at = utc_ms(wall - timedelta(hours=1), zone)
    if at is None or at < changed_at + MIN_AGE_MIN * MINUTE_MS:
        return Due(None, "too_soon")
    return Due(at)


def before_quiet(wall: datetime) -> datetime:
    """The same moment, or the last one before the quiet hours that it falls into."""
    if QUIET_TO <= wall.time() < QUIET_FROM:
        return wall
    evening = wall.date() if wall.time() >= QUIET_FROM else wall.date() - timedelta(days=1)
    return datetime.combine(evening, QUIET_FROM) - timedelta(minutes=QUIET_MARGIN_MIN)


def plan(tx: Transaction, appointment: Appointment) -> None:
    """Rows and timers for this version of a confirmed appointment."""
    values: list[object] = []
    for kind in KINDS:
        when = due(kind, appointment.wall, zone_named(appointment.zone), appointment.changed_at)
        timer = None
        if when.at is not None:
            payload = {"appointment": appointment.id, "version": appointment.version, "kind": kind}
            timer = tx.schedule(when.at, TIMER, payload)
        values += (
            appointment.id,
            appointment.version,
            kind,
            when.at,
            "not_sent" if timer is None else "planned",
            when.reason,
            timer,
            tx.now_ms if timer is None else None,
        )
    tx.execute(
        "INSERT INTO booking_reminders (appointment_id, version, kind, due_at, state, reason, timer_id, decided_at)"  # noqa: S608
        " VALUES " + ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?)"] * len(KINDS)),
        values,
    )


def drop(tx: Transaction, appointment: Appointment, reason: str) -> None:
    """No reminder of any version so far will be sent; the reason is kept."""
    rows = tx.execute(
        "UPDATE booking_reminders SET state = 'not_sent', reason = ?, decided_at = ?"
        " WHERE appointment_id = ? AND state = 'planned' RETURNING timer_id",
        (reason, tx.now_ms, appointment.id),
    )
    for (timer,) in rows:
        if timer is not None:
            tx.cancel_timer(timer)


def fire(tx: Transaction, texts: ShopTexts, appointment_id: int, version: int, kind: str) -> None:
    """A timer fired: send the reminder, put it off, or write down why not."""
    row = tx.execute(
        "SELECT due_at FROM booking_reminders"
        " WHERE appointment_id = ? AND version = ? AND kind = ? AND state = 'planned'",
        (appointment_id, version, kind),
    )
    appointment = get(tx, appointment_id)
    if not row or appointment is None:
        return
    zone = zone_named(appointment.zone)
    now = wall_of(tx.now_ms, zone)
    if appointment.version != version:
        _decide(tx, appointment_id, version, kind, "not_sent", "superseded")
    elif texts.chain.shop(appointment.store_id) is None:
        _decide(tx, appointment_id, version, kind, "not_sent", "no_store")
    elif appointment.status is not Status.CONFIRMED:
        _decide(tx, appointment_id, version, kind, "not_sent", str(appointment.status))
    elif appointment.start_at <= tx.now_ms:
        _decide(tx, appointment_id, version, kind, "not_sent", "past")
    elif customer(tx, appointment.customer_id).no_messages:
        _decide(tx, appointment_id, version, kind, "not_sent", "no_messages")
    elif row[0][0] > tx.now_ms:  # the clock was set back since the timer fired
        _plan_anew(tx, appointment, kind, row[0][0])
    elif kind == "day_before" and _same_day_is_due(tx, appointment):
        _decide(tx, appointment_id, version, kind, "not_sent", "late")
    elif before_quiet(now) != now:
        _put_off(tx, appointment, kind, now)
    else:
        _send(tx, texts, appointment, kind)


def not_sent_again(tx: Transaction, appointment_id: int, version: int, kind: str) -> bool:
    """It was due in what a restore has taken away, and may have been sent then. False if it would not have been sent."""
    rows = tx.execute(
        "UPDATE booking_reminders SET state = 'not_sent', reason = 'set_back', decided_at = ?"
        " WHERE appointment_id = ? AND version = ? AND kind = ? AND state = 'planned' RETURNING kind",
        (tx.now_ms, appointment_id, version, kind),
    )
    return bool(rows)


def _same_day_is_due(tx: Transaction, appointment: Appointment) -> bool:
    """The server was down when both were due: one card is enough."""
    rows = tx.execute(
        "SELECT 1 FROM booking_reminders WHERE appointment_id = ? AND version = ? AND kind = 'same_day' AND due_at <= ?",
        (appointment.id, appointment.version, tx.now_ms),
    )
    return bool(rows)


def _put_off(tx: Transaction, appointment: Appointment, kind: str, now: datetime) -> None:
    """The server was down when it was due, and now it is night: in the morning, if that is before the appointment."""
    morning = datetime.combine(now.date() + timedelta(days=now.time() >= QUIET_FROM), QUIET_TO)
    at = utc_ms(morning, zone_named(appointment.zone))
    if at is None or at >= appointment.start_at:
        _decide(tx, appointment.id, appointment.version, kind, "not_sent", "quiet")
        return
    _plan_anew(tx, appointment, kind, at)


def _plan_anew(tx: Transaction, appointment: Appointment, kind: str, at: int) -> None:
    payload = {"appointment": appointment.id, "version": appointment.version, "kind": kind}
    timer = tx.schedule(at, TIMER, payload)
    tx.execute(
        "UPDATE booking_reminders SET due_at = ?, timer_id = ? WHERE appointment_id = ? AND version = ? AND kind = ?",
        (at, timer, appointment.id, appointment.version, kind),
    )


def _send(tx: Transaction, texts: ShopTexts, appointment: Appointment, kind: str) -> None:
    shop = texts.shop_of(appointment)
    words = texts.catalogue.words(language_for(tx, appointment.customer_id), shop)
    today = wall_of(tx.now_ms, zone_named(appointment.zone)).date()
    service = texts.chain.service(appointment.service_id)
    text = words(
        "reminder.text",
        when=words.relative(appointment.wall, today),
        store=shop.names.in_language(words.language),
        service=service.names.in_language(words.language) if service else "",
        address=shop.address.in_language(words.language),
    )
    note = reminder_note(words, texts.chain, appointment, customer(tx, appointment.customer_id).lens_kind)
    content = cards.card(
        words("reminder.title"),
        f"{text}\n{note}" if note else text,
        cards.appointment_fields(words, texts.chain, shop, appointment, resources_of(tx, appointment.id)),
        cards.change_options(words, appointment),
        ("appointment", appointment.code, appointment.version),
    )
    reach.tell(tx, texts.chain, words, shop, (appointment.conversation_id, appointment.customer_id), content)
    _decide(tx, appointment.id, appointment.version, kind, "sent", "")


def _decide(tx: Transaction, appointment_id: int, version: int, kind: str, state: str, reason: str) -> None:
    tx.execute(
        "UPDATE booking_reminders SET state = ?, reason = ?, decided_at = ?"
        " WHERE appointment_id = ? AND version = ? AND kind = ?",
        (state, reason, tx.now_ms, appointment_id, version, kind),
    )
