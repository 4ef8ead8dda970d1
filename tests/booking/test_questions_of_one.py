"""What is asked of one customer is looked up among that customer's rows: a shop of many years answers as quickly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from imserver.plugin_api import Transaction
from imserver.plugins.booking.customers import known_first_visit
from imserver.plugins.booking.schedule.appointments import (
    count_upcoming,
    held_for,
    past,
    upcoming,
    upcoming_within,
)
from tests.booking.support.ledger import Ledger, ms

NOW = ms("2026-11-18T10:00", ZoneInfo("Asia/Shanghai"))
HOUR = 3_600_000


class _Planned(Ledger):
    """Notes how SQLite looks each statement up."""

    def __init__(self) -> None:
        super().__init__(NOW)
        self.plans: list[str] = []

    def execute(self, sql: str, params: Any = ()) -> list[tuple[Any, ...]]:
        self.plans += [row[3] for row in super().execute(f"EXPLAIN QUERY PLAN {sql}", params)]
        return super().execute(sql, params)


ASKED: Sequence[Callable[[Transaction], object]] = (
    lambda tx: known_first_visit(tx, "ann", "garden"),
    lambda tx: upcoming(tx, "ann", "garden"),
    lambda tx: upcoming(tx, "ann"),
    lambda tx: count_upcoming(tx, "ann", "garden"),
    lambda tx: upcoming_within(tx, "ann", "garden", NOW, NOW + HOUR),
    lambda tx: past(tx, "ann", "garden", 10),
    lambda tx: held_for(tx, "ann", "garden"),
)


@pytest.mark.parametrize("ask", ASKED)
def test_no_index_of_the_whole_shop_is_walked(ask: Callable[[Transaction], object]) -> None:
    ledger = _Planned()
    ask(ledger.tx)
    looked_up = [plan for plan in ledger.plans if "booking_appointments" in plan]
    assert looked_up
    assert all(" INDEX booking_appointments_" in plan for plan in looked_up), looked_up
    assert not any("INDEX booking_appointments_store" in plan for plan in looked_up), looked_up
