"""Uses of measurements: files, ratios, targets, comparisons, the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import machine
from benchmarks.__main__ import main
from benchmarks.compare import changes, noise_of
from benchmarks.histograms import from_values, merged, percentile_ms, value_of
from benchmarks.measure import Bench
from benchmarks.plan import Outcome
from benchmarks.report import write_report
from benchmarks.results import NOISE, Counts, Result, Row, read, result_of, save
from benchmarks.tables import scenario_tables
from benchmarks.targets import TARGETS, reached

BENCH = Bench(machine.Cores((0,), ((1,),)), "", 1.0, 0.1)


def throughput(target: str, per_s: float, **more: object) -> Row:
    row = Row("throughput", target, "window 64", {"per_s": per_s, "cpu_s_per_100k": 1.0}, Counts(5, 5, 5))
    for name, value in more.items():
        setattr(row, name, value)
    return row


def result(*rows: Row) -> Result:
    return result_of(BENCH, rows)


def test_a_file_reads_back_as_it_was_written(tmp_path: Path) -> None:
    written = result(
        throughput("imserver", 90_000.0, histograms={"ack": from_values([(100, 5), (9_000, 1)])})
    )
    save(tmp_path / "new" / "result.json", written)
    assert read(tmp_path / "new" / "result.json") == written


def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(ValueError, match=r"other\.json"):
        read(tmp_path / "other.json")
    answer = CliRunner().invoke(main, ["show", str(tmp_path / "other.json")])
    assert answer.exit_code == 1
    assert "not a result file" in answer.output


@pytest.mark.parametrize(
    ("lost", "doubled", "disordered", "clean"),
    [(0, 0, 0, True), (1, 0, 0, False), (0, 1, 0, False), (0, 0, 1, False)],
)
def test_a_row_with_a_lost_doubled_or_disordered_message_has_failed(
    lost: int, doubled: int, disordered: int, clean: bool
) -> None:
    row = throughput("imserver", 1.0, counts=Counts(5, 5, 5, lost, doubled, disordered))
    assert row.clean is clean
    assert row.usable is clean


def test_lost_is_what_was_not_delivered_or_not_answered() -> None:
    assert Outcome(sent=10, acked=10, expected=10, delivered=10).lost == 0
    assert Outcome(sent=10, acked=9, expected=10, delivered=10).lost == 1
    # A doubled delivery does not make up for a lost one.
    assert Outcome(sent=10, acked=10, expected=10, delivered=10, doubled=1).lost == 1


def test_ratios_stand_beside_rivals_and_not_beside_void_or_saturated_rows() -> None:
    rows = [
        throughput("imserver", 90_000.0),
        throughput("mosquitto", 45_000.0),
        throughput("redis", 45_000.0, void=True),
        throughput("jetstream", 45_000.0, saturated=True),
        Row("throughput", "redis-always", "window 64", note="redis-server is not installed"),
    ]
    (table,) = scenario_tables(rows)
    column = table.heads.index("imserver x msg/s")
    assert [line[column] for line in table.lines[:4]] == ["", "2.00", "", ""]
    assert "redis-server is not installed" in table.lines[4]


def test_targets_say_what_was_reached() -> None:
    rows = [
        throughput("imserver", 90_000.0),
        Row("idle", "imserver", "2,000 idle connections with their sessions", {"kib": 2.5}),
        Row("idle", "imserver", "2,000 detached sessions", {"kib": 900.0}),
        Row("fanout", "imserver", "1,000 members, 1 in flight", {"last_p50_ms": 25.0}),
        Row("fanout", "imserver", "1,000 members, 16 in flight", {"deliveries_per_s": 1e6}, void=True),
        Row("growth", "imserver", "posts, empty store", {"cpu_ratio": 1.0}),
        Row("growth", "imserver", "posts, 10,000,000 stored", {"cpu_ratio": 1.1}),
        Row("fairness", "imserver", "quiet user beside the flood", {"p99_ratio": 4.0}, stall_ms=70.0),
    ]
    said = {each.target.title: (each.value, each.verdict) for each in reached(rows)}
    assert said["messages/s, window 64"] == (90_000.0, "first")
    assert said["idle connection with its session"] == (2.5, "the aim")
    assert said["group of 1,000: until the last has it"] == (25.0, "not yet")
    assert said["the same, 16 in flight"] == (None, "void")
    assert said["CPU of a post, many stored"] == (1.1, "first")
    assert said["other user's p99 beside a flood"] == (4.0, "the aim")
    assert said["worst stall beside a flood"] == (70.0, "first")
    assert said["5,000 clients reconnect and resume"] == (None, "not measured")
    assert len(said) == len(TARGETS)


def test_a_change_within_what_the_relay_varies_by_is_noise() -> None:
    relay = [throughput(f"{NOISE}, before", 100.0), throughput(f"{NOISE}, after", 130.0)]
    first = result(
        *relay,
        throughput("imserver", 100.0),
        throughput("redis", 100.0),
        throughput("mosquitto", 5.0, void=True),
    )
    second = result(throughput("imserver", 125.0), throughput("redis", 60.0), throughput("mosquitto", 50.0))
    assert noise_of(relay, "per_s") == pytest.approx(0.3)
    said = {change.target: change.verdict for change in changes(first, second) if change.figure == "per_s"}
    assert said == {"imserver": "noise", "redis": "worse"}


def test_less_is_better_where_it_is() -> None:
    first, second = throughput("imserver", 100.0), throughput("imserver", 100.0)
    second.figures["cpu_s_per_100k"] = 0.4
    (change,) = [each for each in changes(result(first), result(second)) if each.figure != "per_s"]
    assert change.verdict == "better"


@pytest.mark.parametrize("us", [1, 2_047, 2_048, 5_000, 70_001, 59_999_999])
def test_a_slot_of_the_hot_loop_keeps_three_digits(us: int) -> None:
    bucket = (us | 2047).bit_length() - 11
    slot = bucket * 1024 + (us >> bucket)
    assert value_of(slot) <= us
    assert us - value_of(slot) <= us / 1000


def test_histograms_add_up() -> None:
    both = merged([from_values([(1_000, 98)]), "", from_values([(50_000, 2)])])
    assert percentile_ms(both, 50.0) == pytest.approx(1.0, rel=0.001)
    assert percentile_ms(both, 99.0) == pytest.approx(50.0, rel=0.001)
    assert percentile_ms("", 99.0) == 0.0


def test_the_page_has_a_curve_for_each_server_and_escapes_what_it_is_told(tmp_path: Path) -> None:
    ack = from_values([(1_000, 5_000), (4_000, 40), (90_000, 2)])
    rows = [
        Row("latency", name, "1,000/s", {"ack_p50_ms": 1.0}, Counts(5, 5, 5), histograms={"ack": ack})
        for name in ("imserver", "redis", f"{NOISE}, before")
    ]
    rows.append(Row("latency", "mosquitto", "1,000/s", errors=["<b>broken</b>"]))
    write_report(tmp_path / "page.html", result(*rows))
    page = (tmp_path / "page.html").read_text()
    assert page.count("<figure>") == 1
    assert page.count('class="curve') == 3
    assert "&lt;b&gt;broken" in page
    assert "<script" not in page
