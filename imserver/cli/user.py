"""`imserver user add NAME`: accounts. Asks the running server if there is one, else opens the database itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import click

from imserver.chat.naming import MAX_DISPLAY_NAME_CHARS, account_named, is_name, put_account
from imserver.chat.ports import Store
from imserver.chat.transaction import Transaction
from imserver.chat.units import Unit
from imserver.clock import SystemClock
from imserver.config import Config
from imserver.errors import StartError
from imserver.model import User
from imserver.store.sqlite.store import SqliteStore
from imserver.user_ids import canonical_user_id

from .app import Setup
from .control import Operation, ask, control_path
from .place import require_database
from .token import check_name

#: BCP 47 as far as it is used here: a language, then perhaps script and region.
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
#: A role is the application's own word.
_ROLE = re.compile(r"[\w.:-]{1,64}")
#: A starting server has locked the database, and opens its control socket a little later.
START_TRIES = 10
START_WAIT_S = 0.3


@click.group()
def user() -> None:
    """Make and change accounts, while the server runs or not."""


@user.command()
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
    help="The application's own word (staff, …). Repeatable.",
)
@click.option("--create", is_flag=True, help="Make the database if there is none and no server runs.")
@click.pass_obj
def add(
    setup: Setup,
    name: str,
    display_name: str | None,
    language: str | None,
    roles: tuple[str, ...],
    create: bool,
) -> None:
    """Make the account NAME, or change it: what is not given stays as it was."""
    changes = checked_changes(name, display_name, language, roles)
    config = setup.config()
    if not create:
        require_database(setup, config.store.path)
    made = asyncio.run(_put(config, changes))
    account = made["user"]
    details = [account["display_name"], account["language"], *account["roles"]]
    click.echo(f"{'added' if made['added'] else 'changed'} {account['user_id']} ({', '.join(details)})")


def checked_changes(
    name: str, display_name: str | None, language: str | None, roles: Sequence[str]
) -> dict[str, Any]:
    """The arguments of `put_user`, or click.BadParameter."""
    check_name(name)
    if display_name is not None and not is_name(display_name):
        raise click.BadParameter(f"1-{MAX_DISPLAY_NAME_CHARS} printable characters", param_hint="--name")
    if language is not None and _LANGUAGE.fullmatch(language) is None:
        raise click.BadParameter(f"{language!r}: a tag such as en or zh-CN", param_hint="--language")
    for role in roles:
        if _ROLE.fullmatch(role) is None:
            raise click.BadParameter(f"{role!r}: a word without spaces", param_hint="--role")
    given = {"display_name": display_name, "language": language, "roles": list(roles) or None}
    return {"user_id": name, **{field: value for field, value in given.items() if value is not None}}


def put_user_operation(store: Store) -> Operation:
    """The operation of a running server behind this command."""

    async def operation(changes: dict[str, Any]) -> dict[str, Any]:
        checked = checked_changes(
            str(changes.get("user_id", "")),
            changes.get("display_name"),
            changes.get("language"),
            [str(role) for role in changes.get("roles", ())],
        )
        return await store.write(_put_user(checked))

    return operation


def _put_user(changes: dict[str, Any]) -> Callable[[Transaction], dict[str, Any]]:
    """The work inside one transaction: read, lay the changes over, write."""
    user_id = changes["user_id"]
    fields = {name: value for name, value in changes.items() if name != "user_id"}
    if "roles" in fields:
        fields["roles"] = tuple(fields["roles"])

    def work(tx: Transaction) -> dict[str, Any]:
        old = account_named(tx, user_id)
        canonical = canonical_user_id(user_id)
        new = put_account(tx, replace(old or User(canonical, display_name=canonical), **fields))
        return {"added": old is None, "user": asdict(new)}

    return work


async def _put(config: Config, changes: dict[str, Any]) -> dict[str, Any]:
    path = control_path(config.store.path)
    if path is None:
        raise StartError("a database in memory keeps no accounts; set store.path")
    for _ in range(START_TRIES):
        answer = await ask(path, "put_user", changes)
        if answer is not None:
            return answer
        store = SqliteStore(config.store, clock=SystemClock())
        try:
            await store.open(Nobody())
        except StartError as error:
            if "has this database open" not in str(error):
                raise
            await asyncio.sleep(START_WAIT_S)  # a server holds the file and will open its control socket soon
            continue
        try:
            return await store.write(_put_user(changes))
        finally:
            await store.close()
    raise StartError(
        f"{config.store.path} is in use by a process that does not take commands; stop it and try again",
        again=True,
    )


class Nobody:
    """The listener of commits of a store that serves no connections."""

    def committed(self, units: Sequence[Unit]) -> None:
        for unit in units:
            unit.settle()

    def saturated(self) -> bool:
        return False
