"""The command line: `imserver COMMAND …`. Imported without the packages of `imserver[server]`, so that it can name them."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

#: Import names of the packages in the extra `server`. A test compares them with the distribution's requirements.
EXTRA_MODULES = frozenset(
    {
        "aiohttp",
        "aiosqlite",
        "click",
        "cryptography",
        "jwt",
        "prometheus_client",
        "regex",
        "prompt_toolkit",
        "rich",
        "icalendar",
        "segno",
        "structlog",
        "tzdata",
        "uvloop",
        "wcwidth",
    }
)
INSTALL = "pip install 'imserver[server]'"


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. Its exit codes stand in docs/operating.md."""
    _open_standard_streams()
    given = sys.argv[1:] if arguments is None else arguments
    if _command(given) == "serve":
        # Imports take a second on a busy machine, and a reload of the unit may come at once. Nothing is missed by it: the
        # configuration is read behind the line from which on `serve` listens.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        from imserver.cli.app import run

        code = run(given)
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in EXTRA_MODULES:
            raise
        print(
            f"imserver: this command needs more packages (there is no {module}): {INSTALL}", file=sys.stderr
        )
        code = 2
    sys.exit(code)


def _command(arguments: Sequence[str]) -> str:
    """The first word that is no option of `imserver` itself, nor what belongs to one."""
    words = iter(arguments)
    for word in words:
        if word == "--config":
            next(words, None)
        elif not word.startswith("-"):
            return word
    return ""


def _open_standard_streams() -> None:
    """Where a parent closed one of them (`2>&-`), nothing is read and all is swallowed. Otherwise the next file that we open,
    such as the database, would get that number, and whoever prints would print into it."""
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            try:
                os.fstat(descriptor)
            except OSError:
                os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115  # for good
