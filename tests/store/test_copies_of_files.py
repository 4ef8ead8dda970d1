"""Lives and older copies of SQLite's files: the row of a life, the side file, and how positions are found by their change."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from imserver.config import StoreConfig
from imserver.errors import RefusalCode, StartError
from imserver.store import SqliteStore
from imserver.store.sqlite import database
from imserver.store.sqlite.positions import highest_until
from imserver.testing import ManualClock
from tests.store.homes import SqliteHome
from tests.store.machines import Machine, go_back, read_at, since_of
from tests.store.support import USERS, Recorder, Stand, faulty, post, refusal_of, sqlite_error


def machine_in(folder: Path) -> Machine:
    return Machine(SqliteHome(folder))


async def test_a_life_that_could_not_be_written_has_not_begun(tmp_path: Path) -> None:
    connector, connection = faulty()
    store = SqliteStore(StoreConfig(path=str(tmp_path / "chat.db")), connector=connector)
    await store.open(recorder := Recorder())
    stand = Stand(store, recorder)
    await stand.users(*USERS)
    await stand.post(post(1))
    full = sqlite_error("SQLITE_FULL", "database or disk is full")
    for statement in ("INTO lineage", "COMMIT"):
        connection.before = staticmethod(lambda sql, fails=statement: full if fails in sql else None)
        assert await refusal_of(store.begin_life("the clocks parted")) is RefusalCode.STORE_FULL
        connection.before = staticmethod(lambda sql: None)
        await stand.post(post(2))
        place = store.place()
        await store.close()
        store = SqliteStore(StoreConfig(path=str(tmp_path / "chat.db")), connector=connector)
        await store.open(recorder := Recorder())
        stand = Stand(store, recorder)
        await since_of(stand, since=place)
        assert store.witnesses == 0
    await store.close()


async def test_state_is_good_up_to_the_first_modseq_of_a_run_that_is_not_shared(tmp_path: Path) -> None:
    """Nothing writes state yet: the rows are put by hand, as a life will put them."""
    machine = machine_in(tmp_path)
    stand = await machine.open()
    await stand.users(*USERS)
    await stand.post(post(1))
    await stand.store.close()
    put_state(tmp_path / "chat.db", modseq=3)
    stand = await machine.open()
    copied, place = machine.copied(), stand.store.place()
    assert await states(stand, place) == [0, 1, 2, 3]
    await stand.store.close()
    put_state(tmp_path / "chat.db", modseq=5)
    await machine.open()
    stand = await go_back(machine, copied)
    await stand.post(post(2))
    await stand.store.close()
    put_state(tmp_path / "chat.db", modseq=6)
    stand = await machine.open()
    # 1-3 are older than the copy; 4-6 are of the life that the place does not know.
    assert await states(stand, place) == [0, 1, 2, 3]
    assert await states(stand, "no place") == [0]
    assert await states(stand, stand.store.place()) == [0, 1, 2, 3, 4, 5, 6]
    await stand.store.close()
    with closing(sqlite3.connect(tmp_path / "chat.db")) as raw:
        raw.execute("UPDATE members SET left_at = 2, left_modseq = 2")
        raw.commit()
    stand = await machine.open()
    assert await states(stand, stand.store.place()) == [0, 1, 2]
    await stand.store.close()


async def states(stand: Stand, place: str) -> list[int]:
    """The modseqs that are told to be good."""
    asked = [await read_at(stand, place, 1, modseq) for modseq in range(9)]
    return [modseq for modseq, answer in enumerate(asked) if answer is not None and answer.state_good]


def put_state(path: Path, *, modseq: int) -> None:
    """State up to this modseq, written by the last run."""
    with closing(sqlite3.connect(path)) as raw:
        run = raw.execute("SELECT max(no) FROM lineage").fetchone()[0]
        first = raw.execute("SELECT modseq + 1 FROM conversations").fetchone()[0]
        raw.execute("INSERT INTO first_modseqs SELECT no, ?, ? FROM conversations", (run, first))
        raw.execute("UPDATE conversations SET modseq = ?", (modseq,))
        raw.execute("UPDATE meta SET value = (SELECT max(change) + 1 FROM messages) WHERE name = 'change'")
        raw.commit()


async def test_each_opening_adds_one_row_before_anything_else(tmp_path: Path) -> None:
    path, clock = tmp_path / "chat.db", ManualClock(5_000)
    for number in range(1, 4):
        store = SqliteStore(StoreConfig(path=str(path)), clock=clock, rng=random.Random(1))
        await store.open(recorder := Recorder())
        stand = Stand(store, recorder)
        await stand.users(*USERS)
        await stand.post(post(number))
        await store.close()
    with closing(sqlite3.connect(path)) as raw:
        rows = raw.execute("SELECT no, mark, life, first_change, at, why FROM lineage ORDER BY no").fetchall()
    assert [(no, first, at, why) for no, _, _, first, at, why in rows] == [
        (number, number, 5_000, "open") for number in (1, 2, 3)
    ]
    assert all(mark == life and len(mark) == 16 for _, mark, life, _, _, _ in rows)
    # Also where the same "random" numbers and the same clocks come again.
    assert len({mark for _, mark, *_ in rows}) == 3


async def test_a_disk_that_takes_no_row_starts_no_server(tmp_path: Path) -> None:
    connector, connection = faulty()
    connection.before = staticmethod(
        lambda sql: sqlite3.OperationalError("database or disk is full") if "INTO lineage" in sql else None
    )
    store = SqliteStore(StoreConfig(path=str(tmp_path / "chat.db")), connector=connector)
    with pytest.raises(StartError, match="the disk is full"):
        await store.open(Recorder())


async def test_the_row_is_there_before_anybody_is_served(tmp_path: Path) -> None:
    """A copy of the files taken right behind the start, as a kill leaves them, knows the place that was given out."""
    machine = machine_in(tmp_path)
    stand = await machine.open()
    place = stand.store.place()
    taken = tmp_path / "taken"
    copy_files(tmp_path, taken)
    await stand.users(*USERS)
    await stand.post(post(1))
    await stand.store.close()
    killed = machine_in(taken)
    stand = await killed.open()
    await stand.users(*USERS)
    await stand.post(post(1), post(2))
    assert await refusal_of_since(stand, place) is None
    await stand.store.close()


def copy_files(folder: Path, to: Path) -> None:
    to.mkdir()
    for each in folder.glob("chat.db*"):
        (to / each.name).write_bytes(each.read_bytes())


async def refusal_of_since(stand: Stand, place: str) -> RefusalCode | None:
    try:
        await since_of(stand, since=place)
    except Exception as error:
        return getattr(error, "code", None)
    return None


async def test_an_older_copy_is_told_to_the_operator_once(tmp_path: Path) -> None:
    """By the side file at the start, or by the first client that knew more."""
    machine = machine_in(tmp_path)
    stand = await machine.open()
    await stand.users(*USERS)
    stand = await machine.restart()
    copied = machine.copied()
    await stand.post(post(1), post(2))
    place = stand.store.place()
    stand = await go_back(machine, copied)
    assert machine.log.events("warning") == []
    for user_id in ("ann", "bob", "ann"):
        assert await refusal_of(since_of(stand, user_id, place)) is RefusalCode.EPOCH_CHANGED
    await stand.tx(lambda tx: None)
    assert machine.log.events("warning") == ["older_copy_suspected"]
    assert stand.store.witnesses == 2
    await stand.post(post(3), post(4))
    epoch = stand.store.epoch
    await stand.store.close()
    (tmp_path / "chat.db").write_bytes(copied)  # the side file stays, and is ahead
    stand = await machine.open()
    assert machine.log.events("warning") == ["older_copy_suspected"] * 2
    # What each client has to forget, its places tell: nobody else is reset.
    assert stand.store.epoch == epoch
    await stand.store.close()


async def test_who_finds_positions_by_their_change_reads_few_rows(tmp_path: Path) -> None:
    """Of 2,000 messages, a handful of steps each; every boundary between two blocks is right."""
    machine = machine_in(tmp_path)
    stand = await machine.open()
    await stand.users(*USERS)
    await stand.post(*(post(number) for number in range(1, 101)))
    change = await stand.read(lambda reader: reader.head_change())
    await stand.store.close()
    with closing(sqlite3.connect(tmp_path / "chat.db")) as raw:
        database.prepare_reader(raw)
        asked: list[str] = []

        def sql(statement: str, params: Any = ()) -> list[Any]:
            asked.append(statement)
            return raw.execute(statement, params).fetchall()

        (no,), heads = raw.execute("SELECT no FROM conversations").fetchone(), []
        changes = [row[0] for row in raw.execute("SELECT change FROM messages ORDER BY change")]
        for last in range(101):
            for upto in (0, *changes):
                asked.clear()
                found = highest_until(sql, no, last, change, upto)
                assert found == min(last, sum(each <= upto for each in changes)), (last, upto)
                heads.append(len(asked))
        assert max(heads) <= 5
