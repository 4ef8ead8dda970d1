"""`imserver restore FILE`: puts a copy of the database back; `--rehearse` does it all beside, and touches nothing."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from imserver.check.consistency import check_file
from imserver.clock import SystemClock, time_text
from imserver.config import Config
from imserver.errors import StartError
from imserver.store.checks import Report
from imserver.store.sqlite import restore as restores
from imserver.store.sqlite.guard import Guard
from imserver.store.sqlite.ledger import ledger_path
from imserver.store.sqlite.store import SqliteStore

from .app import EXIT_FAILED, Setup
from .backup import size_words
from .control import control_path
from .desk import Nobody
from .progress import progress
from .tables import say
from .words import count_words

#: What stands in front of each line.
LABEL_CELLS = len("rehearsed ")
#: Findings of a rehearsal that are printed; the rest is counted.
MAX_PRINTED = 10


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--rehearse", is_flag=True, help="Do it on a copy, check that, say what would be, change nothing."
)
@click.option("--yes", is_flag=True, help="Do not ask. Needed where there is no terminal.")
@click.pass_obj
def restore(setup: Setup, file: Path, rehearse: bool, yes: bool) -> int:
    """Put FILE, a copy of the database, in the place of the configured one, while no server runs.

    The database of now is kept under another name beside it. What is in the ledger holds for the copy, too. Clients find out
    by themselves what is gone, and offer again what they have not had answered.
    """
    config = setup.config()
    if control_path(config.store.path) is None:
        raise StartError("a database in memory cannot be restored; set store.path")
    path = Path(config.store.path).resolve()
    outlook = restores.look(file.absolute(), path)
    if rehearse:
        _print(_lines(file, outlook))
        return _rehearse(config, file.absolute(), path, outlook)
    with _taken(path):
        _print(_lines(file, outlook))
        if not yes:
            _ask()
        kept = restores.put_back(file.absolute(), path, datetime.now(UTC))
    if kept is not None:
        _print([f"kept      {kept.name}"])
    asyncio.run(_open_once(config))
    if outlook.stands.ahead:
        _print([f"applied   {count_words(len(outlook.stands.ahead), 'record')} of the ledger"])
    _print([f"restored  {path.name} is as of {time_text(outlook.copy.at)}; start the server"])
    return 0


def _ask() -> None:
    """Raises `click.Abort` at a no, and `StartError` where there is no terminal, as in `ssh HOST imserver restore …`."""
    if not sys.stdin.isatty():
        raise StartError("nobody is there to be asked, and nothing was changed: --yes puts it back")
    click.confirm("Put it back?", abort=True)


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        say(line, indent=LABEL_CELLS)


@contextmanager
def _taken(path: Path) -> Iterator[None]:
    """The database is ours alone. If there is none, and none is put there, none stays. Raises `StartError`."""
    guard, was_there = Guard(path), path.exists()
    try:
        guard.take()
    except StartError as error:
        if "has this database open" in str(error):
            raise StartError(f"{path}: a server runs on it: stop it first", again=True) from None
        if "is not a database" in str(error):
            raise StartError(f"{error}; move it away first") from None
        raise
    try:
        yield
    finally:
        if not was_there and not path.stat().st_size:
            path.unlink()
        guard.release()


def _lines(file: Path, outlook: restores.Outlook) -> Iterator[str]:
    """What is there, and what would be."""
    copy, ledger = outlook.copy, outlook.ledger
    age = _age_words(SystemClock().now_ms() - copy.at)
    yield f"copy      {file}: {count_words(copy.state.messages, 'message')}, {size_words(copy.size_bytes)}"
    yield f"          as of {time_text(copy.at)}, {age} ago"
    if outlook.present is not None:
        lost = outlook.lost
        gone = "of another history: none of it is in the copy"
        if lost is not None:
            gone = f"{lost:,} of which {'is' if lost == 1 else 'are'} not in the copy"
        if lost == 0:
            gone = "all of which are in the copy"
        number = outlook.present.state.messages
        yield f"present   {outlook.present.path.name}: {count_words(number, 'message')}{f', {gone}' if number else ''}"
    elif outlook.present_says:
        yield f"present   cannot be read: {outlook.present_says}"
    else:
        yield "present   there is none"
    if outlook.stands.parted:
        yield "ledger    of another history than the copy: all of it is applied anew"
    elif outlook.stands.lacking:
        yield f"ledger    OLDER than the copy: {count_words(outlook.stands.lacking, 'record')} of the copy"
        yield "          are not in it; look for a newer one before you go on"
    elif ledger is None:
        yield "ledger    there is none"
    else:
        ahead = len(outlook.stands.ahead)
        yield f"ledger    {count_words(len(ledger.records), 'record')}, {ahead} of which the copy has not had"


def _rehearse(config: Config, file: Path, path: Path, outlook: restores.Outlook) -> int:
    """Put it back in a folder beside, begin a life there, and check all of it."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=".imserver-rehearsal-", dir=path.parent))
    except OSError as error:
        raise StartError(f"{path.parent}: {error.strerror}") from None
    try:
        place = folder / path.name
        restores.stage(file, place)
        if outlook.ledger_from is not None:
            shutil.copyfile(outlook.ledger_from, ledger_path(place))
        there = msgspec.structs.replace(config, store=msgspec.structs.replace(config.store, path=str(place)))
        asyncio.run(_open_once(there))
        with progress() as told:
            report = asyncio.run(check_file(place, config.plugins, progress=told))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _print(_verdict(report))
    return EXIT_FAILED if report.found else 0


def _verdict(report: Report) -> Iterator[str]:
    if not report.found:
        yield f"checks    {len(report.results)}, all is right"
        yield "rehearsed this copy can be put back; nothing was changed"
        return
    yield f"checks    {count_words(report.found, 'finding')}"
    for finding in report.findings[:MAX_PRINTED]:
        yield f"          {finding.check}: {finding.text}"
    yield "rehearsed it can be put back with these findings; nothing was changed"


async def _open_once(config: Config) -> None:
    """Begin a life on the copy: it is migrated, its row is written, the ledger is applied."""
    store = SqliteStore(config.store, clock=SystemClock())
    await store.open(Nobody())
    await store.close()


def _age_words(ms: int) -> str:
    """`31 minutes`."""
    seconds = max(0, ms) // 1000
    for name, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * length:
            return count_words(seconds // length, name)
    return count_words(seconds, "second")
