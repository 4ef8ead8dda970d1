"""Staying connected: the reaction to each way in which a connection can end."""

from __future__ import annotations

import asyncio
import socket
import time
from itertools import count
from typing import Any

import pytest

from imserver_client import (
    CannotConnect,
    ClientLimits,
    CloseCode,
    ConnectionChanged,
    Disconnected,
    Environment,
    MemoryStorage,
    State,
    Stopped,
    connect,
)
from tests.client.support.fake_server import FakeServer, Peer


async def states(events, last: State) -> list[State]:
    """States until `last` is reached."""
    found: list[State] = []
    while not found or found[-1] is not last:
        changed = await anext(events)
        if isinstance(changed, ConnectionChanged):
            found.append(changed.state)
    return found


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


async def test_attempts_back_off_and_a_good_connection_begins_anew(server, waits):
    limits = ClientLimits(stable_after_s=0.000_001)
    environment = Environment(uniform=waits)
    server.goodbyes_at_hello = [(CloseCode.OVERLOADED, 0)] * 3
    async with connect(server.url, token="alice", environment=environment, limits=limits):
        assert [high for _, high in waits.ranges] == [0.5, 1, 2]
        server.cut()
        await server.until(lambda: len(server.hellos) == 5)
        assert waits.ranges[3:] == [(0.0, 0.5)]


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


async def test_a_renewed_token_is_used_for_the_next_connection(server, open_client):
    async with open_client(token="alice") as alice:
        await alice.renew("alice/newer")
        server.cut()
        await server.until(lambda: len(server.hellos) == 2)
    assert server.hellos[1].token == "alice/newer"


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


async def test_unix_sockets(tmp_path):
    server = FakeServer()
    path = str(tmp_path / "im.sock")
    server._listener = await asyncio.get_running_loop().create_unix_server(lambda: Peer(server), path)
    async with connect(f"imserver+unix://{path}", token="alice") as alice:
        assert alice.user_id == "alice"
    await server.__aexit__(None, None, None)


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
