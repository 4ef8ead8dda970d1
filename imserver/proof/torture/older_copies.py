"""Older copies of a killed server's database: taken, kept, and put back in its place.

Only files of a server that is dead are copied, and only such are replaced. What a copy must not be is a mixture of two times:
then it would be damaged, which is another fault.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import struct
import time
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from imserver.proof.taken_back import Restore, compare

from .client_journal import now_ms


class Kind(StrEnum):
    """What comes back."""

    DATABASE = "database"  # with its log, and not the files beside it
    FOLDER = "folder"  # with everything that stands beside it
    CHECKPOINT = "checkpoint"  # the database alone, its log written into it
    LAST_COMMITS = "last commits"  # the present one, without the end of its log


#: The first ones of a run, so that even a short one has several kinds; then they come in any order.
FIRST_KINDS = (Kind.FOLDER, Kind.LAST_COMMITS, Kind.DATABASE, Kind.CHECKPOINT)
#: Copies that are kept: so no client knows more lives of the server since than a place names.
KEPT = 2
#: Commits that are cut off.
MAX_COMMITS = 50
#: Files that are no data: a lock, and an index of the log that SQLite makes anew.
_NO_DATA = (".lock", "-shm")
#: The log: a header, then frames, each with a header and a page. A commit's last frame says how large the database is.
_LOG_HEADER, _FRAME_HEADER = struct.Struct(">8xI4x8s8x"), struct.Struct(">4xI8s8x")
#: In `-shm`, behind two headers: up to which frame the log may have been written into the database.
_WRITTEN_AT, _WRITTEN = 128, struct.Struct("=I")


@dataclass(frozen=True, slots=True)
class PutBack:
    """One older copy that was put back, and what that took."""

    kind: Kind
    restore: Restore
    #: When the copy was taken (UTC ms); 0 for the last commits, of which nobody knows.
    taken_at: int = 0

    @property
    def taken(self) -> int:
        """Messages that were taken back."""
        return len(self.restore.messages)


class OlderCopies:
    """Copies of one database. All calls while no process has it."""

    def __init__(self, database: Path, rng: random.Random) -> None:
        self._database = database
        self._folder = database.parent / "copies"
        self._left = database.parent / "left"
        self._rng = rng
        self._numbers = 0
        self._written: int | None = None
        #: The eldest first, and when each was taken (UTC ms).
        self._kept: list[Path] = []
        self._taken_at: dict[Path, int] = {}

    def killed(self) -> None:
        """The server was killed, and nobody has opened its database since: who does makes the index of the log anew."""
        self._written = frames_written(Path(f"{self._database}-shm"))

    def take(self) -> None:
        """Copy the database and all that stands beside it."""
        self._numbers += 1
        place = self._folder / str(self._numbers)
        place.mkdir(parents=True)
        for file in self._files():
            shutil.copy2(file, place)
        self._kept.append(place)
        self._taken_at[place] = now_ms()
        while len(self._kept) > KEPT:
            shutil.rmtree(self._kept.pop(0))

    def put_back(self, kind: Kind) -> PutBack | None:
        """Put an older copy in the place of the database. None if there is none of this kind."""
        taken_at = 0
        if kind is Kind.LAST_COMMITS:
            cut = self._cut()
            if cut is None:
                return None
            self._leave()
            for file in self._left.iterdir():
                shutil.copy2(file, self._database.parent)
            os.truncate(self._log, cut)
            self._forget(None)
        elif self._kept:
            copy = self._rng.choice(self._kept)
            taken_at = self._taken_at[copy]
            self._leave()
            self._put(copy, kind)
            self._forget(copy)
        else:
            return None
        restore = compare(self._left / self._database.name, self._database, time.monotonic())
        shutil.rmtree(self._left)
        return PutBack(kind, restore, taken_at)

    # -- files --------------------------------------------------------------------------------------------------------

    @property
    def _log(self) -> Path:
        return Path(f"{self._database}-wal")

    def _files(self) -> list[Path]:
        """The database and what belongs to it. (A killed server leaves its socket, too.)"""
        found = sorted(self._database.parent.glob(f"{self._database.name}*"))
        found.append(self._database.with_suffix(".ledger"))
        return [file for file in found if file.is_file() and not file.name.endswith(_NO_DATA)]

    def _leave(self) -> None:
        """Move the present files aside."""
        self._left.mkdir()
        for file in self._files():
            file.rename(self._left / file.name)
        Path(f"{self._database}-shm").unlink(missing_ok=True)

    def _put(self, copy: Path, kind: Kind) -> None:
        whole = (self._database.name, self._log.name)
        for file in copy.iterdir():
            if kind is Kind.FOLDER or file.name in whole:
                shutil.copy2(file, self._database.parent)
        if kind is not Kind.FOLDER:  # what stood beside it stays
            for file in self._left.iterdir():
                if file.name not in whole:
                    shutil.copy2(file, self._database.parent)
        if kind is Kind.CHECKPOINT:
            with closing(
                sqlite3.connect(self._database)
            ) as sql:  # the last one writes the log into it, and deletes it
                sql.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _forget(self, copy: Path | None) -> None:
        """Copies that are no part of this history any more. The one that was put back is: it may come back once more."""
        for other in self._kept:
            if other != copy:
                shutil.rmtree(other)
        self._kept = [] if copy is None else [copy]

    # -- the log ------------------------------------------------------------------------------------------------------

    def _cut(self) -> int | None:
        """Where to cut the log so that its last commits are gone; None if too few are in it alone."""
        ends = [] if self._written is None else commits_of(self._log, self._written)
        if len(ends) < 2:
            return None
        return ends[-1 - self._rng.randint(1, min(MAX_COMMITS, len(ends) - 1))]


def frames_written(index: Path) -> int | None:
    """Up to which frame a log may have been written into the database, by its index; None if there is none."""
    try:
        written: int = _WRITTEN.unpack_from(index.read_bytes(), _WRITTEN_AT)[0]
    except (OSError, struct.error):
        return None
    return written


def commits_of(log: Path, written: int) -> list[int]:
    """Where the commits of a log end, in bytes, that may be its last ones: no frame behind them was written into the
    database."""
    try:
        text = log.read_bytes()
        page_bytes, salt = _LOG_HEADER.unpack_from(text)
    except (OSError, struct.error):
        return []
    ends = []
    frame_bytes = _FRAME_HEADER.size + page_bytes
    for number, at in enumerate(range(_LOG_HEADER.size, len(text) - frame_bytes + 1, frame_bytes), 1):
        database_pages, frame_salt = _FRAME_HEADER.unpack_from(text, at)
        if frame_salt != salt:
            break  # left from before the log began anew
        if database_pages and number >= written:
            ends.append(at + frame_bytes)
    return ends
