"""Metrics: one registry for each server, prefixed names, and no metrics left of a stopped plugin."""

from __future__ import annotations

from pathlib import Path

import pytest

from imserver.figures import of_health
from imserver.metrics import Metrics, distribution
from imserver.store.engine.figures import Sizes
from tests.seeing.healths import Stand
from tests.support.servers import people, running


async def test_the_page_tells_of_connections_and_plugins(tmp_path: Path) -> None:
    async with running(tmp_path, plugins={"ping": {}}) as server, people(server) as enter:
        await enter("alice")
        page = server.metrics.render().decode()
        assert "imserver_connections 1.0" in page
        assert "imserver_sessions_fresh_total 1.0" in page
        assert 'imserver_plugins_handled_total{plugin="ping"} 0.0' in page


def test_two_servers_do_not_mix() -> None:
    one, other = Metrics(), Metrics()
    one.namespace("plugin_x").counter("shots", "…").inc()
    assert b"imserver_plugin_x_shots_total 1.0" in one.render()
    assert b"shots" not in other.render()


def test_what_a_plugin_made_goes_with_it() -> None:
    metrics = Metrics()
    mine = metrics.namespace("plugin_x")
    mine.gauge("open", "…").set(3)
    mine.histogram("took_seconds", "…").observe(0.1)
    mine.unregister()
    assert b"plugin_x" not in metrics.render()
    again = metrics.namespace("plugin_x")
    again.gauge("open", "…")
    with pytest.raises(ValueError, match="Duplicated"):
        again.gauge("open", "…")
    again.unregister()
    again.unregister()
    mine.unregister()


def test_buckets_are_sums_and_the_last_one_is_of_all() -> None:
    metrics = Metrics()
    metrics.watch(lambda: [distribution("took_seconds", "…", (0.5, 1.0), (3, 0, 2), 9.5)])
    lines = [
        line for line in metrics.render().decode().splitlines() if "took_seconds" in line and line[0] != "#"
    ]
    assert lines == [
        'imserver_took_seconds_bucket{le="0.5"} 3.0',
        'imserver_took_seconds_bucket{le="1.0"} 3.0',
        'imserver_took_seconds_bucket{le="+Inf"} 5.0',
        "imserver_took_seconds_count 5.0",
        "imserver_took_seconds_sum 9.5",
    ]


def test_sizes_and_times_have_the_names_and_units_that_they_say() -> None:
    stand = Stand()
    stand.store.sizes = Sizes(1, 2, 3, 4, 5)
    stand.health.last_backup_ms = 8_000
    stand.pass_s(1)
    metrics = Metrics()
    metrics.watch(lambda: of_health(stand.health, "none"))
    page = metrics.render().decode().splitlines()
    for line in (
        "imserver_started_timestamp_seconds 5000.0",
        "imserver_backup_timestamp_seconds 8.0",
        "imserver_database_bytes 1.0",
        "imserver_wal_bytes 2.0",
        "imserver_reader_lag_bytes 3.0",
        "imserver_disk_free_bytes 4.0",
        "imserver_disk_bytes 5.0",
    ):
        assert line in page
