"""What a client asks of plugins: once, or again whenever there is another answer, whatever was lost in between."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, assert_type

import pytest

from imserver import Server
from imserver.model import User
from imserver_client import (
    Client,
    ClientLimits,
    Method,
    Misuse,
    NotOffered,
    OutboxFull,
    RefusalCode,
    Refused,
    Shape,
)
from imserver_protocol import RequestReceived
from imserver_protocol.methods.descriptors import Number
from imserver_protocol.shared.bounds import MAX_QUESTIONS
from tests.client.support.fake_server import FakeServer, Peer
from tests.plugins.shop import Shop
from tests.support.servers import config, people


class DayParams(Shape, frozen=True):
    date: str
    after: int = 0


class DayResult(Shape, frozen=True):
    sold: tuple[Number, ...]


class BuyParams(Shape, frozen=True):
    key: bytes
    date: str
    number: int


class BuyResult(Shape, frozen=True):
    position: Number
    duplicate: bool


DAY = Method("x-shop.day", DayParams, DayResult)
BUY = Method("x-shop.buy", BuyParams, BuyResult)
MON = DayParams("mon")


class Counter:
    """Answers each question with the number of times that it was asked."""

    def __init__(self, server: FakeServer) -> None:
        self.asked: list[Any] = []
        self.held: list[tuple[Peer, RequestReceived]] | None = None
        self.refuse = False
        server.script = self.script
        self.server = server

    def script(self, peer: Peer, request: RequestReceived) -> bool:
        if not request.method.startswith("x-shop."):
            return False
        self.asked.append((request.method, *request.params))
        if self.refuse:
            self.server.refuse(peer, request, RefusalCode.NOT_FOUND)
        elif self.held is not None:
            self.held.append((peer, request))
        else:
            self.server.reply(peer, request, [[len(self.asked)]])
        return True


async def soon(awaitable: Any) -> Any:
    return await asyncio.wait_for(awaitable, 10)


async def test_an_answer_comes_again_when_its_push_comes_and_no_other(server, open_client):
    counter = Counter(server)
    async with open_client(token="alice") as alice:
        days = alice.watch(DAY, MON)
        assert (await soon(anext(days))).sold == (1,)
        for fields in (("tue",), (), (["mon"],)):
            server.push("alice", "x-shop.day", *fields)
        server.push("alice", "x-shop.month", "mon")
        waiting = asyncio.ensure_future(anext(days))
        await alice.ask(DAY, DayParams("tue"))
        assert not waiting.done()
        server.push("alice", "x-shop.day", "mon")
        assert (await soon(waiting)).sold == (3,)
        assert [asked[1] for asked in counter.asked] == ["mon", "tue", "mon"]


async def test_a_push_while_it_is_asked_means_once_more(server, open_client):
    counter = Counter(server)
    async with open_client(token="alice") as alice:
        days = alice.watch(DAY, MON)
        counter.held = []
        first = asyncio.ensure_future(anext(days))
        await server.until(lambda: bool(counter.held))
        for _ in range(3):
            server.push("alice", "x-shop.day", "mon")
        server.reply(*counter.held[0], [[1]])
        counter.held = None
        assert (await soon(first)).sold == (1,)
        assert (await soon(anext(days))).sold == (2,)


async def test_what_a_lost_session_or_lagging_lost_is_asked_again(server, open_client):
    Counter(server)
    async with open_client(token="alice") as alice:
        days = alice.watch(DAY, MON)
        await soon(anext(days))
        server.refuse_resume = True
        server.cut()
        assert (await soon(anext(days))).sold == (2,)
        server.push("alice", "lagging")
        assert (await soon(anext(days))).sold == (3,)


async def test_a_resumed_session_loses_nothing(server, open_client):
    counter = Counter(server)
    async with open_client(token="alice") as alice:
        days = alice.watch(DAY, MON)
        await soon(anext(days))
        server.cut()
        await server.until(lambda: server.resumes == 1)
        await alice.ask(DAY, DayParams("tue"))
        assert len(counter.asked) == 2


async def test_a_refusal_is_the_readers_who_may_try_again(server, open_client):
    counter = Counter(server)
    async with open_client(token="alice") as alice:
        days = alice.watch(DAY, MON)
        counter.refuse = True
        with pytest.raises(Refused):
            await soon(anext(days))
        counter.refuse = False
        assert (await soon(anext(days))).sold == (2,)


async def test_it_ends_with_the_client_and_has_one_reader(server, open_client):
    Counter(server)
    async with open_client(token="alice") as alice:
        days = alice.watch(DAY, MON)
        await soon(anext(days))
        waiting = asyncio.ensure_future(anext(days))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="being read"):
            await anext(days)
    with pytest.raises(StopAsyncIteration):
        await soon(waiting)


async def test_only_methods_of_plugins_that_the_server_has(server, open_client):
    server.features = ("edits", "x-shop")
    Counter(server)
    async with open_client(token="alice") as alice:
        client: Client = alice
        assert_type(await client.ask(DAY, MON), DayResult)
        for name in ("history", "x-shop", "x-shop.", "shop.day"):
            with pytest.raises(Misuse, match="no method of a plugin"):
                await alice.ask(Method(name, DayParams, DayResult), MON)
        other = Method("x-other.day", DayParams, DayResult)
        for asked in (alice.ask(other, MON), alice.write(other, MON), anext(alice.watch(other, MON))):
            with pytest.raises(NotOffered, match="x-other"):
                await asked


async def test_a_write_is_offered_until_there_is_an_answer(server, open_client):
    counter = Counter(server)
    counter.held = []
    async with open_client(token="alice") as alice:
        params = BuyParams(alice.key(), "mon", 1)
        assert len(params.key) == 16
        bought = asyncio.ensure_future(alice.write(BUY, params))
        await server.until(lambda: len(counter.asked) == 1)
        server.refuse_resume = True
        server.cut()
        await server.until(lambda: len(counter.asked) == 2)
        server.reply(*counter.held[-1], [5, True])
        assert await soon(bought) == BuyResult(5, duplicate=True)
        assert counter.asked[0] == counter.asked[1]


async def test_writes_are_bounded(server, open_client):
    counter = Counter(server)
    counter.held = []
    async with open_client(token="alice", close_timeout=0.01, limits=ClientLimits(max_writes=1)) as alice:
        one = asyncio.ensure_future(alice.write(BUY, BuyParams(alice.key(), "mon", 1)))
        await server.until(lambda: len(counter.asked) == 1)
        with pytest.raises(OutboxFull):
            await alice.write(BUY, BuyParams(alice.key(), "mon", 2))
    await asyncio.gather(one, return_exceptions=True)


async def test_with_a_real_plugin(tmp_path: Path) -> None:
    async with Server(config(tmp_path), plugins=[Shop()]) as server, people(server) as enter:
        for name in ("ann", "bob"):
            await server.chat.put_user(User(name, name.title()))
        ann, bob = await enter("ann"), await enter("bob")
        assert "x-shop" in ann.server_features
        seen: list[tuple[int, ...]] = []
        done = asyncio.Event()

        async def watch() -> None:
            async for day in bob.watch(DAY, MON):
                seen.append(day.sold)
                if day.sold == (1, 2, 3):
                    done.set()

        watching = asyncio.ensure_future(watch())
        while not seen:  # noqa: ASYNC110  what is waited for has no event of its own
            await asyncio.sleep(0.01)
        for number in (1, 2, 3):
            await ann.write(BUY, BuyParams(ann.key(), "mon", number))
        # Whoever looks at other days does not lose the one that is watched.
        for number in range(2 * MAX_QUESTIONS):
            await bob.ask(DAY, DayParams(str(number)))
        await soon(done.wait())
        await ann.write(BUY, BuyParams(ann.key(), "mon", 4))
        while (1, 2, 3, 4) not in seen:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        with pytest.raises(Refused):
            await ann.write(BUY, BuyParams(ann.key(), "mon", 4))
        await bob.close()
        await soon(watching)
