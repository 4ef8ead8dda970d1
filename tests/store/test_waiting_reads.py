"""Reads that wait are bounded over all readers, and each gives its place back: answered, refused, raised or given up."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from imserver.chat.reader import Reader
from imserver.config import StoreConfig
from imserver.errors import Refusal, RefusalCode
from imserver.store import SqliteStore
from imserver.store.sqlite import store as sqlite
from tests.store.support import Recorder, refusal_of

BOUND = 5


@pytest.mark.parametrize("readers", [1, 2, 3])
async def test_the_bound_is_of_all_readers_together_and_is_whole_again_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, readers: int
) -> None:
    monkeypatch.setattr(sqlite, "MAX_WAITING_READS", BOUND)
    store = SqliteStore(StoreConfig(path=str(tmp_path / "chat.db"), readers=readers))
    await store.open(Recorder())

    def refuses(reader: Reader) -> int:
        raise Refusal(RefusalCode.NOT_FOUND, "nothing there")

    def breaks(reader: Reader) -> int:
        raise ValueError("a fault of the query")

    for _ in range(3):  # a place that is not given back is missing in the next round
        goes_on = threading.Event()

        def waits(reader: Reader, goes_on: threading.Event = goes_on) -> int:
            goes_on.wait(20)
            return reader.head_change()

        queries = (waits, waits, refuses, breaks, waits)
        waiting = [asyncio.ensure_future(store.read(query)) for query in queries]
        blocked = [asyncio.ensure_future(store.read(waits)) for _ in range(3)]
        done, _ = await asyncio.wait(blocked, timeout=20)
        assert done == {*blocked}, "more reads wait than may"
        for read in blocked:
            error = read.exception()
            assert isinstance(error, Refusal)
            assert error.code is RefusalCode.OVERLOADED
            assert error.retry_after_ms > 0
        waiting[-1].cancel()
        goes_on.set()
        told = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(one) for one in told] == [int, int, Refusal, ValueError, asyncio.CancelledError]
    assert await store.read(lambda reader: reader.head_change()) == 0
    assert await refusal_of(store.read(refuses)) is RefusalCode.NOT_FOUND
    await store.close()
