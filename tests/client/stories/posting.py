"""Posts reach the server exactly once and in order, whatever happens to connections."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from imserver_client import (
    ClientLimits,
    CloseCode,
    Environment,
    Misuse,
    OutboxFull,
    Posted,
    PostSettled,
    RefusalCode,
    Refused,
    connect,
)
from imserver_protocol import Limits, encode_content
from tests.client.support.fake_server import FakeServer
from tests.client.support.messages import posts_of, texts


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


async def test_an_id_that_no_store_can_keep_is_its_callers_mistake(server, open_client, tmp_path):
    async with open_client(token="alice", store=tmp_path / "store") as alice:
        with pytest.raises(Misuse):
            await alice.post("c\ud800", "x")
        assert alice.outbox() == []
