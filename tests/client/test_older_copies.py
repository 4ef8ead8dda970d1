"""An older copy of the server's database comes back: the client goes on with what both have, and tells what is gone.

Over real TCP, against a real server whose database file is replaced while it is down.
"""

from __future__ import annotations

import asyncio
from copy import deepcopy
from typing import Any

import pytest

from imserver_client import (
    ClientEvent,
    HistoryReplaced,
    MemoryStorage,
    PostsGone,
)
from imserver_client.core.catch_up import CatchUp
from tests.client.stories.older_copies import *  # noqa: F403
from tests.client.support.machines import DIRECT, Machine


async def test_an_answer_that_came_before_any_row_is_asked_about(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A post that began a conversation was answered, and no row of sync had told of it when the copy came back."""
    alice = await machine.client("alice")
    copy = await machine.copied()
    await alice.reconnected()
    key = bytes(range(16))
    with monkeypatch.context() as patch:
        patch.setattr(CatchUp, "want_sync", lambda self: None)  # it would be asked, and come too late
        await alice.client.post(DIRECT, "first", key=key)
    await machine.put_back(copy)
    await alice.has(1, "first")
    assert [item.key for item in (await alice.client.history(DIRECT)).items] == [key]


class Dying(Exception):
    """The process ends here."""


class Mortal(MemoryStorage):
    """Dies in front of, or behind, its step number `last`; what was stored before is there for the next process."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0
        self.last: int | None = None
        self.behind = False
        self.within = False

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if (
            name.startswith(("save_", "add_", "answer_", "forget_"))
            and super().__getattribute__("last") is not None
        ):

            def step(*args: Any, **more: Any) -> Any:
                if self.within:
                    return found(*args, **more)
                self.steps += 1
                if self.steps == self.last and not self.behind:
                    raise Dying(name)
                self.within = True
                result = found(*args, **more)
                self.within = False
                if self.steps == self.last:
                    raise Dying(name)
                return result

            return step
        return found


@pytest.mark.parametrize("behind", [False, True], ids=["before", "behind"])
async def test_a_client_that_is_killed_at_any_step_of_it_ends_up_the_same(
    machine: Machine, behind: bool
) -> None:
    first = Mortal()
    alice = await machine.client("alice", first)
    await machine.say("1")
    await alice.until(lambda: alice.said)
    copy = await machine.copied()
    await alice.client.post(DIRECT, "mine")
    await machine.say("old 3")
    await alice.until(lambda: len(alice.said) == 3)
    await alice.kill()
    await machine.put_back(copy, said=3)
    for last in range(1, 12):
        store = Mortal()
        store._saved, store._posts = deepcopy(first._saved), dict(first._posts)
        store._positions = dict(first._positions)
        store.last, store.behind = last, behind
        told: list[ClientEvent] = []
        try:
            alice = await machine.client("alice", store)
        except Exception:
            told += []
        else:
            await asyncio.sleep(0.05)
            told = alice.of(HistoryReplaced, PostsGone)
            await alice.kill()
        store.last = None
        alice = await machine.client("alice", store)
        done = store._saved.positions[DIRECT].have >= 4
        if not done:
            await alice.has(4, "new 2")
        await alice.client.history(DIRECT)
        await asyncio.sleep(0.02)
        kinds = {type(event) for event in (*told, *alice.of(HistoryReplaced, PostsGone))}
        assert kinds == {HistoryReplaced, PostsGone}, last
        assert store._saved.positions[DIRECT].known_head == 4
        await alice.kill()
