"""The faulty disk itself: power takes exactly what was not synced, a kill nothing, and each fault is what its name says."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.storage_faults.disk import SECTOR_BYTES, Disk, DiskFile
from tests.storage_faults.faults import CRASHES, FAULTS, Fault, Kind

NAME = "file.db"
OLD, NEW = b"o" * 4 * SECTOR_BYTES, b"n" * 4 * SECTOR_BYTES
FLAGS = [apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_READWRITE, 0]


class Bench:
    """One file, of which `OLD` is durable, seen through the file system as SQLite sees it."""

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self.path = folder / NAME
        self.path.write_bytes(OLD)
        self.disk = Disk(folder, seed=seed)
        self.system: Any = self.disk._system
        self.handle: Any = self.open(NAME)
        self.disk.arm()

    def open(self, name: str) -> Any:
        return self.system.xOpen(str(self.path.with_name(name)), list(FLAGS))

    def close(self) -> None:
        self.handle.xClose()
        self.disk.close()

    def found(self, name: str = NAME) -> bytes | None:
        """What the next process finds."""
        self.disk.settle()
        path = self.path.with_name(name)
        return path.read_bytes() if path.exists() else None


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def write(bench: Bench) -> None:
    bench.handle.xWrite(NEW, 0)


#: A call of each kind that can be made to fail, and what a file system that works makes of it.
CALLS: dict[Kind, Callable[[Bench], Any]] = {
    Kind.WRITE: write,
    Kind.SYNC: lambda bench: bench.handle.xSync(0),
    Kind.TRUNCATE: lambda bench: bench.handle.xTruncate(SECTOR_BYTES),
    Kind.DELETE: lambda bench: bench.system.xDelete(str(bench.path), True),
    Kind.OPEN: lambda bench: bench.open("other.db").xClose(),
    Kind.READ: lambda bench: bench.handle.xRead(8, 0),
}


def test_every_kind_of_call_has_its_faults() -> None:
    assert CALLS.keys() == FAULTS.keys() == set(Kind)
    assert {fault for faults in FAULTS.values() for fault in faults} == set(Fault)


# -- what lost power takes ----------------------------------------------------------------------------------------------


def test_lost_power_takes_what_was_not_synced(bench: Bench) -> None:
    write(bench)
    bench.disk.lose_power()
    assert bench.found() == OLD


def test_lost_power_leaves_what_was_synced_and_takes_what_came_after_it(bench: Bench) -> None:
    write(bench)
    bench.handle.xSync(0)
    bench.handle.xWrite(b"later", 0)
    bench.handle.xTruncate(10)
    bench.disk.lose_power()
    assert bench.found() == NEW


def test_a_sync_is_of_its_own_file(bench: Bench) -> None:
    other = bench.open("other.db")
    other.xWrite(NEW, 0)
    write(bench)
    bench.handle.xSync(0)
    other.xClose()
    bench.disk.lose_power()
    assert (bench.found(), bench.found("other.db")) == (NEW, b"")


def test_a_truncation_is_lost_like_a_write_and_kept_by_a_sync(bench: Bench) -> None:
    bench.handle.xTruncate(SECTOR_BYTES)
    bench.disk.lose_power()
    assert bench.found() == OLD
    bench.handle.xTruncate(SECTOR_BYTES)
    bench.handle = bench.open(NAME)
    bench.handle.xTruncate(SECTOR_BYTES)
    bench.handle.xSync(0)
    bench.disk.lose_power()
    assert bench.found() == OLD[:SECTOR_BYTES]


@pytest.mark.parametrize("synced", [True, False])
def test_a_deleted_file_comes_back_unless_its_folder_was_synced(bench: Bench, synced: bool) -> None:
    bench.system.xDelete(str(bench.path), synced)
    bench.disk.lose_power()
    assert bench.found() == (None if synced else OLD)


def test_a_file_whose_name_was_not_synced_is_not_there(bench: Bench) -> None:
    other = bench.open("other.db")
    other.xWrite(NEW, 0)
    other.xClose()
    bench.disk.lose_power()
    assert bench.found("other.db") is None


def test_a_kill_takes_nothing_and_power_lost_later_takes_it_all_the_same(bench: Bench) -> None:
    """The cache of the system survives the process, and is not thereby on the disk."""
    write(bench)
    bench.disk.kill()
    assert bench.found() == NEW
    bench.disk.lose_power()
    assert bench.found() == OLD


def test_torn_power_keeps_whole_sectors_some_and_not_others(tmp_path: Path) -> None:
    """Each sector is the old or the new one; over many seeds all, none and any of them are there."""
    found: set[bytes] = set()
    for seed in range(60):
        folder = tmp_path / str(seed)
        folder.mkdir()
        bench = Bench(folder, seed)
        write(bench)
        bench.disk.torn_crash()
        image = bench.found()
        assert image is not None
        bench.close()
        sectors = [image[at : at + SECTOR_BYTES] for at in range(0, len(image), SECTOR_BYTES)]
        assert all(sector in (OLD[:SECTOR_BYTES], NEW[:SECTOR_BYTES]) for sector in sectors)
        found.add(b"".join(sector[:1] for sector in sectors))
    assert {b"oooo", b"nnnn"} < found
    assert any(image[:2] == b"on" for image in found), "a later sector may be written before an earlier one"
    assert len(found) > 8


def test_torn_power_leaves_what_was_synced(tmp_path: Path) -> None:
    for seed in range(20):
        folder = tmp_path / str(seed)
        folder.mkdir()
        bench = Bench(folder, seed)
        write(bench)
        bench.handle.xSync(0)
        bench.disk.torn_crash()
        assert bench.found() == NEW
        bench.close()


# -- each fault of each call ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "fault"), [(kind, fault) for kind, faults in FAULTS.items() for fault in faults]
)
def test_a_fault_strikes_its_call_and_no_other(tmp_path: Path, kind: Kind, fault: Fault) -> None:
    """Two calls go well, the third fails; whether those behind it do is the fault's own affair."""
    bench = Bench(tmp_path)
    bench.disk.arm(3, fault)
    bench.handle.xRead(8, 0)
    bench.handle.xRead(8, 0)
    quiet = bench.disk.struck is None
    with pytest.raises(apsw.Error) as failed:
        CALLS[kind](bench)
    assert quiet
    assert bench.disk.struck is kind
    full = fault in {Fault.FULL, Fault.STAYS_FULL, Fault.SHORT}
    assert isinstance(failed.value, apsw.FullError) is full
    assert bench.disk.crashed is (fault in CRASHES)
    assert bench.disk.dead is (fault in CRASHES or fault is Fault.DEAD)
    assert bench.disk.full is (fault is Fault.STAYS_FULL)
    if bench.disk.dead:
        for call in CALLS.values():
            with pytest.raises(apsw.Error):
                call(bench)
    elif not bench.disk.full:
        CALLS[Kind.WRITE](bench)
        CALLS[Kind.SYNC](bench)
    bench.disk.kill()
    bench.disk.settle()
    bench.close()


def after(tmp_path: Path, fault: Fault, *calls: Callable[[Bench], Any]) -> tuple[bytes | None, bytes | None]:
    """The last of the calls meets the fault. What a process finds, and what is there after the power was lost."""
    bench = Bench(tmp_path)
    bench.disk.arm(len(calls), fault)
    for call in calls[:-1]:
        call(bench)
    with pytest.raises(apsw.Error):
        calls[-1](bench)
    seen = bench.path.read_bytes() if bench.path.exists() else None
    if not bench.disk.crashed:
        bench.disk.lose_power()
    found = bench.found()
    bench.close()
    return seen, found


def test_a_call_that_fails_has_done_nothing(tmp_path: Path) -> None:
    for number, fault in enumerate((Fault.EIO, Fault.DEAD, Fault.FULL, Fault.STAYS_FULL)):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert after(folder, fault, write) == (OLD, OLD)


def test_a_short_write_writes_the_first_half(tmp_path: Path) -> None:
    half = NEW[: len(NEW) // 2] + OLD[len(OLD) // 2 :]
    assert after(tmp_path, Fault.SHORT, write) == (half, OLD)


def test_a_sync_that_fails_and_forgets_loses_the_pages_for_good(tmp_path: Path) -> None:
    """Readable until the power goes, and no later sync writes them."""
    bench = Bench(tmp_path)
    write(bench)
    bench.disk.arm(1, Fault.FORGOTTEN)
    with pytest.raises(apsw.IOError):
        bench.handle.xSync(0)
    bench.handle.xSync(0)
    assert bench.path.read_bytes() == NEW
    bench.disk.lose_power()
    assert bench.found() == OLD
    bench.close()


def test_a_sync_that_only_fails_can_be_done_again(bench: Bench) -> None:
    write(bench)
    bench.disk.arm(1, Fault.EIO)
    with pytest.raises(apsw.IOError):
        bench.handle.xSync(0)
    bench.handle.xSync(0)
    bench.disk.lose_power()
    assert bench.found() == NEW


def test_a_full_disk_has_no_room_for_any_write_until_somebody_makes_some(bench: Bench) -> None:
    bench.disk.arm(1, Fault.STAYS_FULL)
    for _ in range(3):
        with pytest.raises(apsw.FullError):
            write(bench)
    assert bench.handle.xRead(8, 0) == OLD[:8]
    bench.handle.xSync(0)
    bench.disk.heal()
    write(bench)
    assert bench.path.read_bytes() == NEW


@pytest.mark.parametrize(("fault", "kept"), [(Fault.KILLED, NEW), (Fault.POWER_LOST, OLD)])
def test_a_crash_at_a_sync_comes_before_it(tmp_path: Path, fault: Fault, kept: bytes) -> None:
    assert after(tmp_path, fault, write, CALLS[Kind.SYNC]) == (NEW, kept)


@pytest.mark.parametrize("fault", sorted(CRASHES))
def test_behind_a_crash_nothing_is_written_until_the_next_process(tmp_path: Path, fault: Fault) -> None:
    bench = Bench(tmp_path)
    bench.disk.arm(1, fault)
    for call in (write, CALLS[Kind.READ], CALLS[Kind.SYNC]):
        with pytest.raises(apsw.Error):
            call(bench)
    assert set(bench.found() or b"") <= set(OLD + NEW)
    bench.handle = bench.open(NAME)
    write(bench)
    bench.handle.xSync(0)
    bench.disk.lose_power()
    assert bench.found() == NEW
    bench.close()


# -- the side files -------------------------------------------------------------------------------------------------------


def side_files(folder: Path, seed: int, *, folder_synced: bool) -> tuple[bytes | None, ...]:
    """One that was synced and replaced by a new one, as it is found after lost power."""
    path, new = folder / "chat.db.high", folder / "chat.db.high.new"
    path.write_bytes(b"old mark")
    disk = Disk(folder, seed=seed)
    new.write_bytes(b"new mark")
    with new.open("rb") as file:
        os.fsync(file.fileno())
    new.rename(path)
    if folder_synced:
        handle = os.open(folder, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
    disk.lose_power()
    disk.settle()
    disk.close()
    return tuple(each.read_bytes() if each.exists() else None for each in (path, new))


def test_a_side_file_that_was_renamed_is_the_old_or_the_new_one_until_its_folder_is_synced(
    tmp_path: Path,
) -> None:
    found: dict[bool, set[tuple[bytes | None, ...]]] = {True: set(), False: set()}
    for seed in range(30):
        for synced in (True, False):
            folder = tmp_path / f"{seed}-{synced}"
            folder.mkdir()
            found[synced].add(side_files(folder, seed, folder_synced=synced))
    assert found[True] == {(b"new mark", None)}
    assert {path for path, _ in found[False]} == {b"old mark", b"new mark"}


@pytest.mark.parametrize(
    ("synced", "then", "least", "either"),
    [
        (None, b"new mark", 3, {b"new mark"[:length] for length in range(9)}),
        (b"old mark", b"new mark", 2, {b"old mark", b"new mark"}),
        (
            b"old mark",
            b"a longer mark",
            3,
            {b"old mark", *(b"a longer mark"[:length] for length in range(14))},
        ),
    ],
)
def test_a_side_file_that_was_not_synced_may_be_half_there(
    tmp_path: Path, synced: bytes | None, then: bytes, least: int, either: set[bytes]
) -> None:
    """Where its folder knows it: a file whose name came through and whose contents did not. One sector is never half there."""
    found: set[bytes] = set()
    for seed in range(40):
        folder = tmp_path / str(seed)
        folder.mkdir()
        path = folder / "chat.db.high"
        if synced is not None:
            path.write_bytes(synced)
        disk = Disk(folder, seed=seed)
        with path.open("wb" if synced is None else "r+b") as file:
            file.write(then)
        handle = os.open(folder, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
        disk.lose_power()
        disk.settle()
        disk.close()
        found.add(path.read_bytes())
    assert found <= either
    assert len(found) >= least


def test_sqlite_itself_finds_a_committed_row_after_lost_power_and_an_uncommitted_one_gone(
    tmp_path: Path,
) -> None:
    path = tmp_path / NAME
    disk = Disk(tmp_path)
    raw = apsw.Connection(str(path), vfs=disk.vfs)
    raw.execute("PRAGMA journal_mode = WAL")
    raw.execute("PRAGMA synchronous = FULL")
    raw.execute("CREATE TABLE rows (number INTEGER)")
    raw.execute("INSERT INTO rows VALUES (1)")
    raw.execute("BEGIN")
    raw.execute("INSERT INTO rows VALUES (2)")
    disk.lose_power()
    with pytest.raises(apsw.Error):
        raw.execute("COMMIT")
    with suppress(apsw.Error):
        raw.close(True)
    disk.settle()
    disk.close()
    with sqlite3.connect(path) as sql:
        assert sql.execute("SELECT number FROM rows").fetchall() == [(1,)]
    sql.close()


def test_the_same_seed_tears_in_the_same_way() -> None:
    file = DiskFile(OLD)
    file.pending = [(0, NEW), (SECTOR_BYTES, None), (3 * SECTOR_BYTES, NEW)]
    images = [[file.torn(random.Random(seed)) for seed in range(20)] for _ in range(2)]
    assert images[0] == images[1]
    assert {len(image) for image in images[0]} > {len(OLD)}, "a truncation may be torn off, too"
