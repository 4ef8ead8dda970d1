"""The command line: `imserver COMMAND …`. Imported without the packages of `imserver[server]`, so that it can name them."""

from __future__ import annotations

import sys
from collections.abc import Sequence

#: Import names of the packages in the extra `server`. A test compares them with the distribution's requirements.
EXTRA_MODULES = frozenset(
    {
        "aiohttp",
        "aiosqlite",
        "argon2",
        "click",
        "cryptography",
        "jwt",
        "prometheus_client",
        "prompt_toolkit",
        "rich",
        "structlog",
        "tzdata",
        "uvloop",
    }
)
INSTALL = "pip install 'imserver[server]'"


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. Exits 0 when the command did its work, 2 for a mistake in usage, configuration or start."""
    try:
        from imserver.cli.app import run

        code = run(sys.argv[1:] if arguments is None else arguments)
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in EXTRA_MODULES:
            raise
        print(
            f"imserver: this command needs more packages (there is no {module}): {INSTALL}", file=sys.stderr
        )
        code = 2
    sys.exit(code)
