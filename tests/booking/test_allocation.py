"""Slots and cells: an offered slot can be booked, a taken one is not offered, and no cell ever has two owners."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imserver.plugins.booking.checks import OF_TABLES
from imserver.plugins.booking.schedule import appointments
from imserver.plugins.booking.schedule.appointments import Wish
from imserver.plugins.booking.schedule.hours import is_start, slot_starts, utc_ms, zone_of
from imserver.plugins.booking.schedule.shops import WEEKDAYS, Chain, Week, minutes_of
from imserver.plugins.booking.schedule.slots import Slot, free_slots, nearest, open_days, why_not
from imserver.plugins.booking.schedule.status import (
    FINAL,
    OWNING,
    TRANSITIONS,
    Action,
    Actor,
    NotPossible,
    Status,
    next_status,
)
from tests.booking.support.chains import trial
from tests.booking.support.ledger import NOW, ZONE, Ledger, ms

DAY = date(2026, 11, 19)


def wish(chain: Chain, minutes: int = 30, customer: str = "ann") -> Wish:
    return Wish(chain.stores[0], chain.services[0], customer, "conversation", customer, minutes)


def slot(chain: Chain, wall: str) -> Slot:
    moment = datetime.fromisoformat(wall)
    start_at = utc_ms(moment, zone_of(chain.stores[0]))
    assert start_at is not None
    return Slot(moment, start_at)


def free(ledger: Ledger, chain: Chain, minutes: int = 30, day: date = DAY) -> list[str]:
    found = free_slots(ledger.query, chain.stores[0], chain.services[0], day, minutes, ledger.now_ms)
    return [f"{one.wall:%H:%M}" for one in found]


def findings(ledger: Ledger) -> list[str]:
    return [f"{name}: {finding}" for name, check in OF_TABLES.items() for finding in check(ledger.look)]


@pytest.mark.parametrize(("people", "rooms"), [(1, 1), (2, 1), (1, 2), (2, 2), (3, 2), (4, 4)])
def test_of_many_who_want_one_slot_exactly_as_many_get_it_as_there_are_pairs(people, rooms):
    chain, ledger = trial(people=people, rooms=rooms), Ledger(NOW)
    got = [
        appointments.hold(ledger.tx, wish(chain, customer=f"c{n}"), slot(chain, "2026-11-19T15:00"))
        for n in range(200)
    ]
    assert sum(one is not None for one in got) == min(people, rooms)
    assert "15:00" not in free(ledger, chain)
    assert findings(ledger) == []
    assert ledger.query("SELECT COUNT(*) FROM booking_appointments") == [(min(people, rooms),)]


def test_the_primary_key_decides_even_if_what_was_read_is_stale(monkeypatch):
    chain, ledger = trial(), Ledger(NOW)
    everybody = [[r for r in chain.stores[0].resources if r.kind == kind] for kind in ("person", "room")]
    monkeypatch.setattr(
        appointments, "pools", lambda *_: everybody
    )  # somebody who looked before the other booked
    at = slot(chain, "2026-11-19T15:00")
    assert appointments.hold(ledger.tx, wish(chain), at) is not None
    assert appointments.hold(ledger.tx, wish(chain), at) is None
    assert appointments.hold(ledger.tx, wish(chain), slot(chain, "2026-11-19T15:15")) is None
    assert findings(ledger) == []


def test_moving_is_one_row_and_exchanged_cells():
    chain, ledger = trial(), Ledger(NOW)
    held = appointments.hold(ledger.tx, wish(chain), slot(chain, "2026-11-19T15:00"))
    assert held is not None
    booked = appointments.act(ledger.tx, held, Action.CONFIRM, Actor.CUSTOMER, "ann")
    # A quarter of an hour later overlaps with itself, which is no obstacle.
    moved = appointments.place(
        ledger.tx, booked, wish(chain), slot(chain, "2026-11-19T15:15"), Actor.CUSTOMER
    )
    assert moved is not None
    assert (moved.id, moved.code, moved.version) == (booked.id, booked.code, booked.version + 1)
    assert ledger.query("SELECT COUNT(*) FROM booking_appointments") == [(1,)]
    assert "14:45" in free(ledger, chain)
    assert "15:00" not in free(ledger, chain)


def test_a_move_to_a_taken_slot_changes_nothing():
    chain, ledger = trial(), Ledger(NOW)
    first = appointments.hold(ledger.tx, wish(chain), slot(chain, "2026-11-19T15:00"))
    second = appointments.hold(ledger.tx, wish(chain, customer="bob"), slot(chain, "2026-11-19T16:00"))
    assert first is not None
    assert second is not None
    before = ledger.query("SELECT * FROM booking_cells ORDER BY 1, 2")
    assert (
        appointments.place(ledger.tx, second, wish(chain), slot(chain, "2026-11-19T14:45"), Actor.CUSTOMER)
        is None
    )
    assert ledger.query("SELECT * FROM booking_cells ORDER BY 1, 2") == before
    assert appointments.get(ledger.tx, second.id) == second


@pytest.mark.parametrize("action", [Action.CANCEL, Action.EXPIRE])
def test_cancelling_and_expiry_free_the_cells(action):
    chain, ledger = trial(), Ledger(NOW)
    everything = free(ledger, chain)
    held = appointments.hold(ledger.tx, wish(chain), slot(chain, "2026-11-19T15:00"))
    assert held is not None
    actor = Actor.TIMER if action is Action.EXPIRE else Actor.CUSTOMER
    appointments.act(ledger.tx, held, action, actor, "")
    assert free(ledger, chain) == everything
    assert ledger.query("SELECT COUNT(*) FROM booking_cells") == [(0,)]


def test_the_buffer_is_owned_but_may_reach_past_closing_time():
    chain, ledger = trial(buffer=10), Ledger(NOW)
    assert free(ledger, chain)[-1] == "17:30"
    appointments.hold(ledger.tx, wish(chain), slot(chain, "2026-11-19T15:00"))
    assert "15:30" not in free(ledger, chain)
    assert "15:45" in free(ledger, chain)
    assert "14:30" not in free(ledger, chain)  # its own buffer would reach into 15:00


def test_breaks_hours_and_leave_of_people_are_no_free_slots():
    chain = trial(person='breaks = ["12:00-13:00"]\nhours = { thu = ["10:00-16:00"] }')
    ledger = Ledger(NOW)
    times = free(ledger, chain)
    assert (times[0], times[-1]) == ("10:00", "15:30")
    assert not {"11:45", "12:00", "12:30", "12:45"} & set(times)
    begin, end = ms("2026-11-19T14:00", ZONE), ms("2026-11-19T16:00", ZONE)
    ledger.execute(
        "INSERT INTO booking_leaves (resource_id, start_at, end_at, actor_id, created_at) VALUES ('person-0', ?, ?, '', 0)",
        (begin, end),
    )
    assert free(ledger, chain)[-1] == "13:30"


def test_every_break_and_every_leave_counts_and_so_does_one_that_began_the_day_before():
    chain = trial(person='breaks = ["11:00-12:00", "14:00-15:00"]')
    ledger = Ledger(NOW)
    for begin, end in (
        ("2026-11-18T12:00", "2026-11-19T10:00"),
        ("2026-11-19T12:30", "2026-11-19T13:00"),
        ("2026-11-19T17:00", "2026-11-19T17:10"),
    ):
        ledger.execute(
            "INSERT INTO booking_leaves (resource_id, start_at, end_at, actor_id, created_at)"
            " VALUES ('person-0', ?, ?, '', 0)",
            (ms(begin, ZONE), ms(end, ZONE)),
        )
    assert free(ledger, chain) == [
        "10:00", "10:15", "10:30", "12:00", "13:00", "13:15", "13:30", "15:00", "15:15", "15:30", "15:45", "16:00",
        "16:15", "16:30", "17:15", "17:30",
    ]  # fmt: skip


def test_the_last_hour_of_a_long_day_is_taken_once():
    chain, ledger = trial(hours='["00:00-24:00"]'), Ledger(NOW)
    at = slot(chain, "2026-11-19T23:30")
    assert appointments.hold(ledger.tx, wish(chain), at) is not None
    assert "23:30" not in free(ledger, chain)
    assert appointments.hold(ledger.tx, wish(chain), at) is None


def test_the_days_that_are_offered_can_still_be_booked():
    chain = trial(hours='["09:00-12:00", "13:00-18:00"]', extra="horizon_days = 2")
    (store,) = chain.stores
    for wall, first in (("12:30", 18), ("17:59", 18), ("18:00", 19)):
        days = open_days(store, ms(f"2026-11-18T{wall}", ZONE), 5)
        assert [day.day for day in days] == list(range(first, 21))
    late = msgspec.structs.replace(store, lead_min=60)
    assert open_days(late, ms("2026-11-18T17:00", ZONE), 1) == [date(2026, 11, 19)]


def test_the_nearest_may_lie_on_days_before():
    chain, ledger = trial(hours='["09:00-09:30"]'), Ledger(NOW)
    store, service = chain.stores[0], chain.services[0]
    appointments.hold(ledger.tx, wish(chain), slot(chain, "2026-11-21T09:00"))
    near = nearest(ledger.query, store, service, datetime.fromisoformat("2026-11-21T09:00"), 30, NOW)
    assert [f"{one.wall:%d}" for one in near] == ["20", "22", "23"]


def test_lead_time_and_horizon():
    chain = trial(extra="horizon_days = 3")
    ledger = Ledger(ms("2026-11-18T10:07", ZONE))
    assert free(ledger, chain, day=date(2026, 11, 18))[0] == "10:15"
    assert free(ledger, chain, day=date(2026, 11, 21))
    assert free(ledger, chain, day=date(2026, 11, 22)) == []
    (store,) = chain.stores
    verdicts = {
        wall: why_not(store, datetime.fromisoformat(wall), 30, ledger.now_ms)
        for wall in (
            "2026-11-18T09:00",
            "2026-11-19T09:05",
            "2026-11-19T17:45",
            "2026-11-22T10:00",
            "2026-11-19T10:00",
        )
    }
    assert list(verdicts.values()) == ["past", "step", "hours", "horizon", None]


def test_the_nearest_are_of_the_same_day_first():
    chain, ledger = trial(), Ledger(NOW)
    store, service = chain.stores[0], chain.services[0]
    appointments.hold(ledger.tx, wish(chain), slot(chain, "2026-11-19T15:00"))
    near = nearest(ledger.query, store, service, datetime.fromisoformat("2026-11-19T15:00"), 30, NOW)
    assert [f"{one.wall:%d %H:%M}" for one in near] == ["19 14:15", "19 14:30", "19 15:30"]


def test_a_day_is_read_by_ranges_of_the_primary_key():
    """Free slots cost the same with any number of appointments, because only the day's cells are read."""
    ledger = Ledger(NOW)
    seen: list[str] = []

    def query(sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        seen.extend(row[3] for row in ledger.execute(f"EXPLAIN QUERY PLAN {sql}", params))
        return ledger.execute(sql, params)

    chain = trial(people=3, rooms=2)
    free_slots(query, chain.stores[0], chain.services[0], DAY, 30, NOW)
    assert any(
        "SEARCH booking_cells USING PRIMARY KEY (resource_id=? AND cell>? AND cell<?)" in step
        for step in seen
    )
    assert not any(step.startswith("SCAN") for step in seen)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_people_do_offers_and_cells_agree(data):
    chain = trial(
        people=data.draw(st.integers(1, 3)),
        rooms=data.draw(st.integers(1, 3)),
        buffer=data.draw(st.sampled_from([0, 5, 10])),
    )
    ledger = Ledger(NOW)
    live: list[appointments.Appointment] = []
    for _ in range(data.draw(st.integers(1, 15))):
        minutes = data.draw(st.sampled_from([15, 30, 60]))
        wall = datetime.fromisoformat("2026-11-19T09:00") + timedelta(
            minutes=15 * data.draw(st.integers(0, 31))
        )
        at = slot(chain, wall.isoformat())
        offered = f"{wall:%H:%M}" in free(ledger, chain, minutes)
        if live and data.draw(st.booleans()):
            victim = live.pop(data.draw(st.integers(0, len(live) - 1)))
            if data.draw(st.booleans()):
                appointments.act(ledger.tx, victim, Action.CANCEL, Actor.CUSTOMER, "ann")
                continue
            live.append(
                appointments.place(ledger.tx, victim, wish(chain, minutes), at, Actor.CUSTOMER) or victim
            )
        elif why_not(chain.stores[0], wall, minutes, NOW) is None:
            held = appointments.hold(ledger.tx, wish(chain, minutes), at)
            assert (held is not None) == offered
            if held is not None:
                live.append(held)
    assert findings(ledger) == []


def test_what_the_table_does_not_have_is_refused():
    rows = {(row.before, row.action) for row in TRANSITIONS}
    for status in Status:
        for action in Action:
            for actor in Actor:
                allowed = any(
                    row.before is status and row.action is action and actor in row.actors
                    for row in TRANSITIONS
                )
                if allowed:
                    assert isinstance(next_status(status, action, actor), Status)
                else:
                    with pytest.raises(NotPossible):
                        next_status(status, action, actor)
    assert {Status.DONE, Status.CANCELLED, Status.NO_SHOW, Status.EXPIRED} == FINAL
    assert not FINAL & OWNING
    assert len(rows) == len(TRANSITIONS)


def test_an_unknown_age_counts_as_the_longest_so_that_a_hold_is_never_too_short():
    from imserver.plugins.booking.schedule.chain_file import load_chain

    for service in load_chain("demo").services:
        longest = minutes_of(service, "", None)
        for band in ("child", "adult", "senior"):
            for first_visit in (True, False):
                assert minutes_of(service, band, first_visit) <= longest


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/London"])
@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25), date(2026, 11, 19)])
def test_a_start_is_one_of_the_days_starts(zone: str, day: date) -> None:
    """Also on the two days on which the clocks are set forward and back, and where two spans of a day meet."""
    week = msgspec.convert({name: ["00:15-02:10", "02:10-13:00", "20:00-24:00"] for name in WEEKDAYS}, Week)
    shop = msgspec.structs.replace(trial().stores[0], zone=zone, hours=week, slot_step_min=20)
    minutes = range(0, 24 * 60, 5)
    walls = [datetime.combine(day, datetime.min.time()) + timedelta(minutes=minute) for minute in minutes]
    for length in (5, 30, 240):
        starts = {wall for wall, _ in slot_starts(shop, day, length)}
        assert [wall for wall in walls if is_start(shop, wall, length)] == sorted(starts)
    assert not is_start(shop, walls[3] + timedelta(seconds=1), 5)
