"""Whether a start would take the database that lies there, for `imserver config check`: its first hundred bytes say enough.

Nothing is opened as a database: that would make a log beside it, or wait for a running server. What only the log says is not
seen, and damage is `imserver check`'s to find.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from imserver.errors import ConfigError, StartError
from imserver.store.sqlite.database import APPLICATION_ID, migrations

from .app import Setup
from .place import database_is_there

FIELD = "$.store.path"
#: The file's header (sqlite.org/fileformat2.html, 1.3): what it begins with, and where the two numbers of a program stand.
HEADER_BYTES = 100
MAGIC = b"SQLite format 3\0"
USER_VERSION = slice(60, 64)
APPLICATION = slice(68, 72)


def database_faults(setup: Setup, store_path: str) -> Iterator[ConfigError]:
    """Why no start would take it. A folder that is not there is said elsewhere."""
    try:
        if store_path == ":memory:" or not database_is_there(setup, store_path):
            return
        status = os.stat(store_path)
        if not stat.S_ISREG(status.st_mode):
            yield ConfigError(FIELD, f"{store_path}: is not a file")
        elif status.st_nlink > 1:
            yield ConfigError(FIELD, f"{store_path}: has more than one name (hard links): remove the others")
        elif status.st_size:
            newest = _newest()
            version = _schema(store_path)
            if version is None:
                yield ConfigError(FIELD, f"{store_path}: is no database, or one of something else")
            elif version > newest:
                made = f"made by a newer imserver (schema {version}, this one knows {newest})"
                yield ConfigError(FIELD, f"{store_path}: {made}")
    except StartError as error:
        yield ConfigError(FIELD, str(error))
    except OSError as error:
        yield ConfigError(FIELD, f"{store_path}: {error.strerror}")


def database_note(store_path: str) -> str:
    """What a start would do to it that cannot be undone; "" if nothing."""
    try:
        version = _schema(store_path) if Path(store_path).is_file() else None
    except OSError:
        return ""
    if version is None or not 0 < version < _newest():
        return ""
    return f"{store_path}: has schema {version}, and the next start makes it {_newest()}: older versions do not open it then"


def _newest() -> int:
    return max(number for number, _ in migrations())


def _schema(path: str) -> int | None:
    """The version of the schema in the header; None for what is not ours."""
    with open(path, "rb") as file:
        header = file.read(HEADER_BYTES)
    ours = header.startswith(MAGIC) and int.from_bytes(header[APPLICATION], "big") == APPLICATION_ID
    return int.from_bytes(header[USER_VERSION], "big") if ours and len(header) == HEADER_BYTES else None
