"""Nothing in the process, and nobody outside, takes a running store's log away; one file has one store, by whatever name."""

# ruff: noqa: ASYNC221, ASYNC240 - nobody else waits in a test
from __future__ import annotations

import asyncio
import contextlib
import fcntl
import itertools
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from imserver.cli.place import TRACES
from imserver.config import StoreConfig
from imserver.errors import StartError, StoreFailed
from imserver.model import User
from imserver.store import SqliteStore
from imserver.store.sqlite import guard
from imserver.testing import LogBook
from tests.store import guarded
from tests.store.support import USERS, Recorder, Stand, faulty, post, sqlite_error

ROOT = Path(__file__).parents[2]
#: Tries to lock bytes of a file as SQLite does: 1 if somebody else has them.
FOREIGN_LOCK = """
import fcntl, os, sys
file = open(sys.argv[1], "r+b")
try:
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, int(sys.argv[3]), int(sys.argv[2]))
except OSError:
    sys.exit(1)
"""

#: How the script says that mounting is forbidden.
NO_MOUNTS = 77

own_locks = pytest.mark.skipif(not guard.HAS_OWN_LOCKS, reason="a system without locks of descriptors")


async def opened(path: Path, **more: Any) -> Stand:
    store = SqliteStore(StoreConfig(path=str(path)), rng=random.Random(os.urandom(8)), **more)
    await store.open(recorder := Recorder())
    stand = Stand(store, recorder)
    await stand.users(*USERS)
    return stand


async def start_error(path: Path) -> str:
    with pytest.raises(StartError) as error:
        await opened(path)
    assert "\n" not in str(error.value)
    return str(error.value)


def locked_for_others(path: Path, place: tuple[int, int]) -> bool:
    asked = [sys.executable, "-c", FOREIGN_LOCK, str(path), *map(str, place)]
    return subprocess.run(asked, check=False).returncode == 1


def process(path: Path, what: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.store.guarded", str(path), what],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder / "chat.db"


# -- the log -----------------------------------------------------------------------------------------------------------


@own_locks
@pytest.mark.parametrize("what", guarded.INSIDE)
def test_what_was_answered_is_there_after_a_kill_whatever_the_process_did(path: Path, what: str) -> None:
    """SQLite's own locks end when anything in the process closes the file: the next foreign `sqlite3` deleted the log then, and
    what was answered from then on was gone."""
    out, errors = (ran := process(path, what)).communicate(timeout=60)
    assert ran.returncode == -signal.SIGKILL, errors
    answered = out.count("answered")
    assert answered == len(guarded.BEFORE) + len(guarded.AFTER)
    with contextlib.closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT count(*) FROM messages").fetchone() == (answered,)
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@own_locks
async def test_nobody_else_can_have_what_sqlite_shares(path: Path) -> None:
    """The database, so that nobody deletes the log; and the dead man's switch: who gets that takes the index of the log for his
    own and cuts it off, and a process that has it mapped dies of SIGBUS."""
    stand = await opened(path)
    for name in ("chat.db", "chat.db-shm", "chat.db-wal", "chat.db.lock"):
        (path.parent / name).read_bytes()
    assert locked_for_others(path, guard.SHARED_BYTES)
    assert locked_for_others(Path(f"{path}-shm"), guard.DEAD_MAN_BYTES)
    other = await opened(path.parent / "other.db")  # two stores of one process, on two files
    await other.store.close()
    assert locked_for_others(path, guard.SHARED_BYTES)
    assert await stand.post(post(1)) == [(1, 1001, False)]
    await stand.store.close()
    assert not locked_for_others(path, guard.SHARED_BYTES)
    assert not Path(f"{path}-wal").exists()


@own_locks
async def test_no_descriptor_of_the_guard_goes_on_to_another_program(path: Path) -> None:
    stand = await opened(path)
    held = tuple(stand.store._guard._descriptors)  # type: ignore[attr-defined]
    assert len(held) == 3
    assert not any(os.get_inheritable(each) for each in held)
    await stand.store.close()
    for each in held:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(each)


async def test_a_store_that_failed_leaves_the_log_for_the_next_start(path: Path) -> None:
    """The log holds what was answered; the last connection's end is no moment to try the disk again."""
    connector, connections = faulty()
    stand = await opened(path, connector=connector)
    await stand.post(post(1))
    error = sqlite_error("SQLITE_IOERR", "disk I/O error")
    connections.before = staticmethod(lambda sql: error if sql == "COMMIT" else None)
    with pytest.raises(StoreFailed):
        await stand.tx(lambda tx: tx.put_user)
    connections.before = staticmethod(lambda sql: None)
    await stand.store.close()
    assert Path(f"{path}-wal").stat().st_size
    log = LogBook()
    again = await opened(path, log=log)
    assert log.events("warning") == []
    assert await again.post(post(1)) == [(1, 1001, True)]
    await again.store.close()


# -- one file, one store ------------------------------------------------------------------------------------------------


async def test_a_file_with_two_names_is_refused(path: Path) -> None:
    """Its log is beside one of them: opened by the other name it would be read without."""
    stand = await opened(path)
    other = path.parent / "hard.db"
    os.link(path, other)
    assert "another imserver has this database open, by another name" in await start_error(other)
    await stand.post(post(1))
    await stand.store.close()
    for name in (path, other):
        assert "more than one name" in await start_error(name)
    other.unlink()
    await (await opened(path)).store.close()


@own_locks
async def test_who_removes_the_lock_file_does_not_get_the_database(path: Path) -> None:
    """As an operator does who takes it for left behind."""
    stand = await opened(path)
    Path(f"{path}.lock").unlink()
    assert "another imserver" in await start_error(path)
    out, errors = process(path, "nothing").communicate(timeout=60)
    assert "answered" not in out
    assert "another imserver has this database open, by another name" in errors
    assert await stand.post(post(1)) == [(1, 1001, False)]
    await stand.store.close()


@own_locks
@pytest.mark.skipif(shutil.which("unshare") is None, reason="no namespaces of mounts")
async def test_a_file_that_is_mounted_elsewhere_is_the_same_file(path: Path) -> None:
    """A container with a mount of this single file: another name, another folder, another lock file."""
    stand = await opened(path)
    elsewhere = path.parent.parent / "elsewhere.db"
    elsewhere.touch()
    other = f'"{sys.executable}" -m tests.store.guarded "{elsewhere}" nothing'
    script = f'mount --bind "{path}" "{elsewhere}" || exit {NO_MOUNTS}; exec {other}'
    done = subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    await stand.store.close()
    if done.returncode == NO_MOUNTS or done.stderr.startswith("unshare: "):
        pytest.skip("nobody may mount here")
    assert "another imserver has this database open, by another name" in done.stderr


async def test_without_locks_of_descriptors_one_name_and_one_process_are_still_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "HAS_OWN_LOCKS", False)
    stand = await opened(path)
    assert "another imserver" in await start_error(path)
    Path(f"{path}.lock").unlink()
    assert "by another name" in await start_error(path)
    await stand.post(post(1))
    await stand.store.close()
    again = await opened(path)
    assert await again.post(post(1)) == [(1, 1001, True)]
    await again.store.close()


async def test_what_is_no_file_is_refused(path: Path) -> None:
    os.mkfifo(path)
    assert "is not a file" in await start_error(path)


@own_locks
async def test_who_locks_it_for_good_keeps_a_server_from_starting(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line, and nothing stays locked of ours."""
    monkeypatch.setattr(guard, "PATIENCE_S", 0.05)
    await (await opened(path)).store.close()
    with path.open("r+b") as other:
        assert guard._lock(other.fileno(), fcntl.F_WRLCK, guard.SHARED_BYTES[0] + 9, 1)
        assert "locked" in await start_error(path)
    await (await opened(path)).store.close()


@own_locks
async def test_who_keeps_the_log_locked_for_good_is_waited_for_and_then_told_of(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite itself has opened the database by then: only the guard can give up."""
    monkeypatch.setattr(guard, "PATIENCE_S", 0.05)
    await (await opened(path)).store.close()
    ours = guard.Guard(path)
    ours.take()
    with path.open("r+b") as other:
        assert guard._lock(other.fileno(), fcntl.F_WRLCK, *guard.SHARED_BYTES)
        with pytest.raises(StartError, match="somebody else has it locked") as refused:
            ours.hold()
    assert refused.value.again
    ours.release()


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_who_is_refused_has_nothing_open_and_nothing_locked(path: Path) -> None:
    def open_files() -> set[str]:
        found = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
        return {os.readlink(each) for each in found if os.path.lexists(each)}

    path.write_bytes(b"something else, longer than SQLite's magic")
    before = open_files()
    refused = guard.Guard(path)  # kept: its end would close what it has left open
    with pytest.raises(StartError, match="is not a database"):
        refused.take()
    assert open_files() == before
    assert os.listdir(path.parent) == [path.name], "what was there stays, alone"
    path.unlink()
    other = guard.Guard(path)
    other.take()
    with pytest.raises(StartError, match="another imserver") as later:
        refused.take()
    assert later.value.again, "a supervisor tries until the other one has stopped"
    assert open_files() - before == {str(path), f"{path}.lock"}
    other.release(discard=True)
    assert os.listdir(path.parent) == []


@pytest.mark.parametrize("last", range(9))
def test_who_is_killed_while_it_discards_leaves_no_trace_of_a_lost_database(
    path: Path, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    """The next start would refuse to make one."""

    def unlink(name: str) -> None:
        if len(asked) == last:
            raise KeyboardInterrupt
        asked.append(name)
        remove(name)

    asked: list[str] = []
    remove = os.unlink
    made = guard.Guard(path)
    made.take()
    for trace in TRACES:
        Path(f"{path}{trace}").touch()
    with monkeypatch.context() as patched, contextlib.suppress(KeyboardInterrupt):
        patched.setattr(os, "unlink", unlink)
        made.release(discard=True)
    made._close()
    assert path.exists() or not any(os.path.exists(f"{path}{trace}") for trace in TRACES)


def test_a_database_that_somebody_has_put_there_meanwhile_stays(path: Path, tmp_path: Path) -> None:
    """A copy that is put back by hand while a first start fails."""
    made = guard.Guard(path)
    made.take()
    put_back = tmp_path / "copy"
    put_back.write_text("all that there is")
    put_back.rename(path)
    made.release(discard=True)
    assert path.read_text() == "all that there is"


def test_a_lock_file_whose_holder_removed_it_is_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was opened before, and got when the holder ended: whoever comes next would lock another file."""
    removing = [f"{path}.lock"]

    def flock(descriptor: int, operation: int) -> None:
        if removing:
            os.unlink(removing.pop())
        locked(descriptor, operation)

    locked = fcntl.flock
    monkeypatch.setattr(fcntl, "flock", flock)
    first = guard.Guard(path)
    first.take()
    with open(f"{path}.lock") as second, pytest.raises(BlockingIOError):
        locked(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
    first.release()


def test_nobody_but_its_owner_may_read_a_database_that_is_made(path: Path) -> None:
    made = guard.Guard(path)
    before = os.umask(0)
    try:
        made.take()
    finally:
        os.umask(before)
        made.release()
    assert {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {
        "chat.db": 0o600,
        "chat.db.lock": 0o600,
    }


def test_a_first_page_that_was_cut_off_is_left_to_sqlite_if_there_is_a_journal(path: Path) -> None:
    """After a power loss the journal has the page that belongs there; without it this is no database."""
    path.write_bytes(bytes(4096))
    torn = guard.Guard(path)
    with pytest.raises(StartError, match="is not a database"):
        torn.take()
    Path(f"{path}-journal").write_bytes(b"any")
    torn.take()
    torn.release()


def test_a_log_that_cannot_be_read_is_one(path: Path) -> None:
    """Taken for none, the database would be called incomplete, or whole, for the wrong reason: SQLite says what it is."""
    assert not guard.has_log(path)
    Path(f"{path}-wal").mkdir()
    assert guard.has_log(path)


# -- forks --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["fork", "multiprocessing"])
async def test_a_worker_that_outlives_the_server_does_not_keep_the_database(path: Path, way: str) -> None:
    server = process(path, way)
    assert server.stdout is not None
    answered = [server.stdout.readline() for _ in guarded.BEFORE]
    assert set(answered) == {"answered\n"}
    worker = int(server.stdout.readline())
    try:
        # The child has closed what it shared, and nothing was unlocked by that.
        assert "another imserver" in await start_error(path)
        assert not guard.HAS_OWN_LOCKS or locked_for_others(path, guard.SHARED_BYTES)
        server.kill()
        server.wait()
        os.kill(worker, 0)
        stand = await opened(path)
        assert await stand.post(post(20), post(21)) == [(20, 1020, True), (21, 1021, False)]
        await stand.store.close()
    finally:
        os.kill(worker, signal.SIGKILL)
        server.kill()
        server.communicate()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without forks")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_opens_databases_of_its_own_on_any_thread(path: Path) -> None:
    """What is held over the fork is given back in the child, too."""
    if not (child := os.fork()):

        def open_one() -> None:
            own = guard.Guard(path)
            own.take()
            own.release()

        thread = threading.Thread(target=open_one, daemon=True)
        thread.start()
        thread.join(10)
        os._exit(int(thread.is_alive()))
    assert os.waitpid(child, 0)[1] == 0


# -- replaced files -----------------------------------------------------------------------------------------------------


def rename(path: Path) -> None:
    path.rename(path.with_name("away.db"))


def put_another_there(path: Path) -> None:
    other = path.with_name("other.db")
    shutil.copy(path, other)
    other.replace(path)


def put_another_log_there(path: Path) -> None:
    log = Path(f"{path}-wal")
    shutil.copy(log, log.with_name("other"))
    log.with_name("other").replace(log)


def remove_the_log(path: Path) -> None:
    Path(f"{path}-wal").unlink()


async def test_a_store_that_goes_on_writing_looks_by_itself(path: Path) -> None:
    stand = await opened(path)
    put_another_there(path)

    async def write() -> None:
        for number in itertools.count():
            await stand.tx(lambda tx, name: tx.put_user(User(name, name)), f"user {number}")

    with pytest.raises(StoreFailed, match="replaced"):
        await asyncio.wait_for(write(), 10)
    await stand.store.close()


@own_locks
@pytest.mark.parametrize("replace", [rename, put_another_there])
def test_what_is_still_open_under_no_name_is_not_let_go(path: Path, replace: Any) -> None:
    """SQLite would delete, by its name, the log of whatever stands there now."""
    ours = guard.Guard(path)
    ours.take()
    for end in ("-shm", "-wal"):
        Path(f"{path}{end}").touch()
    ours.hold()
    os.link(path, before := path.with_name("before.db"))
    replace(path)
    with pytest.raises(StoreFailed):
        ours.look()
    ours.let_go()
    assert locked_for_others(before, guard.SHARED_BYTES)
    ours.release()
    assert not locked_for_others(before, guard.SHARED_BYTES)


@pytest.mark.parametrize("replace", [rename, put_another_there, put_another_log_there, remove_the_log])
async def test_nobody_is_answered_once_the_files_are_others(
    path: Path, replace: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written goes into a file that the next start will not find."""
    monkeypatch.setattr(guard, "LOOK_EVERY_S", 0)
    stand = await opened(path)
    await stand.post(post(1))
    failed = asyncio.Event()
    stand.store.on_failure(lambda error: failed.set())
    replace(path)
    there = {each.name: each.read_bytes() for each in path.parent.iterdir() if each.name != "chat.db-shm"}
    with pytest.raises(StoreFailed, match=r"chat\.db.*(replaced|No such file)"):
        await stand.tx(lambda tx: tx.put_user)
    await asyncio.wait_for(failed.wait(), 5)
    with pytest.raises(StoreFailed):
        stand.store.submit(post(2))
    await stand.store.close()
    if guard.HAS_OWN_LOCKS:  # SQLite's last connection deletes the log by its name, whosever that is now
        left = {each.name: each.read_bytes() for each in path.parent.iterdir()}
        assert {name: left.get(name) for name in there} == there
