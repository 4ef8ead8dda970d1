"""Appointments: every change of one, inside the caller's transaction. Whether a slot is free, its cells decide (`cells`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import Struct

from imserver.plugin_api import Transaction, UniqueViolation

from . import asked, cells
from .asked_by_staff import tell_appointment
from .codes import code_of
from .hours import MINUTE_MS
from .rows import Rows
from .shops import Service, Shop
from .slots import Slot, pools
from .status import KEEPS_WISH, LIVE, OWNING, Action, Actor, Status, next_status

_LIVE = tuple(sorted(LIVE))
_LIVE_MARKS = ", ".join("?" * len(_LIVE))
#: Of one shop, or of all (None), among those of one customer: no index of the shop is used, which has very many more of them.
OF_STORE = "store_id = COALESCE(?, store_id)"
#: Rows of one query: a shop's day or a customer's list is far below.
MAX_ROWS = 1000
#: Holds ended in one transaction; the next one ends the next ones.
MAX_OVERDUE = 20


class Appointment(Struct, frozen=True):
    """A row of `booking_appointments`; the fields are its columns, in order."""

    id: int
    code: str
    store_id: str
    service_id: str
    customer_id: str
    conversation_id: str
    for_name: str
    age_band: str
    first_visit: bool
    phone: str
    note: str
    start_wall: str
    zone: str
    start_at: int
    end_at: int
    free_at: int
    status: Status
    version: int
    hold_until: int | None
    card_position: int | None
    created_at: int
    changed_at: int
    changed_by: str
    #: For whom it is, as the customer said it (我妈); "" is the customer.
    person: str = ""
    #: A time that its customer asked for and the shop has not answered: it owns those cells, too. "" and 0: none.
    wish_wall: str = ""
    wish_start_at: int = 0
    wish_free_at: int = 0
    wish_resources: str = ""
    #: Its customer was a guest whom nobody had verified when the time was taken.
    by_guest: bool = False

    @property
    def wall(self) -> datetime:
        return datetime.fromisoformat(self.start_wall)

    @property
    def wished(self) -> datetime | None:
        """The wall time that its customer asked for, if the shop has not answered."""
        return datetime.fromisoformat(self.wish_wall) if self.wish_wall else None

    @property
    def minutes(self) -> int:
        return (self.end_at - self.start_at) // MINUTE_MS

    @classmethod
    def of(cls, row: Sequence[Any]) -> Appointment:
        """From all columns, in order."""
        values = list(row)
        values[_VISIT], values[_STATUS] = bool(row[_VISIT]), Status(row[_STATUS])
        values[_GUEST] = bool(row[_GUEST])
        return cls(*values)


_COLUMN_NAMES = Appointment.__struct_fields__
_COLUMNS = ", ".join(_COLUMN_NAMES)
_VISIT, _STATUS, _GUEST = (_COLUMN_NAMES.index(name) for name in ("first_visit", "status", "by_guest"))


class About(NamedTuple):
    """The person that an appointment is for; the fields are columns."""

    for_name: str
    age_band: str
    first_visit: int
    person: str = ""
    note: str = ""


_ABOUT = "".join(f", {name} = ?" for name in About._fields)


@dataclass(frozen=True, slots=True)
class Wish:
    """A wanted appointment; `actor_id` is who asked, `customer_id` the customer of the conversation."""

    shop: Shop
    service: Service
    customer_id: str
    conversation_id: str
    actor_id: str
    minutes: int
    by_guest: bool = False


def get(tx: Rows, appointment_id: int) -> Appointment | None:
    return _one(tx, "id = ?", (appointment_id,))


def by_code(tx: Rows, code: str) -> Appointment | None:
    return _one(tx, "code = ?", (code.upper(),))


def upcoming(tx: Rows, customer_id: str, store_id: str | None = None) -> list[Appointment]:
    """Live appointments of a customer that have not ended, soonest first."""
    where, params = _upcoming(tx, customer_id, store_id)
    return _many(tx, f"{where} ORDER BY start_at LIMIT {MAX_ROWS}", params)


def count_upcoming(tx: Rows, customer_id: str, store_id: str) -> int:
    """How many these are, in one shop."""
    where, params = _upcoming(tx, customer_id, store_id)
    ((count,),) = tx.execute(f"SELECT COUNT(*) FROM booking_appointments WHERE {where}", params)  # noqa: S608
    return int(count)


def upcoming_within(
    tx: Rows, customer_id: str, store_id: str | None, begin_ms: int, end_ms: int
) -> list[Appointment]:
    """Those of them that take some of a span of time."""
    where, params = _upcoming(tx, customer_id, store_id, max(begin_ms, tx.now_ms))
    where = f"{where} AND start_at < ? AND end_at > ? ORDER BY start_at LIMIT {MAX_ROWS}"
    return _many(tx, where, [*params, end_ms, begin_ms])


def _upcoming(
    tx: Rows, customer_id: str, store_id: str | None, since: int | None = None
) -> tuple[str, list[object]]:
    """`since`: what ends before it is not wanted."""
    # start_at bounds the index range: nothing lasts longer than a day.
    first = (tx.now_ms if since is None else since) - 24 * 60 * MINUTE_MS
    where = f"customer_id = ? AND start_at > ? AND end_at > ? AND status IN ({_LIVE_MARKS}) AND {OF_STORE}"
    return where, [customer_id, first, tx.now_ms, *_LIVE, store_id]


def conversations_with_coming(tx: Transaction, store_id: str, after: str, count: int) -> list[str]:
    """Conversations of a shop with customers who have live appointments that have not ended, in the order of their ids."""
    rows = tx.execute(
        "SELECT DISTINCT conversation_id FROM booking_appointments"  # noqa: S608 - of constants
        " WHERE store_id = ? AND start_at > ? AND end_at > ?"
        f" AND status IN ({_LIVE_MARKS}) AND conversation_id > ? ORDER BY conversation_id LIMIT ?",
        (store_id, tx.now_ms - 24 * 60 * MINUTE_MS, tx.now_ms, *_LIVE, after, count),
    )
    return [str(row[0]) for row in rows]


def coming_at(tx: Transaction, store_id: str, conversation_id: str) -> list[Appointment]:
    """Those of one conversation, soonest first."""
    return _many(
        tx,
        "store_id = ? AND start_at > ? AND end_at > ?"
        f" AND status IN ({_LIVE_MARKS}) AND conversation_id = ? ORDER BY start_at LIMIT {MAX_ROWS}",
        (store_id, tx.now_ms - 24 * 60 * MINUTE_MS, tx.now_ms, *_LIVE, conversation_id),
    )


def past(tx: Rows, customer_id: str, store_id: str | None, count: int) -> list[Appointment]:
    """The last appointments of a customer that are over, latest first."""
    return _many(
        tx,
        f"customer_id = ? AND {OF_STORE} AND (end_at <= ? OR status IN ('done', 'cancelled', 'no_show'))"
        " AND status NOT IN ('held', 'expired') AND card_position IS NOT NULL ORDER BY start_at DESC LIMIT ?",
        (customer_id, store_id, tx.now_ms, count),
    )


def between(tx: Rows, store_id: str, begin_ms: int, end_ms: int) -> list[Appointment]:
    """The appointments of a shop that start in a span of time, in order, without those that never came to be."""
    return _many(
        tx,
        "store_id = ? AND start_at >= ? AND start_at < ? AND status NOT IN ('expired') AND NOT"
        f" (status = 'cancelled' AND card_position IS NULL) ORDER BY start_at, id LIMIT {MAX_ROWS}",
        (store_id, begin_ms, end_ms),
    )


def held_until(tx: Transaction, end_ms: int) -> list[Appointment]:
    """Holds whose time was over at a moment, the earliest first."""
    return _many(
        tx,
        f"hold_until <= ? AND status = 'held' ORDER BY hold_until NULLS FIRST LIMIT {MAX_OVERDUE}",
        (end_ms,),
    )


def pending(tx: Transaction) -> list[Appointment]:
    """Every request, and every wish for another time, that waits for a shop's yes."""
    return _many(tx, "status = 'pending' OR wish_wall <> '' ORDER BY id", ())


def held_for(tx: Rows, customer_id: str, store_id: str | None) -> list[Appointment]:
    """The holds of a customer in a shop, or in all."""
    where = f"hold_until IS NOT NULL AND status = 'held' AND customer_id = ? AND {OF_STORE}"
    return _many(tx, f"{where} LIMIT {MAX_ROWS}", (customer_id, store_id))


def resources_of(tx: Rows, appointment_id: int) -> list[str]:
    rows = tx.execute(
        "SELECT resource_id FROM booking_appointment_resources WHERE appointment_id = ?", (appointment_id,)
    )
    return [row[0] for row in rows]


def hold(tx: Transaction, wish: Wish, slot: Slot) -> Appointment | None:
    """Keep a slot for `hold_s` seconds: a new appointment in status `held`, or None if the slot is taken."""
    ((number,),) = tx.execute(
        "SELECT MAX(number) FROM (SELECT COALESCE(MAX(id), 0) + 1 AS number FROM booking_appointments"
        " UNION ALL SELECT first_number FROM booking_lives) AS numbers"
    )
    end_at = slot.start_at + wish.minutes * MINUTE_MS
    row = {
        "id": number,
        "code": code_of(number),
        "store_id": wish.shop.id,
        "service_id": wish.service.id,
        "customer_id": wish.customer_id,
        "conversation_id": wish.conversation_id,
        "start_wall": slot.wall.isoformat(timespec="minutes"),
        "zone": wish.shop.zone,
        "start_at": slot.start_at,
        "end_at": end_at,
        "free_at": end_at + wish.service.buffer_min * MINUTE_MS,
        "status": Status.HELD,
        "hold_until": tx.now_ms + wish.shop.hold_s * 1000,
        "created_at": tx.now_ms,
        "changed_at": tx.now_ms,
        "changed_by": wish.actor_id,
        "by_guest": int(wish.by_guest),
    }
    held = _only(
        tx.execute(
            f"INSERT INTO booking_appointments ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"  # noqa: S608
            f" RETURNING {_COLUMNS}",
            list(row.values()),
        )
    )
    taken = cells.take(tx, number, wish.shop, wish.service, slot, wish.minutes)
    if taken is None:
        tx.execute("DELETE FROM booking_appointments WHERE id = ?", (number,))
        return None
    cells.name_resources(tx, number, (one.id for one in taken))
    _remember(tx, held, "hold")
    _tell_time(tx, held)
    _tell_whose(tx, held)
    return held


def place(
    tx: Transaction, appointment: Appointment, wish: Wish, slot: Slot, actor: Actor
) -> Appointment | None:
    """Give an appointment another time, length or service: one row changed, its cells exchanged. None: taken, unchanged."""
    status = next_status(appointment.status, Action.MOVE, actor)
    mine = cells.of(tx, appointment.id)
    cells.release(tx, appointment.id)
    taken = cells.take(tx, appointment.id, wish.shop, wish.service, slot, wish.minutes)
    if taken is None:
        cells.own(tx, appointment.id, mine)  # freed a moment ago in this very transaction: cannot clash
        return None
    tx.execute("DELETE FROM booking_appointment_resources WHERE appointment_id = ?", (appointment.id,))
    cells.name_resources(tx, appointment.id, (one.id for one in taken))
    end_at = slot.start_at + wish.minutes * MINUTE_MS
    tx.execute(
        "UPDATE booking_appointments SET service_id = ?, start_wall = ?, start_at = ?, end_at = ?, free_at = ?, hold_until = ?"
        " WHERE id = ?",
        (
            wish.service.id,
            slot.wall.isoformat(timespec="minutes"),
            slot.start_at,
            end_at,
            end_at + wish.service.buffer_min * MINUTE_MS,
            _held_until(tx, appointment, wish, slot) if status == Status.HELD else None,
            appointment.id,
        ),
    )
    _tell_time(tx, appointment)  # the people may be others though the time is not
    return changed(tx, appointment, Action.MOVE, status, wish.actor_id)


def _held_until(tx: Transaction, appointment: Appointment, wish: Wish, slot: Slot) -> int:
    """A hold of another start begins anew; one of the same start is not made longer by other answers."""
    if appointment.start_at == slot.start_at and appointment.hold_until is not None:
        return appointment.hold_until
    return tx.now_ms + wish.shop.hold_s * 1000


def extend(tx: Transaction, appointment: Appointment, until: int) -> None:
    """Make a hold longer. What was shown stays true, so the version stays."""
    tx.execute(
        "UPDATE booking_appointments SET hold_until = ? WHERE id = ? AND hold_until IS NOT NULL",
        (until, appointment.id),
    )
    _tell_whose(tx, appointment)


def is_free_for(tx: Transaction, appointment: Appointment, wish: Wish, slot: Slot) -> bool:
    """Whether an appointment could be placed there now; the cells that it owns are in nobody's way but others'."""
    mine = cells.of(tx, appointment.id)
    cells.release(tx, appointment.id)
    free = all(pools(tx.execute, wish.shop, wish.service, slot, wish.minutes))
    cells.own(tx, appointment.id, mine)
    return free


def put_right(
    tx: Transaction, appointment: Appointment, *, for_name: str, age_band: str, actor_id: str
) -> Appointment:
    """Write another name or age: a change like any other, with a version of its own."""
    tx.execute(
        "UPDATE booking_appointments SET for_name = ?, age_band = ? WHERE id = ?",
        (for_name, age_band, appointment.id),
    )
    return changed(tx, appointment, Action.CORRECT, appointment.status, actor_id)


def act(
    tx: Transaction,
    appointment: Appointment,
    action: Action,
    actor: Actor,
    actor_id: str,
    *,
    about: About | None = None,
) -> Appointment:
    """Take a row of the transition table; statuses that own no cells give them back. `about`: the person that it is for is
    written down with it. Raises NotPossible."""
    status = next_status(appointment.status, action, actor)
    if status not in OWNING or (appointment.wish_wall and action not in KEEPS_WISH):
        cells.release(tx, appointment.id)
    if status in OWNING and appointment.wish_wall and action not in KEEPS_WISH:
        cells.own(tx, appointment.id, cells_of_time(tx, appointment))
    return changed(tx, appointment, action, status, actor_id, ends_hold=True, about=about)


def cells_of_time(tx: Transaction, appointment: Appointment) -> list[tuple[str, int]]:
    """The (resource, cell) pairs of its own time, without a wished one."""
    return cells.span(appointment.start_at, appointment.free_at, resources_of(tx, appointment.id))


def own_again(
    tx: Transaction, appointment: Appointment, status: Status, actor_id: str, *, needs_cells: bool
) -> Appointment | None:
    """Take a step back to `status`, with the cells that it gave back. None, and nothing changes, if one is taken by now."""
    if needs_cells:
        try:
            cells.own(tx, appointment.id, cells_of_time(tx, appointment))
        except UniqueViolation:
            return None
    return changed(tx, appointment, Action.UNDO, status, actor_id)


def rows_of_changes(tx: Rows, appointment_id: int) -> list[tuple[str, str, int]]:
    """(action, status behind it, time) of each change of an appointment, in order."""
    rows = tx.execute(
        "SELECT action, status, at FROM booking_changes WHERE appointment_id = ? ORDER BY version",
        (appointment_id,),
    )
    return [(action, status, at) for action, status, at in rows]


def give_to(tx: Transaction, one: Appointment, account_id: str, home: str) -> Appointment:
    """Its guest goes on as this account: it is talked about in `home`, and has no card there yet. Nothing of what was shown is
    another, so the version stays."""
    rows = tx.execute(
        "UPDATE booking_appointments SET customer_id = ?, conversation_id = ?, card_position = NULL WHERE id = ?"  # noqa: S608
        f" RETURNING {_COLUMNS}",
        (account_id, home, one.id),
    )
    given = _only(rows)
    _tell_whose(tx, one, given)
    return given


def give_rest_to(tx: Transaction, guest_id: str, account_id: str) -> None:
    """The same of all that are the guest's still, and over: they stay where they were talked about."""
    tx.execute(
        "UPDATE booking_appointments SET customer_id = ? WHERE customer_id = ?", (account_id, guest_id)
    )


def show_card(tx: Transaction, appointment: Appointment, position: int) -> Appointment:
    """Remember where the appointment's card stands."""
    rows = tx.execute(
        f"UPDATE booking_appointments SET card_position = ? WHERE id = ? RETURNING {_COLUMNS}",  # noqa: S608
        (position, appointment.id),
    )
    _tell_whose(tx, appointment)
    return _only(rows)


def changed(
    tx: Transaction,
    appointment: Appointment,
    action: Action,
    status: Status,
    actor_id: str,
    *,
    ends_hold: bool = False,
    about: About | None = None,
) -> Appointment:
    """The end of every change: its version, its history. Raises LookupError if it was changed behind the caller's back."""
    rows = tx.execute(
        "UPDATE booking_appointments SET status = ?, version = version + 1, changed_at = ?, changed_by = ?"  # noqa: S608
        f"{', hold_until = NULL' if ends_hold else ''}{_ABOUT if about else ''}"
        f" WHERE id = ? AND version = ? RETURNING {_COLUMNS}",
        (status, tx.now_ms, actor_id, *(about or ()), appointment.id, appointment.version),
    )
    if not rows:
        raise LookupError(f"appointment {appointment.id} is no longer at version {appointment.version}")
    if appointment.wish_wall and action not in KEEPS_WISH:
        rows = tx.execute(
            "UPDATE booking_appointments SET wish_wall = '', wish_start_at = 0, wish_free_at = 0, wish_resources = ''"  # noqa: S608
            f" WHERE id = ? RETURNING {_COLUMNS}",
            (appointment.id,),
        )
    now = _only(rows)
    _remember(tx, now, action)
    _tell(tx, appointment, now)
    return now


def _tell(tx: Transaction, before: Appointment, now: Appointment) -> None:
    """The pages that show one of the two: its customer's, the staff's, and those of days on which cells were taken or given
    back."""
    _tell_whose(tx, before, now)
    both = [
        (one.status in OWNING, one.start_wall, one.free_at, one.wish_wall, one.wish_free_at)
        for one in (before, now)
    ]
    if both[0] != both[1]:
        _tell_time(tx, before)
        _tell_time(tx, now)


def _tell_whose(tx: Transaction, *same: Appointment) -> None:
    """Its customer and the shop's staff, who see it on its day; of one that was moved also on the day before."""
    one = same[0]
    asked.tell_mine(tx, one.customer_id)
    tell_appointment(tx, one.store_id, one.conversation_id, *(each.wall.date() for each in same))


def _tell_time(tx: Transaction, one: Appointment) -> None:
    asked.tell_cells(tx, one.store_id, one.wall, one.free_at, one.zone)
    if one.wished is not None:
        asked.tell_cells(tx, one.store_id, one.wished, one.wish_free_at, one.zone)


def _remember(tx: Transaction, appointment: Appointment, action: str) -> None:
    tx.execute(
        "INSERT INTO booking_changes (appointment_id, version, action, status, start_wall, actor_id, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            appointment.id,
            appointment.version,
            action,
            appointment.status,
            appointment.start_wall,
            appointment.changed_by,
            tx.now_ms,
        ),
    )


def _only(rows: Sequence[Sequence[Any]]) -> Appointment:
    """The appointment that a statement wrote."""
    (row,) = rows
    return Appointment.of(row)


def _one(tx: Rows, where: str, params: Sequence[object]) -> Appointment | None:
    rows = _many(tx, where, params)
    return rows[0] if rows else None


def _many(tx: Rows, where: str, params: Sequence[object]) -> list[Appointment]:
    rows = tx.execute(f"SELECT {_COLUMNS} FROM booking_appointments WHERE {where}", params)  # noqa: S608
    return [Appointment.of(row) for row in rows]
