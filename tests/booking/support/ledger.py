"""The booking tables in plain SQLite, for tests of functions that need a Transaction and no chat."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from imserver.plugin_api import Snapshot, Transaction, UniqueViolation
from imserver.plugins.booking import plugin
from imserver.plugins.booking.schedule.hours import zone_of
from tests.booking.support.chains import trial


class Ledger:
    """Just enough of a Transaction: SQL, a clock that stands still, and lists of what was posted and scheduled."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.database = sqlite3.connect(":memory:", isolation_level=None)
        self.database.execute("PRAGMA foreign_keys = ON")
        for migration in plugin().migrations:
            self.database.executescript(migration.sql)
        self.scheduled: list[tuple[int, str, Mapping[str, Any]]] = []

    @property
    def tx(self) -> Transaction:
        return cast("Transaction", self)

    @property
    def look(self) -> Snapshot:
        """For checks of the tables."""
        return cast("Snapshot", self)

    def __call__(self, sql: str, params: Sequence[Any] | Mapping[str, Any] = (), /) -> list[tuple[Any, ...]]:
        return self.execute(sql, params)

    def looked_at(self, count: int) -> None:
        """As in a check's snapshot."""

    def execute(self, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        try:
            return self.database.execute(sql, params).fetchall()
        except sqlite3.IntegrityError as error:
            raise UniqueViolation(str(error)) from error

    def schedule(self, due_at: int, name: str, payload: Mapping[str, Any]) -> int:
        self.scheduled.append((due_at, name, payload))
        return len(self.scheduled)

    def cancel_timer(self, timer_id: int) -> bool:
        return True

    def changed(self, method: object, params: object, *, users: object = None) -> None:
        """Nobody asks here."""

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self.execute(sql, params)


def ms(wall: str, zone: Any) -> int:
    """UTC milliseconds of an ISO wall time."""
    return int(datetime.fromisoformat(wall).replace(tzinfo=zone).timestamp() * 1000)


#: Of the shop of `trial`, and a moment there.
ZONE = zone_of(trial().stores[0])
NOW = ms("2026-11-18T10:00", ZONE)
