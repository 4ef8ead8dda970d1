"""Settings of the server's own process."""

from __future__ import annotations

import resource
import sys

import pytest

from imserver.cli.process import SWITCH_INTERVAL_S, settle_process
from imserver.config import Config, LimitsConfig
from imserver.net.address_limits import RESERVED_FDS


@pytest.mark.parametrize(
    ("hard", "given"),
    [(4096, 4096), (100_000, 5000 + RESERVED_FDS), (resource.RLIM_INFINITY, 5000 + RESERVED_FDS)],
)
def test_as_many_open_files_as_connections_need_and_threads_that_take_turns_soon(
    monkeypatch: pytest.MonkeyPatch, hard: int, given: int
) -> None:
    set_to: list[object] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: set_to.append(limits))
    monkeypatch.setattr(sys, "setswitchinterval", set_to.append)
    settle_process(Config(limits=LimitsConfig(max_connections=5000)))
    assert set_to == [SWITCH_INTERVAL_S, (given, hard)]


def test_a_limit_that_is_high_enough_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def untouched(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", untouched)
    monkeypatch.setattr(sys, "setswitchinterval", lambda _: None)
    settle_process(Config())
