"""The checks of the booking tables for `imserver check`: each finding is a sentence with the appointment's code.

`OF_TABLES` reads the tables alone; `OF_CHAT` also what their rows name: timers, messages, conversations, accounts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfoNotFoundError

import msgspec

from imserver.plugin_api import Role, Snapshot, decode_content

from . import consent_checks, plan_checks, to_teams, waiting_checks
from .dialogue import emergency, handoff, holding, link, take_over
from .dialogue.state import Dialogue
from .journey import offers, plan_end, reminders, requests, set_back
from .journey.reminders import KINDS
from .schedule import cells, consents
from .schedule.codes import code_of
from .schedule.hours import utc_ms, zone_named
from .schedule.slots import CELL_MS
from .schedule.status import OF_THE_DAY, OWNING, TRANSITIONS, Action, Status
from .understanding.alarms import KINDS as KINDS_OF_ALARM

#: Findings of one kind that are listed; a broken database has thousands.
MAX_FINDINGS = 50
_OWNING = ", ".join(f"'{status}'" for status in sorted(OWNING))

#: Statuses in which the customer has a card; a cancelled appointment may never have had one.
_WITH_CARD = frozenset(Status) - {Status.HELD, Status.EXPIRED, Status.CANCELLED}
#: (status before, action) -> status after: the steps that a history may hold.
_STEPS = {(row.before, row.action): row.after for row in TRANSITIONS}
#: The first change of every appointment.
_HOLD = "hold"


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
    ][:MAX_FINDINGS]


def wished_times_are_owned(sql: Snapshot) -> list[str]:
    """Only a confirmed appointment can have asked for another time, and it owns the cells of both times and no other."""
    rows = sql(
        "SELECT id, code, status, start_at, free_at, wish_wall, zone, wish_start_at, wish_free_at, wish_resources"
        " FROM booking_appointments WHERE wish_wall <> '' OR wish_start_at <> 0 OR wish_resources <> ''"
    )
    sql.looked_at(_count(sql, "booking_appointments"))
    return [f"appointment {row[1]} {wrong}" for row in rows for wrong in [_wrong_wish(sql, *row)] if wrong][
        :MAX_FINDINGS
    ]


def _wrong_wish(
    sql: Snapshot,
    number: int,
    code: str,
    status: str,
    start_at: int,
    free_at: int,
    wish_wall: str,
    zone: str,
    wish_start_at: int,
    wish_free_at: int,
    wish_resources: str,
) -> str:
    if status != Status.CONFIRMED:
        return f"is {status}, and asks for {wish_wall}"
    if not wish_wall or utc_ms(datetime.fromisoformat(wish_wall), zone_named(zone)) != wish_start_at:
        return f"asks for {wish_wall!r} in {zone}, and not for {wish_start_at}"
    used = sql("SELECT resource_id FROM booking_appointment_resources WHERE appointment_id = ?", (number,))
    wanted = {
        *cells.span(start_at, free_at, [name for (name,) in used]),
        *cells.span(wish_start_at, wish_free_at, wish_resources.split()),
    }
    owned = set(sql("SELECT resource_id, cell FROM booking_cells WHERE appointment_id = ?", (number,)))
    return "" if owned == wanted else f"owns {len(owned)} cells, and not the {len(wanted)} of both its times"


def no_cell_without_appointment(sql: Snapshot) -> list[str]:
    """Cells of appointments that are over, or do not exist."""
    sql.looked_at(_count(sql, "booking_cells"))
    rows = sql(
        "SELECT c.resource_id, c.cell, c.appointment_id, a.status FROM booking_cells c LEFT JOIN booking_appointments a"  # noqa: S608
        f" ON a.id = c.appointment_id WHERE a.id IS NULL OR a.status NOT IN ({_OWNING}) LIMIT {MAX_FINDINGS}"
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
    ][:MAX_FINDINGS]


def appointments_are_sane(sql: Snapshot) -> list[str]:
    """Code, times and hold follow from the id, the wall clock and the status."""
    rows = sql(
        "SELECT id, code, start_wall, zone, start_at, end_at, free_at, status, hold_until FROM booking_appointments"
    )
    sql.looked_at(len(rows))
    return [f"appointment {row[1]} {wrong}" for row in rows for wrong in [_wrong_appointment(*row)] if wrong][
        :MAX_FINDINGS
    ]


def _wrong_appointment(
    number: int,
    code: str,
    start_wall: str,
    zone: str,
    start_at: int,
    end_at: int,
    free_at: int,
    status: str,
    hold_until: int | None,
) -> str:
    try:
        wanted = utc_ms(datetime.fromisoformat(start_wall), zone_named(zone))
    except (ValueError, ZoneInfoNotFoundError):
        wanted = None
    if code != code_of(number):
        return f"is number {number}, whose code is {code_of(number)}"
    if start_at != wanted:
        return f"is at {start_wall} in {zone}, and not at {start_at}"
    if not start_at < end_at <= free_at or start_at % CELL_MS or free_at % CELL_MS:
        return f"begins at {start_at}, ends at {end_at} and is free at {free_at}"
    if (status == Status.HELD) != (hold_until is not None):
        return f"is {status} with a hold until {hold_until}"
    return ""


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
    ][:MAX_FINDINGS]


def no_reminder_for_nothing(sql: Snapshot) -> list[str]:
    """No reminder is still planned for another version or status."""
    sql.looked_at(_count(sql, "booking_reminders"))
    rows = sql(
        "SELECT a.code, r.kind, r.version, a.version, a.status FROM booking_reminders r JOIN booking_appointments a"  # noqa: S608
        " ON a.id = r.appointment_id WHERE r.state = 'planned' AND r.kind <> 'exam_recall'"
        f" AND (r.version <> a.version OR a.status <> '{Status.CONFIRMED}') LIMIT {MAX_FINDINGS}"
    )
    return [
        f"appointment {code}: {kind} of version {old} is planned, but it is {status} version {new}"
        for code, kind, old, new, status in rows
    ]


def history_is_whole(sql: Snapshot) -> list[str]:
    """Every version of every appointment has its change, each step is one of the state table, and the last is how it is."""
    steps: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for number, *step in sql(
        "SELECT appointment_id, version, action, status, start_wall FROM booking_changes ORDER BY appointment_id, version"
    ):
        steps[number].append(tuple(step))
    rows = sql("SELECT id, code, version, status, start_wall FROM booking_appointments")
    sql.looked_at(len(rows))
    found = [
        f"appointment {code} {wrong}"
        for number, code, *now in rows
        for wrong in [_wrong_history(steps.get(number, []), *now)]
        if wrong
    ]
    return found[:MAX_FINDINGS]


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
        "SELECT a.code, a.conversation_id FROM booking_appointments a LEFT JOIN booking_services s"  # noqa: S608
        " ON s.conversation_id = a.conversation_id AND s.store_id = a.store_id AND (s.customer_id = a.customer_id"
        " OR EXISTS (SELECT 1 FROM booking_joins j WHERE j.guest_id = s.customer_id AND j.account_id = a.customer_id"
        " AND j.joined_at IS NOT NULL))"
        f" WHERE s.store_id IS NULL LIMIT {MAX_FINDINGS}"
    )
    return [f"appointment {code} is talked about in {name}, which is not its own" for code, name in rows]


def _count(sql: Snapshot, table: str) -> int:
    return int(sql(f"SELECT COUNT(*) FROM {table}")[0][0])  # noqa: S608  a name of ours


# -- and what their rows name ---------------------------------------------------------------------------------------------


def holds_will_end(look: Snapshot) -> list[str]:
    """Every hold has a timer that will end it: without one it would own its cells for ever."""
    timed = {payload.get("appointment") for payload in _payloads(look, holding.HOLD_TIMER)}
    rows = look(f"SELECT id, code FROM booking_appointments WHERE status = '{Status.HELD}'")  # noqa: S608
    look.looked_at(len(rows))
    return [
        f"appointment {code} is held, and no timer will end it"
        for number, code in rows
        if number not in timed
    ][:MAX_FINDINGS]


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
    return found[:MAX_FINDINGS]


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
    return found[:MAX_FINDINGS]


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
    return found[:MAX_FINDINGS]


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
    return found[:MAX_FINDINGS]


def _wrong_card(look: Snapshot, conversation_id: str, position: int, code: str, version: int) -> str:
    message = look.message(conversation_id, position)
    if message is None or message.content is None:
        return f"has its card at {position}, where no message is"
    ref = decode_content(message.content).get("ref")
    if ref != {"kind": "appointment", "id": code, "version": version}:
        return f"is at version {version}, and its card shows {ref}"
    return ""


def places_exist(look: Snapshot) -> list[str]:
    """Service conversations and staff groups exist and belong to one of our bots; customers have accounts."""
    rows = look("SELECT conversation_id, customer_id FROM booking_services")
    rows += look("SELECT conversation_id, NULL FROM booking_staff_groups")
    look.looked_at(len(rows))
    found = []
    for conversation_id, customer_id in rows:
        owners = [name for name, role in look.added(conversation_id).items() if role is Role.OWNER]
        owner = look.user(owners[0]) if owners else None
        if owner is None or "bot" not in owner.roles:
            found.append(f"{conversation_id} does not exist, or belongs to {', '.join(owners) or 'nobody'}")
        if customer_id is not None and look.user(customer_id) is None:
            found.append(f"{conversation_id} is with {customer_id}, who has no account")
    found += [
        f"something is known of {name}, who has no account"
        for (name,) in look("SELECT user_id FROM booking_customers")
        if look.user(name) is None
    ]
    return found[:MAX_FINDINGS]


def staff_are_a_team(look: Snapshot) -> list[str]:
    """The team of each service conversation is the staff group of its shop; added to it were the customer, the shop's bot,
    guests, and nobody else. Nobody who was ever staff is a former member: these read what was said."""
    groups: dict[str, str] = dict(look("SELECT store_id, conversation_id FROM booking_staff_groups"))
    ever = {row[0] for row in look("SELECT user_id FROM booking_staff")}
    guests = set(look("SELECT conversation_id, user_id FROM booking_guests"))
    rows = look("SELECT conversation_id, store_id, customer_id FROM booking_services WHERE by_team = 1")
    look.looked_at(len(rows))
    found = []
    for conversation_id, store_id, customer_id in rows:
        team, added = look.team(conversation_id), look.added(conversation_id)
        if team is None or team != groups.get(store_id):
            found.append(f"{conversation_id} has the team {team}, not the staff of {store_id}")
        if customer_id not in added:
            found.append(f"{conversation_id} is with {customer_id}, who was never added to it")
        others = {
            user_id
            for user_id, role in added.items()
            if user_id != customer_id
            and role is not Role.OWNER
            and (user_id in ever if role is None else (conversation_id, user_id) not in guests)
        }
        found += [f"{user_id} is in {conversation_id} by more than the team" for user_id in sorted(others)]
        if len(found) >= MAX_FINDINGS:
            break
    return found[:MAX_FINDINGS]


def alarms_are_sane(look: Snapshot) -> list[str]:
    """What was told about an alarm: to somebody who has an account, at some time, and of families that exist, each once and
    only where there was the urgent card."""
    families = {emergency.family_of(kind) for kind in KINDS_OF_ALARM}
    rows = look("SELECT customer_id, urgent_at, careful_at, told FROM booking_alarms")
    look.looked_at(len(rows))
    found = []
    for customer_id, urgent_at, careful_at, text in rows:
        told = text.split()
        if look.user(customer_id) is None:
            found.append(f"an alarm is of {customer_id}, who has no account")
        if min(urgent_at, careful_at) < 0 or not max(urgent_at, careful_at):
            found.append(f"{customer_id} was told of an alarm at {urgent_at} and carefully at {careful_at}")
        if bool(told) != bool(urgent_at) or len(set(told)) < len(told) or not families.issuperset(told):
            found.append(f"{customer_id} had the urgent card at {urgent_at}, told {text!r}")
    return found[:MAX_FINDINGS]


def questions_can_be_read(look: Snapshot) -> list[str]:
    """Every stored dialogue decodes, and names an appointment that exists."""
    appointments = {row[0] for row in look("SELECT id FROM booking_appointments")}
    rows = look("SELECT conversation_id, user_id, state FROM booking_dialogues")
    look.looked_at(len(rows))
    found = []
    for conversation_id, user_id, text in rows:
        try:
            state = msgspec.json.decode(text, type=Dialogue)
        except msgspec.DecodeError as error:
            found.append(f"the question to {user_id} in {conversation_id}: {error}")
            continue
        if state.appointment_id and state.appointment_id not in appointments:
            found.append(
                f"the question to {user_id} in {conversation_id} is about appointment {state.appointment_id}"
            )
    return found[:MAX_FINDINGS]


def _payloads(look: Snapshot, name: str) -> Iterator[Mapping[str, Any]]:
    return (timer.payload for timer in look.timers().values() if timer.name == name)


OF_TABLES = {
    "cells are owned": cells_are_owned,
    "wished times are owned": wished_times_are_owned,
    "no cell without an appointment": no_cell_without_appointment,
    "nobody is promised twice": nobody_is_promised_twice,
    "appointments are sane": appointments_are_sane,
    "confirmed appointments have reminders": confirmed_have_reminders,
    "no reminder for nothing": no_reminder_for_nothing,
    "history is whole": history_is_whole,
    **plan_checks.OF_TABLES,
    **waiting_checks.OF_TABLES,
}
OF_CHAT = {
    "conversations are known": conversations_are_known,
    "holds will end": holds_will_end,
    "reminders have timers": reminders_have_timers,
    "requests will end": requests_will_end,
    "timers are known": timers_are_known,
    "cards are shown": cards_are_shown,
    "places exist": places_exist,
    "staff are a team": staff_are_a_team,
    "alarms are sane": alarms_are_sane,
    "questions can be read": questions_can_be_read,
    **plan_checks.OF_CHAT,
    **consent_checks.OF_CHAT,
    **waiting_checks.OF_CHAT,
}
CHECKS = OF_TABLES | OF_CHAT
