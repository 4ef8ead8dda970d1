"""Thousands of clients that lose their connections in the same moment, come back at once and resume."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import msgspec

from benchmarks.clients.peer import Peer, Spent, Work, enter, serve_plan, spent_since
from benchmarks.codecs.base import Party
from benchmarks.histograms import from_values
from benchmarks.plan import PartyPlan

#: Connections made at the same time before the storm.
CALM = 50


class StormPlan(msgspec.Struct, frozen=True):
    """The clients to cut."""

    host: str
    port: int
    parties: list[PartyPlan]
    cpus: list[int] = []


class Returned(msgspec.Struct):
    """The result. Times count from the cut (encoded histogram, µs)."""

    resumed: int
    not_resumed: int
    failed: int
    back_us: str
    spent: Spent


async def prepare(plan: StormPlan) -> Work:
    """Connect all clients, each with a session that can be resumed."""
    peers: list[Peer] = []
    for first in range(0, len(plan.parties), CALM):
        parties = plan.parties[first : first + CALM]
        arriving = (
            enter(plan.host, plan.port, Party(party.name, party.token), first + number)
            for number, party in enumerate(parties)
        )
        peers.extend(await asyncio.gather(*arriving))

    async def work() -> Returned:
        wall, cpu = time.monotonic(), time.process_time()
        for peer in peers:
            peer.cut()
        back: Counter[int] = Counter()

        async def come_back(number: int, peer: Peer) -> bool:
            welcome = peer.welcomed.result()
            resume = (welcome[6], welcome[7], peer.received)
            again = await enter(plan.host, plan.port, peer.party, number, resume=resume)
            back[int((time.monotonic() - wall) * 1e6)] += 1
            return bool(again.welcomed.result()[8])

        results = await asyncio.gather(
            *(come_back(number, peer) for number, peer in enumerate(peers)), return_exceptions=True
        )
        return Returned(
            sum(result is True for result in results),
            sum(result is False for result in results),
            sum(isinstance(result, BaseException) for result in results),
            from_values(back.items()),
            spent_since(wall, cpu),
        )

    return work


if __name__ == "__main__":
    serve_plan(StormPlan, prepare)
