"""`imserver torture`: real processes on a bad network, killed and stopped under load; then proof that nothing was lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from imserver.check.consistency import check_file
from imserver.errors import StartError
from imserver.proof.sabotage import SABOTAGES
from imserver.proof.server_process import ServerFailed
from imserver.proof.torture.client_pool import ClientPoolFailed
from imserver.proof.torture.javascript import NoJavaScript, javascript_command
from imserver.proof.torture.options import (
    DEFAULT_RATE,
    DEFAULT_RESTORE_EVERY,
    JAVASCRIPT_EVERY,
    SMALL,
    Options,
)
from imserver.proof.torture.run import Progress, run_torture
from imserver.proof.torture.verdict import Verdict, judge

from .app import EXIT_FAILED, fail
from .run_cancellable import run_cancellable
from .sanitize import safe_line

#: Without a terminal: time between two lines of progress (seconds).
PLAIN_EVERY_S = 10.0
#: Bound of settling in a sabotaged run, where clients may wait for ever (seconds).
SPOILT_SETTLE_S = 15.0
#: Printed findings; `--report` has all of them.
MAX_FINDINGS = 40


@click.command()
@click.option("--minutes", default=2.0, show_default=True, type=click.FloatRange(0.05, 24 * 60), metavar="M",
              help="How long the load lasts.")  # fmt: skip
@click.option("--kills", default=0, type=click.IntRange(0), metavar="N",
              help="End the load earlier, once the server was killed so often.")  # fmt: skip
@click.option(
    "--seed",
    type=int,
    metavar="S",
    help="What is done when is drawn from it. Default: another one each time.",
)
@click.option("--rate", default=DEFAULT_RATE, show_default=True, type=click.FloatRange(1, 2000), metavar="R",
              help="Posts a second, beside those of the bookings.")  # fmt: skip
@click.option("--restore-every", default=DEFAULT_RESTORE_EVERY, show_default=True, type=click.IntRange(0), metavar="N",
              help="In the last third of the run every N-th kill is followed by an older copy of the database."
                   " 0: none is.")  # fmt: skip
@click.option("--javascript", type=click.IntRange(0), metavar="N",
              help="So many clients are the JavaScript client, if it and Node are here. Default: every fourth.")  # fmt: skip
@click.option("--report", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
              help="Write everything that was counted and found to this file, as JSON.")  # fmt: skip
@click.option("--folder", metavar="PATH", type=click.Path(path_type=Path, file_okay=False),
              help="Where database, logs and transcripts go, and stay. Default: a temporary folder that is kept only if"
                   " something is wrong.")  # fmt: skip
@click.option("--sabotage", type=click.Choice(sorted(SABOTAGES)), hidden=True)
@click.option("--small", is_flag=True, hidden=True)
def torture(
    minutes: float, kills: int, seed: int | None, rate: float, restore_every: int, javascript: int | None,
    report: Path | None, folder: Path | None, sabotage: str | None, small: bool,
) -> int:  # fmt: skip
    """Kill, stop and cut off a real server under load, and prove that nothing was lost, doubled, reordered or promised in vain.

    50 clients in processes of their own post to 24 conversations and book appointments, each through a proxy that delays,
    slices, stalls, swallows, half-closes, cuts and refuses; every fourth is the JavaScript client in Node. The server is
    killed (SIGKILL) every few seconds, mostly with posts unanswered, or stopped (SIGSTOP) for a while; client processes are
    killed, too, and started again on their stores.
    In the last third of the run older copies of its database come back: the database with its log, the whole folder, the
    database alone with its log written into it, or the present one without its last commits.

    At the end the database is compared with everything that every client was told. Acknowledged posts that older copies took
    back are counted apart, and their senders must have been told. Exit code 0 only if nothing is wrong.
    """
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    options = Options(seed, Path(), minutes, kills, rate, restore_every=restore_every)
    if sabotage is not None:
        options = replace(options, sabotage=SABOTAGES[sabotage], settle_s=SPOILT_SETTLE_S)
    if small:
        options = replace(options, **SMALL)
    options = with_javascript(options, javascript)
    if report is not None and not report.resolve().parent.is_dir():
        raise StartError(f"--report {report}: there is no such folder")
    place, keep = _place(folder), False
    try:
        verdict = _torture(replace(options, folder=place), Console())
        keep = not verdict.right
        if report is not None:
            text = json.dumps(verdict.as_json(), indent=1, ensure_ascii=False)
            report.write_text(text + "\n", encoding="utf-8")
    except (ServerFailed, ClientPoolFailed) as error:
        keep = True
        return fail(f"the run broke off: {error}", EXIT_FAILED)
    except asyncio.CancelledError:
        return EXIT_FAILED
    finally:
        if keep:
            click.echo(f"Database, logs and transcripts are in {place}")
        elif folder is None:
            shutil.rmtree(place, ignore_errors=True)
    return 0 if verdict.right else EXIT_FAILED


def with_javascript(options: Options, count: int | None) -> Options:
    """So many clients in JavaScript, None: the usual share. None of them, and a line that says so, if they cannot run here."""
    count = options.clients // JAVASCRIPT_EVERY if count is None else count
    if count == 0:
        return options
    try:
        return replace(options, javascript=count, javascript_command=javascript_command())
    except NoJavaScript as error:
        click.echo(f"All clients are Python's: {error}")
        return options


def _torture(options: Options, console: Console) -> Verdict:
    click.echo(
        f"imserver torture: seed {options.seed}, {options.minutes:g} minutes"
        + (f" or {options.kills} kills" if options.kills else "")
        + f", {options.clients} clients, {options.rate:g} posts a second"
    )
    with _screen(console) as screen:
        evidence = run_cancellable(run_torture(options, screen))
    click.echo("The load is over and everybody is quiet; comparing the database with what clients were told.")
    verdict = judge(evidence)
    sections = {name.removeprefix("plugins."): dict(values) for name, values in options.sections.items()
                if name.startswith("plugins.")}  # fmt: skip
    checked = asyncio.run(check_file(evidence.database, sections))
    verdict.check_findings = [f"{row.name}: {text}" for row in checked.results for text in row.texts]
    rows = verdict.rows()
    width = max(len(label) for label, _ in rows)
    for label, value in rows:
        click.echo(f"{label:{width}}  {value}")
    for text in verdict.findings[:MAX_FINDINGS]:
        console.print(Text(safe_line(text), style="bold red"), soft_wrap=True)
    if len(verdict.findings) > MAX_FINDINGS:
        click.echo(f"… and {len(verdict.findings) - MAX_FINDINGS} more")
    click.echo("All is right." if verdict.right else "NOT right: see the lines above.")
    return verdict


def _place(given: Path | None) -> Path:
    """An empty folder to work in."""
    if given is None:
        return Path(tempfile.mkdtemp(prefix="imserver-torture-"))
    try:
        given.mkdir(parents=True, exist_ok=True)
        if any(given.iterdir()):
            raise StartError(f"--folder {given}: is not empty")
    except OSError as error:
        raise StartError(f"--folder {given}: {error.strerror}") from None
    return given.resolve()


@contextlib.contextmanager
def _screen(console: Console) -> Iterator[Callable[[Progress], None]]:
    """Show progress: one changing line on a terminal, elsewhere a new line now and then."""
    if console.is_terminal:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            yield lambda progress: live.update(Text(_line(progress)), refresh=True)
        return
    last_at = -PLAIN_EVERY_S

    def show(progress: Progress) -> None:
        nonlocal last_at
        if time.monotonic() - last_at >= PLAIN_EVERY_S:
            last_at = time.monotonic()
            click.echo(_line(progress))

    yield show


def _line(progress: Progress) -> str:
    deeds, figures = progress.deeds, progress.figures
    return (
        f"{progress.elapsed_s:5.0f} s  {progress.phase}: {len(deeds.kills)} kills ({deeds.hits} with unanswered posts:"
        f" {deeds.found} stored, {deeds.not_found} not), {deeds.stops} stops, {deeds.client_kills} client kills,"
        f" {len(deeds.restores)} older copies,"
        f" {deeds.faults.total()} faults; {figures['connected']} connected, {figures['posted']} posted,"
        f" {figures['answered']} answered, {figures['shown']} shown, {figures['booked']} booked"
        + (f", {len(deeds.broken)} BROKEN" if deeds.broken else "")
    )
