"""Who asks early: with the session, while the conversations are still being listed."""

from __future__ import annotations

import asyncio
from functools import partial

from imserver_client import ClientLimits
from imserver_protocol import RequestReceived
from tests.client.support.fake_server import FakeServer, Peer
from tests.js.driver import JsConnecting


async def test_who_is_early_asks_while_the_rest_is_listed_and_posts_behind_it(
    server: FakeServer, open_client: partial[JsConnecting]
):
    for name in ("one", "two", "three"):
        server.chat.conversation(name, "alice", "bob")
        server.say(name, "bob", "hi")
    held: list[tuple[Peer, RequestReceived]] = []

    def script(peer: Peer, request: RequestReceived) -> bool:
        if request.method != "sync" or server.count("sync") == 1 or not held_back:
            return False
        held.append((peer, request))
        return True

    held_back = True
    server.script = script
    one_a_page = ClientLimits(report_every_s=0.01, sync_rows=1)
    async with open_client(token="alice", early=True, limits=one_a_page) as alice:
        page = await alice.history("three")
        assert len(page.items) == 1
        posting = asyncio.ensure_future(alice.post("one", "behind the list"))
        await server.until(lambda: bool(held))
        assert server.count("post") == 0, "where a new device begins must not depend on its own posts"
        held_back = False
        server.answer(*held.pop())
        server.step_all()
        assert (await posting).position == 2


async def test_who_is_not_waits_for_the_whole_list(server: FakeServer, open_client: partial[JsConnecting]):
    for name in ("one", "two", "three"):
        server.chat.conversation(name, "alice", "bob")
    one_a_page = ClientLimits(report_every_s=0.01, sync_rows=1)
    async with open_client(token="alice", limits=one_a_page):
        assert server.count("sync") == 3
