"""The time bound of plugins' statements: what counts against it, and what does not."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from imserver.errors import PluginError
from imserver.store.plugin_fence import PLUGIN_BUDGET_S, Mode, PluginFence

#: Far more steps than lie between two looks at the clock.
COUNT = "WITH RECURSIVE n(i) AS (SELECT {} UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT max(i) FROM n"


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        yield connection


def test_a_pause_in_which_the_thread_did_not_run_does_not_count(connection: sqlite3.Connection) -> None:
    """Where a server was stopped, or its machine had others to serve, a customer's command failed for it."""
    connection.create_function("shop_pause", 0, lambda: time.sleep(3 * PLUGIN_BUDGET_S))
    fence = PluginFence(connection)
    fence.begin_unit()
    assert fence.execute("shop", COUNT.format("coalesce(shop_pause(), 1)", 2_000), (), Mode.READ) == [
        (2_000,)
    ]
    assert fence.execute("shop", COUNT.format(1, 2_000), (), Mode.READ) == [(2_000,)]


def test_computing_does_count_also_in_many_statements(connection: sqlite3.Connection) -> None:
    fence = PluginFence(connection)
    fence.begin_unit()

    def go_on() -> None:
        for _ in range(100_000):
            fence.execute("shop", COUNT.format(1, 2_000), (), Mode.READ)

    with pytest.raises(PluginError, match="more than 50 ms of SQL in one unit"):
        go_on()
    fence.begin_unit()
    assert fence.execute("shop", COUNT.format(1, 10), (), Mode.READ) == [(10,)]
