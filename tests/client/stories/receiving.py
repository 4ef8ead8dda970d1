"""The application sees each message once, each conversation in order, and no silent hole."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from imserver_client import (
    CatchUpFailed,
    ClientLimits,
    CloseCode,
    Cursor,
    CursorMoved,
    MemoryStorage,
    RefusalCode,
    State,
    Stopped,
    connect,
)
from imserver_client.features.edits import Edited
from imserver_client.features.typing import Typing
from imserver_protocol import Limits, encode_content
from tests.client.support.fake_server import FakeServer
from tests.client.support.messages import event, take


async def test_messages_of_others_and_own_ones_in_order(server, open_client):
    server.chat.conversation("c", "alice", "bob")
    async with open_client(token="alice") as alice, open_client(token="bob") as bob:
        await alice.post("c", "one")
        await bob.post("c", "two")
        await alice.post("c", "three")
        for client in (alice, bob):
            assert await take(client, 3) == ["c:1:one", "c:2:two", "c:3:three"]
        messages = alice.messages()
        await bob.post("c", "four")
        message = await anext(messages)
        assert (message.own, message.sender_id, message.redelivered, message.revision) == (
            False,
            "bob",
            False,
            1,
        )


async def test_two_devices_of_one_user(server, open_client):
    server.chat.conversation("c", "alice", "bob")
    async with open_client(token="alice", device_id="phone") as phone, open_client(token="alice") as desk:
        assert phone.device_id == "phone"
        await asyncio.gather(*(client.post("c", "x") for client in (phone, desk) for _ in range(10)))
        for client in (phone, desk):
            messages = client.messages()
            seen = [await anext(messages) for _ in range(20)]
            assert [one.position for one in seen] == list(range(1, 21))
            assert all(one.own for one in seen)


async def test_a_hole_in_the_pushes_is_read(server, open_client):
    server.chat.conversation("c", "alice", "bob")
    async with open_client(token="alice") as alice:
        server.say("c", "bob", "1")
        server.say("c", "bob", "2", pushed=False)
        server.say("c", "bob", "3", pushed=False)
        server.say("c", "bob", "4")
        server.say("c", "bob", "5")
        assert await take(alice, 5) == ["c:1:1", "c:2:2", "c:3:3", "c:4:4", "c:5:5"]
        assert server.count("history") == 1


async def test_a_reply_above_the_next_position_makes_the_client_read(server, open_client):
    server.chat.conversation("c", "alice", "bob")
    async with open_client(token="alice") as alice:
        server.say("c", "bob", "1", pushed=False)
        await alice.post("c", "2")
        assert await take(alice, 2) == ["c:1:1", "c:2:2"]


async def test_a_new_device_starts_at_the_heads(server, open_client):
    server.chat.conversation("c", "alice", "bob")
    for number in range(3):
        server.say("c", "bob", str(number))
    async with open_client(token="alice") as alice:
        server.say("c", "bob", "new")
        assert await take(alice, 1) == ["c:4:new"]
        page = await alice.history("c", before=4, limit=2)
        assert [(one.position, one.content) for one in page.items] == [
            (2, {"type": "text", "text": "1"}),
            (3, {"type": "text", "text": "2"}),
        ]
        assert (page.first, page.last, page.head) == (2, 3, 4)


async def test_a_conversation_that_appears_is_followed_from_where_one_joined(server, open_client):
    async with open_client(token="alice") as alice, open_client(token="bob") as bob:
        await bob.post("direct/alice/bob", "hello")
        assert await take(alice, 1) == ["direct/alice/bob:1:hello"]
        assert await take(bob, 1) == ["direct/alice/bob:1:hello"]
        assert alice.direct("bob") == bob.direct("alice") == "direct/alice/bob"
        group = await bob.create_group("team")
        await bob.post(group, "before")
        position = await bob.add_member(group, "alice")
        await bob.post(group, "after")
        assert (await take(alice, 2))[1] == f"{group}:4:after"
        assert position == 3


async def test_many_conversations_that_appear_at_once(server, open_client):
    async with open_client(token="alice", limits=ClientLimits(sync_rows=3)) as alice:
        for number in range(20):
            server.chat.conversation(f"c{number}", "alice", "bob")
            server.say(f"c{number}", "bob", "x")
        assert sorted(await take(alice, 20)) == sorted(f"c{number}:1:x" for number in range(20))


async def test_a_session_that_lagged_catches_up(waits):
    async with FakeServer(Limits(window_frames=4)) as server:
        server.chat.conversation("c", "alice", "bob")
        async with connect(server.url, token="alice") as alice:
            for number in range(1, 31):
                server.say("c", "bob", str(number))
            assert await take(alice, 30) == [f"c:{number}:{number}" for number in range(1, 31)]


async def test_messages_while_away_come_after_the_resume_or_the_sync(server, open_client):
    server.chat.conversation("c", "alice", "bob")
    async with open_client(token="alice") as alice:
        server.cut()
        server.say("c", "bob", "1")
        await server.until(lambda: server.resumes == 1)
        server.forget_sessions()
        server.cut()
        server.say("c", "bob", "2")
        assert await take(alice, 2) == ["c:1:1", "c:2:2"]


async def test_a_full_queue_drops_pushes_and_reads_them_later(server, open_client):
    server.chat.conversation("c", "alice", "bob")
    server.chat.conversation("d", "alice", "bob")
    limits = ClientLimits(max_queued_messages=10, report_every_s=0.01)
    async with open_client(token="alice", limits=limits) as alice:
        for number in range(1, 101):
            server.say("c", "bob", str(number))
            server.say("d", "bob", str(number))
        posted = await alice.post("c", "not kept back by the queue")
        assert posted.position == 101
        session = server.sessions["alice", alice.device_id]
        await server.until(lambda: session.pushes_unacked_frames == 0)
        assert server.count("history") <= 2, "nothing is read while nobody takes"
        seen = await take(alice, 201)
        assert server.count("history") >= 10, "only ten messages wait at a time; the rest is read again"
    for name in "cd":
        positions = [int(one.split(":")[1]) for one in seen if one.startswith(name)]
        assert positions == list(range(1, len(positions) + 1))


async def test_edits_are_told_with_what_the_message_says_now(server, open_client):
    server.chat.conversation("c", "alice", "bob")
    async with open_client(token="alice") as alice, open_client(token="bob") as bob:
        events = bob.events()
        await alice.post("c", "helo")
        edit = await alice.edits.edit("c", 1, "hello", revision=1)
        assert (edit.position, edit.revision) == (2, 2)
        told = await event(events, Edited)
        assert told == Edited("c", 1, 2, {"type": "text", "text": "hello"})
        messages = alice.messages()
        assert (await anext(messages)).text == "helo"
        assert (await anext(messages)).content == {
            "type": "system",
            "event": "edited",
            "target": 1,
            "revision": 2,
        }


async def test_cursors_and_typing(server, open_client):
    server.chat.conversation("c", "alice", "bob")
    async with open_client(token="alice") as alice, open_client(token="bob") as bob:
        events = alice.events()
        await alice.post("c", "1")
        await alice.post("c", "2")
        await take(bob, 2)
        messages = bob.messages()
        reading = asyncio.ensure_future(anext(messages))
        cursors = server.chat.conversations["c"].cursors
        await server.until(lambda: cursors.get("bob") == (2, 0))
        assert "alice" not in cursors, "own messages are not reported as delivered"
        bob.mark_read("c", 1)
        await server.until(lambda: cursors.get("bob") == (2, 1))
        assert await bob.cursor("c", read=2) == Cursor(2, 2)
        server.push("alice", "cursor", "c", "bob", 2, 2)
        assert await event(events, CursorMoved) == CursorMoved("c", "bob", Cursor(2, 2))
        assert alice.cursors("c")["bob"] == Cursor(2, 2)
        server.push("alice", "cursor", "c", "bob", 1, 0)
        server.push("alice", "a kind of next year", 1, 2, 3)
        bob.typing.tell("c")
        await server.until(lambda: len(server.signals) == 1)
        for peer in server.peers:
            peer.connection.signal("typing", "c", "bob")
            peer.connection.signal("of next year")
        server.step_all()
        assert await event(events, Typing) == Typing("c", "bob")
        assert alice.cursors("c")["bob"] == Cursor(2, 2)
        reading.cancel()


async def test_what_retention_removed_is_stepped_over(server, open_client):
    made = server.chat.conversation("c", "alice", "bob")
    async with open_client(token="alice") as alice:
        server.say("c", "bob", "1")
        assert await take(alice, 1) == ["c:1:1"]
        for number in range(2, 7):
            server.say("c", "bob", str(number), pushed=False)
        made.first = 5
        server.say("c", "bob", "7")
        assert await take(alice, 3) == ["c:5:5", "c:6:6", "c:7:7"]


async def test_what_cannot_be_read_is_told_and_does_not_stop_the_rest(server, open_client):
    server.chat.conversation("c", "alice", "bob")
    server.chat.conversation("d", "alice", "bob")
    async with open_client(token="alice") as alice:
        events = alice.events()

        def refuse(peer, request):
            if request.method == "history":
                server.refuse(peer, request, RefusalCode.NOT_FOUND)
                return True
            return False

        server.script = refuse
        server.say("c", "bob", "1", pushed=False)
        server.say("c", "bob", "2")
        failed = await event(events, CatchUpFailed)
        assert (failed.conversation_id, failed.after, failed.known_head) == ("c", 0, 2)
        server.say("d", "bob", "1")
        assert await take(alice, 1) == ["d:1:1"]
        server.script = None
        server.say("c", "bob", "3")
        assert await take(alice, 3) == ["c:1:1", "c:2:2", "c:3:3"]


async def test_a_former_member_gets_everything_up_to_leaving(server, open_client):
    made = server.chat.conversation("c", "alice", "bob")
    async with open_client(token="alice") as alice:
        server.say("c", "bob", "1", pushed=False)
        server.chat.remove("bob", "c", server.chat.new_key(), "alice")
        server.say("c", "bob", "not for alice", pushed=False)
        server.forget_sessions()
        server.cut()
        assert [one[:4] for one in await take(alice, 2)] == ["c:1:", "c:2:"]
        assert made.head == 3


class TestHostileServers:
    @pytest.mark.parametrize(
        ("kind", "fields"),
        [
            ("message", ("c", 0, "bob", 1, b"k", b"\x80")),
            ("message", ("c", 1, 7, 1, b"k", b"\x80")),
            ("message", ("c",)),
            ("cursor", ("c", "bob", -1, 0)),
        ],
    )
    async def test_pushes_of_a_wrong_shape_close_and_the_client_comes_back(
        self, server, open_client, kind, fields
    ):
        server.chat.conversation("c", "alice", "bob")
        async with open_client(token="alice") as alice:
            server.push("alice", kind, *fields)
            await server.until(lambda: len(server.hellos) == 2)
            assert server.closes[0].code == CloseCode.MALFORMED
            server.say("c", "bob", "1")
            assert await take(alice, 1) == ["c:1:1"]

    async def test_answers_of_a_wrong_shape_stop_the_client_after_five(self, server, open_client):
        server.chat.conversation("c", "alice", "bob")

        def nonsense(peer, request):
            if request.method == "history":
                server.reply(peer, request, ["nonsense"])
                return True
            return False

        server.script = nonsense
        async with open_client(token="alice") as alice:
            with pytest.raises(Stopped):
                await alice.history("c")
            assert alice.state is State.STOPPED
            assert len(server.closes) == 5
            with pytest.raises(Stopped):
                await anext(alice.messages())
            with pytest.raises(Stopped):
                async for _ in alice.events():
                    pass

    async def test_spoilt_content_does_not_block_its_conversation(self, server, open_client):
        server.chat.conversation("c", "alice", "bob")
        async with open_client(token="alice") as alice:
            message, _ = server.chat.commit("c", "bob", b"k" * 16, b"\xc1\xc1")
            server.push_message("c", message, None)
            server.say("c", "bob", "2")
            messages = alice.messages()
            assert (await anext(messages)).content is None
            assert (await anext(messages)).text == "2"

    async def test_pages_that_lead_nowhere_are_not_asked_for_for_ever(self, server, open_client):
        server.chat.conversation("c", "alice", "bob")

        def empty(peer, request):
            if request.method == "history":
                server.reply(peer, request, [[], 1, 0, 9])
                return True
            return False

        server.script = empty
        async with open_client(token="alice") as alice:
            events = alice.events()
            server.push("alice", "message", "c", 9, "bob", 1, b"k" * 16, encode_content({"type": "x"}))
            await event(events, CatchUpFailed)
            assert server.count("history") == 1

    async def test_conversations_that_no_sync_explains_are_dropped(self, server, open_client):
        async with open_client(token="alice") as alice:
            for number in range(1500):
                server.push(
                    "alice", "message", f"no-{number}", 1, "bob", 1, b"k" * 16, encode_content({"type": "x"})
                )
            server.chat.conversation("c", "alice", "bob")
            server.say("c", "bob", "1")
            assert await take(alice, 1) == ["c:1:1"]


async def test_reading_calls(server, open_client):
    server.chat.conversation("c", "alice", "bob").title = "the c"
    async with open_client(token="alice") as alice:
        await alice.post("c", "1")
        server.say("c", "bob", "2")
        listed = await alice.conversations()
        assert [(one.conversation_id, one.title, one.unread) for one in listed.conversations] == [
            ("c", "the c", 1)
        ]
        assert listed.conversations[0].last is not None
        assert listed.next is None
        assert {one.user_id: one.role for one in await alice.members("c")} == {
            "alice": "member",
            "bob": "member",
        }
        assert [one.display_name for one in await alice.users(["bob"])] == ["Bob"]
        assert await alice.renew("alice/newer") == 1_800_000_000_000
        position = await alice.remove_member("c", "bob")
        assert await alice.leave("c") == position + 1


async def test_a_call_waits_for_the_connection(server, open_client):
    server.chat.conversation("c", "alice")
    async with open_client(token="alice", store=MemoryStorage()) as alice:
        server.script = lambda peer, request: request.method == "members"
        asked = asyncio.create_task(alice.members("c"))
        await server.until(lambda: server.count("members") == 1)
        server.script = None
        server.forget_sessions()
        server.cut()
        assert [one.user_id for one in await asked] == ["alice"]


async def test_what_moves_while_a_read_fails_is_asked_for_again(server, open_client):
    asked: list[Any] = []

    def script(peer, request):
        if request.method == "history" and not asked:
            asked.append((peer, request))
            return True
        return False

    server.chat.conversation("c", "alice", "bob")
    async with open_client(token="alice") as alice:
        server.script = script
        server.say("c", "bob", "one", pushed=False)
        server.say("c", "bob", "two")
        await server.until(lambda: asked)
        server.say("c", "bob", "three")
        await alice.members("c")  # its reply comes behind that push
        server.refuse(*asked[0], RefusalCode.NOT_FOUND)
        async with asyncio.timeout(5):
            assert await take(alice, 3) == ["c:1:one", "c:2:two", "c:3:three"]
