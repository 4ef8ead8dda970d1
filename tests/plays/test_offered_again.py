"""Applications that were cut off offer everything again at once, and a part of it was stored: over real TCP.

What is answered "stored" is there, once, at the position that was told; in a fresh session and in one that is resumed.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.content import encode_content
from imserver.model import direct_conversation_id
from imserver.store.checks import check_database
from tests.limits.raw import Raw, Welcomed
from tests.support.servers import people, running

AB = direct_conversation_id("alice", "bob")
FAST = {"posts_per_second": 1e6, "posts_burst": 10**6}
COUNT = 99
#: Requests that a session may have in work.
MOST = 256


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def text(number: int) -> dict[str, Any]:
    return {"type": "text", "text": f"{number}"}


def offer(raw: Raw, numbers: Sequence[int]) -> list[int]:
    """All of them in one write; the seqs of the requests."""
    return [raw.request("post", AB, key(number), encode_content(text(number))) for number in numbers]


async def stored(server: Server) -> dict[bytes, tuple[int, Any]]:
    """Everything that anybody can read there, by key."""
    async with people(server) as enter:
        bob = await enter("bob", device="reads")
        items: list[Any] = []
        while not items or items[0].position > 1:
            before = items[0].position if items else None
            items[:0] = (await bob.history(AB, before=before, limit=200)).items
    assert [item.position for item in items] == list(range(1, len(items) + 1))
    return {item.key: (item.position, item.content) for item in items}


async def all_there(
    server: Server, raw: Raw, numbers: Sequence[int], seqs: Sequence[int], known: Sequence[int] = ()
) -> None:
    """Each was answered, and what was answered is so; and nothing is there but these and what is `known`."""
    answers = [await raw.answer(seq) for seq in seqs]
    there = await stored(server)
    for number, answer in zip(numbers, answers, strict=True):
        assert answer.code == 0, answer
        assert there[key(number)] == (answer.result[0], text(number)), (
            f"{number} was answered {answer.result}"
        )
    assert there.keys() == {key(number) for number in (*numbers, *known)}


def whole(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        assert check_database(database).findings == []


async def again(raw: Raw, server: Server, old: Welcomed, how: str) -> None:
    """Come back as a fresh session, or in the old one."""
    if how == "fresh":
        await raw.enter(server, "alice")
        return
    token = server.accounts.make_token("alice", ttl_s=3600)
    raw.hello(token, resume=(old.session_id, old.token), ack=raw.received)
    welcomed = await raw.welcome()
    assert welcomed.resumed


@pytest.mark.parametrize("how", ["fresh", "resumed"])
@pytest.mark.parametrize("before", [[COUNT], [70], [65, 99], range(1, 41), range(60, 100)], ids=str)
async def test_a_run_of_which_a_part_was_stored_before_is_stored_whole(
    tmp_path: Path, how: str, before: Sequence[int]
) -> None:
    numbers = range(1, COUNT + 1)
    async with running(tmp_path, limits=FAST) as server:
        async with await Raw.open(server) as raw:
            old = await raw.enter(server, "alice")
            for seq in offer(raw, before):
                assert (await raw.answer(seq)).code == 0
            seq, received = raw.seq, raw.received
        async with await Raw.open(server) as raw:
            raw.seq, raw.received = seq, received
            await again(raw, server, old, how)
            await all_there(server, raw, numbers, offer(raw, numbers))
    whole(tmp_path / "chat.db")


@pytest.mark.parametrize("seed", range(3))
async def test_a_server_that_dies_again_and_again_over_long_runs(tmp_path: Path, seed: int) -> None:
    """Of each run an unknown part was answered; its application offers all it ever said, in any order, to the next server."""
    rng = random.Random(seed)
    said: list[int] = []
    for _ in range(4):
        async with running(tmp_path, limits=FAST) as server, await Raw.open(server) as raw:
            await raw.enter(server, "alice")
            fresh = range(len(said) + 1, len(said) + 1 + rng.choice((66, 99, 130)))
            run = [*fresh, *rng.sample(said, k=min(len(said), MOST - len(fresh)))]
            if rng.random() < 0.5:
                rng.shuffle(run)
            seqs = offer(raw, run)
            await raw.answer(seqs[rng.randrange(len(seqs))])
            said += fresh  # and hangs up, with answers under way
    async with running(tmp_path, limits=FAST) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        early, late = said[:-MOST], said[-MOST:]
        for seq in offer(raw, early):
            assert (await raw.answer(seq)).code == 0
        await all_there(server, raw, late, offer(raw, late), known=early)
    whole(tmp_path / "chat.db")


async def test_the_client_library_offers_again_what_its_application_kept(tmp_path: Path) -> None:
    """A new installation of the application: its own list of keys, and no store of the library beside it."""
    async with running(tmp_path, limits=FAST) as server:
        async with people(server) as enter:
            alice = await enter("alice")
            await alice.post(AB, "99", key=key(99))
        async with people(server) as enter:
            alice = await enter("alice")
            posts = [alice.post(AB, f"{number}", key=key(number)) for number in range(1, COUNT + 1)]
            answers = await asyncio.gather(*posts)
        there = await stored(server)
        assert {
            answer.key: (answer.position, text(number)) for number, answer in enumerate(answers, 1)
        } == there
    whole(tmp_path / "chat.db")
