"""A turn asks its tables each question once, and never answers with what a statement has changed since."""

from __future__ import annotations

import random
import re
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, cast

from imserver.plugin_api import Method, Transaction, User
from imserver.plugins.booking.plugin import BookingPlugin
from imserver.plugins.booking.read_once import MAX_KEPT, is_first, read_once
from imserver.plugins.booking.schedule.asked import DAY, MINE, DayParams

TABLES = ("booking_days", "booking_names")
OF_BOTH = "SELECT d.value, n.value FROM booking_days d JOIN booking_names n ON n.id = d.id ORDER BY d.id"


class _Tables:
    """Two tables, and how many statements they were asked."""

    now_ms = 7

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self.asked = 0
        self.told: list[tuple[Any, ...]] = []
        for table in TABLES:
            self._connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, value INTEGER)")

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        self.asked += 1
        return self._connection.execute(sql, params).fetchall()

    def changed(self, method: Method[Any, Any], params: Any, *, users: Iterable[str] | None = None) -> None:
        self.told.append((method.name, params, users if users is None else sorted(users)))

    def schedule(self, due_at: int) -> int:
        return due_at + 1

    def user(self, user_id: str) -> User | None:
        self.asked += 1
        return User(user_id, f"name {self.asked}")

    def give_role(self, user_id: str, role: str) -> bool:
        return True


def _once(tables: _Tables) -> Transaction:
    return read_once(cast("Transaction", tables))


def test_a_question_is_asked_once() -> None:
    tables = _Tables()
    tx = _once(tables)
    tx.execute("INSERT INTO booking_days (id, value) VALUES (?, ?), (?, ?)", (1, 10, 2, 20))
    for _ in range(3):
        assert tx.execute("SELECT value FROM booking_days WHERE id = ?", (1,)) == [(10,)]
        assert tx.execute("SELECT value FROM booking_days WHERE id = ?", (2,)) == [(20,)]
    assert tables.asked == 3
    rows = tx.execute("SELECT value FROM booking_days WHERE id = ?", (1,))
    rows.clear()
    assert tx.execute("SELECT value FROM booking_days WHERE id = ?", (1,)) == [(10,)]


def test_a_change_is_passed_on_once_to_each_that_hears_of_it() -> None:
    tables = _Tables()
    tx, day = _once(tables), DayParams("garden", "2026-11-20")
    for _ in range(3):
        tx.changed(DAY, day)
        tx.changed(DAY, DayParams("garden", "2026-11-20"), users=["ann", "bo"])
        tx.changed(DAY, day, users={"bo", "ann"})
        tx.changed(DAY, day, users=iter(["ann"]))
        tx.changed(DAY, None)
        tx.changed(MINE, None)
    assert tables.told == [
        (DAY.name, day, None),
        (DAY.name, day, ["ann", "bo"]),
        (DAY.name, day, ["ann"]),
        (DAY.name, None, None),
        (MINE.name, None, None),
    ]


def test_all_else_is_the_transactions_own() -> None:
    tx = cast("Any", _once(_Tables()))
    assert (tx.now_ms, tx.schedule(3)) == (7, 4)


def test_an_account_is_asked_for_again_behind_what_may_have_changed_it() -> None:
    tables = _Tables()
    tx = cast("Any", _once(tables))
    assert {tx.user("ann").display_name for _ in range(3)} == {"name 1"}
    tx.schedule(3)
    assert (tx.user("bo").display_name, tx.user("ann").display_name) == ("name 2", "name 1")
    tx.give_role("ann", "guest")
    assert tx.user("ann").display_name == "name 3"


def test_an_act_is_to_be_done_once_in_a_transaction_that_knows() -> None:
    tables, other = _Tables(), _Tables()
    tx = _once(tables)
    assert [is_first(tx, act) for act in ("a", "b", "a")] == [True, True, False]
    assert [is_first(cast("Transaction", other), "a") for _ in range(2)] == [True, True]


def test_answers_are_those_of_the_tables_after_any_statements() -> None:
    dice, tables = random.Random(1), _Tables()
    tx = _once(tables)
    for number in range(1000):
        table, row = dice.choice(TABLES), dice.randrange(3)
        tx.execute(
            dice.choice(
                (
                    f"INSERT INTO {table} (id, value) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET value = excluded.value",
                    f"UPDATE {table} SET value = value + ? * 0 + ? WHERE id < 2 RETURNING value",
                    f"DELETE FROM {table} WHERE id = ? AND value <> ?",
                )
            ),
            (row, number),
        )
        for question in (OF_BOTH, *(f"SELECT id, value FROM {one} ORDER BY id" for one in TABLES)):
            assert tx.execute(question) == tables.execute(question), number


def test_a_transaction_over_a_whole_shop_keeps_few_rows() -> None:
    tables = _Tables()
    tx = _once(tables)
    for number in (*range(MAX_KEPT + 1), 0):
        tx.execute("SELECT value FROM booking_days WHERE id = ?", (number,))
    assert tables.asked == MAX_KEPT + 2


def test_no_statement_of_the_plugin_writes_into_a_table_that_it_does_not_name() -> None:
    for migration in BookingPlugin().migrations:
        assert not re.search("TRIGGER|CASCADE|SET NULL|SET DEFAULT|CREATE VIEW", migration.sql, re.IGNORECASE)
