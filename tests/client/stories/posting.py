"""Posts reach the server exactly once and in order, whatever happens to connections."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from imserver_client import (
    Abandoned,
    ClientLimits,
    CloseCode,
    Disconnected,
    Environment,
    MemoryStorage,
    Misuse,
    OutboxFull,
    Posted,
    PostSettled,
    RefusalCode,
    Refused,
    Stopped,
    Undeliverable,
    connect,
)
from imserver_client.storage import SavedPost
from imserver_protocol import Limits, decode_content, encode_content
from tests.client.support.fake_server import FakeServer


def texts(server: FakeServer, conversation_id: str = "c") -> list[str]:
    return [
        decode_content(one.content or b"")["text"]
        for one in server.chat.conversations[conversation_id].messages
    ]


def posts_of(client, count: int, conversation_id: str = "c") -> list[asyncio.Task[Posted]]:
    return [asyncio.create_task(client.post(conversation_id, str(number))) for number in range(count)]


async def test_a_post_returns_when_it_is_committed(server, open_client):
    server.chat.conversation("c", "alice", "bob")
    async with open_client(token="alice") as alice:
        posted = await alice.post("c", "hi")
        assert posted == Posted("c", 1, posted.sent_at, posted.key)
        assert alice.outbox() == []
    assert server.chat.conversations["c"].messages[0].key == posted.key


async def test_many_posts_keep_their_order_in_a_small_window(waits):
    async with FakeServer(Limits(max_requests=4)) as server:
        server.chat.conversation("c", "alice")
        server.chat.conversation("d", "alice")
        async with connect(server.url, token="alice", environment=Environment(uniform=waits)) as alice:
            posted = await asyncio.gather(*posts_of(alice, 50), *posts_of(alice, 50, "d"))
        assert [one.position for one in posted] == [*range(1, 51), *range(1, 51)]
        assert texts(server) == texts(server, "d") == [str(number) for number in range(50)]
        assert [one.code for one in server.closes] == [CloseCode.OK]


async def test_a_success_ends_the_growing_of_waits(server, open_client, waits):
    """Who was refused now and then all day long does not wait for half a minute in the evening."""
    server.chat.conversation("c", "alice")

    def refuse_three_of_four(peer, request):
        if request.method != "post" or server.count("post") % 4 == 0:
            return False
        server.refuse(peer, request, RefusalCode.RATE_LIMITED)
        return True

    async with open_client(token="alice") as alice:
        server.script = refuse_three_of_four
        for number in range(3):
            await alice.post("c", str(number))
    assert texts(server) == ["0", "1", "2"]
    assert waits.ranges == [(0.0, 0.5), (0.0, 1.0), (0.0, 2.0)] * 3


async def test_a_cut_in_mid_post_is_resumed_and_posts_once(server, open_client):
    server.chat.conversation("c", "alice")
    unanswered: list[Any] = []

    def commit_without_reply(peer, request):
        if request.method == "post" and len(unanswered) < 3:
            server.chat.commit("c", "alice", *request.params[1:])
            unanswered.append((peer, request))
            return True
        return False

    async with open_client(token="alice") as alice:
        server.script = commit_without_reply
        posts = posts_of(alice, 6)
        await server.until(lambda: server.count("post") == 6)
        server.cut()
        await server.until(lambda: server.resumes == 1)
        for number, (peer, request) in enumerate(unanswered):
            peer.connection.session = server.sessions["alice", alice.device_id]
            server.sessions["alice", alice.device_id].reply(request.seq, [number + 1, 0, False])
        server.step_all()
        posted = await asyncio.gather(*posts)
    assert [one.position for one in posted] == [1, 2, 3, 4, 5, 6]
    assert server.count("post") == 6, "a resumed session replays; nothing is offered again"
    assert texts(server) == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.parametrize("restart", [True, False])
async def test_a_lost_session_offers_undecided_posts_again_in_order(server, open_client, restart):
    server.chat.conversation("c", "alice")

    def half_of_them(peer, request):
        if request.method != "post":
            return False
        if server.count("post") <= 2:
            server.chat.commit("c", "alice", *request.params[1:])
        return True

    async with open_client(token="alice") as alice:
        server.script = half_of_them
        posts = posts_of(alice, 5)
        await server.until(lambda: server.count("post") == 5)
        server.script = None
        if restart:
            server.forget_sessions()
        else:
            server.refuse_resume = True
        server.cut()
        posted = await asyncio.gather(*posts)
        messages = alice.messages()
        seen = [await anext(messages) for _ in range(5)]
    assert texts(server) == ["0", "1", "2", "3", "4"]
    assert [one.position for one in posted] == [1, 2, 3, 4, 5]
    assert [one.text for one in seen] == ["0", "1", "2", "3", "4"]
    assert [one.key for one in seen] == [one.key for one in posted]


async def test_a_duplicate_reply_stands_for_no_position(server, open_client):
    """Another device may have edited the message meanwhile: what it says now is read, not what was sent."""
    server.chat.conversation("c", "alice")

    def commit_edit_and_restart(peer, request):
        if request.method != "post":
            return False
        message, _ = server.chat.commit("c", "alice", *request.params[1:])
        server.script = lambda peer, request: request.method == "post" and answer(peer, request)

        def answer(peer, request):
            message.content, message.revision = encode_content({"type": "text", "text": "edited"}), 2
            server.reply(peer, request, [1, message.sent_at, True])
            return True

        server.forget_sessions()
        peer.cut()
        return True

    async with open_client(token="alice") as alice:
        # Its first sync after the cut must not see the message, so that only the reply can tell of it.
        server.script = commit_edit_and_restart
        sync, server.chat.sync = server.chat.sync, lambda user_id, since, limit: [[], since, False]
        assert (await alice.post("c", "sent")).position == 1
        server.chat.sync = sync
        message = await anext(alice.messages())
        assert (message.text, message.revision) == ("edited", 2)


async def test_ones_own_key_in_a_push_settles_the_post(server, open_client):
    server.chat.conversation("c", "alice")

    def push_without_reply(peer, request):
        if request.method != "post":
            return False
        message, _ = server.chat.commit("c", "alice", *request.params[1:])
        server.push_message("c", message, None)
        return True

    async with open_client(token="alice") as alice:
        server.script = push_without_reply
        assert (await alice.post("c", "hi")).position == 1
        assert alice.outbox() == []
        assert (await anext(alice.messages())).text == "hi"


async def test_never_two_attempts_of_a_key_in_flight(server, open_client):
    server.chat.conversation("c", "alice")
    server.chat.conversation("d", "alice")
    in_flight: set[bytes] = set()
    rounds = 0

    def refuse_sometimes(peer, request):
        nonlocal rounds
        if request.method != "post":
            return False
        key = request.params[1]
        assert key not in in_flight
        rounds += 1
        if rounds % 3 == 0:
            in_flight.add(key)

            def later():
                in_flight.discard(key)
                server.refuse(peer, request, RefusalCode.OVERLOADED)

            asyncio.get_running_loop().call_soon(later)
            return True
        return False

    server.script = refuse_sometimes
    async with open_client(token="alice") as alice:
        await asyncio.gather(*posts_of(alice, 20), *posts_of(alice, 20, "d"))


async def test_a_retryable_refusal_holds_the_conversation_and_keeps_the_order(server, open_client):
    server.chat.conversation("c", "alice")
    server.chat.conversation("d", "alice")
    refused: list[bytes] = []

    def hold(peer, request):
        """As the server does: until the refused key is offered again, later ones are HELD."""
        if request.method != "post" or request.params[0] != "c":
            return False
        key = request.params[1]
        if not refused:
            refused.append(key)
            server.refuse(peer, request, RefusalCode.RATE_LIMITED, 20)
            return True
        if refused == [key]:
            refused.append(key)  # offered again: released
        if len(refused) == 1:
            server.refuse(peer, request, RefusalCode.HELD)
            return True
        return False

    server.script = hold
    async with open_client(token="alice") as alice:
        started = asyncio.get_running_loop().time()
        held = posts_of(alice, 6)
        other = await alice.post("d", "overtakes: another conversation")
        assert not held[0].done()
        assert other.position == 1
        posted = await asyncio.gather(*held)
        # uvloop's clock shows whole milliseconds: 20 of them may look like 19.
        assert asyncio.get_running_loop().time() - started > 0.0185, "retry_after_ms is honoured"
    assert [one.position for one in posted] == [1, 2, 3, 4, 5, 6]
    assert texts(server) == ["0", "1", "2", "3", "4", "5"]


async def test_after_a_hold_one_post_goes_first(server, open_client):
    server.chat.conversation("c", "alice")
    arrivals: list[int] = []

    def limit(peer, request):
        if request.method != "post":
            return False
        arrivals.append(len(peer.connection.session.open_requests))
        if len(arrivals) <= 8:
            server.refuse(peer, request, RefusalCode.RATE_LIMITED)
            return True
        return False

    server.script = limit
    async with open_client(token="alice") as alice:
        await asyncio.gather(*posts_of(alice, 8))
    assert len(arrivals) == 16, "the eight were offered again once each"


async def test_a_final_refusal_is_raised_and_the_next_post_goes_on(server, open_client):
    server.chat.conversation("c", "alice")
    async with open_client(token="alice") as alice:
        with pytest.raises(Refused) as refused:
            await alice.post("elsewhere", "hi")
        assert refused.value.code == RefusalCode.NOT_FOUND
        assert (await alice.post("c", "hi")).position == 1


async def test_the_same_key_is_the_same_message(server, open_client):
    server.chat.conversation("c", "alice")
    key = bytes(16)
    async with open_client(token="alice") as alice:
        first, second = await asyncio.gather(alice.post("c", "hi", key=key), alice.post("c", "hi", key=key))
        assert first == second
        assert await alice.post("c", "hi", key=key) == first
        with pytest.raises(Refused) as refused:
            await alice.post("c", "other", key=key)
        assert refused.value.code == RefusalCode.KEY_REUSED
    assert texts(server) == ["hi"]


async def test_a_cancelled_post_is_still_posted(server, open_client):
    server.chat.conversation("c", "alice")
    requests: list[Any] = []

    def wait(peer, request):
        requests.append((peer, request))
        return request.method == "post"

    async with open_client(token="alice") as alice:
        server.script = wait
        events = alice.events()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await alice.post("c", "hi")
        (queued,) = alice.outbox()
        assert queued.content == {"type": "text", "text": "hi"}
        server.script = None
        peer, request = requests[-1]
        server.answer(peer, request)
        peer.step()
        settled = await anext(events)
        assert isinstance(settled, PostSettled)
        assert settled.key == queued.key
        assert settled.posted is not None
    assert texts(server) == ["hi"]


async def test_closing_waits_for_the_outbox(server, open_client):
    server.chat.conversation("c", "alice")
    async with open_client(token="alice") as alice:
        posts = posts_of(alice, 3)
        await asyncio.sleep(0)
    assert [(await one).position for one in posts] == [1, 2, 3]
    assert server.closes[-1].code == CloseCode.OK


async def test_what_a_client_cannot_send_is_its_callers_mistake(server, open_client):
    server.chat.conversation("c", "alice")
    async with open_client(token="alice", limits=ClientLimits(max_outbox_entries=2)) as alice:
        for content in ({"no": "type"}, {"type": "text", "text": "x" * 40_000}, {"type": "x", "n": 2**60}):
            with pytest.raises(Misuse):
                await alice.post("c", content)
        for content in ({"type": ""}, {"type": "system", "event": "left"}, {"type": "text", "text": 1}):
            # By the server's own rules, before anything is sent.
            with pytest.raises(Misuse, match="content: "):
                await alice.post("c", content)
        assert server.count("post") == 0
        with pytest.raises(Misuse):
            await alice.post("c", "hi", key=b"short")
        with pytest.raises(Misuse):
            await alice.post("", "hi")
        server.script = lambda peer, request: request.method == "post"
        waiting = posts_of(alice, 2)
        await server.until(lambda: server.count("post") == 2)
        with pytest.raises(OutboxFull):
            await alice.post("c", "one too many")
        with pytest.raises(Misuse, match="another"):
            await alice.post("c", "not this", key=alice.outbox()[0].key)
        await alice.close(flush=False)
        await asyncio.gather(*waiting, return_exceptions=True)
    assert server.closes[-1].code == CloseCode.OK


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


async def test_a_fresh_session_does_not_wait_for_the_time_of_the_old_one(server, open_client):
    server.chat.conversation("c", "alice")
    async with open_client(token="alice") as alice:

        def refuse(peer, request):
            if request.method == "post":
                server.refuse(peer, request, RefusalCode.RATE_LIMITED, 600_000)
                return True
            return False

        server.script = refuse
        (post,) = posts_of(alice, 1)
        await server.until(lambda: server.count("post") == 1)
        server.script = None
        server.forget_sessions()
        server.cut()
        async with asyncio.timeout(10):
            await post


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


async def test_an_id_that_no_store_can_keep_is_its_callers_mistake(server, open_client, tmp_path):
    async with open_client(token="alice", store=tmp_path / "store") as alice:
        with pytest.raises(Misuse):
            await alice.post("c\ud800", "x")
        assert alice.outbox() == []
