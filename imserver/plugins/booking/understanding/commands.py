"""`imserver booking when`, `read` and `alarm`: what is understood in one text, to look into it."""

from __future__ import annotations

from datetime import date, datetime, time
from textwrap import shorten
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from imserver.plugins.booking.schedule.chain_file import load_chain

from .acts import Hours, Reading, Scene, When
from .alarms import RedFlags
from .lexicon import Lexicon
from .reader import understand
from .when import read_when


@click.command(
    help="What the date grammar reads in TEXT: one candidate a line, or `ask: reason`.",
    short_help="Which time is read in a text.",
)
@click.argument("text")
@click.option("--now", "now_text", required=True, metavar="WALL", help="Wall time, such as 2026-11-18T10:00.")
@click.option("--zone", required=True, metavar="ZONE", help="IANA time zone, such as Asia/Shanghai.")
def when(text: str, now_text: str, zone: str) -> None:
    """Print the candidates of TEXT."""
    reading = read_when(text, _wall(now_text), _place(zone))
    for candidate in reading.candidates:
        click.echo(candidate.isoformat(timespec="minutes"))
    if not reading.candidates:
        click.echo(f"ask: {reading.reason}")


@click.command(
    help="Whether TEXT is taken for an emergency: of which kind, by which rules, and which strings weighed how much.",
    short_help="Whether a text is taken for an emergency, and why.",
)
@click.argument("text")
def alarm(text: str) -> None:
    """Print what both readers of alarms find in TEXT."""
    red_flags = RedFlags()
    found = red_flags.find(text)
    click.echo("none" if found is None else f"{found.weight} {found.kind}: {found.words}")
    why = red_flags.explain(text)
    click.echo("rules:" if why.flags else "rules: none")
    for flag in why.flags:
        click.echo(f"  {flag.weight} {flag.kind}: {flag.words}  [{shorten(flag.rule, 80, placeholder=' …')}]")
    table = why.table
    click.echo(
        f"weights: {why.score:+.2f} (urgent from {table.urgent:.2f}, careful from {table.careful:.2f})"
    )
    for string, weight in why.heaviest:
        click.echo(f"  {weight:+.3f} {string!r}")


@click.command(
    help="What the reader understands in TEXT: its acts with their characters, what is left over, and the time.",
    short_help="All that is understood of a text.",
)
@click.argument("text")
@click.option("--now", "now_text", required=True, metavar="WALL", help="Wall time, such as 2026-11-18T10:00.")
@click.option("--zone", required=True, metavar="ZONE", help="IANA time zone, such as Asia/Shanghai.")
@click.option(
    "--step", default="", help="The step asked: service, day, slot, name, age, first_visit, confirm."
)
@click.option("--chain", "source", default="demo", help="The chain file, or `demo`.")
@click.option("--staff", is_flag=True, help="The text is by a member of the staff.")
def read(text: str, now_text: str, zone: str, step: str, source: str, staff: bool) -> None:
    """Print the reading of TEXT."""
    _place(zone)
    scene = Scene(_wall(now_text), zone, step=step, staff=staff)
    for line in table(understand(text, scene, Lexicon(load_chain(source)))):
        click.echo(line)


def _wall(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not a time like 2026-11-18T10:00", param_hint="--now"
        ) from None


def _place(zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise click.BadParameter(f"no time zone {zone!r}", param_hint="--zone") from None


def table(reading: Reading) -> list[str]:
    """A reading in lines: kind, what, value, and the characters that say so."""
    rows = [
        (act.kind.value, act.what, _shown(act.value), " … ".join(reading.text[a:b] for a, b in act.spans))
        for act in reading.acts
    ]
    rows += [
        ("rest", one.weight.value, "in the clause of a value" if one.in_clause else "", one.text)
        for one in reading.rest
    ]
    when = reading.when
    if when is not None:
        rows += [("when", "candidate", _shown(one), "") for one in when.candidates]
        rows += [("when", name, _shown(value), "") for name, value in _facts(when) if value]
    if reading.people:
        rows.append(("people", "", " + ".join(reading.people), ""))
    return [f"{kind:<9} {what:<9} {value:<26} {text}".rstrip() for kind, what, value, text in rows] or [
        "nothing"
    ]


def _facts(when: When) -> list[tuple[str, object]]:
    return [
        ("window", when.window),
        ("wish", when.wish if when.wish and (when.wish,) != when.candidates else None),
        ("days", when.days if not when.candidates else ()),
        ("part", when.part if not when.candidates else None),
        ("shift", when.shift),
        ("either", when.either_will_do),
        ("ask", when.reason),
        ("guess", when.guess),
    ]


def _shown(value: object) -> str:
    """A value as people write it."""
    if value is None:
        return ""
    if isinstance(value, Hours):
        return value.part or f"{_clock(value.begin)}-{_clock(value.end)}"
    if isinstance(value, tuple):
        return " ".join(_shown(one) for one in value)
    if isinstance(value, datetime):
        return value.strftime("%a %Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.strftime("%a %Y-%m-%d")
    if isinstance(value, time):
        return value.strftime("%H:%M")
    return str(value)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
