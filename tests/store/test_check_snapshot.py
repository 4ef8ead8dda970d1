"""A database is looked at as it is: running, stopped, left behind by a kill, copied; and nothing is written to it."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from imserver.config import StoreConfig
from imserver.errors import StartError
from imserver.store import SqliteStore
from imserver.store.checks import ChangedMeanwhile, Report, open_snapshot
from tests.store.support import DIRECT, USERS, Recorder, Stand, post

#: While so many looks are taken the store goes on; each sees more than the one before, and takes longer.
LOOKS = 12


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder / "chat.db"


async def opened(path: Path) -> Stand:
    store = SqliteStore(StoreConfig(path=str(path)), rng=random.Random(3))
    await store.open(Recorder())
    stand = Stand(store, Recorder())
    await stand.users(*USERS)
    await stand.post(*[post(number) for number in range(1, 40)])
    return stand


def look(path: Path) -> Report:
    with open_snapshot(path) as snapshot:
        return snapshot.check()


def write_side_file(path: Path, epoch: str, change: int) -> None:
    Path(f"{path}.high").write_text(f"{epoch} {change}\n")


def files(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


async def test_beside_a_store_that_works_every_look_is_whole(path) -> None:
    stand = await opened(path)
    ended = asyncio.Event()

    async def talk() -> None:
        number = 100
        while not ended.is_set():
            await stand.post(*[post(number + step, ("ann", "bob")[step % 2]) for step in range(20)])
            await stand.tx(lambda tx, n: tx.move_cursors(DIRECT, "bob", n // 2, n // 3), number - 61)
            number += 20

    talking = asyncio.create_task(talk())
    seen = []
    for _ in range(LOOKS):
        report = await asyncio.to_thread(look, path)
        assert report.findings == []
        seen.append(report.checked["positions"])
    ended.set()
    await talking
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]
    await stand.store.close()


async def test_a_stopped_database_is_read_without_a_trace(path) -> None:
    await (await opened(path)).store.close()
    before = files(path.parent)
    report = look(path)
    assert (report.findings, report.checked["positions"], report.checked["side file"]) == ([], 39, 1)
    assert files(path.parent) == before


@pytest.mark.parametrize("kept", [("", "-wal", "-shm"), ("", "-wal")], ids=["killed", "copied"])
async def test_a_log_that_was_left_behind_is_read_and_stays(path, tmp_path, kept) -> None:
    stand = await opened(path)
    left = tmp_path / "left"
    left.mkdir()
    for suffix in kept:
        shutil.copy(f"{path}{suffix}", f"{left / path.name}{suffix}")
    before = files(left)
    await stand.store.close()
    report = look(left / "chat.db")
    assert (report.findings, report.checked["positions"]) == ([], 39)
    after = files(left)
    assert {name: after[name] for name in ("chat.db", "chat.db-wal")} == {
        name: before[name] for name in ("chat.db", "chat.db-wal")
    }
    again = SqliteStore(StoreConfig(path=str(left / "chat.db")))  # and the next start finds everything
    await again.open(Recorder())
    assert len((await again.read(lambda reader: reader.messages_after(0, None, 100)))[0]) == 39
    await again.close()


async def test_a_folder_that_cannot_be_written_is_no_obstacle_to_a_database_at_rest(path) -> None:
    await (await opened(path)).store.close()
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        assert look(path).findings == []
    finally:
        path.parent.chmod(0o700)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_log_in_a_folder_that_cannot_be_written_asks_for_a_copy(path, tmp_path) -> None:
    stand = await opened(path)
    left = tmp_path / "left"
    left.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{left / path.name}{suffix}")
    await stand.store.close()
    left.chmod(0o500)
    try:
        with pytest.raises(StartError, match="copy both elsewhere"):
            look(left / "chat.db")
    finally:
        left.chmod(0o700)


async def test_a_server_that_starts_meanwhile_makes_the_look_worthless(path) -> None:
    await (await opened(path)).store.close()
    stand = None
    with pytest.raises(ChangedMeanwhile), open_snapshot(path):
        stand = await opened(path)
    assert stand is not None
    await stand.store.close()


async def test_the_side_file_is_never_ahead_and_of_the_same_history(path) -> None:
    await (await opened(path)).store.close()
    epoch, change = files(path.parent)[f"{path.name}.high"].decode().split()
    write_side_file(path, epoch, int(change) - 5)
    assert look(path).findings == []
    write_side_file(path, epoch, int(change) + 1)
    assert ["an old copy" in finding.text for finding in look(path).findings] == [True]
    write_side_file(path, "0" * 16, 1)
    assert [finding.check for finding in look(path).findings] == ["side file"]


def test_what_is_not_ours_is_refused_in_one_line(path) -> None:
    def refused(match: str) -> None:
        with pytest.raises(StartError, match=match):
            look(path)

    refused("does not exist")
    path.write_bytes(b"SQLite format 2 or something\0" * 10)
    refused("is not a database of imserver")
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE notes (text)")
    refused("is a database of something else")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA application_id = 0x696D7376")
        other.execute("PRAGMA user_version = 99")
    refused("made by a newer imserver")
    path.unlink()
    path.mkdir()
    refused("is a folder")


def test_an_empty_file_holds_nothing_to_check(path) -> None:
    path.touch()
    assert look(path).results == []


async def test_a_broken_page_is_a_finding_and_not_the_end(path) -> None:
    await (await opened(path)).store.close()
    with path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xff" * 4096 * 3)
    report = look(path)
    assert "integrity" in {finding.check for finding in report.findings}


async def test_a_server_that_has_written_all_it_knows_is_no_database_at_rest(path) -> None:
    """Its log is empty: what it writes next is not in the snapshot, and spoils nothing."""
    stand = await opened(path)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert files(path.parent)[f"{path.name}-wal"] == b""
    with open_snapshot(path) as snapshot:
        await stand.post(post(40))
        assert next(snapshot.rows("SELECT count(*) FROM messages")) == (39,)
    await stand.store.close()


@pytest.mark.parametrize("text", [b"plugin_failures", b"CREATE TABLE messages"])
async def test_a_schema_that_cannot_even_be_decoded_is_one_line(path, text) -> None:
    """Python cannot put SQLite's complaint into words then; for whoever starts a server on it, too."""
    await (await opened(path)).store.close()
    data = path.read_bytes()
    assert text in data
    path.write_bytes(data.replace(text, b"\xff\xfe(" + text[3:]))
    with pytest.raises(StartError, match="damaged"):
        look(path)
    with pytest.raises(StartError, match="damaged"):
        await opened(path)
