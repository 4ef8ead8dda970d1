"""Where demonstrations run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty folder with a short name, as /tmp has: a socket's path may be no longer than about 100 bytes."""
    with tempfile.TemporaryDirectory(prefix="im-") as name:
        yield Path(name)
