"""Finding messages by position without an index by position (docs/decisions, "positions").

Each message names the one before it in its conversation; heads name the last, milestones every 16th. So a page is one step
to the milestone at or above its end, at most 15 messages passed over, and a walk down.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

#: Passing over up to 15 messages costs about 20 µs; a milestone costs its share of a page in a commit.
MILESTONE_EVERY = 16

Sql = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]

PUT_HEADS = (
    "INSERT INTO heads (conversation_no, position, change, unread_no) VALUES {rows}"
    " ON CONFLICT (conversation_no) DO UPDATE SET position = excluded.position, change = excluded.change,"
    " unread_no = excluded.unread_no"
)
PUT_MILESTONES = "INSERT INTO milestones (conversation_no, position, change) VALUES {rows}"

_MILESTONE = (
    "SELECT change FROM milestones WHERE conversation_no = ? AND position >= ? ORDER BY position LIMIT 1"
)
_WALK = (
    "WITH RECURSIVE walk (change, position, previous) AS ("
    "SELECT change, position, previous FROM messages WHERE change = ?"
    " UNION ALL SELECT m.change, m.position, m.previous FROM walk JOIN messages m ON m.change = walk.previous"
    " WHERE walk.position > ?) SELECT change FROM walk WHERE position <= ?"
)


def changes_of(sql: Sql, conversation_no: int, first: int, last: int, head_change: int) -> list[int]:
    """The changes of the positions `last`, `last - 1` … `first`, in this order. `last` is not above the head."""
    if first > last:
        return []
    milestone = sql(_MILESTONE, (conversation_no, last))
    start = milestone[0][0] if milestone else head_change
    return [row[0] for row in sql(_WALK, (start, first, last))]
