"""A client of very many conversations follows some of them at a time, for ever: each message comes once all the same."""

from __future__ import annotations

from imserver_client.core.inbox import Inbox
from imserver_protocol.methods.sync import SyncRow
from tests.client.stories.window import *  # noqa: F403
from tests.client.stories.window import MANY, SMALL, calm, followed, world


async def test_of_who_read_how_far_nothing_is_kept_where_nothing_is_followed(server, open_client):
    for number in range(MANY):
        server.chat.conversation(f"c{number}", "bob", "alice")
        server.say(f"c{number}", "bob", "old", pushed=False)
        server.chat.conversations[f"c{number}"].cursors["bob"] = (1, 1)
    async with open_client(token="alice", limits=SMALL) as alice:
        await calm(alice, server)
        inbox, cursors = alice._core.inbox, alice._core.cursors
        known = {name for number in range(MANY) if cursors.of(name := f"c{number}")}
        assert known
        assert known <= set(inbox)


async def test_who_is_followed_again_with_all_goes_on_where_it_is(server, open_client):
    """What waits in the queue is not stored as done: what the store knows of it is older than what this client does."""
    world(server, "own")
    async with open_client(token="alice", limits=SMALL) as alice:
        core, messages = alice._core, alice.messages()
        server.say("c0", "bob", "new")
        assert (await anext(messages)).conversation_id == "c0"
        await alice.users(["bob"])
        before = {name: core.inbox.get(name).have for name in core.inbox}
        assert before["c0"] == 3
        core.window.recall()
        assert followed(alice) > MANY
        assert {name: core.inbox.get(name).have for name in before} == before


def a_row(name: str, head: int = 0) -> SyncRow:
    return SyncRow(name, "group", "", head, 1, None, "member", 0, 0, {}, ())


def test_those_go_first_that_were_listed_longest_ago() -> None:
    inbox = Inbox(4, max_unknown=2)
    inbox.apply([a_row(name) for name in "abcde"], first_sync=True)
    inbox.apply([a_row("b"), a_row("a")], first_sync=False)
    assert inbox.crowded(listed=True)
    assert list(inbox.quiet()) == ["c", "d", "e", "b", "a"]
    assert inbox.surplus == 1
    inbox.let_go(["c"])
    assert not inbox.crowded(listed=True)
    assert list(inbox) == ["d", "e", "b", "a"]


def test_where_nothing_can_go_it_is_not_looked_for_with_every_row() -> None:
    inbox = Inbox(100, max_unknown=2)
    inbox.apply([a_row(f"{number}") for number in range(101)], first_sync=True)
    assert inbox.crowded(listed=False)
    inbox.let_go([])
    assert not inbox.crowded(listed=False)
    inbox.apply([a_row(f"more {number}") for number in range(6)], first_sync=True)
    assert not inbox.crowded(listed=False)
    inbox.apply([a_row("and one")], first_sync=True)
    assert inbox.crowded(listed=False)
