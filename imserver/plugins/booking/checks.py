"""What `imserver check` asks of the booking tables: each finding is a sentence with the appointment's code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .reminders import KINDS
from .states import OWNING, Status

Sql = Callable[..., list[tuple[Any, ...]]]

#: Findings of one kind that are listed; a broken database has thousands.
MAX_FINDINGS = 50
_OWNING = ", ".join(f"'{status}'" for status in sorted(OWNING))


def cells_are_owned(sql: Sql) -> list[str]:
    """Each live appointment owns exactly the cells of its resources from start to the end of its buffer."""
    rows = sql(
        "SELECT a.code, COUNT(c.cell),"  # noqa: S608
        " (SELECT COUNT(*) FROM booking_appointment_resources r WHERE r.appointment_id = a.id)"
        " * ((a.free_at - a.start_at) / 300000), MIN(c.cell), a.start_at / 300000, MAX(c.cell), a.free_at / 300000 - 1,"
        " SUM(NOT EXISTS (SELECT 1 FROM booking_appointment_resources r"
        "  WHERE r.appointment_id = a.id AND r.resource_id = c.resource_id))"
        " FROM booking_appointments a LEFT JOIN booking_cells c ON c.appointment_id = a.id"
        f" WHERE a.status IN ({_OWNING}) GROUP BY a.id"
    )
    return [
        f"appointment {code} owns {count} cells ({first}-{last}), not {wanted} ({begin}-{end})"
        for code, count, wanted, first, begin, last, end, strange in rows
        if count != wanted or first != begin or last != end or strange or not wanted
    ][:MAX_FINDINGS]


def no_cell_without_appointment(sql: Sql) -> list[str]:
    """Cells of appointments that are over, or do not exist."""
    rows = sql(
        "SELECT c.resource_id, c.cell, c.appointment_id, a.status FROM booking_cells c LEFT JOIN booking_appointments a"  # noqa: S608
        f" ON a.id = c.appointment_id WHERE a.id IS NULL OR a.status NOT IN ({_OWNING}) LIMIT {MAX_FINDINGS}"
    )
    return [
        f"cell {cell} of {resource} belongs to appointment {number} ({status})"
        for resource, cell, number, status in rows
    ]


def confirmed_have_reminders(sql: Sql) -> list[str]:
    """Every confirmed appointment has a decision for each kind of reminder, and a planned one has a timer."""
    rows = sql(
        "SELECT a.code, COUNT(r.kind), SUM(r.state = 'planned' AND r.timer_id IS NULL) FROM booking_appointments a"  # noqa: S608
        " LEFT JOIN booking_reminders r ON r.appointment_id = a.id AND r.version = a.version AND r.kind <> 'exam_recall'"
        f" WHERE a.status = '{Status.CONFIRMED}' GROUP BY a.id"
    )
    return [
        f"appointment {code} has {count} reminders of {len(KINDS)}, {timerless or 0} of them without a timer"
        for code, count, timerless in rows
        if count != len(KINDS) or timerless
    ][:MAX_FINDINGS]


def no_reminder_for_nothing(sql: Sql) -> list[str]:
    """No reminder is still planned for another version or status."""
    rows = sql(
        "SELECT a.code, r.kind, r.version, a.version, a.status FROM booking_reminders r JOIN booking_appointments a"  # noqa: S608
        " ON a.id = r.appointment_id WHERE r.state = 'planned' AND r.kind <> 'exam_recall'"
        f" AND (r.version <> a.version OR a.status <> '{Status.CONFIRMED}') LIMIT {MAX_FINDINGS}"
    )
    return [
        f"appointment {code}: {kind} of version {old} is planned, but it is {status} version {new}"
        for code, kind, old, new, status in rows
    ]


def history_is_whole(sql: Sql) -> list[str]:
    """Every version of every appointment has its change."""
    rows = sql(
        "SELECT a.code, a.version, COUNT(c.version), MAX(c.version) FROM booking_appointments a LEFT JOIN booking_changes c"  # noqa: S608
        f" ON c.appointment_id = a.id GROUP BY a.id HAVING COUNT(c.version) <> a.version OR MAX(c.version) <> a.version"
        f" LIMIT {MAX_FINDINGS}"
    )
    return [
        f"appointment {code} is at version {version} with {count} changes" for code, version, count, _ in rows
    ]


CHECKS = {
    "cells are owned": cells_are_owned,
    "no cell without an appointment": no_cell_without_appointment,
    "confirmed appointments have reminders": confirmed_have_reminders,
    "no reminder for nothing": no_reminder_for_nothing,
    "history is whole": history_is_whole,
}
