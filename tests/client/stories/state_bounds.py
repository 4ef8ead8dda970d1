"""State is kept within bounds, whatever a server says."""

from __future__ import annotations

import asyncio

import pytest

from imserver_client import (
    ClientLimits,
    ItemState,
)
from tests.client.support.hostile import item
from tests.client.support.scripted_states import STARS, of, settle, state

#: Fixtures: they are used by name.
FIXTURES = [state]


class TestBounds:
    async def test_old_messages_are_let_go(self, server, open_client, state):
        limits = ClientLimits(report_every_s=0.01, max_item_states=4)
        for number in range(20):
            server.say("c", "bob", str(number))
        async with open_client(token="alice", limits=limits) as alice:
            state.modseq = 3
            await alice.history("c")
            assert len(of(alice).items) <= 4
            assert alice.item("c", 24) == ItemState({}, {})
            assert alice.item("c", 1) is None

    async def test_of_many_conversations_the_eldest_goes(self, server, open_client, state):
        limits = ClientLimits(report_every_s=0.01, max_item_states_in_all=6)
        server.chat.conversation("d", "alice", "bob")
        for number in range(4):
            server.say("d", "bob", str(number))
        state.modseq = 3
        async with open_client(token="alice", limits=limits) as alice:
            await alice.history("c")
            await alice.history("d")
            assert alice.item("c", 1) is None
            assert alice.item("d", 1) == ItemState({}, {})

    async def test_values_without_messages_are_let_go_and_asked_when_their_message_comes(
        self, server, open_client, state
    ):
        """A server may push state of messages that it never sends; and of one that comes after all, it tells what it shows."""
        limits = ClientLimits(report_every_s=0.01, max_item_states=4)
        async with open_client(token="alice", limits=limits) as alice:
            await alice.history("c")
            alice.show("c")
            for modseq in range(1, 100):
                state.item(modseq, [4 + modseq, STARS])
            await settle(alice)
            assert len(of(alice).items) <= 4
            state.changes = [[[[5, 1, STARS]], 99, False]]
            server.say("c", "bob", "5")
            await server.until(lambda: len(state.asked) == 1)
            await settle(alice)
            assert state.asked == [("c", 0)]
            assert alice.item("c", 5) == ItemState(STARS, {})
            server.say("c", "bob", "6")
            await settle(alice)
            assert alice.item("c", 6) == ItemState({}, {})
            assert len(state.asked) == 1, "all is known since it was asked"

    async def test_a_page_that_never_comes_keeps_no_values(self, server, open_client, state):
        limits = ClientLimits(report_every_s=0.01, max_item_states=4)
        async with open_client(token="alice", limits=limits) as alice:
            await alice.history("c", after=3)
            server.script = lambda peer, request: request.method == "history" or state.answer(peer, request)
            waiting = asyncio.ensure_future(alice.history("c"))
            await server.until(lambda: server.count("history") == 2)
            for modseq in range(1, 100):
                state.item(modseq, [1 + modseq % 3, STARS], [4 + modseq, STARS])
            await settle(alice)
            assert len(of(alice).items) <= 4
            waiting.cancel()

    async def test_of_all_conversations_together_too(self, server, open_client, state):
        limits = ClientLimits(report_every_s=0.01, max_item_states_in_all=6)
        server.chat.conversation("d", "alice", "bob")
        async with open_client(token="alice", limits=limits) as alice:
            for modseq in range(1, 7):
                state.item(modseq, [4 + modseq, STARS])
                server.push("alice", "item", "d", modseq, [[modseq, STARS]])
            await settle(alice)
            assert len(of(alice).items) + len(of(alice, "d").items) <= 6

    async def test_what_is_too_large_is_a_hint(self, server, open_client, state):
        limits = ClientLimits(report_every_s=0.01, max_state_bytes=100)
        large = {"x-stars": "*" * 200}
        async with open_client(token="alice", limits=limits) as alice:
            await alice.history("c")
            state.item(1, [2, large])
            server.push("alice", "about", "c", 2, large)
            server.push("alice", "settings", "c", 2, large)
            server.push("alice", "account", 2, large)
            await settle(alice)
            assert (of(alice).seen, of(alice).top) == (0, 2)
            assert (alice.about("c"), alice.settings("c"), alice.account()) == ({}, {}, {})
            state.modseq, state.state = 3, {2: [large]}
            page = await alice.history("c")
            assert page.items[1].extra == large
            assert alice.item("c", 2) is None
            assert alice.item("c", 3) == ItemState({}, {})
            state.changes = [[[[3, 4, large]], 4, False]]
            alice.show("c")
            state.hint(4)
            await server.until(lambda: len(state.asked) == 1)
            await settle(alice)
            assert alice.item("c", 3) is None

    async def test_settings_without_end_close(self, server, open_client, state):
        limits = ClientLimits(report_every_s=0.01, max_settings_bytes=50)
        async with open_client(token="alice", limits=limits):
            server.push("alice", "about", "c", 1, {"x-topic": "a" * 100})
            await server.until(lambda: bool(server.closes))

    async def test_pages_here_and_there(self, server, open_client, state):
        limits = ClientLimits(report_every_s=0.01, max_ranges_held=2)
        state.row = [{}, 1]
        state.modseq = 1
        for number in range(8):
            server.say("c", "bob", str(number))
        async with open_client(token="alice", limits=limits) as alice:
            for before in (3, 7, 11):
                await alice.history("c", before=before, limit=1)
            assert of(alice).held.pairs() == [(6, 6), (10, 10)]
            assert alice.item("c", 2) is None


@pytest.mark.parametrize(
    "push",
    [
        ("item", "c", 1),
        ("item", "c", -1, []),
        ("item", "c", 1, [[0, {}]]),
        ("item", "c", 1, [[1]]),
        ("item", "c", 1, [[1, None]]),
        ("item", "c", 1, [[1, {}, 7]]),
        ("about", "c", 1, None),
        ("settings", "c", 1.5, {}),
        ("account", 1),
    ],
    ids=repr,
)
async def test_a_push_of_another_shape_closes(server, open_client, state, push):
    async with open_client(token="alice"):
        server.push("alice", *push)
        await server.until(lambda: bool(server.closes))
        assert server.closes[0].code == 210


async def test_items_of_hostile_pages_hold_nothing(server, open_client, state):
    state.state = {2: [{"x": [item(1)] * 50}]}
    state.modseq = 3
    async with open_client(token="alice", limits=ClientLimits(max_state_bytes=10)) as alice:
        await alice.history("c")
        assert alice.item("c", 2) is None
