"""Each function's time is its own, without that of the others it calls, and is counted only while it is watched."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from benchmarks.shares import Shares, Watched


def worked(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """`outer` takes 3 µs, and 4 µs in `inner` twice."""
    now = [0]
    monkeypatch.setattr(time, "process_time_ns", lambda: now[0])

    def inner() -> str:
        now[0] += 4_000
        return "done"

    def outer() -> str:
        now[0] += 3_000
        work.inner()
        return str(work.inner())

    work = SimpleNamespace(inner=inner, outer=outer)
    return work


def test_what_is_inside_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    work = worked(monkeypatch)
    shares = Shares([Watched(work, "outer", "dialogue"), Watched(work, "inner", "sql")])
    with shares.watching():
        assert work.outer() == "done"
    assert (shares.us("dialogue"), shares.us("sql")) == (3.0, 8.0)


def test_nothing_counts_before_and_after(monkeypatch: pytest.MonkeyPatch) -> None:
    work = worked(monkeypatch)
    shares = Shares([Watched(work, "inner", "sql")])
    work.inner()
    with shares.watching():
        pass
    work.inner()
    assert shares.us("sql") == 0


def test_what_fails_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    work = worked(monkeypatch)
    takes = work.inner

    def fails() -> None:
        takes()
        raise ValueError

    work.inner = fails
    shares = Shares([Watched(work, "inner", "sql")])
    with shares.watching(), pytest.raises(ValueError):
        work.inner()
    assert shares.us("sql") == 4.0
