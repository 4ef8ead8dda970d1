"""Reads the processes' logs: counts expected errors of the server, and finds lines that show a bug."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

#: Patterns of lines that show a bug of ours; the last one begins what Node warns of.
BUGS = (
    "Traceback (most recent call last)",
    "was never retrieved",
    "was never awaited",
    "ResourceWarning",
    "(node:",
)
#: Errors that the server expects and that a stop of the process can cause: it tries again.
EXPECTED = frozenset({"plugin_handler_failed", "plugin_handler_failed_late", "plugin_handler_left_behind"})


def read_logs(logs: Iterable[Path]) -> tuple[Counter[str], list[str]]:
    """How often the server logged which error; and for each log the first line that shows a bug, with the lines after it."""
    events: Counter[str] = Counter()
    bugs = []
    for log in logs:
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        at = [n for n, line in enumerate(lines) if _is_bug(line, events)]
        if at:
            bugs.append(f"{log.name}:{at[0] + 1}: {' | '.join(lines[at[0] : at[0] + 12])[:1500]}")
    return events, bugs


def _is_bug(line: str, events: Counter[str]) -> bool:
    """Counts it, too, if it is an error of the server's."""
    if line.startswith("{"):
        told = json.loads(line)
        event = str(told.get("event"))
        if told.get("level") in ("error", "critical"):
            events[event.splitlines()[0][:80]] += 1
        if event in EXPECTED:
            return False
    return any(bug in line for bug in BUGS)
