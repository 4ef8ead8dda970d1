"""Users who send a bot long texts that nothing is found in, each as many as its rate allows."""

from __future__ import annotations

import asyncio
import os
import time

import msgspec

from benchmarks.clients.peer import Peer, Refused, Spent, Work, enter, serve_plan, spent_since
from benchmarks.codecs.base import Party
from benchmarks.plan import PartyPlan
from benchmarks.processes import direct
from imserver_protocol.wire.codec import encode_content


class FloodPlan(msgspec.Struct, frozen=True):
    """Each of the parties writes `text` to `to`: `burst` times at once, and then `per_second` times a second."""

    host: str
    port: int
    parties: list[PartyPlan]
    to: str
    text: str
    burst: int
    per_second: float
    seconds: float
    cpus: list[int] = []


class Flooded(msgspec.Struct):
    """Texts that the server took, and those that it refused."""

    taken: int
    refused: int
    spent: Spent


async def prepare(plan: FloodPlan) -> Work:
    """Connect everybody."""
    peers = [
        await enter(plan.host, plan.port, Party(party.name, party.token), number)
        for number, party in enumerate(plan.parties)
    ]

    async def work() -> Flooded:
        wall, cpu = time.monotonic(), time.process_time()
        counts = await asyncio.gather(*(_flood(plan, peer, wall) for peer in peers))
        taken, refused = (sum(count) for count in zip(*counts, strict=True))
        return Flooded(taken, refused, spent_since(wall, cpu))

    return work


async def _flood(plan: FloodPlan, peer: Peer, wall: float) -> tuple[int, int]:
    place = direct(peer.party.name, plan.to)
    content = encode_content({"type": "text", "text": plan.text, "language": "en"})
    taken = refused = 0
    for number in range(plan.burst + int(plan.per_second * plan.seconds)):
        due = wall + max(0, number - plan.burst) / plan.per_second
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        if time.monotonic() > wall + plan.seconds:
            break
        try:
            await peer.ask("post", place, time.time_ns().to_bytes(8, "big") + os.urandom(8), content)
            taken += 1
        except Refused:
            refused += 1
    return taken, refused


if __name__ == "__main__":
    serve_plan(FloodPlan, prepare)
