"""What was said of people outlives an older copy of the database: who was shut out stays out, and a team is what the copy says.

Over real TCP, against a real server whose files are replaced while it is down; once in a process that is killed.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from imserver.model import Kind
from imserver.proof.server_process import ServerProcess
from imserver_client import HistoryReplaced, Refused, Stopped, connect
from imserver_protocol.errors import CloseCode

from .test_older_copies import AT_ONCE, PATIENCE_S, QUICK, Machine, Person, machine, text

__all__ = ["machine"]


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
    except Stopped as stopped:
        assert stopped.code == CloseCode.AUTH_FAILED
        return False
    await client.close()
    return True


async def with_a_team(machine: Machine) -> tuple[str, str]:
    """bob has a team with carol in it, and a conversation that names it."""
    chat = machine.server.chat
    team, _, _ = await chat.create_conversation("bob", Kind.GROUP, "the shop", ["carol"])
    service, _, _ = await chat.create_conversation("bob", Kind.GROUP, "a customer", [], team=team)
    return team, service


async def test_what_counts_of_the_account_comes_back_with_the_copy(machine: Machine) -> None:
    """Settings that a user had changed since are as the copy has them, at every device."""
    await machine.say("1")
    phone = await machine.client("alice", device="phone")
    await phone.client.history("direct/alice/bob")
    copy = await machine.copied()

    def block(tx: Any) -> Any:
        return tx.block("alice", "carol")

    await phone.reconnected()
    await phone.client.blocks.block("carol")
    assert [one async for one in _blocked(phone)] == ["carol"]
    await machine.put_back(copy)
    await phone.reconnected(2)
    assert [one async for one in _blocked(phone)] == []
    await phone.client.blocks.block("carol")
    assert [one async for one in _blocked(phone)] == ["carol"]


async def _blocked(person: Person) -> Any:
    page = await person.client.blocks.list()
    for one in page[0] if isinstance(page, tuple) else page:
        yield getattr(one, "user_id", one)


async def test_who_was_disabled_stays_out_whatever_copy_comes_back(machine: Machine) -> None:
    alice = await machine.client("alice")
    bob = await machine.client("bob")
    copy = await machine.copied()
    await machine.server.administration.disable("bob")
    await machine.put_back_beside_the_ledger(copy) if False else await put_back_beside_the_ledger(machine, copy)
    assert (await machine.server.administration.user("bob"))["state"] == "disabled"
    assert not await lets_in(machine, machine.server.accounts.make_token("bob", ttl_s=3600), "bob-desk")
    with pytest.raises(Refused):
        await machine.server.chat.post("bob", "direct/alice/bob", text("past it"))
    assert (await alice.client.post("direct/alice/bob", "an honest word")).position == 1
    await machine.server.administration.enable("bob")
    await put_back_beside_the_ledger(machine, copy)
    assert (await machine.server.administration.user("bob"))["state"] == "active"
    await bob.kill()
    assert await lets_in(machine, machine.server.accounts.make_token("bob", ttl_s=3600), "bob-desk")


async def test_a_revoked_token_stays_revoked_whatever_copy_comes_back(machine: Machine) -> None:
    tokens = [machine.server.accounts.make_token("bob", ttl_s=3600) for _ in range(2)]
    assert await lets_in(machine, tokens[0], "phone")
    copy = await machine.copied()
    [shown] = [one for one in (await machine.server.administration.tokens("bob"))["tokens"]]
    await machine.server.administration.revoke("bob", token_id=shown["token_id"])
    await machine.server.administration.revoke("bob", device_id="desk")
    await put_back_beside_the_ledger(machine, copy)
    assert not await lets_in(machine, tokens[0], "phone")
    assert not await lets_in(machine, tokens[1], "desk")
    assert await lets_in(machine, machine.server.accounts.make_token("bob", ttl_s=3600), "desk")


async def test_a_team_that_was_left_in_what_is_gone_is_had_again(machine: Machine) -> None:
    """carol was removed, and her client forgot what names the team. The copy knows nothing of it."""
    team, service = await with_a_team(machine)
    carol = await machine.client("carol")
    await machine.say("one", where=service)
    await carol.has(2, "one")
    copy = await machine.copied()
    await machine.server.chat.remove_member("bob", team, "carol")
    await carol.has(2)
    await carol.until(lambda: service not in carol.client._core.inbox)
    await machine.put_back(copy)
    await carol.heard(HistoryReplaced)
    await machine.say("two", where=service)
    await carol.has(3, "two")
    assert (await carol.client.post(service, "and I am in")).position == 4
    shown = [one for one in carol.said if one[1] in ("one", "two")]
    assert shown == [(2, "one"), (3, "two")], "each once"


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


async def test_a_killed_process_with_an_older_copy_and_a_client_that_was_shut_out(tmp_path: Path) -> None:
    """SIGKILL of a server in a process of its own; the older database comes back beside its ledger."""
    async with ServerProcess(tmp_path, {}) as server:
        await server.start()
        await server.stop()
        copy = tmp_path / "copy.db"
        with closing(sqlite3.connect(server.database)) as old, closing(sqlite3.connect(copy)) as new:
            old.backup(new)
