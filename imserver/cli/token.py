"""`imserver token NAME`: a token signed with the configured secret; and `token list|revoke`, of tokens that were used.

Making one needs neither a server nor the database, so nothing here imports either; the two others stand in `issued`.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import click

from imserver.chat.accounts import sign_token
from imserver.clock import SystemClock
from imserver.config import Config
from imserver.errors import ConfigError
from imserver.model import valid_user_id

from .app import Setup
from .duration import Duration

#: Commands beside making, each in a module that is loaded when it is used: `module:attribute`.
OTHERS = {"list": "imserver.cli.issued:list_tokens", "revoke": "imserver.cli.issued:revoke"}


class Tokens(click.Group):
    """A group whose usual command need not be named: `token NAME` is `token make NAME`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.list_commands(ctx), *self.get_help_option_names(ctx)):
            args = ["make", *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.commands, *OTHERS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in OTHERS:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = OTHERS[cmd_name].partition(":")
        command: Any = getattr(importlib.import_module(module), attribute)
        return command  # type: ignore[no-any-return]


@click.group(cls=Tokens, options_metavar="", subcommand_metavar="[make] NAME  |  list NAME  |  revoke NAME")
def token() -> None:
    """Print a token with which the user NAME can connect; list those that were used here, or revoke them.

    `imserver token alice` is short for `imserver token make alice`, and has its options. A user named `list` needs the long
    form.
    """


@token.command(short_help="Print a token: `make` may be left out.")
@click.argument("name")
@click.option(
    "--ttl",
    type=Duration(),
    default="30d",
    show_default=True,
    help="How long it is valid: 90s, 12h, 30d, 2w.",
)
@click.option(
    "--device", metavar="ID", help="Bind it to this device; otherwise the first device that uses it has it."
)
@click.pass_obj
def make(setup: Setup, name: str, ttl: int, device: str | None) -> None:
    """Print a token with which the user NAME can connect.

    It is signed with the secret of the configuration, which is made on first use (file `imserver.secret`). The account itself
    is made by `imserver user add`. The server knows a token from its first use on.
    """
    click.echo(make_token(setup.config(), name, ttl_s=ttl, device_id=device))


def make_token(config: Config, user_id: str, *, ttl_s: int, device_id: str | None) -> str:
    """A token for the user. Raises ConfigError if this machine cannot make any, click.BadParameter for a bad name."""
    check_name(user_id)
    if device_id is not None and not valid_user_id(device_id):
        raise click.BadParameter("1-64 bytes of UTF-8 without control characters", param_hint="--device")
    # A server whose clock was put forward (`[clock]`, for demonstrations) counts the life of the token from its own now.
    now_ms = max(SystemClock().now_ms(), config.clock.start_ms)
    return sign_token(config.auth, user_id, now_ms=now_ms, ttl_s=ttl_s, device_id=device_id)


def check_name(user_id: str) -> None:
    """Raises click.BadParameter if this cannot be a user id."""
    if not valid_user_id(user_id):
        raise click.BadParameter(
            f"{user_id!r}: 1-64 bytes of UTF-8 without control characters", param_hint="NAME"
        )


def require_secret(config: Config) -> None:
    """Raises if there is no secret yet: a client of an existing server must not make up a new one."""
    auth = config.auth
    if auth.keys:
        field, path = "$.auth.keys[0].secret_file", auth.keys[0].secret_file
    else:
        field, path = "$.auth.secret_file", "" if auth.secret or auth.public_key_file else auth.secret_file
    if path and not Path(path).exists():
        raise ConfigError(
            field, f"there is no {path}: run this where the server's configuration is, or give --token"
        )
