"""Metrics: one registry for each server, prefixed names, and no metrics left of a stopped plugin."""

from __future__ import annotations

from pathlib import Path

import pytest

from imserver.metrics import Metrics
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
