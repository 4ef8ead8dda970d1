"""State that is no message, as the client keeps it: told by pushes, rows and pages, asked while shown, kept across restarts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from imserver_client import (
    AboutChanged,
    AccountChanged,
    ItemChanged,
    ItemState,
    RefusalCode,
    SettingsChanged,
)
from tests.client.support.scripted_states import MINE, PROMPT, STARS, next_of, of, settle, state

#: Fixtures: they are used by name.
FIXTURES = [state]


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
