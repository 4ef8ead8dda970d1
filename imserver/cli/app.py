"""The table of commands, their shared options, and the handling of errors.

A command's module is imported when the command is used, so `imserver token` does not pay for the chat's terminal. A new command
is a row in `COMMANDS` and a file beside this one.
"""

from __future__ import annotations

import gc
import importlib
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from imserver.config import ENVIRONMENT_PREFIX, Config, Reading, load_config, read_config
from imserver.config.withheld import without_secrets
from imserver.errors import ConfigError, ImserverError, PluginError

from .log_writer import LogWriter, as_standard_error
from .sanitize import escaped

#: Exit codes; docs/operating.md has the same table for operators, and the unit there relies on it.
#: The command failed at its work, or found something.
EXIT_FAILED = 1
#: Usage, configuration, or what only a person can mend: trying again gives the same.
EXIT_MISTAKE = 2
#: EX_TEMPFAIL of sysexits.h: nothing was done, and the same may work later (`imserver.passing`).
EXIT_AGAIN = 75
#: Ctrl-C ended a command: 128 + SIGINT.
EXIT_INTERRUPTED = 130
STDOUT = 1
#: click's own least width, and ours, below which its two columns have no room.
LEAST_CELLS_OF_CLICK = 50
LEAST_HELP_CELLS = 30
DEFAULT_CONFIG = "imserver.toml"


@dataclass(frozen=True, slots=True)
class Row:
    """A command: its place (`module:attribute`), and a few words for the overview."""

    where: str
    summary: str


#: The order is that of the overview.
COMMANDS: dict[str, Row] = {
    "serve": Row("imserver.cli.serve:serve", "Run the server until it is told to stop."),
    "status": Row("imserver.cli.status:status", "Show how the running server is, on one screen."),
    "user": Row("imserver.cli.user:user", "Make, see, change and disable accounts."),
    "config": Row("imserver.cli.config:config", "Check the configuration; print what is in effect."),
    "check": Row("imserver.cli.check:check", "Prove that a database holds what it must, running or stopped."),
    "backup": Row("imserver.cli.backup:backup", "Copy the database, beside a running server or not."),
    "restore": Row("imserver.cli.restore:restore", "Put a copy back, or rehearse it."),
    "token": Row("imserver.cli.token:token", "Print a token with which a user can connect; list, revoke."),
    "session": Row("imserver.cli.session:session", "See who is connected, and end it."),
    "browser": Row("imserver.cli.browser:browser", "See where a user is signed in by a browser; sign out."),
    "trace": Row("imserver.cli.trace:trace", "Explain every frame between clients and a server."),
    "decode": Row("imserver.cli.decode:decode", "Show the frames in bytes, and what is wrong with them."),
    "conform": Row("imserver.cli.conform:conform", "Play the server against a client, and judge it."),
    "simulate": Row("imserver.cli.simulate:simulate", "Run the whole system on virtual time, under faults."),
    "demo": Row("imserver.cli.demo:demo", "See it work: a chat, a cut line, a killed server, and the proof."),
    "torture": Row(
        "imserver.cli.torture:torture", "Kill and cut off a real server under load; prove nothing lost."
    ),
    "chat": Row("imserver.cli.chat.command:chat", "Chat in this terminal, or post lines from a pipe."),
}
#: Who asks on behalf of a plugin's command.
ASK_PLUGIN = "imserver.cli.desk:ask_plugin"


@dataclass(slots=True)
class Setup:
    """The values of the shared options. `click.Context.obj` of every command of ours."""

    config_path: Path | None

    def config(self) -> Config:
        """The configuration, read when a command asks for it. Raises ConfigError."""
        return load_config(self.config_path)

    def reading(self) -> Reading:
        """The same with all that is wrong, and with who said what."""
        return read_config(self.config_path)

    @property
    def folder(self) -> Path:
        """Where relative paths of the configuration begin: its file's folder, or this one."""
        return self.config_path.absolute().parent if self.config_path is not None else Path()

    def section(self, plugin: str) -> Any:
        """For a plugin's command: `[plugins.NAME]`, checked; None without one."""
        from imserver.plugin_host import enabled

        sections = {name: values for name, values in self.config().plugins.items() if name == plugin}
        return next((one.config for one in enabled(sections)), None)

    def path(self, text: str) -> Path:
        """For a plugin's command: the place that a path of its section names."""
        return self.folder / text

    @property
    def public_url(self) -> str:
        """For a plugin's command: how people reach the server's pages; "" if that is not said."""
        http = self.config().http
        return http.public_url.rstrip("/") if http is not None else ""

    def say(self, text: str, *, err: bool = False) -> None:
        """For a plugin's command: one sentence, for whoever reads it."""
        from .tables import say

        say(text, err=err)

    def ask(self, plugin: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """For a plugin's command: ask the running server, or do it on the stopped database."""
        told: dict[str, Any] = _at(ASK_PLUGIN)(self, plugin, operation, arguments)
        return told

    def blame(self, error: ConfigError) -> ConfigurationMistake:
        """Add the file's name to the error, which does not know it."""
        text = without_secrets(str(error).removeprefix("$: "))
        if error.source:
            return ConfigurationMistake(text, again=error.again)
        where = str(self.config_path or "no configuration file")  # a variable's error names it: `source`
        return ConfigurationMistake(text if where in text else f"{where}: {text}", again=error.again)


class ConfigurationMistake(ImserverError):
    """A ConfigError with the name of its file."""

    def __init__(self, text: str, *, again: bool) -> None:
        super().__init__(text)
        self.again = again


class Commands(click.Group):
    """Our table, and behind it the commands of installed plugins (found by entry points; none is started)."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            raise ctx.obj.blame(error) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *(name for name, _ in _plugin_commands() if name not in COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            command: click.Command = _at(COMMANDS[cmd_name].where)
            return command
        return dict(_plugin_commands(about=cmd_name)).get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            close = get_close_matches(name, self.list_commands(ctx), n=1, cutoff=0.5)
            meant = f" Did you mean {close[0]!r}?" if close else " `imserver --help` lists them."
            raise click.UsageError(f"No such command {name!r}.{meant}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, row.summary) for name, row in COMMANDS.items()])
        of_plugins = [(name, command) for name, command in _plugin_commands() if name not in COMMANDS]
        if of_plugins:
            with formatter.section("Commands of plugins"):
                formatter.write_dl(
                    [(name, command.get_short_help_str(limit=70)) for name, command in of_plugins]
                )


def _at(where: str) -> Any:
    """What stands at `module:attribute`, loaded now. Of that nothing becomes garbage, and looking for it would take an eighth
    of the time."""
    module, _, attribute = where.partition(":")
    looks = gc.isenabled()
    gc.disable()
    try:
        return getattr(importlib.import_module(module), attribute)
    finally:
        if looks:
            gc.enable()


def _plugin_commands(about: str | None = None) -> list[tuple[str, click.Command]]:
    """Name and command of every plugin that has one. A failure to load is reported only for the wanted one."""
    from imserver.plugin_host import load_cli  # loaded only when needed

    broken: dict[str, PluginError] = {}
    found = [
        (name, command)
        for name, command in load_cli(broken.__setitem__)
        if isinstance(command, click.Command)
    ]
    if about in broken:
        raise broken[about]
    return found


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="First steps: `imserver serve` in one terminal, then `imserver user add alice` and "
    "`imserver chat --as alice` in another. Everything is in docs/operating.md and docs/chat.md.",
)
@click.option(
    "--config",
    "config_path",
    metavar="FILE",
    envvar=f"{ENVIRONMENT_PREFIX}CONFIG",
    type=click.Path(path_type=Path, readable=False),  # whoever reads it says why not
    help=f"Configuration (TOML). Default: {DEFAULT_CONFIG} in this folder if there is one. "
    f"{ENVIRONMENT_PREFIX}CONFIG names it too.",
)
@click.version_option(package_name="imserver", message="imserver %(version)s")
@click.pass_context
def imserver(ctx: click.Context, config_path: Path | None) -> None:
    """A standalone instant-messaging server."""
    if config_path is None and Path(DEFAULT_CONFIG).exists():
        config_path = Path(DEFAULT_CONFIG)
    ctx.obj = Setup(config_path)


def run(arguments: Sequence[str]) -> int:
    """Run a command; every error of ours becomes one line on standard error. Returns the exit code."""
    try:
        result: Any = imserver.main(
            list(arguments), prog_name="imserver", standalone_mode=False, terminal_width=_narrow()
        )
    except click.exceptions.NoArgsIsHelpError as shown:
        click.echo(shown.format_message())
        return EXIT_MISTAKE
    except click.ClickException as error:
        return fail(error.format_message(), error.exit_code, _usage_hint(error))
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except ImserverError as error:
        return fail(str(error), EXIT_AGAIN if error.again else EXIT_MISTAKE)
    except OSError as error:
        # Most of all our output: its reader has gone (`imserver … | head`), its disk is full. Python would complain again while
        # it closes standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)
        if isinstance(error, BrokenPipeError):
            return EXIT_FAILED
        where = error.filename if isinstance(error.filename, str) else "cannot write the output"
        return fail(f"{where}: {error.strerror or error}", EXIT_FAILED)
    return result if isinstance(result, int) else 0


def _narrow() -> int | None:
    """Cells of a terminal on which click's help, whose lines have 50 at least, would be cut inside words; None elsewhere."""
    cells = shutil.get_terminal_size().columns
    return max(cells - 1, LEAST_HELP_CELLS) if cells <= LEAST_CELLS_OF_CLICK else None


def fail(text: str, code: int, hint: str = "") -> int:
    """Print one line about what went wrong, and return the exit code. A terminal shows it without words cut in two."""
    line = f"imserver: {escaped(' '.join(text.split()))}{hint}"
    if "JOURNAL_STREAM" in os.environ:  # a unit's; else the import of the log costs each mistake some time
        from .log import is_journal, journal_mark

        line = f"{journal_mark('error') if is_journal() else ''}{line}"
    announce(line)
    return code


def announce(text: str) -> None:
    """Say this sentence on standard error, beside a command's own output."""
    if _is_terminal():
        from .tables import fitted  # only for a person: it costs an import that most failures do not need

        text = "\n".join(fitted(text, sys.stderr))
    tell(text)


def _is_terminal() -> bool:
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except ValueError:  # it is closed
        return False


def tell(text: str) -> None:
    """Say this on standard error, which nobody may read, or which is gone: a command's work goes on."""
    if isinstance(sys.stderr, LogWriter):
        sys.stderr.write(f"{text}\n")
    else:
        with as_standard_error() as writer:
            writer.write(f"{text}\n")


def _usage_hint(error: click.ClickException) -> str:
    if not isinstance(error, click.UsageError) or error.ctx is None or error.ctx.command is imserver:
        return ""
    return f" (see: {error.ctx.command_path} --help)"
