"""SQLite under faults: a full disk, a busy or broken one, an unknown outcome."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from imserver.config import StoreConfig
from imserver.errors import Refusal, RefusalCode, StartError, StoreFailed, UniqueViolation
from imserver.model import Kind, Role
from imserver.store import SqliteStore
from imserver.store.engine.faults import Fault
from imserver.store.sqlite.database import HighWater
from imserver.store.sqlite.faults import fault_of, known_at_commit
from tests.store.support import (
    DIRECT,
    USERS,
    FaultyConnection,
    Recorder,
    Stand,
    Work,
    faulty,
    key,
    outcome,
    post,
    said,
    sqlite_error,
)


class FaultyStand(Stand):
    """With the class of the store's connections: set `before` or `after` on it."""

    def __init__(self, store: SqliteStore, recorder: Recorder, connections: type[FaultyConnection]) -> None:
        super().__init__(store, recorder)
        self.sqlite = store
        self.connections = connections
        self.failures: list[Exception] = []
        store.on_failure(self.failures.append)

    def fail(
        self, when: str, error: BaseException, times: int = 1, *, after: bool = False, ends: bool = False
    ) -> None:
        """Raise `error` at the next statements that contain `when`."""
        left = [times]
        if ends:
            error.ends_transaction = True  # type: ignore[attr-defined]

        def fault(sql: str) -> BaseException | None:
            if when in sql and left[0] > 0:
                left[0] -= 1
                return error
            return None

        setattr(self.connections, "after" if after else "before", staticmethod(fault))

    def heal(self) -> None:
        self.connections.before = staticmethod(lambda sql: None)
        self.connections.after = staticmethod(lambda sql: None)

    async def positions(self, conversation_id: str = DIRECT) -> list[tuple[int, bytes]]:
        page = await self.store.read(
            lambda reader: reader.history(conversation_id, "ann", 0, None, 999, 10**9)
        )
        return [(item.position, item.key) for item in page.items]


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[FaultyStand]:
    connector, connections = faulty()
    store = SqliteStore(
        StoreConfig(path=str(tmp_path / "chat.db")), rng=random.Random(7), connector=connector
    )
    recorder = Recorder()
    await store.open(recorder)
    opened = FaultyStand(store, recorder, connections)
    await opened.users(*USERS)
    await opened.post(post(1))
    yield opened
    opened.heal()
    await store.close()


async def test_one_value_that_cannot_be_stored_fails_alone_and_holds_its_sender(stand: FaultyStand) -> None:
    odd = post(2)
    odd.sent_at = 2**70
    outcomes = await stand.post(odd, post(3), post(4, "bob"))
    assert isinstance(outcomes[0], OverflowError)
    assert (
        outcomes[1] == RefusalCode.HELD
    )  # the odd one may be offered again: nothing of ann's may overtake it
    assert outcomes[2] == (2, 1004, False)
    assert await stand.post(post(3)) == [(3, 1003, False)]


async def test_what_was_held_in_a_try_that_was_undone_is_not_held_in_the_next(stand: FaultyStand) -> None:
    await stand.store.migrate_plugin(
        "shop", [(1, "CREATE TABLE shop_x (x PRIMARY KEY); INSERT INTO shop_x VALUES (1)")]
    )
    odd, ending = post(3), Work(lambda tx: tx.plugin_sql("shop", "INSERT OR ROLLBACK INTO shop_x VALUES (1)"))
    odd.sent_at = 2**70
    units = [post(2), odd, post(4), ending, post(5, "bob")]
    await stand.do(units)
    assert outcome(units[0]) == (2, 1002, False)
    assert isinstance(odd.error, OverflowError)
    assert outcome(units[2]) == RefusalCode.HELD
    assert isinstance(ending.error, UniqueViolation)
    assert outcome(units[4]) == (3, 1005, False)


@pytest.mark.parametrize(
    ("fault", "names"),
    [
        (Fault.FULL, "FULL"),
        (Fault.BUSY, "BUSY BUSY_RECOVERY BUSY_SNAPSHOT BUSY_TIMEOUT LOCKED LOCKED_SHAREDCACHE"),
        (
            Fault.BROKEN,
            "IOERR IOERR_READ IOERR_WRITE IOERR_FSYNC IOERR_SHORT_READ IOERR_TRUNCATE IOERR_SHMMAP",
        ),
        (Fault.BROKEN, "CORRUPT CORRUPT_VTAB CORRUPT_INDEX NOTADB CANTOPEN CANTOPEN_FULLPATH PERM PROTOCOL"),
        (Fault.BROKEN, "READONLY READONLY_DBMOVED READONLY_RECOVERY"),
        (
            Fault.UNIT,
            "CONSTRAINT CONSTRAINT_UNIQUE CONSTRAINT_NOTNULL TOOBIG MISMATCH INTERRUPT ERROR AUTH RANGE",
        ),
    ],
)
def test_whose_fault_it_is_follows_from_the_first_byte_of_the_code(fault: Fault, names: str) -> None:
    """SQLite says more than that: which call failed, which constraint. And only few of them are a clear no at COMMIT."""
    for name in names.split():
        error = sqlite_error(f"SQLITE_{name}", "as SQLite says it")
        assert fault_of(error) is fault, name
        assert known_at_commit(error) == name.startswith(("FULL", "BUSY", "CONSTRAINT")), name


FULL = ("SQLITE_FULL", "database or disk is full")


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("where", ["INSERT INTO messages", "COMMIT", "BEGIN IMMEDIATE"])
async def test_a_full_disk_refuses_posts_keeps_reads_and_recovers_by_itself(
    stand: FaultyStand, where: str, ends: bool
) -> None:
    stand.fail(where, sqlite_error(*FULL), times=10**6, ends=ends)
    units = [post(number) for number in range(2, 7)]
    for unit in units:
        stand.store.submit(unit)
    with pytest.raises(Refusal) as refused:
        await stand.store.write(lambda tx: tx.post(DIRECT, "ann", key(9), said("9"), sent_at=1))
    assert refused.value.code is RefusalCode.STORE_FULL
    assert [outcome(unit) for unit in units] == [RefusalCode.STORE_FULL] * 5
    assert [list(unit.events()) for unit in units] == [[]] * 5  # nobody hears of what did not happen
    assert all(isinstance(unit.error, Refusal) and unit.error.retry_after_ms > 0 for unit in units)
    assert await stand.positions() == [(1, key(1))]
    stand.heal()
    assert await stand.post(post(2), post(3)) == [(2, 1002, False), (3, 1003, False)]
    assert stand.failures == []


async def test_a_number_is_not_given_out_again_after_a_post_that_had_it_and_failed(
    stand: FaultyStand,
) -> None:
    """The counter is read back from the last message, or from its own row: a message that was undone is not the last."""
    await stand.tx(lambda tx: tx.move_cursors(DIRECT, "bob", 1, None))
    stand.fail("COMMIT", sqlite_error(*FULL), times=2)
    assert await stand.post(post(2)) == [RefusalCode.STORE_FULL]
    stand.heal()
    await stand.tx(lambda tx: tx.move_cursors(DIRECT, "bob", 1, 1))
    assert await stand.store.read(lambda reader: reader.head_change()) == stand.recorder.events[-1].change


async def test_nothing_overtakes_what_failed_for_want_of_room(stand: FaultyStand) -> None:
    """The batch fails, and of its units alone again the first; those behind it may not be stored before it."""
    stand.fail("INSERT INTO messages", sqlite_error(*FULL), times=2)
    assert await stand.post(post(2), post(3)) == [RefusalCode.STORE_FULL] * 2
    assert await stand.post(post(3)) == [(2, 1003, False)]


async def test_nothing_overtakes_a_post_that_ends_its_transaction(stand: FaultyStand) -> None:
    """The first is not stored and may come again: what its sender said behind it waits, others do not."""
    odd = sqlite_error("SQLITE_INTERRUPT", "interrupted")
    stand.fail("INSERT INTO messages", odd, times=2, ends=True)
    outcomes = await stand.post(post(2), post(3), post(4, "bob"), post(5))
    assert isinstance(outcomes[0], sqlite3.OperationalError)
    assert outcomes[1:] == [RefusalCode.HELD, (2, 1004, False), RefusalCode.HELD]


@pytest.mark.parametrize("where", ["INSERT INTO messages", "INSERT INTO heads", "INSERT INTO milestones"])
@pytest.mark.parametrize("count", [2, 64, 70])
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("error", [MemoryError("no room"), sqlite_error("SQLITE_INTERRUPT", "interrupted")])
async def test_a_run_that_fails_at_any_of_its_statements_leaves_none_of_its_rows(
    stand: FaultyStand, where: str, count: int, times: int, error: Exception
) -> None:
    """A message without its head would be a position that is taken for ever."""
    stand.fail(where, error, times=times)
    units = [post(number) for number in range(2, count + 2)]
    await stand.do(units)
    stand.heal()
    stored = [unit.key for unit in units if unit.error is None]
    assert [unit.result for unit in units if unit.error is None] == [
        (at, unit.sent_at, False) for at, unit in enumerate((u for u in units if u.error is None), 2)
    ]
    assert await stand.positions() == list(enumerate([key(1), *stored], 1))
    assert await stand.post(post(500)) == [(len(stored) + 2, 1500, False)]
    assert stand.failures == []


async def test_a_batch_that_failed_once_is_done_one_by_one_without_a_trace_of_the_first_try(
    stand: FaultyStand,
) -> None:
    stand.fail("COMMIT", sqlite_error(*FULL), times=1)
    group = Work(lambda tx: tx.create_conversation("ann", key(90), Kind.GROUP, "g", {"bob": Role.MEMBER}))
    units = [post(2), group, post(3), post(2), post(4, "cy")]
    await stand.do(units)
    assert [outcome(unit) for unit in (units[0], *units[2:])] == [
        (2, 1002, False),
        (3, 1003, False),
        (2, 1002, True),
        RefusalCode.NOT_FOUND,
    ]
    assert group.result[1:] == (1, False)
    assert await stand.positions() == [(1, key(1)), (2, key(2)), (3, key(3))]
    changes = [event.change for event in stand.recorder.events]
    assert changes == sorted(set(changes))


async def test_a_full_disk_in_a_plugins_statement_is_no_fault_of_the_plugin(stand: FaultyStand) -> None:
    await stand.store.migrate_plugin("shop", [(1, "CREATE TABLE shop_orders (code TEXT)")])
    stand.fail("INSERT INTO shop_orders", sqlite_error(*FULL), times=1)
    with pytest.raises(Refusal) as refused:
        await stand.tx(lambda tx: tx.plugin_sql("shop", "INSERT INTO shop_orders VALUES ('A')"))
    assert refused.value.code is RefusalCode.STORE_FULL
    await stand.tx(lambda tx: tx.plugin_sql("shop", "INSERT INTO shop_orders VALUES ('A')"))


async def test_a_full_disk_in_a_unit_that_catches_it_cannot_commit_the_rest_alone(stand: FaultyStand) -> None:
    """SQLite ended the transaction inside the SAVEPOINT: the next INSERT would commit by itself."""
    stand.fail("INSERT INTO messages", sqlite_error(*FULL), times=10**6, ends=True)

    def catching(tx: Any) -> None:
        with pytest.raises(sqlite3.OperationalError):
            tx.post(DIRECT, "ann", key(7), said("7"), sent_at=1)
        tx.put_user(tx.user("ann"))

    unit = Work(catching)
    await stand.do([unit])
    assert isinstance(unit.error, Refusal)
    assert unit.error.code is RefusalCode.STORE_FULL
    stand.heal()
    assert await stand.positions() == [(1, key(1))]


async def test_a_real_full_database_file(tmp_path: Path) -> None:
    """SQLite's own limit on pages instead of an injected error."""

    def connector(path: str) -> sqlite3.Connection:
        made = sqlite3.connect(path, isolation_level=None)
        made.execute("PRAGMA max_page_count = 70")
        return made

    store = SqliteStore(StoreConfig(path=str(tmp_path / "small.db")), connector=connector)
    recorder = Recorder()
    await store.open(recorder)
    stand = Stand(store, recorder)
    await stand.users(*USERS)
    number, answered = 0, 0
    while True:
        number += 1
        [result] = await stand.post(post(number, text="x" * 3000))
        if result == RefusalCode.STORE_FULL:
            break
        answered += 1
    assert answered > 5
    page = await store.read(lambda reader: reader.history(DIRECT, "ann", 0, None, 999, 10**9))
    assert [item.position for item in page.items] == list(range(1, answered + 1))
    await stand.tx(lambda tx: tx._connection.execute("PRAGMA max_page_count = 1000").fetchall())
    assert await stand.post(post(number, text="x" * 3000)) == [(answered + 1, 1000 + number, False)]
    await store.close()


async def test_a_busy_database_is_told_apart(stand: FaultyStand, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "chat.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    unit = post(2)
    stand.store.submit(unit)
    with pytest.raises(Refusal) as refused:
        await stand.store.write(lambda tx: None)
    assert refused.value.code is RefusalCode.OVERLOADED
    assert outcome(unit) == RefusalCode.OVERLOADED
    other.execute("ROLLBACK")
    other.close()
    assert await stand.post(post(2)) == [(2, 1002, False)]


@pytest.mark.parametrize("after", [False, True])
async def test_an_error_at_commit_of_unknown_outcome_answers_nobody(stand: FaultyStand, after: bool) -> None:
    """`after`: the row is on the disk, and SQLite says that it failed all the same."""
    stand.fail("COMMIT", sqlite_error("SQLITE_IOERR", "disk I/O error"), after=after)
    settled = len(stand.recorder.units)
    units = [post(2), post(3)]
    for unit in units:
        stand.store.submit(unit)
    with pytest.raises(StoreFailed):
        await stand.store.write(lambda tx: None)
    assert len(stand.recorder.units) == settled
    assert len(stand.failures) == 1
    for attempt in (lambda: stand.store.submit(post(4)),):
        with pytest.raises(StoreFailed):
            attempt()
    with pytest.raises(StoreFailed):
        await stand.store.read(lambda reader: reader.head_change())
    with pytest.raises(StoreFailed):
        await stand.store.write(lambda tx: None)


async def test_the_side_file_is_not_told_of_what_may_not_have_happened(
    stand: FaultyStand, tmp_path: Path
) -> None:
    """It would be ahead of the database at the next start, and the history would be taken for an older copy."""
    committed = await stand.store.read(lambda reader: reader.head_change())
    stand.fail("COMMIT", sqlite_error("SQLITE_IOERR", "disk I/O error"))
    stand.store.submit(post(2))
    with pytest.raises(StoreFailed):
        await stand.store.write(lambda tx: None)
    stand.store._write_high()  # type: ignore[attr-defined]  # its timer may still be running
    seen = HighWater(tmp_path / "chat.db").read()
    assert seen is not None
    assert seen[1] == committed


@pytest.mark.parametrize("name", ["SQLITE_IOERR", "SQLITE_CORRUPT"])
async def test_a_disk_that_does_not_do_what_it_is_told_stops_the_store(stand: FaultyStand, name: str) -> None:
    stand.fail("INSERT INTO messages", sqlite_error(name, "broken"), times=10**6)
    unit = post(2)
    stand.store.submit(unit)
    with pytest.raises(StoreFailed):
        await stand.store.write(lambda tx: None)
    assert unit not in stand.recorder.units
    assert len(stand.failures) == 1


async def test_a_fault_of_ours_on_the_writers_thread_is_an_unknown_outcome(stand: FaultyStand) -> None:
    stand.fail("COMMIT", RuntimeError("a fault of ours"))
    with pytest.raises(StoreFailed):
        await stand.store.write(lambda tx: None)
    assert len(stand.failures) == 1


async def test_a_disk_that_hangs_ends_the_store_and_not_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imserver.store.sqlite.store.CLOSE_TIMEOUT_S", 0.1)
    connector, connections = faulty()
    config = StoreConfig(path=str(tmp_path / "hangs.db"), max_queue_wait_s=0.1)
    store = SqliteStore(config, connector=connector)
    failed = asyncio.get_running_loop().create_future()
    store.on_failure(failed.set_result)
    recorder = Recorder()
    await store.open(recorder)
    await Stand(store, recorder).users(*USERS)
    settled = len(recorder.units)
    hanging = threading.Event()

    def hang(sql: str) -> None:
        if sql == "COMMIT":
            hanging.wait(30)

    connections.before = staticmethod(hang)
    store.submit(post(1))
    assert isinstance(await asyncio.wait_for(failed, 10), StoreFailed)
    await asyncio.wait_for(store.close(), 10)
    with pytest.raises(StartError):  # what hangs may yet be written: nobody else begins meanwhile
        await SqliteStore(config).open(recorder)
    hanging.set()
    await asyncio.sleep(0.05)
    assert len(recorder.units) == settled


async def test_a_cancelled_caller_does_not_break_the_transaction(stand: FaultyStand) -> None:
    writing = asyncio.ensure_future(
        stand.store.write(lambda tx: tx.post(DIRECT, "ann", key(2), said("2"), sent_at=1))
    )
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    writing.cancel()
    reading = asyncio.ensure_future(stand.store.read(lambda reader: reader.head_change()))
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.gather(writing, reading, return_exceptions=True)
    assert (await stand.post(post(3)))[0][0] in {2, 3}
    assert await stand.positions() in (
        [(1, key(1)), (2, key(3))],
        [(1, key(1)), (2, key(2)), (3, key(3))],
    )


async def test_what_a_unit_raises_that_is_no_exception_stays_within_it(stand: FaultyStand) -> None:
    def leave(tx: Any) -> None:
        raise SystemExit(3)

    unit = Work(leave)
    await stand.do([unit, post(2)])
    assert isinstance(unit.error, Exception)
    assert await stand.positions() == [(1, key(1)), (2, key(2))]


async def test_a_checkpoint_that_fails_loses_nothing(stand: FaultyStand) -> None:
    stand.fail("wal_checkpoint(PASSIVE)", sqlite_error("SQLITE_IOERR", "disk I/O error"), times=10**6)
    for start in range(10, 400, 30):
        await stand.post(*[post(number) for number in range(start, start + 30)])
    assert stand.failures == []
    assert len(await stand.positions()) == 391


def elsewhere(tx: Any) -> None:
    sqlite3.connect("/does/not/exist/towns.db")


def busy_elsewhere(tx: Any) -> None:
    raise sqlite_error("SQLITE_BUSY", "database is locked")


def full_elsewhere(tx: Any) -> None:
    raise sqlite_error(*FULL)


@pytest.mark.parametrize("work", [elsewhere, busy_elsewhere, full_elsewhere])
async def test_what_another_database_says_to_a_unit_is_no_fault_of_ours(
    stand: FaultyStand, work: Any
) -> None:
    """A plugin that looks something up in a file of its own must not stop the server, nor refuse what others say."""
    unit = Work(work)
    await stand.do([post(2), unit, post(3)])
    assert isinstance(unit.error, sqlite3.OperationalError)
    assert await stand.positions() == [(1, key(1)), (2, key(2)), (3, key(3))]
    assert stand.failures == []


async def test_a_store_that_is_open_is_not_opened_again(stand: FaultyStand) -> None:
    """The second opening would let go of what the first one holds."""
    with pytest.raises(StoreFailed, match="open already"):
        await stand.store.open(stand.recorder)
    assert await stand.post(post(2)) == [(2, 1002, False)]
