"""See `tests.client.stories.older_copies`: a client that dies at any step, here at any commit of its store in Node."""

from __future__ import annotations

import asyncio

import pytest

from imserver_client import HistoryReplaced, MemoryStorage, PostsGone
from tests.client.support.machines import DIRECT, Machine, machine
from tests.js.driver import Node, place_of

#: A fixture: it is used by name.
FIXTURES = [machine]
#: More than what follows an older copy takes; each is one atomic step of the store.
COMMITS = range(1, 9)


@pytest.mark.parametrize("behind", [False, True], ids=["in front of it", "behind it"])
async def test_a_client_that_is_killed_at_any_commit_ends_up_the_same(
    machine: Machine, node: Node, behind: bool
) -> None:
    first = MemoryStorage()
    alice = await machine.client("alice", first)
    await machine.say("1")
    await alice.until(lambda: alice.said)
    copy = await machine.copied()
    await alice.client.post(DIRECT, "mine")
    await machine.say("old 3")
    await alice.until(lambda: len(alice.said) == 3)
    await alice.kill()
    await machine.put_back(copy, said=3)
    died = 0
    for number in COMMITS:
        store = MemoryStorage()
        node.at_once("fork", of=place_of(node, first), store=place_of(node, store))
        node.at_once("kill", store=place_of(node, store), at=number, behind=behind)
        told = []
        try:
            alice = await machine.client("alice", store)
        except Exception:
            died += 1
        else:
            await asyncio.sleep(0.05)
            told = alice.of(HistoryReplaced, PostsGone)
            await alice.kill()
        node.at_once("kill", store=place_of(node, store), at=None)
        have = store.places()[DIRECT].have
        alice = await machine.client("alice", store)
        if have < 4:
            await alice.has(4, "new 2")
        await alice.client.history(DIRECT)
        await asyncio.sleep(0.02)
        kinds = {type(event) for event in (*told, *alice.of(HistoryReplaced, PostsGone))}
        assert kinds == {HistoryReplaced, PostsGone}, number
        assert store.places()[DIRECT].known_head == 4
        await alice.kill()
    assert died > 0
