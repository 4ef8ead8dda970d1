"""The demonstration as a process, as a user starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Four starts of a server, on a machine that runs many tests at once (seconds).
PATIENCE_S = 170


@contextmanager
def demo(folder: Path, *arguments: str, columns: int = 80) -> Iterator[subprocess.Popen[str]]:
    """`imserver demo`, whose temporary folders are made in `folder`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("IMSERVER_")}
    with subprocess.Popen(
        [sys.executable, "-m", "imserver.cli", "demo", "--pace", "0", *arguments],
        env={
            **kept,
            "TMPDIR": str(folder),
            "COLUMNS": str(columns),
            "NO_COLOR": "1",
            "PYTHONUNBUFFERED": "1",
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def until(process: subprocess.Popen[str], words: str) -> str:
    """What it says, up to a line with these words. Of one that hangs, what it said so far stands below the failure."""
    assert process.stdout is not None
    told = ""
    try:
        for line in process.stdout:
            told += line
            if words in line:
                return told
    except BaseException as hung:
        hung.add_note(f"What came before {words!r}:\n{told}")
        raise
    raise AssertionError(f"it ended before it said {words!r}:\n{told}")


def play(folder: Path, *arguments: str, columns: int = 80) -> tuple[int, str]:
    """Exit code and output of a whole run."""
    with demo(folder, *arguments, columns=columns) as process:
        output, _ = process.communicate(timeout=PATIENCE_S)
    return process.returncode, output
