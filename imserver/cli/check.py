"""`imserver check [DATABASE]`: checks the invariants of a database, whether a server runs on it or not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import click

from imserver.check.consistency import check_file
from imserver.errors import StartError
from imserver.store.checks import Report

from .app import EXIT_FAILED, Setup
from .progress import progress
from .sanitize import escaped

#: Printed findings of one check; the rest is counted.
MAX_PRINTED = 10


@click.command()
@click.argument("database", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@click.pass_obj
def check(setup: Setup, database: Path | None, as_json: bool) -> int:
    """Prove that DATABASE (by default the configured one) holds what it must: positions without gaps, every key once, digests
    of contents, cursors, members, references, and what its plugins ask for.

    Reads one moment of it and writes nothing; a server that runs on it is not disturbed. Exit code 0 if all is right, 1 if
    anything was found, 2 or 75 if it cannot be checked.
    """
    config = setup.config()
    path = database if database is not None else Path(config.store.path)
    if str(path) == ":memory:":
        raise StartError("a database in memory can only be checked by its own process")
    with progress() as told:
        report = asyncio.run(check_file(path, config.plugins, progress=told))
    click.echo(_as_json(path, report) if as_json else "\n".join(_lines(path, report)))
    return EXIT_FAILED if report.found else 0


def _lines(path: Path, report: Report) -> Iterator[str]:
    """One line for each check, then the findings."""
    width = max((len(row.name) for row in report.results), default=0)
    for row in report.results:
        verdict = f"{row.found} found" if row.found else "ok"
        yield escaped(f"{row.name:{width}}  {row.checked:>10,}  {verdict}")
    for name, why in report.skipped.items():
        yield escaped(f"skipped: tables of {name}: {why}")
    for row in report.results:
        for text in row.texts[:MAX_PRINTED]:
            yield escaped(f"{row.name}: {text}")
        if row.found > MAX_PRINTED:
            yield escaped(f"{row.name}: {row.found - MAX_PRINTED} more")
    if not report.results:
        yield escaped(f"{path}: nothing was ever stored here")
    elif report.found:
        yield escaped(f"{path}: {report.found} findings")
    else:
        yield escaped(f"{path}: all is right")


def _as_json(path: Path, report: Report) -> str:
    return json.dumps(
        {
            "database": str(path),
            "found": report.found,
            "checks": [
                {"name": row.name, "checked": row.checked, "found": row.found, "findings": row.texts}
                for row in report.results
            ],
            "skipped": report.skipped,
        }
    )
