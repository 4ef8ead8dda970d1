"""`python -m tests.mutants`: plant every mutant in a copy of the tree, and see that the tests notice. Exit 1 below 100 %."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from .patches import TABLE, Mutant, read_table
from .tree import Tree, Unusable, copy_sources
from .trial import Result, Trials, Verdict, require_green

ROOT = Path(__file__).resolve().parents[2]
_COLOURS = {Verdict.CAUGHT: "green", Verdict.SURVIVED: "red", Verdict.HUNG: "red", Verdict.UNUSABLE: "yellow"}


@click.command()
@click.option("--folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=TABLE,
              help="Where the patch files are. Of a bare diff the tests of its area are asked, then all.")  # fmt: skip
@click.option("--only", metavar="NAME", help="This one alone.")
@click.option(
    "-j", "--jobs", default=2, show_default=True, type=click.IntRange(1, 16), help="Copies of the tree."
)
@click.option(
    "--root", type=click.Path(exists=True, file_okay=False, path_type=Path), default=ROOT, hidden=True
)
def main(folder: Path, only: str | None, jobs: int, root: Path) -> None:
    """Plant one-line sabotages, one at a time, and count those that a test notices."""
    mutants = [mutant for mutant in read_table(folder) if only in (None, mutant.name)]
    console = Console(width=None if Console().is_terminal else 170)
    if not mutants:
        raise click.ClickException(f"no mutant {only!r}" if only else f"{folder}: no .patch or .diff files")
    try:
        with tempfile.TemporaryDirectory(prefix="imserver-mutants-") as name:
            place = Path(name).resolve()
            results = asyncio.run(try_all(console, root, place, mutants, min(jobs, len(mutants))))
    except Unusable as error:
        raise click.ClickException(str(error)) from None
    show(console, results)
    if any(result.verdict is not Verdict.CAUGHT for result in results):
        raise SystemExit(1)


async def try_all(
    console: Console, root: Path, place: Path, mutants: Sequence[Mutant], jobs: int
) -> list[Result]:
    """Try all mutants; results in their order. `place` holds the copies."""
    with Progress(console=console, transient=True) as progress:
        copy_sources(root, place / "pristine")
        trees = [Tree(place / "pristine", place / f"copy{number}") for number in range(jobs + 1)]
        await trees[0].check()
        task = progress.add_task("without any mutant", total=len(mutants))
        await require_green(trees[0], mutants, jobs)
        trials = Trials(trees[1:], confirm=trees[0])

        async def one(mutant: Mutant) -> Result:
            result = await trials.try_one(mutant)
            progress.update(task, advance=1, description=mutant.name)
            line = f"{result.verdict.value:9} {mutant.name}  {result.by}"
            console.print(line, style=_COLOURS[result.verdict], markup=False, highlight=False, soft_wrap=True)
            return result

        return await asyncio.gather(*(one(mutant) for mutant in mutants))


def show(console: Console, results: Sequence[Result]) -> None:
    """The table, and one line at the end."""
    table = Table("mutant", "breaks", "noticed by", "s", box=None)
    for result in sorted(results, key=lambda result: result.verdict is not Verdict.CAUGHT):
        by = (
            result.by
            if result.verdict is Verdict.CAUGHT
            else f"{result.verdict.value.upper()} {result.by}".strip()
        )
        note = "" if result.named else " (not the test of its header)"
        table.add_row(
            result.mutant.name,
            result.mutant.breaks,
            f"{by}{note}".replace("[", "\\["),
            f"{result.seconds:.1f}",
        )
    console.print(table)
    counts = Counter(result.verdict for result in results)
    rest = ", ".join(f"{counts[v]} {v.value}" for v in Verdict if v is not Verdict.CAUGHT and counts[v])
    console.print(
        f"caught {counts[Verdict.CAUGHT]} / planted {len(results)}" + (f" ({rest})" if rest else "")
    )


if __name__ == "__main__":
    main(prog_name="python -m tests.mutants")
