"""The ledger: what is on record holds whatever copy comes back, in order, through every cut; and an older file is told of."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver.chat.transaction import Transaction
from imserver.config import StoreConfig
from imserver.errors import BackupFailed, Refusal, RefusalCode, StartError, StoreFailed
from imserver.store import SqliteStore
from imserver.store.checks import open_snapshot
from imserver.store.engine.ledger import Applied, Kinds, Ledger, Record, first_line, line, parse, plan, sum_of
from imserver.store.sqlite.ledger import Copied, copy_ledger
from imserver.testing import LogBook
from tests.store.ledgers import KINDS, NAME, ledger, name_of, renamed, written
from tests.store.support import Recorder

# -- the file's lines -----------------------------------------------------------------------------------------------------

BODIES = st.lists(
    st.dictionaries(st.text(max_size=5), st.text(max_size=9) | st.integers() | st.none(), max_size=3),
    max_size=6,
)


@given(BODIES)
def test_what_was_written_is_read(bodies: list[dict[str, Any]]) -> None:
    found = parse(written(*bodies))
    assert [record.body for record in found.records] == bodies
    assert [record.number for record in found.records] == list(range(1, len(bodies) + 1))
    assert (found.cut_off, found.damage, found.gaps) == (0, "", 0)


@given(BODIES, st.data())
def test_a_cut_leaves_the_whole_records_in_front_of_it(bodies: list[dict[str, Any]], data: Any) -> None:
    whole = written(*bodies)
    cut = data.draw(st.integers(0, len(whole)))
    found = parse(whole[:cut])
    assert found.damage == ""
    assert list(found.records) == list(parse(whole).records)[: len(found.records)]
    assert len(found.records) == max(0, whole[:cut].count(b"\n") - 1)
    assert found.size + found.cut_off == cut
    # What the disk may leave of the last line: nothing of it, in its length.
    blank = parse(whole[:cut] + bytes(100))
    assert (blank.damage, list(blank.records)) == ("", list(found.records))


@given(BODIES.filter(lambda bodies: len(bodies) > 1), st.data())
def test_whatever_is_changed_before_the_last_record_is_damage(
    bodies: list[dict[str, Any]], data: Any
) -> None:
    whole = written(*bodies)
    last = whole.rindex(b"\n", 0, -1) + 1
    at = data.draw(
        st.integers(0, last - 2)
    )  # without its end, the record before looks like one that was cut off
    changed = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    assert parse(changed).damage != ""


def test_records_left_out_or_moved_are_damage() -> None:
    lines = ledger("a", "b", "c", "d").splitlines(keepends=True)
    for wrong in ([0, 1, 3, 4], [0, 2, 3, 4], [0, 1, 3, 2, 4], [0, 1, 1, 2], [1, 2]):
        assert parse(b"".join(lines[each] for each in wrong)).damage != ""
    assert parse(b"".join(lines[:4])).damage == ""


def test_a_number_that_comes_again_is_damage() -> None:
    """The sums are right: who wrote it did not know what was there."""
    data = first_line(NAME)
    before = sum_of(b"", data[:-1])
    for number in (1, 2, 2, 3):
        text, record = line(number, 7, "renamed", {}, before)
        data, before = data + text, record.sum
    assert parse(data).damage == "is damaged behind record 2"


def test_a_later_format_is_told_from_another_file() -> None:
    assert parse(b"imserver ledger 2 abc\nx\n").damage == "is of a newer imserver"
    assert parse(b"something\nelse\n").damage == "is no ledger"


# -- against the database --------------------------------------------------------------------------------------------------


def at(data: bytes, number: int) -> Applied:
    records = parse(data).records
    return Applied(records[number - 1].number, records[number - 1].sum) if number else Applied()


def numbers(data: bytes, applied: Applied) -> tuple[list[int], int, bool]:
    stands = plan(parse(data), applied)
    return [record.number for record in stands.ahead], stands.lacking, stands.parted


def test_what_is_ahead_of_the_database_is_applied_in_order() -> None:
    three = ledger("a", "b", "c")
    assert numbers(three, Applied()) == ([1, 2, 3], 0, False)
    assert numbers(three, at(three, 2)) == ([3], 0, False)
    assert numbers(three, at(three, 3)) == ([], 0, False)


def test_an_older_ledger_lacks_what_the_database_has_had() -> None:
    assert numbers(ledger("a"), at(ledger("a", "b", "c"), 3)) == ([], 2, False)
    assert plan(Ledger(""), at(ledger("a", "b"), 2)) == plan(parse(ledger()), at(ledger("a", "b"), 2))
    assert numbers(ledger(), at(ledger("a", "b"), 2)) == ([], 2, False)


def test_one_that_went_another_way_is_applied_from_its_beginning() -> None:
    assert numbers(ledger("a", "x", "y"), at(ledger("a", "b"), 2)) == ([1, 2, 3], 0, True)


@pytest.mark.parametrize("value", [Applied(), at(ledger("a", "b"), 2)])
def test_the_database_writes_down_how_far_it_is(value: Applied) -> None:
    assert Applied.decoded(value.encoded()) == value
    assert Applied.decoded(None) == Applied()


# -- with a store -------------------------------------------------------------------------------------------------------------


class Place:
    """A folder with a database, opened again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path, self.file = folder / "chat.db", folder / "chat.ledger"
        self.log = LogBook()

    async def open(self, kinds: Kinds = KINDS) -> SqliteStore:
        self.log = LogBook()
        store = SqliteStore(
            StoreConfig(path=str(self.path)), ledger_kinds=kinds, log=self.log, rng=random.Random(3)
        )
        await store.open(Recorder())
        return store

    def findings(self) -> list[str]:
        with open_snapshot(self.path) as snapshot:
            return [finding.text for finding in snapshot.check().findings]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def test_a_record_is_on_the_disk_before_it_is_in_the_database(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await place.open()
    seen: list[int] = []
    synced = os.fsync

    def looked(tx: Transaction, record: Record) -> None:
        seen.append(len(parse(place.file.read_bytes()).records))
        renamed(tx, record)

    syncs: list[int] = []

    def counted(fd: int) -> None:
        syncs.append(len(seen))
        synced(fd)

    monkeypatch.setattr("imserver.store.sqlite.ledger.os.fsync", counted)
    store._ledger_kinds = {"renamed": looked}
    assert await store.put_on_record("renamed", {"name": "Ann"}) == 1
    assert await name_of(store) == "Ann"
    assert seen == [1]
    assert set(syncs) == {0}
    await store.close()
    assert place.findings() == []


async def test_each_of_many_is_applied_in_the_order_of_the_file(place: Place) -> None:
    store = await place.open()
    order: list[str] = []
    store._ledger_kinds = {"renamed": lambda tx, record: order.append(record.body["name"])}
    numbers = await asyncio.gather(*(store.put_on_record("renamed", {"name": str(n)}) for n in range(30)))
    assert sorted(numbers) == list(range(1, 31))
    written = [record.body["name"] for record in parse(place.file.read_bytes()).records]
    assert order == written, "each once: what a later one has changed is not set back for a moment"
    await store.close()


async def test_an_older_copy_gets_what_is_on_record_before_anybody_is_served(place: Place) -> None:
    store = await place.open()
    await store.put_on_record("renamed", {"name": "first"})
    await store.backup(place.folder / "copy.db")
    for number in range(250):
        await store.put_on_record("renamed", {"name": f"later {number}"})
    await store.close()
    (place.folder / "copy.db").replace(place.path)
    runs: list[int] = []

    def counted(tx: Any, record: Record) -> None:
        runs.append(tx.sql("SELECT count(*) FROM lineage")[0][0])
        renamed(tx, record)

    store = await place.open({"renamed": counted})
    assert await name_of(store) == "later 249"
    assert runs == [2] * 250, "the row of the lineage is first"
    assert ("ledger_applied", {"path": str(place.file), "records": 250}) in [
        line[1:] for line in place.log.lines
    ]
    await store.close()
    assert place.findings() == []
    store = await place.open({"renamed": lambda tx, record: pytest.fail("applied already")})
    await store.close()


async def test_a_crash_in_the_middle_goes_on_behind_the_last_unit(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imserver.store.sqlite.store.RECORDS_OF_A_UNIT", 10)
    await (await place.open()).close()
    place.file.write_bytes(ledger(*map(str, range(35))))

    def fails(tx: Transaction, record: Record) -> None:
        if record.number == 25:
            raise ZeroDivisionError
        renamed(tx, record)

    with pytest.raises(ZeroDivisionError):
        await place.open({"renamed": fails})
    done: list[int] = []
    store = await place.open({"renamed": lambda tx, record: done.append(record.number)})
    assert done == list(range(21, 36))
    await store.close()


@pytest.mark.parametrize("cut", range(1, 60, 7))
async def test_a_record_that_was_cut_off_is_dropped_and_told_and_the_next_takes_its_place(
    place: Place, cut: int
) -> None:
    await (await place.open()).close()
    place.file.write_bytes(ledger("a", "b")[:-cut])
    store = await place.open()
    assert await name_of(store) == "a"
    assert "ledger_cut_off" in place.log.events("warning")
    await store.put_on_record("renamed", {"name": "c"})
    await store.close()
    found = parse(place.file.read_bytes())
    assert [(record.number, record.body) for record in found.records] == [
        (1, {"name": "a"}),
        (2, {"name": "c"}),
    ]
    await (await place.open()).close()
    assert "ledger_cut_off" not in place.log.events()


async def test_a_damaged_ledger_keeps_the_server_from_starting(place: Place) -> None:
    await (await place.open()).close()
    place.file.write_bytes(ledger("a", "b", "c").replace(b'"a"', b'"z"'))
    with pytest.raises(StartError, match=r"chat\.ledger: is damaged at its first record; put back a copy"):
        await place.open()
    assert place.findings() == ["it is damaged at its first record"]
    place.file.unlink()
    await (await place.open()).close()


async def test_records_of_a_newer_version_keep_an_older_one_from_starting(place: Place) -> None:
    await (await place.open()).close()
    place.file.write_bytes(ledger("a"))
    with pytest.raises(StartError, match="records of a newer imserver \\('renamed'\\)"):
        await place.open({})
    await (await place.open()).close()
    await (await place.open({})).close()  # nothing of it is left to do


@pytest.mark.parametrize("left", [0, 1, None])
async def test_a_ledger_older_than_the_database_is_told_at_the_start_and_by_check(
    place: Place, left: int | None
) -> None:
    store = await place.open()
    for name in ("a", "b", "c"):
        await store.put_on_record("renamed", {"name": name})
    await store.close()
    whole = place.file.read_bytes()
    if left is None:
        place.file.unlink()
    else:
        place.file.write_bytes(b"".join(whole.splitlines(keepends=True)[: left + 1]))
    store = await place.open()
    lacking = 3 - (left or 0)
    assert ("warning", "ledger_is_older", {"path": str(place.file), "lacking": lacking}) in place.log.lines
    assert await name_of(store) == "c"
    await store.close()
    [finding] = place.findings()
    assert finding == (
        "3 records were applied, and there is no ledger"
        if left is None
        else f"it is older than the database: {lacking} records that were applied are not in it"
    )
    # Written on, it leaves room for what it lacks, and goes on to be told.
    store = await place.open()
    assert await store.put_on_record("renamed", {"name": "d"}) == 4
    await store.close()
    assert place.findings() == [f"{lacking} records are missing in it: an older copy of it was written on"]
    store = await place.open()
    assert await name_of(store) == "d"
    await store.close()


async def test_one_that_went_another_way_is_told_and_applied_from_its_beginning(place: Place) -> None:
    store = await place.open()
    await store.put_on_record("renamed", {"name": "a"})
    await store.close()
    place.file.write_bytes(ledger("x", "y", "z"))
    done: list[str] = []
    assert place.findings() == ["its record 1 is another than the one that was applied"]
    store = await place.open({"renamed": lambda tx, record: done.append(record.body["name"])})
    assert (done, "ledger_is_another" in place.log.events("warning")) == (["x", "y", "z"], True)
    await store.close()
    assert place.findings() == []


async def test_a_full_disk_puts_nothing_on_record(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await place.open()
    await store.put_on_record("renamed", {"name": "a"})
    before = place.file.read_bytes()
    write = os.pwrite

    def full(fd: int, data: bytes, where: int) -> int:
        if len(data) < 20:
            raise OSError(28, "No space left on device")
        return write(fd, data[: len(data) // 2], where)

    monkeypatch.setattr("imserver.store.sqlite.ledger.os.pwrite", full)
    with pytest.raises(Refusal) as refused:
        await store.put_on_record("renamed", {"name": "b"})
    assert refused.value.code is RefusalCode.STORE_FULL
    assert place.file.read_bytes() == before
    monkeypatch.undo()
    assert await store.put_on_record("renamed", {"name": "c"}) == 2
    await store.close()


async def test_a_disk_that_writes_a_little_at_a_time_gets_all_of_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, write = await place.open(), os.pwrite
    monkeypatch.setattr(
        "imserver.store.sqlite.ledger.os.pwrite", lambda fd, data, at: write(fd, data[:7], at)
    )
    for name in "ab":
        await store.put_on_record("renamed", {"name": name})
    found = parse(place.file.read_bytes())
    assert [record.body["name"] for record in found.records] == ["a", "b"]
    assert not found.damage
    await store.close()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
async def test_no_room_is_a_refusal_and_no_failure(
    place: Place, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    store = await place.open()

    def full(fd: int, data: bytes, at: int) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("imserver.store.sqlite.ledger.os.pwrite", full)
    with pytest.raises(Refusal) as refused:
        await store.put_on_record("renamed", {"name": "b"})
    assert refused.value.code is RefusalCode.STORE_FULL
    await store.close()


def removed(place: Place) -> None:
    place.file.unlink()


def replaced(place: Place) -> None:
    place.file.rename(place.folder / "away")
    (place.folder / "away").rename(place.file.with_suffix(".old"))
    shutil.copyfile(place.folder / "newer.ledger", place.file)


def overwritten(place: Place) -> None:
    shutil.copyfile(place.folder / "newer.ledger", place.file)


@pytest.mark.parametrize("change", [removed, replaced, overwritten])
async def test_a_ledger_that_was_put_there_meanwhile_is_not_written_over(
    place: Place, change: Callable[[Place], None]
) -> None:
    """A record at the place where the known file ends would cut a newer one off, or begin with zeros."""
    store = await place.open()
    for name in ("One", "Two"):
        await store.put_on_record("renamed", {"name": name})
    older = place.file.read_bytes()
    await store.put_on_record("renamed", {"name": "Three"})
    await store.close()
    place.file.rename(place.folder / "newer.ledger")
    place.file.write_bytes(older)
    store = await place.open()
    change(place)
    before = place.file.read_bytes() if place.file.exists() else None
    for _ in range(2):
        with pytest.raises(StoreFailed, match="removed or changed it while it was in use"):
            await store.put_on_record("renamed", {"name": "Four"})
    assert (place.file.read_bytes() if place.file.exists() else None) == before
    await store.close()
    store = await place.open()
    assert await store.put_on_record("renamed", {"name": "Four"}) == 4
    await store.close()


async def test_one_that_appears_where_there_was_none_is_not_written_over(place: Place) -> None:
    store = await place.open()
    place.file.write_bytes(first_line(b"12345678"))
    with pytest.raises(StoreFailed, match="changed it"):
        await store.put_on_record("renamed", {"name": "One"})
    assert place.file.read_bytes() == first_line(b"12345678")
    await store.close()


def test_a_record_that_is_none_is_damage_though_its_sum_is_right() -> None:
    beginning = first_line(b"12345678")
    for text in (
        b"{}",
        b"[1]",
        b"no JSON",
        b'{"number":"1","at":1,"kind":"k","body":{}}',
        b'{"number":1,"x":1}',
    ):
        total = sum_of(sum_of(b"", beginning[:-1]), text)
        written = beginning + total.hex().encode() + b" " + text + b"\n"
        assert parse(written).cut_off == len(written) - len(beginning)
        assert parse(written + b"more\n").damage == "is damaged at its first record"


async def test_after_a_sync_that_failed_nothing_more_is_put_on_record(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await place.open()

    def fails(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("imserver.store.sqlite.ledger.os.fsync", fails)
    for _ in range(2):
        with pytest.raises(StoreFailed):
            await store.put_on_record("renamed", {"name": "b"})
        monkeypatch.undo()
    assert await name_of(store) is None
    await store.close()


# -- beside the backups -------------------------------------------------------------------------------------------------------


def copying(folder: Path, ours: bytes | None, theirs: bytes | None) -> Callable[[], Copied]:
    folder.joinpath("backups").mkdir(exist_ok=True)
    source, target = folder / "chat.ledger", folder / "backups" / "chat.ledger"
    for path, data in ((source, ours), (target, theirs)):
        path.unlink(missing_ok=True)
        if data is not None:
            path.write_bytes(data)
    return lambda: copy_ledger(source, target)


def test_the_newest_is_kept_beside_the_backups(tmp_path: Path) -> None:
    older, newer = ledger("a"), ledger("a", "b")
    theirs = tmp_path / "backups" / "chat.ledger"
    for before, became in ((None, Copied.WRITTEN), (older, Copied.WRITTEN), (newer, Copied.SAME)):
        assert copying(tmp_path, newer, before)() is became
        assert theirs.read_bytes() == newer
    for ours in (older, ledger(), None, ledger("a", "b")[:-3]):
        assert copying(tmp_path, ours, newer)() is Copied.NEWER
        assert theirs.read_bytes() == newer
    assert copying(tmp_path, newer[:-3], None)() is Copied.WRITTEN
    assert theirs.read_bytes() == older
    assert copying(tmp_path, None, None)() is Copied.NONE
    assert os.listdir(tmp_path / "backups") == []


def test_what_is_not_the_same_ledger_is_not_overwritten(tmp_path: Path) -> None:
    theirs = tmp_path / "backups" / "chat.ledger"
    for before, words in (
        (ledger("a", "x"), "not the same behind record 1; keep both"),
        (ledger("a", name=b"12345678"), "ledger of another server; use a folder for each"),
        (b"something\nelse\n", "is no ledger"),
    ):
        with pytest.raises(BackupFailed, match=words):
            copying(tmp_path, ledger("a", "b"), before)()
        assert theirs.read_bytes() == before


async def test_a_backup_brings_the_ledger_along_and_not_inside(place: Place) -> None:
    store = await place.open()
    (place.folder / "backups").mkdir()
    assert (await store.backup(place.folder / "backups" / "one.db")).ledger is Copied.NONE
    await store.put_on_record("renamed", {"name": "a"})
    assert (await store.backup(place.folder / "backups" / "two.db")).ledger is Copied.WRITTEN
    assert sorted(os.listdir(place.folder / "backups")) == ["chat.ledger", "one.db", "two.db"]
    assert (await store.backup(place.folder / "three.db")).ledger is Copied.SAME
    await store.close()
    assert (place.folder / "backups" / "chat.ledger").read_bytes() == place.file.read_bytes()


async def test_what_no_database_can_hold_is_not_put_on_record(tmp_path: Path) -> None:
    """It could not be applied: no record behind it either, and no start."""
    place = Place(tmp_path)
    store = await place.open()
    with pytest.raises(Refusal) as caught:
        await store.put_on_record("renamed", {"name": "\udcff"})
    assert caught.value.code is RefusalCode.INVALID
    await store.put_on_record("renamed", {"name": "b"})
    await store.close()
    await (await place.open()).close()
