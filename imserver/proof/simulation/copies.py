"""Older copies of the database's files: taken now and then, and put back while no server runs.

A copy of the database alone is what a backup makes: whole, without the files beside it. A copy of the folder has these, too.
A disk that did not keep what it had confirmed loses the last commits of the log.
"""

from __future__ import annotations

import shutil
import sqlite3
import struct
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from imserver.proof.taken_back import Restore, compare

from .journal import Journal

#: Kinds of what is put back, by their names in the report.
DATABASE = "an older database"
FOLDER = "an older folder"
COMMITS = "the last commits lost"
FORWARD = "a newer copy of what is gone"
COPIES = (DATABASE, FOLDER, COMMITS, FORWARD)

#: Files of one database, by what follows its name. `-shm` is made anew from the log.
LOG, HIGH, SHARED = "-wal", ".high", "-shm"
FILES = ("", LOG, HIGH)
#: The most commits that a disk loses.
MOST_COMMITS = 12
#: Copies that are kept.
KEPT = 4
_LOG_HEADER, _FRAME_HEADER = 32, 24
#: Where `-shm` says how many frames of the log are in the database already.
_BACKFILLED_AT = 96
#: Bytes at its beginning that every commit changes which writes something.
_INDEX_HEADER = 48


@dataclass(frozen=True, slots=True)
class Copy:
    """The files at a moment. Answers of that moment and later may not be true of it."""

    kind: str
    at: float
    #: Which history it is of: how many copies had been put back before.
    history: int
    files: dict[str, bytes]


class Copies:
    """Takes copies of one database, and puts them back."""

    def __init__(self, database: Path, random: Random, journal: Journal) -> None:
        self._database = database
        self._random = random
        self._journal = journal
        self._kept: list[Copy] = []
        #: When the last transactions were committed.
        self._commits: list[float] = []
        #: How often something was put back, and what that took.
        self.put_back = 0
        self.restores: list[Restore] = []
        #: The header of the log's index behind the last commit that wrote something.
        self._head = b""
        #: A copy of what the last one replaced.
        self._gone: Copy | None = None

    def committed(self, at: float) -> None:
        """A transaction was committed. One that wrote nothing is not in the log, and loses nothing."""
        with suppress(OSError), Path(f"{self._database}{SHARED}").open("rb") as shared:
            head = shared.read(_INDEX_HEADER)
            if head == self._head:
                return
            self._head = head
        self._commits.append(at)
        del self._commits[: -2 * MOST_COMMITS]

    def take(self, now: float) -> None:
        """A copy of a database that may be in use."""
        kind = self._random.choice((DATABASE, FOLDER))
        files = self._backup() if kind == DATABASE else self._files()
        self._kept.append(Copy(kind, now, self.put_back, files))
        del self._kept[:-KEPT]
        self._journal.note("a copy is taken", kind)

    def replace(self, now: float) -> float | None:
        """Put something older back, or what that had replaced. No server runs. Returns since when answers may be of no worth;
        None: there was nothing to put back."""
        last, gone = Copy(FORWARD, now, self.put_back, self._files()), self._gone
        if gone is not None and self._random.random() < 0.25:
            self._gone = None
            since: float | None = self._put(FORWARD, gone)
        else:
            if not self._kept or self._random.random() < 0.35:
                since = self._lose_commits()
            else:
                copy = self._random.choice(self._kept)
                since = self._put(copy.kind, copy)
            if since is not None:
                self._gone = last
        if since is not None:
            self.restores.append(self._difference(last.files, now))
        return since

    # -- how ----------------------------------------------------------------------------------------------------------

    def _files(self) -> dict[str, bytes]:
        paths = {name: Path(f"{self._database}{name}") for name in FILES}
        return {name: path.read_bytes() for name, path in paths.items() if path.exists()}

    def _backup(self) -> dict[str, bytes]:
        """By the means of the database: whole, whatever is in the log."""
        made = self._database.with_name("backup.db")
        with (
            closing(sqlite3.connect(f"{self._database.as_uri()}?mode=ro", uri=True)) as sql,
            closing(sqlite3.connect(made)) as copy,
        ):
            sql.backup(copy)
        whole = made.read_bytes()
        made.unlink()
        return {"": whole}

    def _difference(self, left: Mapping[str, bytes], now: float) -> Restore:
        """Between files that were left and the present ones, read beside them: who opens a database leaves traces."""
        folder = self._database.with_name("compared")
        databases = [folder / side / self._database.name for side in ("left", "copy")]
        for database, files in zip(databases, (left, self._files()), strict=True):
            database.parent.mkdir(parents=True)
            for name, content in files.items():
                Path(f"{database}{name}").write_bytes(content)
        left_database, copy = databases
        restore = compare(left_database, copy, now)
        shutil.rmtree(folder)
        return restore

    def _put(self, kind: str, copy: Copy) -> float:
        """In place, where the side file may have stayed, or as on another machine."""
        stays = self._random.random() < 0.5
        for name in (*FILES, SHARED):
            if name != HIGH or HIGH in copy.files or not stays:
                Path(f"{self._database}{name}").unlink(missing_ok=True)
        for name, content in copy.files.items():
            Path(f"{self._database}{name}").write_bytes(content)
        self._commits.clear()
        self._done(kind)
        return copy.at

    def _lose_commits(self) -> float | None:
        log = Path(f"{self._database}{LOG}")
        shared = Path(f"{self._database}{SHARED}")
        if not (log.exists() and shared.exists()):
            return None
        content = log.read_bytes()
        (in_database,) = struct.unpack_from("=I", shared.read_bytes().ljust(100, b"\0"), _BACKFILLED_AT)
        ends = [end for number, end in _commits(content) if number >= in_database]
        count = min(self._random.randint(1, MOST_COMMITS), len(ends) - 1)
        if count < 1:
            return None
        log.write_bytes(content[: ends[-1 - count]])
        shared.unlink()
        since = self._commits[-count] if count <= len(self._commits) else 0.0
        del self._commits[-count:]
        self._done(COMMITS, count)
        return since

    def _done(self, kind: str, *facts: int) -> None:
        self.put_back += 1
        self._journal.fault(kind, *facts)


def _commits(log: bytes) -> Iterator[tuple[int, int]]:
    """The commits of a log: number of the last frame, and where it ends."""
    if len(log) < _LOG_HEADER:
        return
    (page_bytes,) = struct.unpack_from(">I", log, 8)
    salts = log[16:24]
    number, at = 0, _LOG_HEADER
    while at + _FRAME_HEADER + page_bytes <= len(log) and log[at + 8 : at + 16] == salts:
        number, end = number + 1, at + _FRAME_HEADER + page_bytes
        (size,) = struct.unpack_from(">I", log, at + 4)
        if size:
            yield number, end
        at = end
