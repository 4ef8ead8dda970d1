"""Started as root: nothing here needs it, and files that root makes are in the way of the user who runs the server."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from imserver.cautions import Caution
from imserver.config import Config, is_loopback
from imserver.errors import StartError
from imserver.named_file import user_name

ROOT = 0
#: systemd sets it for each start of a unit.
OF_A_UNIT = "INVOCATION_ID"


def as_root(user_id: int, environment: Mapping[str, str], config: Config) -> Iterator[Caution]:
    """What a server says that has more rights than it needs: one that is a unit, or that others can reach. Who tries one out
    in a container, for this machine alone, is left in peace."""
    http = config.http
    reached = not is_loopback(config.server.host) or (
        http is not None and bool(http.public_url or not is_loopback(http.host))
    )
    if user_id == ROOT and (reached or OF_A_UNIT in environment):
        yield (
            "runs_as_root",
            {"meaning": "whoever breaks in is root", "do": "run it as a user of its own (User= in the unit)"},
        )


def refuse_as_root(user_id: int, store_path: str) -> None:
    """Root opens no database that is another user's, and makes none in that user's folder: what lies beside it (lock, ledger,
    secret) would be root's, and keep the server from starting. Raises `StartError`."""
    if user_id != ROOT or store_path == ":memory:":
        return
    path = Path(store_path).absolute()
    for place in (path, path.parent):
        try:
            owner = os.stat(place).st_uid
        except OSError:  # not there: said by whoever needs it
            continue
        if owner != ROOT:
            name = user_name(owner)
            raise StartError(
                f"{place}: belongs to {name}, and files that root makes beside it would be in the way: run this as {name}"
                f" (runuser -u {name} -- imserver …)"
            )
        return
