"""Lines of a trace on a terminal, or in a file. On a narrow terminal what a frame says stands below its numbers."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import click

from imserver.trace.explainer import UP, Line

from .sanitize import escaped
from .text_width import wrap

#: The columns in front of what a frame says.
HEADING = f"{'time (UTC)':12}  {'conn':>4}    {'type':8} {'seq':>6} {'ack':>6} {'bytes':>7}  says"
#: On fewer cells nothing has room behind the columns.
WIDE_CELLS = 80
#: Before a text on lines of its own.
INDENT = "  "


def terminal_cells() -> int | None:
    """How wide the terminal is; None where the output is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def heading() -> str:
    """What stands above the columns; on a narrow terminal, nothing."""
    cells = terminal_cells()
    return "" if cells is not None and cells < WIDE_CELLS else click.style(HEADING, dim=True)


def printer() -> Callable[[Line], None]:
    """What prints a line. The terminal may change its width meanwhile."""
    return lambda line: click.echo(shown(line, terminal_cells()))


def shown(line: Line, cells: int | None = None) -> str:
    """The line for a terminal of so many cells; `click.echo` takes the colours out elsewhere."""
    time = datetime.fromtimestamp(line.at_ms / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
    text = escaped(line.text)
    narrow = cells is not None and cells < WIDE_CELLS
    begin = f"{time}  {'#' + str(line.connection):>4} "
    if not line.kind:
        return click.style(
            _below(begin.rstrip(), text, cells or 0) if narrow else f"{begin}   {text}", dim=True
        )
    if narrow:
        kind = click.style(f"{line.arrow} {line.kind}", fg=_colour(line))
        named = (("seq", line.seq), ("ack", line.ack))
        numbers = " ".join([f"{line.size} B", *(f"{name} {number}" for name, number in named if number)])
        return _below(f"{begin}{kind}", f"{numbers} {text}", cells or 0)
    kind = click.style(f"{line.arrow} {line.kind:8}", fg=_colour(line))
    numbers = f"{line.seq or '':>6} {line.ack or '':>6} {line.size:>7}"
    return f"{begin}{kind} {numbers}  {text}".rstrip()


def _below(head: str, text: str, cells: int) -> str:
    return "\n".join([head, *(f"{INDENT}{part}" for part in wrap(text, cells - len(INDENT)) if part)])


def _colour(line: Line) -> str:
    if line.kind in ("REFUSAL", "GOODBYE", "?"):
        return "red"
    return "green" if line.arrow == UP else "cyan"
