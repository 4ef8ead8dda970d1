"""A real server process whose system calls fail, and real clients that go on: nobody is answered falsely, nothing is lost.

pytest -m prove tests/storage_faults/test_real_server.py -s       prints the totals
STORAGE_FAULT_REAL=500 …                                          so many points
"""

from __future__ import annotations

import asyncio
import errno
import os
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from imserver.proof.server_process import ServerFailed, ServerProcess
from imserver.store.checks import check_database
from imserver_client import Client, Environment, connect, direct_conversation_id
from tests.storage_faults.gate import real_shortcomings
from tests.storage_faults.life import copy_files
from tests.storage_faults.shim import Controls, Mode, Operation, compiled

#: Points in the ordinary suite, and in the proof.
SAMPLE, PROOF = 6, 112
#: The furthest call that fails: about three commits.
FURTHEST = 36
#: Of a process that says nothing, or does not end (seconds).
PATIENCE_S = 60.0
#: Between two looks at what was struck.
LOOK_S = 0.02
IMPATIENT = Environment(uniform=lambda low, high: min(high, 0.05))
FAST = {"limits": {"posts_per_second": 1e6, "posts_burst": 10**6}}
PEOPLE = ("alice", "bob")
THERE = direct_conversation_id(*PEOPLE)
SAYS = "the store failed, nobody is served any more"

WRITE, SYNC = Operation.WRITE, Operation.SYNC


@dataclass(frozen=True)
class Point:
    name: str
    at: int
    error: int
    mode: Mode
    operations: tuple[Operation, ...]


def points(count: int, seed: int) -> list[Point]:
    """Of each kind the same share, at calls near and far."""
    rng = random.Random(seed)
    far, near = rng.sample(range(1, FURTHEST + 1), FURTHEST), rng.sample(range(1, 5), 4)
    kinds = (
        ("write EIO", far, errno.EIO, Mode.ONCE, (WRITE,)),
        ("write ENOSPC", far, errno.ENOSPC, Mode.ONCE, (WRITE,)),
        ("sync EIO", near, errno.EIO, Mode.ONCE, (SYNC,)),
        ("short write", far, errno.ENOSPC, Mode.SHORT, (WRITE,)),
        ("sync EIO, and everything after it", near, errno.EIO, Mode.ALL_LATER, (SYNC,)),
        ("write ENOSPC until there is room", far, errno.ENOSPC, Mode.LATER_WRITES, (WRITE,)),
        ("start EIO", near, errno.EIO, Mode.ALL_LATER, tuple(Operation)),
    )
    made = []
    for number in range(count):
        name, calls, error, mode, operations = kinds[number % len(kinds)]
        made.append(Point(name, calls[number // len(kinds) % len(calls)], error, mode, operations))
    return made


class Stand:
    """One server process and two people who never stop talking."""

    def __init__(self, folder: Path, counts: Counter[str]) -> None:
        folder.mkdir()
        self._folder = folder
        self._counts = counts
        self.server = ServerProcess(folder, FAST, dies_with_parent=True)
        self.controls = Controls(self.server.database)
        self._clients: Sequence[Client] = ()
        self._posts: dict[bytes, asyncio.Task[int]] = {}
        self._looked_at = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Stand]:
        async with self.server, AsyncExitStack() as stack:
            self._clients = [
                await stack.enter_async_context(
                    connect(
                        self.server.url,
                        token=self.server.token(name),
                        device_id=f"{name}-1",
                        timeout=PATIENCE_S,
                        environment=IMPATIENT,
                    )
                )
                for name in PEOPLE
            ]
            self._say(1)
            await self._answered()
            yield self
        self.controls.close()

    async def try_point(self, point: Point) -> None:
        if point.name.startswith("start"):
            await self._fail_at_start(point)
        else:
            await self._fail_while_serving(point)

    async def end(self) -> None:
        """In good order; then every message is there once, and the database proves itself."""
        await self._answered()
        assert await self.server.stop() == 0
        assert self._stored() == {key: task.result() for key, task in self._posts.items()}

    # -- one point ----------------------------------------------------------------------------------------------------

    def _count(self, point: Point) -> None:
        if self.controls.struck is None:
            self._counts["not reached"] += 1
        else:
            self._counts[f"point {point.name}"] += 1

    async def _fail_while_serving(self, point: Point) -> None:
        self.controls.arm(point.at, point.error, point.mode, *point.operations)
        ended = asyncio.ensure_future(self.server.ended())
        async with asyncio.timeout(PATIENCE_S):
            while self.controls.struck is None:
                if len(self._waiting()) < 6:
                    self._say(3)
                # A full disk decides nothing, so nobody would be told that it was struck.
                await asyncio.wait(
                    {ended, *self._waiting()}, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED
                )
            self._count(point)
            if point.mode is Mode.LATER_WRITES:
                page = await self._clients[0].history(THERE, limit=1)  # reading goes on
                assert page.head >= 1
                self.controls.make_room()
            self._say(1)
            answered = asyncio.ensure_future(self._answered())
            await asyncio.wait({ended, answered}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            ended.cancel()
            self._counts["went on"] += 1
            assert point.error == errno.ENOSPC, self.server.tail()
            return
        assert point.error != errno.ENOSPC, self.server.tail()
        await self._look_at_the_end(ended.result())
        self.controls.heal()
        await self.server.start()
        async with asyncio.timeout(PATIENCE_S):
            await answered

    async def _look_at_the_end(self, code: int) -> None:
        """The process has ended by itself: what did it say, and to whom?"""
        said = self.server.log.read_text()[self._looked_at :]
        self._looked_at += len(said)
        assert code not in {0, -9}, code
        assert said.count(SAYS) == 1, said
        assert "Traceback" not in said, said
        self._counts["ended by itself"] += 1
        stored = self._stored()
        for key, task in self._posts.items():
            if task.done():
                assert stored[key] == task.result(), "answered, and not there"
            else:
                self._counts["unanswered found present" if key in stored else "unanswered found absent"] += 1

    async def _fail_at_start(self, point: Point) -> None:
        await self._answered()
        if point.at % 2:
            assert await self.server.stop() == 0
        else:
            await self.server.kill()  # with a log to recover
        self._looked_at = self.server.log.stat().st_size
        self.controls.arm(point.at, point.error, point.mode, *point.operations)
        try:
            await self.server.start()
        except ServerFailed:
            lines = self.server.log.read_text()[self._looked_at :].splitlines()
            assert len([line for line in lines if line.startswith("imserver: ")]) == 1, lines
            assert not any("Traceback" in line for line in lines), lines
            self._counts["did not start"] += 1
            self._count(point)
            self.controls.heal()
            await self.server.start()
        else:
            self._count(point)
            self.controls.heal()
        self._looked_at = self.server.log.stat().st_size

    # -- what is said and stored --------------------------------------------------------------------------------------

    def _say(self, count: int) -> None:
        """So many posts by each, all at once."""
        for client in self._clients:
            for _ in range(count):
                number = len(self._posts)
                key = number.to_bytes(16, "big")
                text = f"{client.user_id} {number} " + "x" * (number % 7 * 400)
                self._posts[key] = asyncio.create_task(self._post(client, key, text))

    @staticmethod
    async def _post(client: Client, key: bytes, text: str) -> int:
        return (await client.post(THERE, text, key=key)).position

    def _waiting(self) -> list[asyncio.Task[int]]:
        return [task for task in self._posts.values() if not task.done()]

    async def _answered(self) -> None:
        await asyncio.gather(*self._posts.values())

    def _stored(self) -> dict[bytes, int]:
        """Of a server that has ended, from a copy: whoever opens the files next is the server."""
        copy = self._folder / "copy"
        copy.mkdir(exist_ok=True)
        for path in copy.iterdir():
            path.unlink()
        copy_files(self._folder, copy)
        with closing(sqlite3.connect(copy / "chat.db")) as raw:
            report = check_database(raw)
            assert report.found == 0, report.findings
            rows = raw.execute("SELECT key, position FROM messages").fetchall()
        stored = dict(rows)
        assert len(stored) == len(rows), "a key is stored twice"
        return stored


async def try_points(
    wanted: Sequence[Point], folder: Path, stands: int, monkeypatch: pytest.MonkeyPatch
) -> Counter[str]:
    """On so many servers at a time."""
    monkeypatch.setenv("LD_PRELOAD", str(compiled(folder)))
    counts: Counter[str] = Counter()

    async def serve(number: int) -> None:
        async with Stand(folder / str(number), counts).open() as stand:
            for point in wanted[number::stands]:
                await stand.try_point(point)
            await stand.end()

    async with asyncio.TaskGroup() as group:
        for number in range(stands):
            group.create_task(serve(number))
    return counts


def show(counts: Counter[str], seed: int) -> int:
    total = sum(count for name, count in counts.items() if name.startswith("point "))
    print(f"\nstorage faults of a real server process, seed {seed}: {total} points")
    for name, count in sorted(counts.items()):
        print(f"  {name:<48} {count:>6}")
    return total


@pytest.mark.timeout(180)  # a few seconds, unless others need the machine too
async def test_a_real_server_whose_disk_fails_answers_nobody_falsely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = int(os.environ.get("STORAGE_FAULT_SEED", "1"))
    counts = await try_points(points(SAMPLE, seed), tmp_path, 1, monkeypatch)
    assert show(counts, seed) == SAMPLE
    assert counts["ended by itself"] == SAMPLE // 2
    assert counts["went on"] == SAMPLE // 2


@pytest.mark.prove
@pytest.mark.timeout(3600)
async def test_a_hundred_faults_of_a_real_servers_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = int(os.environ.get("STORAGE_FAULT_SEED", "1"))
    wanted = points(int(os.environ.get("STORAGE_FAULT_REAL", str(PROOF))), seed)
    counts = await try_points(wanted, tmp_path, 2, monkeypatch)
    assert list(real_shortcomings(show(counts, seed), counts)) == []
