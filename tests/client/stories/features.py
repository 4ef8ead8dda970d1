"""Features of the client: their writes go one after another, whatever happens to sessions, and a server need not have them."""

from __future__ import annotations

from typing import Any

import pytest

from imserver_client import (
    NotOffered,
    RefusalCode,
)
from imserver_protocol.methods.descriptors import Method, Number, Shape
from tests.client.support.messages import take


class PutParams(Shape, frozen=True):
    conversation_id: str
    position: int
    name: str


class Answer(Shape, frozen=True):
    number: Number


PUT = Method("x-stars.put", PutParams, Answer)


class TestWhatAServerHas:
    async def test_what_it_does_not_name_is_refused_here(self, server, open_client):
        server.features = ("reactions",)
        server.chat.conversation("c", "alice", "bob")
        async with open_client(token="alice") as alice:
            assert alice.server_features == {"reactions"}
            with pytest.raises(NotOffered, match="'typing'") as raised:
                alice.typing.tell("c")
            assert (raised.value.feature, raised.value.code) == ("typing", RefusalCode.UNKNOWN_METHOD)
            with pytest.raises(NotOffered, match="'edits'"):
                await alice.edits.edit("c", 1, "better")
            assert not server.signals
            assert not server.count("edit")

    async def test_what_it_names_it_has(self, server, open_client):
        server.features = ("edits", "typing")
        server.chat.conversation("c", "alice", "bob")
        server.say("c", "alice", "good")
        async with open_client(token="alice") as alice:
            assert (await alice.edits.edit("c", 1, "better")).revision == 2
            alice.typing.tell("c")
            await server.until(lambda: len(server.signals) == 1)

    async def test_a_server_that_says_nothing_may_have_all(self, server, open_client):
        server.chat.conversation("c", "alice", "bob")
        server.say("c", "alice", "good")
        async with open_client(token="alice") as alice:
            assert alice.server_features == frozenset()
            assert (await alice.edits.edit("c", 1, "better")).revision == 2

    async def test_the_next_welcome_counts(self, server, open_client):
        server.features = ("edits",)
        async with open_client(token="alice") as alice:
            with pytest.raises(NotOffered):
                alice.typing.tell("c")
            server.features = ("typing",)
            server.cut()
            await server.until(lambda: server.resumes == 1)
            await alice.conversations()
            alice.typing.tell("c")
            await server.until(lambda: len(server.signals) == 1)

    @pytest.mark.parametrize("offered", [True, False])
    async def test_a_feature_hears_of_messages_and_asks_only_where_it_is(self, server, open_client, offered):
        server.features = ("typing",) if offered else ("edits",)
        server.chat.conversation("c", "alice", "bob")
        async with open_client(token="alice") as alice:
            heard: list[Any] = []
            _events = alice.events()
            port = alice._core._ports["typing"]
            port.on_message(lambda name, content: heard.append((name, content)))
            server.say("c", "bob", "good")
            await take(alice, 1)
            assert len(heard) == offered
            if not offered:
                with pytest.raises(NotOffered, match="'typing'"):
                    await port.call(PUT, PutParams("c", 1, "star"))
                with pytest.raises(NotOffered, match="'typing'"):
                    await port.write(PUT, PutParams("c", 1, "star"))

    async def test_an_event_of_a_feature_that_is_gone_reads_nothing(self, server, open_client):
        server.features = ("typing",)
        server.chat.conversation("c", "alice", "bob")
        server.say("c", "bob", "good")
        async with open_client(token="alice") as alice:
            events = alice.events()
            server.chat.edit("bob", "c", b"e" * 16, 1, None, b"\x80")
            server.push_message("c", server.chat.conversations["c"].messages[-1], None)
            assert (await anext(alice.messages())).position == 2
            await alice.conversations()
            assert server.count("history") == 0
            del events
