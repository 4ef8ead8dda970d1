"""`imserver token list|revoke`: the tokens of a user that were used here, and an end to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import click

from .app import Setup
from .desk import Desk, at_desk
from .sanitize import escaped
from .tables import Cell, Column, Look, Row, Table, say, show, terminal_width
from .token import check_name
from .words import count_words, day, moment

COLUMNS = (
    Column("token"),
    Column("device"),
    Column("state"),
    Column("used", alone="used {}"),
    Column("until", alone="until {}"),
)
LOOKS = {"live": Look.PLAIN, "expired": Look.DIM, "revoked": Look.RED}


@click.command("list", short_help="List the tokens of a user that were used here.")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on each line.")
@click.pass_obj
def list_tokens(setup: Setup, name: str, as_json: bool) -> None:
    """List the tokens of the user NAME that were used here, those that end last first: the device that has each, when it was
    first used, and until when it holds. With --json also when it was issued.

    A token that was made (by `imserver token`, or by an issuer elsewhere) and never used is not known to the server, and not
    listed; `imserver token revoke NAME --all` ends it all the same.
    """
    check_name(name)
    told = at_desk(setup, lambda desk: desk.ask("tokens", user_id=name))
    if as_json:
        show(map(json.dumps, told["rows"]))
        return
    show(Table(COLUMNS, terminal_width()).lines([_row(each) for each in told["rows"]]))
    older = ", and older ones that are not shown" if told["more"] else ""
    say(f"{count_words(len(told['rows']), 'token')} of {name} used here{older}", Look.DIM)
    for each in told["revoked_before"]:
        of = "" if each["device_id"] is None else f" of {each['device_id']}"
        say(f"revoked: all{of} that were issued before {moment(each['before'])} UTC", Look.RED)


def _row(told: Mapping[str, Any]) -> Row:
    return (
        Cell(escaped(told["token_id"]), Look.BOLD if told["state"] == "live" else Look.DIM),
        Cell(escaped(told["device_id"])),
        Cell(told["state"], LOOKS[told["state"]]),
        *(Cell("" if told[at] is None else day(told[at])) for at in ("used_at", "expires_at")),
    )


@click.command(short_help="Revoke one token, those of a device, or all.")
@click.argument("name")
@click.option("--token", "token_id", metavar="ID", help="This one, as `imserver token list` shows it.")
@click.option("--device", metavar="ID", help="All of this device that were issued until now.")
@click.option("--all", "everything", is_flag=True, help="All that were issued until now.")
@click.pass_obj
def revoke(setup: Setup, name: str, token_id: str | None, device: str | None, everything: bool) -> None:
    """Revoke tokens of the user NAME: sessions that stand on them end, and nobody enters with them again.

    This holds for tokens that nobody has used yet, too, wherever they were made; one that does not say when it was issued
    counts as issued before. Tokens that are made afterwards are accepted.
    """
    check_name(name)
    if (token_id is not None) + (device is not None) + everything != 1:
        raise click.UsageError("give one of --token ID, --device ID and --all", click.get_current_context())

    async def work(desk: Desk) -> None:
        made = await desk.ask(
            "revoke_tokens", user_id=name, token_id=token_id, device_id=device, everything=everything
        )
        what = f"all tokens of {name} that were issued until now"
        if token_id is not None:
            what = f"the token {token_id} of {name}"
        elif device is not None:
            what = f"the tokens of {name} on {device} that were issued until now"
        say(f"revoked {what}; {count_words(made['sessions_ended'], 'session')} ended")
        if (typed := token_id or device) is not None and not made["known"]:
            known = {
                each["token_id" if token_id else "device_id"]
                for each in (await desk.ask("tokens", user_id=name))["rows"]
            }
            close = get_close_matches(typed, known, n=1, cutoff=0.6)
            meant = f" Did you mean {close[0]}?" if close else ""
            where = "with this id" if token_id else "on this device"
            say(f"Nobody has used a token {where} here; if there is one, it is refused from now on.{meant}")

    at_desk(setup, work)
