"""What a page of the inbox costs does not depend on how many conversations the shop has: it is counted in SQLite's steps."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import msgspec
import pytest

from imserver.model import User
from imserver.plugins.booking import plugin
from imserver.plugins.booking.messages.texts import Catalogue
from imserver.plugins.booking.schedule.asked_by_staff import (
    CHANGES,
    CUSTOMER,
    INBOX,
    SHEET,
    STAFF,
    ChangesParams,
    CustomerParams,
    Inbox,
    InboxParams,
    SheetParams,
    StaffParams,
)
from imserver.plugins.booking.schedule.chain_file import parse_chain
from imserver.plugins.booking.web.chains import Served
from imserver.plugins.booking.web.inbox import Desk, counts, inbox_of
from imserver.plugins.booking.web.kept_changes import KEPT_MS, KeptChanges
from imserver.plugins.booking.web.sheet import Shown
from imserver.store.sqlite.plugin_sandbox import statements
from tests.booking.support.booked import booked
from tests.booking.support.chains import DEMO
from tests.booking.support.shop import Shop
from tests.plugins.sql_of_plugins import recorded

#: Tables with rows for each conversation, appointment or customer.
LARGE = (
    "booking_services",
    "booking_appointments",
    "booking_customers",
    "booking_changes",
    "booking_appointment_resources",
)
NOW_MS = 1_800_000_000_000


@pytest.fixture
def tables() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        for migration in plugin().migrations:
            for statement in filter(lambda text: text.strip("\n ;"), statements(migration.sql)):
                made.execute(statement)
        yield made


class Counted:
    """Rows at a moment, and the steps of SQLite's machine that they took."""

    def __init__(self, tables: sqlite3.Connection) -> None:
        self.tables, self.steps, self.now_ms = tables, 0, NOW_MS
        self.statements = 0
        tables.set_progress_handler(self._step, 1)

    def _step(self) -> int:
        self.steps += 1
        return 0

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        self.statements += 1
        return self.tables.execute(sql, params).fetchall()

    def user(self, user_id: str) -> User | None:
        return User(user_id, user_id)

    def guest_of(self, user_id: str) -> None:
        return None


def fill(tables: sqlite3.Connection, count: int, *, waiting: int, alarms: int) -> None:
    """So many conversations of one shop, some of which wait; and as many of another."""
    tables.execute("DELETE FROM booking_services")
    rows: list[tuple[Any, ...]] = []
    for number in range(count):
        since = NOW_MS - number if number < waiting else None
        why = "" if since is None else "alarm" if number % (waiting // alarms) == 0 else "unread"
        rows += [
            (f"{store}-{number:05}", store, f"c-{number}", since, why, NOW_MS - 7 * number, number)
            for store in ("garden", "river")
        ]
    tables.executemany(
        "INSERT INTO booking_services (conversation_id, store_id, customer_id, created_at, waiting_since, waiting_why,"
        " active_at, changed) VALUES (?, ?, ?, 0, ?, ?, ?, ?)",
        rows,
    )
    tables.execute("ANALYZE")


def desk(
    rows: Counted, served: Served | None = None, staff: frozenset[str] = frozenset({"staff-li"})
) -> Desk:
    served = served or served_of_demo()
    shop = served.chain.shop("garden")
    assert shop is not None
    return Desk(Shown(rows, served, shop), staff, lambda *_: None)


def served_of_demo() -> Served:
    chain = parse_chain(DEMO.read_text("utf-8"), "demo")
    return Served(chain, Catalogue(chain))


def steps_of(tables: sqlite3.Connection, params: InboxParams) -> tuple[int, Inbox]:
    rows = Counted(tables)
    told = inbox_of(desk(rows), params)
    tables.set_progress_handler(None, 0)
    return rows.steps, told


@pytest.mark.parametrize("before", ["", "middle"])
def test_a_page_of_ten_thousand_conversations_costs_what_one_of_a_thousand_does(
    tables: sqlite3.Connection, before: str
) -> None:
    steps = []
    for count in (1_000, 10_000):
        fill(tables, count, waiting=300, alarms=3)
        key = f"{NOW_MS - 7 * (count // 2)} garden-{count // 2:05}" if before else ""
        taken, told = steps_of(tables, InboxParams("garden", key))
        assert len(told.recent) == 50
        assert (len(told.waiting), told.more_waiting) == ((0, 0) if before else (200, 100))
        steps.append(taken)
    assert steps[1] < steps[0] * 1.1, steps
    assert steps[1] < 60_000, "a step is some tens of nanoseconds"


def test_what_changed_last_costs_a_tenth_of_a_full_inbox_however_many_conversations_there_are(
    tables: sqlite3.Connection,
) -> None:
    fill(tables, 10_000, waiting=300, alarms=3)
    whole, _ = steps_of(tables, InboxParams("garden"))
    rows = Counted(tables)
    told = KeptChanges().of(desk(rows))
    tables.set_progress_handler(None, 0)
    assert (len(told.rows), told.number, told.after, told.waiting) == (10, 9_999, 9_989, 300)
    assert rows.steps < whole / 6, "what is counted of those that wait, each time, is a fifth of it"


def test_what_changed_last_is_worked_out_once_for_all_screens_of_a_shop(tables: sqlite3.Connection) -> None:
    fill(tables, 100, waiting=30, alarms=3)
    kept, served = KeptChanges(), served_of_demo()

    def asked(now_ms: int = NOW_MS, by: Served = served, staff: str = "staff-li") -> bool:
        """Ask; whether it was worked out."""
        rows = Counted(tables)
        rows.now_ms = now_ms
        told = kept.of(desk(rows, by, frozenset({staff})))
        fresh = KeptChanges().of(desk(Counted(tables), by, frozenset({staff})))
        tables.set_progress_handler(None, 0)
        assert msgspec.structs.replace(fresh, as_of=now_ms) == told
        return rows.statements > 2

    assert [asked(), asked(), asked(NOW_MS + KEPT_MS - 1)] == [True, False, False]
    tables.execute(
        "UPDATE booking_services SET changed = 500, waiting_since = NULL WHERE conversation_id = 'garden-00001'"
    )
    assert [asked(), asked()] == [True, False]
    assert [asked(NOW_MS + KEPT_MS), asked(NOW_MS)] == [True, True], "time passes, or was set back"
    assert [asked(staff="staff-wang"), asked(by=served_of_demo()), asked()] == [True, True, True]


def test_a_shop_in_which_everybody_waits_is_counted_in_the_index(tables: sqlite3.Connection) -> None:
    fill(tables, 10_000, waiting=10_000, alarms=250)
    taken, told = steps_of(tables, InboxParams("garden"))
    assert [one.why for one in told.waiting] == ["alarm"] * 200
    assert told.more_waiting == 9_800
    assert taken < 200_000
    rows = Counted(tables)
    assert counts(rows, "garden") == (10_000, 250)
    assert rows.steps < 10_000 * 6
    tables.set_progress_handler(None, 0)


async def test_no_read_of_the_staff_walks_through_a_large_table(tables: sqlite3.Connection) -> None:
    async with Shop() as shop:
        room, _ = await booked(shop)
        await shop.say("ming", room, "人工")
        with recorded() as ran:
            await shop.kit.call(STAFF, "staff-li", StaffParams())
            await shop.kit.call(INBOX, "staff-li", InboxParams("garden"))
            await shop.kit.call(INBOX, "staff-li", InboxParams("garden", "5 x"))
            await shop.kit.call(CHANGES, "staff-li", ChangesParams("garden"))
            await shop.kit.call(CUSTOMER, "staff-li", CustomerParams(room))
            await shop.kit.call(SHEET, "staff-li", SheetParams("garden", "2026-11-19"))
    assert len(ran) > 10
    for sql in dict.fromkeys(ran):
        plan = [
            str(row[3])
            for row in tables.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * sql.count("?")).fetchall()
        ]
        walked = [step for step in plan for name in LARGE if f"SCAN {name}" in step]
        assert not walked, (sql, plan)
        if "booking_services" in sql:
            assert not any("TEMP B-TREE" in step for step in plan), (sql, plan)
