"""The rules about people who come and go: whoever an operator has shut out is served nothing, and whoever is out of a team is
shown nothing of what is said then where that team is named."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from .findings import Fault, Found
from .stored_rows import StoredMessage, StoredRows
from .taken_back import TakenBack
from .transcript import Seen, Transcript


@dataclass(frozen=True, slots=True)
class Out:
    """So long a user was shut out: from the answer to the operator until the operator begins to let the user in again, both in
    UTC milliseconds by the clock of which messages have their times."""

    user_id: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Stay:
    """Of a person in a team: the messages that tell of coming and of going, None while it lasts."""

    first: StoredMessage
    last: StoredMessage | None = None

    def sees(self, row: StoredMessage) -> bool:
        """Whether a message was there before this ended."""
        return self.last is None or row.change <= self.last.change

    def covers(self, row: StoredMessage) -> bool:
        """Whether a message was said while this lasted."""
        return self.first.change <= row.change and self.sees(row)


class Stays:
    """Who was when in which team, in the order of commits, by what the teams' own messages tell of comings and goings."""

    def __init__(self, rows: StoredRows) -> None:
        self._teams = rows.teams
        #: Of each conversation that names a team, the numbers of its messages in the order of all, ascending.
        self._changes: dict[str, list[int]] = defaultdict(list)
        self._stays: dict[tuple[str, str], list[Stay]] = defaultdict(list)
        teams = frozenset(rows.teams.values())
        for row in rows.messages:
            if row.conversation_id in rows.teams:
                self._changes[row.conversation_id].append(row.change)
            elif row.conversation_id in teams:
                self._note(row)

    @classmethod
    def none(cls) -> Self:
        return cls(StoredRows())

    def _note(self, row: StoredMessage) -> None:
        stays = self._stays[row.conversation_id, str(row.telling.get("user"))]
        present = bool(stays) and stays[-1].last is None
        match row.telling.get("event"):
            case "added" if not present:
                stays.append(Stay(row))
            case "left" | "removed" if present:
                stays[-1] = Stay(stays[-1].first, row)

    def of(self, conversation_id: str, user_id: str) -> Sequence[Stay]:
        """Of this user, in the team that this conversation names."""
        return self._stays.get((self._teams.get(conversation_id, ""), user_id), ())

    def ended(self) -> int:
        """How many have ended."""
        return sum(stay.last is not None for stays in self._stays.values() for stay in stays)

    def begins(self, conversation_id: str, user_id: str) -> int:
        """The first position that must be shown to a person of the team: behind what was there when the present stay began."""
        stays = self.of(conversation_id, user_id)
        return 1 + bisect_left(self._changes[conversation_id], stays[-1].first.change) if stays else 1

    def shown_rightly(self, seen: Seen, row: StoredMessage, user_id: str) -> bool:
        """Whether a message was shown to somebody who was there behind it, and not before that stay began."""
        stays = self.of(seen.conversation_id, user_id)
        return any(stay.sees(row) and seen.at >= stay.first.sent_at for stay in stays)

    def said_rightly(self, row: StoredMessage) -> bool:
        """Whether a message is by somebody who was there."""
        return any(stay.covers(row) for stay in self.of(row.conversation_id, row.sender_id))


def nobody_out_is_served(transcript: Transcript, outs: Mapping[str, Sequence[Out]]) -> Found:
    """No server lets in who is shut out, or shows such a one what was said since."""
    for out in outs.get(transcript.user_id, ()):
        for begun, at in transcript.entries:
            if out.begin < begun and at < out.end:
                text = f"{transcript.user_id} was let in {begun - out.begin} ms after being shut out"
                yield Fault.TRESPASS, f"{transcript.user_id} {at}", text
        for seen in transcript.seen:
            if out.begin < seen.sent_at and seen.at < out.end:
                what = f"message {seen.position} of {seen.conversation_id}"
                text = f"{what} was shown to {transcript.user_id}, who had been shut out before it was said"
                yield Fault.TRESPASS, f"{what} {transcript.user_id}", text


def nobody_out_is_heard(rows: StoredRows, outs: Mapping[str, Sequence[Out]]) -> Found:
    """Nothing is stored of who is shut out."""
    for row in rows.messages:
        for out in outs.get(row.sender_id, ()):
            if out.begin < row.sent_at < out.end:
                what = f"message {row.position} of {row.conversation_id}"
                yield Fault.TRESPASS, what, f"{what} is by {row.sender_id}, who had been shut out"


def team_sees_its_own(
    transcript: Transcript, rows: StoredRows, places: Mapping[str, Mapping[int, StoredMessage]], stays: Stays, taken: TakenBack
) -> Found:  # fmt: skip
    """Whoever has a conversation by a team is shown nothing that was said in it out of the team, until being in it again."""
    if not transcript.comes_and_goes:
        return
    for seen in transcript.standing:
        row = places.get(seen.conversation_id, {}).get(seen.position)
        if seen.conversation_id not in rows.teams or row is None:
            continue
        if (row.key, row.sent_at) != (seen.key, seen.sent_at) or taken.moved(
            transcript.user_id, seen.conversation_id
        ):
            continue  # of another history
        if not stays.shown_rightly(seen, row, transcript.user_id):
            what = f"message {seen.position} of {seen.conversation_id}"
            text = f"{what} was shown to {transcript.user_id}, who was out of its team"
            yield Fault.TRESPASS, f"{what} {transcript.user_id}", text


def by_user(outs: Sequence[Out]) -> Mapping[str, Sequence[Out]]:
    """All of each user."""
    found: dict[str, list[Out]] = defaultdict(list)
    for out in outs:
        found[out.user_id].append(out)
    return found
