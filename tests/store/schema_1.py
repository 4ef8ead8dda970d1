"""A small database as commit 84f8d70 made it (schema 1): what was asked for there, and what was shown.

`chat.sql` is its dump; `asked.json` holds each request with its key and first answer, in order; `shown.json` what each person
read at the end. That version showed former members the edits of later: their pages here are of the moment of leaving.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "fixtures" / "schema_1"

ASKED: list[dict[str, Any]] = json.loads((_FOLDER / "asked.json").read_text("utf-8"))
SHOWN: dict[str, dict[str, Any]] = json.loads((_FOLDER / "shown.json").read_text("utf-8"))
PEOPLE = ("ann", "bob", "cy", "dee", "eve")
#: Where cy (removed) and eve (left) were members.
GROUP: str = next(asked["answer"][0] for asked in ASKED if asked["method"] == "create")


def put_database(path: Path) -> None:
    """Make a copy of it at this path."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.executescript((_FOLDER / "chat.sql").read_text("utf-8"))
