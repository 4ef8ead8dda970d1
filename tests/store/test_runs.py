"""Neighbouring posts stay one run, whatever is among them: counted in statements. And each commit is synced."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from imserver.chat.transaction import Transaction
from imserver.config import StoreConfig
from imserver.store import SqliteStore
from imserver.store.sqlite.connection import connect
from tests.store.support import DIRECT, USERS, Recorder, Stand, Work, faulty, key, post, said


@pytest.fixture
async def counted(tmp_path: Path) -> AsyncIterator[tuple[Stand, list[str]]]:
    """A store with a few messages, and every statement that is executed from now on."""
    connector, connections = faulty()
    store = SqliteStore(
        StoreConfig(path=str(tmp_path / "chat.db")), rng=random.Random(7), connector=connector
    )
    await store.open(recorder := Recorder())
    stand = Stand(store, recorder)
    await stand.users(*USERS)
    await stand.post(*[post(number) for number in range(1, 5)])
    statements: list[str] = []
    connections.before = staticmethod(statements.append)
    yield stand, statements
    connections.before = staticmethod(lambda sql: None)
    await store.close()


@pytest.mark.parametrize(
    "numbers",
    [
        range(10, 18),
        [10, 11, 11, 12, 10],
        [10, 2, 11, 3, 12],
        [2, 2, 10, 10],
        [*range(10, 410), 3, 2],
        [2, *range(10, 410)],
    ],
    ids=["all new", "offered twice in it", "committed before", "both", "last of many", "first of many"],
)
async def test_a_run_is_not_done_one_by_one_for_a_key_that_is_known(
    counted: tuple[Stand, list[str]], numbers: list[int]
) -> None:
    """Clients offer again by the thousand after a restart: that is when a batch must not cost a multiple."""
    stand, statements = counted
    outcomes = await stand.post(*[post(number) for number in numbers])
    seen = {1, 2, 3, 4}
    for number, (_, sent_at, duplicate) in zip(numbers, outcomes, strict=True):
        assert (sent_at, duplicate) == (1000 + number, number in seen)
        seen.add(number)
    assert not [sql for sql in statements if "SELECT position, sent_at, digest FROM messages" in sql]
    inserts = [sql for sql in statements if "INSERT INTO messages" in sql]
    assert len(inserts) <= 2 * len(numbers).bit_length()


async def test_every_commit_is_synced_before_it_is_answered(tmp_path: Path) -> None:
    """WAL with `synchronous=FULL`: with NORMAL a power cut takes back what was answered."""
    raw: list[sqlite3.Connection] = []

    def connector(path: str) -> sqlite3.Connection:
        raw.append(connect(path))
        return raw[-1]

    store = SqliteStore(StoreConfig(path=str(tmp_path / "chat.db")), connector=connector)
    await store.open(Recorder())
    levels: list[tuple[str, int]] = []
    await store.write(
        lambda tx: levels.append(
            (
                raw[0].execute("PRAGMA journal_mode").fetchone()[0],
                raw[0].execute("PRAGMA synchronous").fetchone()[0],
            )
        )
    )
    await store.close()
    assert levels == [("wal", 2)]


async def test_every_sixteenth_message_has_its_milestone_however_it_came(
    counted: tuple[Stand, list[str]],
) -> None:
    """Without them a page far back would be a walk over the whole conversation."""
    stand, statements = counted
    for number in range(10, 25):
        await stand.tx(lambda tx, n: tx.post(DIRECT, "ann", key(n), said("x"), sent_at=n), number)
    await stand.post(*[post(number) for number in range(30, 60)])
    rows = sum(sql.count("(?, ?, ?)") for sql in statements if "INSERT INTO milestones" in sql)
    assert rows == 3  # 16, 32, 48
    statements.clear()
    page = await stand.read(lambda reader: reader.history(DIRECT, "bob", None, 12, 3, 10_000))
    assert [item.position for item in page.items] == [9, 10, 11]


async def test_one_that_ends_the_transaction_does_not_cost_the_others_a_commit_each(
    counted: tuple[Stand, list[str]],
) -> None:
    stand, statements = counted

    def ends_it(tx: Transaction) -> None:
        tx.plugin_sql("bad", "INSERT OR ROLLBACK INTO bad_rows VALUES (1)")

    await stand.store.migrate_plugin("bad", [(1, "CREATE TABLE bad_rows (no INTEGER PRIMARY KEY)")])
    await stand.tx(lambda tx: tx.plugin_sql("bad", "INSERT INTO bad_rows VALUES (1)"))
    statements.clear()
    culprit = Work(ends_it)
    before, behind = ([post(number) for number in range(first, first + 10)] for first in (10, 20))
    await stand.do([*before, culprit, *behind])
    assert [unit.result[0] for unit in (*before, *behind)] == list(range(5, 25))
    assert culprit.error is not None
    assert statements.count("COMMIT") == 1


async def test_readers_cannot_write_whatever_they_are_asked(counted: tuple[Stand, list[str]]) -> None:
    """All writes and checkpoints go through one connection: SQLite's WAL-reset bug needs two."""
    stand, _ = counted
    for statement in ("DELETE FROM messages", "CREATE TABLE more (x)", "UPDATE meta SET value = 0"):
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await stand.read(lambda reader, sql: reader._connection.execute(sql), statement)
