"""Which event loops the tests run on."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

# The server is measured and shipped on uvloop. The protocol and the client must also run inside other people's
# programs, on plain asyncio, so their tests run on both.
BOTH_LOOPS = ("tests/protocol/", "tests/client/")

LOOPS: Mapping[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.SelectorEventLoop,
}


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """A test elsewhere may choose for itself: `@pytest.mark.asyncio(loop_factories=["uvloop", "asyncio"])`."""
    if item.nodeid.startswith(BOTH_LOOPS):
        return LOOPS
    chosen = item.get_closest_marker("asyncio")
    if chosen is not None and chosen.kwargs.get("loop_factories"):
        return LOOPS
    return {"uvloop": LOOPS["uvloop"]}
