"""The chat in groups: whose receipts are shown, which messages are counted, which conversations can be opened."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from imserver.cli.chat.places import Place
from imserver.cli.chat.session import MAX_TOLD_READERS
from imserver.clock import SystemClock
from imserver_client import direct_conversation_id
from tests.support.servers import people, running

from .people import Chatting, chatting


@pytest.fixture
async def stack():
    async with AsyncExitStack() as stack:
        yield stack


async def entered(stack: AsyncExitStack, folder: Path, users: str):
    server = await stack.enter_async_context(running(folder, users=users))
    return await stack.enter_async_context(people(server))


async def chat(stack: AsyncExitStack, client) -> Chatting:
    return await stack.enter_async_context(chatting(client))


def here(chat: Chatting) -> Place:
    assert chat.session.current is not None
    return chat.session.current


async def test_a_receipt_names_who_gave_it_once(tmp_path: Path, stack: AsyncExitStack) -> None:
    enter = await entered(stack, tmp_path, "alice bob carol")
    bob, carol = await enter("bob"), await enter("carol")
    alice = await chat(stack, await enter("alice"))
    group = await alice.session.client.create_group("Team", ["bob", "carol"])
    await alice.type("/open team")
    for reader in (bob, carol):
        await reader.post(group, "hi")
        await reader.cursor(group, delivered=1)
    await alice.says("Carol: hi")
    await alice.type("hello")
    await alice.says("you: hello")
    position = here(alice).last_own
    for _ in range(2):
        await bob.cursor(group, delivered=position)
    await alice.says("✓✓ delivered to Bob")
    await carol.cursor(group, read=position)
    await alice.says("✓✓ read by Carol")
    later = await carol.post(group, "later")
    await bob.cursor(group, delivered=later.position)  # tells nothing new of the message
    await bob.cursor(group, read=position)
    await alice.says("✓✓ read by Bob")
    told = [line.strip() for line in alice.paper.lines if line.startswith(" ") and "✓✓" in line]
    assert told == ["✓✓ delivered to Bob", "✓✓ read by Carol", "✓✓ read by Bob"]
    assert alice.session.status() == "alice → Team  │  last: ✓✓ read"


async def test_among_many_only_that_all_have_it_is_told(tmp_path: Path, stack: AsyncExitStack) -> None:
    names = [f"u{number}" for number in range(MAX_TOLD_READERS + 1)]
    enter = await entered(stack, tmp_path, f"alice {' '.join(names)}")
    alice = await chat(stack, await enter("alice"))
    group = await alice.session.client.create_group("Team", names)
    readers = [await enter(name) for name in names]
    for reader in readers:
        await reader.cursor(group, delivered=1)
    await alice.type("/open team", "hello")
    await alice.says("you: hello")
    position = here(alice).last_own
    for reader in readers:
        assert "✓✓" not in "".join(alice.paper.lines)
        await reader.cursor(group, delivered=position)
    await alice.says("✓✓ delivered to all")
    await alice.type("/members")
    assert (await alice.says("members:")).startswith(
        f"{len(names) + 1} members: Alice (alice, owner), U0 (u0, member)"
    )


async def test_what_is_read_here_is_counted_nowhere(tmp_path: Path, stack: AsyncExitStack) -> None:
    enter = await entered(stack, tmp_path, "alice bob carol")
    bob, carol = await enter("bob"), await enter("carol")
    beside, there = (direct_conversation_id("alice", name) for name in ("bob", "carol"))
    await carol.post(there, "before")
    alice = await chat(stack, await enter("alice"))
    await alice.type("/open bob")
    for number in range(3):
        await bob.post(beside, f"here {number}")
        await carol.post(there, f"there {number}")
    await alice.says("here 2")
    await alice.session.client.post(there, "own words")
    await carol.post(there, "last")
    await bob.post(beside, "the end")  # what was said before it has been counted by then
    await alice.says("Bob: the end")
    assert alice.session.status() == "alice → Bob  │  unread: Carol (5)"
    assert sum(line.startswith("• ") for line in alice.paper.lines) == 1, "announced once in a while"
    await alice.type("/open carol")
    assert alice.session.status().startswith("alice → Carol")
    assert "unread" not in alice.session.status()


async def test_a_title_that_two_have_is_not_guessed(tmp_path: Path, stack: AsyncExitStack) -> None:
    enter = await entered(stack, tmp_path, "alice bob carol")
    alice = await chat(stack, await enter("alice"))
    for title in ("Team red", "Team blue", "Garden"):
        await alice.session.client.create_group(title, ["bob"])
    await alice.type("/open team")
    await alice.says("neither a user nor a conversation called “team”")
    await alice.type("/open team b")
    await alice.says("— Team blue —")
    await alice.type("/list", "/open 0", "/open 4")
    await alice.says("conversation called “0”")
    await alice.says("conversation called “4”")
    for number, title in enumerate(("Garden", "Team blue", "Team red"), 1):
        await alice.type(f"/open {number}")
        assert here(alice).title == title


async def test_a_history_that_goes_on_says_so(tmp_path: Path, stack: AsyncExitStack) -> None:
    enter = await entered(stack, tmp_path, "alice bob")
    client = await enter("alice")
    pair = direct_conversation_id("alice", "bob")
    for number in range(1, 4):
        await client.post(pair, f"line {number}")
    alice = await chat(stack, client)
    await alice.type("/open bob")
    assert not [line for line in alice.paper.lines if "shows more" in line], "all of it is shown"
    for count, shown in ((3, 0), (2, 1), (1, 2)):
        await alice.type(f"/history {count}")
        assert sum("shows more" in line for line in alice.paper.lines) == shown
        assert alice.paper.lines[-1].endswith("you: line 3 ✓")
    await alice.type("/history 201")
    await alice.says("1 to 200")
    await alice.type("0")
    await alice.says("you: 0")
    assert abs(alice.session.page().now_ms - SystemClock().now_ms()) < 60_000
