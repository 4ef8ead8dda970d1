"""The Python client's own tests, played by the JavaScript client: `connect` in their modules is the one in `driver`."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest

from imserver_client import ClientLimits, Environment
from tests.client.conftest import Waits
from tests.client.support.fake_server import FakeServer
from tests.js.driver import JsConnecting, Node, connect


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    node = Node()
    yield node
    node.close()


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    """Of a later version: with more behind all that it says."""
    async with FakeServer() as server:
        server.later = True
        yield server


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture(autouse=True)
def played(request: pytest.FixtureRequest, node: Node, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In the module that a test comes from, clients are in JavaScript. And no rejection goes unheard."""
    module = importlib.import_module(request.function.__module__)
    monkeypatch.setattr(module, "connect", partial(connect, node), raising=False)
    yield
    complaints = list(node.complaints)
    node.complaints.clear()
    assert complaints == []


@pytest.fixture
def open_client(server: FakeServer, waits: Waits, node: Node) -> partial[JsConnecting]:
    defaults: dict[str, Any] = {
        "timeout": 10.0,
        "environment": Environment(uniform=waits),
        "limits": ClientLimits(report_every_s=0.01),
    }
    return partial(connect, node, server.url, **defaults)


@pytest.fixture
def calm() -> None:
    """What goes wrong unheard is a complaint of Node."""
