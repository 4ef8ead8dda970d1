"""Scenarios with next to no load: that they function, never how fast."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import machine, native
from benchmarks.measure import Bench


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The hot loop in C; "" without a compiler."""
    return native.compiled(Path(tmp_path_factory.mktemp("hotloop")))


@pytest.fixture
def library(compiled: str) -> str:
    """The same; skips without a compiler."""
    if not compiled:
        pytest.skip("no C compiler")
    return compiled


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, compiled: str) -> Bench:
    """A quarter of a second, three pairs, nothing pinned: other tests run at the same time."""
    anywhere = machine.Cores((), ((),), "a test")
    monkeypatch.setattr(machine, "cores", lambda: anywhere)
    return Bench(anywhere, compiled, 0.25, 0.05, scale=0.004, pairs=3, growth_messages=2_000)
