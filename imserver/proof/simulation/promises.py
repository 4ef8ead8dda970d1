"""Appointments: the chat's promises and the stored rows agree. Uses the demonstration's own checker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from imserver.proof.booking.appointment_card import AppointmentCard, appointment_card
from imserver.proof.booking.card_words import STATUSES, time_words
from imserver.proof.checker import CardWords, check
from imserver.proof.stored_rows import StoredRows, read_rows
from imserver.proof.transcript import Transcript

from .journal import Journal
from .record import Record


def appointments(records: Sequence[Record], database: Path, journal: Journal) -> list[str]:
    """Every broken promise."""
    rows = read_rows(database)
    if not rows.appointments:
        return []
    journal.counts["appointments"] += len(rows.appointments)
    confirmed = [row for row in rows.appointments.values() if row.status == "confirmed"]
    journal.counts["appointments confirmed"] += len(confirmed)
    seen = StoredRows(appointments=rows.appointments)
    transcripts = [Transcript(record.user_id, cards=list(_cards(record))) for record in records]
    report = check(transcripts, seen, CardWords(STATUSES, time_words))
    return [str(finding) for finding in report.findings]


def _cards(record: Record) -> Iterable[AppointmentCard]:
    contents = [shown.message.content for shown in record.shown]
    contents += [dict(content) for _, _, _, content in record.replaced if content is not None]
    contents += [item.content for _, items in record.final.values() for item in items]
    for content in contents:
        card = appointment_card(content)
        if card is not None:
            yield card
