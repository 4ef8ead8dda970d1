"""A move that the shop has to say yes to: the appointment keeps its time, and the wished one is held for it as well.

Nothing else tells the two apart: the cells of both have one owner, so that a quarter of an hour later can be asked for, too.
"""

from __future__ import annotations

from msgspec import structs

from imserver.plugin_api import Transaction

from . import cells
from .appointments import Appointment, Wish, act, cells_of_time, changed
from .hours import MINUTE_MS
from .slots import Slot
from .status import Action, Actor, next_status


def ask(
    tx: Transaction, appointment: Appointment, wish: Wish, slot: Slot, actor: Actor
) -> Appointment | None:
    """Hold another time beside its own; an earlier wish ends. None, and nothing changes, if it is taken. Raises NotPossible."""
    status = next_status(appointment.status, Action.ASK_MOVE, actor)
    before = cells.of(tx, appointment.id)
    own = cells_of_time(tx, appointment)
    cells.release(tx, appointment.id)
    taken = cells.take(tx, appointment.id, wish.shop, wish.service, slot, wish.minutes)
    if taken is None:
        cells.own(tx, appointment.id, before)
        return None
    wished = set(cells.of(tx, appointment.id))
    cells.own(tx, appointment.id, [pair for pair in own if pair not in wished])
    free_at = slot.start_at + (wish.minutes + wish.service.buffer_min) * MINUTE_MS
    tx.execute(
        "UPDATE booking_appointments SET wish_wall = ?, wish_start_at = ?, wish_free_at = ?, wish_resources = ? WHERE id = ?",
        (
            slot.wall.isoformat(timespec="minutes"),
            slot.start_at,
            free_at,
            " ".join(one.id for one in taken),
            appointment.id,
        ),
    )
    return changed(tx, appointment, Action.ASK_MOVE, status, wish.actor_id)


def as_wished(appointment: Appointment) -> Appointment:
    """The appointment as it would be at the wished time."""
    return structs.replace(
        appointment,
        start_wall=appointment.wish_wall,
        start_at=appointment.wish_start_at,
        end_at=appointment.wish_start_at + appointment.minutes * MINUTE_MS,
        free_at=appointment.wish_free_at,
    )


def agree(tx: Transaction, appointment: Appointment, actor: Actor, actor_id: str) -> Appointment:
    """The shop's yes: the wished time is its time now, and the other one is free. Raises NotPossible."""
    status = next_status(appointment.status, Action.MOVE, actor)
    moved, resource_ids = as_wished(appointment), appointment.wish_resources.split()
    cells.release(tx, appointment.id)
    cells.own(tx, appointment.id, cells.span(moved.start_at, moved.free_at, resource_ids))
    tx.execute("DELETE FROM booking_appointment_resources WHERE appointment_id = ?", (appointment.id,))
    cells.name_resources(tx, appointment.id, resource_ids)
    tx.execute(
        "UPDATE booking_appointments SET start_wall = ?, start_at = ?, end_at = ?, free_at = ? WHERE id = ?",
        (moved.start_wall, moved.start_at, moved.end_at, moved.free_at, appointment.id),
    )
    return changed(tx, appointment, Action.MOVE, status, actor_id)


def drop(tx: Transaction, appointment: Appointment, actor: Actor, actor_id: str) -> Appointment:
    """The wish is over: the appointment has its own time alone. Raises NotPossible."""
    return act(tx, appointment, Action.KEEP_TIME, actor, actor_id)
