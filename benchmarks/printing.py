"""Prints results on a terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table as Grid

from benchmarks.results import Result
from benchmarks.tables import Table, heading, scenario_tables, target_table

#: Width of tables that go to a file or a pipe.
PIPE_WIDTH = 220
_STYLES = {"bad": "bold red", "dim": "dim", "good": "green", "short": "yellow"}
#: Columns of text; all others are numbers.
_TEXTS = frozenset({"server", "case", "figure", ""})


def console() -> Console:
    """As wide as the terminal, or as the tables need."""
    return Console(width=None if Console().is_terminal else PIPE_WIDTH)


def print_table(to: Console, table: Table) -> None:
    """One table."""
    grid = Grid(title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for head in table.heads:
        grid.add_column(head, justify="left" if head in _TEXTS else "right", no_wrap=head in _TEXTS)
    for line, style in zip(table.lines, table.styles, strict=True):
        grid.add_row(*line, style=_STYLES.get(style, ""))
    to.print(grid)


def print_result(to: Console, result: Result) -> None:
    """Print all readable parts of a result."""
    to.print(heading(result), markup=False, highlight=False)
    for table in scenario_tables(result.rows):
        print_table(to, table)
    print_table(to, target_table(result.rows))
    for row in result.rows:
        if row.note and row.figures:
            to.print(f"{row.scenario}, {row.case}: {row.note}", style="dim", markup=False)
        for error in row.errors[:3]:
            to.print(f"{row.scenario}, {row.target}, {row.case}: {error}", style="red", markup=False)
