"""The cells of appointments: five minutes of a resource each, owned by one appointment or by none.

Whether a slot is free is decided by the primary key of `booking_cells`: taking cells either inserts all of them or fails with
UniqueViolation. An earlier read only says where to try first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from imserver.plugin_api import Transaction, UniqueViolation

from .hours import MINUTE_MS
from .shops import Resource, Service, Shop
from .slots import CELL_MS, Slot, pools


def take(
    tx: Transaction, number: int, shop: Shop, service: Service, slot: Slot, minutes: int
) -> list[Resource] | None:
    """Own cells of one resource for each need, or none at all. Needs are of different kinds, so each is met on its own."""
    taken = []
    first = slot.start_at // CELL_MS
    last = (slot.start_at + (minutes + service.buffer_min) * MINUTE_MS) // CELL_MS
    for pool in pools(tx.execute, shop, service, slot, minutes):
        winner = next((r for r in pool if _try(tx, number, r.id, range(first, last))), None)
        if winner is None:
            release(tx, number)
            return None
        taken.append(winner)
    return taken


def _try(tx: Transaction, number: int, resource_id: str, cells: range) -> bool:
    try:
        own(tx, number, [(resource_id, cell) for cell in cells])
    except UniqueViolation:
        return False
    return True


def own(tx: Transaction, number: int, cells: Sequence[tuple[str, int]]) -> None:
    """Own (resource, cell) pairs. One statement, so that a clash undoes all of it. Raises UniqueViolation."""
    if cells:
        tx.execute(
            "INSERT INTO booking_cells (resource_id, cell, appointment_id) VALUES "  # noqa: S608  only marks are joined
            + ", ".join(["(?, ?, ?)"] * len(cells)),
            [value for resource_id, cell in cells for value in (resource_id, cell, number)],
        )


def release(tx: Transaction, number: int) -> None:
    tx.execute("DELETE FROM booking_cells WHERE appointment_id = ?", (number,))


def name_resources(tx: Transaction, number: int, taken: Iterable[str]) -> None:
    values = [value for resource_id in taken for value in (number, resource_id)]
    if values:
        tx.execute(
            "INSERT INTO booking_appointment_resources (appointment_id, resource_id) VALUES "  # noqa: S608  only marks
            + ", ".join(["(?, ?)"] * (len(values) // 2)),
            values,
        )


def of(tx: Transaction, number: int) -> list[tuple[str, int]]:
    """The (resource, cell) pairs that an appointment owns."""
    rows = tx.execute("SELECT resource_id, cell FROM booking_cells WHERE appointment_id = ?", (number,))
    return [(resource_id, cell) for resource_id, cell in rows]


def span(start_at: int, free_at: int, resource_ids: Iterable[str]) -> list[tuple[str, int]]:
    """The pairs of resources from a start to the end of the buffer, UTC ms."""
    return [(one, cell) for one in resource_ids for cell in range(start_at // CELL_MS, free_at // CELL_MS)]
