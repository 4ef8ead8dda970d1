"""Checks of who is signed in by a browser, of links, joins and guests, and of what plugins have put on record."""

from __future__ import annotations

import json

from imserver.store.checks.check_run import CheckRun

BROWSERS, LINKS, JOINS, GUESTS, RECORDS = "browsers", "links", "joins", "guests", "plugin records"

#: Bytes of a hash.
HASH_BYTES = 32
_PERSONS = "(SELECT no FROM users WHERE kind = 'person')"
_WRONG_BROWSERS = (
    f"SELECT device_id, user_no FROM browsers WHERE user_no NOT IN {_PERSONS} OR length(secret_hash) <> {HASH_BYTES}"  # noqa: S608 - constants
    " OR device_id = '' OR label = '' OR made_at < 0 OR seen_at < 0 OR told_at < 0"
)
_WRONG_LINKS = (
    f"SELECT link_no, user_no FROM links WHERE user_no NOT IN {_PERSONS} OR length(secret_hash) <> {HASH_BYTES}"  # noqa: S608 - constants
    " OR made_at < 0 OR expires_at < made_at OR (used_at IS NULL) <> (used_by IS NULL) OR used_at < 0 OR used_by = ''"
)
_WRONG_JOINS = (
    f"SELECT join_no, user_no FROM joins WHERE user_no NOT IN {_PERSONS} OR account_no NOT IN {_PERSONS}"  # noqa: S608 - constants
    " OR account_no = user_no OR (account_no IS NULL) <> (asked_by IS NULL) OR length(code) <> 6 OR code GLOB '*[^0-9]*'"
    " OR device_id = '' OR made_at < 0 OR expires_at < made_at OR ended_at < 0 OR used_by = ''"
    " OR (used_by IS NOT NULL AND (ended_at IS NULL OR account_no IS NULL))"
)


def browsers(run: CheckRun) -> None:
    """Check that each credential is a person's and names a device."""
    run.looked_at(BROWSERS, run.number("SELECT count(*) FROM browsers"))
    run.list(
        BROWSERS,
        _WRONG_BROWSERS,
        lambda device, no: f"browser {device!r} of {run.user(no)} is not one that can be signed in",
    )


def links(run: CheckRun) -> None:
    """Check that each link is a person's, ends behind its beginning, and says what came of it."""
    run.looked_at(LINKS, run.number("SELECT count(*) FROM links"))
    run.list(
        LINKS, _WRONG_LINKS, lambda link, no: f"link {link} of {run.user(no)} is not one that can be made"
    )


def joins(run: CheckRun) -> None:
    """Check that each join is of two persons, shows a code, and says by whom it was asked and what came of it."""
    run.looked_at(JOINS, run.number("SELECT count(*) FROM joins"))
    run.list(
        JOINS, _WRONG_JOINS, lambda join, no: f"join {join} of {run.user(no)} is not one that can be made"
    )


def guests(run: CheckRun) -> None:
    """Check that who began as a guest is a person."""
    run.looked_at(GUESTS, run.number("SELECT count(*) FROM guests"))
    run.list(
        GUESTS,
        f"SELECT user_no, made_at FROM guests WHERE user_no NOT IN {_PERSONS} OR made_at < 0",  # noqa: S608 - constants
        lambda no, made_at: f"{run.user(no)} began as a guest at {made_at}",
    )


def records(run: CheckRun) -> None:
    """Check that what waits for a plugin can be read."""
    for number, plugin, name, body in run.rows("SELECT number, plugin, name, body FROM plugin_records"):
        run.looked_at(RECORDS, 1)
        try:
            whole = isinstance(json.loads(body), dict)
        except ValueError:
            whole = False
        if not whole or not name or not plugin or number < 1:
            run.found(RECORDS, f"record {number}, {name!r} of {plugin!r}, is none that the plugin could do")
