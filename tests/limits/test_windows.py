"""Flow control against a peer that ignores it: bounded memory, other clients as fast, nothing lost."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from imserver import Server
from imserver.model import Kind
from imserver.net.sessions import DeviceSession
from tests.limits.raw import PING, PONG, Raw, eventually, framed, neighbourhood, new_key, packed, said
from tests.support.servers import Inbox, people

SLOW, WINDOW_EXCEEDED = 102, 215
HERE = "direct/alice/eve"
MIB = 1024 * 1024
#: What one session may keep alive whatever its device does: both windows, replies, requests, and the accounts of each frame.
MAX_SESSION_BYTES = 4 * MIB


async def test_more_requests_than_the_window_end_the_session(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as (server, neighbours), await Raw.open(server) as raw:
        welcome = await raw.enter(server, "eve")
        assert welcome.limits["max_requests"] == 256
        seqs = [raw.request("users", ["eve"], ack=0) for _ in range(256)]
        for seq in seqs:
            assert (await raw.answer(seq)).code == 0
        await neighbours.talk()
        raw.request("users", ["eve"], ack=0)  # every reply was read, and none was acked
        assert (await raw.goodbye()).code == WINDOW_EXCEEDED


async def test_acked_replies_make_room(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as (server, _), await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        for _ in range(8):
            for seq in [raw.request("users", ["eve"]) for _ in range(256)]:
                await raw.answer(seq)
            raw.ack()


async def test_more_request_bytes_than_the_window_end_the_session(tmp_path: Path) -> None:
    limits = {"posts_per_second": 1e6, "posts_burst": 10**6}
    async with neighbourhood(tmp_path, limits=limits) as (server, _), await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        text = said("x" * 30_000)
        for _ in range(40):
            raw.request("post", HERE, new_key(), text, ack=0)
        assert (await raw.goodbye()).code == WINDOW_EXCEEDED


def session_of(server: Server, user_id: str, device_id: str = "raw") -> DeviceSession:
    device = server.listener.sessions.of_device(user_id, device_id)
    assert device is not None
    return device


async def test_who_never_reads_costs_a_bounded_amount_and_slows_nobody(tmp_path: Path) -> None:
    count, text = 1200, "x" * 8000  # ten times the window
    async with (
        neighbourhood(tmp_path) as (server, neighbours),
        people(server) as enter,
        await Raw.open(server) as raw,
    ):
        await raw.enter(server, "eve")
        bob = await enter("bob")
        heard = Inbox(bob)
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "Lunch", ["eve", "bob"])
        most = 0
        for start in range(0, count, 100):
            await asyncio.gather(
                *(server.chat.post("alice", group, f"{n} {text}") for n in range(start, start + 100))
            )
            most = max(most, session_of(server, "eve").stream.memory_bytes)
        await neighbours.talk()
        await heard.until(count + 1, 60)
        assert [words.split()[0] for words in heard.texts] == [str(n) for n in range(count)]
        assert session_of(server, "eve").stream.lagging
        assert most < MAX_SESSION_BYTES
        await heard.close()

        # Nothing is lost: what was numbered arrives, then `lagging`, and the rest is read.
        while (await raw.frame())[3] != "lagging":
            raw.ack()
        pushed = [push[2] for push in raw.pushes if push[0] == "message"]
        assert pushed == list(range(1, len(pushed) + 1))
        assert len(pushed) < count
        have = len(pushed)
        while have < count + 1:
            items, first, last, _ = (await raw.ask("history", group, have)).result
            assert (first, [item[0] for item in items]) == (have + 1, list(range(first, last + 1)))
            have = last


async def test_who_asks_and_never_reads_is_answered_later(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as (server, neighbours), await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        for _ in range(16):
            await server.chat.post("alice", HERE, "x" * 8000)
        seqs = [raw.request("history", HERE, None, None, 50, ack=0) for _ in range(250)]
        await raw.flushed()
        await neighbours.talk()
        await eventually(lambda: session_of(server, "eve").waiting)
        assert session_of(server, "eve").stream.memory_bytes < MAX_SESSION_BYTES
        for seq in seqs:  # 8 MB of pages, through a room of 1 MiB
            answer = await raw.answer(seq)
            assert answer.result[2] == 16
            raw.ack()


async def test_who_cannot_be_written_to_for_too_long_is_detached_and_may_resume(tmp_path: Path) -> None:
    limits = {"unwritable_s": 0.5, "window_bytes": 8 * MIB, "window_frames": 2000}
    async with neighbourhood(tmp_path, limits=limits) as (server, _), await Raw.open(server) as raw:
        welcome = await raw.enter(server, "eve")
        for _ in range(4):
            await asyncio.gather(*(server.chat.post("alice", HERE, "x" * 30_000) for _ in range(64)))
        await eventually(lambda: session_of(server, "eve").transport is None)
        async with await Raw.open(server) as again:
            resumed = await again.enter(server, "eve", resume=(welcome.session_id, welcome.token))
            assert resumed.resumed
            pushes = await again.push(256)
            assert [push[2] for push in pushes] == list(range(1, 257))


async def test_a_flood_of_pings_costs_one_pong(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as (server, neighbours), await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        raw.send_bytes(b"".join(packed(PING, 0, 0, nonce) for nonce in range(50_000)))
        await neighbours.talk()
        pongs: list[int] = []
        while not pongs or pongs[-1] != 49_999:
            frame = await raw.frame()
            assert frame[0] == PONG
            pongs.append(frame[3])
        assert len(pongs) < 1000


async def test_a_frame_that_trickles_in_holds_nobody_up(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as (server, neighbours), await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        frame = packed(16, 1, 0, "users", [["eve"] * 90])
        for at in range(len(frame)):
            raw.send_bytes(frame[at : at + 1])
            await raw.flushed()
            if at % 100 == 50:
                await neighbours.talk()
        raw.seq = 1
        assert (await raw.answer(1)).code == 0


async def test_the_costliest_frame_is_soon_over(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as (server, neighbours):
        bomb = framed(b"\x95\x10\x01\x00\xa4sync\xdd\x00\x00\xff\x00" + b"\x90" * 0xFF00)
        for number in range(20):
            async with await Raw.open(server) as raw:
                await raw.enter(server, "eve", f"{number}")
                raw.send_bytes(bomb)
                assert (await raw.goodbye()).code == 210
        await neighbours.talk()


async def test_all_sessions_together_keep_a_bounded_amount(tmp_path: Path) -> None:
    """One user's devices that ask and never ack: each within its bounds, and together above what the server may keep."""
    limits = {"max_unacked_bytes": 2 * MIB, "max_detached_bytes": MIB}
    async with neighbourhood(tmp_path, limits=limits) as (server, neighbours), AsyncExitStack() as stack:
        for _ in range(40):
            await server.chat.post("alice", HERE, "x" * 30_000)
        raws = [await stack.enter_async_context(await Raw.open(server)) for _ in range(6)]
        for number, raw in enumerate(raws):
            await raw.enter(server, "eve", f"{number}")
            for _ in range(40):
                raw.request("history", HERE, None, None, 200, ack=0)
        ends = []

        async def end(raw: Raw) -> None:
            with suppress(TimeoutError):
                async with asyncio.timeout(4):
                    ends.append((await raw.goodbye()).code)

        await asyncio.gather(*map(end, raws))
        assert ends.count(SLOW) >= 3
        await eventually(
            lambda: sum(found.stream.memory_bytes for found in server.listener.sessions) < 4 * MIB
        )
        await neighbours.talk()
