"""What an older copy of a database took back is read as the difference of both: messages, edits, members, reactions."""

from __future__ import annotations

import shutil
from contextlib import AsyncExitStack
from pathlib import Path

from imserver import Server
from imserver.model import direct_conversation_id
from imserver.proof.taken_back import TakenBack, compare
from tests.support.servers import People, people, running

AB = direct_conversation_id("alice", "bob")
AC = direct_conversation_id("alice", "carol")


def copied(server_folder: Path, to: Path) -> Path:
    """Of a server that was stopped."""
    return Path(shutil.copytree(server_folder, to)) / "chat.db"


async def enter(stack: AsyncExitStack, folder: Path) -> tuple[Server, People]:
    server = await stack.enter_async_context(running(folder, users="alice bob carol dave"))
    return server, await stack.enter_async_context(people(server))


async def test_the_difference_of_a_database_and_its_copy(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    async with AsyncExitStack() as stack:
        _, client = await enter(stack, data)
        alice = await client("alice")
        for text in ("one", "two"):
            await alice.post(AB, text)
        await alice.post(AC, "untouched")
        await alice.reactions.put(AB, 1, "👍")
        group = await alice.create_group("lenses", ["bob"])
        await alice.add_member(group, "dave")
    copy = copied(data, tmp_path / "copy")
    same = compare(copied(data, tmp_path / "same"), copy, 1.0)
    assert not any((same.messages, same.edited, same.conversations, same.members))
    assert not any(same.facts.values())
    async with AsyncExitStack() as stack:
        _, client = await enter(stack, data)
        alice = await client("alice")
        await alice.edits.edit(AB, 2, "changed")
        gone = await alice.post(AB, "gone")
        await alice.reactions.remove(AB, 1, "👍")
        await alice.reactions.put(AB, 2, "🎉")
        await alice.add_member(group, "carol")
        await alice.remove_member(group, "dave")
    restore = compare(copied(data, tmp_path / "left"), copy, 2.0)
    found = {(row.conversation_id, row.position): row for row in restore.messages}
    assert found.keys() == {(AB, 3), (AB, 4), (group, 3), (group, 4)}
    assert [(row.position, row.revision, len(row.digests)) for row in restore.edited] == [(2, 2, 2)]
    assert restore.conversations == {AB, group}
    assert restore.members == {("carol", group), ("dave", group)}
    assert restore.facts["reactions"] == {("alice", AB, 1, "👍"), ("alice", AB, 2, "🎉")}

    taken = TakenBack([same, restore])
    assert taken.took(AB, 4, gone.key)
    assert taken.took_post("alice", gone.key)
    assert not taken.took(AB, 4, b"another")
    assert not taken.took_post("bob", gone.key)
    assert taken.took(AB, 2, restore.edited[0].key)
    assert not taken.took_post("alice", restore.edited[0].key), "what it said is gone, and it is not"
    assert [row.revision for row in taken.at(AB, 2)] == [2]
    assert not taken.at(AB, 1)
    assert taken.moved("dave", group)
    assert not taken.moved("bob", group)
    assert (taken.times(AB), taken.times(AC)) == ([2.0], [])
    assert ("alice", AB, 2, "🎉") in taken.facts("reactions")
    assert not taken.facts("edits")


async def test_who_came_and_went_in_a_team_was_moved_wherever_that_is_named(tmp_path: Path) -> None:
    """Also whoever was back when the copy came: both databases have the same team."""
    data = tmp_path / "data"
    data.mkdir()
    async with AsyncExitStack() as stack:
        _, client = await enter(stack, data)
        alice = await client("alice")
        team = await alice.create_group("team", ["bob", "carol"])
        service = await alice.create_group("a customer", ["dave"], team=team)
        await alice.create_group("another", ["bob"])
    copy = copied(data, tmp_path / "copy")
    async with AsyncExitStack() as stack:
        _, client = await enter(stack, data)
        alice = await client("alice")
        await alice.remove_member(team, "bob")
        await alice.add_member(team, "bob")
        await alice.remove_member(team, "carol")
    restore = compare(copied(data, tmp_path / "left"), copy, 3.0)
    assert restore.members == {("bob", team), ("bob", service), ("carol", team), ("carol", service)}
    assert restore.conversations == {team}
    taken = TakenBack([restore])
    assert (taken.times(service), taken.times(service, "bob"), taken.times(service, "dave")) == (
        [],
        [3.0],
        [],
    )
