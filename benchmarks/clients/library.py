"""A user of the Python client library: posts, and receives what was posted. `library.js` is the same in JavaScript."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec

from benchmarks.clients.peer import Spent, Work, serve_plan, spent_since
from imserver_client import Client, connect


class LibraryPlan(msgspec.Struct, frozen=True):
    """Who posts how many texts to whom, and how many posts wait for an answer at a time."""

    address: str
    token: str
    device_id: str
    other: str
    count: int
    window: int
    cpus: list[int] = []


class Handled(msgspec.Struct):
    """Messages posted and received, those received twice or out of order, and what that took of the client's process."""

    posted: int
    received: int
    doubled: int
    out_of_order: int
    spent: Spent


async def prepare(plan: LibraryPlan) -> Work:
    client = await connect(plan.address, token=plan.token, device_id=plan.device_id)

    async def work() -> Handled:
        wall, cpu = time.monotonic(), time.process_time()
        reading = asyncio.create_task(_read(client, plan.count))
        posted = await _post(client, plan)
        received, doubled, out_of_order = await reading
        return Handled(posted, received, doubled, out_of_order, spent_since(wall, cpu))

    return work


async def _post(client: Client, plan: LibraryPlan) -> int:
    conversation_id, left = client.direct(plan.other), iter(range(plan.count))
    posted = 0

    async def lane() -> None:
        nonlocal posted
        for number in left:
            await client.post(conversation_id, f"message {number}")
            posted += 1

    await asyncio.gather(*(lane() for _ in range(plan.window)))
    return posted


async def _read(client: Client, count: int) -> tuple[int, int, int]:
    positions: set[int] = set()
    last, received, out_of_order = 0, 0, 0
    messages: Any = client.messages()
    async for message in messages:
        received += 1
        positions.add(message.position)
        out_of_order += message.position != last + 1
        last = message.position
        if received == count:
            break
    return received, received - len(positions), out_of_order


if __name__ == "__main__":
    serve_plan(LibraryPlan, prepare)
