"""Fails one call of a scenario after the other, and sees that every recovery is right.

A point is one call and one fault. After it: if the process is over, what it left is examined, and another one opens it; then
everything is asked again, answered or not. Nothing may be lost, doubled, moved or half there, and the end must be the very
state that a run without faults ends in. At last the power is lost, and everything answered must still be there.

    python -m tests.storage_faults.sweep [--points N|all] [--seed S] [--only TEXT] [--share I/N]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.storage_faults.booking import BOOKING_SCENARIOS
from tests.storage_faults.disk import Disk
from tests.storage_faults.examine import States, examine, state_in, state_of
from tests.storage_faults.faults import FAULTS, Fault, Kind
from tests.storage_faults.life import DATABASE, Ended, Ledger, Life, Wrong, copy_files
from tests.storage_faults.scenarios import SCENARIOS, Scenario

ALL = (*SCENARIOS, *BOOKING_SCENARIOS)


@dataclass(frozen=True)
class Point:
    at: int
    kind: Kind
    fault: Fault
    seed: int = 0


@dataclass
class Totals:
    """What was tried and seen. Adds up over scenarios and processes."""

    points: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Course:
    """One scenario: its prepared database, its run without faults, and any number of points."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario = scenario
        self._base = folder / "base"
        self._work = folder / "work"
        self._states = States()
        self._prepared = Ledger()
        self.points: list[Point] = []

    async def prepare(self) -> None:
        """Make the database, and run without faults once: the states on the way, and which calls there are."""
        scenario = self.scenario
        self._base.mkdir()
        disk = Disk(self._base)
        if scenario.given is not None:
            scenario.given(self._base)
        if scenario.prepare is not None:
            life = scenario.make_life(disk, self._prepared)
            await life.open()
            await scenario.prepare(life)
            if scenario.killed:
                disk.kill()
            await self._end(life)
            disk.settle()
        disk.close()
        if scenario.tamper is not None:
            scenario.tamper(self._base)
        with scenario.setting():
            await self._run_without_faults()
            calls = await self._count_calls()
        self.points = [
            Point(at, kind, fault, zlib.crc32(f"{at} {fault}".encode()))
            for at, kind in enumerate(calls, start=1)
            if kind in scenario.calls
            for fault in FAULTS[kind]
        ]

    async def try_point(self, point: Point, totals: Totals) -> None:
        with self.scenario.setting():
            try:
                await _Trial(self, point, totals).run()
            except Wrong as wrong:
                totals.wrong.append(
                    f"{self.scenario.name}: {point.fault} at call {point.at} ({point.kind}): {wrong}"
                )
        totals.points[f"{self.scenario.name}|{point.kind} {point.fault}"] += 1

    # -- parts --------------------------------------------------------------------------------------------------------

    def fresh(self, seed: int = 0) -> tuple[Disk, Ledger]:
        """The prepared database on a disk of its own, and what was answered while it was made."""
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir()
        copy_files(self._base, self._work)
        before = self._prepared
        ledger = replace(before, answers=dict(before.answers), shown=dict(before.shown), open=set())
        return Disk(self._work, seed=seed), ledger

    def examine(self, disk: Disk, ledger: Ledger) -> int:
        # The side file of an old copy is right to complain.
        look_aside = self.scenario.tamper is None
        return examine(disk.folder, self._states, ledger, self.scenario.unlike, look_aside=look_aside)

    @property
    def states(self) -> States:
        return self._states

    async def _run_without_faults(self) -> None:
        states, unlike = self._states, self.scenario.unlike
        disk, ledger = self.fresh()
        if (self._base / DATABASE).exists():
            states.add(state_in(self._base, unlike))

        def after_commit(raw: object) -> None:
            states.add(state_of(raw.execute, unlike))  # type: ignore[attr-defined]

        life = self.scenario.make_life(disk, ledger, batch_units=1, after_commit=after_commit)
        life.alone = lambda deed: states.index_of.setdefault(deed.name, states.newest)
        with suppress(Ended):
            await life.open()
            for step in self.scenario.steps:
                await step(life)
        await self._end(life)
        disk.close()

    async def _count_calls(self) -> list[Kind]:
        disk, ledger = self.fresh()
        life = self.scenario.make_life(disk, ledger)
        await live_through(life, self.scenario, None)
        calls = list(disk.calls)
        await self._end(life)
        disk.close()
        return calls

    @staticmethod
    async def _end(life: Life) -> None:
        with suppress(Exception):
            await life.close()


async def live_through(life: Life, scenario: Scenario, point: Point | None) -> bool:
    """One process from start to end. True if it got through all steps."""
    at, fault = (point.at, point.fault) if point is not None else (0, None)
    disk = life.disk
    try:
        if scenario.while_opening:
            disk.arm(at, fault)
        await life.open()
        if not scenario.while_opening:
            disk.arm(at, fault)
        for step in scenario.steps:
            await step(life)
    except Ended:
        return False
    return True


class _Trial:
    """One point."""

    def __init__(self, course: Course, point: Point, totals: Totals) -> None:
        self._course = course
        self._scenario = course.scenario
        self._point = point
        self._seen = totals.seen
        self._disk, self._ledger = course.fresh(point.seed)

    async def run(self) -> None:
        disk, ledger = self._disk, self._ledger
        life = self._scenario.make_life(disk, ledger)
        doubt: set[str] = set()
        try:
            try:
                await live_through(life, self._scenario, self._point)
            finally:
                doubt = life.in_doubt
                await self._end(life)
            if disk.struck is None:
                self._seen["not reached"] += 1
                return
            self._seen[
                "stopped by itself" if life.failure else "refused" if ledger.refused else "went on"
            ] += 1
            self._judge(doubt)
            await self._again()
        finally:
            disk.close()

    async def _end(self, life: Life) -> None:
        """As the process ends: gone, or closed by itself, or killed while it tries."""
        disk = self._disk
        if not disk.crashed and life.failure is not None and self._point.seed % 2:
            disk.kill()
        # What was met in a crash or by a failed store was said already; the disk does not change any more.
        with suppress(Exception):
            await life.close()
        disk.settle() if disk.crashed else disk.replace()

    def _judge(self, doubt: set[str]) -> None:
        """What recovery finds, before anybody does anything about it."""
        number = self._course.examine(self._disk, self._ledger)
        if doubt:
            there = any(self._course.states.index_of.get(name, number + 1) <= number for name in doubt)
            self._seen["failed COMMIT found present" if there else "failed COMMIT found absent"] += 1

    async def _again(self) -> None:
        """The next process: everything is asked again. Then the power is lost."""
        disk, ledger = self._disk, self._ledger
        life = self._scenario.make_life(disk, ledger)
        try:
            await live_through(life, self._scenario, None)
            if life.failure is not None:
                raise Wrong(f"does not work on a disk that works: {life.failure}")
            missing = set(self._course.states.index_of) - set(ledger.answers)
            if missing:
                raise Wrong(f"never answered: {sorted(missing)}")
        finally:
            if not disk.crashed:
                disk.lose_power()
            with suppress(Exception):
                await life.close()
            disk.settle()
        number = self._course.examine(disk, ledger)
        if number != self._course.states.newest:
            raise Wrong(f"ends in state {number}, not in {self._course.states.newest}")


async def sweep(
    scenarios: Sequence[Scenario],
    folder: Path,
    *,
    share: int | None,
    seed: int,
    part: tuple[int, int] = (0, 1),
) -> Totals:
    """`share`: points of each scenario, evenly over its calls and faults; None: all. `part`: every so-manyth of them."""
    totals = Totals()
    for number, scenario in enumerate(scenarios):
        place = folder / str(number)
        place.mkdir()
        course = Course(scenario, place)
        await course.prepare()
        count = None if share is None else round(share * scenario.share)
        for point in chosen(course.points, count, seed)[part[0] :: part[1]]:
            await course.try_point(point, totals)
        shutil.rmtree(place)
    return totals


def _memory() -> str | None:
    """A folder in memory, where there is one: the checker's copies are really synced."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def chosen(points: Sequence[Point], share: int | None, seed: int) -> list[Point]:
    """Evenly: points beside each other are the faults of one call."""
    if share is None or share >= len(points):
        return list(points)
    start = random.Random(seed).random()
    return [points[int((index + start) * len(points) / share)] for index in range(share)]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", default="120")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--part", default="0/1")
    arguments = parser.parse_args()
    index, _, count = arguments.part.partition("/")
    share = None if arguments.points == "all" else int(arguments.points)
    wanted = [each for each in ALL if arguments.only in each.name]
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="storage-faults-", dir=_memory()) as folder:
        totals = asyncio.run(
            sweep(wanted, Path(folder), share=share, seed=arguments.seed, part=(int(index), int(count)))
        )
    json.dump(
        {
            "points": totals.points,
            "seen": totals.seen,
            "wrong": totals.wrong,
            "seconds": time.perf_counter() - started,
        },
        sys.stdout,
        indent=1,
    )
    return 1 if totals.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
