"""Fixtures of the command line's tests."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands of a test are no unit of systemd, though the tests may be."""
    monkeypatch.delenv("INVOCATION_ID", raising=False)


@pytest.fixture
def quiet_log() -> Iterator[None]:
    """Setting up the log of a process changes the root logger: afterwards it is as before."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
