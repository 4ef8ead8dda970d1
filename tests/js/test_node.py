"""The JavaScript client's adapters in Node: each `*.test.js` here is run by Node's own test runner."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.node import NODE

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*/*.test.js"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(HERE).as_posix())
def test_a_file_of_tests_passes_in_node(file: Path, tmp_path: Path):
    ran = subprocess.run(
        [NODE, "--test", "--test-reporter=spec", file],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        timeout=50,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
