"""A restore puts a whole copy in the database's place or changes nothing; killed at any step it leaves one of the two."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from imserver.errors import StartError
from imserver.store.checks import open_snapshot
from imserver.store.sqlite import database
from imserver.store.sqlite import restore as restores
from imserver.store.sqlite.guard import has_log
from imserver.testing import LogBook
from tests.store.copies import COPIED_AT, NOW, opened
from tests.store.ledgers import KINDS, ledger, name_of
from tests.store.support import post

KEPT = "chat.db.before-restore-20261129-151000"
STEPS = ("staged", "ledger", "written back", "log aside", "named", "swapped", "done")


def count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as raw:
        number: int = raw.execute("SELECT count(*) FROM messages").fetchone()[0]
        return number


def runs(path: Path) -> list[tuple[str, int | None]]:
    with closing(sqlite3.connect(path)) as raw:
        return raw.execute("SELECT why, copied_at FROM lineage ORDER BY no").fetchall()


def everything(folder: Path) -> dict[str, bytes]:
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def test_the_copy_takes_the_place_and_what_was_there_is_kept(path: Path, copied: Path) -> None:
    before = copied.read_bytes()
    kept = restores.put_back(copied, path, NOW)
    assert kept == path.parent / KEPT
    assert (count(path), count(kept)) == (20, 30)
    assert copied.read_bytes() == before
    assert sorted(os.listdir(path.parent)) == ["backups", "chat.db", KEPT, "chat.db.high", "chat.db.lock"]
    assert path.stat().st_nlink == kept.stat().st_nlink == 1
    with open_snapshot(kept) as snapshot:
        assert [each for each in snapshot.check().findings if each.check != "side file"] == []


async def test_a_life_begins_that_says_of_when_the_copy_is(path: Path, copied: Path) -> None:
    log = LogBook()
    restores.put_back(copied, path, NOW)
    stand = await opened(path, log=log)
    await stand.store.close()
    assert runs(path) == [("open", None), ("restore", COPIED_AT)]
    assert [line[1:] for line in log.lines] == [("set_back", {"to": "1970-01-01T00:16:40Z"})]
    await (await opened(path)).store.close()
    assert runs(path)[2:] == [("open", None)], "told once"


async def test_a_copy_that_is_put_back_by_hand_is_known_too(path: Path, copied: Path) -> None:
    shutil.copyfile(copied, path)
    await (await opened(path)).store.close()
    assert runs(path)[-1] == ("restore", COPIED_AT)
    # And one that is none of ours, by the side file.
    shutil.copyfile(path, path.parent / "by hand.db")
    stand = await opened(path, 3_000_000)
    await stand.post(post(40), post(41))
    await stand.store.close()
    shutil.copyfile(path.parent / "by hand.db", path)
    await (await opened(path, 4_000_000)).store.close()
    assert runs(path)[-1] == ("open", 2_000_000)
    # An ordinary restart, and a side file of another history, are none.
    await (await opened(path)).store.close()
    database.HighWater(path).write("0123456789abcdef", 10**6)
    await (await opened(path)).store.close()
    assert [each for _, each in runs(path)[-2:]] == [None, None]


async def test_what_the_copy_says_holds_whatever_is_in_it(path: Path, copied: Path) -> None:
    """It was quiet before the backup: all that was committed until then is in it."""
    with closing(sqlite3.connect(copied)) as raw:
        raw.execute("UPDATE meta SET value = value + 5 WHERE name = 'copied_at'")
        raw.commit()
    assert restores.look(copied, path).copy.at == COPIED_AT + 5
    restores.put_back(copied, path, NOW)
    await (await opened(path)).store.close()
    assert runs(path)[-1] == ("restore", COPIED_AT + 5)


async def test_a_copy_of_a_stopped_database_says_when_it_last_changed(path: Path) -> None:
    plain = path.parent / "plain.db"
    shutil.copyfile(path, plain)
    assert restores.look(plain, path).copy.at == COPIED_AT
    stand = await opened(path, 5_000_000)
    await stand.post(post(50))
    await stand.store.close()
    restores.put_back(plain, path, NOW)
    await (await opened(path)).store.close()
    assert runs(path)[-1] == ("restore", COPIED_AT)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE messages SET sent_at = ? WHERE change = (SELECT max(change) FROM messages)",
        "UPDATE lineage SET at = ?",
        "INSERT INTO outcomes (key, user_no, method, digest, result, at) VALUES (x'00', 1, '', x'00', x'00', ?)",
        "INSERT INTO audit (at, source, act) VALUES (?, '', '')",
    ],
)
def test_whatever_bears_a_time_says_so(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(sql, (COPIED_AT + 7,))
        assert database.last_change_ms(raw) == COPIED_AT + 7


def test_without_a_database_there_is_nothing_to_keep(path: Path, copied: Path) -> None:
    path.unlink()
    assert restores.put_back(copied, path, NOW) is None
    assert count(path) == 20


def test_a_log_without_its_database_is_not_taken_for_the_copys(path: Path, copied: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA wal_autocheckpoint = 0")
        raw.execute("DELETE FROM messages")
        raw.commit()
        wal = Path(f"{path}-wal").read_bytes()
    path.unlink()
    Path(f"{path}-wal").write_bytes(wal)
    restores.put_back(copied, path, NOW)
    assert count(path) == 20
    assert (path.parent / f"{KEPT}-wal").read_bytes() == wal


def test_a_log_that_a_killed_server_left_goes_into_what_is_kept(path: Path, copied: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA wal_autocheckpoint = 0")
        raw.execute(
            "INSERT INTO users (user_id, display_name, language, roles) VALUES ('late', '', 'en', '')"
        )
        raw.commit()
        wal, file = Path(f"{path}-wal").read_bytes(), path.read_bytes()
    path.write_bytes(file)
    Path(f"{path}-wal").write_bytes(wal)
    kept = restores.put_back(copied, path, NOW)
    assert kept is not None
    with closing(sqlite3.connect(kept)) as raw:
        assert raw.execute("SELECT count(*) FROM users WHERE user_id = 'late'").fetchone() == (1,)
    assert not Path(f"{path}-wal").exists()
    assert count(path) == 20


def test_one_that_cannot_be_read_any_more_is_kept_as_it_is_with_its_log(path: Path, copied: Path) -> None:
    damaged, log = os.urandom(40_000), log_of(path)
    path.write_bytes(damaged)
    Path(f"{path}-wal").write_bytes(log)
    outlook = restores.look(copied, path)
    assert outlook.present is None
    assert outlook.present_says
    kept = restores.put_back(copied, path, NOW)
    assert kept is not None
    assert kept.read_bytes() == damaged
    assert Path(f"{kept}-wal").read_bytes() == log
    assert count(path) == 20
    assert not Path(f"{path}-wal").exists()


def log_of(path: Path) -> bytes:
    """A log of this database, with something in it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("PRAGMA wal_autocheckpoint = 0")
        raw.execute("UPDATE users SET display_name = 'in the log'")
        return Path(f"{path}-wal").read_bytes()


def logs(folder: Path) -> list[str]:
    """Logs with something in them."""
    return sorted(each.name for each in folder.glob("*-wal") if each.stat().st_size)


def test_a_log_stays_where_it_was_if_the_last_step_fails(
    path: Path, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that could not be written back, for the database is damaged, has been put aside by then."""

    def fails(one: Path, other: Path) -> bool:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(restores, "_swap", fails)
    log = log_of(path)
    path.write_bytes(os.urandom(40_000))
    Path(f"{path}-wal").write_bytes(log)
    with pytest.raises(StartError, match="Input/output error"):
        restores.put_back(copied, path, NOW)
    assert logs(path.parent) == ["chat.db-wal"]
    assert not restores.staged_path(path).exists()


@pytest.mark.parametrize("swaps", [True, False])
@pytest.mark.parametrize("last", STEPS)
async def test_killed_at_any_step_it_leaves_the_old_one_or_the_new_one(
    path: Path, copied: Path, last: str, swaps: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second try ends it, and what was there first is kept once."""
    if not swaps:
        monkeypatch.setattr(restores, "_swap", lambda one, other: False)
        last = {"swapped": "kept"}.get(last, last)

    def step(name: str) -> None:
        if name == last:
            os._exit(9)

    child = multiprocessing.get_context("fork").Process(
        target=restores.put_back, args=(copied, path, NOW, step)
    )
    child.start()
    child.join()
    assert child.exitcode == 9
    assert count(path) == (20 if last in ("swapped", "done") else 30)
    stand = await opened(path)
    await stand.store.close()
    assert runs(path)[-1][0] == ("restore" if last in ("swapped", "done") else "open")
    later = NOW.replace(minute=11)
    restores.put_back(copied, path, later)
    assert count(path) == 20
    counts = sorted(
        count(each) for each in path.parent.iterdir() if each.name.startswith("chat.db.before-restore")
    )
    assert counts[-1] == 30
    assert not any(name.endswith((".restoring", ".unfinished")) for name in os.listdir(path.parent))


@pytest.mark.parametrize("last", STEPS)
def test_a_copy_put_there_by_hand_is_kept_too_however_often_it_is_killed(
    path: Path, copied: Path, last: str
) -> None:
    """It looks like the copy that a restore makes on its way, and may be the only one."""
    for each in path.parent.glob("chat.db*"):
        each.unlink()
    shutil.copyfile(copied, path)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("DELETE FROM messages WHERE change > 17")
        raw.commit()

    class Killed(BaseException):
        pass

    def step(name: str) -> None:
        if name == last:
            raise Killed

    for minute in (11, 12):
        with pytest.raises(Killed):
            restores.put_back(copied, path, NOW.replace(minute=minute), step)
    restores.put_back(copied, path, NOW)
    assert 17 in {count(each) for each in path.parent.glob("chat.db.before-restore-*")}
    assert not restores.staged_path(path).exists()


def test_of_two_restores_in_one_second_each_keeps_what_it_replaced(path: Path, copied: Path) -> None:
    first = restores.put_back(copied, path, NOW)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("DELETE FROM messages WHERE change > 17")
        raw.commit()
    second = restores.put_back(copied, path, NOW)
    assert first is not None
    assert second is not None
    assert (count(first), count(second), count(path)) == (30, 17, 20)


def test_what_a_restore_that_was_killed_left_is_not_put_back_and_not_lost(path: Path, copied: Path) -> None:
    waits = restores.staged_path(path)
    shutil.copyfile(copied, waits)
    before = everything(path.parent)
    for attempt in (restores.look, lambda file, place: restores.put_back(file, place, NOW)):
        with pytest.raises(StartError, match="rename it first"):
            attempt(waits, path)
    assert everything(path.parent) == before


def test_a_log_that_cannot_be_written_back_now_stays_where_it_is(path: Path, copied: Path) -> None:
    """Taken away from a sound database, whatever ended the restore then would have lost what it holds."""
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as writer,
        closing(sqlite3.connect(path)) as other,
    ):
        other.execute("BEGIN")
        assert other.execute("SELECT count(*) FROM messages").fetchone() == (30,)
        writer.execute("UPDATE meta SET value = value + 1 WHERE name = 'starts'")
        log = Path(f"{path}-wal").read_bytes()
        with pytest.raises(StartError, match="another program reads it: end that first") as failed:
            restores.put_back(copied, path, NOW)
        assert failed.value.again
        assert Path(f"{path}-wal").read_bytes() == log
    assert not restores.staged_path(path).exists()
    assert count(path) == 30


def test_the_log_of_before_never_comes_beside_the_copy(
    path: Path, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(f"{path}-wal").write_bytes(b"\x37\x7f\x06\x82" + os.urandom(5_000))
    monkeypatch.setattr(restores, "_write_back", lambda path: None)

    def swapped(name: str) -> None:
        if name == "swapped":
            raise OSError(5, "Input/output error")

    with pytest.raises(StartError, match="Input/output error"):
        restores.put_back(copied, path, NOW, swapped)
    assert count(path) == 20
    assert not Path(f"{path}-wal").exists()
    assert len(list(path.parent.glob("chat.db.before-restore-*"))) == 2


def test_looking_leaves_no_trace_that_a_log_was_there(path: Path, copied: Path) -> None:
    """An empty log beside a file that was copied without its own would hide that it is incomplete."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        database.put_running(raw, True)
    before = everything(path.parent)
    assert restores.look(copied, path).present is not None
    assert everything(path.parent) == before
    assert not has_log(path)


# -- what cannot be put back ------------------------------------------------------------------------------------------------


def newer(copied: Path) -> None:
    with closing(sqlite3.connect(copied)) as raw:
        raw.execute("PRAGMA user_version = 99")


def foreign(copied: Path) -> None:
    copied.unlink()
    with closing(sqlite3.connect(copied)) as raw:
        raw.execute("CREATE TABLE t (x)")


def halved(copied: Path) -> None:
    data = copied.read_bytes()
    copied.write_bytes(data[: len(data) // 2])


def damaged(copied: Path) -> None:
    with copied.open("r+b") as file:
        file.seek(4096 * 4)
        file.write(b"\xff" * 4096)


def incomplete(copied: Path) -> None:
    with closing(sqlite3.connect(copied, isolation_level=None)) as raw:
        database.put_running(raw, True)


def folder(copied: Path) -> None:
    copied.unlink()
    copied.mkdir()


WRONG: list[tuple[Callable[[Path], Any], str]] = [
    (newer, "made by a newer imserver"),
    (foreign, "is a database of something else"),
    (halved, "damaged"),
    (damaged, "damaged"),
    (incomplete, "without its log \\(-wal\\): what came after 1970-01-01T00:16:40Z is missing"),
    (lambda copied: copied.write_bytes(b"text" * 2000), "is not a database of imserver"),
    (lambda copied: copied.write_bytes(b""), "nothing was ever stored here"),
    (os.unlink, "does not exist"),
    (folder, "is a folder"),
]


@pytest.mark.parametrize(("spoil", "words"), WRONG)
def test_what_is_no_whole_copy_changes_nothing(
    path: Path, copied: Path, spoil: Callable[[Path], Any], words: str
) -> None:
    spoil(copied)
    before = everything(path.parent)
    for attempt in (restores.look, lambda file, place: restores.put_back(file, place, NOW)):
        with pytest.raises(StartError, match=words) as failed:
            attempt(copied, path)
        assert "\n" not in str(failed.value)
        assert everything(path.parent) == before


def test_the_database_itself_is_no_copy(path: Path) -> None:
    (path.parent / "link.db").symlink_to(path)
    for name in ("chat.db", "link.db"):
        with pytest.raises(StartError, match="is the database itself"):
            restores.look(path.parent / name, path)


def test_a_full_disk_changes_nothing(path: Path, copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect

    def small(where: Any, **more: Any) -> sqlite3.Connection:
        made: sqlite3.Connection = connect(where, **more)
        if str(where).endswith(".unfinished"):
            made.execute("PRAGMA max_page_count = 5")
        return made

    before = everything(path.parent)
    monkeypatch.setattr("imserver.store.sqlite.backup.sqlite3.connect", small)
    with pytest.raises(StartError, match="the disk is full") as failed:
        restores.put_back(copied, path, NOW)
    assert failed.value.again
    assert everything(path.parent) == before


# -- what would be gone, and the ledger ---------------------------------------------------------------------------------------


async def test_it_says_what_would_be_gone(path: Path, copied: Path) -> None:
    outlook = restores.look(copied, path)
    assert (outlook.copy.at, outlook.copy.state.messages, outlook.lost) == (COPIED_AT, 20, 10)
    assert outlook.present is not None
    assert outlook.present.state.messages == 30
    stand = await opened(path)
    await stand.post(post(31))
    await stand.store.close()
    assert restores.look(copied, path).lost == 11
    restores.put_back(copied, path, NOW)
    assert restores.look(copied, path).lost == 0
    stand = await opened(path)
    await stand.post(post(60))
    await stand.store.close()
    assert restores.look(path.parent / KEPT, path).lost == 1
    other = await opened(path.parent / "other.db")
    await other.store.close()
    assert restores.look(path.parent / "other.db", path).lost is None


async def test_the_newest_ledger_holds_for_the_copy(path: Path, copied: Path) -> None:
    here, there = path.with_suffix(".ledger"), copied.with_name("chat.ledger")
    short, long = ledger("a"), ledger("a", "b")
    for ours, theirs, ahead, source in (
        (long, short, 2, here), (short, long, 2, there), (None, long, 2, there), (long, None, 2, here),
        (long, long, 2, here), (None, None, 0, None),
    ):  # fmt: skip
        for each, data in ((here, ours), (there, theirs)):
            each.unlink(missing_ok=True)
            if data is not None:
                each.write_bytes(data)
        outlook = restores.look(copied, path)
        assert (len(outlook.stands.ahead), outlook.ledger_from) == (ahead, source)
    here.write_bytes(short)
    there.write_bytes(long + b"a record that was cut o")
    restores.put_back(copied, path, NOW)
    assert here.read_bytes() == long
    stand = await opened(path, ledger_kinds=KINDS)
    assert await name_of(stand.store) == "b"
    await stand.store.close()


def test_ledgers_that_went_two_ways_are_left_to_a_person(path: Path, copied: Path) -> None:
    path.with_suffix(".ledger").write_bytes(ledger("a", "x"))
    copied.with_name("chat.ledger").write_bytes(ledger("a", "y"))
    before = everything(path.parent)
    for attempt in (restores.look, lambda file, place: restores.put_back(file, place, NOW)):
        with pytest.raises(StartError, match="are not the same ledger written on"):
            attempt(copied, path)
    assert everything(path.parent) == before


async def test_a_ledger_older_than_the_copy_is_told(path: Path) -> None:
    stand = await opened(path, ledger_kinds=KINDS)
    for name in ("a", "b"):
        await stand.store.put_on_record("renamed", {"name": name})
    await stand.store.backup(path.parent / "two.db")
    await stand.store.close()
    whole = path.with_suffix(".ledger").read_bytes()
    path.with_suffix(".ledger").write_bytes(b"".join(whole.splitlines(keepends=True)[:2]))
    assert restores.look(path.parent / "two.db", path).stands.lacking == 1
