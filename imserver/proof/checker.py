"""Compares the clients' transcripts with the database. Pure: transcripts and rows in, findings out.

Messages: each one that a client received, or that the server confirmed, *is* stored, unchanged, once; each stored one was
delivered to its readers, once and in order. Appointments: the chat's statements and the stored rows agree, both ways. Features:
what their own judges say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from . import message_checks as rules
from .access_checks import Out, Stays, by_user, nobody_out_is_heard, nobody_out_is_served, team_sees_its_own
from .acts import Evidence, Notes, Query, all_acts, no_query
from .booking.appointment_checks import CardWords, Promises, TimeWords, overlaps
from .findings import Fault, Finding, Found, Report
from .stored_rows import StoredMessage, StoredRows
from .taken_back import TakenBack
from .transcript import Transcript

__all__ = ["CardWords", "Fault", "Finding", "Report", "TimeWords", "check"]


def check(
    transcripts: Iterable[Transcript],
    rows: StoredRows,
    words: CardWords,
    query: Query = no_query,
    taken: TakenBack | None = None,
    outs: Sequence[Out] = (),
) -> Report:
    """Compare everything with everything. Only one transcript is needed at a time: they may be read one by one. `query`: for
    the judges of features, a SELECT on the database behind `rows`. `taken`: what restores of older copies took back. `outs`:
    who was shut out, and when."""
    checker = _Checker(rows, words, query, taken or TakenBack(), outs)
    for transcript in transcripts:
        checker.add(transcript)
    return checker.finished()


class _Checker:
    """The state between one transcript and the next."""

    def __init__(
        self, rows: StoredRows, words: CardWords, query: Query, taken: TakenBack, outs: Sequence[Out]
    ) -> None:
        self._rows = rows
        self._outs = by_user(outs)
        self._stays = Stays(rows)
        self._taken = taken
        self._query = query
        self._places = rules.places_of(rows)
        self._by_key: dict[tuple[str, bytes], StoredMessage] = {
            (row.sender_id, row.key): row for row in rows.messages
        }
        self._promises = Promises(words)
        #: For users whose clients recorded every post: the keys, and the earlier heads of their conversations.
        self._posted: dict[str, set[bytes]] = defaultdict(set)
        self._heads: dict[str, int] = {}
        #: Of the acts of features, by feature.
        self._notes: dict[str, list[Notes]] = defaultdict(list)
        self._found: dict[tuple[Fault, str], Finding] = {}
        self._report = Report(messages=len(rows.messages))

    def add(self, transcript: Transcript) -> None:
        """The rules that need one transcript only."""
        report, taken = self._report, self._taken
        report.shown += len(transcript.seen)
        report.acknowledged += len({answer.key for answer in transcript.acknowledged})
        marked, repeated = rules.repeated(transcript)
        report.marked += marked
        report.repeated += repeated
        self._promises.add(transcript.cards)
        for name in all_acts():
            facts, rest = transcript.notes.get(name, ()), transcript.rests.get(name)
            device_id = transcript.device_id or transcript.user_id
            self._notes[name].append(Notes(transcript.user_id, device_id, facts, rest))
        if transcript.posts:
            self._posted[transcript.user_id].update(transcript.posts)
            for conversation_id, head in transcript.heads.items():
                self._heads[conversation_id] = max(head, self._heads.get(conversation_id, 0))
        for found in (
            rules.shown_is_stored(transcript, self._places, taken),
            rules.acknowledged_is_stored(transcript, self._places, taken),
            rules.taken_is_stored(transcript, self._rows, self._by_key, taken),
            rules.shown_to_members(transcript, self._rows, taken),
            team_sees_its_own(transcript, self._rows, self._places, self._stays, taken),
            nobody_out_is_served(transcript, self._outs),
            rules.shown_in_order(transcript, taken),
            rules.posted_in_order(transcript, self._by_key, taken),
            rules.stored_was_shown(transcript, self._rows, self._places, self._stays, taken),
            rules.taken_back_was_told(transcript, self._by_key, taken, report),
            rules.told_with_reason(transcript, taken, report),
        ):
            self._note(found)
        for trouble in transcript.troubles:
            self._note(
                [(Fault.BROKEN, f"{transcript.user_id} {trouble}", f"{transcript.user_id}: {trouble}")]
            )

    def finished(self) -> Report:
        """The rules that need all of them, or none; and the report."""
        rows, report = self._rows, self._report
        self._note(rules.stored_twice(rows.messages))
        self._note(rules.gaps(rows.messages))
        self._note(rules.posted_by_members(rows, self._stays))
        self._note(nobody_out_is_heard(rows, self._outs))
        self._note(rules.stored_was_posted(rows.messages, self._posted, self._heads))
        self._note(self._promises.held_against(rows.appointments))
        self._note(overlaps(rows.appointments))
        for name, acts in all_acts().items():
            if acts.judge is not None:
                judged = acts.judge(
                    Evidence(
                        self._notes[name],
                        self._row,
                        self._members,
                        self._query,
                        self._taken.at,
                        self._taken.moved,
                        self._taken.facts(name),
                    )
                )
                self._note((Fault.FEATURE, text, f"{name}: {text}") for text in judged)
        report.promised, report.present = self._promises.count, self._promises.present
        report.findings = list(self._found.values())
        return report

    def _row(self, conversation_id: str, position: int) -> StoredMessage | None:
        return self._places.get(conversation_id, {}).get(position)

    def _members(self, conversation_id: str) -> dict[str, tuple[int, int | None]]:
        """Those who once had it by a team among them."""
        team = self._rows.teams.get(conversation_id, "")
        return {
            user_id: places.get(conversation_id, (1, 0))
            for user_id, places in self._rows.members.items()
            if conversation_id in places or team in places
        }

    def _note(self, found: Found) -> None:
        for fault, what, text in found:
            self._found.setdefault(
                (fault, what), Finding(fault, text)
            )  # one line for all clients that saw it
