"""A server that breaks the protocol itself: frames, counters, handshakes, sockets. The client ends with a declared error, or
comes back; its outbox loses nothing, its memory is bounded, and it leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from imserver_client import (
    CannotConnect,
    Connecting,
    Environment,
    Misuse,
    State,
    Stopped,
    connect,
)
from tests.client.support.hostile import (
    ACK,
    EMPTY_SYNC,
    GOODBYE,
    HELLO,
    PING,
    PUSH,
    REFUSAL,
    REPLY,
    REQUEST,
    SIGNAL,
    TEXT,
    WELCOME,
    HostileServer,
    Line,
    framed,
    row,
    welcome_fields,
)

pytestmark = pytest.mark.usefixtures("calm")
MALFORMED, FRAME_TOO_LARGE, BAD_STATE, SEQ_ORDER, ACK_TOO_HIGH = 210, 211, 212, 213, 214


def client_of(server: HostileServer, waits: Any, **more: Any) -> Connecting:
    given: dict[str, Any] = {"token": "the token", "timeout": 10.0, "environment": Environment(uniform=waits)}
    return connect(server.url, **(given | more))


async def honest(line: Line) -> None:
    """From here on as the SPEC says: posts are committed, everything else is empty."""
    await line.enter([row("c", 0)])
    await line.serve(answered())


def answered() -> Any:
    """Answers for `Line.serve`: posts get the positions 1, 2, 3…"""
    keys: dict[bytes, int] = {}

    def answer(request: list[Any]) -> Any:
        if request[3] == "post":
            key = request[4][1]
            duplicate = key in keys
            return [keys.setdefault(key, len(keys) + 1), 1, duplicate]
        return {"sync": EMPTY_SYNC, "history": [[], 1, 0, 0], "cursor": [0, 0], "members": []}.get(request[3])

    return answer


BREACHES: dict[str, tuple[Any, int]] = {
    "a length of 0": (bytes(4), MALFORMED),
    "a length of 2^32-1": (b"\xff" * 4, FRAME_TOO_LARGE),
    "a length above the limit": ((65_537).to_bytes(4, "big"), FRAME_TOO_LARGE),
    "no msgpack": (b"\0\0\0\1\xc1", MALFORMED),
    "an unknown type": (framed(30, 0, 0), MALFORMED),
    "a second WELCOME": (framed(WELCOME, 0, 0, *welcome_fields(1)), BAD_STATE),
    "a HELLO": (framed(HELLO, 0, 0, [1, 1], [], "t", "d", {}, None), BAD_STATE),
    "a REQUEST": (framed(REQUEST, 1, 0, "post", []), BAD_STATE),
    "a gap in seq": (framed(PUSH, 3, 0, "lagging"), SEQ_ORDER),
    "a seq that was": (framed(PUSH, 1, 0, "lagging"), SEQ_ORDER),
    "a seq of 2^53": (framed(PUSH, 2**53, 0, "lagging"), MALFORMED),
    "an ack from the future": (framed(ACK, 0, 99), ACK_TOO_HIGH),
    "a negative ack": (framed(ACK, 0, -1), MALFORMED),
    "a control frame with a seq": (framed(PING, 2, 0, 1), MALFORMED),
    "a PING without a nonce": (framed(PING, 0, 0), MALFORMED),
    "a reply to nothing": (framed(REPLY, 2, 1, 99, []), BAD_STATE),
    "a second reply": (framed(REPLY, 2, 1, 1, EMPTY_SYNC), BAD_STATE),
    "a second reply, a refusal": (framed(REFUSAL, 2, 1, 1, 600, "", 0, None), BAD_STATE),
    "a reply to a negative request": (framed(REPLY, 2, 1, -1, []), BAD_STATE),
    "a refusal of a negative time": (framed(REFUSAL, 2, 1, 1, 700, "", -1, None), MALFORMED),
    "a push without a kind": (framed(PUSH, 2, 0), MALFORMED),
    "a message without fields": (framed(PUSH, 2, 0, "message"), MALFORMED),
    "a position of 2^53": (framed(PUSH, 2, 0, "message", "c", 2**53, "bob", 1, b"k", TEXT), MALFORMED),
    "a position of 0": (framed(PUSH, 2, 0, "message", "c", 0, "bob", 1, b"k", TEXT), MALFORMED),
    "a negative position": (framed(PUSH, 2, 0, "message", "c", -5, "bob", 1, b"k", TEXT), MALFORMED),
    "a position of 1.0": (framed(PUSH, 2, 0, "message", "c", 1.0, "bob", 1, b"k", TEXT), MALFORMED),
    "a content that is text": (framed(PUSH, 2, 0, "message", "c", 1, "bob", 1, b"k", "hi"), MALFORMED),
    "a cursor below 0": (framed(PUSH, 2, 0, "cursor", "c", "bob", 0, -1), MALFORMED),
    "a signal without a kind": (framed(SIGNAL, 0, 0), MALFORMED),
    "a typing of nobody": (framed(SIGNAL, 0, 0, "typing", "c"), MALFORMED),
    "a GOODBYE of code 0": (framed(GOODBYE, 0, 0, 0, "", 0), MALFORMED),
    "a GOODBYE that is late in being negative": (framed(GOODBYE, 0, 0, 100, "", -1), MALFORMED),
    "1000 arrays in each other": ((1001).to_bytes(4, "big") + b"\x91" * 1000 + b"\xc0", MALFORMED),
}


@pytest.mark.parametrize("breach", BREACHES, ids=BREACHES)
async def test_a_breach_ends_the_session_and_costs_no_post(waits, breach):
    data, code = BREACHES[breach]
    said: list[int] = []

    async def play(line: Line) -> None:
        if line.number > 1:
            await honest(line)
        await line.enter([row("c", 0)])
        await line.request("post")
        line.raw(data)
        said.append(await line.goodbye())

    async with HostileServer(play) as server, client_of(server, waits) as alice:
        posted = await alice.post("c", "hi", key=b"k" * 16)
        assert (posted.position, alice.state) == (1, State.CONNECTED)
    assert said == [code]
    assert server.posts() == [(1, b"k" * 16), (2, b"k" * 16)]
    assert server.hellos()[1][8] is None, "the session is over"


WELCOMES: dict[str, tuple[dict[str, Any], int]] = {
    "resumed, and nothing was offered": ({"resumed": True}, BAD_STATE),
    "an ack in a fresh session": ({"ack": 7}, ACK_TOO_HIGH),
    "another version": ({"version": 2}, 202),
    "an empty session id": ({"session_id": ""}, MALFORMED),
    "an endless session id": ({"session_id": "s" * 300}, MALFORMED),
    "an empty resume token": ({"resume_token": b""}, MALFORMED),
    "no user": ({"user_id": ""}, MALFORMED),
    "frames of a gigabyte": ({"limits": {"max_frame_bytes": 2**30}}, MALFORMED),
    "frames of nothing": ({"limits": {"max_frame_bytes": 0}}, MALFORMED),
    "no requests": ({"limits": {"max_requests": 0}}, MALFORMED),
    "contents above frames": ({"limits": {"max_content_bytes": 1_000_000}}, MALFORMED),
    "a limit that is none": ({"limits": {"window_frames": "many"}}, MALFORMED),
    "a limit below nothing": ({"limits": {"max_array_items": -(2**53) + 1}}, MALFORMED),
}


@pytest.mark.parametrize("lie", WELCOMES, ids=WELCOMES)
async def test_a_welcome_that_lies_is_not_believed(waits, lie):
    fields, code = WELCOMES[lie]
    said: list[int] = []

    async def play(line: Line) -> None:
        await line.welcome(**fields)
        said.append(await line.goodbye())

    async with HostileServer(play) as server:
        with pytest.raises(Stopped) as stopped:
            await client_of(server, waits)
    assert stopped.value.code == code
    assert set(said) == {code}
    assert len(said) == (1 if code == 202 else 5), "five breaches in a row are enough"


async def test_a_resumed_session_that_is_another_one(waits):
    """The right words with another session, or an ack beyond what was said: not ours."""
    said: list[int] = []

    async def play(line: Line) -> None:
        if line.number == 1:
            await line.enter([row("c", 0)])
            line.writer.transport.abort()
        elif line.number == 2:
            await line.welcome(resumed=True, session_id="of somebody else")
            said.append(await line.goodbye())
        elif line.number == 3:
            await line.enter()
            line.writer.transport.abort()
        elif line.number == 4:
            await line.welcome(resumed=True, session_id="s3", ack=1000)
            said.append(await line.goodbye())
        else:
            await honest(line)

    async with HostileServer(play) as server, client_of(server, waits) as alice:
        assert (await alice.post("c", "hi")).position == 1
    assert said == [BAD_STATE, ACK_TOO_HIGH]


LEAST = {
    "max_frame_bytes": 4096,
    "max_content_bytes": 1,
    "max_string_bytes": 256,
    "max_array_items": 256,
    "max_map_items": 16,
    "max_requests": 1,
    "max_request_bytes": 4096,
    "max_page_items": 1,
    "window_frames": 1,
    "window_bytes": 4096,
}


async def test_the_least_limits_that_a_server_may_name(waits):
    """What does not fit is said at once, and nothing waits for ever behind it."""

    async def play(line: Line) -> None:
        await line.enter([row("c", 0)], limits=LEAST | {"max_content_bytes": 3900})
        await line.serve(answered())

    async with HostileServer(play) as server, client_of(server, waits) as alice:
        with pytest.raises(Misuse):
            await alice.post("c", {"type": "x", "data": b"x" * 4000})
        with pytest.raises(Misuse):
            await alice.users(["u" * 200 for _ in range(30)])
        assert (await alice.post("c", {"type": "x", "data": b"x" * 3800})).position == 1
        assert await alice.members("c") == []


async def test_a_request_that_never_fits_its_window_does_not_block_the_others(waits):
    """A frame may be longer than all requests together: then it cannot be sent, now or later."""
    limits = {"max_frame_bytes": 65_536, "max_content_bytes": 32_768, "max_request_bytes": 4096}

    async def play(line: Line) -> None:
        await line.enter([row("c", 0)], limits=limits)
        await line.serve(answered())

    async with HostileServer(play) as server, client_of(server, waits) as alice:
        with pytest.raises(Misuse):
            await alice.users(["u" * 200 for _ in range(30)])
        with pytest.raises(Misuse):
            await alice.post("c", "x" * 5000)
        assert (await alice.post("c", "short")).position == 1
        assert await alice.members("c") == []
        assert alice.outbox() == []


async def test_an_honest_server_that_speaks_one_byte_at_a_time(waits):
    async def slowly(line: Line, data: bytes) -> None:
        for byte in data:
            line.raw(bytes((byte,)))
            await line.writer.drain()
            await asyncio.sleep(0)

    async def play(line: Line) -> None:
        await line.frame()
        await slowly(line, framed(WELCOME, 0, 0, *welcome_fields(1)))
        request = await line.request("sync")
        await slowly(line, framed(REPLY, 1, 1, request[1], [[row("c", 0)], "1", False]))
        request = await line.request("post")
        await slowly(line, framed(REPLY, 2, 2, request[1], [1, 1, False]))
        await line.goodbye()

    async with HostileServer(play) as server, client_of(server, waits) as alice:
        assert (await alice.post("c", "hi")).position == 1


async def test_a_frame_that_never_ends_is_one_frame_of_memory(waits):
    """A megabyte of it, of 64 KiB that were announced: what is more than announced is the next frame, and none."""

    async def play(line: Line) -> None:
        if line.number > 1:
            await honest(line)
        await line.enter([row("c", 0)])
        line.raw((65_536).to_bytes(4, "big"))
        for _ in range(1024):
            line.raw(b"\xc0" * 1024)
            await line.writer.drain()
        assert await line.goodbye() == MALFORMED

    async with HostileServer(play) as server, client_of(server, waits) as alice:
        assert (await alice.post("c", "hi")).position == 1


async def test_reconnect_storms_back_off(waits):
    """The server takes everybody in and closes at once, for ever: each attempt comes later, by chance, up to 30 s."""
    ends = [GOODBYE, None, WELCOME]

    async def play(line: Line) -> None:
        match ends[line.number % 3]:
            case 5:
                await line.frame()
                line.say(GOODBYE, 401, "go away", 0)
            case None:
                line.writer.transport.abort()
            case _:
                await line.welcome()
                line.writer.transport.abort()

    frozen = Environment(uniform=waits, monotonic=lambda: 5.0)
    async with HostileServer(play) as server:
        with pytest.raises(CannotConnect):
            await client_of(server, waits, environment=frozen, timeout=1.0)
        highs = [high for _, high in waits.ranges]
        assert highs[:9] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
        assert set(highs[9:]) <= {30.0}
        assert {low for low, _ in waits.ranges} == {0.0}


async def test_a_server_without_tls_is_told_no_token_by_one_who_asked_for_it(waits):
    got: list[bytes] = []

    async def play(line: Line) -> None:
        with contextlib.suppress(ConnectionError):
            line.raw(b"\0\0\0\x04\x93\x02\0\0")
            got.append(await line.reader.read(4096))

    async with HostileServer(play) as server:
        with pytest.raises(CannotConnect):
            await connect(
                server.url.replace("imserver:", "imservers:"),
                token="SECRET",
                timeout=0.5,
                environment=Environment(uniform=waits),
            )
    assert got
    assert not [data for data in got if b"SECRET" in data]


async def test_acks_that_go_back_are_ignored(waits):
    async def play(line: Line) -> None:
        await line.enter([row("c", 0)])
        request = await line.request("post")
        line.say(PING, 1, ack=0)
        line.say(PING, 2, ack=1)
        line.reply(request, [1, 1, False])
        line.say(PING, 3, ack=0)
        await line.goodbye()

    async with HostileServer(play) as server, client_of(server, waits) as alice:
        assert (await alice.post("c", "hi")).position == 1
