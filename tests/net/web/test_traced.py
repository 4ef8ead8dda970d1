"""`imserver trace` in front of the door: what is inside of a WebSocket is told as over TCP."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from imserver.clock import SystemClock
from imserver.trace.explainer import Line
from imserver.trace.proxy import Proxy
from imserver.trace.unwrapped import Unwrapped
from tests.net.web.sockets import BINARY, CONTINUED, TEXT, entered, masked, with_door
from tests.net.web.sockets import PING as WS_PING

HERE = "direct/alice/bob"


async def test_a_conversation_is_told_frame_by_frame(tmp_path: Path) -> None:
    lines: list[Line] = []
    async with with_door(tmp_path) as server:
        proxy = Proxy("127.0.0.1", server.http_port, lines.append, SystemClock())
        await proxy.open("127.0.0.1", 0)
        running = asyncio.create_task(proxy.run())
        async with entered(server, "alice", at=f"imserver+ws://127.0.0.1:{proxy.port}") as alice:
            for number in range(20):
                await alice.post(HERE, f"{number} " + "x" * 5_000)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    told = "\n".join(str(line) for line in lines)
    for word in ("HELLO", "WELCOME", "GOODBYE"):
        assert told.count(word) == 1, told[:3000]
    assert told.count("post") >= 20
    assert "x" * 50 not in told


@pytest.mark.parametrize("seed", range(5))
def test_messages_are_unwrapped_however_they_are_cut(seed: int) -> None:
    rng = random.Random(seed)
    head = b"GET /socket HTTP/1.1\r\nHost: localhost\r\n\r\n"
    inside, sent = b"", head
    for _ in range(60):
        piece = rng.randbytes(rng.choice((0, 1, 5, 125, 126, 300, 70_000)))
        kind = rng.choice((BINARY, BINARY, CONTINUED, TEXT, WS_PING))
        mask = rng.randbytes(4)
        sent += masked(kind, piece, mask=mask)
        inside += piece if kind in (BINARY, CONTINUED) else b""
    unwrapped, found, at = Unwrapped(), b"", 0
    while at < len(sent):
        size = rng.choice((1, 2, 7, 1000, 100_000))
        found += unwrapped.read(sent[at : at + size], up=True)
        at += size
    assert found == inside


@pytest.mark.parametrize(
    "first", [b"\0\0\0\4", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", b"\r\n\r\n\0\r\nQUIT\n"]
)
def test_what_is_no_websocket_is_left_as_it_is(first: bytes) -> None:
    unwrapped = Unwrapped()
    assert unwrapped.read(first, up=True) == first
    assert unwrapped.read(b"HTTP/1.1 200\r\n\r\n", up=False) == b"HTTP/1.1 200\r\n\r\n"
