"""A store that fails in the middle of posting: every call returns, and no stored entry is lost."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from imserver_client.core.backoff import Backoff
from imserver_client.core.lineage import Lineage
from imserver_client.core.posting import Posting
from imserver_client.core.requests import Requests
from imserver_client.errors import Misuse, StoreError
from imserver_client.events import PostsDelayed
from imserver_client.limits import ClientLimits
from imserver_client.storage import SavedPost
from imserver_client.storage_memory import MemoryStorage
from imserver_protocol import EncodeError, RefusalCode, RefusalReceived

KEY = b"k" * 16


class Around:
    """The rest of a client, that remembers what it was told."""

    may_offer = True

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.failed: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def announce(self, event: Any) -> None:
        self.told.append(event)

    def connection_failed(self, error: Exception) -> None:
        self.failed.set_result(error)


class Wire:
    """Takes a post once; from then on it is too long for the server's frames."""

    room_for_posts = True
    limits = None

    def __init__(self) -> None:
        self.answers: list[Any] = []

    def send(self, method: str, params: tuple[Any, ...], on_answer: Any) -> bool:
        if self.answers:
            raise EncodeError("frame is longer than the server takes")
        self.answers.append(on_answer)
        return True


class BadDisk(MemoryStorage):
    broken = False

    def remove_post(self, key: bytes) -> None:
        if self.broken:
            raise StoreError("disk full")
        super().remove_post(key)


async def test_a_store_that_fails_when_a_hold_ends_stops_the_client_and_keeps_the_post():
    around, wire, storage = Around(), Wire(), BadDisk()
    storage.open()
    storage.add_post(SavedPost("c", KEY, b"\x80"))
    posting = Posting(
        cast("Any", around),
        cast("Requests", wire),
        storage,
        Lineage(),
        ClientLimits(),
        lambda: Backoff(lambda low, high: low, 1.0),
    )
    posting.restore([SavedPost("c", KEY, b"\x80")])
    posting.offer()
    storage.broken = True
    wire.answers[0](RefusalReceived(1, RefusalCode.OVERLOADED, "later", 50, None))
    async with asyncio.timeout(10):
        error = await around.failed
    assert isinstance(error, StoreError)
    [delayed] = around.told
    assert isinstance(delayed, PostsDelayed)
    assert len(posting) == 1
    # In the same process with a disk that works again, as in the next process, it is there to be settled.
    storage.broken = False
    posting.offer()
    [_, settled] = around.told
    assert isinstance(settled.error, Misuse)
    assert len(posting) == 0


async def test_who_asks_when_the_store_fails_hears_of_it():
    posting = Posting(
        cast("Any", Around()),
        cast("Requests", Wire()),
        BadDisk(),
        Lineage(),
        ClientLimits(),
        lambda: Backoff(lambda low, high: low, 1.0),
    )
    posting.end(lambda: StoreError("disk full"))
    with pytest.raises(StoreError):
        await posting.post("c", "hello", None)
