"""Well-behaved people, in a process of their own: they go on talking through the client library while somebody attacks.

    python -m tests.hostile.neighbours PORT AUTHORITY TOKEN…

AUTHORITY is a PEM file to trust, or empty for a server without TLS. Each two tokens are a pair. A line `FROM TO` on standard
input (monotonic seconds) asks how the posts went that were due in between; an empty line ends it. An answer is a line of JSON.

A post is due on a fixed beat, whether the one before it was answered or not, and its latency counts from there: a server that
stands still is seen by every post that it held up, not by one.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from asyncio.subprocess import Process
from pathlib import Path
from typing import Any, Self

import uvloop
from hdrh.histogram import HdrHistogram

from imserver.proof.server_process import ServerProcess
from imserver_client import Client, ConnectionChanged, connect, direct_conversation_id

#: One post of each pair every so often (seconds): below the 50 a second that a user may post.
BEAT_S = 0.03
PAIRS = 4
#: Nobody waits so long on a good day (seconds).
PATIENCE_S = 30.0


class Pair:
    """Two people: one speaks on the beat, the other listens."""

    def __init__(self, number: int, speaker: Client, listener: Client) -> None:
        self.here = direct_conversation_id(f"ann{number}", f"ben{number}")
        self.speaker = speaker
        self.listener = listener
        self.heard: list[str] = []
        self.said = 0
        #: When each post was due, and how long its answer took.
        self.timings: list[tuple[float, float]] = []
        self.changes: list[str] = []
        self._posts: set[asyncio.Task[None]] = set()
        self._caught_up = asyncio.Event()

    async def speak(self) -> None:
        due = time.monotonic()
        while True:
            post = asyncio.create_task(self._post(f"line {self.said}", due))
            self.said += 1
            self._posts.add(post)
            post.add_done_callback(self._posts.discard)
            due += BEAT_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _post(self, text: str, due: float) -> None:
        await self.speaker.post(self.here, text)
        self.timings.append((due, time.monotonic() - due))

    async def listen(self) -> None:
        async for message in self.listener.messages():
            self.heard.append((message.content or {})["text"])
            self._caught_up.set()

    async def watch(self, client: Client) -> None:
        async for event in client.events():
            if isinstance(event, ConnectionChanged):
                self.changes.append(f"{event.state.value}: {event.reason}")

    async def settled(self) -> None:
        """Everything that was said is answered and heard."""
        while self._posts:
            await asyncio.wait(set(self._posts))
        while len(self.heard) < self.said:
            self._caught_up.clear()
            await self._caught_up.wait()


class Circle:
    """All pairs of one process."""

    def __init__(self, pairs: list[Pair]) -> None:
        self.pairs = pairs

    async def between(self, begin: float, end: float) -> dict[str, Any]:
        """Latencies of the posts that were due in between, once that is over and all of them are answered."""
        await asyncio.sleep(max(0.0, end - time.monotonic()))
        async with asyncio.timeout(PATIENCE_S):
            for pair in self.pairs:
                await asyncio.gather(*list(pair._posts))
        due = [took for pair in self.pairs for at, took in pair.timings if begin <= at <= end]
        histogram = HdrHistogram(1, 60_000_000, 3)
        for took in due:
            histogram.record_value(max(1, int(took * 1e6)))
        p50, p99, most = (
            histogram.get_value_at_percentile(share) / 1000 if due else 0.0 for share in (50, 99, 100)
        )
        return {
            "posts": len(due),
            "heard": sum(len(pair.heard) for pair in self.pairs),
            "p50_ms": p50,
            "p99_ms": p99,
            "max_ms": most,
            "changes": [change for pair in self.pairs for change in pair.changes],
        }

    async def end(self) -> dict[str, Any]:
        """What was said and what was heard of it, in the end."""
        async with asyncio.timeout(PATIENCE_S):
            for pair in self.pairs:
                await pair.settled()
        said = [[f"line {number}" for number in range(pair.said)] for pair in self.pairs]
        heard = [pair.heard for pair in self.pairs]
        return {
            "said": sum(map(len, said)),
            "lost": sum(len(set(s) - set(h)) for s, h in zip(said, heard, strict=True)),
            "doubled": sum(len(h) - len(set(h)) for h in heard),
            "in_order": said == heard,
        }


async def run(port: int, authority: str, tokens: list[str]) -> None:
    """Connect everybody, then answer lines until an empty one."""
    tls = ssl.create_default_context(cafile=authority) if authority else None
    url = f"{'imservers' if tls else 'imserver'}://127.0.0.1:{port}"
    clients = [await connect(url, token=token, device_id="phone", tls=tls) for token in tokens]
    circle = Circle(
        [Pair(number, clients[2 * number], clients[2 * number + 1]) for number in range(len(tokens) // 2)]
    )
    tasks = [asyncio.create_task(task) for pair in circle.pairs for task in (pair.listen(), pair.speak())]
    watching = [
        asyncio.create_task(pair.watch(client))
        for pair in circle.pairs
        for client in (pair.speaker, pair.listener)
    ]
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    tell({"ready": True})
    while line := (await lines.readline()).strip():
        begin, end = map(float, line.split())
        tell(await circle.between(begin, end))
    for task in tasks[1::2]:
        task.cancel()
    await asyncio.gather(*tasks[1::2], return_exceptions=True)
    tell(await circle.end())
    for task in (*tasks, *watching):
        task.cancel()
    await asyncio.gather(*tasks, *watching, return_exceptions=True)
    await asyncio.gather(*(client.close() for client in clients))


def tell(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


class Neighbours:
    """The same, as whoever attacks sees it: ask how they are, and see in the end that nothing was lost."""

    def __init__(self, server: ServerProcess, authority: str = "") -> None:
        self._server = server
        self._authority = authority
        self._process: Process | None = None

    async def __aenter__(self) -> Self:
        names = [f"{name}{number}" for number in range(PAIRS) for name in ("ann", "ben")]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.hostile.neighbours",
            str(self._server.port),
            self._authority,
            *(self._server.token(name, device_id="phone") for name in names),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert (await self._line())["ready"]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def between(self, begin: float, end: float) -> dict[str, Any]:
        """How their posts went that were due in between."""
        return await self._ask(f"{begin} {end}\n")

    async def end(self) -> dict[str, Any]:
        """They stop; what they said and what they heard."""
        return await self._ask("\n")

    async def _ask(self, line: str) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode())
        return await self._line()

    async def _line(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(2 * PATIENCE_S):
            line = await self._process.stdout.readline()
        assert line, "the neighbours have gone"
        told: dict[str, Any] = json.loads(line)
        return told


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
