"""The tests of this folder are watched: none of them, and no server in them, may hold the loop (tests/conftest.py)."""

from __future__ import annotations

import threading

from tests.support.loop_watch import THREAD_NAME


async def test_a_watch_looks_on_while_this_test_runs() -> None:
    assert [thread.name for thread in threading.enumerate()].count(THREAD_NAME) == 1
