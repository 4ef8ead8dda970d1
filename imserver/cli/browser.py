"""`imserver browser …` and `imserver user link`: browsers that are signed in by a cookie, links that sign one in, their end."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

import click

from imserver.config import Config, HttpConfig
from imserver.errors import StartError

from .app import Setup
from .desk import Desk, at_desk
from .sanitize import escaped, safe_line
from .tables import Cell, Column, Look, Row, Table, say, show, terminal_width
from .token import check_name
from .words import count_words, day, moment

#: Where the page is that redeems a link.
LINK_PATH = "/link"
BROWSERS = (
    Column("browser"),
    Column("name", least=12),
    Column("signed in", alone="signed in {}"),
    Column("seen", alone="seen {}"),
)
LINKS = (
    Column("link"),
    Column("state"),
    Column("made", alone="made {}"),
    Column("by", alone="by {}"),
    Column("became", alone="became {}"),
)
LOOKS = {"open": Look.YELLOW, "used": Look.PLAIN, "expired": Look.DIM}


@click.group()
def browser() -> None:
    """See where a user is signed in by a browser, name it, and sign it out; the same of links."""


@browser.command("list", short_help="List the browsers of a user.")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on each line.")
@click.pass_obj
def list_browsers(setup: Setup, name: str, as_json: bool) -> None:
    """List the browsers in which the user NAME is signed in, those that were seen last first.

    `seen` is within an hour of the last use. One that is not used for 400 days is signed out.
    """
    _list(setup, name, "browser", BROWSERS, _browser, as_json=as_json)


def _list(
    setup: Setup,
    name: str,
    what: str,
    columns: tuple[Column, ...],
    row: Callable[[Mapping[str, Any]], Row],
    *,
    as_json: bool,
) -> None:
    """All that a user has of this, as a table and a line that counts it, or as JSON."""
    check_name(name)
    found = at_desk(setup, lambda desk: desk.ask(f"{what}s", user_id=name))["rows"]
    if as_json:
        show(map(json.dumps, found))
        return
    show(Table(columns, terminal_width()).lines([row(each) for each in found]))
    say(f"{count_words(len(found), what)} of {name}", Look.DIM)


def _browser(told: Mapping[str, Any]) -> Row:
    return (
        Cell(escaped(told["device_id"]), Look.BOLD),
        Cell(safe_line(told["label"])),
        *(Cell(day(told[at])) for at in ("made_at", "seen_at")),
    )


@browser.command("revoke", short_help="Sign a browser out, for ever.")
@click.argument("name")
@click.argument("browser_id", metavar="BROWSER")
@click.pass_obj
def revoke(setup: Setup, name: str, browser_id: str) -> None:
    """Sign the user NAME out of the BROWSER, as `imserver browser list` shows it: its connection ends within a second, and its
    cookie is good for nothing, whatever copy of the database comes back.

    For all of them at once: `imserver token revoke NAME --all`.
    """
    check_name(name)

    async def work(desk: Desk) -> None:
        known = (await desk.ask("browsers", user_id=name))["rows"]
        if browser_id not in {each["device_id"] for each in known}:
            raise StartError(_no_browser(name, browser_id, [each["device_id"] for each in known]))
        made = await desk.ask("sign_out", user_id=name, device_id=browser_id)
        ended = count_words(made["sessions_ended"], "session")
        say(f"signed {name} out of {browser_id} ({safe_line(made['label'])}); {ended} ended")

    at_desk(setup, work)


def _no_browser(name: str, typed: str, known: list[str]) -> str:
    close = get_close_matches(typed, known, n=1, cutoff=0.6)
    meant = f"Did you mean {close[0]}?" if close else f"`imserver browser list {name}` lists them."
    return f"{name} is not signed in by {typed!r}. {meant}"


@browser.command("name", short_help="Call a browser something.")
@click.argument("name")
@click.argument("browser_id", metavar="BROWSER")
@click.argument("label")
@click.pass_obj
def rename(setup: Setup, name: str, browser_id: str, label: str) -> None:
    """Call the BROWSER of the user NAME this: "tablet at the counter"."""
    check_name(name)
    at_desk(setup, lambda desk: desk.ask("label_browser", user_id=name, device_id=browser_id, label=label))
    say(f"{browser_id} of {name} is called {safe_line(label)}")


@browser.command("links", short_help="List the links of a user.")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on each line.")
@click.pass_obj
def list_links(setup: Setup, name: str, as_json: bool) -> None:
    """List links that sign a browser of the user NAME in, the newest first: who made each, and which browser came of it.

    They are kept for 30 days. Their addresses are shown once, when they are made.
    """
    _list(setup, name, "link", LINKS, _link, as_json=as_json)


def _link(told: Mapping[str, Any]) -> Row:
    return (
        Cell(str(told["id"]), Look.BOLD),
        Cell(told["state"], LOOKS[told["state"]]),
        Cell(moment(told["made_at"])),
        Cell(escaped(told["made_by"]) or "an operator"),
        Cell(escaped(told["used_by"] or "")),
    )


@browser.command("unlink", short_help="Make a link useless.")
@click.argument("name")
@click.argument("link", type=int)
@click.pass_obj
def revoke_link(setup: Setup, name: str, link: int) -> None:
    """Make the open LINK of the user NAME useless, whatever copy of the database comes back. If it was used already, sign the
    browser out that came of it: `imserver browser revoke`."""
    check_name(name)
    at_desk(setup, lambda desk: desk.ask("revoke_link", user_id=name, link_no=link))
    say(f"link {link} of {name} is good for nothing now")


# -- making one -----------------------------------------------------------------------------------------------------------


@click.command("link", short_help="Print a link that signs a browser in.")
@click.argument("name")
@click.pass_obj
def make_link(setup: Setup, name: str) -> None:
    """Print an address that signs the user NAME in, in the browser that opens it: once, within ten minutes, by a tap there.

    Whoever has it first is NAME, so send it the way you would send a key. `imserver browser links NAME` shows what became of
    it.
    """
    check_name(name)
    base = address_of(setup.config())
    made = at_desk(setup, lambda desk: desk.ask("make_link", user_id=name))
    click.echo(f"{base}{LINK_PATH}#{made['secret']}")
    say(f"for {made['user_id']}, once, until {moment(made['expires_at'])} UTC", Look.DIM)


def address_of(config: Config) -> str:
    """How people reach the pages. Raises StartError if nobody does."""
    http = config.http
    if http is None:
        raise StartError("browsers come over HTTP: there is no section [http]")
    if http.public_url:
        return http.public_url.rstrip("/")
    return _on_this_machine(http)


def _on_this_machine(http: HttpConfig) -> str:
    if not http.port:
        raise StartError("the port of [http] is any free one: set public_url, or a port")
    return f"{'https' if http.tls_certificate else 'http'}://localhost:{http.port}"
