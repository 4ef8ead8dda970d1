"""SIGKILL a real server under posting clients, again and again: nothing acknowledged is lost, doubled or out of order."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from imserver.proof.server_process import ServerProcess
from imserver_client import Client, Environment, connect, direct_conversation_id

POSTERS = 4
#: Posts that each poster keeps under way.
IN_FLIGHT = 8
#: Clients that come back at once: the kills are what is tested here, not their patience.
IMPATIENT = Environment(uniform=lambda low, high: min(high, 0.05))


class Poster:
    """Posts numbered lines without a pause, several at once, and remembers what was answered."""

    def __init__(self, client: Client, other: str, progress: asyncio.Condition) -> None:
        self._progress = progress
        self.client = client
        self.conversation_id = direct_conversation_id(client.user_id, other)
        self.answered: dict[bytes, int] = {}
        self.order: list[bytes] = []
        self.stopping = False

    async def run(self) -> None:
        room = asyncio.Semaphore(IN_FLIGHT)

        async def post(number: int, key: bytes) -> None:
            try:
                posted = await self.client.post(
                    self.conversation_id, f"{self.client.user_id} {number}", key=key
                )
                async with self._progress:
                    self.answered[key] = posted.position
                    self._progress.notify_all()
            finally:
                room.release()

        number = 0
        async with asyncio.TaskGroup() as group:
            while not self.stopping:
                await room.acquire()
                key = number.to_bytes(8, "big") + self.client.user_id.encode().ljust(8)[:8]
                self.order.append(key)
                group.create_task(post(number, key))
                number += 1


@pytest.mark.timeout(300)  # a start of a server process for each, and one more
@pytest.mark.parametrize("kills", [4, pytest.param(12, marks=pytest.mark.prove)])
async def test_a_killed_server_forgets_nothing_that_it_answered(tmp_path: Path, kills: int) -> None:
    server = ServerProcess(tmp_path, {"limits": {"posts_per_second": 100000.0, "posts_burst": 100000}})
    seen: dict[str, list[tuple[int, bytes]]] = defaultdict(list)
    with_unanswered = 0
    async with server, AsyncExitStack() as stack:

        async def enter(name: str) -> Client:
            return await stack.enter_async_context(
                connect(
                    server.url,
                    token=server.token(name),
                    device_id=f"{name}-1",
                    timeout=30,
                    environment=IMPATIENT,
                )
            )

        readers = [await enter(f"reader{n}") for n in range(POSTERS)]
        progress = asyncio.Condition()
        posters = [Poster(await enter(f"poster{n}"), f"reader{n}", progress) for n in range(POSTERS)]

        async def read(client: Client) -> None:
            async for message in client.messages():
                async with progress:
                    seen[message.conversation_id].append((message.position, message.key))
                    progress.notify_all()

        async with asyncio.TaskGroup() as group:
            readings = [group.create_task(read(client)) for client in readers]
            postings = [group.create_task(poster.run()) for poster in posters]
            for kill in range(kills):
                await more_answers(progress, posters, at_least=25)
                if kill % 2:
                    server.freeze(True)  # what is posted from here on is certainly unanswered
                    await asyncio.sleep(0.02)
                unanswered = sum(len(poster.client.outbox()) for poster in posters)
                await server.kill()
                # What was under way at the kill is still unanswered now: nobody was there to answer it.
                with_unanswered += unanswered > 0
                await server.start()
                assert len(set(server.pids)) == kill + 2
            await more_answers(progress, posters, at_least=25)
            for poster in posters:
                poster.stopping = True
            await asyncio.gather(*postings)
            async with asyncio.timeout(90), progress:
                await progress.wait_for(
                    lambda: all(len(seen[p.conversation_id]) >= len(p.order) for p in posters)
                )
            for reading in readings:
                reading.cancel()
        assert await server.stop() == 0

    print(
        f"{kills} kills, {with_unanswered} with unanswered posts, {sum(len(p.answered) for p in posters)} posts answered"
    )
    assert with_unanswered * 2 >= kills
    with sqlite3.connect(server.database) as rows:
        stored = rows.execute(
            "SELECT c.conversation_id, m.position, m.key FROM messages m JOIN conversations c ON c.no = m.conversation_no"
            " ORDER BY c.conversation_id, m.position"
        ).fetchall()
    rows.close()
    by_conversation: dict[str, list[tuple[int, bytes]]] = defaultdict(list)
    for conversation_id, position, key in stored:
        by_conversation[conversation_id].append((position, bytes(key)))
    for poster in posters:
        found = by_conversation[poster.conversation_id]
        assert [position for position, _ in found] == list(range(1, len(found) + 1)), "positions have no gap"
        assert [key for _, key in found] == poster.order, "each post once, in the order of sending"
        assert {key: position for position, key in found} == poster.answered, "each answer was true"
        assert seen[poster.conversation_id] == found, (
            "the reader saw exactly what is stored, once and in order"
        )


async def more_answers(progress: asyncio.Condition, posters: list[Poster], at_least: int) -> None:
    """Wait until every poster got so many more answers."""
    goals = [len(poster.answered) + at_least for poster in posters]
    async with asyncio.timeout(90), progress:
        await progress.wait_for(
            lambda: all(len(poster.answered) >= goal for poster, goal in zip(posters, goals, strict=True))
        )
