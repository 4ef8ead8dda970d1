"""The stories of a client, played by the JavaScript client: `connect` in their modules is the one in `driver`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest

from imserver_client import ClientLimits, Environment
from tests.client.conftest import Waits
from tests.client.support.fake_server import FakeServer
from tests.js.driver import JsConnecting, Node, connect
from tests.js.stores import play_stores

#: Methods of the stories' classes that another client cannot play: they rest on one turn of the event loop that client and test
#: share, or on parts of the Python client.
NOT_PLAYED = frozenset(
    {
        "test_who_stops_waiting_for_it_has_given_it_up_all_the_same",
        "test_a_post_that_closes_the_connection_twice_fails_and_the_others_pass",
        "test_after_five_such_closes_the_client_stops",
        "test_values_without_messages_are_let_go_and_asked_when_their_message_comes",
        "test_a_feature_hears_of_messages_and_asks_only_where_it_is",
        "test_changes_are_saved_a_moment_later",
        "test_what_waits_for_somebody_is_not_let_go",
    }
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the stories' classes only what plays a client."""
    left_out = {item for item in items if _is_left_out(item)}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


def _is_left_out(item: pytest.Item) -> bool:
    if not item.nodeid.startswith("tests/js/client/") or not isinstance(item, pytest.Function):
        return False
    return not inspect.iscoroutinefunction(item.function) or item.originalname in NOT_PLAYED


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
def played(node: Node, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In the modules that a test comes from, clients are in JavaScript. And no rejection goes unheard."""
    for name, module in list(sys.modules.items()):
        if name.startswith("tests.client.") and hasattr(module, "connect"):
            monkeypatch.setattr(module, "connect", partial(connect, node))
    play_stores(node, monkeypatch)
    yield
    node.at_once("reset")
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
