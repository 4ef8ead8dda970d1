"""A client of very many conversations follows some of them at a time, for ever: each message comes once all the same."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from imserver_client import CatchUpFailed, ClientLimits, HistoryReplaced, MemoryStorage, SqliteStorage
from imserver_client.storage import SavedPosition
from tests.client.support.fake_server import FakeServer
from tests.client.support.hostile import HostileServer, Line, client_of, row
from tests.client.support.messages import event, take

STAFF = "group/staff"
#: Conversations, and how many of them are followed.
MANY, FEW = 50, 25
SMALL = ClientLimits(report_every_s=0.01, max_conversations=FEW, sync_rows=7)


def world(server: FakeServer, kind: str) -> None:
    """Fifty conversations of Alice's, by a team, of her own, or some of each; two messages in each."""
    staff = server.chat.conversation(STAFF, "boss", "alice")
    for number in range(MANY):
        by_team = kind == "team" or (kind == "both" and number % 2 == 0)
        if by_team:
            server.chat.conversation(f"c{number}", "bob", team=staff)
        else:
            server.chat.conversation(f"c{number}", "bob", "alice")
        for text in ("old", "older"):
            server.say(f"c{number}", "bob", text, pushed=False)


def followed(client: Any) -> int:
    return len(client._core.inbox)


async def calm(client: Any, server: FakeServer) -> None:
    """Everything is read, and a sync has vouched for it."""
    await client.users(["bob"])
    await asyncio.sleep(0.02)
    client._core.want_sync()
    await asyncio.sleep(0.02)
    await client.users(["bob"])


@pytest.mark.parametrize("kind", ["team", "own", "both"])
class TestWindow:
    async def test_who_has_very_many_gets_in_and_hears_of_each(self, server, open_client, kind):
        world(server, kind)
        async with open_client(token="alice", limits=SMALL) as alice:
            assert followed(alice) <= FEW
            for number in range(MANY):
                server.say(f"c{number}", "bob", "new")
                assert await take(alice, 1) == [f"c{number}:3:new"]
                assert followed(alice) <= 2 * FEW
                if number % 5 == 4:
                    await calm(alice, server)
                    assert followed(alice) <= FEW
            assert server.count("history") <= MANY
        assert len(server.hellos) == 1

    @pytest.mark.parametrize("seed", range(2))
    async def test_each_message_comes_once_and_in_order_whatever_is_let_go(
        self, server, open_client, kind, seed
    ):
        """Through pushes that are lost, fresh sessions and restarts of the process."""
        dice = random.Random(f"{kind} {seed} {server.later}")
        world(server, kind)
        store = MemoryStorage()
        said: dict[str, list[str]] = {}
        heard: dict[str, list[str]] = {}
        for life in range(3):
            async with open_client(token="alice", limits=SMALL, store=store) as alice:
                for turn in range(40):
                    name = f"c{dice.randrange(MANY)}"
                    text = f"{life}.{turn}"
                    server.say(name, "bob", text, pushed=dice.random() < 0.7)
                    said.setdefault(name, []).append(text)
                    if dice.random() < 0.1:
                        server.forget_sessions()
                        server.cut()
                    elif dice.random() < 0.2:
                        await calm(alice, server)
                alice._core.want_sync()
                messages = alice.messages()
                missing = sum(map(len, said.values())) - sum(map(len, heard.values()))
                for _ in range(missing):
                    message = await anext(messages)
                    heard.setdefault(message.conversation_id, []).append(message.text)
                    message.done()
                assert heard == said
                await calm(alice, server)
                assert followed(alice) <= FEW + 1
                assert store.places().keys() >= set(said) or kind != "own"

    async def test_what_waits_for_somebody_is_not_let_go(self, server, open_client, kind):
        world(server, kind)
        async with open_client(token="alice", limits=SMALL) as alice:
            core = alice._core
            assert core.inbox.get("c0") is None
            server.say("c5", "bob", "new")
            assert await take(alice, 1) == ["c5:3:new"]
            alice.show("c5")
            server.script = lambda peer, request: request.method == "post"
            for name in ("c0", "c1", "c2"):
                server.say(name, "bob", "new")
            first = await anext(alice.messages())
            assert first.conversation_id == "c0"
            alice.show("c1")  # c0 is in hand, c1 is shown as well, c2 is in the queue, and c5 is but shown
            server.say("c3", "bob", "new")
            post = asyncio.ensure_future(alice.post("c4", "waits"))
            server.say("c4", "bob", "new")
            for number in range(6, MANY):
                server.chat.touch(server.chat.conversations[f"c{number}"])
            await calm(alice, server)
            await calm(alice, server)
            assert {"c0", "c1", "c2", "c3", "c4", "c5"} <= set(core.inbox)
            assert followed(alice) <= 2 * FEW
            post.cancel()
            await alice.close(flush=False)


async def test_of_a_conversation_at_rest_positions_stay_in_the_store_and_of_one_by_a_team_nothing(
    server, open_client, tmp_path
):
    world(server, "both")
    path = tmp_path / "alice.db"
    async with open_client(token="alice", limits=SMALL, store=path) as alice:
        await calm(alice, server)
    store = SqliteStorage(path)
    saved = store.open()
    store.close()
    own = {f"c{number}" for number in range(1, MANY, 2)}
    assert own <= set(saved.positions)
    assert all(saved.positions[name] == SavedPosition(2, 0, 2) for name in own)
    assert len(set(saved.positions) - own) <= FEW


async def test_an_older_copy_is_noticed_in_conversations_at_rest(server, open_client):
    """All that are at rest are asked about, too."""
    for number in range(MANY):
        server.chat.conversation(f"c{number}", "bob", "alice")
    async with open_client(token="alice", limits=SMALL) as alice:
        events = alice.events()
        for number in range(MANY):
            server.say(f"c{number}", "bob", "1")
            await take(alice, 1)
        await alice.users(["bob"])
        await calm(alice, server)
        assert followed(alice) <= FEW + 1
        chat = server.chat
        kept = dict(chat.conversations)
        chat.restore_backup("epoch-2")
        chat.conversations = kept
        for found in kept.values():
            found.messages.clear()
            chat.touch(found)
        server.forget_sessions()
        server.cut()
        replaced = {(await event(events, HistoryReplaced)).conversation_id for _ in range(MANY)}
        assert replaced == set(kept)
        server.say("c7", "bob", "another history")
        assert await take(alice, 1) == ["c7:1:another history"]
        await calm(alice, server)
        assert followed(alice) <= FEW + 1


async def test_a_list_without_end_ends_no_client(waits):
    """Every row is new and has something to read: the client is there for what it follows, and keeps its bound."""
    numbers = iter(range(10**9))
    begun = asyncio.Event()

    async def play(line: Line) -> None:
        await line.welcome()
        line.reply(await line.request("sync"), [[row("friend", 0)], "1", False])

        def answer(request: list[Any]) -> Any:
            if request[3] == "sync":
                number = next(numbers)
                if number < 100:
                    return [[row(f"c{number}.{n}", 5) for n in range(10)], f"{number}", True]
                begun.set()
                return None
            if request[3] == "members":
                return [["alice", "member"]]
            return None  # no page is ever answered

        line.push("unknown", 1)
        await line.serve(answer)

    limits = ClientLimits(max_conversations=50, sync_rows=10)
    async with HostileServer(play) as server, client_of(server, waits, limits=limits) as alice:
        events = alice.events()
        await begun.wait()
        assert len(alice._core.inbox) <= 100
        told = await event(events, CatchUpFailed)
        assert (told.after, told.known_head) == (0, 5)
        assert len(await alice.members("friend")) == 1
        assert server.lines == 1


async def test_places_of_conversations_at_rest_have_a_bound(server, open_client):
    world(server, "own")
    limits = ClientLimits(max_conversations=FEW, max_conversations_at_rest=10, sync_rows=7)
    store = MemoryStorage()
    async with open_client(token="alice", limits=limits, store=store) as alice:
        assert len(store.places()) <= 10 + 2 * FEW
        assert followed(alice) <= 2 * FEW
        server.say(f"c{MANY - 1}", "bob", "new")
        assert (await alice.history(f"c{MANY - 1}")).head == 3


async def test_by_a_team_nothing_is_let_go_within_a_listing(server, open_client):
    """The first sync begins at heads: what came to one that was let go, and is listed again, would never be read."""
    staff = server.chat.conversation(STAFF, "boss", "alice")
    for number in range(20):
        server.chat.conversation(f"c{number}", "bob", team=staff)
    texts: list[str] = []

    def script(peer: Any, request: Any) -> bool:
        if request.method == "sync" and server.count("sync") > 5 and len(texts) < 3:
            texts.append(f"{len(texts)}")
            server.say("c0", "bob", texts[-1])
        return False

    server.script = script
    limits = ClientLimits(max_conversations=12, sync_rows=3)
    async with open_client(token="alice", limits=limits) as alice:
        assert followed(alice) <= 12
        assert await take(alice, 3) == ["c0:1:0", "c0:2:1", "c0:3:2"]
