"""The application sees each message once, each conversation in order, and no silent hole."""

from __future__ import annotations

import asyncio

import pytest

from imserver_client import (
    Disconnected,
    MemoryStorage,
    StoreError,
)
from tests.client.stories.receiving import *  # noqa: F403
from tests.client.support.messages import take


async def test_one_reader_at_a_time(server, open_client):
    async with open_client(token="alice") as alice:
        first = asyncio.ensure_future(anext(alice.messages()))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="already"):
            await anext(alice.messages())
        await alice.close()
        with pytest.raises(StopAsyncIteration):
            await first
        with pytest.raises(Disconnected):
            await alice.post("c", "too late")


async def test_a_store_that_fails_once_costs_no_message(server, open_client):
    class FullForAMoment(MemoryStorage):
        failures = 0

        def save_progress(self, done, handed, step=None):
            if self.failures:
                self.failures -= 1
                raise StoreError("disk full")
            super().save_progress(done, handed, step)

    store = FullForAMoment()
    server.chat.conversation("c", "alice", "bob")
    async with open_client(token="alice", store=store) as alice:
        for text in ("one", "two", "three"):
            server.say("c", "bob", text)
        messages = alice.messages()
        assert (await anext(messages)).text == "one"
        store.failures = 1
        with pytest.raises(StoreError):
            await anext(messages)
        assert await take(alice, 2) == ["c:2:two", "c:3:three"]
        assert store.open().positions["c"].have == 2
