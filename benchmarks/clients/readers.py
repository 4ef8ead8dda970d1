"""A reader of old pages: `history` somewhere in the past, one read at a time; it can say first what it then reads."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter

import msgspec

from benchmarks.clients.peer import Peer, Spent, Work, enter, serve_plan, spent_since
from benchmarks.codecs.base import Party
from benchmarks.histograms import from_values
from benchmarks.plan import PartyPlan
from imserver_protocol.wire.codec import encode_content

PAGE = 50
#: Posts under way while a reader fills its conversation.
_WINDOW = 64
_BODY = {"type": "text", "text": "x" * 128}


class ReadPlan(msgspec.Struct, frozen=True):
    """The reader and its conversations; `seed` makes the positions the same for every server.

    With `fills`, each party posts `heads` messages before the start. `page`: items of a page.
    """

    host: str
    port: int
    parties: list[PartyPlan]
    conversations: list[str]
    heads: list[int]
    seconds: float
    seed: int
    cpus: list[int] = []
    page: int = PAGE
    fills: bool = False


class PagesRead(msgspec.Struct):
    """The number of pages, and their times (encoded histogram, µs)."""

    pages: int
    wrong: int
    page_us: str
    spent: Spent


async def prepare(plan: ReadPlan) -> Work:
    """Connect as the member of all conversations."""
    peers = [
        await enter(plan.host, plan.port, Party(party.name, party.token), number)
        for number, party in enumerate(plan.parties)
    ]
    if plan.fills:
        await asyncio.gather(*map(_fill, peers, plan.conversations, plan.heads))

    async def work() -> PagesRead:
        rng = random.Random(plan.seed)
        wall, cpu = time.monotonic(), time.process_time()
        times: Counter[int] = Counter()
        wrong = 0
        while time.monotonic() < wall + plan.seconds:
            number = rng.randrange(len(peers))
            after = rng.randrange(plan.heads[number])
            begun = time.monotonic()
            items, first, last, *_ = await peers[number].ask(
                "history", plan.conversations[number], after, None, plan.page
            )
            times[int((time.monotonic() - begun) * 1e6)] += 1
            wrong += first != after + 1 or [item[0] for item in items] != list(range(first, last + 1))
        return PagesRead(times.total(), wrong, from_values(times.items()), spent_since(wall, cpu))

    return work


async def _fill(peer: Peer, conversation_id: str, count: int) -> None:
    content = encode_content(_BODY)
    for begin in range(0, count, _WINDOW):
        posts = (
            peer.ask("post", conversation_id, os.urandom(16), content)
            for _ in range(min(_WINDOW, count - begin))
        )
        await asyncio.gather(*posts)


if __name__ == "__main__":
    serve_plan(ReadPlan, prepare)
