"""One Node process plays the JavaScript client for all tests of a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .driver import Node


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    node = Node()
    yield node
    node.close()
