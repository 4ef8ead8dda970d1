"""A reader of old pages: `history` somewhere in the past, one read at a time."""

from __future__ import annotations

import random
import time
from collections import Counter

import msgspec

from benchmarks.clients.peer import Spent, Work, enter, serve_plan, spent_since
from benchmarks.codecs.base import Party
from benchmarks.histograms import from_values
from benchmarks.plan import PartyPlan

PAGE = 50


class ReadPlan(msgspec.Struct, frozen=True):
    """The reader and its conversations; `seed` makes the positions the same for every server."""

    host: str
    port: int
    parties: list[PartyPlan]
    conversations: list[str]
    heads: list[int]
    seconds: float
    seed: int
    cpus: list[int] = []


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

    async def work() -> PagesRead:
        rng = random.Random(plan.seed)
        wall, cpu = time.monotonic(), time.process_time()
        times: Counter[int] = Counter()
        wrong = 0
        while time.monotonic() < wall + plan.seconds:
            number = rng.randrange(len(peers))
            after = rng.randrange(plan.heads[number])
            begun = time.monotonic()
            items, first, last, _ = await peers[number].ask(
                "history", plan.conversations[number], after, None, PAGE
            )
            times[int((time.monotonic() - begun) * 1e6)] += 1
            wrong += first != after + 1 or [item[0] for item in items] != list(range(first, last + 1))
        return PagesRead(times.total(), wrong, from_values(times.items()), spent_since(wall, cpu))

    return work


if __name__ == "__main__":
    serve_plan(ReadPlan, prepare)
