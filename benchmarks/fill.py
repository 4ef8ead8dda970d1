"""Fills a database directly with exactly the rows that the server would have stored (a test checks them).

Ten million posts through the server would take an hour.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from imserver.clock import SystemClock
from imserver.model import content_digest
from imserver.store.sqlite import database
from imserver.store.sqlite.guard import Guard
from imserver.store.sqlite.positions import MILESTONE_EVERY
from imserver_protocol.wire.codec import encode_content

#: Messages of one transaction.
BATCH = 50_000
#: Time between two messages (ms); the last one is from the present moment.
STEP_MS = 5
BODY_BYTES = 128
_DIGITS = 16

#: Two users and the id of their direct conversation.
Pair = tuple[str, str, str]
Progress = Callable[[int, int], None]


def fill(path: Path, pairs: Sequence[Pair], each: int, progress: Progress = lambda done, total: None) -> None:
    """`each` messages in the direct conversation of each pair, alternating, conversation after conversation; the file
    must not exist."""
    total = len(pairs) * each
    begin_ms = int(time.time() * 1000) - total * STEP_MS
    with _taken(path), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        database.prepare(connection, path, durable=False)
        database.begin(connection, path, found_log=True, clock=SystemClock(), rng=random.Random())
        users = _put_users(connection, pairs)
        _put_conversations(connection, pairs, users, begin_ms)
        rows = _messages(pairs, users, each, begin_ms)
        for first in range(0, total, BATCH):
            connection.execute("BEGIN")
            connection.executemany(
                "INSERT INTO messages (change, conversation_no, position, sender_no, sent_at, unread_no, previous, key,"
                " digest, content, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
                _first_of(rows, BATCH),
            )
            connection.execute("COMMIT")
            progress(min(first + BATCH, total), total)
        _put_places(connection, len(pairs), each)
        database.end(connection)


@contextmanager
def _taken(path: Path) -> Iterator[None]:
    guard = Guard(path)
    guard.take()
    try:
        yield
    finally:
        guard.release()


def _put_users(connection: sqlite3.Connection, pairs: Sequence[Pair]) -> dict[str, int]:
    names = dict.fromkeys(name for one, other, _ in pairs for name in (one, other))
    users = {name: number for number, name in enumerate(names, 1)}
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO users (no, user_id, display_name, language, roles) VALUES (?, ?, ?, 'en', '')",
        ((number, name, name) for name, number in users.items()),
    )
    connection.execute("COMMIT")
    return users


def _put_conversations(
    connection: sqlite3.Connection, pairs: Sequence[Pair], users: dict[str, int], begin_ms: int
) -> None:
    """A direct conversation comes into being with its first post, and takes its number of change."""
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO conversations (no, conversation_id, kind, title, created_at, changed, membership)"
        " VALUES (?, ?, 'direct', '', ?, ?, ?)",
        (
            (number, pair[2], begin_ms + number * STEP_MS, number, number)
            for number, pair in enumerate(pairs, 1)
        ),
    )
    connection.executemany(
        "INSERT INTO members (conversation_no, user_no, role, joined_at, seen_no, changed)"
        " VALUES (?, ?, 'member', 1, 0, ?)",
        ((number, users[name], number) for number, pair in enumerate(pairs, 1) for name in pair[:2]),
    )
    connection.execute("COMMIT")


def _messages(
    pairs: Sequence[Pair], users: dict[str, int], each: int, begin_ms: int
) -> Iterator[tuple[Any, ...]]:
    head, tail = encode_content({"type": "text", "text": "0" * _DIGITS + "x" * (BODY_BYTES - _DIGITS)}).split(
        b"0" * _DIGITS
    )
    senders = [(users[one], users[other]) for one, other, _ in pairs]
    count = len(pairs)
    for position in range(1, each + 1):
        for number in range(1, count + 1):
            change = (position - 1) * count + number
            content = head + b"%016d" % change + tail
            sent_at = begin_ms + change * STEP_MS
            yield (
                change,
                number,
                position,
                senders[number - 1][position & 1],
                sent_at,
                position,
                change - count if position > 1 else 0,
                sent_at.to_bytes(6, "big") + change.to_bytes(10, "big"),
                content_digest(content),
                content,
            )


def _first_of(rows: Iterator[tuple[Any, ...]], count: int) -> Iterator[tuple[Any, ...]]:
    for _, row in zip(range(count), rows, strict=False):
        yield row


def _put_places(connection: sqlite3.Connection, count: int, each: int) -> None:
    """Heads and milestones."""
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO heads (conversation_no, position, change, unread_no, spoken) VALUES (?, ?, ?, ?, ?)",
        (
            (number, each, change, each, change)
            for number, change in enumerate(range((each - 1) * count + 1, each * count + 1), 1)
        ),
    )
    connection.executemany(
        "INSERT INTO milestones (conversation_no, position, change) VALUES (?, ?, ?)",
        (
            (number, position, (position - 1) * count + number)
            for number in range(1, count + 1)
            for position in range(MILESTONE_EVERY, each + 1, MILESTONE_EVERY)
        ),
    )
    connection.execute("COMMIT")
