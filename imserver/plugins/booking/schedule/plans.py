"""Plans of staff (leave, closed days, hours, people) as rows, and the offers of other times to those who are in the way.

A plan is asked, then agreed to (and done in that transaction), dropped, or ended as nobody answered. Each offer is of one
appointment: `waiting` until its customer moves it, keeps its time with somebody else, or cancels; `silent` once that took too
long, `unreachable` if the bot could not write there; `withdrawn` when the appointment is in nobody's way any more, `over` when
it took place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from imserver.plugin_api import Transaction

from .asked import tell_mine
from .changes import Origin
from .rows import Rows

#: States in which an answer still counts.
OPEN = frozenset({"waiting", "silent", "unreachable"})


class LeaveWish(msgspec.Struct, frozen=True):
    """Leave that is to be: ISO wall times."""

    resource_id: str
    start: str
    end: str
    note: str = ""


class FieldWish(msgspec.Struct, frozen=True):
    """A field of the shop that is to have another value; None takes it away. `path` is the whole path, with dots. `was`: what
    stood there when it was asked; for the hours of one day those of that day, whatever they come from."""

    path: str
    value: Any = None
    was: Any = None


class Detail(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a plan does. `summary` is in the language of the staff."""

    summary: str
    leaves: tuple[LeaveWish, ...] = ()
    withdrawn: tuple[int, ...] = ()
    fields: tuple[FieldWish, ...] = ()
    #: Appointments (and holds) that were said to be in the way.
    hits: tuple[int, ...] = ()
    #: Where something may be in the way: [begin, end) UTC ms, and only on these weekdays (0 is Monday), if there are any.
    begin: int = 0
    end: int = 0
    weekdays: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A row of `booking_plans`."""

    id: int
    store_id: str
    detail: Detail
    version: int
    state: str
    actor_id: str
    conversation_id: str
    position: int
    asked_at: int
    progress_position: int | None

    def origin(self) -> Origin:
        """Who asked for it, and by which message; the time is that of the asking."""
        return Origin(self.actor_id, self.conversation_id, self.position, self.asked_at)


@dataclass(frozen=True, slots=True)
class Offer:
    """A row of `booking_offers`. `told_at`: 0 until the customer was told."""

    plan_id: int
    appointment_id: int
    state: str
    start_wall: str
    told_at: int
    due_at: int | None


def plan(tx: Transaction, plan_id: int) -> Plan | None:
    rows = tx.execute(
        "SELECT id, store_id, detail, version, state, actor_id, conversation_id, position, asked_at, progress_position"
        " FROM booking_plans WHERE id = ?",
        (plan_id,),
    )
    if not rows:
        return None
    number, store_id, detail, *more = rows[0]
    return Plan(number, store_id, msgspec.json.decode(detail, type=Detail), *more)


def ask(tx: Transaction, store_id: str, detail: Detail, origin: Origin) -> Plan:
    rows = tx.execute(
        "INSERT INTO booking_plans (store_id, detail, state, actor_id, conversation_id, position, asked_at)"
        " VALUES (?, ?, 'asked', ?, ?, ?, ?) RETURNING id",
        (
            store_id,
            msgspec.json.encode(detail).decode(),
            origin.actor_id,
            origin.conversation_id,
            origin.position,
            origin.at,
        ),
    )
    made = plan(tx, rows[0][0])
    assert made is not None
    return made


def ask_again(tx: Transaction, asked: Plan, detail: Detail) -> Plan:
    """Other appointments are in the way than were shown: a yes to the first card does not count any more."""
    tx.execute(
        "UPDATE booking_plans SET detail = ?, version = version + 1 WHERE id = ?",
        (msgspec.json.encode(detail).decode(), asked.id),
    )
    made = plan(tx, asked.id)
    assert made is not None
    return made


def asked(tx: Transaction) -> list[int]:
    """The plans that wait for a yes."""
    return [
        int(number)
        for (number,) in tx.execute("SELECT id FROM booking_plans WHERE state = 'asked' ORDER BY id")
    ]


def decide(tx: Transaction, asked: Plan, state: str, actor_id: str) -> None:
    tx.execute(
        "UPDATE booking_plans SET state = ?, decided_at = ?, decided_by = ? WHERE id = ?",
        (state, tx.now_ms, actor_id, asked.id),
    )


def show_progress(tx: Transaction, plan_id: int, position: int) -> None:
    """Remember where the list of a plan stands."""
    tx.execute("UPDATE booking_plans SET progress_position = ? WHERE id = ?", (position, plan_id))


# -- offers ---------------------------------------------------------------------------------------------------------------


def make_offer(tx: Transaction, plan_id: int, appointment_id: int, start_wall: str) -> None:
    tx.execute(
        "INSERT INTO booking_offers (plan_id, appointment_id, state, start_wall, told_at) VALUES (?, ?, 'waiting', ?, 0)",
        (plan_id, appointment_id, start_wall),
    )
    _tell(tx, appointment_id)


def offers_of(tx: Transaction, plan_id: int) -> list[Offer]:
    rows = tx.execute(
        "SELECT o.plan_id, o.appointment_id, o.state, o.start_wall, o.told_at, o.due_at FROM booking_offers o"
        " JOIN booking_appointments a ON a.id = o.appointment_id WHERE o.plan_id = ? ORDER BY a.start_at, a.id",
        (plan_id,),
    )
    return [Offer(*row) for row in rows]


def open_offers(tx: Rows, appointment_id: int) -> list[Offer]:
    """Of one appointment, of which an answer still counts."""
    rows = tx.execute(
        "SELECT plan_id, appointment_id, state, start_wall, told_at, due_at FROM booking_offers"
        " WHERE appointment_id = ? AND state IN ('waiting', 'silent', 'unreachable') ORDER BY plan_id",
        (appointment_id,),
    )
    return [Offer(*row) for row in rows]


def open_in(tx: Transaction, store_id: str) -> list[Offer]:
    """Of one shop."""
    rows = tx.execute(
        "SELECT o.plan_id, o.appointment_id, o.state, o.start_wall, o.told_at, o.due_at FROM booking_offers o"
        " JOIN booking_plans p ON p.id = o.plan_id"
        " WHERE p.store_id = ? AND o.state IN ('waiting', 'silent', 'unreachable') ORDER BY o.plan_id, o.appointment_id",
        (store_id,),
    )
    return [Offer(*row) for row in rows]


def told(tx: Transaction, offer: Offer, state: str, due_at: int | None) -> None:
    """The customer was told of it, or could not be."""
    tx.execute(
        "UPDATE booking_offers SET state = ?, told_at = ?, due_at = ? WHERE plan_id = ? AND appointment_id = ?",
        (state, tx.now_ms, due_at, offer.plan_id, offer.appointment_id),
    )


def tick(tx: Transaction, offer: Offer, state: str) -> None:
    """What became of it."""
    answered = None if state in OPEN else tx.now_ms
    tx.execute(
        "UPDATE booking_offers SET state = ?, due_at = NULL, answered_at = ? WHERE plan_id = ? AND appointment_id = ?",
        (state, answered, offer.plan_id, offer.appointment_id),
    )
    _tell(tx, offer.appointment_id)


def _tell(tx: Transaction, appointment_id: int) -> None:
    """Whom the shop asks for another time may move behind the cut-off, too: their page has the buttons."""
    for (customer_id,) in tx.execute(
        "SELECT customer_id FROM booking_appointments WHERE id = ?", (appointment_id,)
    ):
        tell_mine(tx, customer_id)
