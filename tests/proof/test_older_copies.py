"""Older copies of a killed program's database: each kind is an earlier state of it, whole, and what it took back is read."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from imserver.proof.taken_back import Restore
from imserver.proof.torture import older_copies
from imserver.proof.torture.client_journal import now_ms
from imserver.proof.torture.older_copies import Kind, OlderCopies, commits_of, frames_written

#: Writes rows, one commit each, into a database with the numbers of its life and of the row, until it is killed.
WRITER = """
import sqlite3, sys, time
sql = sqlite3.connect(sys.argv[1], isolation_level=None)
sql.execute("PRAGMA journal_mode = WAL")
sql.execute("PRAGMA wal_autocheckpoint = 0")
sql.execute("CREATE TABLE IF NOT EXISTS rows (life INTEGER, number INTEGER)")
life, count, written = map(int, sys.argv[2:])
for number in range(count):
    sql.execute("INSERT INTO rows VALUES (?, ?)", (life, number))
    if number + 1 == written:
        reader = sqlite3.connect(sys.argv[1], isolation_level=None)  # no checkpoint goes beyond what it reads
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM rows").fetchall()
if written:
    sql.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
print("done", flush=True)
time.sleep(60)
"""


class Written:
    """A database that programs write which are killed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "chat.db"
        self.copies = OlderCopies(self.path, random.Random(1))
        self.lives = 0

    def write(self, count: int, written: int = 0) -> None:
        """A life that makes so many commits, the first `written` of which are in the database itself."""
        self.lives += 1
        command = [sys.executable, "-c", WRITER, str(self.path), str(self.lives), str(count), str(written)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "done\n"
            process.send_signal(signal.SIGKILL)
        Path(f"{self.path}.high").write_text(f"{self.lives}")
        self.path.with_suffix(".ledger").write_text(f"{self.lives}")
        Path(f"{self.path}.lock").touch()
        self.copies.killed()

    def rows(self) -> list[tuple[int, int]]:
        with closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)) as sql:
            assert sql.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return list(sql.execute("SELECT life, count(*) FROM rows GROUP BY life"))

    @property
    def high(self) -> str:
        return Path(f"{self.path}.high").read_text()

    @property
    def ledger(self) -> str:
        return self.path.with_suffix(".ledger").read_text()


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Written]:
    monkeypatch.setattr(older_copies, "compare", lambda left, copy, at: Restore(at))
    made = Written(tmp_path)
    yield made
    assert not (tmp_path / "left").exists()


@pytest.mark.parametrize("kind", [Kind.DATABASE, Kind.FOLDER, Kind.CHECKPOINT])
def test_a_copy_is_the_database_as_it_was_then(written: Written, kind: Kind) -> None:
    written.write(5)
    begun = now_ms()
    written.copies.take()
    taken = now_ms()
    written.write(7)
    assert written.rows() == [(1, 5), (2, 7)]
    put_back = written.copies.put_back(kind)
    assert put_back is not None
    assert put_back.kind is kind
    assert written.high == written.ledger == ("1" if kind is Kind.FOLDER else "2")
    assert begun <= put_back.taken_at <= taken
    assert Path(f"{written.path}-wal").exists() is (kind is not Kind.CHECKPOINT)
    assert Path(f"{written.path}.lock").exists()
    assert written.rows() == [(1, 5)]
    # The same copy comes back once more, over what was written since.
    written.write(3)
    assert written.rows() == [(1, 5), (3, 3)]
    assert written.copies.put_back(kind) is not None
    assert written.rows() == [(1, 5)]


def test_the_last_commits_are_cut_off(written: Written) -> None:
    written.write(40)
    put_back = written.copies.put_back(Kind.LAST_COMMITS)
    assert put_back is not None
    [(life, count)] = written.rows()
    assert (life, written.high, written.ledger) == (1, "1", "1")
    assert 0 < count < 40


def test_nothing_is_cut_that_later_commits_overwrote_in_the_database(written: Written) -> None:
    """Older pages of the log would cover newer ones of the database: that is a damaged database, and no older one."""
    written.write(40, written=37)
    frames = frames_written(Path(f"{written.path}-shm"))
    assert frames is not None
    assert len(commits_of(Path(f"{written.path}-wal"), frames)) == 4, "what is in the database, or three more"
    assert written.copies.put_back(Kind.LAST_COMMITS) is not None
    assert 37 <= written.rows()[0][1] < 40


def test_a_log_whose_end_is_in_the_database_cannot_be_cut(written: Written) -> None:
    written.write(40, written=40)
    assert written.copies.put_back(Kind.LAST_COMMITS) is None
    assert written.rows() == [(1, 40)]


def test_without_a_copy_none_comes_back(written: Written) -> None:
    written.write(2)
    assert written.copies.put_back(Kind.FOLDER) is None
    assert written.rows() == [(1, 2)]


def test_copies_that_are_no_part_of_this_history_do_not_come_back(written: Written) -> None:
    for _ in range(4):
        written.write(1)
        written.copies.take()
    assert len(list((written.path.parent / "copies").iterdir())) == older_copies.KEPT
    written.write(9)
    assert written.copies.put_back(Kind.LAST_COMMITS) is not None
    assert written.copies.put_back(Kind.FOLDER) is None
    assert not os.listdir(written.path.parent / "copies")
