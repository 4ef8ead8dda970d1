"""Typing: to members only, and never more work than it is worth."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from imserver import Server
from imserver.features.typing import INTERVAL_S, MAX_AUDIENCE
from imserver.model import Kind, User
from tests.limits.raw import SIGNAL, Raw, packed
from tests.net.pings import after_ping
from tests.support.clocks import LeapingClock
from tests.support.servers import config, running

#: SPEC, "Pushes and signals": more than two a second are dropped.
TWO_A_SECOND_S = 0.5


async def typed(raw: Raw) -> list[object]:
    """The next signal, without a word of ours that would bring it along; nothing if there is none."""
    with suppress(TimeoutError):
        async with asyncio.timeout(5):
            while (frame := await raw.frame())[0] != SIGNAL:
                pass
            return frame[3:]
    return []


async def test_typing_reaches_all_devices_of_the_others_by_itself_and_again_after_a_while(
    tmp_path: Path,
) -> None:
    """In the largest group of which it is told; and neither the typist's own devices nor outsiders."""
    names = [f"m{number}" for number in range(MAX_AUDIENCE - 2)]
    clock = LeapingClock()
    async with Server(config(tmp_path), clock=clock) as server, AsyncExitStack() as stack:
        for name in ("alice", "bob", "eve", *names):
            await server.chat.put_user(User(name, name))
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", ["bob", *names])
        raws: dict[str, Raw] = {}
        for where in ("alice 1", "alice 2", "bob 1", "bob 2", "m0 1", "eve 1"):
            raws[where] = await stack.enter_async_context(await Raw.open(server))
            await raws[where].enter(server, *where.split())
        await server.chat.post("alice", group, "here")
        alice, others = raws.pop("alice 1"), [raws[name] for name in ("bob 1", "bob 2", "m0 1")]
        for raw in (alice, *others):
            await raw.push(1)
        for _ in range(2):
            clock.leap_s += TWO_A_SECOND_S
            for _ in range(2):  # the second one comes too soon
                alice.send(SIGNAL, 0, alice.received, "typing", group)
            assert [await typed(raw) for raw in others] == [["typing", group, "alice"]] * len(others)
            await after_ping(alice)
            for raw in raws.values():
                assert [frame for frame in await after_ping(raw) if frame[0] == SIGNAL] == []


async def test_who_was_removed_neither_sees_nor_causes_typing(tmp_path: Path) -> None:
    async with running(tmp_path, "alice bob cy") as server, await Raw.open(server) as alice:
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", ["bob", "cy"])
        await alice.enter(server, "alice")
        async with await Raw.open(server) as bob:
            await bob.enter(server, "bob")
            await server.chat.remove_member("alice", group, "bob")
            await alice.push(1)
            await bob.push(1)
            alice.send(SIGNAL, 0, alice.received, "typing", group)
            await after_ping(alice)
            bob.send(SIGNAL, 0, bob.received, "typing", group)
            assert [frame for frame in await after_ping(bob) if frame[0] == SIGNAL] == []
            assert [frame for frame in await after_ping(alice) if frame[0] == SIGNAL] == []


async def test_a_flood_of_typing_does_not_hold_the_loop(tmp_path: Path) -> None:
    """Each one would be a look at every member: 1,200 of them fit into one read."""
    async with running(tmp_path, "alice bob") as server, await Raw.open(server) as member:
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", ["bob"])
        await member.enter(server, "bob")
        async with await Raw.open(server) as alice:
            await alice.enter(server, "alice")
            await server.chat.post("alice", group, "here")
            await alice.push(1)
            begun = time.perf_counter()
            alice.send_bytes(packed(SIGNAL, 0, alice.received, "typing", group) * 1200)
            await alice.flushed()
            await after_ping(alice)
            relayed = [frame for frame in await after_ping(member) if frame[0] == SIGNAL]
            assert relayed[:1] == [[SIGNAL, 0, 0, "typing", group, "alice"]]
            assert len(relayed) <= 1 + (time.perf_counter() - begun) / INTERVAL_S


async def test_in_a_large_group_nobody_is_told_who_types(tmp_path: Path) -> None:
    """Each time it would be a look at every member, and a frame for each of their devices."""
    names = [f"m{number}" for number in range(MAX_AUDIENCE - 1)]
    async with running(tmp_path, f"alice bob {' '.join(names)}") as server, await Raw.open(server) as member:
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "g", ["bob", *names])
        await member.enter(server, "bob")
        async with await Raw.open(server) as alice:
            await alice.enter(server, "alice")
            await server.chat.post("alice", group, "here")
            await alice.push(1)
            alice.send(SIGNAL, 0, alice.received, "typing", group)
            await after_ping(alice)
            assert [frame for frame in await after_ping(member) if frame[0] == SIGNAL] == []
