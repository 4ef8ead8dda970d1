"""`imserver status`: how the running server is, on one screen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from imserver.errors import StartError

from .app import EXIT_AGAIN, Setup, fail
from .control import Operation, ask, control_path
from .sanitize import escaped
from .words import size_in_words, time_in_words

if TYPE_CHECKING:
    from imserver.server import Server

#: Cells of the screen, and of the names in front of each line.
MOST_CELLS = 80
NAME_CELLS = 10
#: Steps of a small picture of the last half minute, from nothing to the most.
STEPS = "▁▂▃▄▅▆▇█"
#: A backup each night is young enough; one that failed is not (seconds).
OLD_BACKUP_S = 25 * 3600
#: Shown as 0.0, a rate is none.
LEAST_RATE = 0.05
#: Which part is not ready because of a condition.
STOPPED_BY: Mapping[str, set[str]] = {"disk_full": {"disk"}, "slow_commits": {"writer"}}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a screen.")
@click.pass_obj
def status(setup: Setup, as_json: bool) -> int:
    """Show how the running server is: whether it is ready, what it does, how large it is, and what is wrong.

    Asks on the control socket beside the configured database. Exit code 0 if a server answers, whatever it says; 75 if none
    runs.
    """
    config = setup.config()
    path = control_path(config.store.path)
    if path is None:
        raise StartError("a server whose database is in memory has no control socket; ask its /readyz")
    told = asyncio.run(ask(path, "status", {}))
    if told is None:
        return fail(f"no server runs on {config.store.path}", EXIT_AGAIN)
    if as_json:
        click.echo(json.dumps(told, indent=2))
        return 0
    console = Console(highlight=False)
    console.width = min(MOST_CELLS, console.width)
    with console.capture() as shown:
        console.print(screen(told))
    for line in shown.get().splitlines():
        click.echo(line.rstrip(), color=console.is_terminal)
    return 0


def status_operation(server: Server) -> Operation:
    """The operation of a running server behind this command."""

    async def operation(_: dict[str, Any]) -> dict[str, Any]:
        return server.status()

    return operation


# -- the screen ---------------------------------------------------------------------------------------------------------


def screen(told: Mapping[str, Any]) -> RenderableType:
    """All of it, on at most eighty cells."""
    said = {condition["name"] for condition in told["conditions"]}
    not_ready = _not_ready(told)
    wrong = [
        _wrong("red", f"{name.capitalize()}: {why}.")
        for name, why in not_ready
        if not (name == "disk" and "disk_full" in said)
    ]
    in_the_way = {name for name, _ in not_ready}
    wrong += [
        _wrong("red" if in_the_way & STOPPED_BY.get(each["name"], set()) else "yellow", *_of_condition(each))
        for each in told["conditions"]
    ]
    parts: list[RenderableType] = [_rows([("imserver", _head(told))], "bold")]
    parts += [Text(), *wrong] if wrong else []
    for group in (_serving(told), _storing(told), _made_of(told)):
        parts += [Text(), _rows(group, "dim")]
    return Group(*parts)


def _rows(group: Iterable[tuple[str, Text]], look: str) -> RenderableType:
    """Each line is a name and words, the words below one another."""
    rows = Table.grid(padding=(0, 1, 0, 0))
    rows.add_column(width=NAME_CELLS, style=look, no_wrap=True)
    rows.add_column()
    for name, words in group:
        rows.add_row(f" {name}", words)
    return rows


def _head(told: Mapping[str, Any]) -> Text:
    state = ("● ready", "bold green")
    if _not_ready(told):
        state = ("● not ready", "bold red")
    elif told["conditions"]:
        state = ("● ready, but look", "bold yellow")
    more = f" · up {time_in_words(told['uptime_s'])} · version {escaped(told['version'])}"
    return Text.assemble(state, (more, "dim"))


def _not_ready(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, why) for name, why in told["ready"].items() if why != "ok"]


def _serving(told: Mapping[str, Any]) -> Iterator[tuple[str, Text]]:
    words = Text().append(escaped(told["address"]), "bold")
    if told["http"]:
        words.append(" · http ", "dim").append(escaped(told["http"]), "bold")
    yield "address", words
    away = [(f"{told['sessions_detached']:,}", "away")] if told["sessions_detached"] else []
    yield (
        "sessions",
        _figures((f"{told['sessions']:,}", ""), _counted(told["connections"], "connection"), *away),
    )
    yield "posts", _posts(told)
    if told["refusals_per_s"] >= LEAST_RATE:
        yield "refused", _figures((_rate(told["refusals_per_s"]), "a second"))


def _storing(told: Mapping[str, Any]) -> Iterator[tuple[str, Text]]:
    yield "commits", _commits(told)
    queued = told["queue_units"] or 0
    to_store = (
        f"{queued:,}",
        f"to be stored, {size_in_words(told['queue_bytes'] or 0)}" if queued else "to be stored",
    )
    yield "waiting", _figures(to_store, (f"{told['fan_out_backlog']:,}", "to be pushed"))
    yield "database", Text(escaped(told["database"]), overflow="fold")
    if (sizes := told["sizes"]) is not None:
        size, wal = size_in_words(sizes["database_bytes"]), size_in_words(sizes["wal_bytes"])
        yield "size", _figures((size, ""), (wal, "of -wal"))
        yield "disk", _disk(sizes["free_bytes"], sizes["disk_bytes"])
    yield "backup", _backup(told)


def _made_of(told: Mapping[str, Any]) -> Iterator[tuple[str, Text]]:
    yield "features", Text(", ".join(map(escaped, told["features"])) or "none")
    yield "plugins", _plugins(told["plugins"])


def _posts(told: Mapping[str, Any]) -> Text:
    words = _figures((_rate(told["posts_per_s"]), "a second"), (f"{told['posts'] or 0:,}", "so far"))
    picture = small_picture(told["posts_each_s"])
    room = MOST_CELLS - NAME_CELLS - 1 - len(words) - 2
    return words.append("  ").append(picture[-room:], "cyan") if picture and room > 0 else words


def _backup(told: Mapping[str, Any]) -> Text:
    if told["last_backup_ms"] is None:
        return Text("none since the start", "yellow")
    ago_s = max(0.0, told["started_ms"] / 1000 + told["uptime_s"] - told["last_backup_ms"] / 1000)
    look = "bold yellow" if ago_s >= OLD_BACKUP_S else "bold"
    return Text.assemble((time_in_words(ago_s), look), (" ago", "dim"))


def _commits(told: Mapping[str, Any]) -> Text:
    half, most = told["commit_p50_s"], told["commit_p99_s"]
    if half is None:
        return Text("none in the last minute", "dim")
    slow = "bold yellow" if most >= 0.1 else "bold"
    return Text.assemble(
        ("half within ", "dim"), (f"{_ms(half)} ms", "bold"), (" · 99 of 100 within ", "dim"), (f"{_ms(most)} ms", slow)
    )  # fmt: skip


def _disk(free: int, whole: int) -> Text:
    share = free / whole if whole else 0.0
    look = "bold red" if share < 0.02 else "bold yellow" if share < 0.1 else "bold"
    return Text.assemble((size_in_words(free), look), (f" free of {size_in_words(whole)}", "dim"))


def _plugins(plugins: Sequence[Mapping[str, Any]]) -> Text:
    if not plugins:
        return Text("none", "dim")
    words = Text()
    for number, plugin in enumerate(plugins):
        words.append(" · " if number else "", "dim").append(escaped(plugin["name"]))
        facts = []
        if plugin["waiting"] or plugin["behind"]:
            more = " and more" if plugin["behind"] else ""
            facts.append((f"{plugin['waiting']:,}{more} waiting", "yellow" if plugin["behind"] else "dim"))
        if plugin["failed"]:
            facts.append((f"{plugin['failed']:,} given up", "yellow"))
        for text, look in facts:
            words.append(f" {text}", look)
    return words


def _of_condition(condition: Mapping[str, Any]) -> tuple[str, str]:
    """What is wrong, and since when and how."""
    facts = [f"for {time_in_words(condition['lasted_s'])}"]
    if condition["count"] > 1:
        facts.append(f"seen {condition['count']:,} times")
    for name, value in condition["facts"].items():
        what = name.removesuffix("_bytes")
        facts.append(f"{what} {size_in_words(value) if what != name else value}")
    return condition["words"], f" ({', '.join(facts)})"


def _wrong(look: str, words: str, facts: str = "") -> RenderableType:
    line = Table.grid(padding=(0, 1, 0, 0))
    line.add_column(width=2, no_wrap=True)
    line.add_column()
    line.add_row(Text(" !", f"bold {look}"), Text.assemble((escaped(words), look), (escaped(facts), "dim")))
    return line


def _counted(number: int, name: str) -> tuple[str, str]:
    return f"{number:,}", name if number == 1 else f"{name}s"


def _figures(*pairs: tuple[str, str]) -> Text:
    words = Text()
    for number, (figure, name) in enumerate(pairs):
        words.append(" · " if number else "", "dim").append(figure, "bold")
        if name:
            words.append(f" {name}", "dim")
    return words


# -- words --------------------------------------------------------------------------------------------------------------


def small_picture(values: Sequence[float]) -> str:
    """One character for each value, as high as it is beside the highest."""
    most = max(values, default=0.0)
    if most <= 0:
        return ""
    top = len(STEPS) - 1
    return "".join(STEPS[max(1 if value else 0, round(value / most * top))] for value in values)


def _rate(per_s: float) -> str:
    return f"{per_s:,.0f}" if per_s >= 10 else f"{per_s:.1f}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f}" if seconds >= 0.01 else f"{seconds * 1000:.1f}"
