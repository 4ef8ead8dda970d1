"""Staying connected: the reaction to each way in which a connection can end."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from itertools import count
from typing import Any

import pytest
import trustme

from imserver_client import (
    CannotConnect,
    ClientLimits,
    CloseCode,
    ConnectionChanged,
    Disconnected,
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

from .support.fake_server import FakeServer, Peer


async def states(events, last: State) -> list[State]:
    """States until `last` is reached."""
    found: list[State] = []
    while not found or found[-1] is not last:
        changed = await anext(events)
        if isinstance(changed, ConnectionChanged):
            found.append(changed.state)
    return found


# -- coming back ----------------------------------------------------------------------------------------------------------


async def test_by_default_a_token_means_a_device(server, open_client):
    """Servers bind a token to the device that used it first: a second start must present the same."""
    for _ in range(2):
        async with open_client(token="alice") as alice:
            assert alice.device_id == server.hellos[0].device_id
    async with open_client(token="alice/other") as other:
        assert other.device_id != server.hellos[0].device_id


async def test_a_cut_is_resumed(server, open_client):
    async with open_client(token="alice", client_info={"app": "test"}) as alice:
        assert alice.state is State.CONNECTED
        assert server.hellos[0].client_info == {"app": "test"}
        events = alice.events()
        server.cut()
        assert await states(events, State.CONNECTED) == [State.WAITING, State.CONNECTING, State.CONNECTED]
        assert server.resumes == 1
        assert server.hellos[1].resume is not None
        assert server.count("sync") == 1, "a resumed session missed nothing"


async def test_a_lost_welcome_does_not_lose_the_session(server, open_client):
    server.chat.conversation("c", "alice", "bob")
    async with open_client(token="alice") as alice:
        server.drop_welcomes = 2
        server.cut()
        await server.until(lambda: len(server.hellos) == 4)
        assert (await alice.post("c", "hi")).position == 1
        assert server.resumes == 3


@pytest.mark.parametrize(
    "code",
    [
        CloseCode.DRAINING,
        CloseCode.IDLE,
        CloseCode.SLOW,
        CloseCode.TOO_MANY,
        CloseCode.OVERLOADED,
        CloseCode.INTERNAL,
        CloseCode.STORE_FAILED,
        599,
    ],
)
async def test_after_these_codes_the_client_comes_back(server, open_client, code):
    server.chat.conversation("c", "alice")
    async with open_client(token="alice") as alice:
        server.goodbye(code)
        await server.until(lambda: len(server.hellos) == 2)
        assert (await alice.post("c", "hi")).position == 1


async def test_retry_after_is_honoured(server, open_client):
    async with open_client(token="alice"):
        started = time.monotonic()
        server.goodbye(CloseCode.DRAINING, "restart", 50)
        await server.until(lambda: len(server.hellos) == 2)
        assert time.monotonic() - started >= 0.05


@pytest.mark.parametrize("code", [CloseCode.OK, CloseCode.REPLACED, CloseCode.VERSION])
async def test_after_these_codes_the_client_stops_and_says_why(server, open_client, code):
    async with open_client(token="alice") as alice:
        events = alice.events()
        server.goodbye(code, "because")
        assert await states(events, State.STOPPED) == [State.STOPPED]
        with pytest.raises(Stopped) as stopped:
            await alice.members("c")
        assert (stopped.value.code, stopped.value.text) == (code, "because")
        with pytest.raises(Stopped):
            await anext(alice.messages())
    assert len(server.hellos) == 1


async def test_two_programs_with_one_device_id_do_not_displace_each_other_for_ever(server, open_client):
    async with open_client(token="alice", device_id="phone") as first:
        events = first.events()
        # The second is a fresh HELLO of the same device; our fake ends the older session as the server does.
        async with open_client(token="alice", device_id="phone") as second:
            server.peers[0].connection.close(CloseCode.REPLACED)
            server.peers[0].step()
            await states(events, State.STOPPED)
            assert second.state is State.CONNECTED


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


async def test_attempts_back_off_and_a_good_connection_begins_anew(server, waits):
    limits = ClientLimits(stable_after_s=0.000_001)
    environment = Environment(uniform=waits)
    server.goodbyes_at_hello = [(CloseCode.OVERLOADED, 0)] * 3
    async with connect(server.url, token="alice", environment=environment, limits=limits):
        assert [high for _, high in waits.ranges] == [0.5, 1, 2]
        server.cut()
        await server.until(lambda: len(server.hellos) == 5)
        assert waits.ranges[3:] == [(0.0, 0.5)]


# -- tokens ---------------------------------------------------------------------------------------------------------------


async def test_a_bad_token_is_said_at_once(open_client):
    with pytest.raises(Stopped) as stopped:
        await open_client(token="bad")
    assert stopped.value.code == CloseCode.AUTH_FAILED


async def test_an_expired_token_is_replaced_by_the_function(server, open_client):
    server.chat.conversation("c", "alice")
    numbers = count()

    async def token() -> str:
        return f"alice/{next(numbers)}"

    async with open_client(token=token) as alice:
        server.goodbye(CloseCode.AUTH_EXPIRED)
        await server.until(lambda: len(server.hellos) == 2)
        assert (await alice.post("c", "hi")).position == 1
        server.cut()
        await server.until(lambda: len(server.hellos) == 3)
    assert [one.token for one in server.hellos] == ["alice/0", "alice/1", "alice/1"]


async def test_a_function_that_has_no_newer_token_stops_the_client(server, open_client):
    async with open_client(token=lambda: "alice") as alice:
        events = alice.events()
        server.goodbye(CloseCode.REVOKED, "your access has ended")
        await states(events, State.STOPPED)
        with pytest.raises(Stopped, match="your access has ended") as stopped:
            await alice.post("c", "hi")
        assert stopped.value.code == CloseCode.REVOKED, "why it was refused, not that it is the old one"
    assert len(server.hellos) == 1


async def test_a_revoked_token_is_not_shown_again_and_a_new_one_lets_its_user_in(server, open_client):
    store = MemoryStorage()
    server.chat.conversation("c", "alice")
    async with open_client(token="alice", store=store) as alice:
        events = alice.events()
        server.goodbye(CloseCode.REVOKED)
        assert (await states(events, State.STOPPED))[-1] is State.STOPPED
        with pytest.raises(Stopped) as stopped:
            await alice.members("c")
        assert stopped.value.code == CloseCode.REVOKED
    assert [one.token for one in server.hellos] == ["alice"]
    async with open_client(token="alice/new", store=store) as alice:
        assert (await alice.post("c", "back")).position == 1


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


async def test_a_renewed_token_is_used_for_the_next_connection(server, open_client):
    async with open_client(token="alice") as alice:
        await alice.renew("alice/newer")
        server.cut()
        await server.until(lambda: len(server.hellos) == 2)
    assert server.hellos[1].token == "alice/newer"


# -- opening and closing ----------------------------------------------------------------------------------------------------


async def test_nobody_there():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"imserver://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(CannotConnect, match=r"(?i)refused|connect call failed"):
        await connect(url, token="alice", timeout=0.2)


async def test_a_server_that_never_says_welcome():
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(CannotConnect):
        # The kernel accepts, and nobody answers.
        await connect(f"imserver://127.0.0.1:{silent.getsockname()[1]}", token="alice", timeout=0.1)


async def test_connect_waits_for_the_first_sync(server, open_client):
    server.chat.conversation("c", "alice", "bob")
    held: list[Any] = []

    def hold(peer, request):
        held.append((peer, request))
        return True

    server.script = hold
    opening = asyncio.ensure_future(asyncio.wait_for(open_client(token="alice"), 10))
    await server.until(lambda: bool(held))
    server.say("c", "bob", "before")
    assert not opening.done()
    server.script = None
    server.answer(*held[0])
    server.step_all()
    alice = await opening
    server.say("c", "bob", "after")
    messages = alice.messages()
    seen = [await anext(messages)]
    if seen[-1].text == "before":
        seen.append(await anext(messages))
    assert seen[-1].text == "after"
    await alice.close()


async def test_a_client_that_is_cancelled_while_connecting_leaves_nothing_behind(server, open_client):
    server.script = lambda peer, request: True
    opening = asyncio.ensure_future(asyncio.wait_for(open_client(token="alice"), 10))
    await server.until(lambda: server.count("sync") == 1)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await server.until(lambda: not server.peers)
    assert [one for one in asyncio.all_tasks() if "imserver_client" in one.get_name()] == []


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


async def test_leaving_says_goodbye_and_ends_every_task(server, open_client):
    client = await open_client(token="alice")
    await client.close()
    await client.close()
    assert client.state is State.CLOSED
    assert server.closes[-1].code == CloseCode.OK
    assert [one for one in asyncio.all_tasks() if "imserver_client" in one.get_name()] == []


async def test_leaving_with_a_stuck_server_takes_no_longer_than_close_timeout(server, open_client):
    server.chat.conversation("c", "alice")
    limits = ClientLimits(abort_after_s=0.05)
    started = time.monotonic()
    async with open_client(token="alice", close_timeout=0.1, limits=limits) as alice:
        server.script = lambda peer, request: True
        post = asyncio.create_task(alice.post("c", "hi"))
        await server.until(lambda: server.count("post") == 1)
        for peer in server.peers:
            peer.transport.pause_reading()
    assert time.monotonic() - started < 2
    with pytest.raises(Exception, match="closed"):
        await post
    server.cut()


async def test_an_exception_in_the_body_leaves_without_waiting(server, open_client):
    server.chat.conversation("c", "alice")
    server.script = lambda peer, request: request.method == "post"
    started = time.monotonic()
    with pytest.raises(LookupError):  # noqa: PT012 - the body is the subject
        async with open_client(token="alice", close_timeout=30) as alice:
            post = asyncio.create_task(alice.post("c", "hi"))
            await server.until(lambda: server.count("post") == 1)
            raise LookupError
    await asyncio.gather(post, return_exceptions=True)
    assert time.monotonic() - started < 10


async def test_a_kill_says_nothing(server, open_client):
    store = MemoryStorage()
    alice = await open_client(token="alice", store=store)
    await alice.abort()
    await server.until(lambda: not server.peers)
    assert server.closes[-1].code == CloseCode.LOST
    async with open_client(token="alice", store=store) as again:
        assert again.device_id == alice.device_id


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


async def test_unix_sockets(tmp_path):
    server = FakeServer()
    path = str(tmp_path / "im.sock")
    server._listener = await asyncio.get_running_loop().create_unix_server(lambda: Peer(server), path)
    async with connect(f"imserver+unix://{path}", token="alice") as alice:
        assert alice.user_id == "alice"
    await server.__aexit__(None, None, None)


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


async def test_who_is_cancelled_while_leaving_leaves_nothing_behind(server, open_client, tmp_path):
    server.chat.conversation("c", "alice")
    server.script = lambda peer, request: request.method == "post"  # never answered: leaving waits for it
    before = asyncio.all_tasks()
    client = await open_client(token="alice", store=tmp_path / "store")
    post = asyncio.create_task(client.post("c", "x"))
    await server.until(lambda: server.count("post") == 1)
    leaving = asyncio.create_task(client.close())
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    with pytest.raises(Disconnected):
        await post
    assert asyncio.all_tasks() - before == set()
    server.script = None
    async with open_client(
        token="alice", store=tmp_path / "store"
    ) as client:  # nobody holds the store any more
        await client.close()
    assert len(server.chat.conversations["c"].messages) == 1


@pytest.mark.parametrize("way", ["close", "abort", "stop"])
async def test_calls_that_wait_for_their_answer_learn_of_the_end(server, open_client, way):
    server.script = lambda peer, request: request.method == "members"  # never answered
    client = await open_client(token="alice")
    asked = asyncio.create_task(client.members("c"))
    await server.until(lambda: server.count("members") == 1)
    if way == "stop":
        server.goodbye(CloseCode.REPLACED)
    else:
        await getattr(client, way)()
    async with asyncio.timeout(10):
        with pytest.raises(Stopped if way == "stop" else Disconnected):
            await asked
    await client.close()
