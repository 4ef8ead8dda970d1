"""Compares two result files: the ratios, and which of them are only the machine's own noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.results import NOISE, Result, Row
from benchmarks.tables import COLUMNS, MORE_IS_BETTER, Table, number

#: The smallest difference that counts, however quiet the relay was (a tenth).
LEAST_NOISE = 0.1
#: The assumed noise if a file does not have the relay twice.
UNKNOWN_NOISE = 0.25


@dataclass(frozen=True, slots=True)
class Change:
    """One figure in two results. `ratio` is second over first."""

    scenario: str
    target: str
    case: str
    figure: str
    first: float
    second: float
    noise: float

    @property
    def ratio(self) -> float:
        """Second over first."""
        return self.second / self.first

    @property
    def verdict(self) -> str:
        """ "better", "worse", or "noise" for a change that the bare relay shows as well."""
        if max(self.ratio, 1 / self.ratio) <= 1 + self.noise:
            return "noise"
        return "better" if (self.ratio > 1) == (self.figure in MORE_IS_BETTER) else "worse"


def changes(first: Result, second: Result) -> Iterator[Change]:
    """Every figure that both results have, of rows that are neither void nor unclean."""
    there = {(row.scenario, row.target, row.case): row for row in second.rows if row.usable}
    for row in first.rows:
        other = there.get((row.scenario, row.target, row.case))
        if other is None or not row.usable or row.target.startswith(NOISE):
            continue
        for column in COLUMNS[row.scenario]:
            before, after = row.figures.get(column.figure), other.figures.get(column.figure)
            if before and after:
                noise = noise_of([*first.rows, *second.rows], column.figure)
                yield Change(row.scenario, row.target, row.case, column.figure, before, after, noise)


def noise_of(rows: Sequence[Row], figure: str) -> float:
    """How much the bare relay's own figure varied in all of these rows, as a share: 0.3 is 30 %."""
    groups: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        value = row.figures.get(figure)
        if row.target.startswith(NOISE) and row.usable and value:
            groups.setdefault((row.scenario, row.case), []).append(value)
    spreads = [max(values) / min(values) - 1 for values in groups.values() if len(values) > 1]
    return max([LEAST_NOISE, *spreads]) if spreads else UNKNOWN_NOISE


def comparison(first: Result, second: Result) -> Table:
    """As a table."""
    lines, styles = [], []
    for change in changes(first, second):
        texts = [number(change.first), number(change.second), f"{change.ratio:.2f}", f"±{change.noise:.0%}"]
        lines.append(
            [f"{change.scenario}: {change.target}", change.case, change.figure, *texts, change.verdict]
        )
        styles.append({"better": "good", "worse": "bad"}.get(change.verdict, "dim"))
    heads = ["server", "case", "figure", "first", "second", "ratio", "noise", ""]
    return Table(f"{first.commit} → {second.commit}", heads, lines, styles)
