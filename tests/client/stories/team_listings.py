"""What the end of a listing says of the conversations that it did not name."""

from __future__ import annotations

from typing import Any

import pytest

from imserver_client import (
    ClientLimits,
    MemoryStorage,
    SqliteStorage,
)
from tests.client.support.fake_server import FakeServer
from tests.client.support.messages import take
from tests.client.support.team_shop import STAFF, Steps, kept, settled, shop

#: A fixture: it is used by name.
FIXTURES = [shop]

#: Each row of sync comes on a page of its own.
ONE_BY_ONE = ClientLimits(sync_rows=1)


@pytest.mark.usefixtures("shop")
class TestTheEndOfTheListing:
    """The row that ends a team says nothing yet of places of one's own, whose rows may come behind it."""

    async def gone_for_a_while(self, server: FakeServer, alice: Any) -> None:
        """Alice's session is lost, and she comes back when this has happened: she left the team, and came to s0 by a row. Her
        token vouches for s0, so that `check` tells nothing of it."""
        server.say("s0", "customer0", "1")
        assert await take(alice, 1) == ["s0:2:1"]
        server.forget_sessions()
        server.cut()
        await settled(alice)
        assert alice._core.lineage.is_quiet("s0")
        server.say("s0", "customer0", "2", pushed=False)
        server.remove(STAFF, "alice", pushed=False)
        server.chat.add("boss", "s0", server.chat.new_key(), "alice", "member")
        server.say("s0", "customer0", "3", pushed=False)
        server.forget_sessions()
        server.cut()

    async def test_a_place_of_one_s_own_that_came_later_keeps_the_conversation(self, server, open_client):
        """Nothing of it is left out, and nothing comes twice."""
        store = Steps()
        async with open_client(token="alice", store=store, limits=ONE_BY_ONE) as alice:
            await self.gone_for_a_while(server, alice)
            told = await take(alice, 4)
            assert [one for one in told if one.startswith("s0")] == ["s0:3:2", "s0:4:", "s0:5:3"]
            await settled(alice)
            assert kept(store) == {"s0", "own", STAFF}
            assert [name for _, names in store.ended for name in names] == ["s1", "s2"]

    @pytest.mark.parametrize("stored", ["in memory", "in a file"])
    async def test_a_kill_in_the_midst_of_the_listing_forgets_not_what_is_to_end(
        self, server, open_client, tmp_path, stored
    ):
        store = MemoryStorage() if stored == "in memory" else tmp_path / "alice.db"
        async with open_client(token="alice", store=store, limits=ONE_BY_ONE) as alice:
            pages: list[Any] = []

            def script(peer: Any, request: Any) -> bool:
                pages.extend([request] if request.method == "sync" else [])
                return len(pages) > 1

            await self.gone_for_a_while(server, alice)
            server.script = script
            await server.until(lambda: len(pages) == 2)
            await alice.abort()
        server.script = None
        async with open_client(token="alice", store=store, limits=ONE_BY_ONE) as alice:
            told = await take(alice, 5)
            again, *new = (one for one in told if one.startswith("s0"))
            assert (again, new) == ("s0:2:1", ["s0:3:2", "s0:4:", "s0:5:3"]), "unfinished when it was killed"
            await settled(alice)
        left = kept(store if isinstance(store, MemoryStorage) else SqliteStorage(store))
        assert left == {"s0", "own", STAFF}

    @pytest.mark.parametrize("back", ["by a row", "by the team"])
    async def test_what_came_while_the_page_was_under_way_is_younger_than_it(self, server, open_client, back):
        """Then the next sync decides."""
        store = Steps()
        async with open_client(token="alice", store=store) as alice:
            server.say("s0", "customer0", "1")
            assert await take(alice, 1) == ["s0:2:1"]
            held: list[Any] = []

            def script(peer: Any, request: Any) -> bool:
                if request.method == "sync" and not held:
                    held.append((peer, request, server.chat.sync("alice", *request.params)))
                    return True
                return False

            server.script = script
            server.remove(STAFF, "alice")
            await server.until(lambda: held)
            assert await take(alice, 1) == [f"{STAFF}:1:"]
            server.add(STAFF if back == "by the team" else "s0", "alice")
            server.say("s0", "customer0", "2")
            here = [f"{STAFF}:2:", "s0:3:2"] if back == "by the team" else ["s0:3:", "s0:4:2"]
            assert await take(alice, 2) == here
            peer, request, page = held[0]
            peer.connection.session.reply(request.seq, page)
            peer.step()
            await server.until(lambda: server.count("sync") == 3)
            await settled(alice)
            server.say("s0", "customer0", "3")
            assert (await take(alice, 1))[0].endswith(":3")
            assert {"s0", "own", STAFF} <= kept(store)
            assert "s0" not in [name for _, names in store.ended for name in names]
            if back == "by a row":
                assert kept(store) == {"s0", "own", STAFF}

    async def test_and_ends_it_if_nobody_said_that_one_is_there(self, server, open_client):
        """What came meanwhile may as well be the last that was said before."""
        store = Steps()
        async with open_client(token="alice", store=store) as alice:
            pages: list[Any] = []

            def script(peer: Any, request: Any) -> bool:
                if request.method == "sync" and not pages:
                    pages.append((peer, request, server.chat.sync("alice", *request.params)))
                    return True
                return False

            server.script = script
            last = server.say("s0", "customer0", "the last for her", pushed=False)
            server.remove(STAFF, "alice")
            await server.until(lambda: pages)
            server.push("alice", "message", "s0", 2, "customer0", last.sent_at, last.key, last.content)
            assert await take(alice, 2) == [f"{STAFF}:1:", "s0:2:the last for her"]
            peer, request, page = pages[0]
            peer.connection.session.reply(request.seq, page)
            peer.step()
            await server.until(lambda: any("s0" in names for _, names in store.ended))
            assert [names for _, names in store.ended] == [["s1", "s2"], ["s0"]]
            await settled(alice)
            assert kept(store) == {"own", STAFF}
            assert server.count("sync") == 3
