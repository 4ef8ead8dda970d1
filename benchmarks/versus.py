"""Compares this tree with another checkout of imserver: CPU of a post and of a page, alternating, medians with their spread.

Disturbances of the machine meet both, so the ratio of a row is worth more than its figures. The generators of this tree drive
both servers; the other checkout needs its own environment (`make demo` there makes one).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import click

from benchmarks.clients.readers import PagesRead, ReadPlan
from benchmarks.fill import fill
from benchmarks.measure import Bench, measure, pair_lanes
from benchmarks.plan import PartyPlan
from benchmarks.processes import Target, direct, imserver, temporary_folder
from benchmarks.scenarios.returning import client_cpus, worked
from benchmarks.tables import Table

WINDOWS = (1, 64)
#: Messages in each conversation from which pages are read.
STORED_EACH = 200
_SEED = 20261129


@dataclass(slots=True)
class Figure:
    """CPU microseconds of one piece of work, run by run."""

    title: str
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Ours over theirs, of the medians."""
        return median(self.ours) / median(self.theirs)


def command_of(checkout: Path) -> list[str]:
    """The command that starts a checkout's server. Raises click.ClickException if it has no environment."""
    command = checkout / ".venv" / "bin" / "imserver"
    if not command.exists():
        raise click.ClickException(f"{checkout}: no environment there (run `make demo` in it once)")
    return [str(command)]


def versus(bench: Bench, other: Path, rounds: int, said: Callable[[str], None]) -> list[Figure]:
    """Measure every figure, alternating. Raises RuntimeError if a message was lost, doubled or out of order."""
    figures = {
        title: Figure(title) for title in (*(f"post, window {window}" for window in WINDOWS), "page of 50")
    }
    theirs, ours = command_of(other), [sys.executable, "-m", "imserver.cli"]
    for number in range(rounds):
        # Each goes first in every other round.
        turns = [(theirs, "theirs"), (ours, "ours")]
        for command, whose in turns if number % 2 else reversed(turns):
            for title, cost_us in _one(bench, command, number):
                getattr(figures[title], whose).append(cost_us)
            said(f"round {number + 1} of {rounds}, {whose}")
    return list(figures.values())


def _one(bench: Bench, command: Sequence[str], number: int) -> list[tuple[str, float]]:
    found = []
    for window in WINDOWS:
        with imserver(command=command) as target:
            figures = measure(bench, target, pair_lanes(target, bench.pairs), window=window)
            if not figures.outcome.clean:
                raise RuntimeError(f"not clean: {figures.outcome}")
            found.append((f"post, window {window}", figures.cpu_s_per_100k * 10))
    with temporary_folder() as folder:
        pairs = [(f"a{one}", f"b{one}", direct(f"a{one}", f"b{one}")) for one in range(bench.pairs)]
        fill(folder / "pages.db", pairs, STORED_EACH)
        with imserver(command=command, database=folder / "pages.db") as target:
            found.append(("page of 50", _pages(bench, target, pairs, number)))
    return found


def _pages(bench: Bench, target: Target, pairs: Sequence[tuple[str, str, str]], number: int) -> float:
    plan = ReadPlan(
        target.host,
        target.port,
        [PartyPlan(other, target.token(other)) for _, other, _ in pairs],
        [conversation_id for _, _, conversation_id in pairs],
        [STORED_EACH // 2] * len(pairs),
        bench.seconds,
        _SEED + number,
        client_cpus(bench),
    )
    read, cpu_s, _ = worked(target, "benchmarks.clients.readers", plan, PagesRead)
    if read.wrong:
        raise RuntimeError(f"{read.wrong} pages were wrong")
    return cpu_s / max(1, read.pages) * 1e6


def table(figures: Sequence[Figure]) -> Table:
    """Medians, the spread of each, and the ratio."""
    lines = [
        [figure.title, _spread(figure.ours), _spread(figure.theirs), f"{figure.ratio:.3f}"]
        for figure in figures
    ]
    heads = ["work", "this tree", "the other", "ratio"]
    return Table("CPU µs: median (least-most)", heads, lines, [""] * len(lines))


def _spread(runs: Sequence[float]) -> str:
    return f"{median(runs):.2f} ({min(runs):.2f}-{max(runs):.2f})"
