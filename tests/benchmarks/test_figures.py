"""Every figure that is printed, from planted raw data with a known answer."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar, Self

import pytest

from benchmarks import machine, measure, probe
from benchmarks.clients.bookers import Booked
from benchmarks.clients.drain import Drained
from benchmarks.clients.peer import Spent
from benchmarks.clients.readers import PagesRead
from benchmarks.clients.storm import Returned
from benchmarks.codecs import CODECS
from benchmarks.histograms import count_of, curve_ms, from_values, merged, percentile_ms
from benchmarks.measure import MAX_GENERATOR_CPU, Bench, Figures
from benchmarks.plan import LanePlan, Outcome, PartyPlan, Plan
from benchmarks.probe import Stalls
from benchmarks.results import NOISE, Counts, Row, message_row
from benchmarks.scenarios import SCENARIOS, appointments, fairness, growth, pairs, returning
from benchmarks.tables import scenario_tables

BENCH = Bench(machine.Cores((0,), ((1,), (2,))), "", 2.0, 0.5)
#: Latencies of 1, 2, … 1000 ms.
RAMP = from_values((1_000 * ms, 1) for ms in range(1, 1_001))
TWICE = from_values((2_000 * ms, 1) for ms in range(1, 1_001))


def planted(**more: Any) -> Outcome:
    """Every number is another one."""
    counts = {"sent": 6_000, "acked": 5_990, "delivered": 11_985, "expected": 12_000}
    measured = {"measured_sent": 5_100, "measured_acked": 5_000, "measured_delivered": 10_000}
    faults = {"doubled": 4, "out_of_order": 3, "late_ms": 7.5, "errors": ["one"]}
    times = {"measured_s": 2.0, "generator_cpu_s": 0.9, "loop": "C"}
    histograms = {"ack_us": RAMP, "delivery_us": TWICE}
    return Outcome(**{**counts, **measured, **faults, **times, **histograms, **more})


def figures(generator_cpu: float = 0.45, **more: Any) -> Figures:
    stall = from_values([(300, 99), (42_000, 1)])
    return Figures(planted(**more), 0.5, generator_cpu, 0.03, stall, wall_s=4.0)


def close(value: float) -> Any:
    return pytest.approx(value, rel=0.001)


# -- one load -----------------------------------------------------------------------------------------------------------


def test_a_row_holds_what_was_seen() -> None:
    row = message_row("latency", "imserver", "1,000/s", figures(), more=8.0)
    assert row.figures == {
        "per_s": 2_500.0,
        "cpu_s_per_100k": 10.0,
        "server_cpu": 0.125,
        "ack_p50_ms": close(500),
        "ack_p99_ms": close(990),
        "ack_p99.9_ms": close(999),
        "ack_p100_ms": close(1_000),
        "delivery_p50_ms": close(1_000),
        "delivery_p99_ms": close(1_980),
        "delivery_p99.9_ms": close(1_998),
        "delivery_p100_ms": close(2_000),
        "late_ms": 7.5,
        "unsent": 0.0,
        "more": 8.0,
    }
    assert row.counts == Counts(6_000, 5_990, 11_985, 19, 4, 3)
    assert (row.generator_cpu, row.loop, row.steal, row.stall_ms) == (0.45, "C", 0.03, close(42))
    assert set(row.histograms) == {"ack", "delivery", "stall"}
    assert (row.void, row.saturated, row.errors, row.clean) == (False, False, ["one"], False)


@pytest.mark.parametrize(("share", "void"), [(0.79, False), (0.8, False), (0.801, True), (1.0, True)])
def test_above_four_fifths_of_its_core_the_generator_was_the_limit(share: float, void: bool) -> None:
    clean = {"acked": 6_000, "delivered": 12_000, "doubled": 0, "out_of_order": 0, "errors": []}
    row = message_row("throughput", "imserver", "window 64", figures(share, **clean))
    (table,) = scenario_tables([row])
    cell = table.lines[0][table.heads.index("generator")]
    assert (row.void, row.usable, cell) == (void, not void, f"{share:.0%} C" + (" VOID" if void else ""))
    spent = returning.spent_row(Row("backlog", "imserver", ""), Spent(2.0, 2.0 * share), 0.0)
    assert (spent.void, spent.generator_cpu) == (void, close(share))
    assert MAX_GENERATOR_CPU == 0.8


def test_a_rate_that_was_not_reached_is_said_and_gives_no_ratio() -> None:
    row = message_row("latency", "imserver", "1,000/s", figures(unsent=1_234, errors=[]))
    assert row.saturated
    assert row.note == "rate not reached: 1,234 never sent"
    assert not row.usable


def test_without_an_answer_there_is_no_cost_of_one() -> None:
    row = message_row("latency", "imserver", "1,000/s", figures(measured_acked=0))
    assert "cpu_s_per_100k" not in row.figures
    assert row.figures["per_s"] == 0


def test_outcomes_of_several_generators_add_up() -> None:
    low, high = from_values([(1_000, 3)]), from_values([(9_000, 1)])
    first = planted(ack_us=low, delivery_us=low, all_us=high, unsent=5)
    second = Outcome(10, 20, 30, 40, 1, 2, 3, 4, 5, 4.0, 0.1, 9.5, 6, high, low, high, "C", ["two"])
    both = measure.merge([first, second])
    counts = ("sent", "acked", "delivered", "expected", "doubled", "out_of_order", "unsent")
    assert [getattr(both, name) for name in counts] == [6_010, 6_010, 12_015, 12_040, 5, 5, 11]
    assert (both.measured_sent, both.measured_acked, both.measured_delivered) == (5_103, 5_004, 10_005)
    assert (both.measured_s, both.generator_cpu_s, both.late_ms) == (3.0, close(1.0), 9.5)
    assert [count_of(each) for each in (both.ack_us, both.delivery_us, both.all_us)] == [4, 6, 2]
    assert percentile_ms(both.ack_us, 100.0) == close(9)
    assert (both.loop, both.errors) == ("C", ["one", "two"])
    assert measure.merge([first]) is first


class _Server:
    """A target whose processor time is what stands in the script."""

    codec, host, port, tls_ca, name, loads = "imserver", "127.0.0.1", 1, "", "imserver", 0

    def __init__(self, *cpu: float) -> None:
        self._cpu = list(cpu)

    def token(self, user_id: str) -> str:
        return ""

    def place(self, lane: int, load: int) -> str:
        return f"place-{lane}"

    def cpu_seconds(self) -> float:
        return self._cpu.pop(0)


class _Child:
    """A generator or the probe: what it was told, and what it says."""

    outcomes: ClassVar[list[Any]] = []
    told: ClassVar[list[tuple[str, tuple[int, ...]]]] = []

    def __init__(self, module: str, plan: Any) -> None:
        self._module = module

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def ready(self) -> None: ...

    def go(self, *times_ns: int) -> None:
        _Child.told.append((self._module, times_ns))

    def result(self, kind: type) -> Any:
        return Stalls(from_values([(5_000, 1)])) if kind is Stalls else _Child.outcomes.pop(0)


def test_the_server_s_cost_is_that_of_the_measured_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its processor time, and the machine's, between the end of the warm-up and the end of the load."""
    clock = SimpleNamespace(now=10_000_000_000)

    def sleep(seconds: float) -> None:
        clock.now += int(seconds * 1e9)

    looked_at: list[int] = []
    ticks = [machine.Ticks(5, 1_000), machine.Ticks(25, 1_400)]

    def now() -> machine.Ticks:
        looked_at.append(clock.now)
        return ticks.pop(0)

    monkeypatch.setattr(measure, "time", SimpleNamespace(monotonic_ns=lambda: clock.now, sleep=sleep))
    monkeypatch.setattr(machine.Ticks, "now", now)
    monkeypatch.setattr(measure, "Child", _Child)
    _Child.outcomes = [planted(generator_cpu_s=0.2), planted(generator_cpu_s=1.4)]
    _Child.told = []
    target: Any = _Server(3.0, 3.5)
    lanes = [LanePlan(number, PartyPlan("a"), [PartyPlan("b")], "") for number in range(3)]
    seen = measure.measure(BENCH, target, lanes, rate=300.0)
    start = 10_100_000_000
    begin, end = start + 500_000_000, start + 2_500_000_000
    generator = ("benchmarks.generator", (start,))
    assert _Child.told == [generator, generator, ("benchmarks.probe", (begin, end))]
    assert looked_at == [begin, end]
    assert (seen.server_cpu_s, seen.wall_s, seen.steal) == (close(0.5), 2.0, close(20 / 400))
    assert seen.generator_cpu == close(0.7), "the busiest of them"
    assert seen.stall_ms == close(5)
    assert seen.per_second == 5_000


def test_a_load_is_shared_by_lanes() -> None:
    target: Any = _Server()
    lanes = [LanePlan(number, PartyPlan("a"), [PartyPlan("b")], "") for number in range(3)]
    plans = measure.plans_for(BENCH, target, lanes, rate=300.0, settle_s=9.0)
    assert [[lane.number for lane in plan.lanes] for plan in plans] == [[0, 2], [1]]
    assert [plan.rate for plan in plans] == [200.0, 100.0]
    assert [plan.cpus for plan in plans] == [[1], [2]]
    assert [(plan.warm_up_s, plan.measure_s, plan.settle_s) for plan in plans] == [(0.5, 2.0, 9.0)] * 2
    assert len({plan.first_address for plan in plans}) == 2
    assert len(measure.plans_for(BENCH, target, lanes[:1])) == 1


def test_stolen_time_is_a_share_of_all_time() -> None:
    assert machine.Ticks(30, 1_100).share_since(machine.Ticks(10, 1_000)) == 0.2
    assert machine.Ticks(10, 1_000).share_since(machine.Ticks(10, 1_000)) == 0.0


def test_what_the_host_took_away_is_the_eighth_of_the_kernel_s_figures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Guests' time, which stands behind it, is in the others already."""
    stat = "cpu  1 20 300 4000 50000 600000 7000000 80000000 900000000 900000000\ncpu0 1 1 1 1 1 1 1 1 0 0\n"
    monkeypatch.setattr(machine, "Path", lambda name: SimpleNamespace(read_text=lambda: stat))
    assert machine.Ticks.now() == machine.Ticks(80_000_000, 87_654_321)


def test_who_is_let_in_anew_has_not_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Returned(1_990, 10, 0, RAMP, Spent(4.0, 1.0))
    monkeypatch.setattr(returning, "imserver", _nobody)
    monkeypatch.setattr(returning, "worked", lambda *_: (seen, 1.0, 0.0))
    (row,) = SCENARIOS["reconnect"].run(replace(BENCH, scale=0.4), ())
    assert (row.errors, row.clean) == (["10 not resumed, 0 failed"], False)


class _Line:
    """A server that answers a probe after so many seconds, by turns."""

    def __init__(self, *delays: float) -> None:
        self.now = 1.0
        self._delays = list(delays)
        self.asked = 0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def sendall(self, data: bytes) -> None:
        self.asked += 1

    def recv(self, most: int) -> bytes:
        self.now += self._delays.pop(0) if self._delays else 0.0001
        return b"\x8a\0"


def test_a_stall_is_seen_by_every_tick_that_it_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    line: Any = _Line(0.0001, 0.0226, 0.0001)
    monkeypatch.setattr(probe, "time", SimpleNamespace(monotonic=lambda: line.now, sleep=line.sleep))
    answers = probe.asked(line, CODECS["websocket"], 1.0, 1.048)
    assert sum(answers.values()) == 10, "one each 5 ms"
    assert line.asked == 6
    waited = sorted(answers.elements())
    assert waited[-5:] == [close(ms * 1_000) for ms in (2.6, 7.6, 12.6, 17.6, 22.6)]
    assert waited[0] == waited[4] == pytest.approx(100, abs=1)


def test_percentiles_are_those_of_all_parts() -> None:
    parts = [from_values([(1_000, 90)]), from_values([(20_000, 9)]), "", from_values([(3_000_000, 1)])]
    whole = merged(parts)
    assert count_of(whole) == 100
    assert [percentile_ms(whole, each) for each in (50.0, 90.0, 91.0, 99.0, 100.0)] == [
        close(ms) for ms in (1, 1, 20, 20, 3_000)
    ]
    assert percentile_ms(from_values([(0, 1), (99_000_000, 1)]), 100.0) == close(60_000)
    told = [percentile for percentile, _ in curve_ms(whole)]
    assert told[-2:] == [99.0, 100.0], "99.9 % of a hundred is nobody"


# -- scenarios ----------------------------------------------------------------------------------------------------------


@contextmanager
def _nobody(**_: Any) -> Iterator[Any]:
    yield _Server()


def test_the_quiet_user_s_ratio_is_beside_the_flood_over_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Generators that share a core use it together."""

    def run(bench: Bench, target: Any, plans: Sequence[Plan], *, probe: bool) -> Any:
        quiet = planted(ack_us=RAMP if len(plans) == 1 else TWICE, generator_cpu_s=0.4)
        seen = [quiet, planted(generator_cpu_s=1.3)][: len(plans)]
        return seen, Stalls(from_values([(7_000, 1)])), figures()

    monkeypatch.setattr(fairness, "run_plans", run)
    monkeypatch.setattr(fairness, "imserver", _nobody)
    alone, beside, flood = SCENARIOS["fairness"].run(BENCH, ())
    assert (alone.case, beside.case, flood.case) == (
        "quiet user alone",
        "quiet user beside the flood",
        "the flood",
    )
    assert beside.figures["p99_ratio"] == close(2.0)
    assert "p99_ratio" not in alone.figures | flood.figures
    assert [row.generator_cpu for row in (alone, beside, flood)] == [close(0.2), close(0.85), close(0.85)]
    assert [row.void for row in (alone, beside, flood)] == [False, True, True]
    assert beside.stall_ms == close(7)


def _round(cpu_s: float, page_cpu_us: float, pages: int, wrong: int = 0) -> growth._Round:
    posts = replace(figures(), server_cpu_s=cpu_s)
    reading = PagesRead(pages, wrong, from_values([(1_000 * pages, pages)]), Spent(2.0, 0.1))
    return growth._Round(posts, reading, page_cpu_us, cpu_s / 100)


def test_growth_is_the_large_store_s_cost_over_the_empty_one_s() -> None:
    """Medians, so that one bad round says nothing."""
    small = [_round(0.5, 100, 10), _round(9.0, 110, 20), _round(0.4, 900, 30)]
    large = [_round(0.6, 220, 5), _round(0.1, 210, 5, wrong=2), _round(7.0, 230, 5)]
    empty, grown = growth._posts(small, large, "1,000 stored")
    assert [row.case for row in (empty, grown)] == ["posts, empty store", "posts, 1,000 stored"]
    assert [row.figures["cpu_s_per_100k"] for row in (empty, grown)] == [close(10), close(12)]
    assert [row.figures["cpu_ratio"] for row in (empty, grown)] == [1.0, close(1.2)]
    few, many = growth._pages(small, large, "1,000 stored")
    assert [row.figures["cpu_us_per_page"] for row in (few, many)] == [110, 220]
    assert [row.figures["cpu_ratio"] for row in (few, many)] == [1.0, 2.0]
    assert [row.figures["per_s"] for row in (few, many)] == [10.0, 2.5]
    assert [row.figures["page_p50_ms"] for row in (few, many)] == [close(20), close(5)]
    assert [row.errors for row in (few, many)] == [[], ["2 pages were wrong"]]
    assert (few.steal, many.steal) == (0.09, 0.07)


@pytest.mark.parametrize(
    ("name", "seen", "cpu", "expected"),
    [
        (
            "backlog",
            Drained(39_998, 100, 3, 2, Spent(4.0, 1.0)),
            2.0,
            {"per_s": 9_999.5, "seconds": 4.0, "cpu_s_per_100k": close(5.0)},
        ),
        (
            "reconnect",
            Returned(1_998, 1, 1, RAMP, Spent(4.0, 1.0)),
            2.0,
            {
                "seconds": 4.0,
                "resumed": 1_998.0,
                "back_p50_ms": close(500),
                "back_p99_ms": close(990),
                "cpu_us_per_client": 1_000.0,
            },
        ),
    ],
)
def test_what_becomes_of_those_who_come_back(
    name: str, seen: Any, cpu: float, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(returning, "imserver", _nobody)
    monkeypatch.setattr(returning, "fill", lambda *_: None)
    monkeypatch.setattr(returning, "worked", lambda *_: (seen, cpu, 0.04))
    (row,) = SCENARIOS[name].run(replace(BENCH, scale=0.4), ())
    assert row.figures == expected
    assert (row.generator_cpu, row.steal, row.clean) == (0.25, 0.04, False)
    if name == "backlog":
        assert row.counts == Counts(40_000, 40_000, 39_998, 2, 0, 3)
    else:
        assert row.errors == ["1 not resumed, 1 failed"]


def test_what_a_booking_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Booked(200, 1, RAMP, TWICE, Spent(4.0, 1.0), ["the shop said []"])
    monkeypatch.setattr(appointments, "imserver", _nobody)
    monkeypatch.setattr(appointments, "worked", lambda *_: (seen, 0.5, 0.0))
    _, row = SCENARIOS["booking"].run(BENCH, ())
    assert row.figures == {
        "per_s": 50.0,
        "line_p50_ms": close(500),
        "line_p99_ms": close(990),
        "booked_p50_ms": close(1_000),
        "booked_p99_ms": close(1_980),
        "cpu_ms_per_booking": 2.5,
    }
    assert (row.case, row.errors) == ("50 customers", ["the shop said []"])


@pytest.mark.parametrize("name", ["echo", "latency", "throughput", "tls"])
def test_the_relay_stands_before_and_behind_and_everybody_has_each_load(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[dict[str, Any]] = []

    def measured(bench: Bench, target: Any, lanes: Sequence[LanePlan], **load: Any) -> Figures:
        assert len(lanes) == bench.pairs
        loads.append(load)
        return figures()

    monkeypatch.setattr(pairs, "measure", measured)
    monkeypatch.setattr(pairs, "relay", _nobody)
    monkeypatch.setattr(pairs, "imserver", _nobody)
    monkeypatch.setattr(
        pairs, "contenders", lambda rivals: [(each, _nobody) for each in ("imserver", *rivals)]
    )
    rivals = ("redis",) if SCENARIOS[name].has_rivals else ()
    rows = list(SCENARIOS[name].run(BENCH, rivals))
    assert len(rows) == SCENARIOS[name].steps(BENCH, rivals) == len(loads)
    said = [(row.target, row.case) for row in rows]
    assert len(set(said)) == len(said)
    if SCENARIOS[name].has_rivals:
        assert [row.target for row in rows][:: len(rows) - 1] == [f"{NOISE}, before", f"{NOISE}, after"]
        assert rows[0].case == rows[-1].case
        cases = {each: [case for target, case in said if target == each] for each in ("imserver", "redis")}
        assert cases["imserver"] == cases["redis"]
        assert rows[0].case in cases["imserver"]
    for row, load in zip(rows, loads, strict=True):
        load.pop("loop", None)
        ((kind, value),) = load.items()
        assert row.case == (f"window {value}" if kind == "window" else f"{value:,.0f}/s")


def test_a_browser_has_the_cores_of_a_phone() -> None:
    """Where the generators have one core, the server's as well: on one alone it waits for its own slowing."""
    assert machine.Cores((0,), ((1,),)).browser == (0, 1)
    assert machine.Cores((0,), ((1,), (2,))).browser == (1, 2)
    assert machine.Cores((), ((),), "this system cannot pin processes").browser == ()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system cannot pin processes")
def test_what_is_started_on_cores_inherits_them_and_the_starter_keeps_its_own() -> None:
    mine = os.sched_getaffinity(0)
    with machine.started_on((min(mine),)):
        assert os.sched_getaffinity(0) == {min(mine)}
    assert os.sched_getaffinity(0) == mine
