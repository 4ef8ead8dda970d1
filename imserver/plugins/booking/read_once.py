"""Within a transaction a question to the tables is asked once: the parts of a turn each look up the row that they need, and
hand no rows to each other. Each says what it changed, too, and that is passed on once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, cast

from imserver.plugin_api import Method, Shape, Transaction

#: Rows of so many questions are kept; a transaction over a whole shop asks thousands, and hardly one of them twice.
MAX_KEPT: Final = 64
_TABLE: Final = re.compile(r"booking_\w+")

Rows = list[tuple[Any, ...]]


class ReadOnce:
    """Stands for a transaction of the plugin. What was read of a table is forgotten once a statement that may write names
    it."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        #: By the tables that a question names.
        self._kept: dict[frozenset[str], dict[tuple[str, tuple[Any, ...]], Rows]] = {}
        #: Rows that were kept since all were forgotten.
        self._count = 0
        #: Questions of which it was said that they have another answer, and to whom.
        self._said: set[tuple[str, Shape | None, frozenset[str] | None]] = set()
        self.now_ms = tx.now_ms

    def __getattr__(self, name: str) -> Any:
        """All but statements on the plugin's tables is the transaction's own."""
        return getattr(self._tx, name)

    def execute(self, sql: str, params: Sequence[Any] = ()) -> Rows:
        tables, reads = _statement(sql)
        if not reads:
            self._forget(tables)
            return self._tx.execute(sql, params)
        question = sql, tuple(params)
        kept = self._kept.get(tables)
        rows = None if kept is None else kept.get(question)
        if rows is None:
            rows = self._tx.execute(sql, params)
            if self._count >= MAX_KEPT:
                self._kept, self._count = {}, 0
            self._kept.setdefault(tables, {})[question] = rows
            self._count += 1
        return list(rows)

    def changed(
        self, method: Method[Any, Any], params: Shape | None, *, users: Iterable[str] | None = None
    ) -> None:
        """As the transaction's: the parts of a turn each say what they changed, and each question is named once."""
        who = None if users is None else frozenset(users)
        said = (method.name, params, who)
        if said not in self._said:
            self._tx.changed(method, params, users=who)
            self._said.add(said)

    def _forget(self, tables: frozenset[str]) -> None:
        for read in [read for read in self._kept if not tables.isdisjoint(read)]:
            del self._kept[read]


@lru_cache(maxsize=512)
def _statement(sql: str) -> tuple[frozenset[str], bool]:
    """The plugin's tables that a statement names, and whether it only reads. No trigger and no foreign key of theirs writes
    into another one."""
    return frozenset(_TABLE.findall(sql)), sql[:6].lower() == "select"


def read_once(tx: Transaction) -> Transaction:
    """The same transaction, in which what was read is known."""
    return cast("Transaction", ReadOnce(tx))
