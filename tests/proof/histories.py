"""Values for the checker: what is stored of a direct conversation, what was shown, and an appointment with its card."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from imserver.proof.booking.appointment_card import AppointmentCard
from imserver.proof.booking.card_words import STATUSES, time_words
from imserver.proof.booking.stored_appointments import StoredAppointment
from imserver.proof.checker import CardWords, Fault, Report
from imserver.proof.stored_rows import StoredMessage, StoredRows
from imserver.proof.transcript import Seen

WORDS = CardWords(STATUSES, time_words)
HERE = "direct/ann/bob"
START = 1_800_000_000_000 // 300_000
CELLS = frozenset({("room", START), ("room", START + 1)})
BOOKED = StoredAppointment(
    "A2S4", "ann", "confirmed", 2, "2026-11-21T15:00", START * 300_000, (START + 2) * 300_000, frozenset({"room"}), CELLS
)  # fmt: skip
CARD = AppointmentCard("A2S4", 2, "预约成功", "时间 11月21日 周六 15:00")


def stored(position: int, sender: str = "ann", **changes: Any) -> StoredMessage:
    """A message of the conversation; `changes`: what is otherwise in its row."""
    row = StoredMessage(HERE, position, b"key %d" % position, sender, 1000, 1, {1: b"digest %d" % position})
    return replace(row, **changes)


def shown(position: int, *, again: bool = False) -> Seen:
    """That message, as it was handed over."""
    row = stored(position)
    return Seen(HERE, position, row.key, row.sender_id, row.sent_at, 1, row.digests[1], redelivered=again)


def rows(*positions: int) -> StoredRows:
    return StoredRows(
        [stored(position) for position in positions], {"ann": {HERE: (1, None)}, "bob": {HERE: (1, None)}}
    )


def faults(report: Report) -> list[Fault]:
    return [finding.fault for finding in report.findings]
