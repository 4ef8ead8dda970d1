"""A post that closes the connection is given up, and the others pass."""

from __future__ import annotations

import asyncio

import pytest

from imserver_client import (
    CloseCode,
    Stopped,
    Undeliverable,
)
from imserver_protocol import decode_content
from tests.client.support.fake_server import FakeServer
from tests.client.support.messages import posts_of, texts


class TestViolations:
    """Close codes 210-215 (SPEC, "Close codes")."""

    @staticmethod
    def poison(server: FakeServer, *words: str):
        def script(peer, request):
            if request.method == "post" and decode_content(request.params[2])["text"] in words:
                peer.connection.close(CloseCode.MALFORMED, "scripted")
                return True
            return False

        return script

    async def test_a_post_that_closes_the_connection_twice_fails_and_the_others_pass(
        self, server, open_client
    ):
        server.chat.conversation("c", "alice")
        server.chat.conversation("d", "alice")
        server.script = self.poison(server, "2")
        async with open_client(token="alice") as alice:
            done = await asyncio.gather(*posts_of(alice, 5), *posts_of(alice, 2, "d"), return_exceptions=True)
        assert isinstance(done[2], Undeliverable)
        assert done[2].code == CloseCode.MALFORMED
        assert texts(server) == ["0", "1", "3", "4"]
        assert texts(server, "d") == ["0", "1"]
        assert [one.code for one in server.closes[:-1]] == [CloseCode.MALFORMED] * 3

    async def test_after_five_such_closes_the_client_stops(self, server, open_client):
        server.chat.conversation("c", "alice")
        server.script = self.poison(server, "0", "1", "2", "3", "4")
        async with open_client(token="alice") as alice:
            done = await asyncio.gather(*posts_of(alice, 5), return_exceptions=True)
            assert len(server.closes) == 5
            assert any(isinstance(one, Stopped) for one in done)
            with pytest.raises(Stopped):
                await alice.post("c", "fine")

    async def test_posts_are_offered_one_by_one_after_a_violation(self, server, open_client):
        server.chat.conversation("c", "alice")
        at_once: list[int] = []
        async with open_client(token="alice") as alice:

            def script(peer, request):
                if request.method == "post" and len(server.closes) == 0:
                    if server.count("post") == 4:
                        peer.connection.close(CloseCode.SEQ_ORDER, "scripted")
                    return True
                if request.method == "post":
                    at_once.append(len(peer.connection.session.open_requests))
                return False

            server.script = script
            posted = await asyncio.gather(*posts_of(alice, 4))
        assert [one.position for one in posted] == [1, 2, 3, 4]
        assert at_once == [1, 1, 1, 1]
