"""How much one guest may take and change in a shop within a day: the people see each of it, and rows stay.

Nobody who means it comes near: above it the people do it. To give something up is always possible. Whom an operator knows has
no such bound: there is somebody to speak to.
"""

from __future__ import annotations

from .rows import Rows

DAY_MS = 24 * 3600 * 1000
#: Times that are held, one after the other, and what is booked, moved and put right, each of which is a card to the staff.
MAX_HELD, MAX_CHANGED = 100, 30


def has_enough(rows: Rows, customer_id: str, store_id: str) -> bool:
    """Whether a guest has taken and changed so much since yesterday that the people are asked to go on."""
    since = rows.now_ms - DAY_MS
    ((held,),) = rows.execute(
        "SELECT COUNT(*) FROM booking_appointments WHERE customer_id = ? AND store_id = ? AND created_at > ?",
        (customer_id, store_id, since),
    )
    ((changed,),) = rows.execute(
        "SELECT COUNT(*) FROM booking_appointments a JOIN booking_changes c ON c.appointment_id = a.id"
        " WHERE a.customer_id = ? AND a.store_id = ? AND a.changed_at > ? AND a.card_position IS NOT NULL AND c.at > ?"
        " AND c.action IN ('request', 'confirm', 'move', 'ask_move', 'correct')",
        (customer_id, store_id, since, since),
    )
    return int(held) >= MAX_HELD or int(changed) >= MAX_CHANGED
