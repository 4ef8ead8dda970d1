"""`python -m benchmarks run echo latency`: measure, print the table, keep the result."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from benchmarks.measure import Row
from benchmarks.results import save, show
from benchmarks.scenarios import SCENARIOS

RESULTS = Path(__file__).parent / "results"


@click.group()
def main() -> None:
    """Benchmarks of imserver: always against something else in the same run."""


@main.command("list")
def list_scenarios() -> None:
    """Name the scenarios."""
    for scenario in SCENARIOS.values():
        click.echo(f"{scenario.name:10} {scenario.help}")


@main.command()
@click.argument("names", nargs=-1, required=True, type=click.Choice(sorted(SCENARIOS)))
@click.option(
    "--seconds",
    default=8.0,
    show_default=True,
    type=click.FloatRange(1, 600),
    help="Measured time of each row.",
)
@click.option(
    "--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Result file to write."
)
def run(names: tuple[str, ...], seconds: float, json_path: Path | None) -> None:
    """Run scenarios. Exit 1 if anything was lost, doubled, out of order or refused."""
    console = Console(width=None if Console().is_terminal else 170)
    rows: list[Row] = []
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("measuring", total=sum(SCENARIOS[name].steps for name in names))
        for name in names:
            for row in SCENARIOS[name].run(seconds):
                rows.append(row)
                progress.update(task, advance=1, description=f"{row.scenario} {row.target} {row.rate:g}/s")
    show(console, rows)
    path = json_path or RESULTS / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}.json"
    save(path, rows)
    console.print(f"kept in {path}", markup=False)
    if not all(row.report.clean for row in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
