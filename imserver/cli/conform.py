"""`imserver conform`: plays the server against a client in any language, and says what it does wrong."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import click

from imserver.conformance.judge import Judge, Outcome, Verdict
from imserver.conformance.scenario import Scenario
from imserver.conformance.scenarios import SCENARIOS
from imserver.conformance.wires import LISTEN
from imserver.errors import ImserverError

from .app import EXIT_FAILED
from .run_cancellable import run_cancellable
from .sanitize import escaped
from .tables import Cell, Column, Look, Table, show, terminal_width

_LOOKS = {
    Verdict.PASSED: Look.PLAIN,
    Verdict.FAILED: Look.RED,
    Verdict.NOT_APPLICABLE: Look.DIM,
    Verdict.LEFT_OUT: Look.DIM,
}
#: Of what happened in a scenario that failed, what is printed.
SHOWN_NOTES = 25


class CannotConform(ImserverError):
    """Usage that the options' types cannot exclude."""


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("driver", metavar="[--] DRIVER…", nargs=-1, type=click.UNPROCESSED)
@click.option("--list", "list_them", is_flag=True, help="List the scenarios, and play nothing.")
@click.option("--only", metavar="NAME", multiple=True, help="Only these: resume/half-a-frame, or resume/*.")
@click.option(
    "--transport", type=click.Choice(list(LISTEN)), default="tcp", show_default=True, help="How it connects."
)
@click.option("--slow", is_flag=True, help="Also scenarios that wait for the protocol's long times.")
@click.option("-v", "--verbose", is_flag=True, help="Print what happened in each scenario that failed.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each scenario.")
def conform(
    driver: tuple[str, ...],
    list_them: bool,
    only: tuple[str, ...],
    transport: str,
    slow: bool,
    verbose: bool,
    as_json: bool,
) -> int:
    """Play the server against a client, and judge what it does by protocol/SPEC.md.

    DRIVER is a program, with its arguments, that does with your client what it is told on its standard input, and tells on its
    standard output what the client says: docs/clients.md has the lines. What it says that the client lacks is not played, and
    listed as such.

    \b
    Try it:
        imserver conform -- python clients/python/examples/conformance_driver.py
        imserver conform --only 'resume/*' -v -- node driver.js

    Exit 0: every scenario that was played has passed; 1: one has failed.
    """
    chosen = _chosen(only)
    if list_them:
        _list(chosen, as_json)
        return 0
    if not driver:
        raise CannotConform("no driver: imserver conform [OPTIONS] -- PROGRAM ARGUMENTS…")
    outcomes = run_cancellable(_run(driver, transport, chosen, slow=slow, as_json=as_json))
    failed = [one for one in outcomes if one.verdict is Verdict.FAILED]
    for one in failed if not as_json else ():
        click.echo(f"\n{one.scenario.name}: {escaped(one.text)} (SPEC section {one.section})")
        for note in one.notes[-SHOWN_NOTES:] if verbose else ():
            click.echo(f"  {escaped(note)}")
    return EXIT_FAILED if failed else 0


def _chosen(only: Sequence[str]) -> list[Scenario]:
    chosen = [one for one in SCENARIOS if not only or any(fnmatch(one.name, pattern) for pattern in only)]
    if not chosen:
        raise CannotConform(f"no scenario is called {', '.join(only)}; imserver conform --list has them all")
    return chosen


async def _run(
    driver: Sequence[str], transport: str, chosen: Sequence[Scenario], *, slow: bool, as_json: bool
) -> list[Outcome]:
    counted = not as_json and sys.stderr.isatty()
    done = 0

    def told(outcome: Outcome) -> None:
        nonlocal done
        done += 1
        if as_json:
            click.echo(json.dumps(_as_json(outcome), ensure_ascii=False))
        elif counted:
            click.echo(f"\r{done} of {len(chosen)} scenarios\x1b[K", nl=False, err=True)

    with tempfile.TemporaryDirectory(prefix="imserver-conform-") as folder:
        greeting, outcomes = await Judge(driver, transport, Path(folder), told).run(chosen, slow=slow)
    if counted:
        click.echo("\r\x1b[K", nl=False, err=True)
    if not as_json:
        _print(greeting.name, transport, outcomes)
    return outcomes


def _print(name: str, transport: str, outcomes: Sequence[Outcome]) -> None:
    columns = [Column("scenario"), Column("verdict"), Column("SPEC"), Column("what the client did", least=20)]
    table = Table(columns, terminal_width())
    rows = [
        [
            Cell(one.scenario.name),
            Cell(one.verdict.value, _LOOKS[one.verdict]),
            Cell(one.section or " ".join(one.scenario.sections)),
            Cell(escaped(one.text.strip().splitlines()[-1] if one.text else one.scenario.about)),
        ]
        for one in outcomes
    ]
    show(table.lines(rows))
    counts = {
        verdict: sum(1 for one in outcomes if one.verdict is verdict)
        for verdict in Verdict
        if any(one.verdict is verdict for one in outcomes)
    }
    told = ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items())
    click.echo(f"{escaped(name)} over {transport}: {told}")


def _list(chosen: Sequence[Scenario], as_json: bool) -> None:
    if as_json:
        for one in chosen:
            told = {"scenario": one.name, "about": one.about, "sections": one.sections, "slow": one.slow}
            click.echo(json.dumps(told | {"needs": sorted(one.needs)}, ensure_ascii=False))
        return
    columns = [Column("scenario"), Column("SPEC"), Column("needs"), Column("about", least=20)]
    rows = [
        [Cell(one.name), Cell(" ".join(one.sections)), Cell(" ".join(sorted(one.needs))), Cell(one.about)]
        for one in chosen
    ]
    show(Table(columns, terminal_width()).lines(rows))


def _as_json(one: Outcome) -> dict[str, Any]:
    told: dict[str, Any] = {"scenario": one.scenario.name, "verdict": one.verdict.value}
    told |= {"sections": one.scenario.sections, "seconds": round(one.seconds, 2)}
    if one.text:
        told["text"] = one.text
    if one.section:
        told["section"] = one.section
    return told | ({"notes": one.notes} if one.verdict is Verdict.FAILED else {})
