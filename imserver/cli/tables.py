"""Rows on a terminal of any width, page by page: the first page decides how wide the columns are, so that a list of any length
is printed in constant memory. Where the columns have no room beside one another, each row stands on lines of its own.

Pure but for `terminal_width`, `show`, `say` and `fitted`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import IO, Any

import click

from .sanitize import escaped
from .text_width import clip, pad, width, wrap

#: Cells that are used at least, and at most: a line that is longer is hard to follow with the eyes.
LEAST_CELLS = 24
MOST_CELLS = 120
#: Where nobody says how wide it is: a pipe, a file.
USUAL_CELLS = 80
GAP = "  "
INDENT = "  "
_STYLES: dict[str, dict[str, Any]] = {
    "plain": {},
    "bold": {"bold": True},
    "dim": {"dim": True},
    "yellow": {"fg": "yellow"},
    "red": {"fg": "red"},
}


class Look(Enum):
    PLAIN = "plain"
    BOLD = "bold"
    DIM = "dim"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Column:
    """`least`: cells that it may be cut to; None if what stands in it is typed again, and never cut. `alone`: how it is said
    where no heading stands above it."""

    heading: str
    least: int | None = None
    alone: str = "{}"


@dataclass(frozen=True, slots=True)
class Cell:
    """`alone`: True if it says enough by itself, whatever the column says there."""

    text: str
    look: Look = Look.PLAIN
    alone: bool = False


Row = Sequence[Cell]


def styled(text: str, look: Look) -> str:
    return click.style(text, **_STYLES[look.value]) if look is not Look.PLAIN else text


def show(lines: Iterable[str]) -> None:
    """Print them in one go: in colours on a terminal, plain elsewhere."""
    if text := "\n".join(lines):
        click.echo(text)


def say(text: str, look: Look = Look.PLAIN, indent: int = 0, *, err: bool = False) -> None:
    """One sentence, which holds nothing that a terminal would act upon."""
    stream = sys.stderr if err else sys.stdout
    click.echo("\n".join(styled(line, look) for line in fitted(escaped(text), stream, indent)), err=err)


def fitted(text: str, stream: IO[str] | None, indent: int = 0) -> list[str]:
    """The lines of one for a terminal, which itself would break it inside a word; below the first they begin so many cells to
    the right. Elsewhere it stays one line, for programs."""
    if stream is None or not stream.isatty():
        return [text]
    first, *more = wrap(text, terminal_width(stream) - indent)
    return [first, *(" " * indent + line for line in more)]


def terminal_width(stream: IO[str] | None = None) -> int:
    """Of the terminal there, else of the one that standard output is: an error may be shown where the output goes elsewhere."""
    columns = shutil.get_terminal_size((USUAL_CELLS, 24)).columns
    if stream is not None and "COLUMNS" not in os.environ:
        with contextlib.suppress(OSError, ValueError):
            columns = os.get_terminal_size(stream.fileno()).columns or columns
    return max(LEAST_CELLS, min(MOST_CELLS, columns))


class Table:
    """Rows that come page by page, as lines. The first page that has any decides how wide the columns are."""

    def __init__(self, columns: Sequence[Column], cells: int) -> None:
        self._columns = columns
        self._cells = cells
        self._begun = False
        self._widths: list[int] | None = None

    def lines(self, rows: Sequence[Row]) -> Iterator[str]:
        if not rows:
            return
        if not self._begun:
            self._begun = True
            self._widths = _widths(self._columns, rows, self._cells)
            if self._widths is not None:
                yield _line(
                    [Cell(column.heading, Look.DIM) for column in self._columns], self._columns, self._widths
                )
        for row in rows:
            if self._widths is None:
                yield from _alone(self._columns, row, self._cells)
            else:
                yield _line(row, self._columns, self._widths)


def facts(pairs: Iterable[tuple[str, Sequence[Cell]]], cells: int, name_cells: int) -> Iterator[str]:
    """A name on each line and cells behind it, joined by dots; what does not fit goes on below the first. An empty name begins
    a new part."""
    for name, told in pairs:
        if not name:
            yield ""
            continue
        lines = _joined(told, cells - name_cells - 1)
        for number, line in enumerate(lines):
            head = styled(pad(f" {name}", name_cells), Look.DIM) if number == 0 else " " * name_cells
            yield f"{head} {line}"


def _widths(columns: Sequence[Column], rows: Sequence[Row], cells: int) -> list[int] | None:
    """Of each column; None if what may not be cut has no room. What may be cut has its least anyway, for later pages."""
    wanted = [
        max(column.least or width(column.heading), *(width(row[number].text) for row in rows))
        for number, column in enumerate(columns)
    ]
    room = cells - len(GAP) * (len(columns) - 1)
    for _ in range(sum(wanted) - room):
        spare = [
            (wanted[number], number)
            for number, column in enumerate(columns)
            if column.least is not None and wanted[number] > column.least
        ]
        if not spare:
            return None
        wanted[max(spare)[1]] -= 1
    return wanted


def _line(row: Row, columns: Sequence[Column], widths: Sequence[int]) -> str:
    """One row beside one another. A cell of a later page that is longer than all of the first moves those behind it."""
    made, at, end = "", 0, 0
    for cell, column, cells in zip(row, columns, widths, strict=True):
        text = cell.text if column.least is None else clip(cell.text, cells)
        if text:
            room = max(at - end, len(GAP)) if made else at
            made += " " * room + styled(text, cell.look)
            end += room + width(text)
        at += cells + len(GAP)
    return made


def _alone(columns: Sequence[Column], row: Row, cells: int) -> Iterator[str]:
    """One row below one another: what it is known by, and the rest indented."""
    yield styled(row[0].text, row[0].look)
    rest = [
        Cell(cell.text if cell.alone else column.alone.format(cell.text), cell.look)
        for column, cell in zip(columns[1:], row[1:], strict=True)
        if cell.text
    ]
    for line in _joined(rest, cells - len(INDENT)):
        yield f"{INDENT}{line}"


def _joined(told: Sequence[Cell], cells: int) -> Iterator[str]:
    """Cells with a dot between them, a new line where one has no room; one that is longer than a line is wrapped."""
    line, used = "", 0
    for cell in told:
        first, *more = wrap(cell.text, cells)
        if used and used + 3 + width(first) > cells:
            yield line
            line, used = "", 0
        if used:
            line, used = line + styled(" · ", Look.DIM), used + 3
        line, used = line + styled(first, cell.look), used + width(first)
        for text in more:
            yield line
            line, used = styled(text, cell.look), width(text)
    if line:
        yield line
