"""Small databases as older versions made them: what was asked for there, and what was shown. They must open for ever.

In each folder `chat.sql` is the dump; `asked.json` holds each request with its key and first answer, in order; `shown.json`
what each person read at the end. To keep another one: let the last commit before the schema changes do all that it can, on a
clock that stands still, and dump it.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

PEOPLE = ("ann", "bob", "cy", "dee", "eve")


@dataclass(frozen=True)
class OldDatabase:
    """One of them, by its schema."""

    schema: int

    @property
    def _folder(self) -> Path:
        return Path(__file__).parent / "fixtures" / f"schema_{self.schema}"

    def _read(self, name: str) -> Any:
        return json.loads((self._folder / name).read_text("utf-8"))

    @cached_property
    def asked(self) -> list[dict[str, Any]]:
        """Requests with their keys and first answers."""
        asked: list[dict[str, Any]] = self._read("asked.json")
        return asked

    @cached_property
    def shown(self) -> dict[str, dict[str, Any]]:
        """What each person was shown at the end."""
        shown: dict[str, dict[str, Any]] = self._read("shown.json")
        return shown

    @cached_property
    def group(self) -> str:
        """Where cy (removed) and eve (left) were members."""
        found: str = next(asked["answer"][0] for asked in self.asked if asked["method"] == "create")
        return found

    def put(self, path: Path) -> None:
        """Make a copy of it at this path."""
        with closing(sqlite3.connect(path, isolation_level=None)) as raw:
            raw.executescript((self._folder / "chat.sql").read_text("utf-8"))


#: As commit 84f8d70 made it. That version showed former members the edits of later: their pages here are of the moment of
#: leaving.
SCHEMA_1 = OldDatabase(1)
#: As commit 3ae7930 made it, with the tables and timers of a plugin (`notes_plugin`) and bound tokens. `since`: each person's
#: token of a sync in the middle; `later`: what changed after it.
SCHEMA_2 = OldDatabase(2)
#: As commit fb08274 made it, of the same.
SCHEMA_3 = OldDatabase(3)
#: As commit ddfba07 made it, of the same.
SCHEMA_4 = OldDatabase(4)
#: As commit 9cbd8b7 left it of that one, with a bot, people shut out, roles of several givers, and what was revoked and used.
SCHEMA_5 = OldDatabase(5)
#: As commit d39f174 left it of that one, with a browser, a link, a guest and a record that waits for its plugin.
SCHEMA_6 = OldDatabase(6)
OLD_DATABASES = (SCHEMA_1, SCHEMA_2, SCHEMA_3, SCHEMA_4, SCHEMA_5, SCHEMA_6)
