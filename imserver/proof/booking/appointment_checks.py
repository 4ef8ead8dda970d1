"""The rules about appointments: the chat's statements and the stored appointments agree, both ways."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from imserver.proof.findings import Fault, Found

from .appointment_card import AppointmentCard
from .stored_appointments import OWNING, TOLD, StoredAppointment

Appointments = Mapping[str, StoredAppointment]

#: A promised time in the words of a card, in every language of the conversation: the card must have one of these.
TimeWords = Callable[[datetime], Sequence[str]]


@dataclass(frozen=True, slots=True)
class CardWords:
    """The words of a card: the status that a title means, and the formats of a time. Other titles promise nothing."""

    statuses: Mapping[str, str]
    times: TimeWords


class Promises:
    """The newest card of every appointment, in any order of reading."""

    def __init__(self, words: CardWords) -> None:
        self._words = words
        self._latest: dict[str, AppointmentCard] = {}
        self._newest_version: dict[str, int] = defaultdict(int)
        self.present = 0

    @property
    def count(self) -> int:
        """The number of appointments that cards promise or call cancelled."""
        return len(self._latest)

    def add(self, cards: Iterable[AppointmentCard]) -> None:
        """Add the cards that one client received."""
        for card in cards:
            known = self._latest.get(card.code)
            if card.title in self._words.statuses and (known is None or card.version >= known.version):
                self._latest[card.code] = card
            self._newest_version[card.code] = max(self._newest_version[card.code], card.version)

    def held_against(self, rows: Appointments) -> Found:
        """Compare newest cards and rows; yields the differences, counts matches in `present`."""
        self.present = 0
        for code, card in self._latest.items():
            wrong = self._broken(card, rows.get(code))
            if wrong:
                yield Fault.MISSING, code, f"{code} ({card.title}) was promised in the chat, and {wrong}"
            else:
                self.present += 1
        for code, version in self._newest_version.items():
            row = rows.get(code)
            if row is not None and version > row.version:
                text = f"{code}: the chat shows version {version}, and the database has {row.version}"
                yield Fault.MISSING, code, text
        for code, row in rows.items():
            if row.status in TOLD and code not in self._latest:
                yield Fault.UNTOLD, code, f"{code} ({row.status}) is in the database, and nobody was told"

    def _broken(self, card: AppointmentCard, row: StoredAppointment | None) -> str:
        """The difference between card and row; "" if there is none."""
        if row is None:
            return "is not in the database"
        if row.status != self._words.statuses[card.title]:
            return f"is {row.status} in the database"
        if row.version != card.version:
            return f"the card shows version {card.version}, the database has {row.version}"
        if not any(text in card.words for text in self._words.times(datetime.fromisoformat(row.start_wall))):
            return f"is at {row.start_wall} in the database"
        if row.cells != row.cells_wanted:
            return f"owns {len(row.cells)} of {len(row.cells_wanted)} cells of its people and rooms"
        return ""


def overlaps(rows: Appointments) -> Found:
    """No person and no room is booked twice: judged by the appointments, not by the cells that should prevent it."""
    taken: dict[str, list[StoredAppointment]] = defaultdict(list)
    for row in rows.values():
        if row.status in OWNING:
            for resource in row.resources:
                taken[resource].append(row)
    for resource, booked in taken.items():
        for one, other in pairwise(sorted(booked, key=lambda row: row.start_at)):
            if other.start_at < one.free_at:
                text = f"{one.code} and {other.code} both have {resource} at {other.start_wall}"
                yield Fault.DOUBLE_BOOKED, f"{resource} {other.code}", text
