"""A test that hangs in a system call fails alone, at the line where it hangs, and names the processes below it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import WATCHDOG
from tests.support import hangs
from tests.support.watchdog import Watchdog

ROOT = Path(__file__).parents[1]

HANGING = """
import subprocess
import sys

import pytest

from tests.support import hangs

hangs.patience_s = lambda timeout_s, margins=1: 2.0 - margins / 2

@pytest.fixture
def child():
    program = [sys.executable, "-c", "print(1, flush=True); input()", "the-silent-one"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        process.kill()

def test_reads_without_end(child):
    child.stdout.readline()
    child.stdout.readline()

@pytest.mark.timeout(50)
async def test_waits_without_end(child):
    import asyncio
    await asyncio.Event().wait()

def test_behind_it():
    pass
"""


def test_what_hangs_says_where_and_what_was_alive_and_ends_nobody_else(tmp_path: Path) -> None:
    file = tmp_path / "test_hanging.py"
    file.write_text(HANGING)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-n0", "-p", "no:cacheprovider", "-p", "tests.conftest", "-c", ROOT / "pyproject.toml",
         "--rootdir", tmp_path, "--basetemp", tmp_path / "its", file],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=50,
    )  # fmt: skip
    assert "2 failed, 1 passed" in ran.stdout, ran.stdout + ran.stderr
    assert ran.stdout.count("the-silent-one") >= 2
    assert ">       child.stdout.readline()" in ran.stdout
    assert "no end after 1 s" in ran.stdout


def test_all_below_are_named_whichever_thread_started_them() -> None:
    with subprocess.Popen(
        ["sh", "-c", "sleep 30 & echo $!; wait"], stdout=subprocess.PIPE, text=True
    ) as shell:
        assert shell.stdout is not None
        asleep = int(shell.stdout.readline())
        try:
            assert {shell.pid, asleep} <= set(hangs.below(os.getpid()))
            assert f"{asleep} " in hangs.alive()
            assert "sleep 30" in hangs.alive()
        finally:
            os.kill(asleep, 9)
            shell.kill()


def test_an_alarm_rings_in_a_system_call_and_not_behind_its_time() -> None:
    with hangs.alarm(0.05):
        pass
    time.sleep(0.06)
    with pytest.raises(pytest.fail.Exception, match="no end"), hangs.alarm(0.01):
        time.sleep(30)


def test_who_is_watched_at_the_end_of_his_time_is_rung_for(request: pytest.FixtureRequest) -> None:
    assert WATCHDOG in request.config.stash, "nobody watches this test"
    rung, long_ago, in_time = threading.Event(), threading.Event(), threading.Event()
    watchdog = Watchdog()
    watchdog.watch(600, long_ago.set)
    watchdog.watch(0.01, rung.set)
    assert rung.wait(30)
    began = time.monotonic()
    watchdog.watch(0.05, in_time.set)
    watchdog.rest()
    was_in_time = time.monotonic() < began + 0.05
    time.sleep(0.06)
    assert not (in_time.is_set() and was_in_time)
    assert not long_ago.is_set()
