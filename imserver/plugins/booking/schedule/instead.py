"""A request in another shop that takes the place of an appointment: what ends when that shop has said yes."""

from __future__ import annotations

from imserver.plugin_api import Transaction

from .appointments import Appointment, get


def promise(tx: Transaction, request: Appointment, ends: Appointment) -> None:
    """`ends`, in the version of now, is cancelled with the yes to `request`."""
    tx.execute(
        "INSERT INTO booking_instead (request_id, ends_id, ends_version) VALUES (?, ?, ?)",
        (request.id, ends.id, ends.version),
    )


def take(tx: Transaction, request: Appointment) -> tuple[Appointment, bool] | None:
    """What was to end with the yes to a request, and whether it is still what was shown; asked once. None: nothing was."""
    rows = tx.execute(
        "DELETE FROM booking_instead WHERE request_id = ? RETURNING ends_id, ends_version", (request.id,)
    )
    ends = get(tx, rows[0][0]) if rows else None
    return (ends, ends.version == rows[0][1]) if ends is not None else None
