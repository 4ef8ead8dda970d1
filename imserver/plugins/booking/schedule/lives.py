"""Restores, as far as appointments know: where their numbers began anew, and which codes were given in what is gone."""

from __future__ import annotations

from dataclasses import dataclass

from imserver.plugin_api import Transaction

from .codes import first_of_life, number_of


@dataclass(frozen=True, slots=True)
class Life:
    """A row of `booking_lives`: what was stored between the two moments (UTC ms) is gone."""

    first_number: int
    last_before: int
    copied_at: int
    restored_at: int


def begin(tx: Transaction, copied_at: int, restored_at: int) -> None:
    """An older copy has come back: no number, and no code, that was given in what is gone is given again."""
    ((last,),) = tx.execute("SELECT COALESCE(MAX(id), 0) FROM booking_appointments")
    first = max(first_of_life(restored_at), last + 1)
    tx.execute(
        "INSERT INTO booking_lives (first_number, last_before, copied_at, restored_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (first_number) DO NOTHING",
        (first, last, copied_at, restored_at),
    )


def lost_with(tx: Transaction, code: str) -> Life | None:
    """The restore with which an appointment of this code, which nothing has now, can have gone."""
    number = number_of(code)
    if number is None:
        return None
    rows = tx.execute(
        "SELECT first_number, last_before, copied_at, restored_at FROM booking_lives"
        " WHERE last_before < ? AND first_number > ? ORDER BY restored_at DESC LIMIT 1",
        (number, number),
    )
    return Life(*rows[0]) if rows else None
