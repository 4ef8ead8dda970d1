"""A handful of whole runs: clean, the same every time, and told as they should be."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imserver.cli.app import run
from imserver.proof.simulation.report import FAULTS, Totals
from imserver.proof.simulation.runs import run_one, run_some

FEW = range(1, 9)


@pytest.fixture(scope="module")
def totals() -> Totals:
    return run_some(FEW)


def test_a_few_seeds_are_clean(totals):
    assert [(failure.seed, failure.findings) for failure in totals.failures] == []
    assert totals.seeds == len(FEW)


def test_they_try_many_things(totals):
    assert totals.payload_frames > 2_000
    assert totals.virtual_s > 60
    assert sum(totals.counts[kind] > 0 for kind in FAULTS) > len(FAULTS) * 0.8
    assert totals.counts["posts stored"] > 100
    assert totals.counts["sessions, fresh"] > 20
    assert totals.most["batch"] > 1


def _digest(seed: int, hash_seed: str) -> str:
    command = [sys.executable, "-m", "imserver.cli", "simulate", "--seed", str(seed)]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"log digest ([0-9a-f]{32})", done.stdout)
    assert found is not None, done.stdout
    return found[1]


@pytest.mark.prove
@pytest.mark.parametrize("seed", [3, 7])
def test_a_seed_is_the_same_run_in_every_process(seed):
    here = run_one(seed).digest
    assert {_digest(seed, "1"), _digest(seed, "4711")} == {here}


def test_two_seeds_are_two_runs():
    assert run_one(3).digest != run_one(4).digest


def test_a_replay_says_what_happened(tmp_path, capfd):
    events = tmp_path / "events.txt"
    assert run(["simulate", "--seed", "3", "--events", str(events)]) == 0
    assert "seed 3:" in capfd.readouterr().out
    lines = events.read_text().splitlines()
    assert any("server starts" in line for line in lines)
    assert any("healing" in line for line in lines)
    times = [float(line.split()[0]) for line in lines]
    assert times == sorted(times)


def test_the_report_of_a_few_seeds(tmp_path, capfd):
    report = tmp_path / "report.json"
    assert run(["simulate", "--seeds", "2", "--first", "5", "--report", str(report)]) == 0
    shown = capfd.readouterr().out
    for what in ("payload frames", "virtual time", "resumes refused", "largest batch", "seeds with findings"):
        assert what in shown
    told = json.loads(report.read_text())
    assert told["seeds"] == 2
    assert told["payload_frames"] > 0
    assert told["failures"] == []


def test_thorough_says_what_was_not_tried_often_enough(capfd):
    assert run(["simulate", "--seeds", "1", "--thorough"]) == 1
    assert "not enough: only" in capfd.readouterr().out


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked up in /proc")
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_whatever_ends_it_leaves_no_worker_and_no_folder_behind(ending):
    command = [sys.executable, "-m", "imserver.cli", "simulate", "--seeds", "100000", "--jobs", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            workers = _workers_of(process.pid)
        finally:
            process.send_signal(ending)
        output, _ = process.communicate(timeout=50)
    assert process.returncode == {signal.SIGTERM: 143, signal.SIGINT: 130}.get(ending, -ending), output
    assert "Traceback" not in output
    until = time.monotonic() + 30
    while any(map(_runs, workers)) and time.monotonic() < until:
        time.sleep(0.05)  # they are not our children: nobody tells us that they have ended
    assert not [pid for pid in workers if _runs(pid)]
    assert not [folder for pid in workers for folder in _folders_of(pid)]


def _workers_of(pid: int) -> list[int]:
    """The two processes that are in the middle of a seed, as soon as there are two."""
    until = time.monotonic() + 40
    while time.monotonic() < until:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        workers = [int(child) for child in children if _folders_of(int(child))]
        if len(workers) == 2:
            return workers
        time.sleep(0.05)
    raise AssertionError("no two workers")


def _runs(pid: int) -> bool:
    """Not for a process that has ended and that nobody has asked about yet."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def _folders_of(pid: int) -> list[Path]:
    return list(Path("/dev/shm").glob(f"imserver-simulation-{pid}-*"))
