"""What a client asks of plugins: once, or again whenever there is another answer, whatever was lost in between."""

from __future__ import annotations

import gc

import pytest

from imserver_client import (
    Misuse,
)
from imserver_protocol.shared.bounds import MAX_QUESTIONS
from tests.client.stories.questions import *  # noqa: F403
from tests.client.stories.questions import DAY, MON, Counter, DayParams, soon


async def test_a_feature_is_told_when_its_pushes_may_be_missing(server, open_client):
    """A session begins, or the server skipped some; a session that goes on lost none."""
    Counter(server)
    missed: list[None] = []
    async with open_client(token="alice") as alice:
        alice._core._ports["edits"].on_missed(lambda: missed.append(None))
        server.cut()
        await server.until(lambda: server.resumes == 1)
        await alice.ask(DAY, DayParams("tue"))
        assert len(missed) == 0
        server.push("alice", "lagging")
        await server.until(lambda: len(missed) == 1)
        server.refuse_resume = True
        server.cut()
        await server.until(lambda: len(missed) == 2)


async def test_so_many_at_once_for_as_long_as_they_are_held(server, open_client):
    Counter(server)
    async with open_client(token="alice") as alice:
        held = [alice.watch(DAY, DayParams(str(number))) for number in range(MAX_QUESTIONS)]
        with pytest.raises(Misuse, match="16"):
            alice.watch(DAY, MON)
        held.pop()
        gc.collect()
        assert (await soon(anext(alice.watch(DAY, MON)))).sold == (1,)
