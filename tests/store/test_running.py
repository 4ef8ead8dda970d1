"""A copy of a running server's file without its log says so: `check` calls it incomplete, and a start on it warns once."""

# ruff: noqa: ASYNC240 - nobody else waits in a test
from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from imserver.config import StoreConfig
from imserver.store import SqliteStore
from imserver.store.checks import Report, open_snapshot
from imserver.store.sqlite import database
from imserver.testing import LogBook, ManualClock
from tests.store.support import USERS, Recorder, Stand, faulty, post, sqlite_error

#: 2027-01-15 08:00:00 UTC.
AT_MS = 1_800_000_000_000
FULL = sqlite_error("SQLITE_FULL", "database or disk is full")
INCOMPLETE = (
    "a copy taken beside a running server, without its log (-wal):"
    " what was stored after {} is not in it, and perhaps more"
)


async def opened(path: Path, **more: Any) -> Stand:
    store = SqliteStore(StoreConfig(path=str(path)), rng=random.Random(3), clock=ManualClock(AT_MS), **more)
    await store.open(recorder := Recorder())
    return Stand(store, recorder)


async def started(path: Path, **more: Any) -> Stand:
    stand = await opened(path, **more)
    await stand.users(*USERS)
    await stand.post(post(1))
    return stand


def check(path: Path) -> Report:
    with open_snapshot(path) as snapshot:
        return snapshot.check()


def incomplete(path: Path) -> list[str]:
    """What the check `complete` found; nothing else may find anything."""
    report = check(path)
    assert report.checked["complete"] == 1
    assert {each.check for each in report.findings} <= {"complete"}
    return [each.text for each in report.findings]


def says_running(path: Path) -> bool:
    """By the file alone."""
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as raw:
        return database.is_running(raw)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "elsewhere" / "copy.db"


async def test_a_copy_of_the_file_beside_a_running_server_is_incomplete(path: Path, copy: Path) -> None:
    """From the moment of the start on, with a first start and a later one; `check` of the running one itself is right."""
    for _ in range(2):
        stand = await started(path)
        shutil.copy(path, copy)
        assert incomplete(copy) == [INCOMPLETE.format("2027-01-15T08:00:00Z")]
        assert incomplete(path) == []
        await stand.store.close()
        assert incomplete(path) == []
        shutil.copy(path, copy)
        assert incomplete(copy) == []


async def test_it_is_said_before_anybody_is_served(path: Path, copy: Path) -> None:
    stand = await opened(path)
    shutil.copy(path, copy)
    assert says_running(copy)
    assert incomplete(copy) == [INCOMPLETE.format("2027-01-15T08:00:00Z")]
    await stand.store.close()


async def test_the_time_is_that_of_the_last_message_in_the_copy(path: Path, copy: Path) -> None:
    clock = ManualClock(AT_MS)
    store = SqliteStore(StoreConfig(path=str(path)), clock=clock)
    await store.open(recorder := Recorder())
    stand = Stand(store, recorder)
    await stand.users(*USERS)
    clock.jump_to(AT_MS + 3_600_000)
    unit = post(1)
    unit.sent_at = clock.now_ms()
    await stand.post(unit)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA wal_checkpoint").fetchall()
    await stand.post(post(2))
    shutil.copy(path, copy)
    assert incomplete(copy) == [INCOMPLETE.format("2027-01-15T09:00:00Z")]
    await store.close()


async def test_what_a_kill_leaves_is_whole_with_its_log(path: Path, copy: Path) -> None:
    """Also with an empty one: everything is in the file then."""
    stand = await started(path)
    for truncate in (False, True):
        if truncate:
            with closing(sqlite3.connect(path)) as raw:
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
        assert says_running(copy)
        assert incomplete(copy) == []
    log = LogBook()
    again = await opened(copy, log=log)
    assert log.events("warning") == []
    assert await again.post(post(1)) == [(1, 1001, True)]
    await again.store.close()
    await stand.store.close()


@pytest.mark.parametrize("content", [b"\0" * 5000, b"no log"])
async def test_what_is_no_log_is_none(path: Path, copy: Path, content: bytes) -> None:
    stand = await started(path)
    shutil.copy(path, copy)
    Path(f"{copy}-wal").write_bytes(content)
    assert incomplete(copy) == [INCOMPLETE.format("2027-01-15T08:00:00Z")]
    await stand.store.close()


async def test_a_start_on_an_incomplete_copy_says_so_once_and_goes_on(path: Path, copy: Path) -> None:
    stand = await started(path)
    shutil.copy(path, copy)
    log = LogBook()
    again = await opened(copy, log=log)
    assert log.events("warning") == ["log_missing"]
    assert log.lines[-1][2] == {"last_change": "2027-01-15T08:00:00Z"}
    await again.users(*USERS)
    assert await again.post(post(7)) == [(1, 1007, False)]
    await again.store.close()
    assert incomplete(copy) == []
    await (await opened(copy, log=log)).store.close()
    assert log.events("warning") == ["log_missing"]
    with closing(sqlite3.connect(copy)) as raw:
        whys = [why for (why,) in raw.execute("SELECT why FROM lineage ORDER BY no")]
    assert whys == ["open", "opened without its log", "open"]
    await stand.store.close()


async def test_copies_that_sqlite_made_are_whole(path: Path, copy: Path) -> None:
    """They hold one moment of it, log included; also those of a server whose plugins made tables since its start."""
    stand = await started(path)
    for plugin in ("one", "two"):
        await stand.store.migrate_plugin(plugin, [(1, f"CREATE TABLE {plugin}_things (id INTEGER)")])
        with closing(sqlite3.connect(path)) as raw, closing(sqlite3.connect(copy)) as taken:
            raw.backup(taken)
        assert incomplete(copy) == []
        copy.unlink()
        with closing(sqlite3.connect(path)) as raw:
            raw.execute(f"VACUUM INTO '{copy}'")
        assert incomplete(copy) == []
        copy.unlink()
        with closing(sqlite3.connect(path)) as raw:
            raw.execute("PRAGMA wal_checkpoint").fetchall()
        shutil.copy(path, copy)
        assert len(incomplete(copy)) == 1
        copy.unlink()
    await stand.store.close()


async def test_a_server_whose_end_failed_left_its_log_and_says_nothing_false(path: Path) -> None:
    """On a full disk the file is not said to be complete: the log stays beside it, and the next start reads it."""
    for failing in ("PRAGMA wal_checkpoint(TRUNCATE)", "INSERT INTO meta"):
        connector, connections = faulty()
        stand = await started(path, connector=connector)
        connections.before = staticmethod(lambda sql, fails=failing: FULL if sql.startswith(fails) else None)
        await stand.store.close()
        connections.before = staticmethod(lambda sql: None)
        assert Path(f"{path}-wal").exists()
        assert incomplete(path) == []
        log = LogBook()
        await (await opened(path, log=log)).store.close()
        assert log.events("warning") == []


async def test_a_file_is_called_complete_last(path: Path) -> None:
    """Between the two copies of the log into the file it still says that somebody runs on it."""
    connector, connections = faulty()
    stand = await started(path, connector=connector)
    seen: list[tuple[str, bool, int]] = []

    def watch(sql: str) -> None:
        with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as raw:
            count = raw.execute("SELECT count(*) FROM messages").fetchone()[0]
        seen.append((sql.partition(" ")[0], says_running(path), count))

    connections.before = staticmethod(watch)
    await stand.store.close()
    connections.before = staticmethod(lambda sql: None)
    names = [name for name, _, _ in seen]
    assert all(running for _, running, _ in seen), seen
    assert seen[names.index("INSERT")][2] == 1
    assert not says_running(path)


async def test_a_foreign_reader_at_the_end_leaves_the_log_and_nothing_is_said_falsely(
    path: Path, copy: Path
) -> None:
    """It keeps the log from being written into the file; whoever is last, SQLite does it then."""
    stand = await started(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM messages").fetchone()
        await stand.post(post(2))
        await stand.store.close()
        shutil.copy(path, copy)
        assert "complete" in {each.check for each in check(copy).findings}
    assert incomplete(path) == []
    log = LogBook()
    await (await opened(path, log=log)).store.close()
    assert log.events("warning") == []
