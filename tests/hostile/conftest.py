"""The table of all attacks, printed when they are over; whichever worker made its rows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.hostile.arena import HEADING, Outcome, Report

ROW = "hostile row"


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Report:
    """Takes the row of an attack."""

    def take(outcome: Outcome) -> None:
        record_property(ROW, outcome.line())

    return take


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [each for kind in ("passed", "failed") for each in terminalreporter.getreports(kind)]
    rows = [value for each in reports for name, value in each.user_properties if name == ROW]
    if rows:
        terminalreporter.section("hostile peers")
        terminalreporter.write_line(HEADING)
        for row in rows:
            terminalreporter.write_line(row)
