"""Staying connected: the reaction to each way in which a connection can end."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest
import trustme

from imserver_client import (
    CannotConnect,
    CloseCode,
    Environment,
    MemoryStorage,
    Misuse,
    State,
    Stopped,
    connect,
    open_transport,
)
from imserver_client.address import Address, parse_address
from imserver_client.core.backoff import Backoff
from tests.client.stories.connecting import *  # noqa: F403

from .support.fake_server import FakeServer, Peer

# -- coming back ----------------------------------------------------------------------------------------------------------


def test_the_backoff_has_full_jitter():
    ranges: list[tuple[float, float]] = []

    def most(low: float, high: float) -> float:
        ranges.append((low, high))
        return high

    backoff = Backoff(most, max_retry_after_s=600)
    waited = [backoff.next() for _ in range(9)]
    assert waited == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert {low for low, _ in ranges} == {0.0}
    backoff.reset()
    assert backoff.next() == 0.5
    assert backoff.next(retry_after_ms=7_000) == 7
    assert backoff.next(retry_after_ms=10**12) == 600
    for _ in range(100_000):
        backoff.next()
    assert backoff.next() == 30


# -- tokens ---------------------------------------------------------------------------------------------------------------


async def test_a_token_service_that_is_down_is_asked_again(server, open_client):
    failures = [OSError("down"), TimeoutError()]

    def token() -> str:
        if failures:
            raise failures.pop()
        return "alice"

    async with open_client(token=token) as alice:
        assert alice.user_id == "alice"

    def broken() -> str:
        raise LookupError("no such account")

    with pytest.raises(Stopped, match="no such account") as stopped:
        await open_client(token=broken)
    assert isinstance(stopped.value.__cause__, LookupError)


# -- opening and closing ----------------------------------------------------------------------------------------------------


async def test_leaving_while_a_transport_is_being_opened(server, waits):
    """uvloop never reports the loss of a transport whose opening was cancelled."""
    opened = asyncio.Event()

    async def slow(address, tls, factory):
        await open_transport(address, tls, factory)
        if server.hellos:
            opened.set()
            await asyncio.Event().wait()

    alice = await connect(
        server.url, token="alice", environment=Environment(uniform=waits, open_transport=slow)
    )
    server.cut()
    await opened.wait()
    await asyncio.wait_for(alice.close(), 5)


async def test_calls_that_were_given_up_while_away_are_not_made_later(server, open_client):
    async with open_client(token="alice") as alice:
        server.goodbyes_at_hello = [(CloseCode.OVERLOADED, 100)]
        server.cut()
        await server.until(lambda: not server.goodbyes_at_hello)
        asked = [asyncio.create_task(alice.users(["bob"])) for _ in range(100)]
        await asyncio.sleep(0)
        for task in asked:
            task.cancel()
        assert await alice.users(["bob"])
    assert server.count("users") == 1


async def test_a_broken_part_stops_the_client_instead_of_losing_something(server, open_client):
    class FullDisk(MemoryStorage):
        def answer_post(self, key: bytes, position: int, step: Any = None) -> None:
            raise OSError("disk full")

    server.chat.conversation("c", "alice")
    async with open_client(token="alice", store=FullDisk()) as alice:
        with pytest.raises(Stopped, match="disk full"):
            await alice.post("c", "hi")
        assert alice.state is State.STOPPED


# -- addresses --------------------------------------------------------------------------------------------------------------


def test_addresses():
    assert parse_address("imserver://127.0.0.1:7410") == Address("127.0.0.1", 7410)
    assert parse_address("imserver://[::1]") == Address("::1", 7410)
    assert parse_address("imservers://chat.example:1") == Address("chat.example", 1, tls=True)
    assert parse_address("imserver+unix:///run/im%20server.sock") == Address(path="/run/im server.sock")
    web = Address("chat.example", 443, "/socket", tls=True, web=True)
    assert (
        parse_address("imserver+wss://chat.example") == parse_address("imserver+wss://chat.example/") == web
    )
    assert parse_address("imserver+ws://[::1]:7480/im/socket").web_url == "ws://[::1]:7480/im/socket"
    assert parse_address("imserver+ws://x").port == 80
    for url in (
        "imserver+ws://",
        "imserver+wss://x?token=1",
        "ws://x",
        "http://x",
        "imserver://",
        "imserver://x:99999",
        "imserver+unix://x/y",
        "imserver://me@x",
        "x",
        "imserver://x/y",
    ):
        with pytest.raises(Misuse):
            parse_address(url)


def test_a_websocket_without_its_library_is_refused_in_words(monkeypatch):
    monkeypatch.setattr("imserver_client.client.find_spec", lambda name: None)
    with pytest.raises(Misuse, match=r"pip install 'imserver\[websocket\]'"):
        connect("imserver+ws://127.0.0.1", token="x")
    connect("imserver://127.0.0.1", token="x")


async def test_tls_from_the_first_byte():
    authority = trustme.CA()
    inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(inside)
    server = FakeServer()
    server._listener = await asyncio.get_running_loop().create_server(
        lambda: Peer(server), "127.0.0.1", 0, ssl=inside
    )
    server.chat.conversation("c", "alice")
    url = server.url.replace("imserver:", "imservers:")
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with connect(url, token="alice", tls=trusting) as alice:
        assert (await alice.post("c", "hi")).position == 1
    with pytest.raises(CannotConnect, match=r"(?i)certificate"):
        await connect(url, token="alice", timeout=1.5)
    await server.__aexit__(None, None, None)


async def test_the_opener_is_injected(server):
    asked: list[Address] = []

    async def opener(address, tls, factory):
        asked.append(address)
        await open_transport(address, tls, factory)

    async with connect(server.url, token="alice", environment=Environment(open_transport=opener)):
        assert [one.host for one in asked] == ["127.0.0.1"]
