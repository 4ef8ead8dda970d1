"""The neighbours of an attack notice every harm: lost, doubled, changed, out of order, late, cut off."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from imserver_client import ConnectionChanged, State
from tests.hostile import neighbours
from tests.hostile.neighbours import Circle, Neighbours, Pair
from tests.support.servers import running


@dataclasses.dataclass
class Line:
    """What a client sends over, and what of it arrives."""

    arrives: Callable[[str], list[str]] = lambda text: [text]
    answered: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    over: asyncio.Queue[str] = dataclasses.field(default_factory=asyncio.Queue)
    events_: asyncio.Queue[object] = dataclasses.field(default_factory=asyncio.Queue)
    posted: list[str] = dataclasses.field(default_factory=list)

    async def post(self, conversation_id: str, text: str) -> None:
        self.posted.append(text)
        for each in self.arrives(text):
            self.over.put_nowait(each)
        await self.answered.wait()

    async def messages(self) -> AsyncIterator[Any]:
        while True:
            yield Said({"text": await self.over.get()})

    async def events(self) -> AsyncIterator[object]:
        while True:
            yield await self.events_.get()


@dataclasses.dataclass
class Said:
    content: dict[str, str]


@asynccontextmanager
async def talking(
    line: Line, monkeypatch: pytest.MonkeyPatch, posts: int = 6
) -> AsyncIterator[tuple[Circle, Pair]]:
    """A pair on this line that has said at least so much, and has stopped. In front of it stands one that is well."""
    monkeypatch.setattr(neighbours, "BEAT_S", 0.005)
    monkeypatch.setattr(neighbours, "PATIENCE_S", 0.3)
    client: Any = line
    quiet: Any = Line()
    pair = Pair(1, client, client)
    tasks = [asyncio.create_task(each) for each in (pair.listen(), pair.watch(client))]
    speaking = asyncio.create_task(pair.speak())
    async with asyncio.timeout(10):
        while len(line.posted) < posts:  # noqa: ASYNC110  nobody there sets an event
            await asyncio.sleep(0.001)
    speaking.cancel()
    await asyncio.gather(speaking, return_exceptions=True)
    try:
        well = Pair(0, quiet, quiet)
        well.said, well.heard = 1, ["line 0"]
        yield Circle([well, pair]), pair
    finally:
        line.answered.set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *pair._posts, return_exceptions=True)


async def test_neighbours_who_came_to_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line()
    line.answered.set()
    async with talking(line, monkeypatch) as (circle, pair):
        end = await circle.end()
        assert end == {"said": len(line.posted) + 1, "lost": 0, "doubled": 0, "in_order": True}
        between = await circle.between(0.0, time.monotonic())
        assert (between["posts"], between["heard"], between["changes"]) == (pair.said, pair.said + 1, [])


HARM: dict[str, tuple[Callable[[str], list[str]], dict[str, Any]]] = {
    "doubled": (
        lambda text: [text] * (2 if text == "line 2" else 1),
        {"lost": 0, "doubled": 1, "in_order": False},
    ),
    "another": (
        lambda text: ["x" if text == "line 2" else text],
        {"lost": 1, "doubled": 0, "in_order": False},
    ),
    "one for another": (
        lambda text: ["line 1" if text == "line 2" else text],
        {"lost": 1, "doubled": 1, "in_order": False},
    ),
    "order": (
        lambda text: {"line 2": [], "line 3": ["line 3", "line 2"]}.get(text, [text]),
        {"lost": 0, "doubled": 0, "in_order": False},
    ),
}


@pytest.mark.parametrize("harm", HARM)
async def test_neighbours_notice(monkeypatch: pytest.MonkeyPatch, harm: str) -> None:
    arrives, told = HARM[harm]
    line = Line(arrives)
    line.answered.set()
    async with talking(line, monkeypatch) as (circle, _):
        end = await circle.end()
        assert {name: end[name] for name in told} == told


async def test_neighbours_do_not_come_to_an_end_without_what_was_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = Line(lambda text: [] if text == "line 2" else [text])
    line.answered.set()
    async with talking(line, monkeypatch) as (circle, _):
        with pytest.raises(TimeoutError):
            await circle.end()


@pytest.mark.parametrize("asked", ["end", "between"])
async def test_neighbours_do_not_come_to_an_end_without_an_answer(
    monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    async with talking(Line(), monkeypatch) as (circle, pair):
        with pytest.raises(TimeoutError):
            await (circle.end() if asked == "end" else circle.between(0.0, time.monotonic()))
        assert pair.said >= 6, "the beat goes on while nothing is answered"
        assert not pair.timings, "what was not answered has no latency"


async def test_a_server_that_stands_still_is_seen_by_every_post_that_was_due(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = Line()

    def arrives(text: str) -> list[str]:
        if text == "line 0":
            time.sleep(0.1)  # everything stands still
        return [text]

    line.arrives = arrives
    line.answered.set()
    async with talking(line, monkeypatch, posts=10) as (circle, pair):
        await circle.end()
        dues = [due for due, _ in pair.timings]
        assert all(later - due == pytest.approx(0.005) for due, later in itertools.pairwise(dues))
        for number, (_, took) in enumerate(pair.timings[:10]):
            assert took >= 0.1 - 0.005 * (number + 1), "its latency counts from when it was due"
        told = await circle.between(dues[2], dues[5])
        assert told["posts"] == 4, "of these and no others"
        assert told["p50_ms"] >= 70
        nobody = await circle.between(dues[0] - 2, dues[0] - 1)
        assert nobody["posts"] == 0, "no progress"
        until = time.monotonic() + 0.05
        await circle.between(dues[0], until)
        assert time.monotonic() >= until, "what is not over cannot be told"


async def test_neighbours_notice_that_they_were_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line()
    line.answered.set()
    async with talking(line, monkeypatch) as (circle, pair):
        line.events_.put_nowait(ConnectionChanged(State.CONNECTING, "it was cut"))
        async with asyncio.timeout(20):
            while not pair.changes:  # noqa: ASYNC110  nobody there sets an event
                await asyncio.sleep(0.001)
        assert (await circle.between(0.0, time.monotonic()))["changes"] == ["connecting: it was cut"]


async def test_real_neighbours_of_a_server_that_cuts_everybody_off(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            running(tmp_path, users=" ".join(f"ann{n} ben{n}" for n in range(4)))
        )

        class Door:
            port = server.port

            def token(self, name: str, *, device_id: str) -> str:
                return server.accounts.make_token(name, device_id=device_id, ttl_s=3600)

        door: Any = Door()
        people = await stack.enter_async_context(Neighbours(door))
        begin = time.monotonic()
        assert (await people.between(0.0, begin))["changes"] == []
        for transport in list(server.listener.admission.transports):
            transport.abort()
        async with asyncio.timeout(30):
            while server.listener.admission.counts["resumed"] < 8:  # noqa: ASYNC110  another process
                await asyncio.sleep(0.01)
        told, back, until = await people.between(begin, time.monotonic()), 0, time.monotonic() + 15
        while back < 8 and time.monotonic() < until:
            told = await people.between(begin, time.monotonic())
            back = sum(change.startswith(State.CONNECTED.value) for change in told["changes"])
        assert back == 8, "each of them was cut off, and tells when it is back"
        assert told["posts"] > 0
        end = await people.end()
        assert (end["lost"], end["doubled"], end["in_order"]) == (0, 0, True), "and lost nothing"
        assert end["said"] >= told["posts"]
        for number in range(4):
            rows, _, _ = await server.chat.sync(f"ben{number}", None, 10)
            assert [row.head > 0 for row in rows] == [True], "each pair talks"
