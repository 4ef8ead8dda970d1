"""Requests that wait for room, when the room is freed by an ack and nothing else happens."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.limits.raw import Raw, eventually
from tests.support.servers import running

HERE = "direct/alice/bob"


async def test_an_ack_alone_lets_waiting_requests_go_on(tmp_path: Path) -> None:
    async with running(tmp_path) as server, await Raw.open(server) as raw:
        for _ in range(40):
            await server.chat.post("alice", HERE, "x" * 30_000)
        await raw.enter(server, "alice")
        seqs = [raw.request("history", HERE, 0, None, 200, ack=0) for _ in range(60)]
        await eventually(lambda: len(server.listener.sessions) == 1)
        [device] = server.listener.sessions
        await eventually(lambda: device.waiting and not device._tasks)
        while raw.received < device.stream.sent_seq:
            await raw.frame()
        left = [seq for seq in seqs if seq not in raw._answers]
        assert 0 < len(left) < len(seqs)
        raw.ack()
        async with asyncio.timeout(5):
            await raw.answer(left[0])
