"""The chat's own sense, over a real server and real clients, without a terminal."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from imserver import Server
from imserver.cli.chat.commands import COMMANDS, handle_line
from imserver.model import User
from imserver.store.sqlite.connection import connect as open_database
from imserver_client import direct_conversation_id
from tests.support.servers import People, config, people, running
from tests.support.small_store import SmallStore

from .people import Chatting, chatting

AB = direct_conversation_id("alice", "bob")
QUESTION = {
    "type": "card",
    "title": "When?",
    "actions": [{"label": "three", "command": "/book 15:00"}, {"label": "four", "command": "/book 16:00"}],
}


@pytest.fixture
async def stack():
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def enter(tmp_path: Path, stack: AsyncExitStack) -> People:
    server = await stack.enter_async_context(running(tmp_path, users="alice bob carol"))
    return await stack.enter_async_context(people(server))


async def chat(stack: AsyncExitStack, enter: People, name: str, opens: str = "") -> Chatting:
    return await stack.enter_async_context(chatting(await enter(name), opens))


async def test_two_people_talk_and_see_how_far_it_came(enter: People, stack: AsyncExitStack) -> None:
    alice = await chat(stack, enter, "alice", "bob")
    await alice.type("hello  ", "你好")
    assert (await alice.says("you: hello")).endswith("✓")

    bob = await chat(stack, enter, "bob", "alice")
    await bob.says("Alice: 你好")
    await alice.says("✓✓ read by Bob")
    assert alice.session.status() == "alice → Bob  │  last: ✓✓ read"

    await bob.type("/history 1")
    assert (await bob.says("Alice: 你好", times=2)).endswith("Alice: 你好")


async def test_an_own_line_from_another_device_is_shown_too(enter: People, stack: AsyncExitStack) -> None:
    one, other = await chat(stack, enter, "alice", "bob"), await chat(stack, enter, "alice", "bob")

    await one.type("from the one")

    assert (await other.says("from the one")).endswith("you: from the one ✓")


async def test_a_digit_presses_the_button_of_the_last_card(enter: People, stack: AsyncExitStack) -> None:
    bob = await enter("bob")
    alice = await chat(stack, enter, "alice", "bob")
    await bob.post(AB, QUESTION)
    await alice.says("[1] three   [2] four")

    await alice.type("２")
    await alice.says("you: /book 16:00")
    await alice.type("3")
    assert (await alice.says("you: 3")).endswith("you: 3 ✓"), "there is no third button"


async def test_a_bot_s_button_is_shown_as_what_it_is_called(enter: People, stack: AsyncExitStack) -> None:
    bob = await enter("bob")
    alice = await chat(stack, enter, "alice", "bob")
    await bob.post(AB, "hi")
    await alice.says("Bob: hi")
    alice.session.names._bots.add("bob")
    await bob.post(AB, QUESTION)
    await alice.says("[1] three   [2] four")

    await alice.type("2")

    await alice.says("you: [four] ✓")
    await alice.type("/history 1")
    await alice.says("you: [four]", times=2)


async def test_a_button_leads_to_a_conversation_of_ones_own_and_to_no_other(
    enter: People, stack: AsyncExitStack
) -> None:
    bob, carol = await enter("bob"), await enter("carol")
    alice = await chat(stack, enter, "alice", "bob")
    await carol.post(direct_conversation_id("alice", "carol"), "hi")
    places = [direct_conversation_id("alice", "carol"), "carol", direct_conversation_id("bob", "carol")]
    actions = [{"label": place, "command": f"/open {place}"} for place in places]
    for number, place in ((3, places[2]), (2, places[1])):
        await bob.post(AB, {"type": "card", "title": f"Over there {number}", "actions": actions})
        await alice.says(f"Over there {number}")
        await alice.type(str(number))
        await alice.says(f"you: /open {place}")  # it is a text like any other
    await bob.post(AB, {"type": "card", "title": "Over there", "actions": actions})
    await alice.says("┌─ Over there ─")
    await alice.type("1")
    await alice.says("Carol: hi")
    assert alice.session.status().startswith("alice → Carol")


async def test_a_digit_after_another_message_is_an_answer_to_that(
    enter: People, stack: AsyncExitStack
) -> None:
    bob = await enter("bob")
    alice = await chat(stack, enter, "alice", "bob")
    await bob.post(AB, QUESTION)
    await bob.post(AB, "how many?")
    await alice.says("how many?")

    await alice.type("2")

    await alice.says("you: 2")


async def test_a_card_that_changed_is_shown_again(enter: People, stack: AsyncExitStack) -> None:
    bob = await enter("bob")
    alice = await chat(stack, enter, "alice", "bob")
    posted = await bob.post(AB, QUESTION)
    await alice.says("When?")

    await bob.edits.edit(AB, posted.position, {"type": "card", "title": "Booked for four"})

    await alice.says("Bob (changed)")
    await alice.says("Booked for four")
    assert not [line for line in alice.paper.lines if "changed message" in line]
    await alice.type("1")
    await alice.says("you: 1")
    await alice.type("/history")
    await alice.says("Bob (changed)", times=2)


async def test_messages_elsewhere_are_announced_and_counted(enter: People, stack: AsyncExitStack) -> None:
    bob, carol = await enter("bob"), await enter("carol")
    alice = await chat(stack, enter, "alice", "bob")
    await bob.post(AB, "here")
    await alice.says("here")

    group = await carol.create_group("Team 组", ["alice"])
    await carol.post(group, "news")
    assert (await alice.says("• Team 组, Carol")).startswith("• Team 组, Carol (1 unread): news")
    await carol.post(group, "more news")
    await carol.post(carol.direct("alice"), "psst")
    await alice.says("• Carol (1 unread): psst")
    assert alice.session.status().endswith("unread: Team 组 (2), Carol (1)")

    await alice.type("/list")
    assert (await alice.says("  2  Team 组")).split()[3:5] == ["2", "unread"]
    await alice.type("/open 2")
    await alice.says("Carol: more news")
    await alice.says("— Carol created “Team 组”")
    assert alice.session.status() == "alice → Team 组  │  unread: Carol (1)"
    await alice.type("/open car", "/open team", "/members")
    assert (await alice.says("2 members")) == "2 members: Alice (alice, member), Carol (carol, owner)"


async def test_what_the_chat_does_not_know_is_for_bots(enter: People, stack: AsyncExitStack) -> None:
    alice = await chat(stack, enter, "alice", "bob")

    await alice.type("/book tomorrow 3pm", "/say /help", "/say 1")

    await alice.says("you: /book tomorrow 3pm")
    await alice.says("you: /help")
    await alice.says("you: 1")


async def test_help_names_every_command(enter: People, stack: AsyncExitStack) -> None:
    alice = await chat(stack, enter, "alice")

    await alice.type("/help")

    for command in COMMANDS.values():
        await alice.says(command.usage)
    assert await handle_line(alice.session, "/quit") is False


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("hello", "no conversation is open"),
        ("/history", "no conversation is open"),
        ("/members", "no conversation is open"),
        ("/open", "/open NAME"),
        ("/open nobody\x1b[2J", "neither a user nor a conversation called “nobody�[2J”"),
        ("/list", "no conversations yet"),
    ],
)
async def test_mistakes_are_answered(enter: People, stack: AsyncExitStack, typed: str, says: str) -> None:
    alice = await chat(stack, enter, "alice")

    await alice.type(typed)

    await alice.says(says)


async def test_a_line_that_is_refused_says_so_and_the_next_goes_on(
    enter: People, stack: AsyncExitStack
) -> None:
    alice = await chat(stack, enter, "alice", "bob")

    await alice.type("x" * 40_000, "/history 0", "short")

    await alice.says("not sent: “xxx")
    await alice.says("/history COUNT: 1 to 200")
    await alice.says("you: short")
    assert alice.session.failures == 2


async def test_what_is_typed_without_a_connection_is_sent_when_it_is_back(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        async with running(tmp_path) as server:
            port = server.port
            enter = await stack.enter_async_context(people(server))
            alice = await chat(stack, enter, "alice", "bob")
            await alice.type("before")
            await alice.says("before")
        await alice.says("connection lost")
        await alice.type("meanwhile")
        assert (await alice.says("meanwhile")).endswith("you: meanwhile …")
        assert "no connection" in alice.session.status()
        async with running(tmp_path, server={"port": port}):
            await alice.says("connected again")
            assert (await alice.says("meanwhile", times=2)).endswith("you: meanwhile ✓")
            await alice.type("/history")
            await alice.says("you: before")
            assert alice.paper.lines[-1].endswith("you: meanwhile ✓"), "posted once"
            await stack.aclose()


async def test_lines_keep_their_order(enter: People, stack: AsyncExitStack) -> None:
    alice = await chat(stack, enter, "alice", "bob")

    await alice.type(*(f"line {number}" for number in range(100)))
    await asyncio.wait_for(alice.session.posted(), 20)

    page = await alice.session.client.history(AB, limit=200)
    assert [item.content["text"] for item in page.items if item.content] == [f"line {n}" for n in range(100)]


async def test_lines_that_come_faster_than_the_server_takes_them_are_told_of_once(
    tmp_path: Path, stack: AsyncExitStack
) -> None:
    limits = {"posts_burst": 2, "posts_per_second": 20}
    server = await stack.enter_async_context(running(tmp_path, limits=limits))
    alice = await chat(stack, await stack.enter_async_context(people(server)), "alice", "bob")
    await alice.type(*(f"line {number}" for number in range(8)))
    await alice.says("you: line 7")
    await alice.says("faster than the server takes posts from one user")
    assert await alice.says("the server takes posts at once again")
    assert sum("faster than the server" in line for line in alice.paper.lines) == 1


async def test_a_full_disk_is_told_of_in_the_words_of_the_server(
    tmp_path: Path, stack: AsyncExitStack
) -> None:
    settings = config(tmp_path)
    store = SmallStore(settings.store, connector=open_database)
    server = await stack.enter_async_context(Server(settings, store=store))
    for name in ("alice", "bob"):
        await server.chat.put_user(User(name, name))
    alice = await chat(stack, await stack.enter_async_context(people(server)), "alice", "bob")
    await store.allow(more_pages=0)
    await alice.type("x" * 20_000)
    await alice.says("the server's disk is full: it stores messages again, by itself")
    await store.allow(more_pages=None)
    await alice.says("you: xxxxx")
    await alice.says("the server takes posts at once again")
