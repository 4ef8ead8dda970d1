"""Checks of appointments: the cells they own, the times and the history that they claim, and where they are talked about."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfoNotFoundError

from imserver.plugin_api import Snapshot, decode_content
from imserver.plugins.booking.schedule import cells
from imserver.plugins.booking.schedule.codes import code_of
from imserver.plugins.booking.schedule.hours import utc_ms, zone_named
from imserver.plugins.booking.schedule.slots import CELL_MS
from imserver.plugins.booking.schedule.status import OF_THE_DAY, OWNING, TRANSITIONS, Action, Status

_OWNING = ", ".join(f"'{status}'" for status in sorted(OWNING))
#: Statuses in which the customer has a card; a cancelled appointment may never have had one.
_WITH_CARD = frozenset(Status) - {Status.HELD, Status.EXPIRED, Status.CANCELLED}
#: (status before, action) -> status after: the steps that a history may hold.
_STEPS = {(row.before, row.action): row.after for row in TRANSITIONS}
#: The first change of every appointment.
_HOLD = "hold"


class _Wish(NamedTuple):
    """Columns of an appointment that asks for another time (walls in its zone, the rest UTC milliseconds)."""

    id: int
    code: str
    status: str
    start_at: int
    free_at: int
    zone: str
    wish_wall: str
    wish_start_at: int
    wish_free_at: int
    wish_resources: str


class _Times(NamedTuple):
    """Columns that say when an appointment is, and until when it is held (UTC milliseconds)."""

    id: int
    code: str
    status: str
    start_wall: str
    zone: str
    start_at: int
    end_at: int
    free_at: int
    hold_until: int | None


# -- the tables alone ---------------------------------------------------------------------------------------------------


def cells_are_owned(sql: Snapshot) -> list[str]:
    """Each live appointment owns exactly the cells of its resources from start to the end of its buffer."""
    rows = sql(
        "SELECT a.code, COUNT(c.cell),"  # noqa: S608
        " (SELECT COUNT(*) FROM booking_appointment_resources r WHERE r.appointment_id = a.id)"
        " * ((a.free_at - a.start_at) / 300000), MIN(c.cell), a.start_at / 300000, MAX(c.cell), a.free_at / 300000 - 1,"
        " SUM(CASE WHEN EXISTS (SELECT 1 FROM booking_appointment_resources r"
        "  WHERE r.appointment_id = a.id AND r.resource_id = c.resource_id) THEN 0 ELSE 1 END)"
        " FROM booking_appointments a LEFT JOIN booking_cells c ON c.appointment_id = a.id"
        f" WHERE a.status IN ({_OWNING}) AND a.wish_wall = '' GROUP BY a.id"
    )
    sql.looked_at(len(rows))
    return [
        f"appointment {code} owns {count} cells ({first}-{last}), not {wanted} ({begin}-{end})"
        for code, count, wanted, first, begin, last, end, strange in rows
        if count != wanted or first != begin or last != end or strange or not wanted
    ]


def wished_times_are_owned(sql: Snapshot) -> list[str]:
    """Only a confirmed appointment can have asked for another time, and it owns the cells of both times and no other."""
    rows = sql(
        f"SELECT {', '.join(_Wish._fields)} FROM booking_appointments"  # noqa: S608
        " WHERE wish_wall <> '' OR wish_start_at <> 0 OR wish_resources <> ''"
    )
    sql.looked_at(_count(sql, "booking_appointments"))
    wishes = [_Wish(*row) for row in rows]
    return [
        f"appointment {wish.code} {wrong}" for wish in wishes for wrong in [_wrong_wish(sql, wish)] if wrong
    ]


def _wrong_wish(sql: Snapshot, wish: _Wish) -> str:
    if wish.status != Status.CONFIRMED:
        return f"is {wish.status}, and asks for {wish.wish_wall}"
    if not wish.wish_wall or _at(wish.wish_wall, wish.zone) != wish.wish_start_at:
        return f"asks for {wish.wish_wall!r} in {wish.zone}, and not for {wish.wish_start_at}"
    used = sql("SELECT resource_id FROM booking_appointment_resources WHERE appointment_id = ?", (wish.id,))
    wanted = {
        *cells.span(wish.start_at, wish.free_at, [name for (name,) in used]),
        *cells.span(wish.wish_start_at, wish.wish_free_at, wish.wish_resources.split()),
    }
    owned = set(sql("SELECT resource_id, cell FROM booking_cells WHERE appointment_id = ?", (wish.id,)))
    return "" if owned == wanted else f"owns {len(owned)} cells, and not the {len(wanted)} of both its times"


def no_cell_without_appointment(sql: Snapshot) -> list[str]:
    """Cells of appointments that are over, or do not exist."""
    sql.looked_at(_count(sql, "booking_cells"))
    rows = sql(
        "SELECT c.resource_id, c.cell, c.appointment_id, a.status FROM booking_cells c LEFT JOIN booking_appointments a"  # noqa: S608
        f" ON a.id = c.appointment_id WHERE a.id IS NULL OR a.status NOT IN ({_OWNING})"
    )
    return [
        f"cell {cell} of {resource} belongs to appointment {number} ({status})"
        for resource, cell, number, status in rows
    ]


def nobody_is_promised_twice(sql: Snapshot) -> list[str]:
    """No two appointments overlap on a resource: judged by the appointments, not by the cells that should prevent it."""
    rows = sql(
        "SELECT r.resource_id, a.code, a.start_at, a.free_at FROM booking_appointments a"  # noqa: S608
        " JOIN booking_appointment_resources r ON r.appointment_id = a.id"
        f" WHERE a.status IN ({_OWNING}) ORDER BY r.resource_id, a.start_at, a.id"
    )
    sql.looked_at(len(rows))
    return [
        f"{code} and {other_code} both have {resource}"
        for (resource, code, _, free_at), (other, other_code, start_at, _) in pairwise(rows)
        if resource == other and start_at < free_at
    ]


def appointments_are_sane(sql: Snapshot) -> list[str]:
    """Code, times and hold follow from the id, the wall clock and the status."""
    rows = sql(f"SELECT {', '.join(_Times._fields)} FROM booking_appointments")  # noqa: S608
    sql.looked_at(len(rows))
    all_times = [_Times(*row) for row in rows]
    return [
        f"appointment {times.code} {wrong}" for times in all_times for wrong in [_wrong_times(times)] if wrong
    ]


def _wrong_times(times: _Times) -> str:
    try:
        wanted = _at(times.start_wall, times.zone)
    except (ValueError, ZoneInfoNotFoundError):
        wanted = None
    if times.code != code_of(times.id):
        return f"is number {times.id}, whose code is {code_of(times.id)}"
    if times.start_at != wanted:
        return f"is at {times.start_wall} in {times.zone}, and not at {times.start_at}"
    if (
        not times.start_at < times.end_at <= times.free_at
        or times.start_at % CELL_MS
        or times.free_at % CELL_MS
    ):
        return f"begins at {times.start_at}, ends at {times.end_at} and is free at {times.free_at}"
    if (times.status == Status.HELD) != (times.hold_until is not None):
        return f"is {times.status} with a hold until {times.hold_until}"
    return ""


def _at(wall: str, zone: str) -> int | None:
    return utc_ms(datetime.fromisoformat(wall), zone_named(zone))


def history_is_whole(sql: Snapshot) -> list[str]:
    """Every version of every appointment has its change, each step is one of the state table, and the last is how it is."""
    steps: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for number, *step in sql(
        "SELECT appointment_id, version, action, status, start_wall FROM booking_changes ORDER BY appointment_id, version"
    ):
        steps[number].append(tuple(step))
    rows = sql("SELECT id, code, version, status, start_wall FROM booking_appointments")
    sql.looked_at(len(rows))
    return [
        f"appointment {code} {wrong}"
        for number, code, *now in rows
        for wrong in [_wrong_history(steps.get(number, []), *now)]
        if wrong
    ]


def _wrong_history(steps: list[tuple[Any, ...]], version: int, status: str, start_wall: str) -> str:
    if [step[0] for step in steps] != list(range(1, version + 1)):
        return f"is at version {version} with {len(steps)} changes"
    if steps[0][1:3] != (_HOLD, Status.HELD):
        return f"began as {steps[0][2]} by {steps[0][1]}"
    taken: list[tuple[str, str]] = []  # (status before, action) of the steps of the day that stand
    for (_, _, before, wall), (number, action, after, new_wall) in pairwise(steps):
        undone = taken.pop() if action == Action.UNDO and taken else None
        if action in OF_THE_DAY:
            taken.append((before, action))
        if (undone[0] if undone else _STEPS.get((before, action))) != after:
            return f"went from {before} to {after} by {action} (version {number})"
        if action != Action.MOVE and wall != new_wall:
            return f"went from {wall} to {new_wall} by {action} (version {number})"
    if steps[-1][2:] != (status, start_wall):
        return f"is {status} at {start_wall}, and its history ends {steps[-1][2]} at {steps[-1][3]}"
    return ""


def conversations_are_known(sql: Snapshot) -> list[str]:
    """Every appointment names the conversation of its shop with its customer, or with the guest who went on as them."""
    sql.looked_at(_count(sql, "booking_appointments"))
    rows = sql(
        "SELECT a.code, a.conversation_id FROM booking_appointments a LEFT JOIN booking_services s"
        " ON s.conversation_id = a.conversation_id AND s.store_id = a.store_id AND (s.customer_id = a.customer_id"
        " OR EXISTS (SELECT 1 FROM booking_joins j WHERE j.guest_id = s.customer_id AND j.account_id = a.customer_id"
        " AND j.joined_at IS NOT NULL))"
        " WHERE s.store_id IS NULL"
    )
    return [f"appointment {code} is talked about in {name}, which is not its own" for code, name in rows]


def _count(sql: Snapshot, table: str) -> int:
    return int(sql(f"SELECT COUNT(*) FROM {table}")[0][0])  # noqa: S608  a name of ours


# -- and the chat -------------------------------------------------------------------------------------------------------


def cards_are_shown(look: Snapshot) -> list[str]:
    """The card of every appointment stands in its conversation, in its current version."""
    rows = look("SELECT code, version, status, conversation_id, card_position FROM booking_appointments")
    look.looked_at(len(rows))
    found: list[str] = []
    for code, version, status, conversation_id, position in rows:
        if position is None:
            wrong = "has no card" if status in _WITH_CARD else ""
        elif status in (Status.HELD, Status.EXPIRED):
            wrong = f"is {status} and has a card"
        else:
            wrong = _wrong_card(look, conversation_id, position, code, version)
        if wrong:
            found.append(f"appointment {code} {wrong}")
    return found


def _wrong_card(look: Snapshot, conversation_id: str, position: int, code: str, version: int) -> str:
    message = look.message(conversation_id, position)
    if message is None or message.content is None:
        return f"has its card at {position}, where no message is"
    ref = decode_content(message.content).get("ref")
    if ref != {"kind": "appointment", "id": code, "version": version}:
        return f"is at version {version}, and its card shows {ref}"
    return ""


OF_TABLES = {
    "cells are owned": cells_are_owned,
    "wished times are owned": wished_times_are_owned,
    "no cell without an appointment": no_cell_without_appointment,
    "nobody is promised twice": nobody_is_promised_twice,
    "appointments are sane": appointments_are_sane,
    "history is whole": history_is_whole,
}
OF_CHAT = {
    "conversations are known": conversations_are_known,
    "cards are shown": cards_are_shown,
}
