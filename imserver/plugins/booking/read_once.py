"""Within a transaction a question to the tables is asked once: the parts of a turn each look up the row that they need, and
hand no rows to each other. Each says what it changed, too, and that is passed on once."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, cast

from imserver.plugin_api import Method, Shape, Transaction, User

#: Rows of so many questions are kept; a transaction over a whole shop asks thousands, and hardly one of them twice.
MAX_KEPT: Final = 64
_TABLE: Final = re.compile(r"booking_\w+")
#: Acts of a transaction after which every account is as it was.
_NO_ACCOUNTS: Final = frozenset({"cancel_timer", "edit", "members", "post", "schedule"})

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
        self._done: set[Hashable] = set()
        self._users: dict[str, User | None] = {}
        self.now_ms = tx.now_ms

    def __getattr__(self, name: str) -> Any:
        """All but statements on the plugin's tables is the transaction's own."""
        own = getattr(self._tx, name)
        if name in _NO_ACCOUNTS:
            setattr(self, name, own)  # it is found without us from now on
        else:
            self._users.clear()
        return own

    def user(self, user_id: str) -> User | None:
        if user_id not in self._users:
            if len(self._users) >= MAX_KEPT:
                self._users.clear()
            self._users[user_id] = self._tx.user(user_id)
        return self._users[user_id]

    def is_first(self, act: Hashable) -> bool:
        """Whether nobody has asked so of this act before, within the transaction."""
        first = act not in self._done
        self._done.add(act)
        return first

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


def is_first(tx: Transaction, act: Hashable) -> bool:
    """Whether an act that is enough once is still to be done in this transaction: always in one that does not know."""
    return not isinstance(tx, ReadOnce) or tx.is_first(act)


def read_once(tx: Transaction) -> Transaction:
    """The same transaction, in which what was read is known."""
    return cast("Transaction", ReadOnce(tx))
