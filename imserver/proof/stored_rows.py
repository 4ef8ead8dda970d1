"""The database's rows, read through a read-only SQLite connection of our own. Uses no code of the server's store: a fault
there must not hide itself."""

from __future__ import annotations

import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imserver.content import decode_content

from .booking.stored_appointments import StoredAppointment, read_appointments
from .transcript import Place, digest_of

#: User, conversation, and the positions between which who has a row of his own may see it.
MEMBERS = (
    "SELECT u.user_id, c.conversation_id, m.joined_at, m.left_at FROM members m"
    " JOIN users u ON u.no = m.user_no JOIN conversations c ON c.no = m.conversation_no"
)
#: The same for the persons of a conversation's team, who see all of it; a present row of one's own goes before.
BY_TEAM = (
    "SELECT u.user_id, c.conversation_id, 1, NULL FROM conversations c"
    " JOIN members t ON t.conversation_no = c.team AND t.left_at IS NULL"
    " JOIN users u ON u.no = t.user_no AND u.kind = 'person'"
    " LEFT JOIN members m ON m.conversation_no = c.no AND m.user_no = t.user_no AND m.left_at IS NULL"
    " WHERE m.user_no IS NULL"
)
#: Conversations that name a team, and that.
TEAMS = (
    "SELECT c.conversation_id, t.conversation_id FROM conversations c JOIN conversations t ON t.no = c.team"
)


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A row of `messages`. `digests`: of the content, by revision, past ones included. `telling`: the content of a system
    message, which is in its member's name; empty for others."""

    conversation_id: str
    position: int
    key: bytes
    sender_id: str
    sent_at: int
    revision: int
    digests: dict[int, bytes]
    telling: Mapping[str, Any] = field(default_factory=dict)
    #: Its number in the order of all commits.
    change: int = 0

    @property
    def told_by_server(self) -> bool:
        """Whether it is a system message."""
        return bool(self.telling)

    @property
    def gone(self) -> bool:
        """Whether it was taken back: nothing tells any more what it said."""
        return self.digests.get(self.revision) == digest_of(None)

    def says(self, revision: int, digest: bytes) -> bool:
        """Whether this is the content of that revision, or can have been."""
        if self.gone and 1 <= revision < self.revision:
            return bool(digest)
        return self.digests.get(revision) == digest


@dataclass(slots=True)
class StoredRows:
    """One reading of the whole file."""

    #: In order of conversation and position; a position that is there twice is there twice.
    messages: list[StoredMessage] = field(default_factory=list)
    #: User -> conversation -> (first position, last position or None) that a member may see.
    members: dict[str, dict[str, tuple[int, int | None]]] = field(default_factory=dict)
    appointments: dict[str, StoredAppointment] = field(default_factory=dict)
    #: The team of each conversation that names one.
    teams: dict[str, str] = field(default_factory=dict)
    #: Users and conversations, of those who have theirs by a team.
    by_team: set[tuple[str, str]] = field(default_factory=set)

    def holds(self, key: bytes) -> bool:
        """Whether a message with this key is stored."""
        return any(row.key == key for row in self.messages)


def stored_keys(database: Path, keys: Iterable[bytes]) -> set[bytes]:
    """The keys that a stored message has."""
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as sql:
        sql.execute("PRAGMA query_only = ON")
        return {key for key in keys if sql.execute("SELECT 1 FROM messages WHERE key = ?", (key,)).fetchone()}


def plugin_failures(database: Path) -> list[str]:
    """Events that a plugin failed to handle at every attempt."""
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as sql:
        return [
            f"the plugin {plugin} gave up {event}: {text}"
            for plugin, event, text in sql.execute("SELECT plugin, event, text FROM plugin_failures")
        ]


def read_rows(database: Path) -> StoredRows:
    """All rows that a checker needs. Raises sqlite3.Error if the file cannot be read."""
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as sql:
        sql.execute("PRAGMA query_only = ON")
        sql.execute("BEGIN")  # one snapshot for all the queries
        rows = StoredRows()
        rows.messages = read_messages(sql)
        _members(sql, rows)
        rows.teams = dict(sql.execute(TEAMS))
        rows.appointments = read_appointments(sql)
        return rows


def read_messages(sql: sqlite3.Connection, condition: str = "TRUE") -> list[StoredMessage]:
    """Those of which this is true, where `m` is the row."""
    past: dict[Place, dict[int, bytes]] = defaultdict(dict)
    for conversation_id, position, revision, content in sql.execute(
        "SELECT c.conversation_id, r.position, r.revision, r.content FROM revisions r"
        " JOIN conversations c ON c.no = r.conversation_no"
    ):
        past[conversation_id, position][revision] = _digest(content)
    found = []
    columns = "c.conversation_id, m.position, m.key, u.user_id, m.sent_at, m.revision, m.content, m.change"
    for conversation_id, position, key, sender_id, sent_at, revision, content, change in sql.execute(
        f"SELECT {columns} FROM messages m"  # noqa: S608 - the condition is a caller's own text
        " JOIN conversations c ON c.no = m.conversation_no JOIN users u ON u.no = m.sender_no"
        f" WHERE {condition} ORDER BY c.conversation_id, m.position, m.change"
    ):
        said = None if content is None else decode_content(bytes(content))
        digests = {**past.get((conversation_id, position), {}), revision: digest_of(said)}
        place = (sys.intern(conversation_id), position)  # one string for all rows that name it
        telling = said if said is not None and said.get("type") == "system" else {}
        found.append(
            StoredMessage(
                *place, bytes(key), sys.intern(sender_id), sent_at, revision, digests, telling, change
            )
        )
    return found


def _members(sql: sqlite3.Connection, rows: StoredRows) -> None:
    by_team = sql.execute(BY_TEAM).fetchall()
    rows.by_team = {(user_id, conversation_id) for user_id, conversation_id, *_ in by_team}
    for user_id, conversation_id, joined_at, left_at in (*sql.execute(MEMBERS), *by_team):
        rows.members.setdefault(user_id, {})[conversation_id] = (max(joined_at, 1), left_at)


def _digest(content: bytes | None) -> bytes:
    return digest_of(None if content is None else decode_content(bytes(content)))
