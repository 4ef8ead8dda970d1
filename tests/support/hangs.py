"""A test that hangs fails with words: its own traceback says at which step, and these say which processes live below it.

Without them pytest's time-out ends the whole worker, and of its words nothing is left but that a worker ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Final

import pytest

#: Between the alarm and pytest's own time-out, for the end of fixtures: they end the processes that hang. A loop is told as
#: much before the alarm, which would ring in the middle of it.
MARGIN_S: Final = 5.0
#: Of a short time-out the margin is no more than this share.
MARGIN_SHARE: Final = 0.1
#: What fixtures have for their end, however long the test took.
END_S: Final = 5.0
#: Characters of a command that are shown.
SHOWN: Final = 300

_PROC: Final = Path("/proc")


def patience_s(timeout_s: float, margins: int = 1) -> float:
    """How long a test with this time-out may take before it is told that it hangs (seconds)."""
    return timeout_s - margins * min(MARGIN_S, timeout_s * MARGIN_SHARE)


@contextlib.contextmanager
def alarm(left_s: float) -> Iterator[None]:
    """Fail what runs here, in the main thread, after so many seconds: by an exception wherever it is, in a system call, too.
    Does nothing on another thread and where there is no such signal."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        pytest.fail(f"no end after its time\n{alive()}")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(left_s, 0.001), END_S)  # and again, if a `finally` hangs as well
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def alive() -> str:
    """The processes below this one, in words: id, state (as ps shows it), what the kernel lets it wait for, command."""
    told = [_told(pid) for pid in below(os.getpid())]
    return "\n".join(
        ["alive below the test:", *(line for line in told if line)] if told else ["no process below the test"]
    )


def below(pid: int) -> Iterator[int]:
    """Ids of all processes that this one or a child of it started, whichever thread did it. Nothing where there is no /proc."""
    with contextlib.suppress(OSError):
        for thread in (_PROC / str(pid) / "task").iterdir():
            with contextlib.suppress(OSError):
                for child in (thread / "children").read_text().split():
                    yield int(child)
                    yield from below(int(child))


def _told(pid: int) -> str:
    """Empty for one that has just gone."""
    place = _PROC / str(pid)
    try:
        state = (place / "stat").read_text().rpartition(")")[2].split()[0]
        waits = (place / "wchan").read_text() if os.access(place / "wchan", os.R_OK) else ""
        words = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
    return f"{pid} {state} {waits or '-'} {words[:SHOWN]}".rstrip()
