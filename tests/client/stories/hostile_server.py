"""A server that keeps the protocol and lies: positions, pages, answers, epochs, floods. What the application has seen stays a
true, ordered, undoubled account as far as a client can know; posts are not lost; memory is bounded; nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import random
import tracemalloc
from collections.abc import Callable
from typing import Any

import msgpack
import pytest

from imserver_client import (
    ClientError,
    ClientLimits,
    ConnectionChanged,
    HistoryReplaced,
    MemoryStorage,
    Message,
    RefusalCode,
    State,
    Stopped,
)
from tests.client.stories.hostile_answers import good
from tests.client.support.hostile import (
    GOODBYE,
    MALFORMED,
    MIB,
    PUSH,
    REFUSAL,
    SIGNAL,
    Gone,
    HostileServer,
    Line,
    agreeing,
    client_of,
    item,
    row,
    seen,
    truth,
)

pytestmark = pytest.mark.usefixtures("calm")


async def test_another_epoch_at_each_connect(waits):
    """The client goes on with what both have, offers the outbox, and hears of nothing, for nothing was replaced."""
    lives = 12

    async def play(line: Line) -> None:
        await line.welcome(store_epoch=f"epoch {line.number}")
        head = 2
        while True:
            request = await line.request()
            if request[3] == "post" and line.number < lives:
                line.say(GOODBYE, 401, "again", 0)
                return
            head += request[3] == "post"
            page = truth(head, request[4][1]) if request[3] == "history" else good(request)
            line.reply(request, [3, 1, False] if request[3] == "post" else page)
            if request[3] == "sync":
                line.push("c", 2)

    async with HostileServer(play) as server, client_of(server, waits, store=MemoryStorage()) as alice:
        events = alice.events()
        assert (await alice.post("c", "hi", key=b"k" * 16)).position == 3
        assert [event async for event in until_connected(events, lives)] == []
        assert alice.store_epoch == f"epoch {lives}"
        positions = await seen(alice, 3)
    assert positions[-3:] == [1, 2, 3]
    assert [key for _, key in server.posts()] == [b"k" * 16] * lives
    assert {request[1][4][0] for request in server.heard if request[1][3] == "sync"} <= {None, "1"}


async def until_connected(events: Any, times: int) -> Any:
    connected = 1
    while connected < times:
        event = await anext(events)
        connected += isinstance(event, ConnectionChanged) and event.state is State.CONNECTED
        if isinstance(event, HistoryReplaced):
            yield event


#: 32 KiB on the wire, and two megabytes as values.
BOMB = b"\x82\xa4type\xa3x-b\xa1a\x94" + (b"\xdc" + (8000).to_bytes(2, "big") + b"\x80" * 8000) * 4


def flood_of(kind: str, line: Line, number: int) -> None:
    match kind:
        case "messages":
            line.push("c", number + 1, content=BOMB)
        case "unknown conversations":
            line.push(f"{number} " + "x" * 900, 1)
        case "cursors":
            line.say(PUSH, "cursor", "c", f"{number} " + "u" * 900, 1, 1)
        case "signals":
            line.say(SIGNAL, "typing", "c", f"{number} " + "u" * 900)
        case "edits":
            content = {"type": "system", "event": "edited", "target": number + 1, "revision": 2}
            line.push("c", number + 1, content=msgpack.packb(content))
        case "lagging":
            line.say(PUSH, "lagging")
        case "kinds of next year":
            line.say(PUSH, "x-" + "y" * 1000, number)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "kind",
    ["messages", "unknown conversations", "cursors", "signals", "edits", "lagging", "kinds of next year"],
)
async def test_floods_fill_no_memory(waits, kind):
    """Far more than any queue holds, while the application reads nothing: bounded, and afterwards all works."""
    count = 400
    over = asyncio.Event()

    def answer(request: list[Any]) -> Any:
        if request[3] == "history":
            target = request[4][1] + 1
            return [[item(target, content=BOMB, revision=2)], target, target, count]
        return good(request)

    async def play(line: Line) -> None:
        await line.enter([row("c", 0)])
        serving = asyncio.create_task(line.serve(answer))
        for number in range(count):
            flood_of(kind, line, number)
            await line.writer.drain()
            if number % 10 == 0:
                await asyncio.sleep(0)
        over.set()
        with contextlib.suppress(Gone):
            await serving

    limits = ClientLimits(max_queued_events=200)
    async with HostileServer(play) as server:
        tracemalloc.start()
        try:
            async with client_of(server, waits, limits=limits) as alice:
                events = alice.events()
                before, _ = tracemalloc.get_traced_memory()
                async with asyncio.timeout(50):
                    await over.wait()
                    assert await alice.members("c") == []
                after, _ = tracemalloc.get_traced_memory()
                assert alice.state is State.CONNECTED
                assert events is not None
                await alice.abort()
        finally:
            tracemalloc.stop()
    # 8 MiB of contents, 200 events, and what this server remembers of our requests.
    assert after - before < 30 * MIB, f"{(after - before) / MIB:.1f} MiB"


class Liar:
    """Answers and pushes at random, in valid frames."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def position(self) -> int:
        return self.rng.choice((0, 1, 2, 3, 5, 8, self.rng.randint(1, 40), 2**53 - 1))

    def answer(self, request: list[Any]) -> Any:
        rng = self.rng
        if request[3] == "history":
            after = rng.choice((request[4][1] or 0, self.position()))
            page = truth(min(max(after, rng.randint(1, 40)), after + 50), after, rng.randint(0, 10))
            if rng.random() < 0.3:
                page[rng.randrange(1, 4)] = self.position()
            return page
        if request[3] == "sync":
            rows = [
                row(rng.choice("cde"), self.position(), joined_at=self.position())
                for _ in range(rng.randint(0, 3))
            ]
            return [rows, str(rng.random()), rng.random() < 0.3]
        return good(request)

    async def play(self, line: Line) -> None:
        await line.welcome()
        for _ in range(300):
            if self.rng.random() < 0.3:
                line.push(self.rng.choice("cdef"), max(1, self.position()))
            elif self.rng.random() < 0.02:
                line.say(PUSH, "lagging")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.001):
                    request = await line.request()
                    line.reply(request, self.answer(request))


@pytest.mark.parametrize("seed", range(5))
async def test_what_an_application_has_seen_is_true_whatever_a_liar_says(waits, seed):
    """Positions of a conversation only ever rise."""
    shown: list[Message] = []
    async with HostileServer(Liar(seed).play) as server:
        with contextlib.suppress(ClientError, TimeoutError):
            async with (
                client_of(server, waits, timeout=2.0, close_timeout=0.1) as alice,
                asyncio.timeout(1.0),
            ):
                async for message in alice.messages():
                    shown.append(message)  # noqa: PERF401 - what was shown before the end counts
    for name in "cdef":
        positions = [one.position for one in shown if one.conversation_id == name]
        assert positions == sorted(set(positions))


LIES_OF_CHECK: dict[str, Callable[[int], list[Any]]] = {
    "more answers than were asked": lambda at: [[[at, True, row("c", at)]] * 2, None, None],
    "no answer": lambda at: [[], None, None],
    "agreed above what was asked": lambda at: [[[at + 1, True, row("c", at + 1)]], None, None],
    "agreed above the head": lambda at: [[[at, True, row("c", at - 1)]], None, None],
    "the row of another conversation": lambda at: [[[at, True, row("d", at)]], None, None],
    "refused": lambda at: [],
}


@pytest.mark.parametrize("lie", LIES_OF_CHECK)
async def test_a_check_that_cannot_be_answered_so_closes_the_session_and_nothing_is_lost(waits, lie):
    """Nothing of the client falls for it: when the server comes to its senses, it goes on where it was."""

    async def play(line: Line) -> None:
        await line.welcome()
        if line.number == 2:
            check = await line.request()
            assert check[3] == "check"
            [[_, _, position, _]] = check[4][0]
            assert position == 2
            if lie == "refused":
                line.say(REFUSAL, check[1], 600, "no", 0, None)
            else:
                line.reply(check, LIES_OF_CHECK[lie](position))
            left_with.append(await line.goodbye())
            return
        line.reply(await line.request("sync"), [[row("c", 0)], "1", False])
        await asyncio.sleep(
            0.05
        )  # a push that comes with the answer is dropped, or of an unknown conversation
        for position in (1, 2) if line.number == 1 else (3,):
            line.push("c", position)
        if line.number == 1:
            await shown.wait()
            line.say(GOODBYE, 401, "again", 0)
            return
        more = [[row("c", 3)], "2", False]  # of a push that was dropped
        await line.serve(
            lambda request: (
                truth(3, request[4][1])
                if request[3] == "history"
                else more
                if request[3] == "sync"
                else [0, 0]
            )
        )

    shown = asyncio.Event()
    left_with: list[int] = []
    async with HostileServer(play) as server, client_of(server, waits) as alice:
        events = alice.events()
        assert await seen(alice, 2) == [1, 2]
        shown.set()
        assert await seen(alice, 3) == [3]
        assert left_with == [MALFORMED]
        await alice.close()
        assert [event async for event in events if isinstance(event, HistoryReplaced)] == []


async def test_a_server_that_refuses_every_token_is_left(waits):
    """Once a session it may be an older copy; twice it is none that a client can go on with."""

    async def play(line: Line) -> None:
        await line.welcome()
        while True:
            request = await line.request()
            if request[3] == "sync" and request[4][0] is not None:
                line.say(REFUSAL, request[1], int(RefusalCode.EPOCH_CHANGED), "no", 0, None)
            else:
                line.reply(request, [[row("c", 1)], "1", True] if request[3] == "sync" else good(request))

    async with HostileServer(play) as server:
        with pytest.raises(Stopped, match="refused what it gave"):
            await client_of(server, waits)
    assert server.lines == 5


async def test_nothing_else_goes_out_before_a_fresh_session_is_checked(waits):
    """A post, a report and a page wait; pushes are dropped, and one more sync tells of them."""
    asked: list[str] = []

    async def play(line: Line) -> None:
        await line.welcome()
        if line.number == 1:
            line.reply(await line.request("sync"), [[row("c", 0)], "1", False])
            await asyncio.sleep(0.05)
            line.push("c", 1)
            await shown.wait()
            line.say(GOODBYE, 401, "again", 0)
            return
        check = await line.request()
        asked.append(check[3])
        again.set()
        line.push("c", 2)
        await asyncio.sleep(0.05)
        line.reply(check, agreeing(check))
        sync = await line.request()
        asked.append(sync[3])
        line.push("c", 3)
        await asyncio.sleep(0.05)
        line.reply(sync, [[row("c", 2)], "2", False])
        await line.serve(serve)

    def serve(request: list[Any]) -> Any:
        asked.append(request[3])
        if request[3] == "history":
            return truth(3, request[4][1] or 0)
        return {"post": [4, 1, False], "cursor": [1, 1], "sync": [[row("c", 3)], "3", False]}[request[3]]

    shown, again = asyncio.Event(), asyncio.Event()
    async with HostileServer(play) as server, client_of(server, waits) as alice:
        assert await seen(alice, 1) == [1]
        shown.set()
        await again.wait()
        post = asyncio.create_task(alice.post("c", "hi"))
        page = asyncio.create_task(alice.history("c"))
        alice.mark_read("c", 1)
        assert await seen(alice, 3) == [2, 3]
        await asyncio.gather(post, page)
    assert asked[:2] == ["check", "sync"]
    assert asked.count("sync") == 2
