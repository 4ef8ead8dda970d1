"""Clients that were away and read all missed messages: sync, then every conversation to its head."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec

from benchmarks.clients.peer import Peer, Spent, Work, enter, serve_plan, spent_since
from benchmarks.codecs.base import Party
from benchmarks.plan import PartyPlan

PAGE = 200
#: Conversations that one client reads at the same time; each has one read in flight, as the protocol says.
READS = 8


class DrainPlan(msgspec.Struct, frozen=True):
    """The readers. With `reads` = False each client stops after its sync."""

    host: str
    port: int
    parties: list[PartyPlan]
    reads: bool = True
    cpus: list[int] = []


class Drained(msgspec.Struct):
    """Sums over all readers, until the last had everything."""

    messages: int
    conversations: int
    out_of_order: int
    missing: int
    spent: Spent
    #: Time of each client's whole sync, in ms.
    sync_ms: list[float] = []


class _Reader:
    def __init__(self, plan: DrainPlan) -> None:
        self._plan = plan
        self.messages = self.conversations = self.out_of_order = self.missing = 0
        self.sync_ms: list[float] = []

    async def drain(self, number: int, party: PartyPlan) -> None:
        plan = self._plan
        peer = await enter(plan.host, plan.port, Party(party.name, party.token), number)
        begun = time.monotonic()
        rows: list[Any] = []
        since, more = None, True
        while more:
            page, since, more, *_ = await peer.ask("sync", since, PAGE)
            rows.extend(page)
        self.sync_ms.append((time.monotonic() - begun) * 1000)
        self.conversations += len(rows)
        if plan.reads:
            for first in range(0, len(rows), READS):
                await asyncio.gather(
                    *(self._read(peer, row[0], row[3]) for row in rows[first : first + READS])
                )

    async def _read(self, peer: Peer, conversation_id: str, head: int) -> None:
        have = 0
        while have < head:
            items, first, last, *_ = await peer.ask("history", conversation_id, have, None, PAGE)
            if first != have + 1 or last < first:
                self.missing += head - have
                return
            positions = [item[0] for item in items]
            self.out_of_order += positions != list(range(first, last + 1))
            self.messages += len(items)
            have = last


async def prepare(plan: DrainPlan) -> Work:
    """Connect no client before the start."""

    async def work() -> Drained:
        wall, cpu = time.monotonic(), time.process_time()
        reader = _Reader(plan)
        await asyncio.gather(*(reader.drain(number, party) for number, party in enumerate(plan.parties)))
        return Drained(
            reader.messages,
            reader.conversations,
            reader.out_of_order,
            reader.missing,
            spent_since(wall, cpu),
            reader.sync_ms,
        )

    return work


if __name__ == "__main__":
    serve_plan(DrainPlan, prepare)
