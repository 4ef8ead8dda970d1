"""Posts reach the server exactly once and in order, whatever happens to connections."""

from __future__ import annotations

import asyncio

import pytest

from imserver_client import (
    MemoryStorage,
    PostSettled,
    Refused,
)
from tests.client.stories.posting import *  # noqa: F403


async def test_a_post_that_is_settled_while_it_is_cancelled_is_still_told(server, open_client):
    class CancelsAtTheLastMoment(MemoryStorage):
        def remove_post(self, key):
            super().remove_post(key)
            asyncio.get_running_loop().call_soon(waiting.cancel)

        def answer_post(self, key, position, step=None):
            super().answer_post(key, position, step)
            asyncio.get_running_loop().call_soon(waiting.cancel)

    server.chat.conversation("c", "alice", "bob")
    async with open_client(token="alice", store=CancelsAtTheLastMoment()) as alice:
        events = alice.events()
        for conversation_id in ("c", "nowhere"):
            waiting = asyncio.create_task(alice.post(conversation_id, "x"))
            with pytest.raises(asyncio.CancelledError):
                await waiting
            async with asyncio.timeout(5):
                while not isinstance(told := await anext(events), PostSettled):
                    pass
            assert told.conversation_id == conversation_id
            assert (told.posted is None) == isinstance(told.error, Refused)
