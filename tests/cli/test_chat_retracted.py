"""The chat shows no message that was taken back: not on the screen, in the list or in the history, nor one on its way there."""

from __future__ import annotations

import itertools
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from imserver import Server
from imserver.cli.chat.places import MAX_REMEMBERED, Place
from imserver_client import Item, direct_conversation_id
from tests.store.support import key, take_back
from tests.support.servers import People, people, running

from .people import Chatting, chatting

AB = direct_conversation_id("alice", "bob")
CARD = {"type": "card", "title": "When?", "actions": [{"label": "three", "command": "/book 15:00"}]}


@pytest.fixture
async def stack():
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def server(tmp_path: Path, stack: AsyncExitStack) -> Server:
    return await stack.enter_async_context(running(tmp_path, users="alice bob carol"))


@pytest.fixture
async def enter(server: Server, stack: AsyncExitStack) -> People:
    return await stack.enter_async_context(people(server))


numbers = itertools.count(900)


async def retract(server: Server, position: int, by: str = "bob", place: str = AB) -> None:
    """As a plugin does it."""
    await server.store.write(lambda tx: take_back(tx, place, by, key(next(numbers)), position))


async def chat(stack: AsyncExitStack, enter: People, name: str, opens: str = "") -> Chatting:
    return await stack.enter_async_context(chatting(await enter(name), opens))


async def test_what_is_on_the_screen_is_shown_as_taken_back(
    server: Server, enter: People, stack: AsyncExitStack
) -> None:
    bob = await enter("bob")
    alice = await chat(stack, enter, "alice", "bob")
    posted = await bob.post(AB, "never say so")
    await alice.says("never say so")
    await retract(server, posted.position)
    assert (await alice.says("message taken back")).endswith("Bob: message taken back")
    assert not [line for line in alice.paper.lines if "took back message" in line]

    before = len(alice.paper.lines)
    await alice.type("/history", "/list")
    later = alice.paper.lines[before:]
    assert [line for line in later if line.endswith("Bob: message taken back")]
    assert [line for line in later if "Bob" in line and "1 " in line and line.endswith("message taken back")]
    assert not [line for line in later if "never say so" in line or "(changed)" in line]


async def test_who_took_back_the_words_of_another_is_named(
    server: Server, enter: People, stack: AsyncExitStack
) -> None:
    carol = await enter("carol")
    group = await carol.create_group("Team", ["alice", "bob"])
    bob = await enter("bob")
    posted = await bob.post(group, "never say so")
    alice = await chat(stack, enter, "alice", "Team")
    await alice.says("never say so")
    await retract(server, posted.position, "carol", group)
    assert (await alice.says("message taken back")).endswith("Bob: message taken back by Carol")


async def test_the_buttons_of_a_card_go_with_it(server: Server, enter: People, stack: AsyncExitStack) -> None:
    bob = await enter("bob")
    alice = await chat(stack, enter, "alice", "bob")
    posted = await bob.post(AB, CARD)
    await alice.says("[1] three")
    await retract(server, posted.position)
    await alice.says("message taken back")
    await alice.type("1")
    await alice.says("you: 1")


async def test_elsewhere_it_is_nobodys_business_and_counts_until_it_is_read(
    server: Server, enter: People, stack: AsyncExitStack
) -> None:
    carol = await enter("carol")
    alice = await chat(stack, enter, "alice", "bob")
    there = carol.direct("alice")
    posted = await carol.post(there, "psst")
    await alice.says("psst")
    await retract(server, posted.position, "carol", there)
    await carol.post(there, "the end")
    await alice.type("/list")
    await alice.says("2 unread")
    assert not [line for line in alice.paper.lines if "message taken back" in line]
    await alice.type("/open carol")
    await alice.says("Carol: message taken back")


def item(position: int, revision: int = 1) -> Item:
    return Item("c", position, "bob", 0, b"k" * 16, {"type": "text", "text": "hi"}, revision)


def test_a_page_that_is_too_old_shows_the_tombstone() -> None:
    place = Place("c", "alice", "C")
    assert not place.taken_back(3, 2), "it was not on the screen"
    assert (place.as_now(item(3)).content, place.as_now(item(3)).revision) == (None, 2)
    assert place.as_now(item(4)) == item(4)
    place.note(item(4), {})
    assert place.taken_back(4, 2)
    place.note(place.as_now(item(4)), {})
    assert not place.taken_back(4, 2), "its tombstone is on the screen"
    place.fall(4)
    assert place.as_now(item(3)) == item(3)


def test_so_many_of_them_are_remembered() -> None:
    place = Place("c", "alice", "C")
    for position in range(1, MAX_REMEMBERED + 11):
        place.taken_back(position, 2)
    assert sorted(place.gone) == list(range(11, MAX_REMEMBERED + 11))
