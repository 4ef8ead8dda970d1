"""backup: what a backup does to those who post beside it; and how long a server takes to be ready again after a kill."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from benchmarks.fill import Pair, fill
from benchmarks.measure import Bench, Figures, measure, pair_lanes
from benchmarks.processes import direct, imserver, temporary_folder
from benchmarks.results import Row, message_row
from benchmarks.scenarios.base import Scenario, fixed
from imserver.cli.control import ask, control_path
from imserver.store.sqlite.backup import REST_S, SLICE_PAGES

#: Messages of each conversation in the database.
EACH = 500
#: Posts a second beside the backup.
RATE = 1_000.0
#: How often the backup is asked how far it is (seconds).
ASK_EVERY_S = 0.1


def backup(bench: Bench, rivals: Sequence[str]) -> Iterator[Row]:
    """Posts alone and beside backups that follow one another, on one server; then a start after a kill."""
    count = max(bench.pairs, bench.growth_messages // EACH)
    with temporary_folder() as folder:
        path = folder / "large.db"
        fill(path, _pairs(count), EACH)
        stored = f"{count * EACH:,} stored"
        rate = RATE * min(1.0, max(0.1, bench.scale))
        with imserver(database=path) as target:
            lanes = pair_lanes(target, bench.pairs)
            alone = measure(bench, target, lanes, rate=rate)
            lanes = pair_lanes(target, bench.pairs)
            with _Backups(path, folder / "copy.db") as backups:
                beside = measure(bench, target, lanes, rate=rate)
            yield _posts(alone, f"posts, {stored}", alone)
            row = _posts(beside, f"posts beside backups, {stored}", alone)
            row.figures |= backups.figures
            row.errors += backups.errors
            row.note = f"{SLICE_PAGES} pages, {REST_S * 1000:g} ms of rest"
            yield row
            target.process.kill()
            target.process.wait()
        yield _ready(path, stored)


def _pairs(count: int) -> list[Pair]:
    return [(f"a{number}", f"b{number}", direct(f"a{number}", f"b{number}")) for number in range(count)]


def _posts(figures: Figures, case: str, alone: Figures) -> Row:
    row = message_row("backup", "imserver", case, figures)
    base = message_row("backup", "imserver", case, alone).figures["ack_p99_ms"]
    row.figures["p99_ratio"] = row.figures["ack_p99_ms"] / (base or 1.0)
    return row


def _ready(path: Path, stored: str) -> Row:
    """The whole process: the interpreter, the log of the killed one, the check of the file, and the rest."""
    with imserver():
        pass  # everything is in the system's cache
    begin = time.monotonic()
    with imserver():
        empty_s = time.monotonic() - begin
    begin = time.monotonic()
    with imserver(database=path):
        ready_s = time.monotonic() - begin
    begin = time.monotonic()
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as raw:
        found = raw.execute("PRAGMA quick_check").fetchone()
    check_s = time.monotonic() - begin
    figures = {"seconds": ready_s, "empty_s": empty_s, "check_share": check_s / ready_s}
    row = Row("backup", "imserver", f"ready after a kill, {stored}", figures)
    row.note = f"quick_check {check_s:.2f} s; {empty_s:.2f} s without messages"
    if found != ("ok",):
        row.errors.append(f"quick_check says {found}")
    return row


class _Backups:
    """One backup after another by the server, on a thread, while the `with` lasts; the last one is waited for."""

    def __init__(self, path: Path, target: Path) -> None:
        socket = control_path(str(path))
        assert socket is not None
        self._socket, self._target = socket, target
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._seconds: list[float] = []
        self.errors: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def figures(self) -> dict[str, float]:
        """Of the backups that were made."""
        if not self._seconds:
            return {}
        seconds = sum(self._seconds) / len(self._seconds)
        return {"seconds": seconds, "mib_per_s": self._target.stat().st_size / 2**20 / seconds}

    async def _run(self) -> None:
        while not self._ended.is_set():
            begin = time.monotonic()
            status: dict[str, Any] | None = await ask(self._socket, "backup", {"target": str(self._target)})
            while status is not None and status["state"] == "copying":
                await asyncio.sleep(ASK_EVERY_S)
                status = await ask(self._socket, "backup_status", {"number": status["number"]})
            if status is None or status["state"] != "made":
                self.errors.append(f"no backup: {status}")
                return
            self._seconds.append(time.monotonic() - begin)


SCENARIOS = (Scenario("backup", "posts beside a backup, and a start after a kill", fixed(3), backup),)
