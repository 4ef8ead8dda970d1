"""A feature's checks of what it keeps, asked in one snapshot; nothing is started."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from imserver.feature_api import Check, Feature

#: First words of the finding about a check that raised.
FAILED = "the check itself failed"


class Rows(Protocol):
    """`imserver.feature_api.Snapshot`, as the store offers it: all but the counting."""

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...

    def rows(self, sql: str, params: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]: ...

    def items(self) -> Iterator[tuple[int, int, int, Any]]: ...

    def abouts(self) -> Iterator[tuple[int, Any]]: ...

    def settings(self) -> Iterator[tuple[int, int, Any]]: ...

    def accounts(self) -> Iterator[tuple[int, Any]]: ...

    def taken_back(self) -> Iterator[tuple[Any, ...]]: ...

    def members(self) -> Iterator[tuple[Any, ...]]: ...


class FeatureSnapshot:
    """`imserver.feature_api.Snapshot` over the store's rows."""

    def __init__(self, rows: Rows) -> None:
        self.count = 0
        self.execute, self.rows = rows.execute, rows.rows
        self.items, self.abouts, self.settings, self.accounts = (
            rows.items,
            rows.abouts,
            rows.settings,
            rows.accounts,
        )
        self.taken_back, self.members = rows.taken_back, rows.members

    def looked_at(self, count: int) -> None:
        self.count += count


class Answer(Protocol):
    """Where a check's findings go."""

    checked: int

    def add(self, text: str) -> None: ...


def checks_of(feature: Feature) -> Mapping[str, Check]:
    """The feature's checks, by the name of their line in the report."""
    return {f"{feature.name}: {title}": check for title, check in feature.checks.items()}


def ask(check: Check, rows: Rows, answer: Answer) -> None:
    """Run one check. If it raises, that is a finding: it is the feature's code, and the others are asked nevertheless."""
    snapshot = FeatureSnapshot(rows)
    try:
        for text in check(snapshot):
            answer.add(text)
    except Exception as error:
        answer.add(f"{FAILED}: {error!r}")
    answer.checked += snapshot.count
