"""`python -m benchmarks run latency --rival redis-always`: measure, print the tables, keep the result."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import uvloop
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import machine, native
from benchmarks.compare import comparison
from benchmarks.measure import Bench
from benchmarks.printing import console, print_result, print_table
from benchmarks.report import write_report
from benchmarks.results import Result, Row, read, result_of, save
from benchmarks.rivals import RIVALS
from benchmarks.scenarios import SCENARIOS, reading
from benchmarks.stages import stages
from benchmarks.tables import Table
from benchmarks.versus import table, versus

RESULTS = Path(__file__).parent / "results"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path)


@click.group()
def main() -> None:
    """Benchmarks of imserver: always against something else in the same run."""


@main.command("list")
def list_scenarios() -> None:
    """Name the scenarios and the rivals."""
    for scenario in SCENARIOS.values():
        click.echo(f"{scenario.name:12} {scenario.help}{' (rivals)' if scenario.has_rivals else ''}")
    click.echo()
    for rival in RIVALS.values():
        click.echo(f"--rival {rival.name:17} {rival.title}{' (durable)' if rival.durable else ''}")


@main.command()
@click.argument("names", nargs=-1, type=click.Choice(sorted(SCENARIOS)))
@click.option(
    "--rival", "rivals", multiple=True, type=click.Choice([*RIVALS, "all"]), help="Beside imserver."
)
@click.option(
    "--seconds",
    default=5.0,
    show_default=True,
    type=click.FloatRange(0.1, 600),
    help="Measured time of a row.",
)
@click.option(
    "--warm-up", default=1.5, show_default=True, type=click.FloatRange(0, 60), help="Seconds before it."
)
@click.option(
    "--scale",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.001, 1),
    help="Of sizes: clients, messages.",
)
@click.option(
    "--stored",
    default=100_000,
    show_default=True,
    type=click.IntRange(1_000),
    help="Messages stored in `growth` and `backup`.",
)
@click.option(
    "--loop",
    default="c",
    show_default=True,
    type=click.Choice(["c", "python"]),
    help="The generator's hot loop.",
)
@click.option("--json", "json_path", type=_OUT, help="Result file to write.")
@click.option("--report", "report_path", type=_OUT, help="HTML page to write, with latency curves.")
def run(
    names: tuple[str, ...],
    rivals: tuple[str, ...],
    seconds: float,
    warm_up: float,
    scale: float,
    stored: int,
    loop: str,
    json_path: Path | None,
    report_path: Path | None,
) -> None:
    """Run scenarios (none named: all). Exit 1 if anything was lost, doubled, out of order or refused."""
    machine.allow_many_files()
    chosen = tuple(RIVALS) if "all" in rivals else rivals
    with tempfile.TemporaryDirectory(prefix="imserver-bench-") as folder:
        library = native.compiled(Path(folder)) if loop == "c" else ""
        bench = Bench(machine.cores(), library, seconds, warm_up, scale=scale, growth_messages=stored)
        rows = measured(bench, names or tuple(SCENARIOS), chosen)
    result = result_of(bench, rows, rivals=list(chosen), stored=stored)
    print_result(console(), result)
    path = json_path or RESULTS / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}.json"
    save(path, result)
    click.echo(f"kept in {path}")
    if report_path:
        write_report(report_path, result)
        click.echo(f"report in {report_path}")
    if not all(row.clean for row in rows):
        raise SystemExit(1)


@main.command("plugin-memory")
def plugin_memory() -> None:
    """Print what a process takes more with the booking plugin: imported, and with its tables read and used once."""
    figures = reading.memory().figures
    click.echo(f"imported {figures['import_mib']:.1f} MiB, read and used {figures['ready_mib']:.1f} MiB")


@main.command()
@click.argument("path", type=_FILE)
@click.option("--report", "report_path", type=_OUT, help="HTML page to write.")
def show(path: Path, report_path: Path | None) -> None:
    """Print a kept result, with the targets."""
    result = _read(path)
    print_result(console(), result)
    if report_path:
        write_report(report_path, result)


@main.command()
@click.argument("first", type=_FILE)
@click.argument("second", type=_FILE)
def compare(first: Path, second: Path) -> None:
    """Print the ratios of two results (second over first), with a mark for what is within noise."""
    print_table(console(), comparison(_read(first), _read(second)))


@main.command("versus")
@click.argument("checkout", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1, 50), help="Runs of each.")
@click.option("--seconds", default=3.0, show_default=True, type=click.FloatRange(0.1, 600), help="Each.")
def run_versus(checkout: Path, rounds: int, seconds: float) -> None:
    """Measure this tree and another checkout in turns: CPU of a post and of a page."""
    machine.allow_many_files()
    with tempfile.TemporaryDirectory(prefix="imserver-bench-") as folder:
        bench = Bench(machine.cores(), native.compiled(Path(folder)), seconds, 1.0)
        print_table(console(), table(versus(bench, checkout.resolve(), rounds, click.echo)))


@main.command("stages")
def show_stages() -> None:
    """Print where the time of a post goes in the server, stage by stage."""
    found = uvloop.run(stages())
    lines = [[stage.name, stage.case, f"{stage.cpu_us:.2f}"] for stage in found]
    print_table(
        console(), Table("stages of a post", ["stage", "case", "CPU µs a post"], lines, [""] * len(lines))
    )


def measured(bench: Bench, names: Sequence[str], rivals: Sequence[str]) -> list[Row]:
    """All rows, with a progress bar."""
    rows: list[Row] = []
    total = sum(SCENARIOS[name].steps(bench, rivals) for name in names)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(), transient=True, refresh_per_second=2) as progress:
        task = progress.add_task("measuring", total=total)
        for name in names:
            progress.update(task, description=name)
            for row in SCENARIOS[name].run(bench, rivals):
                rows.append(row)
                progress.update(task, advance=1, description=f"{row.scenario} · {row.target} · {row.case}")
    return rows


def _read(path: Path) -> Result:
    try:
        return read(path)
    except ValueError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    # The server's core is for the server alone: child processes inherit the others.
    machine.pin(os.getpid(), tuple(cpu for share in machine.cores().generators for cpu in share))
    main(prog_name="python -m benchmarks")
