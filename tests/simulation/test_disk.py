"""The simulated disk and its machine: real SQLite files, killed where one likes, busy, full or stuck; and clocks that jump."""

import asyncio
import sqlite3
from collections import Counter
from random import Random
from typing import Any

import pytest

from imserver.proof.simulation.disk import (
    AFTER,
    BEFORE,
    BUSY,
    CRASHES,
    FULL,
    INSIDE,
    STUCK,
    UNKNOWN_LOST,
    UNKNOWN_STORED,
    Disk,
    SimulatedThread,
    Trap,
)
from imserver.proof.simulation.journal import Journal
from imserver.proof.simulation.loop import Process, VirtualLoop
from imserver.proof.simulation.machine import Machine as Server
from imserver.proof.simulation.template import WallClock
from imserver.proof.simulation.world import World


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


class Machine:
    """A process with a writer and a reader on one file, each job in its turn."""

    def __init__(self, path):
        self.path = path
        self.loop = VirtualLoop(Random(1))
        self.journal = Journal(self.loop.time)
        self.disk = Disk(self.loop, Random(1), self.journal)
        self.process = Process(self.loop, "server")

    def run(self, work):
        """`work(disk, writer, reader)` inside; its result."""

        async def inside():
            writer, reader = [
                await self.disk.opener(lambda: self.disk.connector(str(self.path))) for _ in range(2)
            ]
            await writer.run(
                lambda raw: raw.execute("CREATE TABLE rows (number INTEGER, text TEXT)").fetchall()
            )
            result = await work(self.disk, writer, reader)
            await reader.close()
            await writer.close()
            return result

        task = self.process.spawn(inside())
        self.loop.run_until_complete(asyncio.wait({task}, timeout=1000))
        self.loop.close()
        return task.result()


def insert(raw, text=""):
    raw.execute("BEGIN IMMEDIATE")
    raw.execute("INSERT INTO rows VALUES (1, ?)", (text,))
    raw.execute("COMMIT")


async def code_of(connection, function):
    """Of the error that the job ends with; None if it goes well."""
    try:
        await connection.run(function)
    except sqlite3.Error as error:
        if connection.raw.in_transaction:
            await connection.run(lambda raw: raw.execute("ROLLBACK"))
        return error.sqlite_errorcode
    return None


def test_a_busy_database_begins_nothing_so_often_and_then_does(tmp_path):
    async def work(disk, writer, reader):
        disk.trap.busy = 2
        return [await code_of(writer, insert) for _ in range(3)]

    assert Machine(tmp_path / "x.db").run(work) == [sqlite3.SQLITE_BUSY] * 2 + [None]


def test_a_full_disk_takes_nothing_that_needs_room_until_there_is_some(tmp_path):
    async def work(disk, writer, reader):
        codes = []
        for change in (disk.fill, disk.empty):
            change()
            codes.append(await code_of(writer, lambda raw: insert(raw, "x" * 100_000)))
        rows = await reader.run(lambda raw: raw.execute("SELECT count(*) FROM rows").fetchone()[0])
        return codes, rows

    machine = Machine(tmp_path / "x.db")
    assert machine.run(work) == ([sqlite3.SQLITE_FULL, None], 1)
    assert machine.journal.counts[FULL] == 1


def test_a_stuck_disk_holds_the_writers_next_job_and_no_other(tmp_path):
    async def work(disk, writer, reader):
        times = []
        disk.stuck_s = 50.0
        for connection in (reader, writer, writer):
            begun = disk._loop.time()
            await connection.run(lambda raw: raw.execute("SELECT 1").fetchall())
            times.append(disk._loop.time() - begun)
        return times

    machine = Machine(tmp_path / "x.db")
    before, stuck, behind = machine.run(work)
    assert stuck == pytest.approx(50.0)
    assert max(before, behind) <= machine.disk.speed_s[1]
    assert machine.journal.counts[STUCK] == 1


@pytest.mark.parametrize("kind", [UNKNOWN_STORED, UNKNOWN_LOST])
def test_one_commit_fails_and_the_next_one_does_not(tmp_path, kind):
    async def work(disk, writer, reader):
        disk.trap.set(kind)
        return [await code_of(writer, insert) for _ in range(2)], disk.sprung

    machine = Machine(tmp_path / "x.db")
    assert machine.run(work) == ([sqlite3.SQLITE_IOERR, None], True)
    assert machine.journal.counts[kind] == 1


def test_a_reader_steps_into_no_trap(tmp_path):
    async def work(disk, writer, reader):
        disk.trap.set(BEFORE)
        disk.trap.busy = 1
        return await code_of(reader, insert)

    assert Machine(tmp_path / "x.db").run(work) is None


def test_a_new_process_finds_no_trap_that_was_set_for_the_last_one(tmp_path):
    machine = Machine(tmp_path / "x.db")
    disk = machine.disk
    disk.trap.set(AFTER)
    disk.trap.busy, disk.stuck_s, disk.sprung = 3, 50.0, True
    raw = disk.connector(str(tmp_path / "x.db"))
    disk.died()
    assert (disk.trap.kind, disk.trap.busy, disk.stuck_s, disk.sprung, disk.is_open) == (
        "",
        0,
        0.0,
        False,
        False,
    )
    with pytest.raises(sqlite3.ProgrammingError):
        sqlite3.Connection.execute(raw, "SELECT 1")
    machine.loop.close()


class Asked:
    """In the place of a machine, a device or a disk: counts what it is asked for."""

    def __init__(self, **known):
        self.counts: Counter[str] = Counter()
        self.__dict__.update(known)

    def __getattr__(self, name):
        return lambda *given: self.counts.update([name])


def test_every_fault_of_the_server_and_of_the_clients_has_its_turn():
    journal = Journal(lambda: 0.0)
    device: Any = Asked(process=1, client=1, device_id="ann-1")
    world: Any = Asked(random=Random(1), machine=Asked(), devices=[device], journal=journal)
    for _ in range(300):
        World._server_fault(world)
        World._client_fault(world)
        World._jump(world)
    assert set(world.machine.counts) == {"kill", "drain", "plan_crash", "set_clock"}
    assert min(world.machine.counts.values()) > 30
    assert set(device.counts) == {"kill", "leave"}
    assert {kind: journal.counts[kind] for kind in ("client kill", "client leaves")} == {
        "client kill": device.counts["kill"],
        "client leaves": device.counts["leave"],
    }


def test_every_end_of_a_transaction_and_every_trouble_of_the_disk_has_its_turn():
    loop = VirtualLoop(Random(1))
    journal = Journal(loop.time)
    disk: Any = Disk(loop, Random(1), journal)
    up = asyncio.Event()
    up.set()
    full = []
    disk.fill, disk.empty = lambda: full.append(loop.time()), lambda: full.append(loop.time())
    machine: Any = Asked(
        _random=Random(1), disk=disk, up=up, _journal=journal, clock=Asked(offset_ms=0), _highest_offset_ms=0
    )
    planned, troubles = Counter[str](), Counter[str]()

    async def main():
        for _ in range(200):
            Server.plan_crash(machine)
            planned[disk.trap.kind] += 1
            assert (disk.trap.statements > 0) is (disk.trap.kind == INSIDE)
            disk.stuck_s, disk.trap.busy = 0.0, 0
            await Server.trouble_with_the_disk(machine)
            troubles.update({STUCK: disk.stuck_s > 0, BUSY: disk.trap.busy > 0})

    loop.run_until_complete(main())
    loop.close()
    assert planned.keys() == set(CRASHES) == {BEFORE, INSIDE, AFTER, UNKNOWN_STORED, UNKNOWN_LOST}
    assert min(planned.values()) > 20
    assert min(*troubles.values(), len(full) // 2) > 40
    assert len(full) % 2 == 0, "there is room again each time"
    assert {round(end - begin, 6) for begin, end in zip(full[::2], full[1::2], strict=True)} == {
        0.2,
        1.0,
        5.0,
    }


def test_a_clock_that_jumps_shows_another_time_and_heals_to_the_latest():
    loop = VirtualLoop(Random(1))
    clock = WallClock(loop)
    begun = clock.now_ms()
    machine: Any = Asked(
        clock=clock, _journal=Journal(loop.time), _highest_offset_ms=0, disk=Asked(trap=Trap())
    )
    for by_ms in (5_000, -60_000):
        Server.set_clock(machine, by_ms)
    assert clock.now_ms() == begun - 55_000
    assert clock.monotonic() == loop.time()
    assert machine._journal.counts["clock jump"] == 2
    Server.heal(machine)
    assert clock.now_ms() == begun + 5_000 + 60_000
    loop.close()
