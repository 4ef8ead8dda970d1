"""The process ends inside a plugin's transaction: nothing of it is there afterwards, and then all of it, once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugins.ledger import STEPS

ROOT = Path(__file__).parents[2]


def run(database, step):
    command = [sys.executable, "-m", "tests.plugins.crash_process", str(database), step]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)


@pytest.mark.parametrize(("step", "again"), [*((step, ["x"]) for step in STEPS), ("after", [])])
def test_a_process_that_ends_anywhere_leaves_all_or_nothing(tmp_path, step, again):
    database = tmp_path / "im.db"
    assert run(database, step).returncode == 9
    second = run(database, "none")
    assert second.returncode == 0, second.stderr
    assert json.loads(second.stdout) == {
        "rows": [["note", "x"]],
        "said": [2],
        "timers": ["x"],
        "called": again,
    }
