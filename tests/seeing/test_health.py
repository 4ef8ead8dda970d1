"""Health: what is seen once a second becomes conditions, readiness and rates; a real server and a real disk do the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver.conditions import QUIET_S
from imserver.errors import RefusalCode
from imserver.health import (
    LAG_BYTES,
    LONG_WAL_BYTES,
    MANY_REFUSALS,
    MIN_FREE_BYTES,
    ROOM_AGAIN_BYTES,
    SILENT_DISK_S,
    SLOW_COMMIT_S,
)
from imserver.store.engine.figures import (
    COMMIT_BOUNDS_S,
    Distribution,
    quantile,
)
from tests.seeing.healths import WELL, Stand


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_a_server_that_is_well_is_ready_and_says_nothing(stand: Stand) -> None:
    stand.pass_s(200)
    assert (stand.on, stand.why, stand.log) == ([], {}, [])
    assert stand.store.asked == 201


# -- the disk -----------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_on_until_something_was_stored_again_for_a_while(stand: Stand) -> None:
    stand.store.sizes = WELL._replace(free_bytes=0)
    stand.pass_s(1)
    for times in range(1, 4):
        stand.store.set(full=5 * times, has_room=False)
        stand.pass_s(1)
    assert (stand.on, stand.why["disk"]) == (["disk_full"], "the disk is full")
    stand.pass_s(100)
    assert stand.on == ["disk_full"], "nobody has tried, and there is no room"
    stand.store.set(has_room=True)
    stand.pass_s(QUIET_S)
    assert stand.on == []
    assert stand.log == ["disk_full_begins", "disk_full_ends"]
    assert stand.why == {"disk": "less than 64 MiB are free"}


def test_it_ends_where_there_is_room_also_if_nobody_tries(stand: Stand) -> None:
    stand.store.set(full=1, has_room=False)
    stand.store.sizes = WELL._replace(free_bytes=ROOM_AGAIN_BYTES - 1)
    stand.pass_s(30)
    assert stand.on == ["disk_full"]
    stand.store.sizes = WELL._replace(free_bytes=ROOM_AGAIN_BYTES)
    stand.pass_s(2)
    assert stand.on == []


def test_small_units_that_fit_do_not_end_it_while_larger_ones_do_not(stand: Stand) -> None:
    stand.store.sizes = WELL._replace(free_bytes=8192)
    for second in range(60):
        stand.store.set(full=second // 7 + 1, has_room=second % 7 > 0)
        stand.pass_s(1)
    assert stand.log == ["disk_full_begins"]


def test_a_disk_that_does_not_answer_is_not_ready_and_is_asked_once(stand: Stand) -> None:
    asked = stand.store.asked
    stand.store.sizes = None
    stand.pass_s(SILENT_DISK_S)
    assert stand.why == {}
    stand.pass_s(2)
    assert stand.why == {"disk": "the disk does not answer"}
    assert stand.store.asked == asked + 1


def test_a_disk_without_a_size_is_no_silent_one(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a simulation: nothing is awaited."""
    monkeypatch.setattr(stand.store, "look", lambda told: False)
    stand.pass_s(SILENT_DISK_S + 2)
    assert stand.why == {}


@pytest.mark.parametrize(
    ("free", "least", "ready"),
    [(MIN_FREE_BYTES, None, True), (MIN_FREE_BYTES - 1, None, False), (5, 5, True), (4, 5, False)],
)
def test_ready_asks_for_room(free: int, least: int | None, ready: bool) -> None:
    stand = Stand(**({} if least is None else {"min_free_bytes": least}))
    stand.store.sizes = WELL._replace(free_bytes=free)
    stand.pass_s(1)
    assert (stand.why == {}) == ready
    assert stand.on == []


# -- the writer ---------------------------------------------------------------------------------------------------------


def test_commits_that_take_long_are_told_while_they_last_and_behind_it(stand: Stand) -> None:
    for tenth in range(30):
        stand.store.set(in_flight_s=tenth / 10)
        stand.clock.now_s += 0.1
        stand.health.look()
        assert (stand.on == ["slow_commits"]) == (tenth / 10 > SLOW_COMMIT_S)
    assert "writer" in stand.why
    stand.store.now.commit_s.observe(2.9)
    stand.store.set(in_flight_s=0.0)
    stand.pass_s(1)
    assert stand.why == {"writer": "commits are slow"}
    stand.pass_s(QUIET_S)
    assert (stand.on, stand.why) == ([], {})
    assert stand.log == ["slow_commits_begins", "slow_commits_ends"]


def test_one_that_lasts_is_not_a_new_one_each_second(stand: Stand) -> None:
    stand.store.set(in_flight_s=SLOW_COMMIT_S + 1)
    stand.pass_s(5)
    assert stand.health.conditions["slow_commits"].count == 1


def test_one_slow_commit_between_two_looks_is_seen_and_quick_ones_are_not(stand: Stand) -> None:
    for _ in range(100):
        stand.store.now.commit_s.observe(SLOW_COMMIT_S)
        stand.pass_s(1)
    assert stand.on == []
    stand.store.now.commit_s.observe(SLOW_COMMIT_S * 1.01)
    stand.pass_s(1)
    assert stand.on == ["slow_commits"]


def test_work_that_waits_is_not_ready(stand: Stand) -> None:
    stand.store.set(waited_s=4.0)
    assert stand.why == {"writer": "work waits for 4.0 s to be stored"}
    stand.store.is_open = False
    assert stand.why == {"writer": "the store is not open"}


# -- a reader, an older copy, refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wal", "lag", "is_on"),
    [
        (LONG_WAL_BYTES + 1, LAG_BYTES + 1, True),
        (LONG_WAL_BYTES, LAG_BYTES + 1, False),
        (LONG_WAL_BYTES + 1, LAG_BYTES, False),
    ],
)
def test_a_long_log_that_waits_for_a_reader(stand: Stand, wal: int, lag: int, is_on: bool) -> None:
    stand.store.sizes = WELL._replace(wal_bytes=wal, lag_bytes=lag)
    stand.pass_s(50)
    assert stand.on == ["reader_lag"] * is_on
    assert stand.why == {}, "it serves on"
    stand.store.sizes = WELL._replace(wal_bytes=wal)
    stand.pass_s(QUIET_S)
    assert stand.log == ["reader_lag_begins", "reader_lag_ends"] * is_on


def test_an_older_copy_is_on_for_an_hour_behind_the_last_client_that_knew_more(stand: Stand) -> None:
    stand.store.set(older_copy=1)
    stand.pass_s(3000)
    stand.store.set(older_copy=2)
    stand.pass_s(3599)
    assert stand.on == ["older_copy"]
    assert stand.health.conditions["older_copy"].count == 2
    stand.pass_s(2)
    assert stand.on == []
    assert stand.log == ["older_copy_ends"], "its beginning is the store's to tell"


def test_refusals_above_a_rate_are_told_with_their_code_until_they_are_half_of_it(stand: Stand) -> None:
    def refuse_for(seconds: int, per_s: float) -> None:
        for _ in range(seconds):
            stand.refusals[RefusalCode.RATE_LIMITED] += int(per_s)
            stand.pass_s(1)

    stand.refusals[RefusalCode.NOT_FOUND] = 5
    refuse_for(60, MANY_REFUSALS - 1)
    assert stand.on == []
    refuse_for(15, MANY_REFUSALS)
    assert stand.on == ["many_refusals"]
    assert stand.health.conditions["many_refusals"].facts["most"] == "RATE_LIMITED"
    refuse_for(60, MANY_REFUSALS * 0.6)
    assert stand.on == ["many_refusals"], "neither many nor few: it goes on"
    refuse_for(40, MANY_REFUSALS * 0.4)
    assert stand.on == []
    assert stand.log == ["many_refusals_begins", "many_refusals_ends"]


def test_a_burst_is_no_rate(stand: Stand) -> None:
    stand.refusals[RefusalCode.NOT_FOUND] += int(MANY_REFUSALS * 9)
    stand.pass_s(60)
    assert stand.log == []


# -- rates --------------------------------------------------------------------------------------------------------------


def test_rates_are_of_the_last_minute(stand: Stand) -> None:
    for _ in range(200):
        stand.store.now.commit_s.observe(5.0)
    stand.store.set(posts=10**6)
    stand.pass_s(70)
    for second in range(70):
        stand.store.set(posts=10**6 + 20 * (second + 1))
        stand.refusals[RefusalCode.HELD] += 2
        stand.store.now.commit_s.observe(0.0006)
        stand.pass_s(1)
    rates = stand.health.rates()
    assert (rates["posts_per_s"], rates["refusals_per_s"]) == (20, 2)
    assert rates["commit_p99_s"] is not None
    assert 0.0005 < rates["commit_p99_s"] <= 0.001
    assert stand.health.told()["posts_each_s"] == [20] * 30


def test_before_there_are_two_looks_nothing_is_said_of_rates() -> None:
    stand = Stand()
    assert stand.health.rates()["posts_per_s"] == 0.0
    assert stand.health.rates()["commit_p50_s"] is None


@given(st.lists(st.floats(0, 20, allow_nan=False), min_size=1, max_size=200), st.floats(0.01, 1))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(values: list[float], share: float) -> None:
    shown = Distribution(COMMIT_BOUNDS_S)
    for value in values:
        shown.observe(value)
    assert sum(shown.counts) == len(values)
    found = quantile(shown.bounds, shown.counts, share)
    true = sorted(values)[max(0, -int(-share * len(values) // 1) - 1)]
    assert found is not None
    if true > COMMIT_BOUNDS_S[-1]:
        assert found == COMMIT_BOUNDS_S[-1]
    else:
        above = next(bound for bound in COMMIT_BOUNDS_S if true <= bound)
        below = max((bound for bound in COMMIT_BOUNDS_S if bound < above), default=0.0)
        assert below <= found <= above + 1e-9


def test_of_nothing_there_is_no_quantile() -> None:
    assert quantile(COMMIT_BOUNDS_S, [0] * (len(COMMIT_BOUNDS_S) + 1), 0.5) is None
