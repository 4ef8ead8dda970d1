"""What features may read beside their own tables: three views that every engine has, here each connection's own.

No views of the database: with one in its schema, SQLite 3.40 leaves the list of free pages and unused pages out of its
integrity check (`tests/store/test_views.py`).
"""

from __future__ import annotations

import sqlite3
from typing import Final

VIEWS: Final = {
    # What a person may read, conversation by conversation: positions `first..last`.
    "readable": (
        "(user_no, place, first, last) AS"
        " SELECT m.user_no, m.conversation_no, 1, coalesce(m.left_at, 9223372036854775807) FROM main.members m"
        # Who left, and is here by the team, reads all. Who left the team reads nothing of it.
        " WHERE m.left_at IS NULL OR NOT EXISTS (SELECT 1 FROM main.conversations c JOIN main.team_members t"
        " ON t.team_no = c.team AND t.user_no = m.user_no WHERE c.no = m.conversation_no)"
        " UNION ALL SELECT t.user_no, c.no, 1, 9223372036854775807 FROM main.team_members t"
        " JOIN main.conversations c ON c.team = t.team_no WHERE NOT EXISTS (SELECT 1 FROM main.members m"
        " WHERE m.conversation_no = c.no AND m.user_no = t.user_no AND m.left_at IS NULL)"
    ),
    # Messages that are there: not those that were taken back.
    "said": (
        "(place, position, change, sender_no, sent_at) AS"
        " SELECT conversation_no, position, change, sender_no, sent_at FROM main.messages WHERE content IS NOT NULL"
    ),
    "people": (
        "(user_no, user_id, kind) AS SELECT no, user_id, CASE WHEN char(10) || roles || char(10)"
        " LIKE '%' || char(10) || 'bot' || char(10) || '%' THEN 'bot' ELSE 'person' END FROM main.users"
    ),
}


def make_views(connection: sqlite3.Connection) -> None:
    """Give the connection its views. Before it may only read, and behind the migrations."""
    for name, definition in VIEWS.items():
        connection.execute(f"CREATE TEMP VIEW {name} {definition}")
