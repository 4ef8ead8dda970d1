"""Deliberate damage: the traces of a server that loses or doubles, to show that the checker notices.

They work on the database file while no server has it open. A run with one of these has to fail.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sabotage:
    """Damage behind the chat's back, to see that the checker notices. Both are given the database.

    `while_down`: after each SIGKILL, before the next start. `before_check`: after the last stop.
    """

    while_down: Callable[[Path], None] = lambda database: None
    before_check: Callable[[Path], None] = lambda database: None


def _change(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database)) as sql, sql:
        for statement in statements:
            sql.execute(statement)


def delete_message(database: Path) -> None:
    """Delete the confirmation that a customer received."""
    _change(
        database,
        "DELETE FROM messages WHERE change = (SELECT m.change FROM messages m"
        " JOIN booking_appointments a ON a.card_position = m.position"
        " JOIN conversations c ON c.no = m.conversation_no AND c.conversation_id = a.conversation_id"
        " ORDER BY m.change LIMIT 1)",
    )


def delete_appointment(database: Path) -> None:
    """Delete an appointment that the chat calls booked (or cancelled, if all are)."""
    _change(
        database,
        "CREATE TEMP TABLE gone AS SELECT id FROM booking_appointments WHERE card_position IS NOT NULL"
        " ORDER BY status <> 'confirmed', id LIMIT 1",
        *(
            f"DELETE FROM {table} WHERE appointment_id IN (SELECT id FROM gone)"  # noqa: S608 - names are ours
            for table in (
                "booking_cells",
                "booking_appointment_resources",
                "booking_changes",
                "booking_reminders",
            )
        ),
        "DELETE FROM booking_appointments WHERE id IN (SELECT id FROM gone)",
    )


def deduplication_off(database: Path) -> None:
    """Drop the index by which the server notices repeated posts: then it stores them again."""
    _change(
        database,
        "DROP INDEX IF EXISTS messages_by_key",
        "CREATE INDEX IF NOT EXISTS messages_by_key_not_unique ON messages (key)",
    )


SABOTAGES = {
    "message-row": Sabotage(before_check=delete_message),
    "appointment-row": Sabotage(before_check=delete_appointment),
    "no-dedup": Sabotage(while_down=deduplication_off),
}
