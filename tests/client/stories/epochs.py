"""The server has another history than before: everything is asked anew."""

from __future__ import annotations

import asyncio

from imserver_client import (
    CloseCode,
    HistoryReplaced,
    State,
)
from tests.client.support.messages import event, take


class TestEpochs:
    async def test_a_restored_server_makes_the_client_forget_positions_but_not_posts(
        self, server, open_client
    ):
        server.chat.conversation("c", "alice", "bob")
        async with open_client(token="alice") as alice:
            events = alice.events()
            for number in range(3):
                server.say("c", "bob", str(number))
            await take(alice, 3)
            server.script = lambda peer, request: request.method == "post"
            post = asyncio.create_task(alice.post("c", "mine"))
            await server.until(lambda: server.count("post") == 1)
            server.chat.restore_backup("epoch-2")
            server.chat.conversation("c", "alice", "bob")
            server.say("c", "bob", "of old", pushed=False)
            server.script = None
            server.forget_sessions()
            server.cut()
            assert await event(events, HistoryReplaced) == HistoryReplaced("c", 0)
            assert (await post).position == 2
            assert await take(alice, 2) == ["c:1:of old", "c:2:mine"]
            assert alice.store_epoch == "epoch-2"

    async def test_what_waited_for_the_connection_is_not_asked_with_the_numbers_of_before(
        self, server, open_client
    ):
        """A sync and a receipt were open when the server went; the one that came back has another history."""
        server.chat.conversation("c", "alice", "bob")
        async with open_client(token="alice") as alice:
            events = alice.events()
            for number in range(3):
                server.say("c", "bob", str(number))
            server.script = lambda peer, request: request.method in ("sync", "cursor")
            await take(alice, 3)
            server.push("alice", "lagging")
            alice.mark_read("c", 3)
            await server.until(lambda: server.count("sync") == 2 and server.count("cursor") == 1)
            server.chat.restore_backup("epoch-2")
            server.chat.conversation("c", "alice", "bob")
            server.forget_sessions()
            server.goodbye(CloseCode.OVERLOADED)
            server.script = None
            assert await event(events, HistoryReplaced) == HistoryReplaced("c", 0)
            await server.until(lambda: server.count("sync") == 3)
            server.say("c", "bob", "of now")
            assert await take(alice, 1) == ["c:1:of now"]
            assert [one.params[0] for one in server.requests if one.method == "sync"][2] is None
            later = [one.params for one in server.requests if one.method == "cursor"][1:]
            assert all(max(delivered or 0, read or 0) <= 1 for _, delivered, read in later), "of this history"
            assert alice.state is State.CONNECTED

    async def test_an_old_file_copied_back_under_the_same_epoch(self, server, open_client):
        server.chat.conversation("c", "alice", "bob")
        async with open_client(token="alice") as alice:
            events = alice.events()
            for number in range(3):
                server.say("c", "bob", str(number))
            await take(alice, 3)
            server.forget_sessions()
            server.cut()
            await server.until(lambda: server.count("sync") == 2)
            server.chat.restore_backup("epoch-1")
            server.chat.conversation("c", "alice", "bob")
            server.forget_sessions()
            server.cut()
            assert await event(events, HistoryReplaced) == HistoryReplaced("c", 0)
            await server.until(lambda: server.count("sync") == 4)
            server.say("c", "bob", "again one")
            assert await take(alice, 1) == ["c:1:again one"]
