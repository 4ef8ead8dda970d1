"""Older copies in the simulation: each kind is put back as it was, and only what was answered since is void."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from imserver.proof.simulation import copies
from imserver.proof.simulation.copies import COMMITS, DATABASE, FOLDER, FORWARD, HIGH, LOG, Copies
from imserver.proof.simulation.journal import Journal
from imserver.proof.simulation.record import Noted, Post, Record
from imserver.proof.simulation.report import Totals
from imserver.proof.simulation.runs import run_one
from imserver.proof.simulation.setting import COPIES_SHARE, draw
from imserver.proof.taken_back import Restore


class Machine:
    """A database whose table counts its commits, as a killed server leaves it: with its log."""

    def __init__(self, path: Path, seed: int) -> None:
        self.path = path
        self.journal = Journal(lambda: 0.0)
        self.copies = Copies(path, Random(seed), self.journal)
        self._sql = self._open()
        self._sql.execute("PRAGMA journal_mode = wal")
        self._sql.execute("PRAGMA wal_autocheckpoint = 0")
        self._sql.execute("CREATE TABLE counted (number INTEGER)")

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, isolation_level=None)

    def commit(self, first: int, last: int) -> None:
        for number in range(first, last + 1):
            self._sql.execute("INSERT INTO counted VALUES (?)", (number,))
            self.copies.committed(float(number))
            self._sql.execute("DELETE FROM counted WHERE number = 0")
            self.copies.committed(number + 0.5)  # it wrote nothing, and is not in the log

    def checkpoint(self) -> None:
        self._sql.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def die(self) -> None:
        """Files are as the process left them."""
        kept = {name: Path(f"{self.path}{name}").read_bytes() for name in ("", LOG, "-shm")}
        self._sql.close()
        for name, content in kept.items():
            Path(f"{self.path}{name}").write_bytes(content)

    def last(self) -> int:
        return newest_of(self.path)


def newest_of(path: Path) -> int:
    with closing(sqlite3.connect(path, isolation_level=None)) as sql:
        found: int = sql.execute("SELECT max(number) FROM counted").fetchone()[0]
        assert sql.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return found


@pytest.mark.parametrize("seed", range(30))
def test_what_is_put_back_is_an_earlier_moment_and_what_it_replaced_can_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    compared: list[tuple[int, int]] = []

    def compare(left: Path, copy: Path, at: float) -> Restore:
        compared.append((newest_of(left), newest_of(copy)))
        return Restore(at)

    monkeypatch.setattr(copies, "compare", compare)
    machine = Machine(tmp_path / "run.db", seed)
    machine.commit(1, 10)
    if seed % 2:
        machine.checkpoint()
    machine.copies.take(10.5)
    machine.commit(11, 30)
    if seed % 3 == 1:
        machine.checkpoint()
        machine.commit(31, 32)
    newest = 32 if seed % 3 == 1 else 30
    machine.die()
    since = machine.copies.replace(40.0)
    kind = next(iter(machine.journal.counts), None)
    if kind is None:
        assert since is None
        assert compared == []
        assert machine.last() == newest
        return
    assert kind in (DATABASE, FOLDER, COMMITS)
    assert since is not None
    found = machine.last()
    assert found < newest
    if kind == COMMITS:
        assert since == found + 1, (
            "answers of the first commit that is lost are void, and none of earlier ones"
        )
    else:
        assert (since, found) == (10.5, 10)
    assert compared == [(newest, found)], "what it took is read of what was left, and of what is there"
    while not machine.journal.counts[FORWARD]:
        machine.copies.replace(41.0)
    assert machine.last() in range(10, newest + 1)
    assert [restore.at for restore in machine.copies.restores] == [40.0] + [41.0] * (len(compared) - 1)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == []


def test_a_database_alone_brings_no_side_files(tmp_path: Path) -> None:
    kinds = set()
    for seed in range(12):
        folder = tmp_path / str(seed)
        folder.mkdir()
        machine = Machine(folder / "run.db", seed)
        machine.commit(1, 3)
        Path(f"{machine.path}{HIGH}").write_text("3")
        machine.copies.take(3.5)
        copy = machine.copies._kept[0]
        kinds.add(copy.kind)
        assert set(copy.files) == ({""} if copy.kind == DATABASE else {"", LOG, HIGH})
        machine.die()
    assert kinds == {DATABASE, FOLDER}


def test_answers_are_void_since_the_copy_also_those_that_were_under_way() -> None:
    now = 0.0
    record = Record("ann", "ann-1", now=lambda: now)
    for at in (1.0, 2.0, 3.0):
        now = at
        record.changes.append(("group/1", int(at)))
    record.void(2.0)
    now = 4.0
    record.changes.append(("group/1", 4))  # of the killed server
    record.welcomed()
    record.changes.append(("group/1", 5))
    assert record.changes == [("group/1", 1), ("group/1", 5)]
    record.welcomed()
    assert ("group/1", 5) in record.changes


def test_where_a_conversation_began_is_of_a_gone_history_until_it_begins_anew() -> None:
    now = 1.0
    record = Record("ann", "ann-1", now=lambda: now)
    record.began("group/1")
    now = 2.0
    record.began("group/2")
    record.void(2.0)
    assert record.began_elsewhere == {"group/2"}
    now = 3.0
    record.began("group/3")  # of the killed server
    record.welcomed()
    assert record.began_elsewhere == {"group/2", "group/3"}
    record.began("group/2")
    record.welcomed()
    assert record.began_elsewhere == {"group/3"}


def test_a_fall_voids_what_was_stored_above_it() -> None:
    record = Record("ann", "ann-1")
    for number in (1, 2, 3):
        key = bytes([number]) * 16
        record.posts[key] = Post(key, "group/1", {}, number, "stored", number)
    record.fell("group/1", 2)
    assert [post.outcome for post in record.posts.values()] == ["stored", "stored", ""]
    record.posts_gone("group/1", [bytes([2]) * 16])
    assert [post.replaced for post in record.posts.values()] == [False, True, True]


def test_notes_of_a_time_are_void_and_others_stay() -> None:
    times = iter((1.0, 2.0, 3.0))
    noted = Noted[str](lambda: next(times), ["before"])
    for one in "abc":
        noted.append(one)
    noted.void(2.0)
    assert noted == ["before", "a"]


def test_in_most_runs_no_copy_comes_back() -> None:
    share = sum(draw(seed).copies for seed in range(2000)) / 2000
    assert share == pytest.approx(COPIES_SHARE, abs=0.03)


def test_copies_come_back_and_everybody_is_told() -> None:
    """A few such runs: of each kind some, clients that are told, and clients that have nothing to be told."""
    totals = Totals()
    for seed in (33, 48, 49):
        totals.add(run_one(seed), 0.0)
    assert [failure.findings for failure in totals.failures] == []
    assert sum(totals.counts[kind] for kind in (DATABASE, FOLDER, COMMITS, FORWARD)) > 3
    assert totals.counts["clients told"] > 0
    assert totals.counts["clients with nothing to be told"] > 0
    assert totals.counts["silent differences"] == 0
