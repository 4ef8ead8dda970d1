"""A writer on a disk that the test runs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from imserver.chat.units import Unit
from imserver.clock import SystemClock
from imserver.config import StoreConfig
from imserver.errors import StoreFailed
from imserver.store.engine.writer import Writer
from tests.store.support import Recorder, Work


class Disk:
    """Takes batches and finishes them when the test says so."""

    def __init__(self) -> None:
        self.batches: list[list[Unit]] = []
        self.waiting: list[Callable[[StoreFailed | None], None]] = []

    def execute(self, units: Sequence[Unit], done: Callable[[StoreFailed | None], None]) -> None:
        self.batches.append(list(units))
        self.waiting.append(done)

    def finish(self, failure: StoreFailed | None = None) -> None:
        self.waiting.pop(0)(failure)


def writer(disk: Disk, listener: Recorder, **more: Any) -> Writer:
    config = StoreConfig(
        **{name: more.pop(name) for name in list(more) if name in StoreConfig.__struct_fields__}
    )
    more.setdefault("on_failure", pytest.fail)
    clock = more.pop("clock", None) or SystemClock()
    return Writer(disk.execute, listener, config, clock=clock, rng=random.Random(1), **more)


async def turn() -> None:
    """Let what was called soon happen."""
    for _ in range(3):
        await asyncio.sleep(0)


class Sized(Work):
    """A unit that counts so many bytes."""

    __slots__ = ("size_bytes",)

    def __init__(self, size_bytes: int) -> None:
        super().__init__(lambda tx: None)
        self.size_bytes = size_bytes
