"""`imserver session list|kick`: who is connected, and an end to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from imserver.clock import SystemClock

from .app import Setup
from .desk import Desk, at_desk
from .sanitize import escaped
from .tables import Cell, Column, Look, Row, Table, say, show, terminal_width
from .token import check_name
from .words import count_words, time_in_words

COLUMNS = (
    Column("user"),
    Column("device"),
    Column("since", alone="since {}"),
    Column("address", least=9, alone="from {}"),
    Column("session", alone="session {}"),
)


@click.group()
def session() -> None:
    """See who is connected to the running server, and end it."""


@session.command("list", short_help="List sessions, of all or of one user.")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on each line.")
@click.pass_obj
def list_sessions(setup: Setup, name: str | None, as_json: bool) -> None:
    """List the sessions of the user NAME, or of all. `away`: without a connection, and it may come back.

    The last column is what the server's log calls the session.
    """
    if name is not None:
        check_name(name)

    async def work(desk: Desk) -> None:
        if name is not None:
            await desk.ask("user", user_id=name)  # says so if there is none
        table, seen, now_ms = Table(COLUMNS, terminal_width()), 0, SystemClock().now_ms()
        async for page in desk.pages("sessions", user_id=name):
            seen += len(page)
            show(map(json.dumps, page) if as_json else table.lines([_row(each, now_ms) for each in page]))
        if not as_json:
            where = "" if desk.running else f": no server runs on {setup.config().store.path}"
            say(f"{count_words(seen, 'session')}{where}", Look.DIM)

    at_desk(setup, work)


def _row(told: Mapping[str, Any], now_ms: int) -> Row:
    return (
        Cell(escaped(told["user_id"]), Look.BOLD),
        Cell(escaped(told["device_id"])),
        Cell(time_in_words(max(0, now_ms - told["began_at"]) / 1000)),
        Cell(escaped(told["address"])) if told["connected"] else Cell("away", Look.DIM, alone=True),
        Cell(told["session"], Look.DIM),
    )


@session.command(short_help="End the sessions of a user.")
@click.argument("name")
@click.option("--device", metavar="ID", help="Only the session of this device.")
@click.pass_obj
def kick(setup: Setup, name: str, device: str | None) -> None:
    """End the sessions of the user NAME. A client whose token still holds may come again at once: to keep somebody out, see
    `imserver user disable` and `imserver token revoke`.
    """
    check_name(name)

    async def work(desk: Desk) -> None:
        ended = (await desk.ask("kick", user_id=name, device_id=device))["sessions_ended"]
        of = f"{name} on {device}" if device is not None else name
        where = "" if desk.running else f": no server runs on {setup.config().store.path}"
        say(f"{count_words(ended, 'session')} of {of} ended{where}")

    at_desk(setup, work)
