"""Holds what clients were told against what the database holds. Pure: transcripts and rows in, findings out.

For messages: what one was shown, or was told is stored, *is* stored, the same, once; what is stored for one's eyes was
shown, once and in order. For appointments: what the chat says is so, and what is so the chat has said.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from .stored_rows import OWNING, StoredAppointment, StoredMessage, StoredRows
from .transcript import AppointmentCard, Place, Seen, Transcript

#: A promised time in the words of a card, in every language of the conversation: one of these has to be in it.
TimeWords = Callable[[datetime], Sequence[str]]


class Fault(StrEnum):
    """What can be wrong. The value is the first word of the line that says so."""

    LOST = "lost"
    DOUBLED = "doubled"
    OUT_OF_ORDER = "out of order"
    ALTERED = "altered"
    MISSING = "missing appointment"
    UNTOLD = "untold appointment"
    DOUBLE_BOOKED = "double-booked"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, in a sentence."""

    fault: Fault
    text: str

    def __str__(self) -> str:
        return f"{self.fault}: {self.text}"


@dataclass(slots=True)
class Report:
    """What was compared, and what was found."""

    messages: int = 0
    shown: int = 0
    promised: int = 0
    present: int = 0
    findings: list[Finding] = field(default_factory=list)

    def count(self, fault: Fault) -> int:
        """How often this is wrong."""
        return sum(finding.fault is fault for finding in self.findings)


@dataclass(frozen=True, slots=True)
class CardWords:
    """How to read a card: the status that a title means, and how a time is written. Other titles promise nothing."""

    statuses: Mapping[str, str]
    times: TimeWords


def check(transcripts: Sequence[Transcript], rows: StoredRows, words: CardWords) -> Report:
    """Compare everything with everything."""
    report = Report(messages=len(rows.messages), shown=sum(len(one.seen) for one in transcripts))
    stored = rows.by_place()
    found: dict[tuple[Fault, str], Finding] = {}

    def add(fault: Fault, what: str, text: str) -> None:
        found.setdefault((fault, what), Finding(fault, text))  # one line, however many clients saw it

    for transcript in transcripts:
        for fault, what, text in (
            *_shown_is_stored(transcript, stored),
            *_acknowledged_is_stored(transcript, stored),
            *_shown_in_order(transcript),
            *_posted_in_order(transcript),
            *_stored_was_shown(transcript, rows),
        ):
            add(fault, what, text)
    for fault, what, text in (*_stored_twice(rows.messages), *_gaps(rows.messages)):
        add(fault, what, text)
    for fault, what, text in (*_appointments(transcripts, rows, words, report), *_overlaps(rows)):
        add(fault, what, text)
    report.findings = list(found.values())
    return report


# -- messages -----------------------------------------------------------------------------------------------------------

#: Fault, what it is about (so that it is reported once), and the sentence.
_Found = Iterable[tuple[Fault, str, str]]


def _stored_twice(messages: Sequence[StoredMessage]) -> _Found:
    """One key of one sender is one message."""
    places: dict[tuple[str, str, bytes], list[int]] = defaultdict(list)
    for row in messages:
        places[row.conversation_id, row.sender_id, row.key].append(row.position)
    for (conversation_id, sender_id, _), positions in places.items():
        for position in positions[1:]:
            yield (
                Fault.DOUBLED,
                _name(conversation_id, position),
                f"{_name(conversation_id, position)} by {sender_id} is the same post as message {positions[0]}",
            )


def _gaps(messages: Sequence[StoredMessage]) -> _Found:
    """Positions run from 1 without a gap, and each is one message."""
    heads: dict[str, int] = defaultdict(int)
    for row in messages:
        if row.position == heads[row.conversation_id]:
            name = _name(row.conversation_id, row.position)
            yield Fault.DOUBLED, name, f"{name} is two messages in the database"
        for missing in range(heads[row.conversation_id] + 1, row.position):
            name = _name(row.conversation_id, missing)
            yield Fault.LOST, name, f"{name} is not in the database"
        heads[row.conversation_id] = row.position


def _shown_is_stored(transcript: Transcript, stored: Mapping[Place, StoredMessage]) -> _Found:
    for seen in transcript.seen:
        name = _name(seen.conversation_id, seen.position)
        row = stored.get((seen.conversation_id, seen.position))
        if row is None:
            yield Fault.LOST, name, f"{name} was shown to {transcript.user_id} and is not in the database"
            continue
        was = (seen.key, seen.sender_id, seen.sent_at, seen.digest)
        is_now = (row.key, row.sender_id, row.sent_at, row.digests.get(seen.revision))
        if was != is_now:
            yield Fault.ALTERED, name, f"{name} is not what {transcript.user_id} was shown"
    for edit in transcript.edits:
        row = stored.get((edit.conversation_id, edit.position))
        if row is not None and row.digests.get(edit.revision) != edit.digest:
            name = _name(edit.conversation_id, edit.position)
            yield (
                Fault.ALTERED,
                f"{name} {edit.revision}",
                f"revision {edit.revision} of {name} is not what was shown",
            )


def _acknowledged_is_stored(transcript: Transcript, stored: Mapping[Place, StoredMessage]) -> _Found:
    for answer in transcript.acknowledged:
        name = _name(answer.conversation_id, answer.position)
        row = stored.get((answer.conversation_id, answer.position))
        if row is None:
            yield (
                Fault.LOST,
                name,
                f"{name} was called stored to {transcript.user_id} and is not in the database",
            )
        elif (row.key, row.sender_id, row.digests.get(1)) != (answer.key, transcript.user_id, answer.digest):
            yield Fault.ALTERED, name, f"{name} is not what {transcript.user_id} posted"


def _shown_in_order(transcript: Transcript) -> _Found:
    by_conversation: dict[str, list[Seen]] = defaultdict(list)
    for seen in transcript.seen:
        by_conversation[seen.conversation_id].append(seen)
    for conversation_id, shown in by_conversation.items():
        for position, times in Counter(one.position for one in shown).items():
            if times > 1:
                name = _name(conversation_id, position)
                yield Fault.DOUBLED, name, f"{name} was shown {times} times to {transcript.user_id}"
        for before, after in pairwise(shown):
            if after.position < before.position:
                name = _name(conversation_id, after.position)
                text = f"{name} was shown to {transcript.user_id} after message {before.position}"
                yield Fault.OUT_OF_ORDER, name, text


def _posted_in_order(transcript: Transcript) -> _Found:
    """Of two posts to one conversation the earlier has the lower position."""
    answers = {answer.key: answer for answer in transcript.acknowledged}
    last: dict[str, int] = {}
    for answer in (answers[key] for key in transcript.posted if key in answers):
        if answer.position < last.get(answer.conversation_id, 0):
            name = _name(answer.conversation_id, answer.position)
            yield Fault.OUT_OF_ORDER, name, f"{name} overtook an earlier post of {transcript.user_id}"
        last[answer.conversation_id] = answer.position


def _stored_was_shown(transcript: Transcript, rows: StoredRows) -> _Found:
    """From where it began to listen (or joined), everything."""
    shown = {(one.conversation_id, one.position) for one in transcript.seen}
    mine = rows.members.get(transcript.user_id, {})
    for row in rows.messages:
        if row.conversation_id not in mine:
            continue
        first, last = mine[row.conversation_id]
        first = max(first, transcript.heads.get(row.conversation_id, 0) + 1)
        wanted = first <= row.position and (last is None or row.position <= last)
        if wanted and (row.conversation_id, row.position) not in shown:
            name = _name(row.conversation_id, row.position)
            yield Fault.LOST, name, f"{name} was never shown to {transcript.user_id}"


# -- appointments -------------------------------------------------------------------------------------------------------


def _appointments(
    transcripts: Sequence[Transcript], rows: StoredRows, words: CardWords, report: Report
) -> _Found:
    cards = [card for transcript in transcripts for card in transcript.cards]
    latest: dict[str, AppointmentCard] = {}
    for card in cards:
        known = latest.get(card.code)
        if card.title in words.statuses and (known is None or card.version >= known.version):
            latest[card.code] = card
    report.promised = len(latest)
    for code, card in latest.items():
        wrong = _broken_promise(card, rows.appointments.get(code), words)
        if wrong:
            yield Fault.MISSING, code, f"{code} ({card.title}) was promised in the chat, and {wrong}"
        else:
            report.present += 1
    for card in cards:
        row = rows.appointments.get(card.code)
        if row is not None and card.version > row.version:
            text = f"{card.code}: the chat shows version {card.version}, and the database has {row.version}"
            yield Fault.MISSING, card.code, text
    for code, row in rows.appointments.items():
        if row.status in OWNING - {"held"} and code not in latest:
            yield Fault.UNTOLD, code, f"{code} ({row.status}) is in the database, and nobody was told"


def _broken_promise(card: AppointmentCard, row: StoredAppointment | None, words: CardWords) -> str:
    """What is not as the card says; "" if all is."""
    if row is None:
        return "is not in the database"
    if row.status != words.statuses[card.title]:
        return f"is {row.status} in the database"
    if row.version != card.version:
        return f"the card shows version {card.version}, the database has {row.version}"
    if not any(text in card.words for text in words.times(datetime.fromisoformat(row.start_wall))):
        return f"is at {row.start_wall} in the database"
    if row.cells != row.cells_wanted:
        return f"owns {len(row.cells)} of {len(row.cells_wanted)} cells of its people and rooms"
    return ""


def _overlaps(rows: StoredRows) -> _Found:
    """No person and no room is promised twice: from the appointments themselves, not from the cells that should prevent it."""
    taken: dict[str, list[StoredAppointment]] = defaultdict(list)
    for row in rows.appointments.values():
        if row.status in OWNING:
            for resource in row.resources:
                taken[resource].append(row)
    for resource, booked in taken.items():
        for one, other in pairwise(sorted(booked, key=lambda row: row.start_at)):
            if other.start_at < one.free_at:
                text = f"{one.code} and {other.code} both have {resource} at {other.start_wall}"
                yield Fault.DOUBLE_BOOKED, f"{resource} {other.code}", text


def _name(conversation_id: str, position: int) -> str:
    return f"message {position} of {conversation_id}"
