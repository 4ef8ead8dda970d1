"""Booking's rows, read through the checker's own connection, and their meaning: states, cells, promises."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from dataclasses import dataclass

#: Milliseconds of one cell of a resource's time (booking's tables count in these).
CELL_MS = 300_000
#: Appointments in these states own the time of their people and rooms.
OWNING = frozenset({"held", "pending", "confirmed", "arrived", "in_exam"})
#: Those in these states were promised once. (A cancelled one may have been held only.)
TOLD = frozenset({"pending", "confirmed", "arrived", "in_exam", "done", "no_show"})


@dataclass(frozen=True, slots=True)
class StoredAppointment:
    """A row of `booking_appointments`, with the resources that it takes and the cells that it owns."""

    code: str
    customer_id: str
    status: str
    version: int
    start_wall: str
    start_at: int
    free_at: int
    resources: frozenset[str]
    cells: frozenset[tuple[str, int]]

    @property
    def cells_wanted(self) -> frozenset[tuple[str, int]]:
        """The cells that it must own: all of every resource, from its start until the end of its buffer."""
        if self.status not in OWNING:
            return frozenset()
        span = range(self.start_at // CELL_MS, self.free_at // CELL_MS)
        return frozenset((resource, cell) for resource in self.resources for cell in span)


def read_appointments(sql: sqlite3.Connection) -> dict[str, StoredAppointment]:
    """Every appointment by its code; none in a database without booking's tables."""
    if not sql.execute("SELECT 1 FROM sqlite_master WHERE name = 'booking_appointments'").fetchone():
        return {}
    resources: dict[int, set[str]] = defaultdict(set)
    for number, resource in sql.execute(
        "SELECT appointment_id, resource_id FROM booking_appointment_resources"
    ):
        resources[number].add(resource)
    cells: dict[int, set[tuple[str, int]]] = defaultdict(set)
    for number, resource, cell in sql.execute("SELECT appointment_id, resource_id, cell FROM booking_cells"):
        cells[number].add((resource, cell))
    found = {}
    for number, code, customer_id, status, version, start_wall, start_at, free_at in sql.execute(
        "SELECT id, code, customer_id, status, version, start_wall, start_at, free_at FROM booking_appointments"
    ):
        found[code] = StoredAppointment(
            code,
            customer_id,
            status,
            version,
            start_wall,
            start_at,
            free_at,
            frozenset(resources[number]),
            frozenset(cells[number]),
        )
    return found
