"""Features of the client: their writes go one after another, whatever happens to sessions, and a server need not have them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, assert_type

import pytest

from imserver.features import NAMES
from imserver_client import (
    Client,
    ClientLimits,
    Connecting,
    Disconnected,
    Misuse,
    OutboxFull,
    RefusalCode,
    Refused,
    Stopped,
)
from imserver_client.features import FEATURES, Features
from imserver_client.features.base import Offer
from imserver_client.features.edits import Edits
from imserver_client.features.typing import Typists
from imserver_protocol import RequestReceived
from imserver_protocol.methods.descriptors import Method, Shape
from imserver_protocol.methods.typing import TYPING
from tests.client.stories.features import *  # noqa: F403
from tests.client.stories.features import PUT, Answer, PutParams

from .support.fake_server import FakeServer, Peer


class PlainParams(Shape, frozen=True):
    conversation_id: str


REMOVE = Method("x-stars.remove", PutParams, Answer)
PLAIN = Method("x-stars.plain", PlainParams, Answer)


def is_write(request: RequestReceived) -> bool:
    return request.method.startswith("x-stars.")


def answers(server: FakeServer, say: Callable[[Peer, RequestReceived], None]) -> None:
    """Answer writes of these tests so."""

    def script(peer: Peer, request: RequestReceived) -> bool:
        if is_write(request):
            say(peer, request)
            return True
        return False

    server.script = script


def writes(server: FakeServer) -> list[Any]:
    return [(one.method[8:], *one.params[1:]) for one in server.requests if is_write(one)]


def write(client: Client, method: Any, *params: Any, feature: str = "stars") -> asyncio.Task[Any]:
    made = method.params(*params)
    return asyncio.create_task(client._core.writes.write(feature, method, made))


def test_a_feature_has_one_name_everywhere():
    assert set(FEATURES) == {*NAMES}
    offer = vars(Features)["edits"]
    assert isinstance(offer, Offer)
    assert offer.name == "edits"


class TestLanes:
    async def test_a_remove_waits_for_the_put_before_it(self, server, open_client):
        waiting: list[Any] = []
        answers(server, lambda peer, request: waiting.append((peer, request)))
        async with open_client(token="alice") as alice:
            put = write(alice, PUT, "c", 1, "star")
            remove = write(alice, REMOVE, "c", 1, "star")
            elsewhere = write(alice, PUT, "d", 1, "star")
            other = write(alice, PUT, "c", 1, "star", feature="pins")
            await server.until(lambda: len(waiting) == 3)
            assert writes(server) == [("put", 1, "star")] * 3
            for peer, request in waiting[:]:
                server.reply(peer, request, [7])
            assert [one.number for one in await asyncio.gather(put, elsewhere, other)] == [7] * 3
            await server.until(lambda: len(waiting) == 4)
            assert writes(server)[-1] == ("remove", 1, "star")
            server.reply(*waiting[-1], [8])
            assert (await remove).number == 8

    async def test_a_lost_session_repeats_the_put_before_the_remove(self, server, open_client):
        answers(server, lambda peer, request: None)
        async with open_client(token="alice") as alice:
            put, remove = write(alice, PUT, "c", 1, "star"), write(alice, REMOVE, "c", 1, "star")
            await server.until(lambda: len(writes(server)) == 1)
            answers(server, lambda peer, request: server.reply(peer, request, [len(writes(server))]))
            server.refuse_resume = True
            server.cut()
            assert [(await put).number, (await remove).number] == [2, 3]
            assert writes(server) == [("put", 1, "star")] * 2 + [("remove", 1, "star")]

    async def test_a_retryable_refusal_keeps_the_lane_waiting(self, server, open_client):
        def say(peer: Peer, request: RequestReceived) -> None:
            if len(writes(server)) <= 2:
                server.refuse(peer, request, RefusalCode.RATE_LIMITED, 1)
            else:
                server.reply(peer, request, [1])

        answers(server, say)
        async with open_client(token="alice") as alice:
            put, remove = write(alice, PUT, "c", 1, "star"), write(alice, REMOVE, "c", 1, "star")
            await asyncio.gather(put, remove)
            assert writes(server) == [("put", 1, "star")] * 3 + [("remove", 1, "star")]

    async def test_a_final_refusal_is_the_caller_s_and_the_lane_goes_on(self, server, open_client):
        def say(peer: Peer, request: RequestReceived) -> None:
            if request.method == PUT.name:
                server.refuse(peer, request, RefusalCode.FORBIDDEN)
            else:
                server.reply(peer, request, [1])

        answers(server, say)
        async with open_client(token="alice") as alice:
            put, remove = write(alice, PUT, "c", 1, "star"), write(alice, REMOVE, "c", 1, "star")
            with pytest.raises(Refused, match="FORBIDDEN"):
                await put
            assert (await remove).number == 1

    async def test_what_cannot_be_sent_is_misuse_and_the_lane_goes_on(self, server, open_client):
        answers(server, lambda peer, request: server.reply(peer, request, [1]))
        async with open_client(token="alice") as alice:
            bad, good = write(alice, PUT, "c", 1 << 60, "star"), write(alice, PUT, "c", 1, "star")
            with pytest.raises(Misuse):
                await bad
            assert (await good).number == 1
            assert writes(server) == [("put", 1, "star")]

    async def test_cancelling_ends_the_waiting_and_not_the_writing(self, server, open_client):
        waiting: list[Any] = []
        answers(server, lambda peer, request: waiting.append((peer, request)))
        async with open_client(token="alice") as alice:
            put, remove = write(alice, PUT, "c", 1, "star"), write(alice, REMOVE, "c", 1, "star")
            await server.until(lambda: len(waiting) == 1)
            put.cancel()
            remove.cancel()
            await asyncio.gather(put, remove, return_exceptions=True)
            server.reply(*waiting[0], [1])
            await server.until(lambda: len(waiting) == 2)
            assert writes(server)[-1] == ("remove", 1, "star")
            server.refuse(*waiting[1], RefusalCode.FORBIDDEN)
            await asyncio.wait_for(alice._core.writes.empty.wait(), 5)

    async def test_only_so_many_wait(self, server, open_client):
        answers(server, lambda peer, request: None)
        async with open_client(token="alice", limits=ClientLimits(max_writes=2)) as alice:
            waiting = [write(alice, PUT, "c", number, "star") for number in range(2)]
            with pytest.raises(OutboxFull):
                await write(alice, PUT, "d", 1, "star")
            await alice.abort()
            for one in waiting:
                with pytest.raises(Disconnected):
                    await one
            with pytest.raises(Disconnected):
                await write(alice, PUT, "d", 1, "star")

    async def test_another_history_has_no_such_position(self, server, open_client):
        for name in ("c", "d"):
            server.chat.conversation(name, "alice")
            server.say(name, "alice", "1", pushed=False)
        answers(server, lambda peer, request: None)
        async with open_client(token="alice") as alice:
            put = write(alice, PUT, "c", 1, "star")
            plain = write(alice, PLAIN, "c")
            only = write(alice, PUT, "d", 1, "star")
            await server.until(lambda: len(writes(server)) == 2)
            answers(server, lambda peer, request: server.reply(peer, request, [1]))
            server.chat.restore_backup("epoch-2")
            server.forget_sessions()
            server.cut()
            for one in (put, only):
                with pytest.raises(Refused, match="EPOCH_CHANGED"):
                    await one
            assert (await plain).number == 1
            assert writes(server)[2:] == [("plain",)]
            assert alice._core.writes.empty.is_set(), "closing need not wait"

    async def test_a_stopped_client_ends_the_waiting(self, server, open_client):
        answers(server, lambda peer, request: None)
        async with open_client(token="alice") as alice:
            put = write(alice, PUT, "c", 1, "star")
            await server.until(lambda: len(writes(server)) == 1)
            server.goodbye(201, "replaced")
            with pytest.raises(Stopped):
                await put

    async def test_closing_waits_for_an_answer(self, server, open_client):
        waiting: list[Any] = []
        answers(server, lambda peer, request: waiting.append((peer, request)))
        alice = await open_client(token="alice")
        put = write(alice, PUT, "c", 1, "star")
        await server.until(lambda: len(waiting) == 1)
        closing = asyncio.create_task(alice.close())
        await asyncio.sleep(0.05)
        assert not closing.done()
        server.reply(*waiting[0], [1])
        await closing
        assert (await put).number == 1


async def test_one_kind_has_one_handler(server, open_client):
    async with open_client(token="alice") as alice:
        port = alice._core._ports["edits"]
        with pytest.raises(ValueError, match="a handler already"):
            port.on_signal(TYPING, lambda told: None)


async def test_a_feature_has_its_type(open_client: Callable[..., Connecting]) -> None:
    """mypy reads this: a line that gave Any would hide every mistake in a call."""
    async with open_client(token="alice") as alice:
        assert_type(alice.edits, Edits)
        assert_type(alice.typing, Typists)
        assert alice.edits is alice.offered["edits"]
