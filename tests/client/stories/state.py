"""State that is no message, as pages and rows tell it: the application gets it whole, and no queue of the client keeps it."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import Any

import pytest

from imserver_client import ClientLimits, State
from tests.client.support.hostile import MIB, HostileServer, Line, client_of, item, row

TEAM = "group/" + "0" * 32


def scripted(server: Any, method: str, result: Any) -> None:
    """Answer this method so."""

    def script(peer: Any, request: Any) -> bool:
        if request.method == method:
            server.reply(peer, request, result)
        return bool(request.method == method)

    server.script = script


async def test_a_page_shows_the_state_of_its_messages(server, open_client):
    server.chat.conversation("c", "alice", "bob")
    items = [
        [*item(1), {"x-stars": {"count": 3}}, {"x-stars": True}],
        [*item(2), None, {"x-stars": False}],
        [*item(3), {"x-stars": {}}],
        item(4),
    ]
    async with open_client(token="alice") as alice:
        scripted(server, "history", [items, 1, 4, 4, 17])
        page = await alice.history("c")
        assert page.modseq == 17
        assert [one.extra for one in page.items] == [{"x-stars": {"count": 3}}, {}, {"x-stars": {}}, {}]
        assert [one.mine for one in page.items] == [{"x-stars": True}, {"x-stars": False}, {}, {}]
        scripted(server, "history", [items[3:], 4, 4, 4])
        page = await alice.history("c")
        assert (page.modseq, page.items[0].extra, page.items[0].mine) == (0, {}, {})


async def test_a_list_shows_the_state_of_its_conversations(server, open_client):
    server.chat.conversation("c", "alice", "bob")
    last = [*item(1), {"x-stars": {"count": 3}}]
    rows = [
        ["c", "group", "", 1, 0, last, "member", {"x-pin": 1}, {"x-topic": "lenses"}, 9, TEAM],
        ["d", "group", "", 1, 0, None, "member", None, None, 9],
        ["e", "group", "", 1, 0, None, "member"],
    ]
    async with open_client(token="alice") as alice:
        scripted(server, "conversations", [rows, None])
        found = (await alice.conversations()).conversations
        assert [(one.settings, one.about, one.modseq, one.team) for one in found] == [
            ({"x-pin": 1}, {"x-topic": "lenses"}, 9, TEAM),
            ({}, {}, 9, None),
            ({}, {}, 0, None),
        ]
        assert found[0].last is not None
        assert found[0].last.extra == {"x-stars": {"count": 3}}


async def test_rows_of_sync_may_have_state(server, open_client):
    """And its result an account: nothing of it matters to messages."""
    full = [*row("c", 0, settings={"x-pin": 1}), {"x-topic": "lenses"}, 9, TEAM]

    async def play(line: Line) -> None:
        await line.welcome()
        line.reply(await line.request("sync"), [[full, row("d", 0)], "1", False, {"x-theme": "dark"}])
        line.push("c", 1)  # maybe before the row is taken in: then it is read
        await line.serve(lambda request: [[item(1)], 1, 1, 1] if request[3] == "history" else [0, 0])

    async with HostileServer(play) as hostile, client_of(hostile, lambda low, high: low) as alice:
        assert (await anext(alice.messages())).position == 1


@pytest.mark.parametrize(
    "page",
    [
        [[[*item(1), ["x-stars"]]], 1, 1, 1],
        [[[*item(1), {}, "mine"]], 1, 1, 1],
        [[item(1)], 1, 1, 1, -1],
        [[item(1)], 1, 1, 1, True],
    ],
    ids=["extra is no map", "mine is no map", "a negative modseq", "a modseq that is no number"],
)
async def test_state_of_another_shape_closes(server, open_client, page):
    server.chat.conversation("c", "alice", "bob")
    async with open_client(token="alice") as alice:
        scripted(server, "history", page)
        asked = asyncio.create_task(alice.history("c"))
        await server.until(lambda: bool(server.closes))
        assert server.closes[0].code == 210
        asked.cancel()


async def test_state_waits_in_no_queue(waits):
    """It is 32 KiB on the wire and two megabytes as values, in each of many pages that nobody reads."""
    count = 60
    bomb: dict[str, Any] = {"x-bomb": [[{}] * 8000] * 3}
    over = asyncio.Event()

    def answer(request: list[Any]) -> Any:
        if request[3] != "history":
            return [0, 0]
        position = request[4][1] + 1
        if position == count:
            over.set()
        return [[[*item(position), bomb]], position, position, count]

    async def play(line: Line) -> None:
        await line.enter([row("c", 0)])
        line.push("c", count)
        await line.serve(answer)

    async with HostileServer(play) as server:
        tracemalloc.start()
        try:
            async with client_of(server, waits, limits=ClientLimits()) as alice:
                before, _ = tracemalloc.get_traced_memory()
                async with asyncio.timeout(50):
                    await over.wait()
                    await alice.cursor("c")
                after, _ = tracemalloc.get_traced_memory()
                assert alice.state is State.CONNECTED
                await alice.abort()
        finally:
            tracemalloc.stop()
    assert after - before < 30 * MIB, f"{(after - before) / MIB:.1f} MiB"
