"""Which event loops the tests run on, and how property tests behave."""

import asyncio
import os
from collections.abc import Callable, Mapping

import hypothesis
import pytest
import uvloop

# A busy machine is no failure of ours: pytest's own timeout is the only clock a property test has to beat. Where CI is
# set the examples are the same in every run, so that a red build can be repeated.
hypothesis.settings.register_profile("house", deadline=None, print_blob=True)
hypothesis.settings.register_profile("house-ci", deadline=None, print_blob=True, derandomize=True)
hypothesis.settings.load_profile("house-ci" if os.environ.get("CI") else "house")

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
