"""Pages of the SQLite store: every range of every length, from both ends, and what one of them costs at most."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from imserver.model import direct_conversation_id
from imserver.store.sqlite.positions import MILESTONE_EVERY, rows_between
from tests.store.costs import Cost, opened
from tests.store.support import DIRECT, Stand, post

OTHER = direct_conversation_id("ann", "cy")


@pytest.fixture
async def filled(sqlite_stand: Stand, tmp_path: Path) -> AsyncIterator[sqlite3.Connection]:
    """Two conversations, said in turns: 40 messages of the one, 32 of the other, which ends at a milestone."""
    numbers = itertools.count(1)
    for turn in range(40):
        await sqlite_stand.post(post(next(numbers)))
        if turn < 2 * MILESTONE_EVERY:
            await sqlite_stand.post(post(next(numbers), conversation_id=OTHER))
    with closing(opened(tmp_path / "chat.db")) as connection:
        yield connection


def head_of(connection: sqlite3.Connection, no: int) -> tuple[int, int]:
    found: tuple[int, int] = connection.execute(
        "SELECT position, change FROM heads WHERE conversation_no = ?", (no,)
    ).fetchone()
    return found


@pytest.mark.parametrize("no", [1, 2])
async def test_every_range_from_both_ends(filled: sqlite3.Connection, no: int) -> None:
    stored = filled.execute(
        "SELECT position, sender_no, sent_at, key, content, revision FROM messages WHERE conversation_no = ?"
        " ORDER BY position",
        (no,),
    ).fetchall()
    head = head_of(filled, no)
    assert head[0] == len(stored)
    for first in range(1, len(stored) + 2):
        for last in range(first - 1, len(stored) + 1):
            for backwards in (False, True):
                found = [
                    row
                    for rows in rows_between(filled, no, first, last, head, backwards=backwards)
                    for row in rows
                ]
                expected = stored[first - 1 : last]
                assert found == (expected[::-1] if backwards else expected), (first, last, backwards)


@pytest.mark.parametrize("kept_from", [5, 17, 33, 40])
async def test_where_retention_removed_rows_there_are_none(
    filled: sqlite3.Connection, kept_from: int
) -> None:
    filled.execute("PRAGMA query_only = OFF")
    filled.execute("DELETE FROM messages WHERE conversation_no = 1 AND position < ?", (kept_from,))
    for backwards in (False, True):
        found = [
            row[0]
            for rows in rows_between(filled, 1, 2, 40, head_of(filled, 1), backwards=backwards)
            for row in rows
        ]
        assert sorted(found) == list(range(kept_from, 41))


async def test_a_page_costs_what_it_holds(filled: sqlite3.Connection) -> None:
    """However long the conversation is, and however long its messages are."""
    cost = Cost(filled)

    def page(after: int | None, before: int | None, limit: int, max_bytes: int = 100_000) -> int:
        return cost.of(lambda reader: reader.history_items(DIRECT, "bob", after, before, limit, max_bytes))

    one_block = page(0, None, MILESTONE_EVERY)
    assert page(0, None, 2 * MILESTONE_EVERY) < 2 * one_block
    assert page(20, None, 1) < 3 * one_block
    assert page(None, 20, 1) < 3 * one_block
    assert page(0, None, 40, max_bytes=1) < 3 * one_block, "a full page stops reading"
    assert page(None, None, 40, max_bytes=1) < 3 * one_block
