"""What was said of people outlives an older copy of the database: who was shut out stays out, and a team is what the copy says.

Over real TCP, against a real server whose files are replaced while it is down."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from imserver.errors import Refusal
from imserver.model import Kind
from imserver_client import AccountChanged, CursorMoved, HistoryReplaced, PostsGone, Refused, Stopped, connect
from tests.client.support.machines import AT_ONCE, PATIENCE_S, QUICK, Machine, Person, machine, text

#: A fixture: it is used by name.
FIXTURES = [machine]
#: State of an account is shown under the name of a feature that the server has.
NAME = "reactions"


async def put_back_beside_the_ledger(machine: Machine, copy: Path) -> None:
    """The older database comes back, and the ledger stays what it is: as `imserver restore` has it."""
    await machine.stop()
    for old in machine.folder.glob("chat.db*"):
        if not old.name.endswith(".high"):
            old.unlink()
    shutil.copy(copy / "chat.db", machine.folder / "chat.db")
    await machine.start()


async def lets_in(machine: Machine, token: str, device: str) -> bool:
    try:
        client = await connect(
            f"imserver://127.0.0.1:{machine.port}",
            token=token,
            device_id=device,
            environment=QUICK,
            limits=AT_ONCE,
            timeout=PATIENCE_S,
        )
    except Stopped:
        return False
    await client.close()
    return True


async def with_a_team(machine: Machine) -> tuple[str, str]:
    """bob has a team with carol in it, and a conversation that names it."""
    chat = machine.server.chat
    team, _, _ = await chat.create_conversation("bob", Kind.GROUP, "the shop", ["carol"])
    service, _, _ = await chat.create_conversation("bob", Kind.GROUP, "a customer", [], team=team)
    return team, service


async def forgotten(person: Person, conversation_id: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while conversation_id in person.client._core.inbox:  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.01)


async def test_who_was_disabled_stays_out_whatever_copy_comes_back(machine: Machine) -> None:
    alice = await machine.client("alice")
    copy = await machine.copied()
    await machine.server.administration.disable("bob")
    await put_back_beside_the_ledger(machine, copy)
    assert (await machine.server.administration.user("bob"))["state"] == "disabled"
    assert not await lets_in(machine, machine.server.accounts.make_token("bob", ttl_s=3600), "bob-desk")
    with pytest.raises(Refusal):
        await machine.server.chat.post("bob", "direct/alice/bob", text("past it"))
    assert (await alice.client.post("direct/alice/bob", "an honest word")).position == 1
    await machine.server.administration.enable("bob")
    await put_back_beside_the_ledger(machine, copy)
    assert (await machine.server.administration.user("bob"))["state"] == "active"
    assert await lets_in(machine, machine.server.accounts.make_token("bob", ttl_s=3600), "bob-desk")


async def test_a_revoked_token_stays_revoked_whatever_copy_comes_back(machine: Machine) -> None:
    tokens = [machine.server.accounts.make_token("bob", ttl_s=3600) for _ in range(2)]
    assert await lets_in(machine, tokens[0], "phone")
    copy = await machine.copied()
    [shown] = (await machine.server.administration.tokens("bob"))["tokens"]
    await machine.server.administration.revoke("bob", token_id=shown["token_id"])
    await machine.server.administration.revoke("bob", device_id="desk")
    await put_back_beside_the_ledger(machine, copy)
    assert not await lets_in(machine, tokens[0], "phone")
    assert not await lets_in(machine, tokens[1], "desk")
    assert await lets_in(machine, machine.server.accounts.make_token("bob", ttl_s=3600), "desk")


async def test_a_team_that_was_joined_in_what_is_gone_is_told_to_be_gone(machine: Machine) -> None:
    """alice had come, read and answered. In the copy she never was there."""
    team, service = await with_a_team(machine)
    alice = await machine.client("alice")
    copy = await machine.copied()
    await machine.server.chat.add_member("bob", team, "alice")
    await machine.say("read by her", where=service)
    await alice.has(2, "read by her")
    await alice.client.post(service, "mine")
    await alice.has(3, "mine")
    await machine.put_back(copy)
    await alice.until(lambda: {one.conversation_id for one in alice.of(HistoryReplaced)} >= {team, service})
    with pytest.raises(Refused):
        await alice.client.history(service)
    await machine.say("not for her", where=service)
    bob = await machine.client("bob")
    await bob.client.history(service)
    assert alice.said[-1] == (3, "mine")


async def test_of_what_was_there_by_the_team_behind_a_place_of_ones_own_nobody_hears_that_it_is_gone(
    machine: Machine,
) -> None:
    """alice was added, was put out, read on by the team and left that: all of it is in the copy, and no cursor falls."""
    team, service = await with_a_team(machine)
    chat = machine.server.chat
    await chat.add_member("bob", team, "alice")
    alice = await machine.client("alice")
    await chat.add_member("bob", service, "alice")
    await chat.remove_member("bob", service, "alice")
    for number in (4, 5, 6):
        await machine.say(f"{number}", where=service)
    await alice.has(6)
    alice.client.mark_read(service, 6)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if (await alice.client.cursor(service)).read == 6:
                break
            await asyncio.sleep(0.01)
    await chat.remove_member("bob", team, "alice")
    await alice.until(lambda: alice.said[-1] == (3, ""))
    copy = await machine.copied()
    later, _, _ = await machine.server.chat.create_conversation("bob", Kind.GROUP, "later", ["alice"])
    await machine.say("gone with it", where=later)
    await alice.has(2, "gone with it")
    assert (await alice.client.history(service)).head == 3
    await machine.put_back(copy)
    await alice.heard(HistoryReplaced)
    await machine.server.chat.add_member("bob", service, "alice")
    await machine.say("here again", where=service)
    await alice.has(8, "here again")
    assert {one.conversation_id for one in alice.of(HistoryReplaced)} == {later}
    told = [one.cursor for one in alice.of(CursorMoved) if one.conversation_id == service]
    assert told == sorted(told, key=lambda cursor: (cursor.read, cursor.delivered))
    assert told[-1].read == 6
    assert [at for at, _ in alice.said].count(5) == 1


async def test_a_team_that_was_left_in_what_is_gone_is_had_again(machine: Machine) -> None:
    """carol was removed, and her client forgot what names the team. The copy knows nothing of it: she is in, and what was said
    since she joined comes again, for her client does not know any more that she had it."""
    team, service = await with_a_team(machine)
    carol = await machine.client("carol")
    await machine.say("one", where=service)
    await carol.has(2, "one")
    copy = await machine.copied()
    await machine.server.chat.remove_member("bob", team, "carol")
    await forgotten(carol, service)
    await carol.until(lambda: carol.said[-1] == (2, ""))  # that she was removed, in the team
    carol.said.clear()
    await machine.put_back(copy)
    assert await carol.heard(HistoryReplaced) == HistoryReplaced(team, 1)
    await machine.say("two", where=service)
    await carol.has(3, "two")
    assert carol.said == [(1, ""), (2, "one"), (3, "two")], "all of it, each once"
    assert (await carol.client.post(service, "and I am in")).position == 4
    assert len(carol.of(HistoryReplaced, PostsGone)) == 1


async def test_what_the_account_keeps_is_what_the_copy_has(machine: Machine) -> None:
    """It counts though it is lower than what the client knows, and so does what comes behind it."""
    alice = await machine.client("alice")

    async def set_to(number: int) -> None:
        await machine.server.store.write(lambda tx: tx.set_account("alice", NAME, number))

    async def has(number: int) -> None:
        await alice.until(
            lambda: [one.account.get(NAME) for one in alice.of(AccountChanged)][-1:] == [number]
        )
        assert alice.client.account().get(NAME) == number

    await set_to(1)
    await has(1)
    copy = await machine.copied()
    for number in (2, 3, 4):
        await set_to(number)
    await has(4)
    alice.events.clear()
    await machine.put_back(copy)
    await has(1)
    await set_to(7)
    await has(7)
    assert [one.account.get(NAME) for one in alice.of(AccountChanged)] == [1, 7]
    assert alice.of(HistoryReplaced, PostsGone) == [], "no conversation is another one"
