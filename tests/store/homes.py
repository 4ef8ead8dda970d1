"""Homes of databases: what a contract test has to know of an engine. A second engine writes one, and gets its row in `ENGINES`.

An engine outside of this tree is tried with `IMSERVER_TEST_ENGINE=module:Home pytest tests/store`.
"""

from __future__ import annotations

import os
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Literal

from imserver.chat.ports import Store
from imserver.config import StoreConfig
from imserver.store import SqliteStore
from imserver.store.checks import Finding, check_database
from imserver.store.engine.faults import Fault
from tests.store.model import ModelStore, World
from tests.store.support import faulty, sqlite_error

#: Where a database fails: as a transaction begins, at a message's row, at the commit.
Where = Literal["begin", "message", "commit"]
#: From now on the database fails there in this way; None: nowhere. BROKEN at the commit leaves open whether it happened.
Fail = Callable[[Fault | None, Where], None]


class Home(ABC):
    """Where one database lives from one opening to the next: a store that is opened here finds what the last one left.

    Readers of an engine keep their `Places` as `_places`, for tests that look into sealed texts.
    """

    #: Statements that no plugin may say to this engine, beside those of the contract tests; and the same in migrations.
    forbidden: ClassVar[Sequence[str]] = ()
    forbidden_in_migrations: ClassVar[Sequence[str]] = ()
    #: A statement on `shop_orders` (its `code` "A" is taken) by which this engine ends the whole transaction; None: none does.
    ending: ClassVar[str | None] = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def store(self, *, config: Mapping[str, Any] | None = None, **more: Any) -> Store:
        """A store that is not open. `config`: fields of `StoreConfig`; `more`: any of `clock`, `rng`, `log` and `max_members`,
        as `imserver.server` gives them."""

    @abstractmethod
    def copied(self) -> Any:
        """A copy of the database, for `put_back`. No unit is under way."""

    @abstractmethod
    def put_back(self, copied: Any) -> None:
        """Put a copy in the place of the database, which is closed, and leave nothing that tells of it."""

    def findings(self) -> list[Finding]:
        """What the engine's checks find in the database, which is closed."""
        return []

    def failing(self) -> tuple[Store, Fail] | None:
        """A store that is not open, and what makes its database fail from then on; None: it cannot be made to."""
        return None


_SQLITE_FAULTS = {
    Fault.FULL: ("SQLITE_FULL", "database or disk is full"),
    Fault.BUSY: ("SQLITE_BUSY", "database is locked"),
    Fault.BROKEN: ("SQLITE_IOERR", "disk I/O error"),
}
_SQLITE_PLACES: Mapping[Where, str] = {
    "begin": "BEGIN IMMEDIATE",
    "message": "INSERT INTO messages",
    "commit": "COMMIT",
}


class SqliteHome(Home):
    """A file."""

    forbidden = (
        "PRAGMA journal_mode",
        "PRAGMA user_version = 9",
        "ATTACH ':memory:' AS other",
        "DETACH main",
        "VACUUM INTO '/tmp/stolen.db'",
        "SELECT * FROM sqlite_master",
        "SELECT * FROM pragma_table_info('shop_orders')",
        "SELECT load_extension('/tmp/x.so')",
        "UPDATE sqlite_master SET sql = ''",
    )
    forbidden_in_migrations = (
        "CREATE VIRTUAL TABLE shop_f USING fts5(x)",
        "DELETE FROM sqlite_master",
        "PRAGMA writable_schema = ON",
        "ATTACH ':memory:' AS x",
    )
    ending = "INSERT OR ROLLBACK INTO shop_orders (code) VALUES ('A')"

    @property
    def path(self) -> Path:
        return self.folder / "chat.db"

    def store(self, *, config: Mapping[str, Any] | None = None, **more: Any) -> SqliteStore:
        return SqliteStore(StoreConfig(path=str(self.path), **(config or {})), **more)

    def copied(self) -> bytes:
        with closing(sqlite3.connect(self.path)) as raw, closing(sqlite3.connect(":memory:")) as taken:
            raw.backup(taken)
            return taken.serialize()

    def put_back(self, copied: bytes) -> None:
        """With the side file, as when the whole folder was restored."""
        self.path.write_bytes(copied)
        Path(f"{self.path}.high").unlink()

    def failing(self) -> tuple[Store, Fail]:
        connector, connections = faulty()

        def fail(fault: Fault | None, where: Where) -> None:
            error = None if fault is None else sqlite_error(*_SQLITE_FAULTS[fault])
            connections.before = staticmethod(
                lambda sql: error if sql.startswith(_SQLITE_PLACES[where]) else None
            )

        return SqliteStore(StoreConfig(path=str(self.path)), rng=Random(7), connector=connector), fail

    def findings(self) -> list[Finding]:
        with closing(sqlite3.connect(self.path)) as raw:
            return check_database(raw).findings


class ModelHome(Home):
    """Memory."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._last: ModelStore | None = None

    def store(self, *, config: Mapping[str, Any] | None = None, **more: Any) -> ModelStore:
        more.pop("log", None)
        world = self._last.world if self._last is not None else None
        self._last = ModelStore(StoreConfig(**(config or {})), world=world, **more)
        return self._last

    def copied(self) -> World:
        assert self._last is not None
        return self._last.world

    def put_back(self, copied: World) -> None:
        self._last = ModelStore(world=copied)


#: Every engine of the product, and one to try.
ENGINES: dict[str, type[Home]] = {"sqlite": SqliteHome}
if _named := os.environ.get("IMSERVER_TEST_ENGINE"):
    _module, _, _class = _named.partition(":")
    ENGINES[_named] = getattr(import_module(_module), _class)
HOMES: dict[str, type[Home]] = {**ENGINES, "model": ModelHome}
