"""Checks of what falls due: holds, requests and reminders have the timers that end them, and no timer is about nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from imserver.plugin_api import Snapshot
from imserver.plugins.booking import to_teams
from imserver.plugins.booking.dialogue import handoff, holding, link, take_over
from imserver.plugins.booking.journey import offers, plan_end, reminders, requests, set_back
from imserver.plugins.booking.journey.reminders import KINDS
from imserver.plugins.booking.schedule import consents
from imserver.plugins.booking.schedule.status import Status


def confirmed_have_reminders(sql: Snapshot) -> list[str]:
    """Every confirmed appointment has a decision for each kind of reminder, and a planned one has a timer."""
    rows = sql(
        "SELECT a.code, COUNT(r.kind),"  # noqa: S608
        " SUM(CASE WHEN r.state = 'planned' AND r.timer_id IS NULL THEN 1 ELSE 0 END) FROM booking_appointments a"
        " LEFT JOIN booking_reminders r ON r.appointment_id = a.id AND r.version = a.version AND r.kind <> 'exam_recall'"
        f" WHERE a.status = '{Status.CONFIRMED}' GROUP BY a.id"
    )
    sql.looked_at(len(rows))
    return [
        f"appointment {code} has {count} reminders of {len(KINDS)}, {timerless} of them without a timer"
        for code, count, timerless in rows
        if count != len(KINDS) or timerless
    ]


def no_reminder_for_nothing(sql: Snapshot) -> list[str]:
    """No reminder is still planned for another version or status."""
    sql.looked_at(int(sql("SELECT COUNT(*) FROM booking_reminders")[0][0]))
    rows = sql(
        "SELECT a.code, r.kind, r.version, a.version, a.status FROM booking_reminders r JOIN booking_appointments a"  # noqa: S608
        " ON a.id = r.appointment_id WHERE r.state = 'planned' AND r.kind <> 'exam_recall'"
        f" AND (r.version <> a.version OR a.status <> '{Status.CONFIRMED}')"
    )
    return [
        f"appointment {code}: {kind} of version {old} is planned, but it is {status} version {new}"
        for code, kind, old, new, status in rows
    ]


def holds_will_end(look: Snapshot) -> list[str]:
    """Every hold has a timer that will end it: without one it would own its cells for ever."""
    timed = {payload.get("appointment") for payload in _payloads(look, holding.HOLD_TIMER)}
    rows = look(f"SELECT id, code FROM booking_appointments WHERE status = '{Status.HELD}'")  # noqa: S608
    look.looked_at(len(rows))
    return [
        f"appointment {code} is held, and no timer will end it"
        for number, code in rows
        if number not in timed
    ]


def reminders_have_timers(look: Snapshot) -> list[str]:
    """A planned reminder has the timer that it names, and a timer has the reminder that it names."""
    timers = {number: timer for number, timer in look.timers().items() if timer.name == reminders.TIMER}
    rows = look(
        "SELECT r.timer_id, r.appointment_id, r.version, r.kind, r.due_at, a.code FROM booking_reminders r"
        " JOIN booking_appointments a ON a.id = r.appointment_id WHERE r.state = 'planned'"
    )
    look.looked_at(len(rows))
    found = []
    for number, *wanted, due_at, code in rows:
        timer = timers.pop(number, None)
        named = (
            None
            if timer is None
            else [timer.payload.get(name) for name in ("appointment", "version", "kind")]
        )
        if timer is None or named != wanted or timer.due_at != due_at:
            found.append(f"appointment {code}: {wanted[2]} of version {wanted[1]} has no timer at {due_at}")
    found += [
        f"timer {number} is for a reminder that is not planned: {timer.payload}"
        for number, timer in timers.items()
    ]
    return found


def requests_will_end(look: Snapshot) -> list[str]:
    """Every request that waits for the shop has the timer that its row names, and nothing else has one."""
    timers = {number: timer.due_at for number, timer in look.timers().items() if timer.name == requests.TIMER}
    rows = look("SELECT appointment_id, timer_id, due_at FROM booking_requests")
    planned = {number for number, timer_id, due_at in rows if timers.get(timer_id) == due_at}
    waiting = look(
        f"SELECT id, code FROM booking_appointments WHERE status = '{Status.PENDING}' OR wish_wall <> ''"  # noqa: S608
    )
    look.looked_at(len(waiting) + len(rows))
    found = [
        f"appointment {code} waits for the shop, and nothing will end that"
        for number, code in waiting
        if number not in planned
    ]
    left = {number for number, *_ in rows} - {number for number, _ in waiting}
    found += [f"appointment {number} is no request, and is asked about" for number in sorted(left)]
    return found


def timers_are_known(look: Snapshot) -> list[str]:
    """Every timer names an appointment, a conversation, a store or a plan that exists."""
    appointments = {row[0] for row in look("SELECT id FROM booking_appointments")}
    services = {row[0] for row in look("SELECT conversation_id FROM booking_services")}
    stores = {row[0] for row in look("SELECT store_id FROM booking_staff_groups")}
    plans = {row[0] for row in look("SELECT id FROM booking_plans")}
    known: Mapping[str, tuple[str, set[Any]]] = {
        offers.TIMER: ("plan", plans),
        plan_end.TIMER: ("plan", plans),
        consents.TIMER: ("store", stores),
        set_back.TIMER: ("store", stores),
        holding.HOLD_TIMER: ("appointment", appointments),
        reminders.TIMER: ("appointment", appointments),
        requests.TIMER: ("appointment", appointments),
        handoff.UNANSWERED_TIMER: ("conversation", services),
        link.CODE_TIMER: ("conversation", services),
        link.LINK_TIMER: ("store", stores),
        take_over.TIMER: ("conversation", services),
        take_over.LEFT_TIMER: ("store", stores),
    }
    look.looked_at(len(look.timers()))
    found = []
    for number, timer in look.timers().items():
        field, existing = known.get(timer.name, ("name", set()))
        if timer.name != to_teams.TIMER and timer.payload.get(field) not in existing:
            found.append(f"timer {number} ({timer.name}) is about {timer.payload}, which does not exist")
    return found


def _payloads(look: Snapshot, name: str) -> Iterator[Mapping[str, Any]]:
    return (timer.payload for timer in look.timers().values() if timer.name == name)


OF_TABLES = {
    "confirmed appointments have reminders": confirmed_have_reminders,
    "no reminder for nothing": no_reminder_for_nothing,
}
OF_CHAT = {
    "holds will end": holds_will_end,
    "reminders have timers": reminders_have_timers,
    "requests will end": requests_will_end,
    "timers are known": timers_are_known,
}
