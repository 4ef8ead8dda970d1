"""A server that breaks the protocol itself: frames, counters, handshakes, sockets. The client ends with a declared error, or
comes back; its outbox loses nothing, its memory is bounded, and it leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from typing import Any

import pytest
import trustme

from imserver_client import (
    CannotConnect,
    ClientLimits,
    ConnectionChanged,
    Disconnected,
    Environment,
    MemoryStorage,
    State,
    Stopped,
)
from tests.client.stories.hostile_wire import *  # noqa: F403
from tests.client.stories.hostile_wire import answered, client_of, honest

from .support.hostile import (
    ACK,
    GOODBYE,
    PING,
    PUSH,
    REFUSAL,
    HostileServer,
    Line,
    row,
)

pytestmark = pytest.mark.usefixtures("calm")

# -- frames ---------------------------------------------------------------------------------------------------------------


# -- limits ---------------------------------------------------------------------------------------------------------------


# -- time and bytes -------------------------------------------------------------------------------------------------------


class Stuck:
    """A transport whose peer has stopped reading, without the kernel's megabytes in between."""

    def __init__(self, transport: Any, protocol: Any) -> None:
        self._transport = transport
        self._protocol = protocol
        self.waiting = 0

    def write(self, data: bytes) -> None:
        if self.waiting == 0:
            self._protocol.pause_writing()
        self.waiting += len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


async def test_a_server_that_asks_and_never_reads_fills_nobody_s_memory(waits):
    """Each PING wants a PONG, each push an ACK, and no byte of ours is taken: what we owe stays one frame, not a queue."""
    stuck: list[Stuck] = []
    done = asyncio.Event()

    async def play(line: Line) -> None:
        await line.enter([row("c", 0)])
        await line.request("members")
        for number in range(500):
            line.say(PING, number)
            line.say(PUSH, "lagging")
            await line.writer.drain()
            await asyncio.sleep(0)
        done.set()
        await asyncio.Event().wait()

    async with HostileServer(play) as server, client_of(server, waits) as alice:
        transport = alice._core._reconnect.transport
        assert transport is not None
        asked = asyncio.create_task(alice.members("c"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        stuck.append(Stuck(transport._transport, transport))
        transport._transport = stuck[0]  # type: ignore[assignment]
        await done.wait()
        await alice.abort()
        with pytest.raises(Disconnected):
            await asked
    assert 0 < stuck[0].waiting < 100


async def test_one_that_lets_us_in_for_a_while_is_no_storm(waits):
    """With the clock in our hands: a connection that lived for a second begins the range anew, one that did not does not."""
    now = [0.0]

    async def play(line: Line) -> None:
        await line.welcome(resumed=line.number > 1, session_id="s1")
        if line.number == 4:
            line.say(ACK)
            await line.request("sync")
            now[0] += 1.5
        if line.number < 8:
            line.writer.transport.abort()
            return
        await line.serve(answered())

    environment = Environment(uniform=waits, monotonic=lambda: now[0])
    async with HostileServer(play) as server, client_of(server, waits, environment=environment):
        pass
    assert [high for _, high in waits.ranges] == [0.5, 1, 2, 0.5, 1, 2, 4]


@pytest.mark.parametrize("code", [100, 401])
async def test_a_huge_retry_after_is_cut(waits, code):
    async def play(line: Line) -> None:
        await line.enter()
        line.say(GOODBYE, code, "later", 2**53 - 1)

    async with HostileServer(play) as server, client_of(server, waits) as alice:
        events = alice.events()
        async for event in events:
            if isinstance(event, ConnectionChanged) and event.state is State.WAITING:
                assert event.retry_in_s == ClientLimits().max_retry_after_s
                break


# -- words ----------------------------------------------------------------------------------------------------------------

NASTY = "\x1b[2J\x07 \u202egnp.exe \r\n fake line \x00 \u2028 " + "x" * 3000


async def test_the_server_s_words_are_made_plain_before_anybody_shows_or_logs_them(waits, caplog):
    caplog.set_level(logging.DEBUG, "imserver_client")

    async def play(line: Line) -> None:
        if line.number > 1:
            await line.frame()
            line.say(GOODBYE, 200, NASTY, 0)
            return
        await line.enter([row("c", 0)], reason=NASTY)
        request = await line.request("members")
        line.say(REFUSAL, request[1], 603, NASTY, 0, None)
        line.say(GOODBYE, 100, NASTY, 0)

    async with HostileServer(play) as server, client_of(server, waits) as alice:
        events = alice.events()
        texts: list[str] = []
        with pytest.raises(Exception, match="NOT_FOUND") as refused:
            await alice.members("c")
        texts.append(str(refused.value))
        with pytest.raises(Stopped) as stopped:
            texts.extend([getattr(event, "reason", "") async for event in events])
        texts += [str(stopped.value), stopped.value.text, *caplog.messages]
    assert len(texts) > 5
    assert [text for text in texts if not text.isprintable() or len(text) > 350] == []


async def test_the_token_is_neither_logged_nor_told(waits, caplog):
    caplog.set_level(logging.DEBUG)
    told: list[str] = []

    async def play(line: Line) -> None:
        await line.enter([row("c", 0)])
        line.say(GOODBYE, 300, "not you", 0)

    tokens = iter(("SECRET-1", "SECRET-2"))
    async with HostileServer(play) as server:
        client = await client_of(server, waits, token=lambda: next(tokens, "SECRET-2"))
        with contextlib.suppress(Stopped):
            told.extend([repr(event) async for event in client.events()])
        told += [repr(client), repr(client._core._options), *map(repr, asyncio.all_tasks())]
        await client.close()
        assert {hello[5] for hello in server.hellos()} == {"SECRET-1", "SECRET-2"}
    assert not [text for text in (*told, caplog.text) if "SECRET" in text]


# -- TLS ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["not-this-host.example", "127.0.0.1"])
async def test_a_certificate_that_proves_nothing_is_told_no_token(waits, name):
    """Another name, or an authority that we do not trust: not one byte of HELLO."""
    authority, ours = trustme.CA(), trustme.CA()
    inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(inside)
    trusting = ssl.create_default_context()
    (ours if name == "127.0.0.1" else authority).configure_trust(trusting)

    async def play(line: Line) -> None:
        with contextlib.suppress(ssl.SSLError):
            await line.frame()

    async with HostileServer(play, tls=inside) as server:
        with pytest.raises(CannotConnect, match=r"(?i)certificate"):
            await client_of(server, waits, tls=trusting, timeout=1.0)
        assert server.hellos() == []


# -- who accepts and never answers ----------------------------------------------------------------------------------------


async def test_posts_that_are_never_answered_stay_in_the_outbox(waits):
    store = MemoryStorage()
    keys = [number.to_bytes(16, "big") for number in range(1, 301)]
    full = asyncio.Event()

    async def silent(line: Line) -> None:
        await line.enter([row("c", 0)])
        for _ in range(240):
            await line.request("post")
        full.set()
        while True:
            await line.frame()
            line.say(ACK)

    async def post(client: Any, key: bytes) -> None:
        with contextlib.suppress(Disconnected):
            await client.post("c", "hi", key=key)

    async with HostileServer(silent) as server:
        client = await client_of(server, waits, store=store, close_timeout=0.01)
        posts = [asyncio.create_task(post(client, key)) for key in keys]
        await full.wait()
        await client.close()
        await asyncio.gather(*posts)
        assert [key for _, key in server.posts()] == keys[:240], "the rest of the window is left to reads"
    async with HostileServer(honest) as server, client_of(server, waits, store=store) as client:
        await client._core.posting.empty.wait()
        assert [key for _, key in server.posts()] == keys
    assert store.open().outbox == []
