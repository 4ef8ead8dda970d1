"""What is allowed up to a bound, and not beyond it: a change, a text that a button carries, leave, and what guests may hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from imserver.plugin_api import Transaction
from imserver.plugins.booking.dialogue import emergency
from imserver.plugins.booking.schedule.asked import MINE, MineParams
from tests.booking.support.booked import booked
from tests.booking.support.chains import demo
from tests.booking.support.guests import books, guest
from tests.booking.support.leave import staff
from tests.booking.support.shop import GARDEN, Shop, shown


async def test_an_appointment_can_be_changed_in_the_minute_of_the_cut_off_and_not_after() -> None:
    async with Shop() as shop:
        here, code = await booked(shop)
        await shop.until("2026-11-19T13:00")
        (one,) = (await shop.kit.call(MINE, "ming", MineParams())).mine.upcoming
        assert one.move is not None
        assert "要取消" in await shop.hear("ming", here, f"取消 {code}")
        await shop.hear("ming", here, "不")
        await shop.advance(1)
        (one,) = (await shop.kit.call(MINE, "ming", MineParams())).mine.upcoming
        assert one.move is None
        assert "不到120分钟" in await shop.hear("ming", here, f"取消 {code}")


@pytest.mark.parametrize(("length", "carried"), [(400, True), (401, False)])
async def test_the_way_back_carries_so_long_a_text(length: int, carried: bool) -> None:
    async with Shop() as shop:
        here = await shop.customer("ming")
        await shop.leave("ming", here)
        text = f"/human {'x' * (length - len('/human '))}"
        said = await shop.say("ming", shop.kit.direct("ming", GARDEN), text)
        assert any("退出" in shown(one) for one in said)
        assert any(text in a["command"] for one in said for a in one.content.get("actions", ())) is carried


async def test_a_guests_hold_is_no_way_to_other_people_of_a_day_that_guests_have_enough_of(
    tmp_path: Path,
) -> None:
    """A shorter service of the same day, but of the counter, which guests have enough of."""
    async with Shop(config={"chain": demo(tmp_path, guest_share="0")}) as shop:
        for name, hour in zip("abcd", range(10, 14), strict=True):
            room = await guest(shop, f"g{name}")
            assert await books(shop, f"g{name}", room, f"2026-11-20 {hour}:00", "collect")
        room = await guest(shop, "last")
        await shop.say("last", room, "/book exam 2026-11-20 15:00")
        assert len(await shop.appointments("held")) == 1
        await shop.say("last", room, "/book adjust 2026-11-20 15:00")
        assert await shop.appointments("held") == []


@pytest.mark.parametrize(("last", "read"), [("2028-04-02", True), ("2028-04-03", False)])
async def test_leave_is_500_days_at_most(last: str, read: bool) -> None:
    async with Shop() as shop:
        said = await staff(shop, f"请假 李老师 2026-11-20 到 {last}")
        assert ("李老师 请假：" in said) is read


class _Rows:
    """The table of alarms in memory, asked as a transaction is."""

    def __init__(self, *rows: tuple[str, int, int, str]) -> None:
        self._database = sqlite3.connect(":memory:")
        self._database.execute(
            "CREATE TABLE booking_alarms (customer_id PRIMARY KEY, urgent_at, careful_at, told)"
        )
        self._database.executemany("INSERT INTO booking_alarms VALUES (?, ?, ?, ?)", rows)

    def execute(self, statement: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._database.execute(statement, params).fetchall()


@pytest.mark.parametrize(
    ("guest_at", "known_at", "families"), [(2, 1, "chemical"), (1, 2, "urgent"), (2, 0, "chemical")]
)
def test_what_was_said_of_an_emergency_last_goes_on_with_a_guest(
    guest_at: int, known_at: int, families: str
) -> None:
    rows = _Rows(("guest", guest_at, 5, "chemical"), ("ann", known_at, 0, "urgent" if known_at else ""))
    emergency.carry_over(cast("Transaction", rows), "guest", "ann")
    found = rows.execute("SELECT customer_id, urgent_at, careful_at, told FROM booking_alarms")
    assert found == [("ann", 2, 5, families)]
