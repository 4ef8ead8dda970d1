"""Customers who write on a schedule, each in its conversation with a shop: texts that no two share, and when each was sent. A
colleague answers each after a while, so that as many wait at any time."""

from __future__ import annotations

import asyncio
import os
import time

import msgspec

from benchmarks.clients.peer import Peer, Refused, Spent, Work, enter, serve_plan, spent_since
from benchmarks.codecs.base import Party
from benchmarks.plan import PartyPlan
from imserver_protocol.wire.codec import encode_content


class WritePlan(msgspec.Struct, frozen=True):
    """`parties[n]` writes in `conversations[n]`, in turn: `texts` in all, `rate` a second. `colleague` answers each so many
    seconds later."""

    host: str
    port: int
    parties: list[PartyPlan]
    conversations: list[str]
    colleague: PartyPlan
    answered_s: float
    texts: int
    rate: float
    cpus: list[int] = []


class Written(msgspec.Struct):
    """When text n was sent (UTC ms), as a browser on this machine says it; 0: it was not acknowledged."""

    sent_ms: list[float]
    spent: Spent
    errors: list[str] = []


def text_of(number: int) -> str:
    """What nobody else says. Not a wish, and no question that the bot could answer: people have to."""
    return f"Do you repair hearing aids? {number + 100_000}"


async def prepare(plan: WritePlan) -> Work:
    """Let all of them in."""
    colleague, *peers = [
        await enter(plan.host, plan.port, Party(party.name, party.token), number)
        for number, party in enumerate((plan.colleague, *plan.parties))
    ]

    async def work() -> Written:
        wall, cpu = time.monotonic(), time.process_time()
        sent, errors = [0.0] * plan.texts, list[str]()

        async def write(number: int) -> None:
            await asyncio.sleep(wall + number / plan.rate - time.monotonic())
            lane = number % len(peers)
            begun = time.time() * 1000
            try:
                await _post(peers[lane], plan.conversations[lane], text_of(number))
            except (Refused, OSError) as error:
                errors.append(str(error))
            else:
                sent[number] = begun
                await answer(lane)

        async def answer(lane: int) -> None:
            await asyncio.sleep(plan.answered_s)
            try:
                await _post(colleague, plan.conversations[lane], "Yes, please bring them.")
            except (Refused, OSError) as error:
                errors.append(str(error))

        await asyncio.gather(*(write(number) for number in range(plan.texts)))
        return Written(sent, spent_since(wall, cpu), errors[:5])

    return work


async def _post(peer: Peer, conversation: str, text: str) -> None:
    key = time.time_ns().to_bytes(8, "big") + os.urandom(8)
    await peer.ask(
        "post", conversation, key, encode_content({"type": "text", "text": text, "language": "en"})
    )


if __name__ == "__main__":
    serve_plan(WritePlan, prepare)
