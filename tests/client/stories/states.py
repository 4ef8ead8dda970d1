"""State that is no message, as the client keeps it: told by pushes, rows and pages, asked while shown, kept across restarts."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imserver_client import (
    AboutChanged,
    AccountChanged,
    Client,
    ClientEvent,
    ClientLimits,
    ItemChanged,
    ItemState,
    MemoryStorage,
    RefusalCode,
    SettingsChanged,
    SqliteStorage,
    StoreError,
)
from imserver_client.core.state import ConversationState
from imserver_client.storage import LineageStep, SavedCounted, SavedItem, SavedPosition, SavedState, Storage
from imserver_protocol import RequestReceived
from tests.client.support.fake_server import FakeServer, Peer
from tests.client.support.hostile import item

KEPT = Path(__file__).parents[1] / "kept"
STARS = {"x-stars": 1}
MINE = {"x-stars": True}
PROMPT = ClientLimits(report_every_s=0.01, save_state_every_s=0.01, ask_again_s=0.01)


class Scripted:
    """What this server says of state: `changes`, ends of rows, and pages of one conversation "c" with `count` messages.

    The row of `check` replaces, so what was pushed has to be in `row`, `settings` and `account` before a session ends.
    """

    def __init__(self, server: FakeServer, count: int = 4) -> None:
        self.server = server
        self.row: list[Any] = [None, None]
        self.settings: dict[str, Any] = {}
        self.account: list[Any] = []
        #: Answers to `changes`, and what was asked: a function may answer when it likes.
        self.changes: list[Any] = []
        self.asked: list[Any] = []
        #: Of each position; and the modseq of a page.
        self.state: dict[int, list[Any]] = {}
        self.modseq = 0
        server.chat.conversation("c", "alice", "bob")
        for number in range(count):
            server.say("c", "bob", str(number))
        server.script = self.answer

    def answer(self, peer: Peer, request: RequestReceived) -> bool:
        if request.method == "changes":
            self.asked.append(tuple(request.params[:2]))
            if self.changes:
                answer = self.changes.pop(0)
                if callable(answer):
                    answer(peer, request)
                else:
                    self.server.reply(peer, request, answer)
            return True
        if request.method == "history":
            page = self.server.chat.history("alice", *request.params)
            items = [[*one, *self.state.get(one[0], ())] for one in page[0]]
            self.server.reply(peer, request, [items, *page[1:], self.modseq])
            return True
        if request.method == "sync":
            rows, token, more = self.server.chat.sync("alice", *request.params)
            self.server.reply(peer, request, [[self._whole(row) for row in rows], token, more, *self.account])
            return True
        if request.method == "check":
            answers = self.server.chat.check("alice", *request.params)[0]
            answers = [answer and [*answer[:2], self._whole(answer[2])] for answer in answers]
            self.server.reply(peer, request, [answers, *(self.account or [None, None])])
            return True
        return False

    def _whole(self, row: list[Any]) -> list[Any]:
        """A row of the chat, with its state."""
        return [*row[:9], self.settings, row[10], *self.row] if row[0] == "c" else row

    def touch(self) -> None:
        self.server.chat.touch(self.server.chat.conversations["c"])

    def item(self, modseq: int, *items: Any) -> None:
        self.server.push("alice", "item", "c", modseq, list(items))

    def hint(self, modseq: int) -> None:
        self.server.push("alice", "item", "c", modseq, None)


@pytest.fixture
async def state(server: FakeServer) -> Scripted:
    return Scripted(server)


async def next_of(events: Any, *kinds: type[ClientEvent]) -> Any:
    async with asyncio.timeout(10):
        while True:
            event = await anext(events)
            if isinstance(event, kinds):
                return event


def of(client: Client, name: str = "c") -> ConversationState[bytes]:
    return client._core.states._states[name]


async def settle(client: Client) -> None:
    """Everything that was sent before is here."""
    await client.cursor("c")


class TestPushes:
    async def test_an_item_is_told_and_known(self, server, open_client, state):
        async with open_client(token="alice") as alice:
            events = alice.events()
            await alice.history("c")
            assert alice.item("c", 2) == ItemState({}, {})
            state.item(1, [2, STARS, MINE])
            assert await next_of(events, ItemChanged) == ItemChanged("c", 2, STARS, MINE)
            state.item(2, [2, {"x-stars": 2}], [3, STARS])
            assert await next_of(events, ItemChanged) == ItemChanged("c", 2, {"x-stars": 2}, MINE)
            assert await next_of(events, ItemChanged) == ItemChanged("c", 3, STARS, {})
            state.item(3, [2, {}, {}])
            assert await next_of(events, ItemChanged) == ItemChanged("c", 2, {}, {})
            assert alice.item("c", 2) == ItemState({}, {})
            assert alice.item("c", 3) == ItemState(STARS, {})
            assert alice.item("c", 9) is None
            assert alice.item("nowhere", 1) is None
            assert not state.asked

    async def test_an_older_push_changes_nothing(self, server, open_client, state):
        async with open_client(token="alice") as alice:
            await alice.history("c")
            state.item(5, [2, STARS, {}])
            state.item(4, [2, {}, MINE])
            await settle(alice)
            assert alice.item("c", 2) == ItemState(STARS, {})

    async def test_what_a_conversation_keeps(self, server, open_client, state):
        async with open_client(token="alice") as alice:
            events = alice.events()
            assert (alice.about("c"), alice.settings("c"), alice.account()) == ({}, {}, {})
            server.push("alice", "about", "c", 1, {"x-topic": "lenses"})
            assert await next_of(events, AboutChanged) == AboutChanged("c", {"x-topic": "lenses"})
            server.push("alice", "settings", "c", 4, {"x-pin": 1})
            assert await next_of(events, SettingsChanged) == SettingsChanged("c", {"x-pin": 1})
            server.push("alice", "account", 7, {"x-theme": "dark"})
            assert await next_of(events, AccountChanged) == AccountChanged({"x-theme": "dark"})
            server.push("alice", "about", "c", 1, {})
            server.push("alice", "settings", "c", 3, {})
            server.push("alice", "account", 7, {})
            await settle(alice)
            assert alice.about("c") == {"x-topic": "lenses"}
            assert alice.settings("c") == {"x-pin": 1}
            assert alice.account() == {"x-theme": "dark"}

    async def test_a_push_of_an_unknown_conversation_asks_sync(self, server, open_client, state):
        async with open_client(token="alice"):
            asked = server.count("sync")
            server.push("alice", "item", "new", 1, [[1, STARS]])
            await server.until(lambda: server.count("sync") == asked + 1)


class TestRowsAndPages:
    async def test_rows_tell_what_was_missed(self, server, open_client, state):
        state.row = [{"x-topic": "a"}, 3, None, 2]
        state.account = [{"x-theme": "dark"}, 5]
        async with open_client(token="alice") as alice:
            assert alice.about("c") == {"x-topic": "a"}
            assert alice.account() == {"x-theme": "dark"}
            assert (of(alice).seen, of(alice).top) == (3, 3)
            events = alice.events()
            state.row = [{"x-topic": "b"}, 5, None, 3]
            state.account = [{"x-theme": "light"}, 4]
            state.touch()
            server.push("alice", "lagging")
            assert await next_of(events, AboutChanged) == AboutChanged("c", {"x-topic": "b"})
            await alice.conversations()
            assert (of(alice).seen, of(alice).top, alice.account()) == (5, 5, {"x-theme": "dark"})

    async def test_a_page_older_than_a_push_shows_the_push(self, server, open_client, state):
        state.modseq = 3
        async with open_client(token="alice") as alice:
            await alice.history("c")
            state.item(5, [2, STARS, MINE], [3, STARS])
            await settle(alice)
            state.modseq = 4
            state.state = {2: [{"x-stars": 9}, {}], 4: [{"x-stars": 4}, MINE]}
            page = await alice.history("c")
            assert [(one.extra, one.mine) for one in page.items] == [
                ({}, {}),
                (STARS, MINE),
                (STARS, {}),
                ({"x-stars": 4}, MINE),
            ]
            state.modseq = 6
            page = await alice.history("c")
            assert [one.extra for one in page.items] == [{}, {"x-stars": 9}, {}, {"x-stars": 4}]
            assert alice.item("c", 2) == ItemState({"x-stars": 9}, {})

    async def test_an_old_page_of_new_items_is_asked_for_again(self, server, open_client, state):
        state.row = [{}, 9]
        state.modseq = 7
        async with open_client(token="alice") as alice:
            alice.show("c")
            await alice.history("c")
            assert of(alice).seen == 7
            state.item(10, [2, STARS])
            await server.until(lambda: state.asked == [("c", 7)])

    async def test_a_page_raises_nothing(self, server, open_client, state):
        state.row = [{}, 2]
        state.modseq = 8
        async with open_client(token="alice") as alice:
            await alice.history("c")
            assert (of(alice).seen, of(alice).top, of(alice).met) == (2, 2, 8)

    async def test_messages_that_are_caught_up_bring_their_state(self, server, open_client, state):
        state.row = [{}, 1]
        async with open_client(token="alice") as alice:
            state.modseq, state.state = 3, {5: [STARS, MINE]}
            server.say("c", "bob", "unheard", pushed=False)
            server.say("c", "bob", "heard")
            messages = alice.messages()
            assert [(await anext(messages)).position for _ in range(2)] == [5, 6]
            assert alice.item("c", 5) == ItemState(STARS, MINE)
            assert alice.item("c", 6) == ItemState({}, {})

    async def test_a_conversation_without_state_keeps_nothing(self, server, open_client, state):
        async with open_client(token="alice") as alice:
            await alice.history("c")
            assert alice._core.states._states == {}
            assert alice.item("c", 4) == ItemState({}, {})


class TestAsking:
    async def test_only_what_is_shown_is_asked(self, server, open_client, state):
        state.changes = [[[[2, 5, STARS, MINE], [3, 6, STARS]], 7, False]]
        async with open_client(token="alice") as alice:
            events = alice.events()
            await alice.history("c")
            state.hint(7)
            await settle(alice)
            assert not state.asked
            alice.show("c")
            assert await next_of(events, ItemChanged) == ItemChanged("c", 2, STARS, MINE)
            assert await next_of(events, ItemChanged) == ItemChanged("c", 3, STARS, {})
            assert (of(alice).seen, state.asked) == (7, [("c", 0)])
            alice.hide("c")
            state.hint(9)
            await settle(alice)
            assert len(state.asked) == 1

    async def test_a_hint_next_to_seen_is_asked_too(self, server, open_client, state):
        state.changes = [[[[2, 1, STARS]], 1, False]]
        async with open_client(token="alice") as alice:
            alice.show("c")
            await alice.history("c")
            state.hint(1)
            await server.until(lambda: state.asked == [("c", 0)])

    async def test_pages_of_an_answer_follow_each_other(self, server, open_client, state):
        state.changes = [[[[2, 5, STARS]], 5, True], [[[3, 6, STARS]], 8, False]]
        async with open_client(token="alice") as alice:
            alice.show("c")
            await alice.history("c")
            state.hint(8)
            await server.until(lambda: len(state.asked) == 2)
            await settle(alice)
            assert state.asked == [("c", 0), ("c", 5)]
            assert of(alice).seen == 8

    async def test_one_question_at_a_time(self, server, open_client, state):
        waiting: list[Any] = []
        state.changes = [lambda *asked: waiting.append(asked), [[], 9, False]]
        async with open_client(token="alice") as alice:
            alice.show("c")
            await alice.history("c")
            for modseq in (7, 8, 9):
                state.hint(modseq)
            await server.until(lambda: len(waiting) == 1)
            await settle(alice)
            assert len(state.asked) == 1
            server.reply(*waiting[0], [[], 7, False])
            await server.until(lambda: len(state.asked) == 2)
            assert state.asked == [("c", 0), ("c", 7)]

    @pytest.mark.parametrize("push", [None, ("settings", "c", 1, {"x-mute": True}), ("about", "c", 1, {})])
    async def test_not_found_stops_until_a_push(self, server, open_client, state, push):
        refuse: Callable[..., None] = lambda *asked: server.refuse(*asked, RefusalCode.NOT_FOUND)  # noqa: E731
        state.changes = [refuse, [[], 9, False]]
        async with open_client(token="alice") as alice:
            alice.show("c")
            await alice.history("c")
            state.hint(8)
            await server.until(lambda: len(state.asked) == 1)
            await settle(alice)
            alice.show("c")
            await settle(alice)
            assert len(state.asked) == 1
            if push is None:
                server.say("c", "bob", "welcome back")
            else:
                server.push("alice", *push)
            await server.until(lambda: len(state.asked) == 2)

    async def test_a_push_during_the_question_outlives_its_refusal(self, server, open_client, state):
        waiting: list[Any] = []
        state.changes = [lambda *asked: waiting.append(asked), [[], 9, False]]
        async with open_client(token="alice") as alice:
            alice.show("c")
            await alice.history("c")
            state.hint(8)
            await server.until(lambda: len(waiting) == 1)
            state.hint(9)
            await settle(alice)
            server.refuse(*waiting[0], RefusalCode.NOT_FOUND)
            await server.until(lambda: len(state.asked) == 2)

    async def test_a_server_that_is_behind_is_asked_again_a_little_later(self, server, open_client, state):
        state.changes = [[[], 6, False], [[], 8, False]]
        async with open_client(token="alice", limits=PROMPT) as alice:
            alice.show("c")
            await alice.history("c")
            state.hint(8)
            await server.until(lambda: len(state.asked) == 2)
            assert state.asked == [("c", 0), ("c", 6)]

    async def test_a_lost_session_asks_from_the_beginning(self, server, open_client, state):
        state.changes = [[[[2, 5, STARS]], 5, True], lambda *asked: None, [[[2, 5, STARS]], 8, False]]
        async with open_client(token="alice") as alice:
            alice.show("c")
            await alice.history("c")
            state.hint(8)
            await server.until(lambda: len(state.asked) == 2)
            state.row = [{}, 8]
            server.forget_sessions()
            server.cut()
            await server.until(lambda: len(state.asked) == 3)
            assert state.asked == [("c", 0), ("c", 5), ("c", 0)]
            await settle(alice)
            assert of(alice).seen == 8

    @pytest.mark.parametrize(
        "answer",
        [[[], 0, True], [[], 3, False], [[], 6, True], [[[2, 5, STARS]], 0, True]],
        ids=["more of nothing", "back", "on without rows", "rows and no step on"],
    )
    async def test_an_answer_without_end_closes(self, server, open_client, state, answer):
        state.row = [{}, 5]
        state.modseq = 5
        async with open_client(token="alice") as alice:
            alice.show("c")
            await alice.history("c")
            answer = [answer[0], answer[1] or 5, answer[2]]
            state.changes = [answer]
            state.hint(8)
            await server.until(lambda: bool(server.closes))
            assert server.closes[0].code == 210

    async def test_of_a_new_conversation_nothing_is_asked(self, server, open_client, state):
        """Nothing of it is held: its row says since when everything is known."""
        state.row = [{}, 5]
        state.modseq = 5
        async with open_client(token="alice") as alice:
            alice.show("c")
            await alice.history("c")
            await settle(alice)
            assert (of(alice).seen, state.asked) == (5, [])

    async def test_who_left_keeps_what_the_conversation_showed(self, server, open_client, state):
        """A mere reconnect empties nothing, and announces nothing: a server says nothing of state to who has left."""
        async with open_client(token="alice") as alice:
            await alice.history("c")
            server.push("alice", "about", "c", 1, {"x-topic": "a"})
            state.item(2, [2, STARS, MINE])
            await settle(alice)
            events = alice.events()
            state.row = [None, 2]
            server.chat.remove("bob", "c", b"k" * 16, "alice")
            for sessions in (2, 3):
                server.forget_sessions()
                server.cut()
                await server.until(lambda sessions=sessions: len(server.hellos) == sessions)
                await settle(alice)
                await server.until(lambda: of(alice).former)
                server.push("alice", "settings", "c", sessions, {"x-pin": sessions})
                changed = await next_of(events, ItemChanged, AboutChanged, SettingsChanged)
                assert changed == SettingsChanged("c", {"x-pin": sessions})
                state.row, state.settings = [None, 2, None, sessions], {"x-pin": sessions}
                assert alice.about("c") == {"x-topic": "a"}
                assert alice.item("c", 2) == ItemState(STARS, MINE)

    async def test_who_came_back_is_told_what_changed_meanwhile(self, server, open_client, state):
        """And nothing is emptied before."""
        async with open_client(token="alice") as alice:
            await alice.history("c")
            state.item(2, [2, STARS, MINE], [3, STARS, {}])
            await settle(alice)
            events = alice.events()
            server.chat.remove("bob", "c", b"k" * 16, "alice")
            server.chat.add("bob", "c", b"l" * 16, "alice", "member")
            state.row, state.changes = [{}, 3], [[[[2, 2, STARS, MINE], [3, 3, {}, {}]], 3, False]]
            for message in server.chat.conversations["c"].messages[-2:]:
                server.push_message("c", message, None)
            await settle(alice)
            server.forget_sessions()
            server.cut()
            await server.until(lambda: len(server.hellos) == 2)
            await settle(alice)
            assert alice.item("c", 3) == ItemState(STARS, {})
            alice.show("c")
            assert await next_of(events, ItemChanged) == ItemChanged("c", 3, {}, {})
            assert state.asked == [("c", 0)]
            assert alice.item("c", 2) == ItemState(STARS, MINE)

    async def test_another_history_forgets(self, server, open_client, state):
        async with open_client(token="alice") as alice:
            await alice.history("c")
            state.item(5, [2, STARS, MINE])
            server.push("alice", "account", 3, {"x-theme": "dark"})
            await settle(alice)
            server.chat.restore_backup("epoch-2")
            server.chat.conversation("c", "alice", "bob")
            server.forget_sessions()
            server.cut()
            await server.until(lambda: len(server.hellos) == 2)
            await settle(alice)
            assert (alice.item("c", 2), alice.account()) == (None, {})


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


@pytest.fixture(params=["memory", "sqlite"])
def storage(request, tmp_path):
    return MemoryStorage() if request.param == "memory" else SqliteStorage(tmp_path / "store.db")


def reopened(storage: Storage) -> Any:
    storage.close()
    return storage.open()


class TestStore:
    def test_state_comes_back(self, storage):
        storage.open()
        stars, mine = SavedItem(5, b"\x81", 3, None), SavedItem(6, None, 6, b"\x81")
        whole = SavedState(
            5, 7, 8, True, SavedCounted(4, b"a"), SavedCounted(2, b"s"), ((1, 3), (7, 9)), {1: stars}
        )
        storage.save_sync("1", True, {"c": SavedPosition(3)}, {"c": whole}, SavedCounted(9, b"x"))
        saved = reopened(storage)
        assert saved.states == {"c": whole}
        assert saved.account == SavedCounted(9, b"x")
        storage.save_states(
            {"c": SavedState(6, 7, held=((1, 3),), items={2: mine}), "d": SavedState(1)}, None
        )
        saved = reopened(storage)
        assert saved.states == {
            "c": SavedState(6, 7, held=((1, 3),), items={1: stars, 2: mine}),
            "d": SavedState(1),
        }
        assert (saved.since, saved.account) == ("1", SavedCounted(9, b"x"))
        storage.save_states({"c": SavedState(6, 7, items={1: None})}, None)
        assert reopened(storage).states["c"].items == {2: mine}
        storage.save_states({"c": whole, "d": SavedState(1, 9, 4)}, None)
        storage.forget_since(None, LineageStep(), recount=True)
        saved = reopened(storage)
        counted = SavedState(
            0,
            8,
            8,
            True,
            SavedCounted(0, b"a"),
            SavedCounted(0, b"s"),
            ((1, 3), (7, 9)),
            {1: SavedItem(0, b"\x81", 0, None), 2: SavedItem(0, None, 0, b"\x81")},
        )
        assert saved.states == {"c": counted, "d": SavedState(0, 9, 4)}
        assert (saved.since, saved.account) == (None, SavedCounted(0, b"x"))
        assert saved.positions == {"c": SavedPosition(3)}
        storage.close()

    def test_values_and_seen_are_saved_in_one_step(self, tmp_path):
        storage = SqliteStorage(tmp_path / "store.db")
        storage.open()
        good: Any = {1: SavedItem(1, b"a")}
        storage.save_states({"c": SavedState(1, 1, items=good)}, None)
        bad: Any = {1: SavedItem(2, b"b"), 2: SavedItem(None, None)}  # type: ignore[arg-type]
        with pytest.raises(StoreError):
            storage.save_sync("2", True, {}, {"c": SavedState(2, 2, items=bad)})
        saved = reopened(storage)
        assert (saved.since, saved.states) == (None, {"c": SavedState(1, 1, items=good)})
        storage.close()

    def test_a_file_of_before_opens(self, tmp_path):
        path = tmp_path / "store.db"
        path.write_bytes((KEPT / "store-1.db").read_bytes())
        storage = SqliteStorage(path)
        for _ in range(2):
            saved = storage.open()
            assert (saved.device_id, saved.user_id, saved.store_epoch) == ("phone", "alice", "epoch-1")
            assert saved.positions == {
                "direct/alice/bob": SavedPosition(6, 7, 9),
                "group/1": SavedPosition(0, 0, 0),
            }
            assert [post.key for post in saved.outbox] == [b"1" * 16]
            assert (saved.states, saved.account) == ({}, SavedCounted())
            storage.close()
        storage.open()
        storage.save_states({"group/1": SavedState(1)}, SavedCounted(1, b"x"))
        assert reopened(storage).states == {"group/1": SavedState(1)}
        storage.close()
        with sqlite3.connect(path) as database:
            assert database.execute("PRAGMA user_version").fetchone() == (3,)
        database.close()

    async def test_a_restart_goes_on_where_it_was(self, server, open_client, state, storage):
        async with open_client(token="alice", store=storage, limits=PROMPT) as alice:
            await alice.history("c")
            state.item(1, [2, STARS, MINE])
            server.push("alice", "about", "c", 2, {"x-topic": "lenses"})
            server.push("alice", "settings", "c", 4, {"x-pin": 1})
            server.push("alice", "account", 7, {"x-theme": "dark"})
            await settle(alice)
        state.row, state.settings = [{"x-topic": "lenses"}, 2, None, 4], {"x-pin": 1}
        state.account = [{"x-theme": "dark"}, 7]
        async with open_client(token="alice", store=storage) as again:
            assert again.item("c", 2) == ItemState(STARS, MINE)
            assert again.about("c") == {"x-topic": "lenses"}
            assert again.settings("c") == {"x-pin": 1}
            assert again.account() == {"x-theme": "dark"}
            assert (of(again).seen, of(again).top) == (2, 2)
            state.changes = [[[[2, 3, {}]], 3, False]]
            again.show("c")
            state.hint(3)
            await server.until(lambda: state.asked == [("c", 2)])
            await settle(again)
            assert again.item("c", 2) == ItemState({}, {})

    @pytest.mark.parametrize("killed", [False, True])
    async def test_of_other_features_all_is_told_again(self, server, open_client, state, storage, killed):
        """The same numbers, and other keys: what is held stays until it is told again, and nothing is announced twice."""
        server.features = ("x-stars", "x-topic")
        alice = await open_client(token="alice", store=storage, limits=PROMPT)
        await alice.history("c")
        state.item(1, [2, STARS, MINE], [3, STARS])
        server.push("alice", "about", "c", 2, {"x-topic": "lenses"})
        server.push("alice", "settings", "c", 4, {"x-pin": 1})
        server.push("alice", "account", 7, {"x-theme": "dark"})
        await settle(alice)
        await asyncio.sleep(0.1)
        await (alice.abort() if killed else alice.close())
        asked = server.count("sync")
        server.features = ("x-topic",)
        state.row = [{"x-topic": "lenses"}, 2, None, 4]
        state.account = [{}, 7]
        state.changes = [[[[2, 1, {}], [3, 1, STARS]], 2, False]]
        async with open_client(token="alice", store=storage) as again:
            events = again.events()
            assert server.count("sync") == asked + 1
            [first] = [one.params for one in server.requests if one.method == "sync"][asked:]
            assert first[0] is None, "every row is asked for, also of what did not change"
            assert (again.about("c"), again.settings("c"), again.account()) == ({"x-topic": "lenses"}, {}, {})
            assert again.item("c", 2) == ItemState(STARS, MINE)
            again.show("c")
            await server.until(lambda: state.asked == [("c", 0)])
            assert await next_of(events, ItemChanged) == ItemChanged("c", 2, {}, {})
            await settle(again)
            assert again.item("c", 3) == ItemState(STARS, {})
            assert (of(again).seen, of(again).top) == (2, 2)
            state.item(3, [3, MINE])
            assert await next_of(events, ItemChanged) == ItemChanged("c", 3, MINE, {})
            state.item(4, [3, STARS])
            await settle(again)
        state.row = [{"x-topic": "lenses"}, 4, None, 4]
        async with open_client(token="alice", store=storage) as same:
            assert (of(same).seen, of(same).top) == (4, 4)
            assert server.chat.sync("alice", same._core.catch_up._since, 9)[0] == []

    async def test_a_server_that_comes_back_with_others_is_asked_all(self, server, open_client, state):
        state.modseq, state.state = 4, {2: [STARS]}
        state.row = [{}, 4]
        async with open_client(token="alice") as alice:
            await alice.history("c")
            alice.show("c")
            server.features = ("x-stars",)
            state.changes = [[[[2, 4, {"x-stars": 2}]], 4, False]]
            server.forget_sessions()
            server.cut()
            await server.until(lambda: state.asked == [("c", 0)])
            await settle(alice)
            assert alice.item("c", 2) == ItemState({"x-stars": 2}, {})
            server.forget_sessions()
            server.cut()
            await server.until(lambda: len(server.hellos) == 3)
            await settle(alice)
            assert state.asked == [("c", 0)]

    async def test_a_kill_knows_the_rows_that_its_token_covers(self, server, open_client, state, storage):
        alice = await open_client(token="alice", store=storage)
        await alice.history("c")
        state.row = [{}, 8, None]
        state.touch()
        server.push("alice", "lagging")
        await server.until(lambda: server.count("sync") == 2)
        await settle(alice)
        await alice.abort()
        state.changes = [[[[2, 6, STARS]], 8, False]]
        async with open_client(token="alice", store=storage) as again:
            assert server.chat.sync("alice", again._core.catch_up._since, 9)[0] == []
            again.show("c")
            await server.until(lambda: len(state.asked) == 1)
            await settle(again)
            assert again.item("c", 2) == ItemState(STARS, {})

    async def test_changes_are_saved_a_moment_later(self, server, open_client, state, storage):
        alice = await open_client(token="alice", store=storage, limits=PROMPT)
        await alice.history("c")
        state.item(1, [2, STARS, MINE])
        await settle(alice)
        await asyncio.sleep(0.2)
        assert not alice._core.states._unsaved
        await alice.abort()
        async with open_client(token="alice", store=storage) as again:
            assert again.item("c", 2) == ItemState(STARS, MINE)

    async def test_messages_kept_without_state_are_asked_from_the_beginning(
        self, server, open_client, state, tmp_path
    ):
        path = tmp_path / "store.db"
        storage = SqliteStorage(path)
        storage.open()
        storage.save_identity("phone", "alice", "epoch-1")
        storage.save_sync("0", True, {"c": SavedPosition(3, 3, 4)})
        storage.close()
        state.row = [{}, 9]
        state.changes = [[[[2, 6, STARS]], 9, False]]
        async with open_client(token="alice", store=path, device_id="phone") as alice:
            alice.show("c")
            await server.until(lambda: state.asked == [("c", 0)])
            await settle(alice)
            assert alice.item("c", 2) == ItemState(STARS, {})
            assert of(alice).seen == 9


async def test_items_of_hostile_pages_hold_nothing(server, open_client, state):
    state.state = {2: [{"x": [item(1)] * 50}]}
    state.modseq = 3
    async with open_client(token="alice", limits=ClientLimits(max_state_bytes=10)) as alice:
        await alice.history("c")
        assert alice.item("c", 2) is None
