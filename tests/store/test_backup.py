"""A backup is one moment of a database that goes on, complete by itself; and where none can be made, nothing is left behind."""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import shutil
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from imserver.config import StoreConfig
from imserver.errors import BackupFailed, StoreFailed
from imserver.store import SqliteStore
from imserver.store.checks import check_database
from imserver.store.engine.figures import Sizes
from imserver.store.sqlite import backup as backups
from imserver.store.sqlite import database
from imserver.testing import LogBook, ManualClock
from tests.store.support import USERS, Recorder, Stand, post


@pytest.fixture
def log() -> LogBook:
    return LogBook()


@pytest.fixture
async def stand(tmp_path: Path, log: LogBook) -> AsyncIterator[Stand]:
    """An open store at chat.db, with 40 messages."""
    store = SqliteStore(StoreConfig(path=str(tmp_path / "chat.db")), clock=ManualClock(5_000_000), log=log)
    await store.open(recorder := Recorder())
    made = Stand(store, recorder)
    await made.users(*USERS)
    await made.post(*(post(number) for number in range(1, 41)))
    yield made
    await store.close()


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """What is in a copy, opened without a trace."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as raw:
        return raw.execute(sql).fetchall()


def open_files() -> list[str]:
    """What this process has open."""
    folder = Path("/proc/self/fd")
    return [
        os.readlink(each) for each in (folder.iterdir() if folder.exists() else ()) if os.path.lexists(each)
    ]


def slowly(monkeypatch: pytest.MonkeyPatch, rest_s: float = 0.02) -> None:
    """One page at a time."""
    monkeypatch.setattr(backups.Pace, "__init__", _slow_pace(rest_s))


def _slow_pace(rest_s: float) -> Any:
    known = backups.Pace.__init__

    def init(self: Any, **more: Any) -> None:
        known(self, **{"slice_pages": 1, "rest_s": rest_s, **more})

    return init


async def begun(
    stand: Stand, target: Path, told: backups.Told = lambda done, total: None
) -> asyncio.Task[Any]:
    """A backup that has copied its first pages."""
    first = asyncio.Event()

    def note(done: int, total: int) -> None:
        told(done, total)
        first.set()

    task = asyncio.create_task(stand.store.backup(target, note))
    await first.wait()
    return task


async def test_a_backup_is_a_whole_database_of_one_moment(stand: Stand, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    made = await stand.store.backup(target)
    assert (made.path, made.messages, made.copied_at) == (target, 40, 5_000_000)
    assert sorted(os.listdir(tmp_path)) == [
        "chat.db", "chat.db-shm", "chat.db-wal", "chat.db.high", "chat.db.lock", "copy.db"
    ]  # fmt: skip
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert rows(target, "SELECT count(*) FROM messages") == [(40,)]
    assert rows(target, "SELECT value FROM meta WHERE name = 'copied_at'") == [(5_000_000,)]
    with closing(sqlite3.connect(target)) as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert check_database(raw).findings == []


async def test_it_does_not_say_that_a_server_runs_on_it(stand: Stand, tmp_path: Path) -> None:
    await stand.tx(lambda tx: tx.sql("UPDATE meta SET value = value WHERE name = 'running'"))
    await stand.store.backup(tmp_path / "copy.db")
    assert rows(tmp_path / "copy.db", "SELECT count(*) FROM meta WHERE name = 'running'") == [(0,)]


async def test_what_is_committed_meanwhile_is_not_in_it_and_it_does_not_begin_anew(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something is committed between every two pages, however fast either side is."""
    slowly(monkeypatch, 0)
    commits, known_rest = threading.Semaphore(0), backups.Pace.rest

    def rest(pace: backups.Pace, left: int, total: int) -> None:
        known_rest(pace, left, total)
        assert commits.acquire(timeout=30)

    monkeypatch.setattr(backups.Pace, "rest", rest)
    told: list[tuple[int, int]] = []
    task = await begun(stand, tmp_path / "copy.db", lambda *pages: told.append(pages))
    number = 1000
    while not task.done():
        await stand.post(post(number := number + 1, text="x" * 3000))
        commits.release()
    assert (await task).messages == 40
    assert number >= 1000 + len(told) > 1040
    done, totals = [pages for pages, _ in told], {total for _, total in told}
    assert done == list(range(1, len(done) + 1))
    assert totals == {done[-1]}
    with closing(sqlite3.connect(tmp_path / "copy.db")) as raw:
        assert check_database(raw).findings == []


async def test_pages_are_copied_in_slices_with_rests(stand: Stand, tmp_path: Path) -> None:
    assert (backups.SLICE_PAGES, backups.REST_S) == (50, 0.01)
    await stand.post(*(post(number, text="x" * 4000) for number in range(1000, 1200)))
    loop = asyncio.get_running_loop()
    told: list[tuple[float, int]] = []
    await stand.store.backup(tmp_path / "copy.db", lambda done, total: told.append((loop.time(), done)))
    assert [done for _, done in told[:-1]] == [50 * step for step in range(1, len(told))]
    assert told[-1][0] - told[0][0] >= 0.01 * (len(told) - 2)


async def test_an_older_backup_is_replaced_and_the_database_goes_on(stand: Stand, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    await stand.store.backup(target)
    await stand.post(post(41))
    before = target.stat().st_ino
    await stand.store.backup(target)
    assert rows(target, "SELECT count(*) FROM messages") == [(41,)]
    assert target.stat().st_ino != before


def targets(folder: Path) -> dict[str, tuple[Path, str]]:
    (folder / "text").write_text("mine")
    (folder / "used.db").write_bytes(b"")
    (folder / "used.db-wal").write_bytes(b"x")
    (folder / "link.db").symlink_to(folder / "chat.db")
    (folder / "hard.db").hardlink_to(folder / "chat.db")
    with closing(sqlite3.connect(folder / "other.db")) as raw:
        raw.execute("CREATE TABLE meta (name, value)")
    return {
        "itself": (folder / "chat.db", "is a file of the database itself"),
        "its log": (folder / "chat.db-wal", "is a file of the database itself"),
        "a file that it may get": (folder / "chat.db.restoring", "is a file of the database itself"),
        "its socket's place": (folder / "chat.db.control", "is a file of the database itself"),
        "by a link": (folder / "link.db", "is a file of the database itself"),
        "by another name": (folder / "hard.db", "is a file of the database itself"),
        "a folder": (folder, "is a folder"),
        "in no folder": (folder / "none" / "copy.db", "does not exist"),
        "in a file": (folder / "text" / "copy.db", "does not exist"),
        "something else": (folder / "text", "is there already, and is no backup of imserver"),
        "another database": (folder / "other.db", "is there already, and is no backup of imserver"),
        "a database in use": (folder / "used.db", "somebody has used it as a database"),
        "the ledger": (folder / "copies.ledger", "is the ledger's"),
        "nowhere writable": (Path("/proc/copy.db"), "No such file|Permission|Operation|not permitted"),
    }


async def test_what_is_no_place_for_a_backup_is_refused_in_one_line(stand: Stand, tmp_path: Path) -> None:
    wrong = targets(tmp_path)
    before = sorted(os.listdir(tmp_path))
    for target, words in wrong.values():
        with pytest.raises(BackupFailed, match=words) as failed:
            await stand.store.backup(target)
        assert "\n" not in str(failed.value)
    assert sorted(os.listdir(tmp_path)) == before
    assert (tmp_path / "text").read_text() == "mine"
    await stand.post(post(41))


async def test_a_database_that_was_opened_again_is_no_backup_any_more(stand: Stand, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    await stand.store.backup(target)
    second = SqliteStore(StoreConfig(path=str(target)))
    await second.open(Recorder())
    await second.close()
    with pytest.raises(BackupFailed, match="is no backup"):
        await stand.store.backup(target)


async def test_the_copy_of_another_history_is_not_replaced(stand: Stand, tmp_path: Path) -> None:
    """A server that began anew in an empty folder would replace the last copy of the one before it."""
    target = tmp_path / "copy.db"
    (tmp_path / "anew").mkdir()
    store = SqliteStore(StoreConfig(path=str(tmp_path / "anew" / "chat.db")))
    await store.open(Recorder())
    await stand.store.backup(target)
    before = target.read_bytes()
    with pytest.raises(BackupFailed, match="is a backup of another database") as failed:
        await store.backup(target)
    assert not failed.value.again
    assert target.read_bytes() == before
    await store.backup(tmp_path / "anew" / "copy.db")
    await store.close()


async def test_another_file_in_the_place_of_the_database_is_not_copied(stand: Stand, tmp_path: Path) -> None:
    """Nobody writes, so no batch has noticed."""
    target = tmp_path / "copy.db"
    await stand.store.backup(target)
    await stand.post(post(41))
    await stand.store.backup(tmp_path / "newest.db")
    before = (tmp_path / "newest.db").read_bytes()
    (tmp_path / "chat.db").rename(tmp_path / "away.db")
    shutil.copyfile(target, tmp_path / "chat.db")
    with pytest.raises(BackupFailed, match="was replaced by another file while it was in use"):
        await stand.store.backup(tmp_path / "newest.db")
    assert (tmp_path / "newest.db").read_bytes() == before


async def test_the_second_of_two_backups_is_refused(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slowly(monkeypatch)
    task = await begun(stand, tmp_path / "one.db")
    with pytest.raises(BackupFailed, match=r"being made already, to .*one\.db") as failed:
        await stand.store.backup(tmp_path / "two.db")
    assert failed.value.again
    monkeypatch.undo()
    assert (await task).messages == 40
    assert not (tmp_path / "two.db").exists()


async def test_another_process_that_writes_there_is_not_disturbed(stand: Stand, tmp_path: Path) -> None:
    unfinished = tmp_path / ".copy.db.unfinished"
    with unfinished.open("wb") as other:
        other.write(b"half")
        other.flush()
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(BackupFailed, match="another backup is being written there") as failed:
            await stand.store.backup(tmp_path / "copy.db")
        assert failed.value.again
    assert str(unfinished) not in open_files(), (
        "a server that is asked each hour would run out of descriptors"
    )
    assert unfinished.read_bytes() == b"half"
    await stand.store.backup(tmp_path / "copy.db")  # what a killed one left is taken over
    assert not unfinished.exists()


async def test_of_when_it_is_was_asked_before_its_moment(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was committed until then is in it: a time behind it would promise what came between."""
    assert isinstance(stand.store, SqliteStore)
    known, clock = database.prepare_reader, stand.store._clock
    assert isinstance(clock, ManualClock)

    def begins(sql: str) -> None:
        if sql.startswith("BEGIN"):
            clock.jump_to(6_000_000)

    def prepare(raw: sqlite3.Connection) -> None:
        known(raw)
        raw.set_trace_callback(begins)

    monkeypatch.setattr(database, "prepare_reader", prepare)
    assert (await stand.store.backup(tmp_path / "copy.db")).copied_at == 5_000_000
    assert clock.now_ms() == 6_000_000


async def test_a_copy_of_a_copy_is_of_when_the_first_one_was(stand: Stand, tmp_path: Path) -> None:
    """One that was put back by hand, and that nobody has opened yet."""
    await stand.store.backup(tmp_path / "copy.db")
    with backups.reading(tmp_path / "copy.db") as source:
        backups.back_up(source, tmp_path / "copy.db", tmp_path / "again.db", 6_000_000)
    assert rows(tmp_path / "again.db", "SELECT value FROM meta WHERE name = 'copied_at'") == [(5_000_000,)]


async def test_the_log_is_taken_over_behind_it(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could not be while the backup was reading, and grew."""
    slowly(monkeypatch)
    task = await begun(stand, tmp_path / "copy.db")
    await stand.post(*(post(number) for number in range(41, 61)))
    await task
    await stand.tx(lambda tx: None)  # behind it on the writer's thread
    assert rows(tmp_path / "chat.db", "SELECT count(*) FROM messages") == [(60,)], "in the file itself"


def test_two_lives_on_one_database_do_not_look_the_same(tmp_path: Path) -> None:
    with closing(sqlite3.connect(":memory:")) as raw:
        for _, script in database.migrations():
            raw.executescript(script)
        raw.execute("INSERT INTO meta (name, value) VALUES ('change', 0)")
        marks = []
        for _ in range(2):
            run = database.put_run(raw, "open", 1, ManualClock(1), random.Random(1))
            marks.append(run.mark)
            assert backups.state_of(raw).mark == run.mark
        assert marks[0] != marks[1]


async def test_no_file_of_a_database_is_a_target_be_it_there_or_not(tmp_path: Path) -> None:
    live = tmp_path / "chat.db"
    for end in ("", "-wal", "-shm", "-journal", ".lock", ".high"):
        with pytest.raises(BackupFailed, match="is a file of the database itself"):
            backups.check_target(Path(f"{live}{end}"), live)


async def test_a_full_disk_leaves_nothing_behind(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stand.store.backup(tmp_path / "copy.db")
    kept = (tmp_path / "copy.db").read_bytes()
    connect = sqlite3.connect

    def small(path: Any, **more: Any) -> sqlite3.Connection:
        made: sqlite3.Connection = connect(path, **more)
        if str(path).endswith(".unfinished"):
            made.execute("PRAGMA max_page_count = 5")
        return made

    monkeypatch.setattr("imserver.store.sqlite.backup.sqlite3.connect", small)
    with pytest.raises(BackupFailed, match=r"copy.db: the disk is full") as failed:
        await stand.store.backup(tmp_path / "copy.db")
    monkeypatch.undo()
    assert failed.value.again
    assert (tmp_path / "copy.db").read_bytes() == kept
    assert [name for name in os.listdir(tmp_path) if "unfinished" in name] == []
    await stand.post(post(41))


async def test_a_copy_that_is_damaged_on_its_way_is_not_kept(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = backups.mark

    def damage(path: Path, copied_at: int) -> None:
        known(path, copied_at)
        with path.open("r+b") as file:
            file.seek(4096 * 3)
            file.write(b"\xff" * 4096)

    monkeypatch.setattr(backups, "mark", damage)
    with pytest.raises(BackupFailed, match="damaged"):
        await stand.store.backup(tmp_path / "copy.db")
    assert [name for name in os.listdir(tmp_path) if "copy" in name] == []


async def test_it_is_on_the_disk_before_it_has_its_name(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def synced(fd: int) -> None:
        what = Path(os.readlink(f"/proc/self/fd/{fd}"))
        steps.append(f"sync {what.relative_to(tmp_path)}")
        fsync(fd)

    def renamed(self: Path, to: Path) -> Path:
        steps.append(f"rename {self.name}")
        return replace(self, to)

    monkeypatch.setattr("imserver.store.sqlite.backup.os.fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    await stand.store.backup(tmp_path / "copy.db")
    ours = [step for step in steps if "copy" in step or step.endswith(" .")]
    assert ours == ["sync .copy.db.unfinished", "rename .copy.db.unfinished", "sync ."]


async def test_closing_ends_a_backup_soon_and_it_leaves_nothing(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slowly(monkeypatch, 30)
    task = await begun(stand, tmp_path / "copy.db")
    async with asyncio.timeout(5):
        await stand.store.close()
    with pytest.raises(BackupFailed, match="broken off"):
        await task
    assert [name for name in os.listdir(tmp_path) if "copy" in name] == []
    with pytest.raises(StoreFailed):
        await stand.store.backup(tmp_path / "copy.db")


async def test_whoever_gives_it_up_ends_it(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slowly(monkeypatch, 30)
    task = await begun(stand, tmp_path / "copy.db")
    task.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [name for name in os.listdir(tmp_path) if "copy" in name] == []
    monkeypatch.undo()
    await stand.store.backup(tmp_path / "copy.db")


async def test_the_log_that_grows_meanwhile_is_blamed_on_no_reader(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imserver.store.sqlite.store.WATCHED_WAL_BYTES", 40_000)
    slowly(monkeypatch, 0.002)
    store, seen = stand.store, list[Sizes]()
    assert isinstance(store, SqliteStore)
    task = await begun(stand, tmp_path / "copy.db")
    number = 5000
    while not task.done():
        await stand.post(post(number := number + 1, text="x" * 4000))
        assert store.look(seen.append)
    await task
    for _ in range(2):  # behind it, too, until the log was cut back
        assert store.look(seen.append)
        await stand.tx(lambda tx: None)
    assert max(sizes.wal_bytes for sizes in seen) > 200_000
    assert {sizes.lag_bytes for sizes in seen} == {0}
    await store.close()


async def test_it_is_written_through_to_the_disk_on_its_way(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it at its end would keep the commits of that moment waiting."""
    slowly(monkeypatch, 0)
    synced: list[str] = []
    fsync = os.fsync

    def sync(fd: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{fd}")).name)
        fsync(fd)

    monkeypatch.setattr("imserver.store.sqlite.backup.os.fsync", sync)
    done = await stand.store.backup(tmp_path / "copy.db")
    slices = done.size_bytes // 4096
    assert slices > backups.SYNC_EVERY
    assert synced.count(".copy.db.unfinished") == slices // backups.SYNC_EVERY + 1
