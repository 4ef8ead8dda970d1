"""What a read costs, as a number that is the same on every machine: the steps of SQLite's virtual machine."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imserver.store.engine.places import Places
from imserver.store.sqlite import connection, database
from imserver.store.sqlite.plugin_sandbox import PluginSandbox
from imserver.store.sqlite.reader import SqliteReader


def opened(path: Path) -> sqlite3.Connection:
    """A reader's connection to the database of a store that may be open."""
    raw = connection.connect(str(path))
    database.prepare_reader(raw)
    return raw


class Cost:
    """Counts the steps of reads on one connection."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self._raw = raw
        places = Places(database.place_key(raw), database.lineage(raw), random.Random(1))
        self.reader = SqliteReader(raw, PluginSandbox(raw), places)
        #: What the last read answered.
        self.answer: Any = None

    def of(self, query: Callable[[SqliteReader], Any]) -> int:
        """The steps of one read. Statements are prepared before it counts: it is asked twice."""
        query(self.reader)
        steps = 0

        def step() -> int:
            nonlocal steps
            steps += 1
            return 0

        self._raw.set_progress_handler(step, 1)
        try:
            self.answer = query(self.reader)
        finally:
            self._raw.set_progress_handler(None, 0)
        return steps
