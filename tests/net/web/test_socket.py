"""`/socket` carries the bytes of SPEC: cut anywhere, resumed across transports, bounded, drained, at its reader's pace."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest

from imserver import Server
from imserver.net.scheduling.read_scheduler import ReadScheduler
from imserver.net.web import websocket
from imserver_client.websocket import NoWebSocket
from tests.limits.clocks import MovedClock
from tests.limits.raw import ACK, PING, WELCOME, Raw, eventually, new_key, packed, said
from tests.limits.raw import PONG as PONG_FRAME
from tests.net.web.sockets import (
    BINARY,
    CLOSE,
    CONTINUED,
    PONG,
    TEXT,
    UPGRADE,
    Bare,
    entered,
    hello,
    masked,
    raw_over_websocket,
    with_door,
)
from tests.net.web.sockets import (
    PING as WS_PING,
)
from tests.net.web.sockets import (
    PONG as WS_PONG,
)
from tests.seeing.web import raw, request
from tests.support.servers import Inbox

HERE = "direct/alice/bob"
DRAINING, MALFORMED = 100, 210
NORMAL, NONSENSE, WRONG_KIND, TOO_LONG = 1000, 1002, 1003, 1009
KIB = 1024


def tcp(server: Server) -> str:
    return f"imserver://127.0.0.1:{server.port}"


async def welcomed(server: Server, bare: Bare) -> None:
    bare.send(BINARY, hello(server))
    frame = await bare.came()
    assert (frame.kind, frame.data[5]) == (BINARY, WELCOME)


# -- the same bytes -----------------------------------------------------------------------------------------------------


async def test_people_talk_whichever_way_they_came(tmp_path: Path) -> None:
    async with (
        with_door(tmp_path) as server,
        entered(server, "alice") as alice,
        entered(server, "bob", at=tcp(server)) as bob,
    ):
        at_alice, at_bob = Inbox(alice), Inbox(bob)
        await alice.post(HERE, "from the web")
        await bob.post(HERE, "from TCP")
        await at_alice.text("from TCP")
        await at_bob.text("from the web")
        await at_alice.close()
        await at_bob.close()


async def test_a_session_goes_on_over_another_transport_and_back(tmp_path: Path) -> None:
    async with with_door(tmp_path) as server:
        first = await Raw.open(server)
        came = await first.enter(server, "alice")
        seq = first.request("post", HERE, new_key(), said("over TCP"))
        assert (await first.answer(seq)).result
        await first.hang_up()
        async with await raw_over_websocket(server) as second:
            second.seq = first.seq
            again = await second.enter(
                server, "alice", resume=(came.session_id, came.token), ack=first.received
            )
            assert again.resumed
            assert (await second.ask("post", HERE, new_key(), said("over WebSocket"))).code == 0
            async with await Raw.open(server) as third:  # takes over
                third.seq = second.seq
                last = await third.enter(
                    server, "alice", resume=(again.session_id, again.token), ack=second.received
                )
                assert last.resumed
                assert (await third.ask("post", HERE, new_key(), said("over TCP again"))).code == 0
        page = await server.chat.history("alice", HERE)
        assert [item.position for item in page.items] == [1, 2, 3]


async def test_how_bytes_are_cut_into_messages_means_nothing(tmp_path: Path) -> None:
    async with with_door(tmp_path) as server, await Bare.open(server.http_port) as bare:
        first, rest = hello(server)[:3], hello(server)[3:]
        bare.send(BINARY, b"")
        bare.send(BINARY, first)
        bare.send(BINARY, rest[:100], last=False)
        bare.send(WS_PING, b"in between")
        bare.send(CONTINUED, b"", last=False)
        bare.send(CONTINUED, rest[100:])
        assert await bare.came() == (PONG, b"in between")
        assert (await bare.came()).data[5] == WELCOME
        # Two frames in ten thousand fragments, nearly all of them empty.
        frames = packed(PING, 0, 0, 7) + packed(PING, 0, 0, 8)
        bare.writer.write(
            masked(BINARY, frames[:1], last=False) + masked(CONTINUED, b"", last=False) * 10_000
        )
        for byte in frames[1:]:
            bare.send(CONTINUED, bytes([byte]), last=False)
        bare.send(CONTINUED, b"")
        assert (await bare.came()).data == packed(PONG_FRAME, 0, 0, 8), "one answer to both"


async def test_what_leaves_in_one_turn_is_one_message(tmp_path: Path) -> None:
    limits = {"posts_burst": 10**6, "posts_per_second": 1e6}
    async with with_door(tmp_path, limits=limits) as server, await Bare.open(server.http_port) as bare:
        await welcomed(server, bare)
        bare.send(
            BINARY,
            b"".join(packed(16, seq, 0, "post", [HERE, new_key(), said("x")]) for seq in range(1, 41)),
        )
        answers, messages = 0, 0
        while answers < 40:
            frame = await bare.came()
            messages += 1
            at = 0
            while at < len(frame.data):
                size = int.from_bytes(frame.data[at : at + 4])
                answers += frame.data[at + 5] == 17
                at += 4 + size
            assert at == len(frame.data), "whole frames"
        assert messages <= 10, "a flush is one message"


async def test_the_client_says_close_and_the_session_waits_for_it(tmp_path: Path) -> None:
    async with with_door(tmp_path) as server, await Bare.open(server.http_port) as bare:
        await welcomed(server, bare)
        bare.send(CLOSE, (1001).to_bytes(2))
        assert await bare.close_came() == NORMAL
        await eventually(lambda: not server.listener.admission.transports)
        assert server.listener.sessions.detached_count == 1


# -- what is too much, or wrong -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (
            masked(BINARY, b"")[:1] + b"\xff" + (16 * KIB * KIB).to_bytes(8) + b"\0\0\0\0" + b"x" * 1000,
            TOO_LONG,
        ),
        (
            masked(BINARY, b"x" * 200 * KIB, last=False) + masked(CONTINUED, b"x" * 57 * KIB, last=False),
            TOO_LONG,
        ),
        (masked(CONTINUED, b"x"), NONSENSE),
        (masked(BINARY, b"x", last=False) + masked(BINARY, b"x"), NONSENSE),
        (b"\xc2" + masked(BINARY, b"x")[1:], NONSENSE),  # compressed
        (masked(PING, b"x" * 126), NONSENSE),
        (masked(CLOSE, b"x"), NONSENSE),
    ],
    ids=["16 MiB", "fragments", "continued", "interleaved", "compressed", "long ping", "bad close"],
)
async def test_what_is_no_websocket_ends_it_with_a_code_and_the_session_waits(
    tmp_path: Path, sent: bytes, code: int
) -> None:
    async with with_door(tmp_path) as server, await Bare.open(server.http_port) as bare:
        await welcomed(server, bare)
        bare.writer.write(sent)
        assert await bare.close_came() == code
        await eventually(lambda: not server.listener.admission.transports)
        assert server.listener.sessions.detached_count == 1


async def test_a_text_message_is_a_breach_and_is_told_in_words(tmp_path: Path) -> None:
    async with with_door(tmp_path) as server, await Bare.open(server.http_port) as bare:
        await welcomed(server, bare)
        bare.send(TEXT, b"hello")
        goodbye = await bare.came()
        assert b"text message" in goodbye.data
        assert bytes([0xCC, MALFORMED]) in goodbye.data
        frame = await bare.came()
        assert (frame.kind, frame.close_code) == (CLOSE, WRONG_KIND)
        bare.send(BINARY, b"x" * 1000)  # already on its way; it must not turn GOODBYE into a reset
        bare.send(CLOSE, WRONG_KIND.to_bytes(2))
        assert await bare.reader.read() == b""
        assert server.listener.sessions.detached_count == 0


async def test_the_longest_message_is_fine_and_one_byte_more_is_not(tmp_path: Path) -> None:
    async with with_door(tmp_path) as server, await Bare.open(server.http_port) as bare:
        await welcomed(server, bare)
        acks = packed(ACK, 0, 0) * (websocket.MAX_MESSAGE_BYTES // 8)
        assert len(acks) == websocket.MAX_MESSAGE_BYTES
        bare.send(BINARY, acks)
        bare.send(BINARY, packed(PING, 0, 0, 5))
        assert (await bare.came()).data == packed(PONG_FRAME, 0, 0, 5)
        bare.send(BINARY, acks + b"x")
        assert await bare.close_came() == TOO_LONG


@pytest.mark.parametrize("kind", [BINARY, WS_PING])
async def test_whoever_is_not_welcome_yet_fills_no_memory(tmp_path: Path, kind: int) -> None:
    async with with_door(tmp_path) as server, await Bare.open(server.http_port) as bare:
        size = 125 if kind == WS_PING else 1000
        bare.send(kind, b"x" * size, last=kind == WS_PING)
        for _ in range(websocket.MAX_EARLY_BYTES // size):
            bare.send(kind if kind == WS_PING else CONTINUED, b"x" * size, last=kind == WS_PING)
        assert await bare.close_came() == TOO_LONG
        await eventually(lambda: not server.listener.admission.transports)


async def test_a_flood_of_tiny_messages_takes_turns(tmp_path: Path) -> None:
    """tests/conftest.py fails this one if the loop was held."""
    async with (
        with_door(tmp_path) as server,
        await Bare.open(server.http_port) as bare,
        entered(server, "bob") as bob,
    ):
        await welcomed(server, bare)
        ping = packed(PING, 0, 0, 5)
        bare.writer.write(b"".join(masked(BINARY, ping[at : at + 1]) for at in range(len(ping))) * 4000)
        for number in range(3):
            await bob.post(HERE, f"{number}")
        bare.send(BINARY, packed(PING, 0, 0, 9))
        while (await bare.came()).data[-1] != 9:
            pass


async def test_a_flood_of_pings_takes_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    answered = most = 0
    pong = websocket.Messages.pong

    def next_turn() -> None:
        nonlocal answered
        answered = 0

    async def counted(messages: websocket.Messages, message: bytes = b"") -> None:
        nonlocal answered, most
        if answered == 0:
            loop.call_soon(next_turn)
        answered += 1
        most = max(most, answered)
        await pong(messages, message)

    monkeypatch.setattr(websocket.Messages, "pong", counted)
    async with with_door(tmp_path) as server, await Bare.open(server.http_port) as bare:
        await welcomed(server, bare)
        bare.writer.write(
            masked(WS_PING, b"") * 5000 + masked(WS_PONG, b"") * 5000 + masked(WS_PING, b"last")
        )
        while (await bare.came()).data != b"last":
            pass
    assert 0 < most <= websocket.MESSAGES_A_TURN + 1


async def test_long_reads_keep_their_order(tmp_path: Path) -> None:
    limits = {"posts_burst": 10**6, "posts_per_second": 1e6, "window_bytes": 8 * KIB * KIB}
    async with (
        with_door(tmp_path, limits=limits) as server,
        entered(server, "bob") as bob,
        entered(server, "alice") as alice,
    ):
        at_alice = Inbox(alice)
        await bob.post(HERE, "first")
        posts = [bob.post(HERE, f"{number} " + "x" * 25_000) for number in range(100)]
        await asyncio.gather(*posts, *(alice.post(HERE, "y" * 25_000) for _ in range(100)))
        await at_alice.until(201)
        heard = [text.split()[0] for text in at_alice.texts if not text.startswith("y")]
        assert heard == ["first", *(f"{number}" for number in range(100))]
        assert server.listener.admission.counts["connections"] == 2, "nobody was sent away for a gap"
        await at_alice.close()


async def test_a_connection_that_ends_leaves_nothing_to_a_collector_of_garbage(tmp_path: Path) -> None:
    """The server's collector looks seldom: what waits for it would be megabytes of every crowd that comes and goes."""
    ends = {
        "text": masked(TEXT, b"x") + masked(CLOSE, b""),
        "close": masked(CLOSE, b""),
        "nonsense": masked(CONTINUED, b"x"),
        "cut": b"",
    }
    refused = ["Sec-WebSocket-Protocol: mqtt", "Origin: null"]
    async with with_door(tmp_path) as server:

        async def come_and_go() -> None:
            for last in ends.values():
                async with await Bare.open(server.http_port) as bare:
                    await welcomed(server, bare)
                    bare.writer.write(last)
                    if last:
                        await bare.close_came()
            for line in refused:
                await raw(server.http_port, request("GET", "/socket", *UPGRADE, line) + b"x" * 20_000)
            await eventually(lambda: not server.listener.admission.transports)
            await asyncio.sleep(0.05)  # tasks of the library end

        await come_and_go()
        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                await come_and_go()
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            kept = [
                one
                for one in gc.garbage
                if type(one).__name__ in ("HttpConnection", "Messages", "WebSocketPipe")
            ]
            assert not kept
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()


# -- slow readers, and the end ------------------------------------------------------------------------------------------


async def test_a_reader_who_takes_nothing_is_let_go_and_may_resume(tmp_path: Path) -> None:
    limits = {"unwritable_s": 0.3, "window_bytes": 8 * KIB * KIB, "window_frames": 2000}
    async with with_door(tmp_path, limits=limits) as server, await raw_over_websocket(server) as raw:
        raw.limit_buffers()
        welcome = await raw.enter(server, "alice")
        for _ in range(4):
            await asyncio.gather(*(server.chat.post("bob", HERE, "x" * 30_000) for _ in range(64)))
        await eventually(lambda: server.listener.sessions.detached_count == 1)
        await eventually(lambda: not server.listener.admission.transports)
        async with await raw_over_websocket(server) as again:
            assert (await again.enter(server, "alice", resume=(welcome.session_id, welcome.token))).resumed
            pushes = await again.push(
                256
            )  # 8 MB in messages of at most 256 KiB, or the client would refuse them
            assert [push[2] for push in pushes] == list(range(1, 257))


async def test_a_drain_says_goodbye_and_close(tmp_path: Path) -> None:
    async with (
        with_door(tmp_path) as server,
        await raw_over_websocket(server) as raw,
        await Bare.open(server.http_port) as bare,
    ):
        await raw.enter(server, "alice")
        stopping = asyncio.create_task(server.stop())
        end = await raw.goodbye()
        assert end.code == DRAINING
        assert end.retry_after_ms > 0
        await bare.came()
        assert await bare.close_came() == NORMAL
        await stopping


async def test_a_server_that_drains_takes_no_more_websockets(tmp_path: Path) -> None:
    async with with_door(tmp_path) as server:
        server.listener.admission.draining = True
        async with await Bare.open(server.http_port) as bare:
            assert bare.status == 503
        with pytest.raises(NoWebSocket, match="the server is going down") as refused:
            await raw_over_websocket(server)
        assert 0 < refused.value.retry_after_ms <= 3000, "a client comes back when it was told to"


async def test_a_server_that_is_killed_in_mid_write_ends_every_websocket(tmp_path: Path) -> None:
    async with with_door(tmp_path) as server, await Bare.open(server.http_port) as bare:
        await welcomed(server, bare)
        server.listener.abort()
        with suppress(ConnectionError):
            assert await bare.reader.read() == b""


async def test_bytes_that_come_while_others_wait_stay_behind_them() -> None:
    """The library may ask the socket to read on while bytes of it wait: none of these may overtake."""
    parsed: list[bytes] = []
    held: list[bool] = []

    class Connection:
        def parse(self, data: bytes) -> None:
            parsed.append(data)

        def hold(self, holds: bool) -> None:
            held.append(holds)

    class Pipe:
        def is_closing(self) -> bool:
            return False

        def takes(self, count: int) -> bool:
            return True

    clock = MovedClock()
    scheduler = ReadScheduler(asyncio.get_running_loop(), clock)
    feed = websocket.Feed(cast("Any", Pipe()), Connection(), scheduler)
    feed.read(b"a" * 20_000)  # of which the first turn takes everything
    clock.now_s += 1  # its time is over
    feed.read(b"b" * 2_000)
    feed.read(b"c" * 10)
    feed.read(b"d" * 3_000)
    async with asyncio.timeout(10):
        while held[-1:] != [False]:  # noqa: ASYNC110  nobody sets an event
            await asyncio.sleep(0)
    text = b"".join(parsed).decode()
    assert text == "a" * 20_000 + "b" * 2_000 + "c" * 10 + "d" * 3_000
    assert held == [True, True, False], "nothing is read from the socket before the last of them had its turn"
