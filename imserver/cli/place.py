"""Where the database should be, and why it may not be there: a wrong folder, a switched link, a disk that is not mounted.

An empty database in the wrong place looks like a server that forgot everybody. So only `serve` makes one by itself, and not
where something says that there was one.
"""

from __future__ import annotations

import os
from pathlib import Path

from imserver.errors import StartError

from .app import Setup

#: What a database leaves beside itself, and only once something was stored.
TRACES = (".high", "-wal")


def database_is_there(setup: Setup, store_path: str) -> bool:
    """True if there is one, or it is in memory; False if `serve` may make it. Raises `StartError` if it may not."""
    path = Path(store_path)
    if store_path == ":memory:" or os.path.lexists(path):
        return True
    for trace in TRACES:
        if os.path.lexists(f"{path}{trace}"):
            raise StartError(
                f"{path}: is not there, but {path.name}{trace} is: put the database back, or remove that file to begin anew",
                again=True,
            )
    elsewhere = _beside_the_target(setup.config_path, path)
    if elsewhere is not None:
        raise StartError(
            f"{path}: is not there, but {elsewhere} is, beside the file that {setup.config_path} links to; paths are "
            "relative to the link: move the database here, or name it with store.path"
        )
    return False


def require_database(setup: Setup, store_path: str) -> None:
    """For commands that make none. Raises `StartError` with the places that were looked at."""
    if not database_is_there(setup, store_path):
        looked = setup.config_path or "no configuration: this folder"
        where = Path(store_path).absolute()
        raise StartError(
            f"{where}: there is no database ({looked}); `imserver serve` makes it, or `imserver user add NAME --create`",
            again=True,
        )


def _beside_the_target(config: Path | None, path: Path) -> Path | None:
    """The database beside the file that `config` links to, directly or over other links."""
    if config is None:
        return None
    here, target = config.absolute().parent, config.resolve().parent
    if here.resolve() == target or not path.is_relative_to(here):
        return None
    there = target / path.relative_to(here)
    return there if there.exists() else None
