"""`python -m tests.understanding`: how well the reader understands, in tables; exit 1 if a bar of the design is not reached."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from . import digests, page
from .bars import bars
from .corpus import FOLDER, HALVES, Half
from .judge import Outcome
from .measure import Measured, measure, measure_apart
from .tables import show, show_alarms, show_apart, show_dialogues, show_texts

ROOT = FOLDER.parents[1]
FIRST_SCORE = FOLDER / "first_score.json"
_OUTCOMES = {outcome.name.lower(): outcome for outcome in Outcome if outcome is not Outcome.RIGHT}


@click.group(invoke_without_command=True)
@click.option("--half", type=click.Choice([*HALVES, "both"]), default="both", show_default=True)
@click.option("--show", "shown", multiple=True, type=click.Choice([*_OUTCOMES, "dialogues", "alarms"]),
              help="List these of the open half, text by text. Of the sealed half nothing is ever listed.")  # fmt: skip
@click.pass_context
def main(context: click.Context, half: str, shown: Sequence[str]) -> None:
    """Measure the reader on the corpus."""
    if context.invoked_subcommand is not None:
        return
    console = Console(width=None if Console().is_terminal else 130)
    fails = 0
    halves: tuple[Half, ...] = HALVES if half == "both" else ("open",) if half == "open" else ("sealed",)
    for one in halves:
        measured = measure(one, lambda text: console.print(f"[dim]{text}[/dim]"))
        held = list(bars(measured))
        show(console, measured, held, first_score(FIRST_SCORE) if one == "sealed" else None)
        if one == "open":
            show_apart(console, measure_apart(lambda text: console.print(f"[dim]{text}[/dim]")))
            _list(console, measured, shown)
        fails += sum(not bar.holds for bar in held)
    console.print(f"[red]{fails} bars fail" if fails else "[green]every bar holds")
    context.exit(1 if fails else 0)


@main.command("first-score")
def keep_first_score() -> None:
    """Measure the sealed half and keep its first score, for ever: a second time is refused."""
    if FIRST_SCORE.exists():
        raise click.ClickException(f"{FIRST_SCORE.name} is there, and the first score stays")
    kept = {"commit": _commit(), "day": f"{datetime.now(UTC):%Y-%m-%d}", "score": measure("sealed").score()}
    with FIRST_SCORE.open("x", encoding="utf-8") as file:
        file.write(json.dumps(kept, indent=2) + "\n")
    click.echo(json.dumps(kept, indent=2))


@main.command("page")
def fill_page() -> None:
    """Measure the sealed half and put its first and its present score on docs/understanding.md."""
    if not FIRST_SCORE.exists():
        raise click.ClickException("the first score is not kept yet: first-score")
    kept = json.loads(FIRST_SCORE.read_text("utf-8"))
    page.fill(
        ROOT / "docs" / "understanding.md", kept, measure("sealed").score(), f"{datetime.now(UTC):%Y-%m-%d}"
    )


@main.command("keep")
def keep_digests() -> None:
    """Note the digests of texts that are new. What was changed or taken away is refused unless a decision names it."""
    found = digests.compare(digests.kept(), digests.present(), digests.decided(ROOT))
    if found.undecided:
        raise click.ClickException(
            "changed or taken away, and no decision says so: " + ", ".join(found.undecided)
        )
    digests.write(digests.present())
    click.echo(f"{found.new} texts are new, {found.decided} others than they were")


def first_score(file: Path) -> Mapping[str, Any] | None:
    """The score that was kept; None before there is one."""
    return json.loads(file.read_text("utf-8"))["score"] if file.exists() else None


def _list(console: Console, measured: Measured, shown: Sequence[str]) -> None:
    for name in shown:
        console.rule(name)
        if name == "dialogues":
            show_dialogues(console, measured)
        elif name == "alarms":
            show_alarms(console, measured)
        else:
            show_texts(console, measured, _OUTCOMES[name])


def _commit() -> str:
    return subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


if __name__ == "__main__":
    main()
