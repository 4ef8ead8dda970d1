"""`imserver booking …`: commands that need no running server."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from .understanding.when import read_when


@click.group(name="booking", help="The booking plugin, without a server.")
def booking() -> None:
    """The group that is mounted as `imserver booking`."""


@booking.command(help="What the date grammar reads in TEXT: one candidate a line, or `ask: reason`.")
@click.argument("text")
@click.option("--now", "now_text", required=True, metavar="WALL", help="Wall time, such as 2026-11-18T10:00.")
@click.option("--zone", required=True, metavar="ZONE", help="IANA time zone, such as Asia/Shanghai.")
def when(text: str, now_text: str, zone: str) -> None:
    """Print the candidates of TEXT."""
    try:
        now = datetime.fromisoformat(now_text)
    except ValueError:
        raise click.BadParameter(
            f"{now_text!r} is not a time like 2026-11-18T10:00", param_hint="--now"
        ) from None
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise click.BadParameter(f"no time zone {zone!r}", param_hint="--zone") from None
    reading = read_when(text, now, place)
    for candidate in reading.candidates:
        click.echo(candidate.isoformat(timespec="minutes"))
    if not reading.candidates:
        click.echo(f"ask: {reading.reason}")
