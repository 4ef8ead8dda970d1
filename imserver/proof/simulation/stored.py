"""The database at the end of a run, read through a connection of our own, without any code of the store."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imserver.content import decode_content
from imserver.proof.transcript import digest_of

Place = tuple[str, int]


@dataclass(slots=True)
class Row:
    """One message, with every content that it ever had."""

    conversation_id: str
    position: int
    key: bytes
    sender_id: str
    sent_at: int
    revision: int
    contents: dict[int, Mapping[str, Any] | None]

    @property
    def content(self) -> Mapping[str, Any]:
        """Its present content; empty if it was taken back."""
        return self.contents[self.revision] or {}

    @property
    def gone(self) -> bool:
        """Whether it was taken back: nothing tells any more what it said."""
        return self.contents[self.revision] is None

    def says(self, revision: int, content: Any) -> bool:
        """Whether this is the content of that revision, or can have been."""
        if self.gone and 1 <= revision < self.revision:
            return content is not None
        return revision in self.contents and self.contents[revision] == content

    @property
    def digests(self) -> Mapping[int, bytes]:
        """Of each content, by revision."""
        return {revision: digest_of(content) for revision, content in self.contents.items()}

    @property
    def telling(self) -> Mapping[str, Any]:
        """The content of a system message; empty for others."""
        return self.content if self.content.get("type") == "system" else {}


@dataclass(frozen=True, slots=True)
class Member:
    """A row of `members`."""

    joined_at: int
    left_at: int | None
    delivered: int
    read: int


@dataclass(slots=True)
class Stored:
    """One reading of the whole file."""

    rows: list[Row] = field(default_factory=list)
    by_place: dict[Place, Row] = field(default_factory=dict)
    by_key: dict[tuple[str, str, bytes], list[Row]] = field(default_factory=lambda: defaultdict(list))
    heads: dict[str, int] = field(default_factory=dict)
    #: Conversation -> user -> membership.
    members: dict[str, dict[str, Member]] = field(default_factory=lambda: defaultdict(dict))
    #: Conversation -> the team that it names; team -> who is in it now; conversation -> user -> cursors by the team.
    teams: dict[str, str] = field(default_factory=dict)
    persons: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    team_cursors: dict[str, dict[str, tuple[int, int]]] = field(default_factory=lambda: defaultdict(dict))
    #: (kind, key) of the echo plugin's notes, with the position of its answer.
    echoes: list[tuple[str, str, int]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def standing(self, user_id: str) -> dict[str, int | None]:
        """The conversations that the user reads, each with the position of leaving, or None for a present member."""
        found = {
            conversation_id: members[user_id].left_at
            for conversation_id, members in self.members.items()
            if user_id in members
        }
        for conversation_id, team in self.teams.items():
            if user_id in self.persons[team]:
                found[conversation_id] = None
        return found

    def of_key(self, conversation_id: str, sender_id: str, key: bytes) -> Row | None:
        """The message of one attempt to post."""
        found = self.by_key.get((conversation_id, sender_id, key))
        return found[0] if found else None


def read_stored(database: Path) -> Stored:
    """Read all that the oracle needs."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as sql:
        sql.execute("BEGIN")
        stored = Stored()
        _read_messages(sql, stored)
        for conversation_id, user_id, joined_at, left_at, delivered, read in sql.execute(
            "SELECT c.conversation_id, u.user_id, m.joined_at, m.left_at, m.delivered, m.read FROM members m"
            " JOIN users u ON u.no = m.user_no JOIN conversations c ON c.no = m.conversation_no"
        ):
            stored.members[conversation_id][user_id] = Member(joined_at, left_at, delivered, read)
        _read_teams(sql, stored)
        stored.heads = dict(
            sql.execute(
                "SELECT c.conversation_id, h.position FROM heads h JOIN conversations c ON c.no = h.conversation_no"
            )
        )
        stored.echoes = list(sql.execute("SELECT kind, key, position FROM echo_heard"))
        stored.failures = [" ".join(map(str, row)) for row in sql.execute("SELECT * FROM plugin_failures")]
        return stored


def _read_teams(sql: sqlite3.Connection, stored: Stored) -> None:
    stored.teams = dict(
        sql.execute(
            "SELECT c.conversation_id, t.conversation_id FROM conversations c JOIN conversations t ON t.no = c.team"
        )
    )
    for team, user_id in sql.execute(
        "SELECT c.conversation_id, u.user_id FROM team_members t JOIN users u ON u.no = t.user_no"
        " JOIN conversations c ON c.no = t.team_no"
    ):
        stored.persons[team].add(user_id)
    for conversation_id, user_id, delivered, read in sql.execute(
        "SELECT c.conversation_id, u.user_id, k.delivered, k.read FROM team_cursors k"
        " JOIN users u ON u.no = k.user_no JOIN conversations c ON c.no = k.conversation_no"
    ):
        stored.team_cursors[conversation_id][user_id] = (delivered, read)


def _read_messages(sql: sqlite3.Connection, stored: Stored) -> None:
    past: dict[Place, dict[int, Any]] = defaultdict(dict)
    for conversation_id, position, revision, content in sql.execute(
        "SELECT c.conversation_id, r.position, r.revision, r.content FROM revisions r"
        " JOIN conversations c ON c.no = r.conversation_no"
    ):
        past[conversation_id, position][revision] = decode_content(content)
    for conversation_id, position, key, sender_id, sent_at, revision, content in sql.execute(
        "SELECT c.conversation_id, m.position, m.key, u.user_id, m.sent_at, m.revision, m.content FROM messages m"
        " JOIN conversations c ON c.no = m.conversation_no JOIN users u ON u.no = m.sender_no ORDER BY m.change"
    ):
        contents = past.get((conversation_id, position), {})
        contents[revision] = None if content is None else decode_content(content)
        row = Row(conversation_id, position, bytes(key), sender_id, sent_at, revision, contents)
        stored.rows.append(row)
        stored.by_place.setdefault((conversation_id, position), row)
        stored.by_key[conversation_id, sender_id, row.key].append(row)
