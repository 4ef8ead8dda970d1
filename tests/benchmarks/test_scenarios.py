"""Every scenario and every rival works: nothing is lost, and the figures are there. Speed is not tested here."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import scenes
from benchmarks.browser import CHROMIUM
from benchmarks.fill import fill
from benchmarks.measure import Bench, Figures, measure, pair_lanes
from benchmarks.processes import direct, imserver, limits_known_to, relay
from benchmarks.results import Row
from benchmarks.rivals import RIVALS, Missing
from benchmarks.scenarios import SCENARIOS
from benchmarks.scenarios.base import rows_or_reason
from benchmarks.scenarios.page import at_once
from benchmarks.scenarios.staff import hour
from benchmarks.tables import COLUMNS
from imserver.store.checks import check_database

#: A machine that is busy with other tests starts a dozen processes slowly.
pytestmark = pytest.mark.timeout(150)


#: Some seconds of several processes each: `make prove-tests` runs them. What they are made of is tested here each time.
slow = pytest.mark.prove


def run(name: str, bench: Bench) -> list[Row]:
    rows = list(SCENARIOS[name].run(bench, ()))
    assert len(rows) == SCENARIOS[name].steps(bench, ())
    for row in rows:
        assert row.clean, (row.case, row.counts, row.errors)
        assert row.scenario == name
        assert row.figures.keys() & {column.figure for column in COLUMNS[name]}
    return rows


def all_arrived(figures: Figures) -> None:
    seen = figures.outcome
    assert seen.clean, (seen.errors, seen)
    assert seen.sent == seen.acked == seen.delivered > 0


@pytest.mark.parametrize("loop", ["c", "python"])
@pytest.mark.parametrize("load", [{"rate": 100.0}, {"window": 4}], ids=["open", "closed"])
def test_both_loops_drive_both_kinds_of_load(loop: str, load: dict[str, Any], bench: Bench) -> None:
    with relay() as target:
        figures = measure(bench, target, pair_lanes(target, 3), loop=loop, **load)
    all_arrived(figures)
    assert figures.stall_ms > 0
    assert figures.server_cpu_s >= 0
    if "rate" in load:
        assert figures.outcome.sent == 30  # what the schedule says, whatever the answers did


def test_several_generators_share_the_lanes(bench: Bench) -> None:
    shared = replace(bench, pinned=replace(bench.pinned, generators=((), ())))
    with imserver() as target:
        figures = measure(shared, target, pair_lanes(target, 3), rate=120.0)
    all_arrived(figures)
    assert figures.outcome.sent == 36


def test_fanout_counts_every_delivery(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.scenarios.groups.IN_FLIGHT", (16,))
    (row,) = SCENARIOS["fanout"].run(bench, ())
    assert row.clean, (row.counts, row.errors)
    assert row.counts is not None
    assert row.counts.delivered == 4 * row.counts.sent > 0


@slow
@pytest.mark.parametrize(
    "name", ["backlog", "reconnect", "booking", "race", "reading", "fairness", "backup", "turns", "edits"]
)
def test_scenario(name: str, bench: Bench) -> None:
    run(name, bench)


@slow
def test_an_employee_is_swapped_and_reads_no_more(bench: Bench) -> None:
    *_, swapped = run("team", bench)
    assert swapped.figures["swaps"] >= 1
    assert swapped.figures["gone_p50_ms"] > 0


@slow
def test_a_list_of_accounts_tells_memory_of_both_sides(bench: Bench) -> None:
    few, many = run("accounts", bench)
    assert few.case.endswith(" 10 accounts")
    assert many.case.endswith(" 400 accounts")
    for row in (few, many):
        assert row.figures["command_mib"] > 10
        assert row.figures["server_mib"] >= 0


@slow
def test_both_libraries_post_and_receive_everything(bench: Bench) -> None:
    python, javascript = run("libraries", bench)
    assert (python.loop, javascript.loop) == ("Python", "JavaScript")
    for row in (python, javascript):
        assert row.counts is not None
        assert row.counts.sent == row.counts.acknowledged == row.counts.delivered == 100
        assert row.figures["client_cpu_ratio"] > 0


@slow
def test_idle_tells_of_each_kind(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.scenarios.memory._CALM_S", 0.06)
    rows = run("idle", bench)
    assert [row.case.split(" ", 1)[1].split(" ")[0] for row in rows] == ["idle", "idle", "detached", "cached"]


@slow
def test_the_door_tells_what_a_websocket_costs_beside_tcp(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.scenarios.memory._CALM_S", 0.06)
    tcp, web, plain, tls = run("door", bench)
    assert "rate_ratio" not in tcp.figures
    assert web.figures["rate_ratio"] == web.figures["per_s"] / tcp.figures["per_s"]
    assert web.figures["cpu_ratio"] > 0
    assert tls.case.endswith("TLS")
    assert plain.figures["count"] >= 20


@slow
def test_growth_compares_with_an_empty_store(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.scenarios.growth.ROUNDS", 1)
    rows = run("growth", bench)
    assert rows[0].figures["cpu_ratio"] == 1.0
    assert rows[-1].case.startswith("sync of")


def test_tls_is_driven_by_the_loop_in_python(bench: Bench) -> None:
    with imserver(tls=True) as target:
        figures = measure(bench, target, pair_lanes(target, 3), window=4)
    all_arrived(figures)
    assert figures.outcome.loop == "Python"


def test_a_filled_database_is_what_the_server_would_have_stored(tmp_path: Path, bench: Bench) -> None:
    """Before and after a real server has posted into the same conversations."""
    path = tmp_path / "filled.db"
    fill(path, [(f"a{number}", f"b{number}", direct(f"a{number}", f"b{number}")) for number in range(3)], 40)
    looked_at = check(path)
    assert looked_at["contents"] == 120
    with imserver(database=path) as target:
        figures = measure(bench, target, pair_lanes(target, 3), window=2)
    all_arrived(figures)
    assert check(path)["contents"] == 120 + figures.outcome.sent


def test_a_shop_and_a_group_are_as_the_store_makes_them(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    shop = scenes.shop(path, bot="shop", admin="boss", staff=["s0", "s1"], customers=3, friends=1)
    group = scenes.group(path, "boss", ["s0"])
    with closing(sqlite3.connect(path)) as raw:
        by_team = dict(raw.execute("SELECT conversation_id, team IS NOT NULL FROM conversations"))
    assert by_team == {shop.team: 0, group: 0, **dict.fromkeys(shop.conversations, 1)}
    looked_at = check(path)
    assert (looked_at["teams"], looked_at["members of teams"]) == (3, 3)


def test_conversations_of_a_shop_are_as_the_store_makes_them(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    shop = scenes.shop(path, bot="shop", admin="boss", staff=["s0"], customers=0, friends=0)
    made = scenes.served(path, bot="shop", team=shop.team, customers=["c0", "c1"])
    assert len(set(made)) == 2
    assert check(path)["contents"] == 1 + len(made)  # that each was made is a message, too


def test_a_checkout_is_started_without_limits_that_it_does_not_know(tmp_path: Path) -> None:
    """Asked in the folder of this tree, where Python would find this tree's server first."""
    site = tmp_path / "bin" / "site"
    (site / "imserver").mkdir(parents=True)
    (site / "imserver" / "__init__.py").touch()
    (site / "imserver" / "config.py").write_text("class LimitsConfig:\n    __struct_fields__ = ('old',)\n")
    python = tmp_path / "bin" / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={site} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    wanted = {"old": "1", "new": "2"}
    assert limits_known_to([str(tmp_path / "bin" / "imserver")], wanted) == ["old = 1"]


def check(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        report = check_database(connection)
    assert report.findings == []
    return report.checked


@pytest.mark.parametrize("name", RIVALS)
def test_rival_does_the_same_work(name: str, bench: Bench) -> None:
    try:
        with RIVALS[name].start() as target:
            figures = measure(bench, target, pair_lanes(target, 3), window=4)
    except Missing as missing:
        pytest.skip(str(missing))
    all_arrived(figures)


def test_a_rival_that_is_missing_is_a_row_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.rivals.shutil.which", lambda *args, **kwargs: None)

    def rows() -> Iterator[Row]:
        with RIVALS["mosquitto"].start():
            yield Row("throughput", "mosquitto", "window 1")

    (row,) = rows_or_reason("throughput", "mosquitto", "window 1", rows)
    assert "apt install mosquitto" in row.note
    assert row.clean
    assert not row.usable


@slow
def test_taps_that_are_due_at_once_are_all_answered(bench: Bench) -> None:
    """The part of `page` that needs no browser."""
    (row,) = at_once(bench)
    assert row.clean, row.errors
    assert row.figures["unanswered"] == 0
    assert row.figures["taps"] >= 2
    assert row.figures["tap_p95_ms"] > 0


@slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_an_hour_of_texts_passes_staff_by_and_all_are_answered(bench: Bench) -> None:
    (row,) = hour(bench)
    assert row.clean, row.errors
    assert row.figures["texts"] == 80
    assert min(row.figures[name] for name in ("heap_mib", "heap_warm_mib", "heap_after_mib")) > 1
