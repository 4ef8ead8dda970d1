"""State that is no message, as the client keeps it: told by pushes, rows and pages, asked while shown, kept across restarts."""

from __future__ import annotations

from imserver_client import (
    AboutChanged,
    AccountChanged,
    ClientEvent,
    ItemChanged,
    ItemState,
    SettingsChanged,
)
from imserver_client.core.state import ConversationState
from imserver_protocol import encode_content
from imserver_protocol.methods.state import AboutStands, AccountStands, ItemStands, SettingsStand
from tests.client.stories.states import *  # noqa: F403
from tests.client.support.scripted_states import MINE, STARS, next_of, of, settle

# -- the store ------------------------------------------------------------------------------------------------------------


async def test_a_put_says_how_the_item_stands(server, open_client, state):
    async with open_client(token="alice") as alice:
        events = alice.events()
        await alice.history("c")
        port = alice._core._ports["edits"]
        port.item_stands("c", 2, ItemStands(4, STARS, MINE))
        assert await next_of(events, ItemChanged) == ItemChanged("c", 2, STARS, MINE)
        port.item_stands("c", 2, ItemStands(3, {}, {}))
        assert port.item("c", 2) == ItemState(STARS, MINE)
        assert (of(alice).seen, of(alice).met) == (0, 4)
        assert (port.about("c"), port.settings("c"), port.account(), port.user_id) == ({}, {}, {}, "alice")


async def test_puts_to_all_else_say_how_it_stands_too(server, open_client, state):
    """By their counters: what is older than a push changes nothing, and no answer moves `seen`, which is of items."""
    async with open_client(token="alice") as alice:
        events = alice.events()
        await alice.history("c")
        port = alice._core._ports["edits"]
        port.about_stands("c", AboutStands(4, STARS))
        port.own_stands("c", SettingsStand(2, MINE))
        port.account_stands(AccountStands(3, MINE))
        assert await next_of(events, AboutChanged) == AboutChanged("c", STARS)
        assert await next_of(events, SettingsChanged) == SettingsChanged("c", MINE)
        assert await next_of(events, AccountChanged) == AccountChanged(MINE)
        port.about_stands("c", AboutStands(3, {}))
        port.own_stands("c", SettingsStand(1, {}))
        port.account_stands(AccountStands(2, {}))
        assert (port.about("c"), port.settings("c"), port.account()) == (STARS, MINE, MINE)
        assert (of(alice).seen, of(alice).met) == (0, 4)


async def test_an_event_waits_as_bytes(server, open_client, state):
    """Readers that are slow must not keep the values of maps, which take much room."""
    async with open_client(token="alice") as alice:
        events = alice.events()
        await alice.history("c")
        state.item(1, [2, STARS])
        await settle(alice)
        waiting = [one for one in events._queue if not isinstance(one, ClientEvent)]
        assert len(waiting) == 1
        assert encode_content(STARS) in waiting[0].args


def test_what_a_message_shows_whose_values_went_is_asked():
    state = ConversationState[str](have=3)
    state.message(3)
    state.push_items(1, [(5, "a", None), (7, "b", None)])
    state.forget_unheld()
    state.page(1, [(4, None, None)])
    state.message(4)
    assert not state.due(), "its page told what it shows"
    state.hint(2)
    assert state.ask() == 1
    state.answer([], 2, more=False)
    state.message(5)
    assert state.due(), "what changed since says nothing of it"
    assert state.ask() == 0
    state.answer([(5, 1, "a", None), (7, 1, "b", None)], 2, more=False)
    assert (state.items[5].extra, state.seen, state.due()) == ("a", 2, False)
    state.message(6)
    assert not state.due(), "all is known since it was asked"


def test_an_answer_from_before_values_went_does_not_count():
    state = ConversationState[str](have=3)
    state.message(3)
    state.hint(2)
    assert state.ask() == 0
    state.push_items(3, [(4, "a", None)])
    state.forget_unheld()
    state.message(4)
    assert state.answer([], 3, more=False) == ([], False)
    assert (state.seen, state.due()) == (0, True)
    assert state.ask() == 0
    state.answer([(4, 3, "a", None)], 3, more=False)
    state.message(5)
    assert (state.items[4].extra, state.seen) == ("a", 3)


def test_an_item_above_have_waits_for_its_message():
    state = ConversationState[str](have=3)
    state.push_items(1, [(4, "a", None)])
    state.message(4)
    assert state.items[4].extra == "a"
