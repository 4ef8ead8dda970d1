"""A pytest plugin that writes down what happened while it happens: a test that hangs takes its whole process with it.

One line an event in the file that `MUTANTS_WITNESS` names: what, a tab, which test.
"""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

_FILE = Path(os.environ.get("MUTANTS_WITNESS", os.devnull))


def _note(what: str, about: str = "") -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:  # workers report to the process that wrote the rest
        with _FILE.open("a", encoding="utf-8") as file:
            file.write(f"{what}\t{about}\n")


def pytest_sessionstart() -> None:
    """That an example fails is enough: looking for the shortest one could take longer than a test may."""
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile("mutants", parent=hypothesis.settings(), phases=phases)
    hypothesis.settings.load_profile("mutants")


def pytest_runtest_logstart(nodeid: str) -> None:
    _note("start", nodeid)


def pytest_runtest_logfinish(nodeid: str) -> None:
    _note("finish", nodeid)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed and "crashed while running" in str(report.longrepr):
        _note("hung", report.nodeid)
    elif report.failed:
        _note("failed" if report.when == "call" else "error", report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        _note("uncollected", report.nodeid)


def pytest_sessionfinish() -> None:
    _note("end")
