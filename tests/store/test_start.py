"""Opening and closing the file: whose it is, one process alone, migrations, epochs, and what a kill leaves."""

# ruff: noqa: ASYNC221, ASYNC240 - nobody else waits in a test
from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from imserver.config import StoreConfig
from imserver.errors import RefusalCode, StartError
from imserver.store import SqliteStore
from imserver.store.sqlite import database
from imserver.testing import LogBook, ManualClock
from tests.store.support import (
    DIRECT,
    USERS,
    Recorder,
    Stand,
    edit_message,
    key,
    meaning,
    post,
    refusal_of,
    said,
)


async def opened(path: Path | str, **more: object) -> Stand:
    store = SqliteStore(StoreConfig(path=str(path)), rng=random.Random(os.urandom(8)), **more)  # type: ignore[arg-type]
    recorder = Recorder()
    await store.open(recorder)
    return Stand(store, recorder)


async def started(path: Path, posts: int = 3) -> Stand:
    stand = await opened(path)
    await stand.users(*USERS)
    await stand.post(*[post(number) for number in range(1, posts + 1)])
    return stand


async def start_error(path: Path | str, **more: object) -> str:
    with pytest.raises(StartError) as error:
        await opened(path, **more)
    text = str(error.value)
    assert "\n" not in text
    assert Path(path).name in text
    return text


# -- what is kept -----------------------------------------------------------------------------------------------------


async def test_what_was_committed_is_there_after_closing_and_opening(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    stand = await started(path)
    epoch = stand.store.epoch
    await stand.tx(lambda tx: tx.move_cursors(DIRECT, "bob", 3, 3))
    _, token, _ = await stand.read(lambda reader: reader.sync("ann", None, 10))
    await stand.store.close()
    assert not Path(f"{path}-wal").exists()
    again = await opened(path)
    assert again.store.epoch == epoch
    assert await again.post(post(2), post(4)) == [(2, 1002, True), (4, 1004, False)]
    rows, _, _ = await again.read(lambda reader: reader.sync("ann", token, 10))
    assert [row.conversation_id for row in rows] == [DIRECT]
    # A cursor's number was the last before the restart: it is not given out twice.
    known = await again.read(lambda reader: meaning(reader, token))
    assert known is not None
    assert again.recorder.events[0].change > known[0]
    await again.store.close()


async def test_a_copy_taken_while_running_is_what_a_kill_leaves(tmp_path: Path) -> None:
    stand = await started(tmp_path / "chat.db", posts=50)
    taken = tmp_path / "taken"
    taken.mkdir()
    for name in ("chat.db", "chat.db-wal", "chat.db.high"):
        shutil.copy(tmp_path / name, taken / name)
    await stand.store.close()
    again = await opened(taken / "chat.db")
    assert again.store.epoch == stand.store.epoch
    assert await again.post(post(50), post(51)) == [(50, 1050, True), (51, 1051, False)]
    await again.store.close()


async def test_memory_keeps_nothing_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    stand = await opened(":memory:")
    other = await opened(":memory:")  # two at once are two databases
    await stand.users("ann", "bob")
    assert await stand.post(post(1)) == [(1, 1001, False)]
    assert await other.read(lambda reader: reader.users(["ann"])) == []
    await stand.store.close()
    await other.store.close()
    assert list(tmp_path.iterdir()) == []


# -- files that cannot be used ----------------------------------------------------------------------------------------


async def test_only_one_process_opens_a_database(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    stand = await started(path)
    assert "another imserver" in await start_error(path)
    program = (
        "import asyncio, sys\n"
        "from imserver.store import SqliteStore\n"
        "from imserver.config import StoreConfig\n"
        "from imserver.errors import StartError\n"
        "class Deaf:\n"
        "    def committed(self, units): pass\n"
        "    def saturated(self): return False\n"
        "async def main():\n"
        "    try:\n"
        f"        await SqliteStore(StoreConfig(path={str(path)!r})).open(Deaf())\n"
        "    except StartError as error:\n"
        "        print(error)\n"
        "asyncio.run(main())\n"
    )
    said_by_other = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "another imserver" in said_by_other.stdout
    await stand.store.close()
    await (await opened(path)).store.close()


async def test_a_folder_that_is_missing_or_in_the_way(tmp_path: Path) -> None:
    assert "does not exist" in await start_error(tmp_path / "nowhere" / "chat.db")
    (tmp_path / "chat.db").mkdir()
    assert "is a folder" in await start_error(tmp_path / "chat.db")


@pytest.mark.parametrize(
    "content",
    [b"hello world, this is a letter to my aunt\n" * 100, b"x", b"SQLite format 3\0" + b"\xff" * 5000],
)
async def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "letter.db"
    path.write_bytes(content)
    await start_error(path)
    assert path.read_bytes() == content


async def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    with sqlite3.connect(path) as theirs:
        theirs.execute("CREATE TABLE users (name)")
    theirs.close()
    before = path.read_bytes()
    assert "something else" in await start_error(path)
    assert path.read_bytes() == before


async def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    await (await started(path)).store.close()
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    text = await start_error(path)
    assert "newer" in text
    assert "99" in text


async def test_a_damaged_database_is_not_served(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    stand = await started(path, posts=0)
    await stand.post(*[post(number, text="x" * 500) for number in range(400)])
    await stand.store.close()
    damaged = bytearray(path.read_bytes())
    for page in range(8, 30):
        damaged[page * 4096 : page * 4096 + 64] = b"\xa5" * 64
    path.write_bytes(damaged)
    assert "restore a backup" in await start_error(path)


async def test_damage_where_nobody_looks_at_the_start_is_found_too(tmp_path: Path) -> None:
    """Served, it would show at the first page of history that touches it, or be copied into every backup until then."""
    path = tmp_path / "chat.db"
    stand = await started(path, posts=0)
    await stand.post(*[post(number, text="x" * 500) for number in range(400)])
    await stand.store.close()
    whole = path.read_bytes()
    leaves = [page for page in range(2, len(whole) // 4096) if whole[page * 4096] == 0x0D]
    damaged = bytearray(whole)
    middle = leaves[len(leaves) // 2] * 4096
    damaged[middle + 8 : middle + 40] = b"\xa5" * 32  # where its cells are
    path.write_bytes(damaged)
    assert "restore a backup" in await start_error(path)


async def test_a_database_that_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    await (await started(path)).store.close()

    def read_only(name: str) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{name}?mode=ro", uri=True, isolation_level=None)

    assert "read-only" in await start_error(path, connector=read_only)
    await (await opened(path)).store.close()  # nothing was left locked


async def test_a_full_disk_at_the_first_start(tmp_path: Path) -> None:
    def tiny(name: str) -> sqlite3.Connection:
        made = sqlite3.connect(name, isolation_level=None)
        made.execute("PRAGMA max_page_count = 3")
        return made

    assert "full" in await start_error(tmp_path / "chat.db", connector=tiny)
    await (await started(tmp_path / "chat.db")).store.close()  # half a migration would be in the way


async def test_an_unfinished_first_start_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "chat.db").touch()
    await (await started(tmp_path / "chat.db")).store.close()


def test_every_script_has_its_number_and_its_own_transaction() -> None:
    scripts = database.migrations()
    assert [number for number, _ in scripts] == list(range(1, len(scripts) + 1))
    for number, script in scripts:
        assert "BEGIN;" in script
        assert f"PRAGMA user_version = {number};" in script
        assert script.rstrip().endswith("COMMIT;")


# -- epochs -----------------------------------------------------------------------------------------------------------


async def test_an_old_copy_put_back_is_said_and_keeps_its_epoch(tmp_path: Path) -> None:
    """A new epoch would reset everybody, and what each client has to forget its place tells exactly."""
    path, log = tmp_path / "chat.db", LogBook()
    stand = await started(path, posts=3)
    _, early, _ = await stand.read(lambda reader: reader.sync("ann", None, 10))
    await stand.store.close()
    old = path.read_bytes()
    stand = await opened(path)
    await stand.post(post(4), post(5))
    _, token, _ = await stand.read(lambda reader: reader.sync("ann", None, 10))
    first = stand.store.epoch
    await stand.store.close()
    path.write_bytes(old)
    restored = await opened(path, log=log)
    assert log.events("warning") == ["older_copy_suspected"]
    assert restored.store.epoch == first
    assert len(first) == 16
    assert await restored.read(lambda reader: reader.sync("ann", early, 10))
    # Also after it has grown beyond what the client saw.
    for _ in range(2):
        for query in (
            lambda reader: reader.sync("ann", token, 10),
            lambda reader: reader.history(DIRECT, "ann", 50, None, 10, 999),
        ):
            assert await refusal_of(restored.read(query)) == RefusalCode.EPOCH_CHANGED
        await restored.post(*[post(number) for number in range(10, 20)])
    await restored.store.close()
    again = await opened(path, log=log)
    assert again.store.epoch == first
    assert log.events("warning") == ["older_copy_suspected"]
    await again.store.close()


async def test_a_database_of_another_history_put_here_is_said(tmp_path: Path) -> None:
    """One that is new and empty, too: its disk was not there, or a link was switched."""
    path, log = tmp_path / "chat.db", LogBook()
    high = Path(f"{path}.high")
    for number in range(1, 3):
        high.write_text("0123456789abcdef 1\n")
        stand = await opened(path, log=log)
        assert stand.store.epoch != "0123456789abcdef"
        assert high.read_text().split()[0] == stand.store.epoch
        assert log.events("warning") == ["older_copy_suspected"] * number
        await stand.store.close()


async def test_a_history_without_an_epoch_gets_one(tmp_path: Path) -> None:
    """It came without its lineage: a dump, another engine."""
    path = tmp_path / "chat.db"
    stand = await started(path)
    await stand.store.close()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("DELETE FROM lineage")
        raw.execute("DELETE FROM meta WHERE name IN ('epoch', 'place_key')")
        raw.commit()
    again = await opened(path)
    assert len(again.store.epoch) == 16
    assert again.store.epoch != stand.store.epoch
    await again.store.close()


@pytest.mark.parametrize("content", ["", "nonsense", "a b c", "ä 1", "abc x"])
async def test_a_side_file_that_is_missing_or_unreadable_changes_nothing(
    tmp_path: Path, content: str
) -> None:
    path = tmp_path / "chat.db"
    stand = await started(path)
    await stand.store.close()
    if content:
        Path(f"{path}.high").write_text(content, "utf-8")
    else:
        Path(f"{path}.high").unlink()
    again = await opened(path)
    assert again.store.epoch == stand.store.epoch
    assert Path(f"{path}.high").read_text().split()[0] == stand.store.epoch
    await again.store.close()


@pytest.mark.parametrize("for_ms", [1, 1_000, 3_600_000, 10 * 365 * 86_400_000])
async def test_a_muted_member_says_nothing_until_then(tmp_path: Path, for_ms: int) -> None:
    """To the millisecond, alone and in a run. Mutes have no method yet; the column counts all the same."""
    path, clock = tmp_path / "chat.db", ManualClock()
    await (await started(path)).store.close()
    with sqlite3.connect(path) as raw:
        raw.execute(
            "UPDATE members SET muted_until = ? WHERE user_no = (SELECT no FROM users WHERE user_id = 'ann')",
            (clock.now_ms() + for_ms,),
        )
    raw.close()
    stand = await opened(path, clock=clock)
    clock.jump_to(clock.now_ms() + for_ms - 1)
    told = await stand.post(post(1), post(9), post(10, "bob"))
    assert told == [(1, 1001, True), RefusalCode.FORBIDDEN, (4, 1010, False)]
    for work in (
        lambda tx: tx.post(DIRECT, "ann", key(11), said("x"), sent_at=1),
        lambda tx: edit_message(tx, DIRECT, "ann", key(20), 1, said("x")),
    ):
        assert await refusal_of(stand.tx(work)) == RefusalCode.FORBIDDEN
    clock.jump_to(clock.now_ms() + 1)
    assert await stand.post(post(9), post(12, "bob")) == [(5, 1009, False), (6, 1012, False)]
    await stand.store.close()


async def test_what_people_say_is_for_the_owner_of_the_file_only(tmp_path: Path) -> None:
    stand = await started(tmp_path / "chat.db")
    modes = {each.name: each.stat().st_mode & 0o777 for each in tmp_path.iterdir()}
    await stand.store.close()
    assert modes == dict.fromkeys(
        ("chat.db", "chat.db-wal", "chat.db-shm", "chat.db.high", "chat.db.lock"), 0o600
    )
