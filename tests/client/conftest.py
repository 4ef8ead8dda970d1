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
