"""A condition logs one line when it begins and one when it ends, counts between, and does not flap."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver.conditions import MOST_QUIETS, QUIET_S, SOON_S, Condition, Conditions

START = 1000.0


class Log:
    """What was logged, with its facts."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def warning(self, event: str, **facts: Any) -> None:
        self.lines.append((event, facts))

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.lines]


class Stand:
    def __init__(self, **more: Any) -> None:
        self.now = START
        self.log = Log()
        self.condition = Conditions(self.log, lambda: self.now).add("leak", "It leaks.", **more)

    def quiet(self, seconds: float) -> None:
        """Looked at once a second, and not seen."""
        for _ in range(int(seconds)):
            self.now += 1
            self.condition.rest()


def test_one_line_at_each_end_with_how_long_and_how_often() -> None:
    stand = Stand()
    for _ in range(5):
        stand.condition.begin(3, drops=7)
        stand.now += 1
    assert (stand.condition.is_on, stand.condition.count, stand.condition.lasted_s) == (True, 15, 5.0)
    stand.quiet(QUIET_S)
    assert not stand.condition.is_on
    assert stand.log.lines == [
        ("leak_begins", {"drops": 7}),
        ("leak_ends", {"duration_s": 4 + QUIET_S, "count": 15}),
    ]
    assert (stand.condition.begun, stand.condition.lasted_s) == (1, 0.0)


def test_what_is_seen_again_within_its_quiet_goes_on() -> None:
    stand = Stand()
    for _ in range(50):
        stand.condition.begin()
        stand.quiet(QUIET_S - 1)
        assert stand.condition.is_on
    assert stand.log.events == ["leak_begins"]


def test_what_comes_back_soon_has_to_be_gone_for_longer_each_time_until_it_stays_away() -> None:
    stand = Stand()
    for times in (1, 2, 4, 8, 16, MOST_QUIETS, MOST_QUIETS):
        stand.condition.begin()
        stand.quiet(times * QUIET_S - 1)
        assert stand.condition.is_on, times
        stand.quiet(1)
        assert not stand.condition.is_on, times
    stand.quiet(SOON_S)
    stand.condition.begin()
    stand.quiet(QUIET_S)
    assert not stand.condition.is_on


def test_an_end_that_is_sure_waits_for_nothing_and_is_said_once() -> None:
    stand = Stand()
    stand.condition.begin()
    stand.condition.end(by="hand")
    stand.condition.end(by="hand")
    stand.condition.rest()
    assert stand.log.lines[1:] == [("leak_ends", {"duration_s": 0.0, "count": 1, "by": "hand"})]


def test_whoever_finds_it_may_say_so_in_words_of_their_own() -> None:
    stand = Stand(logs_begin=False)
    stand.condition.begin()
    stand.quiet(QUIET_S)
    assert stand.log.events == ["leak_ends"]


def test_two_of_one_name_are_a_mistake_and_those_that_are_on_are_told_in_order() -> None:
    conditions = Conditions(None, lambda: START)
    first, second = conditions.add("first", ""), conditions.add("second", "")
    with pytest.raises(ValueError, match="first"):
        conditions.add("first", "")
    assert conditions.on == []
    second.begin()
    first.begin()
    assert conditions.on == [first, second]
    assert conditions["second"] is second


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=60))
def test_lines_take_turns_and_are_never_closer_than_the_quiet(steps: list[tuple[bool, int]]) -> None:
    """Whatever is seen when: begins and ends alternate, each end follows a quiet, and the count is whole."""
    now = START
    said: list[tuple[float, str, int]] = []

    class Noted:
        def warning(self, event: str, **facts: Any) -> None:
            said.append((now, event, facts.get("count", 0)))

    condition = Condition("leak", "", log=Noted(), monotonic=lambda: now)
    times, last = 0, START
    for is_seen, pause in steps:
        now += pause
        if is_seen:
            times, last = times + 1, now
            condition.begin()
        else:
            condition.rest()
            if said and said[-1][0] == now and said[-1][1] == "leak_ends":
                assert now - last >= QUIET_S
    assert [event for _, event, _ in said] == (["leak_begins", "leak_ends"] * len(said))[: len(said)]
    left = condition.count if condition.is_on else 0
    assert sum(count for _, _, count in said) + left == times
