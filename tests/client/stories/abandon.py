"""A post that nobody wants any more: given up before it is sent, while it waits, and when it is stored all the same."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from imserver_client import (
    Abandoned,
    CloseCode,
    Disconnected,
    MemoryStorage,
    RefusalCode,
)
from imserver_client.storage import SavedPost
from imserver_protocol import encode_content
from tests.client.support.messages import posts_of, texts


class TestAbandon:
    async def test_before_it_was_sent(self, server, open_client):
        server.chat.conversation("c", "alice")
        async with open_client(token="alice") as alice:
            server.script = lambda peer, request: True
            server.goodbyes_at_hello = [(CloseCode.OVERLOADED, 60_000)]
            server.cut()
            await server.until(lambda: not server.goodbyes_at_hello)
            (post,) = posts_of(alice, 1)
            await asyncio.sleep(0)
            (queued,) = alice.outbox()
            assert await alice.abandon("c", queued.key) is None
            with pytest.raises(Abandoned):
                await post
        assert server.count("post") == 0

    async def test_while_it_is_held(self, server, open_client):
        server.chat.conversation("c", "alice")
        held: set[bytes] = set()

        def overloaded(peer, request):
            if request.method == "post" and (not held or request.params[1] in held):
                held.add(request.params[1])
                server.refuse(peer, request, RefusalCode.OVERLOADED, 60_000)
                return True
            return False

        server.script = overloaded
        async with open_client(token="alice") as alice:
            (post,) = posts_of(alice, 1)
            await server.until(lambda: server.count("post") == 1)
            (queued,) = alice.outbox()
            assert await alice.abandon("c", queued.key) is None
            with pytest.raises(Abandoned):
                await post
            assert alice.outbox() == []

    async def test_when_it_was_committed_though_the_answer_was_lost(self, server, open_client):
        server.chat.conversation("c", "alice")

        def lose(peer, request):
            if request.method == "post":
                server.chat.commit("c", "alice", *request.params[1:])
                server.script = lambda peer, request: request.method == "post"
                server.forget_sessions()
                peer.cut()
                return True
            return False

        async with open_client(token="alice") as alice:
            server.script = lose
            (post,) = posts_of(alice, 1)
            await server.until(lambda: len(server.hellos) == 2)
            key = server.chat.conversations["c"].messages[0].key
            posted = await alice.abandon("c", key)
            assert posted is not None
            assert posted.position == 1
            assert await post == posted

    async def test_an_answer_that_an_older_copy_made_void_is_asked_for_again(self, server, open_client):
        """It was stored, and is not there any more when its page is asked for."""
        key, asked = b"k" * 16, []

        def script(peer, request):
            asked.append(request.method)
            if request.method == "abandon" and asked.count("abandon") == 1:
                peer.connection.session.reply(request.seq, [1])
            elif request.method == "history":
                server.refuse(peer, request, RefusalCode.EPOCH_CHANGED)
            else:
                return False
            asyncio.get_running_loop().call_soon(peer.step)
            return True

        async with open_client(token="alice") as alice:
            server.chat.conversation("c", "alice")
            server.script = script
            assert await alice.abandon("c", key) is None
        assert [method for method in asked if method in ("abandon", "history")] == [
            "abandon",
            "history",
            "abandon",
        ]

    async def test_what_an_earlier_process_left_is_offered_first(self, server, open_client):
        """Only an answer of this session, or of the one that carries the post out, tells whether it is stored."""
        server.chat.conversation("c", "alice")
        store = MemoryStorage()
        content = encode_content({"type": "text", "text": "x"})
        store.add_post(SavedPost("c", b"a" * 16, content))
        store.add_post(SavedPost("c", b"b" * 16, content))
        refused: list[bytes] = []

        def script(peer, request):
            if request.method == "post" and request.params[1] == b"b" * 16:
                refused.append(request.params[1])
                server.refuse(peer, request, RefusalCode.OVERLOADED, 60_000)
                return True
            return False

        server.script = script
        async with open_client(token="alice", store=store) as alice:
            first = alice.abandon("c", b"a" * 16)
            second = alice.abandon("c", b"b" * 16)
            posted, nothing = await asyncio.gather(first, second)
        assert posted is not None
        assert posted.position == 1
        assert nothing is None
        asked = [(one.method, one.params[1]) for one in server.requests if one.method in ("post", "abandon")]
        for key in (b"a" * 16, b"b" * 16):
            assert asked.index(("post", key)) < asked.index(("abandon", key))
        assert refused == [b"b" * 16]

    async def test_when_the_session_is_lost_before_the_answer_it_is_offered_first_again(
        self, server, open_client
    ):
        server.chat.conversation("c", "alice")
        lost: list[str] = []

        def script(peer, request):
            if lost:
                return False
            if request.method == "post":
                server.refuse(peer, request, RefusalCode.RATE_LIMITED, 60_000)
                return True
            if request.method == "abandon":
                lost.append("session")
                server.forget_sessions()
                peer.cut()
                return True
            return False

        server.script = script
        async with open_client(token="alice") as alice:
            (post,) = posts_of(alice, 1)
            await server.until(lambda: server.count("post") == 1)
            (queued,) = alice.outbox()
            posted = await alice.abandon("c", queued.key)
            assert posted is not None
            assert await post == posted
        asked = [one.method for one in server.requests if one.method in ("post", "abandon")]
        assert asked == ["post", "abandon", "post", "abandon"]

    @pytest.mark.parametrize("patient", [True, False])
    async def test_what_is_behind_it_waits_for_the_answer(self, server, open_client, patient):
        """It was stored at once; then the session ended before the answer, and the post was offered again behind it."""
        server.chat.conversation("c", "alice")
        asked: list[Any] = []

        def script(peer, request):
            if request.method == "post" and server.count("post") <= 2:
                code = RefusalCode.RATE_LIMITED if server.count("post") == 1 else RefusalCode.HELD
                server.refuse(peer, request, code, 100)
                return True
            if request.method == "abandon" and not asked:
                asked.append((peer, request))
                return True
            return False

        server.script = script
        async with open_client(token="alice") as alice:
            posts = posts_of(alice, 2)
            await server.until(lambda: server.count("post") == 2)
            giving_up = asyncio.create_task(alice.abandon("c", alice.outbox()[0].key))
            await server.until(lambda: len(asked) == 1)
            if not patient:
                giving_up.cancel()  # that takes nothing back, so it changes nothing
                with pytest.raises(asyncio.CancelledError):
                    await giving_up
            posts += posts_of(alice, 1)
            await asyncio.sleep(0.2)  # the time of the refusals is over
            await alice.members("c")
            assert server.count("post") == 2
            server.forget_sessions()
            asked[0][0].cut()
            assert [one.position for one in await asyncio.gather(*posts)] == [1, 2, 3]
            if patient:
                posted = await giving_up
                assert posted is not None
                assert posted.position == 1

    async def test_who_stops_waiting_for_it_has_given_it_up_all_the_same(self, server, open_client):
        server.chat.conversation("c", "alice")
        asked: list[Any] = []

        def script(peer, request):
            if request.method == "post" and server.count("post") == 1:
                server.refuse(peer, request, RefusalCode.RATE_LIMITED)
                return True
            if request.method == "abandon":
                asked.append((peer, request))
                return True
            return False

        server.script = script
        async with open_client(token="alice") as alice:
            (post,) = posts_of(alice, 1)
            await server.until(lambda: server.count("post") == 1)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await alice.abandon("c", alice.outbox()[0].key)
            await server.until(lambda: len(asked) == 1)
            server.reply(*asked[0], [None])
            with pytest.raises(Abandoned):
                await post
            await alice.post("c", "next")
        assert texts(server) == ["next"]

    async def test_when_the_client_is_closed_before_the_answer(self, server, open_client):
        server.chat.conversation("c", "alice")

        def script(peer, request):
            if request.method in ("post", "abandon"):
                server.refuse(peer, request, RefusalCode.OVERLOADED, 60_000)
                return True
            return False

        server.script = script
        async with open_client(token="alice") as alice:
            (post,) = posts_of(alice, 1)
            await server.until(lambda: server.count("post") == 1)
            giving_up = asyncio.create_task(alice.abandon("c", alice.outbox()[0].key))
            await server.until(lambda: server.count("abandon") == 1)
            await alice.close(flush=False)
            for waiting in (post, giving_up):
                with pytest.raises(Disconnected):
                    await waiting


async def test_of_two_that_give_a_post_up_one_may_stop_waiting(server, open_client):
    server.chat.conversation("c", "alice", "bob")
    posted: list[Any] = []
    asked: list[Any] = []

    def script(peer, request):
        if request.method == "post" and server.count("post") == 1:
            posted.append((peer, request))
            return True
        if request.method == "abandon":
            asked.append((peer, request))
            return True
        return False

    server.script = script
    key = b"k" * 16
    async with open_client(token="alice") as alice:
        post = asyncio.create_task(alice.post("c", "x", key=key))
        await server.until(lambda: server.count("post") == 1)
        first, second = (asyncio.create_task(alice.abandon("c", key)) for _ in range(2))
        await asyncio.sleep(0)
        server.refuse(*posted[0], RefusalCode.RATE_LIMITED)
        await server.until(lambda: len(asked) == 2)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        # Offered now, it could be committed behind the answer that it is not stored.
        await alice.members("c")
        assert server.count("post") == 1
        server.reply(*asked[1], [None])
        assert await second is None
        with pytest.raises(Abandoned):
            await post
        assert texts(server) == []
