"""Compares this tree with another checkout of imserver: CPU of posts, pages and lists, alternating, medians with their spread.

Disturbances of the machine meet both, so the ratio of a row is worth more than its figures. The generators of this tree drive
both servers; the other checkout needs its own environment (`make demo` there makes one).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import click

from benchmarks.clients.listers import ListPlan, ListsRead
from benchmarks.clients.readers import PagesRead, ReadPlan
from benchmarks.measure import Bench, Figures, measure, pair_lanes
from benchmarks.plan import LanePlan, PartyPlan
from benchmarks.processes import direct, imserver
from benchmarks.scenarios.groups import OWNER, enter_once, group_of
from benchmarks.scenarios.returning import client_cpus, worked
from benchmarks.tables import Table

WINDOWS = (1, 64)
PAGES = (1, 50, 200)
#: Messages in each conversation from which pages are read.
STORED_EACH = 400
#: Groups in the list that is read whole, and the members of the group that is posted to.
GROUPS = 3_000
#: Groups in which something changed, of that list's.
CHANGED = 10
MEMBERS = 1_000
IN_FLIGHT = 16
_SEED = 20261129

#: The title of a piece of work, and its CPU microseconds.
Cost = tuple[str, float]


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
    figures: dict[str, Figure] = {}
    theirs, ours = command_of(other), [sys.executable, "-m", "imserver.cli"]
    for number in range(rounds):
        for work in WORKS:
            # Each goes first in every other round.
            turns = [(theirs, "theirs"), (ours, "ours")]
            for command, whose in turns if number % 2 else reversed(turns):
                for title, cost_us in work(bench, command, number):
                    getattr(figures.setdefault(title, Figure(title)), whose).append(cost_us)
        said(f"round {number + 1} of {rounds}")
    return list(figures.values())


def _posts(bench: Bench, command: Sequence[str], number: int) -> Iterator[Cost]:
    for window in WINDOWS:
        with imserver(command=command) as target:
            figures = measure(bench, target, pair_lanes(target, bench.pairs), window=window)
        yield f"post, window {window}", _per_message(figures)


def _group(bench: Bench, command: Sequence[str], number: int) -> Iterator[Cost]:
    members = [f"m{one}" for one in range(bench.scaled(MEMBERS, least=3))]
    with imserver(command=command) as target:
        group = group_of(target, members)
        parties = [PartyPlan(name, target.token(name)) for name in members]
        lane = LanePlan(0, PartyPlan(OWNER, target.token(OWNER)), parties, group)
        figures = measure(bench, target, [lane], window=IN_FLIGHT, until_all=True)
    yield f"post to {len(members):,} members", _per_message(figures)


def _per_message(figures: Figures) -> float:
    if not figures.outcome.clean:
        raise RuntimeError(f"not clean: {figures.outcome}")
    return figures.cpu_s_per_100k * 10


def _pages(bench: Bench, command: Sequence[str], number: int) -> Iterator[Cost]:
    pairs = [(f"b{one}", direct(f"a{one}", f"b{one}")) for one in range(bench.pairs)]
    with imserver(command=command) as target:
        for one in range(bench.pairs):
            enter_once(target, f"a{one}")
        for page in PAGES:
            plan = ReadPlan(
                target.host,
                target.port,
                [PartyPlan(name, target.token(name)) for name, _ in pairs],
                [conversation_id for _, conversation_id in pairs],
                [STORED_EACH // 2 if page != PAGES[0] else STORED_EACH] * len(pairs),
                bench.seconds,
                _SEED + number,
                client_cpus(bench),
                page,
                page == PAGES[0],
            )
            read, cpu_s, _ = worked(target, "benchmarks.clients.readers", plan, PagesRead)
            if read.wrong:
                raise RuntimeError(f"{read.wrong} pages were wrong")
            yield f"page of {page}", cpu_s / max(1, read.pages) * 1e6


def _lists(bench: Bench, command: Sequence[str], number: int) -> Iterator[Cost]:
    groups = bench.scaled(GROUPS, least=10)
    with imserver(command=command) as target:
        me, *others = (PartyPlan(name, target.token(name)) for name in ("ann", "bob", "cem"))
        plan = ListPlan(target.host, target.port, me, others, groups, bench.seconds, client_cpus(bench))
        read, cpu_s, _ = worked(target, "benchmarks.clients.listers", plan, ListsRead)
    yield f"sync of {groups:,} groups", _per_list(read, cpu_s)


def _changes(bench: Bench, command: Sequence[str], number: int) -> Iterator[Cost]:
    groups = bench.scaled(GROUPS // 10, least=20)
    with imserver(command=command) as target:
        me, *others = (PartyPlan(name, target.token(name)) for name in ("ann", "bob", "cem"))
        plan = ListPlan(
            target.host, target.port, me, others, groups, bench.seconds, client_cpus(bench), CHANGED
        )
        read, cpu_s, _ = worked(target, "benchmarks.clients.listers", plan, ListsRead)
    yield f"sync, {CHANGED} of {groups:,} groups changed", _per_list(read, cpu_s)


def _per_list(read: ListsRead, cpu_s: float) -> float:
    if read.wrong:
        raise RuntimeError(f"{read.wrong} lists were wrong")
    return cpu_s / max(1, read.lists) * 1e6


#: Each starts a server by the command that it is given.
WORKS: tuple[Callable[[Bench, Sequence[str], int], Iterator[Cost]], ...] = (
    _posts,
    _group,
    _pages,
    _lists,
    _changes,
)


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
