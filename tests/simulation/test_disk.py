"""The simulated disk: real SQLite files, killed where one likes."""

import asyncio
import sqlite3
from random import Random

import pytest

from imserver.proof.simulation.disk import (
    AFTER,
    BEFORE,
    INSIDE,
    UNKNOWN_LOST,
    UNKNOWN_STORED,
    Disk,
    SimulatedThread,
)
from imserver.proof.simulation.journal import Journal
from imserver.proof.simulation.loop import Process, VirtualLoop


class Bench:
    """A file with one table and one row, and a process that has it open."""

    def __init__(self, path):
        self.path = path
        self.loop = VirtualLoop(Random(1))
        self.disk = Disk(self.loop, Random(1), Journal(self.loop.time))
        self.process = Process(self.loop, "server")
        self.killed = []
        self.errors = []
        self.disk.on_kill = self._die

    def _die(self, kind):
        self.killed.append(kind)
        self.process.kill()
        self.disk.died()

    def run(self, kind, statements=0):
        """Two rows in one transaction, with a trap set."""

        def insert(raw):
            raw.execute("BEGIN IMMEDIATE")
            raw.execute("INSERT INTO rows VALUES (2)")
            raw.execute("INSERT INTO rows VALUES (3)")
            raw.execute("COMMIT")

        async def inside():
            opened = await self.disk.opener(lambda: self.disk.connector(str(self.path)))
            await opened.run(lambda raw: raw.execute("PRAGMA journal_mode = WAL").fetchall())
            await opened.run(lambda raw: raw.execute("CREATE TABLE rows (number INTEGER)").fetchall())
            await opened.run(lambda raw: raw.execute("INSERT INTO rows VALUES (1)").fetchall())
            self.disk.trap.set(kind, statements)
            try:
                await opened.run(insert)
            except sqlite3.Error as error:
                self.errors.append(error)
            assert isinstance(opened, SimulatedThread)
            await opened.close()

        task = self.process.spawn(inside())

        self.loop.run_until_complete(asyncio.wait({task}, timeout=10))
        self.loop.bury()
        self.loop.close()
        with sqlite3.connect(self.path) as sql:
            rows = [row[0] for row in sql.execute("SELECT number FROM rows ORDER BY number")]
        sql.close()
        return rows


@pytest.mark.parametrize(
    ("kind", "statements", "rows"),
    [(BEFORE, 0, [1]), (INSIDE, 1, [1]), (INSIDE, 2, [1]), (INSIDE, 99, [1]), (AFTER, 0, [1, 2, 3])],
)
def test_a_kill_keeps_what_was_committed_and_nothing_else(tmp_path, kind, statements, rows):
    bench = Bench(tmp_path / "x.db")
    assert bench.run(kind, statements) == rows
    assert bench.killed == [kind]
    assert bench.errors == []


@pytest.mark.parametrize(("kind", "rows"), [(UNKNOWN_STORED, [1, 2, 3]), (UNKNOWN_LOST, [1])])
def test_a_commit_that_fails_may_have_happened(tmp_path, kind, rows):
    bench = Bench(tmp_path / "x.db")
    assert bench.run(kind) == rows
    assert bench.killed == []
    assert [error.sqlite_errorcode for error in bench.errors] == [sqlite3.SQLITE_IOERR]


def test_without_a_trap_everything_is_stored(tmp_path):
    assert Bench(tmp_path / "x.db").run("") == [1, 2, 3]
