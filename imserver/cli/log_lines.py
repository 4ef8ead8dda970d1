"""Lines of the log for a person at a terminal.

Time and event stand first, for a narrow terminal shows little more at a glance; facts that do not fit behind them follow,
indented, and no word is cut in two. Only such lines are indented: a name that is broken begins none that looks like an event.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from .text_width import width, wrap

#: Below so many cells a line says the time of day alone.
LEAST_CELLS_WITH_DATE = 60
INDENT, CONTINUED = "  ", "    "
_COLORS = {"warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[31m"}
_DIM, _BOLD, _PLAIN = "\x1b[2m", "\x1b[1m", "\x1b[0m"

Fields = MutableMapping[str, Any]


class ConsoleLines:
    """structlog's last processor. `cells`: how many a line has now; 0: no line is broken."""

    def __init__(self, cells: Callable[[], int], *, colors: bool) -> None:
        self._cells = cells
        self._colors = colors

    def __call__(self, _logger: Any, _method: str, fields: Fields) -> str:
        cells = self._cells()
        day, _, clock = str(fields.pop("timestamp", "")).partition("T")
        time = f"{clock[:8]}Z"
        if not 0 < cells < LEAST_CELLS_WITH_DATE:
            time = f"{day} {time}"
        level, event = str(fields.pop("level", "info")), str(fields.pop("event", ""))
        trace = fields.pop("exception", None)
        head = [(_DIM, time), (_BOLD + _COLORS.get(level, ""), event)]
        if level != "info":
            head.insert(1, (_COLORS.get(level, _DIM), level))
        lines = list(self._broken(head, [*_facts(fields)], cells))
        return "\n".join([*lines, str(trace)] if trace else lines)

    def _broken(self, head: list[tuple[str, str]], facts: list[str], cells: int) -> Iterator[str]:
        plain = " ".join(text for _, text in head)
        whole = cells <= 0 or width(plain) + sum(1 + width(fact) for fact in facts) <= cells
        first = " ".join(f"{color}{text}{_PLAIN}" for color, text in head) if self._colors else plain
        if whole:
            yield " ".join([first, *facts])
            return
        if width(plain) <= cells:
            yield first
        else:  # a sentence of a library; without colors, which would be measured
            start, *rest = wrap(plain, cells - len(CONTINUED))
            yield from (start, *(CONTINUED + line for line in rest))
        yield from _filled(facts, cells)


def _filled(facts: list[str], cells: int) -> Iterator[str]:
    """Facts in as few lines as they take, each whole on one if it fits there."""
    line = ""
    for fact in facts:
        joined = f"{line} {fact}" if line else INDENT + fact
        if width(joined) <= cells:
            line = joined
            continue
        if line:
            yield line
        *full, line = _wrapped(fact, cells)
        yield from full
    if line:
        yield line


def _wrapped(fact: str, cells: int) -> list[str]:
    """One that fits into `cells` stays one line."""
    if width(INDENT + fact) <= cells:
        return [INDENT + fact]
    start, *rest = wrap(fact, cells - len(CONTINUED))
    return [INDENT + start, *(CONTINUED + line for line in rest)]


def _facts(fields: Mapping[str, Any]) -> Iterator[str]:
    """In the order in which they were said; what is not there is left out."""
    for name, value in fields.items():
        if value is not None:
            yield f"{name}={_shown(value)}"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        # What could be taken for the next fact is in quotes.
        return value if value.isprintable() and value and not set(value) & set(' "=') else _quoted(value)
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return f"[{', '.join(one if ',' not in one else _quoted(one) for one in value)}]"
    return _quoted(value)


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def terminal_cells(descriptor: int) -> int:
    """How wide the terminal is there; 0 if it is none, or does not say."""
    try:
        return os.get_terminal_size(descriptor).columns
    except (OSError, ValueError):
        return 0
