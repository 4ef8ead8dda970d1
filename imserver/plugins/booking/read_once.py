"""Within a transaction a question to the tables is asked once: the parts of a turn each look up the row that they need, and
hand no rows to each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, cast

from imserver.plugin_api import Transaction

#: Rows of so many questions are kept; a transaction over a whole shop asks thousands, and hardly one of them twice.
MAX_KEPT: Final = 64
_TABLE: Final = re.compile(r"booking_\w+")

Rows = list[tuple[Any, ...]]


class ReadOnce:
    """Stands for a transaction of the plugin. What was read of a table is forgotten once a statement that may write names
    it."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._kept: dict[tuple[str, tuple[Any, ...]], Rows] = {}
        self.now_ms = tx.now_ms

    def __getattr__(self, name: str) -> Any:
        """All but statements on the plugin's tables is the transaction's own."""
        return getattr(self._tx, name)

    def execute(self, sql: str, params: Sequence[Any] = ()) -> Rows:
        if sql[:6].lower() != "select":
            self._forget(tables_of(sql))
            return self._tx.execute(sql, params)
        question = sql, tuple(params)
        rows = self._kept.get(question)
        if rows is None:
            rows = self._tx.execute(sql, params)
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            self._kept[question] = rows
        return list(rows)

    def _forget(self, tables: frozenset[str]) -> None:
        self._kept = {
            question: rows
            for question, rows in self._kept.items()
            if tables.isdisjoint(tables_of(question[0]))
        }


@lru_cache(maxsize=512)
def tables_of(sql: str) -> frozenset[str]:
    """The plugin's tables that a statement names. No trigger and no foreign key of theirs writes into another one."""
    return frozenset(_TABLE.findall(sql))


def read_once(tx: Transaction) -> Transaction:
    """The same transaction, in which what was read is known."""
    return cast("Transaction", ReadOnce(tx))
