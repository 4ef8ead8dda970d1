"""`imserver user list|show|add|disable|enable|link`: accounts, beside a running server and on a stopped database alike."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

from .app import Setup
from .browser import make_link
from .changes import checked_changes
from .desk import Desk, at_desk
from .sanitize import escaped, safe_line
from .tables import Cell, Column, Look, Row, Table, facts, say, show, terminal_width
from .token import check_name
from .words import count_words, day, moment, size_in_words

COLUMNS = (
    Column("user"),
    Column("name", least=12),
    Column("state"),
    Column("roles", least=12),
)
#: Of the names in front of what is shown of one account.
NAME_CELLS = 9
#: Who gave a role, where his name says too little.
GIVERS = {"": "nobody knows whom", "operator": "an operator"}


@click.group()
def user() -> None:
    """Make, see, change, disable and enable accounts, while the server runs or not."""


user.add_command(make_link)


# -- to see -------------------------------------------------------------------------------------------------------------


@user.command("list", short_help="List accounts, all or some.")
@click.option("--disabled", is_flag=True, help="Only those that are disabled.")
@click.option("--role", metavar="ROLE", help="Only those with this role.")
@click.option("--kind", type=click.Choice(["person", "bot"]), help="Only persons, or only plugins' bots.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on each line.")
@click.pass_obj
def list_users(setup: Setup, disabled: bool, role: str | None, kind: str | None, as_json: bool) -> None:
    """List accounts in the order of their ids."""
    only = {"state": "disabled" if disabled else None, "role": role, "kind": kind}

    async def work(desk: Desk) -> None:
        table, seen, out = Table(COLUMNS, terminal_width()), 0, 0
        async for page in desk.pages("users", **only):
            seen += len(page)
            out += sum(each["state"] == "disabled" for each in page)
            show(map(json.dumps, page) if as_json else table.lines([_row(each) for each in page]))
        if not as_json:
            also = f", {out:,} disabled" if out and not disabled else ""
            say(f"{count_words(seen, 'user')}{also}", Look.DIM)

    at_desk(setup, work)


def _row(told: Mapping[str, Any]) -> Row:
    name = safe_line(told["display_name"])
    return (
        Cell(escaped(told["user_id"]), Look.BOLD),
        Cell("" if name == told["user_id"] else name),
        _state(told),
        Cell(escaped(", ".join(given["role"] for given in told["roles"]))),
    )


def _state(told: Mapping[str, Any]) -> Cell:
    if told["state"] == "disabled":
        return Cell("disabled", Look.RED)
    return Cell("bot", Look.YELLOW) if told["kind"] == "bot" else Cell("active", Look.DIM)


@user.command("show", short_help="Show one account.")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def show_user(setup: Setup, name: str, as_json: bool) -> None:
    """Show the account NAME: its state, who gave it which role, where it is connected, and what it has used up.

    Tokens are those that were used here and still hold: see `imserver token list`.
    """
    check_name(name)
    told = at_desk(setup, lambda desk: desk.ask("user", user_id=name))
    if as_json:
        click.echo(json.dumps(told))
    else:
        show(facts(_facts(told), terminal_width(), NAME_CELLS))


def _facts(told: Mapping[str, Any]) -> Iterator[tuple[str, list[Cell]]]:
    yield "user", [Cell(escaped(told["user_id"]), Look.BOLD)]
    yield "name", [Cell(safe_line(told["display_name"])), Cell(escaped(told["language"]), Look.DIM)]
    state = _state(told)
    if told["disabled_at"] is not None:
        state = Cell(f"disabled since {moment(told['disabled_at'])} UTC", Look.RED)
    made = [Cell(f"made {day(told['made_at'])}", Look.DIM)] if told["made_at"] else []
    yield "state", [state, *([Cell("a plugin's bot", Look.YELLOW)] if told["kind"] == "bot" else []), *made]
    yield "roles", [Cell(_role(each)) for each in told["roles"]] or [Cell("none", Look.DIM)]
    yield "", []
    yield "sessions", [Cell(f"{told['sessions']:,}") if told["sessions"] else Cell("none", Look.DIM)]
    yield "tokens", [Cell(f"{told['tokens']:,} live") if told["tokens"] else Cell("none live", Look.DIM)]
    yield "talks", [Cell(f"in {count_words(told['conversations'], 'conversation')}")]
    if (used := told.get("used")) is not None:
        today, whole = (size_in_words(used[what]) for what in ("day_bytes", "bytes"))
        yield "used", [Cell(f"{today} today"), Cell(f"{whole} in all")]


def _role(told: Mapping[str, Any]) -> str:
    givers = ", ".join(GIVERS.get(giver, giver) for giver in told["givers"])
    return escaped(f"{told['role']} (by {givers})")


# -- to change ----------------------------------------------------------------------------------------------------------


@user.command(short_help="Make an account, or change it.")
@click.argument("name")
@click.option("--name", "display_name", metavar="DISPLAY", help="Name that others see. Default: NAME.")
@click.option(
    "--language", metavar="TAG", help="Language that bots speak to this user: en, zh-CN, … Default: en."
)
@click.option(
    "--role",
    "roles",
    metavar="ROLE",
    multiple=True,
    help="The application's own word (staff, …). Repeatable: those that are not named are taken away.",
)
@click.option("--no-roles", is_flag=True, help="Take all roles away, but for those that plugins gave.")
@click.option("--create", is_flag=True, help="Make the database if there is none and no server runs.")
@click.pass_obj
def add(
    setup: Setup,
    name: str,
    display_name: str | None,
    language: str | None,
    roles: tuple[str, ...],
    no_roles: bool,
    create: bool,
) -> None:
    """Make the account NAME, or change it: what is not given stays as it was."""
    if no_roles and roles:
        raise click.UsageError("give --role or --no-roles", click.get_current_context())
    changes = checked_changes(name, display_name, language, roles if roles or no_roles else None)
    made = at_desk(setup, lambda desk: desk.ask("put_user", **changes), create=create)
    account = made["user"]
    details = [account["display_name"], account["language"], *(each["role"] for each in account["roles"])]
    disabled = "; it is disabled: see `imserver user enable`" if account["state"] == "disabled" else ""
    say(f"{'added' if made['added'] else 'changed'} {account['user_id']} ({', '.join(details)}){disabled}")


@user.command(short_help="Shut somebody out: sessions end, tokens are refused.")
@click.argument("name")
@click.pass_obj
def disable(setup: Setup, name: str) -> None:
    """Shut the user NAME out from this moment: sessions end, every token is refused, wherever and whenever it was made, and no
    configuration brings a role back.

    What NAME wrote, owns and belongs to stays. The ledger remembers it, so an older copy of the database that is put back
    does not let NAME in. `imserver user enable` takes it back.
    """
    check_name(name)
    told = at_desk(setup, lambda desk: desk.ask("disable_user", user_id=name))
    if told["changed"]:
        say(
            f"disabled {name}: {count_words(told['sessions_ended'], 'session')} ended, all tokens are refused"
        )
    else:
        say(f"{name} was disabled before, on {moment(told['disabled_at'])} UTC")


@user.command(short_help="Let somebody in again.")
@click.argument("name")
@click.pass_obj
def enable(setup: Setup, name: str) -> None:
    """Let the user NAME in again, with every token that holds and was not revoked."""
    check_name(name)
    told = at_desk(setup, lambda desk: desk.ask("enable_user", user_id=name))
    if told["changed"]:
        say(f"enabled {name}: tokens that hold and were not revoked are accepted again")
    else:
        say(f"{name} was not disabled")
