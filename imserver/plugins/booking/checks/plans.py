"""Checks of what was changed by talking: changes of the chain, leave, plans and their offers."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfoNotFoundError

import msgspec

from imserver.plugin_api import Snapshot
from imserver.plugins.booking.journey import offers
from imserver.plugins.booking.schedule.hours import zone_named
from imserver.plugins.booking.schedule.leave import bounds
from imserver.plugins.booking.schedule.plans import OPEN, Detail
from imserver.plugins.booking.schedule.status import Status


def changes_can_be_read(sql: Snapshot) -> list[str]:
    """Every change is of a field of a shop, its values are JSON, and the revision counts."""
    rows = sql("SELECT id, path, value, was FROM booking_chain_changes")
    sql.looked_at(len(rows))
    found = []
    for number, path, value, was in rows:
        parts = path.split(".")
        if len(parts) < 4 or parts[0] != "stores" or not all(parts):
            found.append(f"change {number} is of {path!r}, which is no field of a shop")
        try:
            msgspec.json.decode(value)
            msgspec.json.decode(was)
        except msgspec.DecodeError as error:
            found.append(f"change {number} of {path}: {error}")
    revisions = sql("SELECT revision FROM booking_chain")
    if rows and not revisions:
        found.append(f"there are {len(rows)} changes, and the chain has no revision")
    return found


def leave_is_sane(sql: Snapshot) -> list[str]:
    """Leave ends after it begins, and is at the wall times that it names."""
    rows = sql("SELECT id, resource_id, zone, start_wall, end_wall, start_at, end_at FROM booking_leaves")
    sql.looked_at(len(rows))
    found = []
    for number, resource_id, zone, start_wall, end_wall, start_at, end_at in rows:
        if start_at >= end_at:
            found.append(f"leave {number} of {resource_id} ends at {end_at} and begins at {start_at}")
        elif zone:
            try:
                start, end = datetime.fromisoformat(start_wall), datetime.fromisoformat(end_wall)
                wanted = bounds(start, end, zone_named(zone))
            except (ValueError, ZoneInfoNotFoundError):
                wanted = (0, 0)
            if wanted != (start_at, end_at):
                found.append(
                    f"leave {number} of {resource_id} is from {start_wall} to {end_wall} in {zone},"
                    f" and not from {start_at} to {end_at}"
                )
    return found


def offers_are_ticked_off(sql: Snapshot) -> list[str]:
    """Only a plan that was agreed to offers anything, and an offer is open only while its appointment is to come."""
    rows = sql(
        "SELECT a.code, a.status, o.state, o.plan_id, p.state FROM booking_offers o"
        " LEFT JOIN booking_appointments a ON a.id = o.appointment_id LEFT JOIN booking_plans p ON p.id = o.plan_id"
    )
    sql.looked_at(len(rows))
    found = []
    for code, status, state, number, plan_state in rows:
        if plan_state != "agreed":
            found.append(f"plan {number} is {plan_state}, and offers {code} other times")
        if state in OPEN and status not in (Status.PENDING, Status.CONFIRMED):
            found.append(f"appointment {code} is {status}, and plan {number} still counts it as {state}")
    return found


def plans_can_be_read(look: Snapshot) -> list[str]:
    """Every plan decodes, its list stands in the staff group, and a timer will tell who does not answer."""
    timed = {timer.payload.get("plan") for timer in look.timers().values() if timer.name == offers.TIMER}
    groups = dict(look("SELECT store_id, conversation_id FROM booking_staff_groups"))
    waiting = {
        row[0]
        for row in look(
            "SELECT plan_id FROM booking_offers WHERE state = 'waiting' AND (told_at = 0 OR due_at IS NOT NULL)"
        )
    }
    rows = look("SELECT id, store_id, detail, progress_position FROM booking_plans")
    look.looked_at(len(rows))
    found = []
    for number, store_id, detail, position in rows:
        try:
            msgspec.json.decode(detail, type=Detail)
        except msgspec.DecodeError as error:
            found.append(f"plan {number}: {error}")
        group = groups.get(store_id)
        if position is not None and (group is None or look.message(group, position) is None):
            found.append(f"plan {number} has its list at {position} of {group}, where no message is")
        if number in waiting and number not in timed:
            found.append(f"plan {number} waits for answers, and no timer will tell the staff")
    return found


OF_TABLES = {
    "changes can be read": changes_can_be_read,
    "leave is sane": leave_is_sane,
    "offers are ticked off": offers_are_ticked_off,
}
OF_CHAT = {"plans can be read": plans_can_be_read}
