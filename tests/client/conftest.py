"""Fixtures of the client's tests: a scripted server, and clients that wait for nothing between attempts."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from imserver_client import ClientLimits, Connecting, Environment, connect

from .support.fake_server import FakeServer


@pytest.fixture(params=[False, True], ids=["today", "later"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[FakeServer]:
    """Of today, and of a later version: with more behind all that it says. A client behaves the same to both."""
    async with FakeServer() as server:
        server.later = request.param
        yield server


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Both loops and both versions, but not all four together: asyncio meets the server of today, uvloop the later one."""
    left_out = {item for item in items if isinstance(item, pytest.Function) and _is_left_out(item)}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


def _is_left_out(item: pytest.Function) -> bool:
    chosen = item.callspec.params if hasattr(item, "callspec") else {}
    if (
        not item.nodeid.startswith("tests/client/")
        or not {"server", "_asyncio_loop_factory"} <= chosen.keys()
    ):
        return False
    return bool(chosen["server"]) == (chosen["_asyncio_loop_factory"] is asyncio.SelectorEventLoop)


class Waits:
    """Stands in for randomness: notes the ranges that were asked for, and always answers with the least."""

    def __init__(self) -> None:
        self.ranges: list[tuple[float, float]] = []

    def __call__(self, low: float, high: float) -> float:
        self.ranges.append((low, high))
        return low


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def open_client(server: FakeServer, waits: Waits) -> partial[Connecting]:
    """`open_client(token="alice")`, with any argument of `connect`."""
    defaults: dict[str, Any] = {
        "timeout": 10.0,
        "environment": Environment(uniform=waits),
        "limits": ClientLimits(report_every_s=0.01),
    }
    return partial(connect, server.url, **defaults)


@pytest.fixture
async def calm() -> AsyncIterator[None]:
    """Whatever happened, no task of the client is left, and no exception was reported to nobody."""
    loop = asyncio.get_running_loop()
    complaints: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    yield
    gc.collect(1)
    await asyncio.sleep(0)
    assert [task for task in asyncio.all_tasks() if "imserver_client" in task.get_name()] == []
    assert complaints == []
