"""Quotas in memory: a day gives its bytes once, whatever the clock does; what is written is enough and not too often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from imserver.chat import quotas
from imserver.chat.quotas import DAY_MS, DAYS_AHEAD, WRITE_AFTER_S, WRITE_BYTES, Quotas, Used, in_words
from imserver.chat.units import Unit
from imserver.config import LimitsConfig
from imserver.errors import Refusal, RefusalCode, StoreFailed
from imserver.model import Usage
from imserver.testing import ManualClock

DAY = 20_000
PER_DAY, IN_ALL = 40_000, 100_000


class Kept:
    """The store's place: keeps rows, when it is told to; counts what it is asked."""

    def __init__(self) -> None:
        self.rows: dict[str, Usage] = {}
        self.queue: list[Unit] = []
        self.reads = 0
        self.refuses: Exception | None = None

    def put_used(self, rows: list[Usage]) -> None:
        self.rows |= {row.user_id: row for row in rows}

    def used(self, user_id: str) -> Usage:
        return self.rows.get(user_id, Usage(user_id))

    def submit(self, unit: Unit) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.queue.append(unit)

    def commit(self, error: Exception | None = None) -> int:
        """Everything in the queue is done; returns how many units that were."""
        units, self.queue = self.queue, []
        for unit in units:
            if error is None:
                unit.run(self)  # type: ignore[arg-type]
            unit.error = error
            unit.settle()
        return len(units)

    async def write(self, work: Callable[[Any], None]) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.commit()
        work(self)

    async def read(self, query: Callable[[Any], Usage]) -> Usage:
        self.reads += 1
        found = query(self)
        await asyncio.sleep(0)
        return found


class House:
    """Quotas on a clock that is moved by hand."""

    def __init__(self, **limits: int) -> None:
        limits = {"bytes_per_day": PER_DAY, "bytes_in_all": IN_ALL, "max_content_bytes": 10_000} | limits
        self.clock, self.store = ManualClock(DAY * DAY_MS + 1000), Kept()
        self.quotas = Quotas(self.store, self.clock, LimitsConfig(**limits))  # type: ignore[arg-type]

    def fresh(self, user_id: str = "ann") -> Used:
        used = self.quotas.of(user_id)
        used.learn(self.store.used(user_id))
        used.room(self.clock.now_ms())
        return used


acts = st.lists(
    st.one_of(
        st.tuples(st.just("post"), st.integers(1, PER_DAY)),
        st.tuples(st.just("refused"), st.integers(1, PER_DAY)),
        st.tuples(st.just("hours"), st.integers(1, 30)),
        st.tuples(st.just("back"), st.integers(1, 24 * DAYS_AHEAD)),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(acts, st.booleans())
def test_a_day_gives_its_bytes_once_whatever_the_clock_does(
    done: list[tuple[str, int]], all_day: bool
) -> None:
    house = House(bytes_in_all=10**9 if all_day else IN_ALL)
    used = house.fresh()
    given_on: dict[int, int] = {}
    for what, number in done:
        if what == "hours":
            house.clock.advance(number * 3600)
        elif what == "back":
            house.clock.jump_to(house.clock.now_ms() - number * 3600 * 1000)
        elif number <= used.room(house.clock.now_ms()):
            used.take(number)
            if what == "refused":
                used.give_back(number)
            else:
                # A clock that went back over midnight goes on with the later day.
                given_on[used.day] = given_on.get(used.day, 0) + number
        else:
            refusal = used.refusal(number)
            assert refusal.detail["left"] < number
            assert (refusal.code is RefusalCode.QUOTA) is (
                sum(given_on.values()) + number > house.quotas.in_all
            )
    assert all(total <= PER_DAY for total in given_on.values())
    assert sum(given_on.values()) == used.bytes <= house.quotas.in_all


@pytest.mark.parametrize("hours", [1, 24, 24 * DAYS_AHEAD])
def test_a_clock_that_goes_back_over_midnight_gives_no_day_again(hours: int) -> None:
    house = House(bytes_in_all=10**9)
    used = house.fresh()
    used.take(PER_DAY)
    for _ in range(2):
        house.clock.jump_to(house.clock.now_ms() - hours * 3600 * 1000)
        assert used.room(house.clock.now_ms()) == 0
        assert used.refusal(1).detail["back_at"] == (DAY + 1) * DAY_MS
        house.clock.advance(hours * 3600)
        assert used.room(house.clock.now_ms()) == 0
    house.clock.advance(86_400)
    assert used.room(house.clock.now_ms()) == PER_DAY


def test_the_time_that_is_told_is_the_time_when_it_comes_back() -> None:
    house = House()
    used = house.fresh()
    used.take(PER_DAY - 500)
    assert (used.room(house.clock.now_ms()), used.refusal(501).detail["left"]) == (500, 500)
    house.clock.advance(3600)
    told = used.refusal(501)
    assert (told.code, told.detail) == (
        RefusalCode.RATE_LIMITED,
        {
            "quota": "bytes_per_day",
            "used": PER_DAY - 500,
            "limit": PER_DAY,
            "left": 500,
            "back_at": (DAY + 1) * DAY_MS,
        },
    )
    assert told.text == "of 39 kB a day only 500 bytes are left; again from 00:00 UTC"
    house.clock.advance(told.retry_after_ms / 1000 - 0.001)
    assert used.room(house.clock.now_ms()) == 500, "too early"
    house.clock.advance(0.001)
    assert used.room(house.clock.now_ms()) == PER_DAY


def test_a_whole_that_is_used_up_does_not_come_back() -> None:
    house = House()
    used = house.fresh()
    for _ in range(2):
        used.take(PER_DAY)
        house.clock.advance(86_400)
        used.room(house.clock.now_ms())
    used.take(IN_ALL - 2 * PER_DAY)
    told = used.refusal(1)
    assert (told.code, told.retry_after_ms) == (RefusalCode.QUOTA, 0)
    assert told.detail == {
        "quota": "bytes_in_all",
        "used": IN_ALL,
        "limit": IN_ALL,
        "left": 0,
        "back_at": None,
    }
    assert told.text == "97.6 kB in all are used up"
    house.clock.advance(86_400 * 400)
    assert used.room(house.clock.now_ms()) == 0


def test_a_guest_may_post_the_longest_content_however_small_the_part_of_guests_is() -> None:
    house = House(bytes_per_day_of_guests=100)
    used = house.fresh()
    used.is_of(guest=True)
    assert used.room(house.clock.now_ms()) == 10_000


def test_what_was_taken_yesterday_makes_no_room_today() -> None:
    house = House()
    used = house.fresh()
    used.take(5_000)
    house.clock.advance(86_400)
    assert used.room(house.clock.now_ms()) == PER_DAY
    used.give_back(5_000)
    assert (used.row.day_bytes, used.room(house.clock.now_ms())) == (0, PER_DAY)


def test_a_clock_that_was_years_ahead_shuts_nobody_out_for_years() -> None:
    house = House(bytes_in_all=10**9)
    used = house.fresh()
    used.take(1_000)
    house.clock.jump_to((DAY + 9_000) * DAY_MS)
    assert used.room(house.clock.now_ms()) == PER_DAY
    used.take(PER_DAY)
    house.clock.jump_to(DAY * DAY_MS + 5000)
    assert used.room(house.clock.now_ms()) == 0, "that day's count is today's"
    assert used.refusal(1).detail["back_at"] == (DAY + 1) * DAY_MS
    house.clock.advance(86_400)
    assert used.room(house.clock.now_ms()) == PER_DAY


# -- what is written ------------------------------------------------------------------------------------------------------


def test_a_post_writes_nothing_a_mebibyte_or_a_minute_does() -> None:
    house = House(bytes_per_day=10**9, bytes_in_all=10**10)
    used = house.fresh()
    for _ in range(WRITE_BYTES // 1024 - 1):
        used.take(1024)
    house.quotas.sweep()
    assert house.store.commit() == 0
    used.take(1024)
    assert house.store.commit() == 1
    assert house.store.used("ann") == used.row == Usage("ann", WRITE_BYTES, DAY, WRITE_BYTES)
    used.take(10)
    house.clock.advance(WRITE_AFTER_S - 0.1)
    house.quotas.sweep()
    assert house.store.commit() == 0
    house.clock.advance(0.1)
    house.quotas.sweep()
    house.quotas.sweep()
    assert house.store.commit() == 1
    assert house.store.used("ann").bytes == WRITE_BYTES + 10
    house.clock.advance(WRITE_AFTER_S)
    house.quotas.sweep()
    assert house.store.commit() == 0, "nothing new"


def test_what_was_used_long_ago_makes_the_first_post_write_nothing() -> None:
    house = House(bytes_per_day=10**9, bytes_in_all=10**10)
    used = house.quotas.met(Usage("ann", 5 * WRITE_BYTES, DAY - 1, 0))
    used.take(10)
    assert house.store.commit() == 0
    house.clock.advance(WRITE_AFTER_S)
    house.quotas.sweep()
    assert house.store.commit() == 1
    assert house.store.used("ann").bytes == 5 * WRITE_BYTES + 10


def test_many_users_are_written_a_part_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "ROWS_A_UNIT", 4)
    monkeypatch.setattr(quotas, "ROWS_A_SWEEP", 10)
    house = House()
    for number in range(15):
        house.fresh(f"user{number}").take(1)
    house.clock.advance(WRITE_AFTER_S)
    for units, written in ((3, 10), (2, 15), (0, 15)):
        house.quotas.sweep()
        assert house.store.commit() == units
        assert len(house.store.rows) == written


@pytest.mark.parametrize("at_once", [True, False])
def test_what_could_not_be_written_is_written_later(at_once: bool) -> None:
    house = House()
    house.fresh().take(10)
    house.clock.advance(WRITE_AFTER_S)
    full = Refusal(RefusalCode.OVERLOADED, "the queue is full")
    house.store.refuses = full if at_once else None
    house.quotas.sweep()
    assert house.store.commit(full) == (0 if at_once else 1)
    house.store.refuses = None
    house.clock.advance(WRITE_AFTER_S)
    house.quotas.sweep()
    assert house.store.commit() == 1
    assert house.store.used("ann").bytes == 10


async def test_the_end_writes_what_is_left() -> None:
    house = House()
    for number in range(600):
        house.fresh(f"user{number}").take(number + 1)
    await house.quotas.close()
    assert {row.bytes for row in house.store.rows.values()} == set(range(1, 601))


@pytest.mark.parametrize("error", [Refusal(RefusalCode.STORE_FULL, "full"), StoreFailed("gone")])
async def test_a_store_that_takes_nothing_does_not_keep_the_end(error: Exception) -> None:
    house = House()
    house.fresh().take(10)
    house.store.refuses = error
    await house.quotas.close()


async def test_what_was_counted_is_not_forgotten_with_the_session() -> None:
    """Whoever reconnects finds the count, written or not, on its way or not; and it is read once."""
    house = House()
    (await house.quotas.load("ann")).take(10)
    assert (await house.quotas.load("ann")).bytes == 10
    house.clock.advance(WRITE_AFTER_S)
    house.quotas.sweep()
    assert (await house.quotas.load("ann")).bytes == 10
    assert house.store.reads == 1
    house.store.commit()
    assert (await house.quotas.load("ann")).bytes == 10
    assert house.store.reads == 2, "nobody kept it any more"


async def test_two_devices_that_come_at_once_count_together() -> None:
    house = House()
    house.store.put_used([Usage("ann", 100, DAY, 100)])

    async def device() -> Used:
        used = await house.quotas.load("ann")
        assert used.room(house.clock.now_ms()) > 0
        used.take(10)
        return used

    first, second = await asyncio.gather(device(), device())
    assert first is second
    assert first.row == Usage("ann", 120, DAY, 120)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1 kB"),
        (1536, "1.5 kB"),
        (10 * 1024 + 512, "10.5 kB"),
        (256 << 20, "256 MB"),
        ((1 << 20) - 1, "1023.9 kB"),
        (20 << 30, "20 GB"),
    ],
)
def test_sizes_in_words(size: int, words: str) -> None:
    assert in_words(size) == words
