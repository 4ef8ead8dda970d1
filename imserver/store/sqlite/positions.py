"""Finds messages by position without an index by position (docs/decisions, "positions").

Each message names the one before it in its conversation; heads name the last, milestones every 16th. So a message is one
step to the milestone at or above it and a walk down, and a page is the walks down from its milestones.
"""

# ruff: noqa: S608 - the SQL built here is made of constants and question marks
from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from typing import Any

#: Passing over up to 15 messages costs about 20 µs; a milestone costs its share of a page in a commit.
MILESTONE_EVERY = 16

Sql = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]

PUT_HEADS = (
    "INSERT INTO heads (conversation_no, position, change, unread_no, spoken) VALUES {rows}"
    " ON CONFLICT (conversation_no) DO UPDATE SET position = excluded.position, change = excluded.change,"
    " unread_no = excluded.unread_no, spoken = excluded.spoken"
)
PUT_MILESTONES = "INSERT INTO milestones (conversation_no, position, change) VALUES {rows}"

_MILESTONE = (
    "SELECT change FROM milestones WHERE conversation_no = ? AND position >= ? ORDER BY position LIMIT 1"
)
_AT_MILESTONE = "SELECT change FROM milestones WHERE conversation_no = ? AND position = ?"
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


def highest_until(sql: Sql, conversation_no: int, last: int, head_change: int, change: int) -> int:
    """The highest position up to `last` whose change is not above `change`; 0 if there is none. Changes rise with positions.

    `last` is not above the head. Halves the milestones, then walks one block.
    """
    if change >= head_change:
        return last
    below, above = 0, last // MILESTONE_EVERY + 1
    while above - below > 1:
        middle = (below + above) // 2
        milestone = sql(_AT_MILESTONE, (conversation_no, middle * MILESTONE_EVERY))
        if not milestone or milestone[0][0] <= change:  # not kept any more: older than all that is
            below = middle
        else:
            above = middle
    first = below * MILESTONE_EVERY + 1
    end = min(last, above * MILESTONE_EVERY)
    for position, found in zip(
        range(end, first - 1, -1), changes_of(sql, conversation_no, first, end, head_change), strict=True
    ):
        if found <= change:
            return position
    return first - 1


# -- pages -----------------------------------------------------------------------------------------------------------

#: `position, sender_no, sent_at, key, content, revision`.
Row = tuple[int, int, int, bytes, bytes | None, int]

_COLUMNS = ("position", "sender_no", "sent_at", "key", "content", "revision")
# A block: a message and the 15 before it in one row of the result, each found by the one above it. Row by row a message costs
# twice as much: a second step to it, and the interpreter's lock let go of and taken again (benchmark "backlog").
_BLOCK = ", ".join(f"m{number}.{column}" for number in range(MILESTONE_EVERY) for column in _COLUMNS)
_CHAIN = "".join(
    f" LEFT JOIN messages m{number} ON m{number}.change = m{number - 1}.previous"
    for number in range(1, MILESTONE_EVERY)
)
_BLOCKS = (
    f"SELECT {_BLOCK} FROM milestones s CROSS JOIN messages m0 ON m0.change = s.change{_CHAIN}"
    " WHERE s.conversation_no = ? AND s.position BETWEEN ? AND ? ORDER BY s.position "
)
_BLOCKS_UP, _BLOCKS_DOWN = _BLOCKS + "ASC", _BLOCKS + "DESC"
_HEAD_BLOCK = f"SELECT {_BLOCK} FROM messages m0{_CHAIN} WHERE m0.change = ?"
_STARTS_DOWN = range(0, MILESTONE_EVERY * len(_COLUMNS), len(_COLUMNS))
_STARTS_UP = _STARTS_DOWN[::-1]


def rows_between(
    connection: sqlite3.Connection,
    conversation_no: int,
    first: int,
    last: int,
    head: tuple[int, int],
    *,
    backwards: bool,
) -> Generator[list[Row], None, None]:
    """Read the rows at the positions `first..last`, from the one end or the other, up to 16 rows at a time.

    `head`: position and change of the conversation's last message; `last` is not above it. Rows are read on demand: a caller
    that stops early has read less than 48 rows in vain, and must close the generator.
    """
    if first > last:
        return
    position, change = head
    marked = position - position % MILESTONE_EVERY  # above it there is no milestone: use the head block
    starts = _STARTS_DOWN if backwards else _STARTS_UP
    statement = _BLOCKS_DOWN if backwards else _BLOCKS_UP
    between = (conversation_no, first, min(marked, last + -last % MILESTONE_EVERY))
    if backwards and last > marked:
        yield _rows(connection.execute(_HEAD_BLOCK, (change,)), starts, max(first, marked + 1), last)
    if first <= marked:
        with closing(connection.execute(statement, between)) as blocks:
            for block in blocks:
                yield _rows((block,), starts, first, last)
    if not backwards and last > marked:
        yield _rows(connection.execute(_HEAD_BLOCK, (change,)), starts, max(first, marked + 1), last)


def _rows(blocks: Iterable[tuple[Any, ...]], starts: Sequence[int], first: int, last: int) -> list[Row]:
    """The rows of the range. A row that retention removed is all None."""
    width = len(_COLUMNS)
    return [
        row
        for block in blocks
        for start in starts
        if (row := block[start : start + width])[0] is not None and first <= row[0] <= last
    ]
