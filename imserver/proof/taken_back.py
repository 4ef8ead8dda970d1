"""What was taken back when older copies of the database were put in its place: the difference between the database that was
left and the copy, read when it happened."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .acts import Facts, all_acts
from .stored_rows import BY_TEAM, MEMBERS, TEAMS, StoredMessage, read_messages
from .transcript import Place

#: What tells whether anything happened in a conversation: its last message, and its number of changes of state.
_HEADS = (
    "SELECT c.conversation_id, coalesce(h.position, 0), c.modseq"
    " FROM conversations c LEFT JOIN heads h ON h.conversation_no = c.no"
)
_IN_COPY = "SELECT 1 FROM copy.messages k WHERE k.change = m.change AND k.key = m.key"


@dataclass(frozen=True, slots=True)
class Restore:
    """One older copy that was put back. `at`: when, in monotonic seconds of the machine."""

    at: float
    #: Messages that the copy did not have, and those that it had with another content, as they had been.
    messages: tuple[StoredMessage, ...] = ()
    edited: tuple[StoredMessage, ...] = ()
    #: Conversations in which the copy had less, or none of them.
    conversations: frozenset[str] = frozenset()
    #: User and conversation, of all who had become members, or left, since; and of those who were back.
    members: frozenset[tuple[str, str]] = frozenset()
    #: By feature: what of its own was stored on one side only.
    facts: Mapping[str, frozenset[Facts]] = field(default_factory=dict)


class TakenBack:
    """What all restores of a run took."""

    def __init__(self, restores: Sequence[Restore] = ()) -> None:
        self.restores = restores
        self._messages: dict[Place, list[StoredMessage]] = defaultdict(list)
        for restore in restores:
            for row in (*restore.messages, *restore.edited):
                self._messages[row.conversation_id, row.position].append(row)
        self._members = frozenset().union(*(restore.members for restore in restores))
        self._keys = {(row.sender_id, row.key) for restore in restores for row in restore.messages}

    def at(self, conversation_id: str, position: int) -> Sequence[StoredMessage]:
        """The messages at this place, or what one said there, in histories that are gone."""
        return self._messages.get((conversation_id, position), ())

    def took(self, conversation_id: str, position: int, key: bytes) -> bool:
        """Whether this message, or what it said, was taken back."""
        return any(row.key == key for row in self.at(conversation_id, position))

    def took_post(self, user_id: str, key: bytes) -> bool:
        """Whether the message with this key of this user was taken back."""
        return (user_id, key) in self._keys

    def moved(self, user_id: str, conversation_id: str) -> bool:
        """Whether the user had become a member, or left, in a history that is gone."""
        return (user_id, conversation_id) in self._members

    def facts(self, feature: str) -> Collection[Facts]:
        """What of a feature's own stood otherwise before a restore than behind it."""
        return frozenset().union(*(restore.facts.get(feature, frozenset()) for restore in self.restores))

    def times(self, conversation_id: str, user_id: str = "") -> list[float]:
        """When something of this conversation was taken back, or whether this user is in it."""
        return [
            restore.at
            for restore in self.restores
            if conversation_id in restore.conversations or (user_id, conversation_id) in restore.members
        ]


def compare(left: Path, copy: Path, at: float) -> Restore:
    """The difference between a database that nobody has open any more and the copy of it that stands in its place."""
    with closing(_read_only(left)) as old, closing(_read_only(copy)) as new:
        old.execute("ATTACH ? AS copy", (f"{copy.absolute().as_uri()}?mode=ro",))
        messages = read_messages(old, f"NOT EXISTS ({_IN_COPY})")
        edited = read_messages(old, f"EXISTS ({_IN_COPY} AND k.revision <> m.revision)")
        heads = dict(_heads(new))
        changed = {name for name, numbers in _heads(old) if heads.get(name) != numbers}
        members = {(user, name) for user, name, *_ in _memberships(old) - _memberships(new)}
        members |= _moves(messages, old.execute(TEAMS).fetchall())
        facts = {
            name: frozenset(acts.stored(old.execute)) ^ frozenset(acts.stored(new.execute))
            for name, acts in all_acts().items()
            if acts.stored is not None
        }
    return Restore(at, tuple(messages), tuple(edited), frozenset(changed), frozenset(members), facts)


def _memberships(sql: sqlite3.Connection) -> set[tuple[Any, ...]]:
    """User, conversation, and where they left; by a row of their own or by a team."""
    found = (*sql.execute(MEMBERS), *sql.execute(BY_TEAM))
    return {(user, name, left_at) for user, name, _, left_at in found}


def _moves(messages: Iterable[StoredMessage], teams: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Of whom these messages tell that they came or went: there, and where that is named as a team."""
    moves = {
        (str(row.telling["user"]), row.conversation_id)
        for row in messages
        if row.telling.get("event") in ("added", "left", "removed")
    }
    by_team = {(user, name) for user, moved in moves for name, team in teams if team == moved}
    return moves | by_team


def _heads(sql: sqlite3.Connection) -> list[tuple[str, tuple[Any, ...]]]:
    return [(name, tuple(numbers)) for name, *numbers in sql.execute(_HEADS)]


def _read_only(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
