"""Computations on rows with known answers: tables, ratios, targets, comparisons, the exit code of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import benchmarks.__main__ as command
from benchmarks import machine
from benchmarks.compare import LEAST_NOISE, UNKNOWN_NOISE, changes, comparison, noise_of
from benchmarks.measure import Bench
from benchmarks.results import NOISE, Counts, Row, read, result_of
from benchmarks.tables import scenario_tables, target_table
from benchmarks.targets import TARGETS, Better, Target, reached

BENCH = Bench(machine.Cores((0,), ((1,), (2,))), "", 2.0, 0.5)


def close(value: float) -> Any:
    return pytest.approx(value, rel=0.001)


def row_of(target: str, scenario: str = "latency", case: str = "1,000/s", **values: Any) -> Row:
    return Row(scenario, target, case, dict(values), Counts(9, 8, 7, 0, 0, 0))


def test_a_table_says_what_the_rows_say() -> None:
    figures = {"ack_p50_ms": 0.456, "ack_p99.9_ms": 1_234.5, "delivery_p50_ms": 2.0, "per_s": 2_500.4}
    figures |= {"cpu_s_per_100k": 0.65}
    more: dict[str, Any] = {"generator_cpu": 0.45, "loop": "C", "steal": 0.031, "stall_ms": 42.04}
    rows = [
        Row("latency", "imserver", "1,000/s", figures, Counts(6_000, 5_990, 11_985, 19, 4, 3), **more),
        Row("latency", "redis", "1,000/s", {"ack_p50_ms": 1.0}, Counts(1_234_567, 6, 5, 4, 3, 2)),
    ]
    (table,) = scenario_tables(rows)
    cells = [dict(zip(table.heads, line, strict=True)) for line in table.lines]
    first = {"ack p50 ms": "0.46", "p99.9": "1,234.50", "delivered p50": "2.00", "msg/s": "2,500"}
    first |= {"CPU s/100k": "0.65", "stall ms": "42.0", "generator": "45% C", "steal": "3.1%"}
    first |= {"sent": "6,000", "acked": "5,990", "delivered": "11,985"}
    first |= {"lost": "19", "doubled": "4", "disordered": "3"}
    assert {head: cells[0][head] for head in first} == first
    counts = ("sent", "acked", "delivered", "lost", "doubled", "disordered")
    assert [cells[1][head] for head in counts] == ["1,234,567", "6", "5", "4", "3", "2"]
    assert table.styles == ["bad", "bad"]


@pytest.mark.parametrize(
    ("scenario", "figure", "ours", "theirs", "ratio"),
    [
        ("latency", "ack_p50_ms", 2.0, 5.0, "2.50"),
        ("latency", "ack_p50_ms", 5.0, 2.0, "0.40"),
        ("throughput", "per_s", 5.0, 2.0, "2.50"),
        ("throughput", "per_s", 2.0, 5.0, "0.40"),
    ],
)
def test_a_ratio_above_one_says_that_ours_is_better(
    scenario: str, figure: str, ours: Any, theirs: Any, ratio: str
) -> None:
    rows = [
        row_of("imserver", scenario, "other case", **{figure: 77.0}),
        row_of("imserver", scenario, **{figure: ours}),
        row_of("imserver, TLS", scenario, **{figure: theirs}),
        row_of("redis", scenario, **{figure: theirs}),
        row_of(f"{NOISE}, before", scenario, **{figure: theirs}),
        row_of("redis", scenario, "a case of its own", **{figure: theirs}),
    ]
    (table,) = scenario_tables(rows)
    (column,) = [place for place, head in enumerate(table.heads) if head.startswith("imserver x ")]
    assert [line[column] for line in table.lines] == ["", "", "", ratio, "", ""]
    assert table.styles == ["", "", "", "", "dim", ""]


def row_for(target: Target, value: float) -> Row:
    case = target.case.replace("*", "1,000") + (" the flood" if target.case.endswith("beside") else "")
    if target.scenario == "fanout":
        case = target.case.replace("*", "1,000 members,")
    row = Row(target.scenario, "imserver", case, {target.figure: value})
    if target.figure == "stall_ms":
        row.figures, row.stall_ms = {"p99_ratio": 1.0}, value
    return row


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.title)
def test_a_target_is_reached_at_its_bound_and_not_on_the_far_side(target: Target) -> None:
    worse = 0.999 if target.better is Better.MORE else 1.001
    values = {
        target.aim / worse: "the aim",
        target.aim: "the aim",
        target.aim * worse: "first",
        target.first: "first",
        target.first * worse: "not yet",
    }
    for value, verdict in values.items():
        said = {each.target: each for each in reached([row_for(target, value)])}
        assert (said[target].value, said[target].verdict) == (value, verdict)
        others = {each.verdict for each in said.values() if each.target.figure != target.figure}
        assert others <= {"not measured"} or target.scenario in ("throughput", "latency", "fairness")
    table = target_table([row_for(target, target.first * worse)])
    (line,) = [line for line in table.lines if line[0] == target.title]
    assert line[-1] == "not yet"
    assert line[1:3] == [f"{bound:,.0f} {target.unit}" if bound >= 100 else f"{bound:.3g} {target.unit}"
                         for bound in (target.first, target.aim)]  # fmt: skip


def test_a_target_looks_at_its_own_window_and_server() -> None:
    rows = [
        row_of("redis", "throughput", "window 1", per_s=1e9),
        row_of("imserver", "throughput", "window 16", per_s=1e9),
        row_of("imserver", "latency", "20,000/s", ack_p50_ms=0.1),
    ]
    said = {each.target.title: each.verdict for each in reached(rows)}
    assert said["messages/s, window 1, 50 pairs"] == "not measured"
    assert said["latency at 1,000/s, p50"] == "not measured"
    assert said["latency at 20,000/s, p50"] == "the aim"
    for spoilt, verdict in ((Row.__name__, ""), ("saturated", "not reached"), ("void", "void")):
        if verdict:
            setattr(rows[2], spoilt, True)
            assert {each.verdict for each in reached(rows)} == {"not measured", verdict}
    rows[2].counts = Counts(lost=1)
    assert {each.verdict for each in reached(rows)} == {"not measured", "failed"}


@pytest.mark.parametrize(
    ("figure", "first", "second", "ratio", "verdict"),
    [
        ("per_s", 100.0, 250.0, "2.50", "better"),
        ("per_s", 250.0, 100.0, "0.40", "worse"),
        ("cpu_s_per_100k", 1.0, 2.5, "2.50", "worse"),
        ("cpu_s_per_100k", 2.5, 1.0, "0.40", "better"),
        ("ack_p50_ms", 1.0, 1.29, "1.29", "noise"),
        ("ack_p50_ms", 1.29, 1.0, "0.78", "noise"),
        ("ack_p50_ms", 1.0, 1.31, "1.31", "worse"),
    ],
)
def test_two_results_are_second_over_first(
    figure: str, first: Any, second: Any, ratio: str, verdict: str
) -> None:
    relay = [(f"{NOISE}, before", 1.0), (f"{NOISE}, after", 1.3)]
    noise = [row_of(name, "throughput", **{figure: value}) for name, value in relay]  # type: ignore[arg-type]
    before = result_of(BENCH, [row_of("imserver", "throughput", **{figure: first})])
    after = result_of(BENCH, [*noise, row_of("imserver", "throughput", **{figure: second})])
    (line,) = comparison(before, after).lines
    texts = [f"{value:,.0f}" if value >= 100 else f"{value:.3g}" for value in (first, second)]
    assert line == ["throughput: imserver", "1,000/s", figure, *texts, ratio, "±30%", verdict]


def test_what_the_relay_varies_by() -> None:
    def relay(value: float, case: str = "1,000/s", **more: Any) -> Row:
        row = row_of(f"{NOISE}, before", case=case, ack_p50_ms=value)
        for name, said in more.items():
            setattr(row, name, said)
        return row

    others = [row_of("imserver", ack_p50_ms=9.0), row_of("imserver", ack_p50_ms=90.0)]
    assert noise_of([relay(1.0), *others], "ack_p50_ms") == UNKNOWN_NOISE
    assert noise_of([relay(1.0), relay(9.0, "20,000/s"), *others], "ack_p50_ms") == UNKNOWN_NOISE
    assert noise_of([relay(1.0), relay(1.01)], "ack_p50_ms") == LEAST_NOISE
    quiet = [relay(1.0, "200/s"), relay(1.2, "200/s")]
    assert noise_of([*quiet, relay(2.0), relay(1.0), relay(1.5)], "ack_p50_ms") == close(1.0)
    assert noise_of([relay(1.0), relay(1.2), relay(5.0, void=True)], "ack_p50_ms") == close(0.2)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("spoilt", [{"void": True}, {"saturated": True}, {"errors": ["no"]}])
def test_what_is_spoilt_in_either_result_is_not_compared(which: int, spoilt: dict[str, Any]) -> None:
    rows = [row_of("imserver", ack_p50_ms=1.0), row_of("imserver", ack_p50_ms=2.0)]
    results = [result_of(BENCH, [row]) for row in rows]
    assert len(list(changes(*results))) == 1
    for name, value in spoilt.items():
        setattr(rows[which], name, value)
    assert list(changes(*results)) == []


# -- the command --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "errors", "code"),
    [
        (Counts(5, 5, 5), [], 0),
        (Counts(5, 5, 4, 1), [], 1),
        (Counts(5, 5, 6, 0, 1), [], 1),
        (Counts(5, 5, 5, 0, 0, 1), [], 1),
        (None, ["no answer"], 1),
    ],
)
def test_a_run_that_lost_anything_ends_with_1_and_is_kept(
    counts: Counts | None, errors: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row_of("imserver", ack_p50_ms=1.0), Row("latency", "redis", "1,000/s", {}, counts, errors=errors)]
    monkeypatch.setattr(command, "measured", lambda *_: rows)
    path = tmp_path / "kept.json"
    ended = CliRunner().invoke(command.main, ["run", "latency", "--loop", "python", "--json", str(path)])
    assert ended.exit_code == code, ended.output
    assert read(path).rows == rows
