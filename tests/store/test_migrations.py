"""Migrations fill what they add: as the store would have, for numbers of every size, and at a cost that follows the edits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from imserver.content import encode_content
from imserver.store.sqlite import database
from tests.store.support import said

#: Around each size in which msgpack holds a number.
NUMBERS = [
    1, 2, 126, 127, 128, 129, 254, 255, 256, 257, 65_534, 65_535, 65_536, 65_537, 2**32 - 1, 2**32, 2**32 + 1, 2**40
]  # fmt: skip

Row = tuple[int, int, bytes | None]


@pytest.fixture
def raw() -> Iterator[sqlite3.Connection]:
    """An empty database of schema 1."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript(database.migrations()[0][1])
        yield connection


def edited(target: int, revision: int) -> bytes:
    return encode_content({"type": "system", "event": "edited", "target": target, "revision": revision})


def put(raw: sqlite3.Connection, no: int, *rows: Row) -> None:
    """Messages `(change, position, content)` of a conversation, in order, and its head."""
    previous = 0
    for change, position, content in rows:
        raw.execute(
            "INSERT INTO messages VALUES (?, ?, ?, 1, 0, 0, ?, 1, ?, ?, ?)",
            (change, no, position, previous, change.to_bytes(16, "big"), bytes(16), content),
        )
        previous = change
    raw.execute("INSERT INTO heads VALUES (?, ?, ?, 0)", (no, rows[-1][1], previous))


def put_revision(raw: sqlite3.Connection, no: int, position: int, revision: int) -> None:
    raw.execute("INSERT INTO revisions VALUES (?, ?, ?, x'80', 0)", (no, position, revision))


def migrate(raw: sqlite3.Connection) -> None:
    raw.executescript(database.migrations()[1][1])


@pytest.mark.parametrize("target", NUMBERS)
def test_a_revision_ends_where_its_edit_was_told_whatever_the_numbers(
    raw: sqlite3.Connection, target: int
) -> None:
    revisions = [number for number in NUMBERS if number + 1 < 2**32]
    tellings = [
        (change, target + change, edited(target, number + 1)) for change, number in enumerate(revisions, 1)
    ]
    put(raw, 1, *tellings)
    # Another conversation tells of the same elsewhere.
    put(raw, 2, *((change + 1000, position + 50, content) for change, position, content in tellings))
    for number in revisions:
        put_revision(raw, 1, target, number)
        put_revision(raw, 2, target, number)
    migrate(raw)
    found = raw.execute("SELECT conversation_no, until - position FROM revisions ORDER BY 1, revision")
    expected = [*range(1, len(revisions) + 1)]
    assert found.fetchall() == [(1, n) for n in expected] + [(2, n + 50) for n in expected]


def test_what_people_say_of_edits_ends_nothing(raw: sqlite3.Connection) -> None:
    said_so = edited(1, 2).replace(b"\xa6system", b"\xa6sermon")
    put(raw, 1, (1, 1, said("x")), (2, 2, said_so), (3, 3, said("edited")), (4, 4, edited(1, 2)))
    put_revision(raw, 1, 1, 1)
    migrate(raw)
    assert raw.execute("SELECT until FROM revisions").fetchall() == [(4,)]


@pytest.mark.parametrize(
    ("contents", "spoken"),
    [
        ([said("a")], 1),
        ([said("a"), edited(1, 2)], 1),
        ([said("a"), edited(1, 2), said("b")], 3),
        ([said("a"), said("b"), edited(1, 2), edited(1, 3), edited(2, 2)], 2),
        ([said("a"), encode_content({"type": "system", "event": "left", "user": "b"})], 2),
        ([said("a"), None], 2),
        ([said("a"), None, edited(1, 2)], 2),
    ],
)
def test_what_was_last_said_is_the_last_that_tells_of_no_edit(
    raw: sqlite3.Connection, contents: list[bytes | None], spoken: int
) -> None:
    put(raw, 5, *((position, position, content) for position, content in enumerate(contents, 1)))
    put(raw, 6, (50, 1, said("other")))
    migrate(raw)
    heads = raw.execute("SELECT conversation_no, spoken, team FROM heads ORDER BY 1").fetchall()
    assert heads == [(5, spoken, None), (6, 50, None)]


def test_who_left_did_so_before_any_state(raw: sqlite3.Connection) -> None:
    for user, left_at in ((1, None), (2, 7)):
        raw.execute("INSERT INTO members VALUES (1, ?, 'member', 1, ?, 0, 0, 0, 0, 1)", (user, left_at))
    migrate(raw)
    rows = raw.execute("SELECT left_at, left_modseq, settings, settings_seq FROM members ORDER BY user_no")
    assert rows.fetchall() == [(None, None, None, 0), (7, 0, None, 0)]


def test_a_ring_of_messages_does_not_keep_it_from_ending(raw: sqlite3.Connection) -> None:
    """Damage that `imserver check` tells of: the migration must neither hang nor fail for it."""
    put(raw, 1, (1, 1, edited(1, 2)), (2, 2, edited(1, 3)))
    raw.execute("UPDATE messages SET previous = 2 WHERE change = 1")
    put_revision(raw, 1, 9, 1)
    migrate(raw)
    assert raw.execute("SELECT spoken FROM heads").fetchall() == [(0,)]
    assert raw.execute("SELECT until FROM revisions").fetchall() == [(None,)]


def test_a_migration_that_fails_leaves_the_version_before_it_whole(raw: sqlite3.Connection) -> None:
    put(raw, 1, (1, 1, said("a")), (2, 2, edited(1, 2)))
    put_revision(raw, 1, 1, 1)
    before = [*raw.iterdump()]
    script = database.migrations()[1][1]
    for end in [at for at in range(len(script)) if script.startswith(";\n", at)][1:-1:3]:
        with pytest.raises(sqlite3.OperationalError):
            raw.executescript(script[: end + 1] + " SELECT nothing_of_this_name;")
        raw.execute("ROLLBACK")
        assert [*raw.iterdump()] == before
        assert raw.execute("PRAGMA user_version").fetchone() == (1,)
    migrate(raw)
    assert raw.execute("SELECT name FROM sqlite_temp_master").fetchall() == []
