"""Requests that wait for room, when the room is freed by the HELLO that resumes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.limits.raw import Raw, eventually
from tests.support.servers import running

HERE = "direct/alice/bob"


async def test_the_ack_in_hello_lets_waiting_requests_go_on(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        for _ in range(40):
            await server.chat.post("alice", HERE, "x" * 30_000)
        raw = await Raw.open(server)
        welcomed = await raw.enter(server, "alice")
        seqs = [raw.request("history", HERE, 0, None, 200, ack=0) for _ in range(60)]
        [device] = server.listener.sessions
        await eventually(lambda: device.waiting and not device._tasks)
        while raw.received < device.stream.sent_seq:
            await raw.frame()
        answered = set(raw._answers)
        assert 0 < len(answered) < len(seqs)
        await raw.hang_up()
        await eventually(lambda: device.transport is None)
        again = await Raw.open(server)
        again.seq, again.received = raw.seq, raw.received
        token = server.accounts.make_token("alice", ttl_s=60)
        again.hello(token, resume=(welcomed.session_id, welcomed.token), ack=raw.received)
        assert (await again.welcome()).resumed
        async with asyncio.timeout(5):
            await again.answer(next(seq for seq in seqs if seq not in answered))
        await again.hang_up()
