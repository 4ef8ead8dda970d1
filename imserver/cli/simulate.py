"""`imserver simulate`: the whole system on virtual time, under every kind of fault, one seed after another."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from imserver.errors import ImserverError
from imserver.proof.simulation.report import Totals
from imserver.proof.simulation.runs import run_many, run_one

from .app import EXIT_FAILED

#: Printed findings and lines of a failed seed, and printed seeds.
MAX_FINDINGS, MAX_LAST, MAX_FAILURES = 12, 25, 5


class CannotSimulate(ImserverError):
    """Usage that the options' types cannot exclude."""


@click.command()
@click.option(
    "--seeds", metavar="N", type=click.IntRange(min=1), default=100, show_default=True, help="How many seeds."
)
@click.option("--first", metavar="n", type=int, default=1, show_default=True, help="The first of them.")
@click.option("--seed", metavar="n", type=int, help="Replay this one seed.")
@click.option("-v", "--verbose", is_flag=True, help="With --seed: print everything that happened.")
@click.option(
    "--events",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --seed: write everything that happened to FILE.",
)
@click.option(
    "--jobs", metavar="J", type=click.IntRange(min=1), default=1, show_default=True, help="Processes."
)
@click.option(
    "--seconds",
    metavar="S",
    type=click.FloatRange(min=0),
    default=0.0,
    help="Go on with more seeds until S seconds are over.",
)
@click.option(
    "--thorough",
    is_flag=True,
    help="Fail unless there were a million payload frames, and 500 of each kind of fault.",
)
@click.option(
    "--report",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the totals as JSON.",
)
def simulate(
    seeds: int,
    first: int,
    seed: int | None,
    verbose: bool,
    events: Path | None,
    jobs: int,
    seconds: float,
    thorough: bool,
    report: Path | None,
) -> int:
    """Simulate server, clients, network and disk, and look for anything lost, doubled or out of order.

    A seed is one run; the same seed is the same run, everywhere. Exit 1 if any seed finds anything.
    """
    if seed is not None:
        return _replay(seed, verbose, events)
    totals = _run(seeds, first, jobs, seconds)
    if report is not None:
        try:
            report.write_text(json.dumps(totals.as_json(), indent=1) + "\n", "utf-8")
        except OSError as error:
            raise CannotSimulate(f"{report}: {error.strerror}") from None
    return _tell(totals, thorough)


def _replay(seed: int, verbose: bool, events: Path | None) -> int:
    outcome = run_one(seed, whole=True)
    lines = outcome.journal.lines()
    if events is not None:
        try:
            events.write_text("\n".join(lines) + "\n", "utf-8")
        except OSError as error:
            raise CannotSimulate(f"{events}: {error.strerror}") from None
    if verbose:
        click.echo("\n".join(lines))
    totals = Totals()
    totals.add(outcome, 0.0)
    for finding in outcome.findings:
        click.echo(f"seed {seed}: {finding}")
    click.echo(
        f"seed {seed}: {outcome.virtual_s:.1f} s of virtual time, {totals.payload_frames:,} payload frames,"
        f" {len(outcome.findings)} findings, log digest {outcome.digest}"
    )
    return EXIT_FAILED if outcome.findings else 0


def _run(seeds: int, first: int, jobs: int, seconds: float) -> Totals:
    if not sys.stdout.isatty():
        return run_many(first, seeds, jobs=jobs, seconds=seconds)
    columns = (TextColumn("simulating"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, TimeRemainingColumn(), transient=True) as progress:
        task = progress.add_task("", total=seeds)
        return run_many(first, seeds, jobs=jobs, seconds=seconds, told=_bar(progress, task))


def _bar(progress: Progress, task: object) -> Callable[[Totals], None]:
    def told(totals: Totals) -> None:
        frames = f"{totals.payload_frames:,} frames, {len(totals.failures)} failed"
        progress.update(task, completed=totals.seeds, description=frames)  # type: ignore[arg-type]

    return told


def _tell(totals: Totals, thorough: bool) -> int:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for what, how_much in totals.lines():
        table.add_row(what, how_much)
    Console(width=None if sys.stdout.isatty() else 128, highlight=False).print(table)
    for failure in sorted(totals.failures, key=lambda failure: failure.seed)[:MAX_FAILURES]:
        click.echo(f"\nseed {failure.seed} failed; replay it: imserver simulate --seed {failure.seed} -v")
        for finding in failure.findings[:MAX_FINDINGS]:
            click.echo(f"  {finding}")
        click.echo("  what happened last:")
        for line in failure.last[-MAX_LAST:]:
            click.echo(f"    {line[:160]}")
    shortcomings = list(totals.shortcomings(thorough=thorough))
    for text in shortcomings:
        click.echo(f"not enough: {text}")
    if totals.failures:
        click.echo(f"seeds that failed: {' '.join(str(one.seed) for one in totals.failures[:200])}")
    return EXIT_FAILED if totals.failures or shortcomings else 0
