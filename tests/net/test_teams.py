"""Teams over the wire: who is named is in, who is removed is out at once, in whatever batch, and hears nothing more."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.chat.transaction import Transaction
from imserver.errors import RefusalCode
from imserver.model import Kind
from tests.limits.raw import PUSH, SIGNAL, Raw, eventually
from tests.net.pings import after_ping
from tests.support.servers import running

STAFF_KEY, TALK_KEY = b"s" * 16, b"t" * 16


async def make_staff(server: Server) -> str:
    """alice runs it, bob is in it."""
    made = await server.chat.create_conversation("alice", Kind.GROUP, "staff", ["bob"], key=STAFF_KEY)
    return made[0]


async def test_create_names_a_team_and_its_persons_hear_and_say(tmp_path: Path) -> None:
    async with running(tmp_path, "alice bob cy") as server, await Raw.open(server) as alice:
        staff = await make_staff(server)
        await alice.enter(server, "alice")
        async with await Raw.open(server) as bob:
            await bob.enter(server, "bob")
            answer = await alice.ask("create", TALK_KEY, "group", "service", ["cy"], staff)
            talk, position, duplicate = answer.result
            assert (position, duplicate) == (1, False)
            again = await alice.ask("create", TALK_KEY, "group", "service", ["cy"], staff)
            assert again.result == [talk, 1, True]
            other = await alice.ask("create", TALK_KEY, "group", "service", ["cy"])
            assert other.code == RefusalCode.KEY_REUSED
            [[kind, where, *_]] = await bob.push(1)
            assert (kind, where) == ("message", talk)
            said = await bob.ask("post", talk, b"k" * 16, b"\x82\xa4type\xa4text\xa4text\xa2hi")
            assert said.result[0] == 2
            refused = await bob.ask("create", b"u" * 16, "group", "mine", [], staff)
            assert refused.code == RefusalCode.FORBIDDEN


@pytest.mark.parametrize("how", ["remove", "leave"])
async def test_a_post_that_waits_behind_a_removal_is_refused(tmp_path: Path, how: str) -> None:
    """Both are in one batch, of two sessions and two conversations: posts pass a change of one that they do not name."""
    async with running(tmp_path, "alice bob cy") as server, AsyncExitStack() as stack:
        staff = await make_staff(server)
        talk, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "", ["cy"], team=staff)
        raws: dict[str, Raw] = {}
        for name, device in (("alice", "1"), ("bob", "1"), ("bob", "2"), ("cy", "1")):
            raws[name + device] = await stack.enter_async_context(await Raw.open(server))
            await raws[name + device].enter(server, name, device)
        begun, gate = threading.Event(), threading.Event()

        def hold(tx: Transaction) -> None:
            begun.set()
            gate.wait()

        waiting = asyncio.ensure_future(server.store.write(hold))
        await eventually(begun.is_set)
        remover, target = (raws["alice1"], ["bob"]) if how == "remove" else (raws["bob2"], [])
        removed = remover.request(how, staff, b"r" * 16, *target)
        await after_ping(remover)
        content = b"\x82\xa4type\xa4text\xa4text\xa2hi"
        late = raws["bob1"].request("post", talk, b"k" * 16, content)
        await after_ping(raws["bob1"])
        beside = raws["cy1"].request("post", talk, b"c" * 16, content)
        await after_ping(raws["cy1"])
        gate.set()
        await waiting
        assert (await remover.answer(removed)).result == [2, False]
        assert (await raws["bob1"].answer(late)).code == RefusalCode.NOT_FOUND
        assert (await raws["cy1"].answer(beside)).result[0] == 2


async def test_who_was_removed_from_the_team_hears_nothing_more_in_its_conversations(tmp_path: Path) -> None:
    """Neither messages nor typing, though the last message there came before; who stays hears both."""
    async with running(tmp_path, "alice bob cy dee") as server, AsyncExitStack() as stack:
        staff = await make_staff(server)
        await server.chat.add_member("alice", staff, "dee")
        talk, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "", ["cy"], team=staff)
        other, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "", ["bob", "cy"])
        raws: dict[str, Raw] = {}
        for name in ("bob", "cy", "cy again", "dee"):
            raws[name] = await stack.enter_async_context(await Raw.open(server))
            await raws[name].enter(server, *name.split())
        await server.chat.post("cy", talk, "here")
        await server.chat.post("cy", other, "there")
        await server.chat.remove_member("alice", staff, "bob")
        for raw in raws.values():
            await after_ping(raw)

        async def types(device: str, conversation_id: str) -> dict[str, list[Any]]:
            cy = raws[device]  # a device may type twice a second
            cy.send(SIGNAL, 0, cy.received, "typing", conversation_id)
            await after_ping(cy)
            return {
                name: [frame[3:] for frame in await after_ping(raws[name]) if frame[0] == SIGNAL]
                for name in ("bob", "dee")
            }

        assert await types("cy", talk) == {"bob": [], "dee": [["typing", talk, "cy"]]}
        assert await types("cy again", other) == {"bob": [["typing", other, "cy"]], "dee": []}
        await server.chat.post("cy", talk, "again")
        pushed = {
            name: [frame for frame in await after_ping(raws[name]) if frame[0] == PUSH]
            for name in ("bob", "dee")
        }
        assert {name: len(frames) for name, frames in pushed.items()} == {"bob": 0, "dee": 1}


async def test_who_was_added_as_well_goes_on_hearing(tmp_path: Path) -> None:
    async with running(tmp_path, "alice bob cy") as server, AsyncExitStack() as stack:
        staff = await make_staff(server)
        talk, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "", ["bob", "cy"], team=staff)
        bob, cy = [await stack.enter_async_context(await Raw.open(server)) for _ in range(2)]
        await bob.enter(server, "bob")
        await cy.enter(server, "cy")
        await server.chat.post("alice", talk, "here")
        await server.chat.remove_member("alice", staff, "bob")
        await after_ping(bob)
        cy.send(SIGNAL, 0, cy.received, "typing", talk)
        await after_ping(cy)
        assert [frame[3:] for frame in await after_ping(bob) if frame[0] == SIGNAL] == [
            ["typing", talk, "cy"]
        ]
