"""Who leaves a team keeps nothing of the conversations that he was in by it, and is told what became of his posts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from imserver_client import (
    CatchUpFailed,
    CloseCode,
    HistoryReplaced,
    MemoryStorage,
    Posted,
    PostSettled,
    PostsGone,
    RefusalCode,
    Refused,
    SqliteStorage,
)
from tests.client.support.messages import event, take
from tests.client.support.team_shop import STAFF, Steps, kept, settled, shop

#: A fixture: it is used by name.
FIXTURES = [shop]


@pytest.mark.usefixtures("shop")
class TestLeaving:
    @pytest.mark.parametrize("pushed", [True, False], ids=["online", "missed"])
    async def test_all_of_the_team_is_forgotten_in_one_step_with_the_token(self, server, open_client, pushed):
        store = Steps()
        async with open_client(token="alice", store=store) as alice:
            server.say("s0", "customer0", "hello")
            assert await take(alice, 1) == ["s0:2:hello"]
            await alice.post("s1", "mine")
            assert {"s0", "s1", "s2", "own", STAFF} <= kept(store)
            server.remove(STAFF, "alice", pushed=pushed)
            if not pushed:
                server.forget_sessions()
                server.cut()
            await server.until(lambda: store.ended)
            await settled(alice)
            # of what moved since the last sync a fresh session asks before, and is told that it is gone
            ended = ["s0", "s1", "s2"] if pushed else ["s2"]
            assert store.ended == [(server.chat.token(server.chat.changes), ended)]
            assert kept(store) == {"own", STAFF}
            if pushed:
                assert store.open().own == {}
            assert alice.cursors("s0") == {}
            # what others did for her stays with others
            server.say("own", "bob", "still here")
            assert await take(alice, 2) == [f"{STAFF}:1:", "own:1:still here"]

    async def test_nobody_is_told_that_a_history_was_replaced(self, server, open_client):
        store = MemoryStorage()
        async with open_client(token="alice", store=store) as alice:
            await alice.post("s1", "mine")
            server.remove(STAFF, "alice")
            await settled(alice)
        async with open_client(token="alice", store=store) as alice:
            events = alice.events()
            await settled(alice)
            server.say("own", "bob", "x")
            await take(alice, 1)
        told = [one async for one in events]
        assert not [one for one in told if isinstance(one, (HistoryReplaced, PostsGone))]

    async def test_queued_posts_end_as_failures_that_are_told(self, server, open_client):
        store = MemoryStorage()
        async with open_client(token="alice", store=store) as alice:
            events = alice.events()
            held: list[Any] = []

            def script(peer: Any, request: Any) -> bool:
                if request.method == "post" and request.params[0] == "s0":
                    held.append((peer, request))
                    return True
                return False

            server.script = script
            waiting = asyncio.ensure_future(alice.post("s0", "one"))
            given_up = asyncio.ensure_future(alice.post("s0", "two"))
            await server.until(lambda: len(held) == 2)
            given_up.cancel()
            server.remove(STAFF, "alice")
            await server.until(lambda: server.count("sync") >= 2)
            for one in held:
                server.refuse(*one, RefusalCode.NOT_FOUND)
            with pytest.raises(Refused) as refused:
                await waiting
            assert refused.value.code == RefusalCode.NOT_FOUND
            told = await event(events, PostSettled)
            assert (told.conversation_id, told.posted, told.error.code) == ("s0", None, RefusalCode.NOT_FOUND)
            assert alice.outbox() == []
            assert isinstance(await alice.post("own", "goes on"), Posted)

    async def test_a_post_that_was_stored_before_keeps_its_answer_and_nothing_is_said_to_be_gone(
        self, server, open_client
    ):
        """Its answer comes behind the row that ends the conversation, and the next session asks about it."""
        store = MemoryStorage()
        async with open_client(token="alice", store=store) as alice:
            events = alice.events()

            def script(peer: Any, request: Any) -> bool:
                if request.method == "post" and request.params[0] == "s0":
                    server.chat.commit("s0", "alice", request.params[1], request.params[2])
                    return True
                return False

            server.script = script
            post = asyncio.ensure_future(alice.post("s0", "mine"))
            await server.until(lambda: server.count("post") == 1)
            server.remove(STAFF, "alice")
            await server.until(lambda: server.count("sync") >= 2)
            await settled(alice)
            # no sync covers the answer before the session ends
            server.script = lambda peer, request: request.method == "sync" and server.count("post") > 1
            server.forget_sessions()
            server.cut()
            assert (await post).position == 2
            server.script = None
            for _ in range(2):
                server.forget_sessions()
                server.cut()
                await settled(alice)
        told = [one async for one in events]
        assert not [one for one in told if isinstance(one, (HistoryReplaced, PostsGone))]

    async def test_the_conversations_that_one_was_added_to_stay(self, server, open_client):
        found = server.chat.conversations["s0"]
        found.roles["alice"], found.joined_at["alice"] = "member", 1
        async with open_client(token="alice") as alice:
            server.remove(STAFF, "alice")
            await settled(alice)
            server.say("s0", "customer0", "to you")
            assert (await take(alice, 2))[1] == "s0:2:to you"

    async def test_who_comes_back_reads_on_from_then(self, server, open_client):
        store = MemoryStorage()
        async with open_client(token="alice", store=store) as alice:
            server.say("s0", "customer0", "1")
            await take(alice, 1)
            server.remove(STAFF, "alice")
            await take(alice, 1)
            await settled(alice)
            server.say("s0", "customer0", "not for her")
            server.add(STAFF, "alice")
            await take(alice, 1)
            await settled(alice)
            server.say("s0", "customer0", "2")
            assert await take(alice, 1) == ["s0:4:2"]
            assert kept(store) >= {"s0", "s1", "s2"}

    async def test_a_kill_before_that_step_begins_it_again(self, server, open_client, tmp_path):
        path = tmp_path / "alice.db"
        async with open_client(token="alice", store=path) as alice:
            server.say("s0", "customer0", "1")
            await take(alice, 1)
            server.script = lambda peer, request: request.method == "sync"
            server.remove(STAFF, "alice")
            await server.until(lambda: server.count("sync") == 2)
            await alice.abort()
        assert "s0" in kept(SqliteStorage(path))
        server.script = None
        async with open_client(token="alice", store=path) as alice:
            await settled(alice)
        assert kept(SqliteStorage(path)) == {"own", STAFF}


@pytest.mark.usefixtures("shop")
class TestNotFound:
    async def test_a_page_that_is_not_found_ends_its_conversation(self, server, open_client):
        store = MemoryStorage()
        async with open_client(token="alice", store=store) as alice:
            events = alice.events()
            server.say("s0", "customer0", "lost in a hole", pushed=False)

            def script(peer: Any, request: Any) -> bool:
                if request.method == "history" and request.params[0] == "s0":
                    server.refuse(peer, request, RefusalCode.NOT_FOUND)
                    return True
                return False

            server.script = script
            server.say("s0", "customer0", "x")
            assert (await event(events, CatchUpFailed)).conversation_id == "s0"
            await settled(alice)
            assert kept(store) == {"s1", "s2", "own", STAFF}
            # it is asked again, not followed to where it was
            server.script = None
            server.say("s0", "customer0", "again")
            assert (await take(alice, 1))[0].startswith("s0:")

    async def test_and_so_does_one_that_the_application_asks_for(self, server, open_client):
        store = MemoryStorage()
        async with open_client(token="alice", store=store) as alice:
            server.remove(STAFF, "alice", pushed=False)
            with pytest.raises(Refused):
                await alice.history("s1")
            assert "s1" not in kept(store)
            assert "s0" in kept(store)

    async def test_what_was_not_found_is_asked_about_in_the_next_process(self, server, open_client):
        """Another copy may have it again, and no `since` of before would tell of it."""
        store = MemoryStorage()
        async with open_client(token="alice", store=store) as alice:
            server.remove(STAFF, "alice", pushed=False)
            with pytest.raises(Refused):
                await alice.history("s1")
            await alice.abort()
        async with open_client(token="alice", store=store):
            asked = [request.params[0] for request in server.requests if request.method == "check"]
            assert [known[0] for known in asked[-1] if known[0]] == ["s1"]


@pytest.mark.usefixtures("shop")
async def test_of_a_team_s_conversations_only_what_was_read_is_reported(server, open_client):
    async with open_client(token="alice") as alice:
        for number in range(3):
            server.say(f"s{number}", f"customer{number}", "hello")
        server.say("own", "bob", "hello")
        await take(alice, 4)
        alice.mark_read("s1", 2)
        server.say("own", "bob", "more")
        await take(alice, 1)
        await server.until(lambda: "alice" in server.chat.conversations["own"].cursors)
        await settled(alice)
        reports = [request.params for request in server.requests if request.method == "cursor"]
        assert [one for one in reports if one[0] != "own"] == [("s1", None, 2)]
        assert any(one[0] == "own" and one[1] for one in reports)


@pytest.mark.parametrize("later", ["made", "gained"])
async def test_a_conversation_begins_where_its_row_says(server, open_client, later):
    staff = server.chat.conversation(STAFF, "boss")
    if later == "made":
        server.chat.add("boss", STAFF, server.chat.new_key(), "alice", "member")
    for number in range(3):
        server.chat.conversation(f"s{number}", "customer", team=staff)
        server.say(f"s{number}", "customer", "old", pushed=False)
    async with open_client(token="alice") as alice:
        if later == "gained":
            server.add(STAFF, "alice")
            await take(alice, 1)
        server.say("s1", "customer", "new")
        assert await take(alice, 1) == ["s1:2:new"]
        await asyncio.sleep(0.05)
        assert server.count("history") == 0 or later == "gained"


@pytest.mark.usefixtures("shop", "calm")
async def test_to_come_and_go_leaves_no_trace(server, open_client):
    store = MemoryStorage()
    async with open_client(token="alice", store=store) as alice:
        for turn in range(10):
            server.say("s0", "customer0", f"{turn}")
            server.remove(STAFF, "alice")
            server.add(STAFF, "alice")
        await settled(alice)
        server.remove(STAFF, "alice")
        await settled(alice)
        assert set(alice._core.inbox) == {"own", STAFF}
        assert kept(store) == {"own", STAFF}
    assert server.closes[-1].code == CloseCode.OK
