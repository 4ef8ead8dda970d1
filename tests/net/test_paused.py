"""A socket that takes nothing for a while: frames wait in the session, and go out when it takes again."""

from __future__ import annotations

import asyncio
from pathlib import Path

from imserver.net.transport import ServerTransport
from tests.limits.raw import Raw, eventually
from tests.support.servers import running

HERE = "direct/alice/bob"


async def test_nothing_is_handed_to_a_socket_that_takes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as server, await Raw.open(server) as raw:
        await raw.enter(server, "bob")
        [device] = server.listener.sessions
        transport = device.transport
        assert isinstance(transport, ServerTransport)
        transport.pause_writing()
        await server.chat.post("alice", HERE, "hello")
        await eventually(lambda: not transport.flush_pending)
        waiting = [device.stream.queue.has_unsent]
        transport.resume_writing()
        async with asyncio.timeout(5):
            await raw.push(1)
        assert [*waiting, device.stream.queue.has_unsent] == [True, False]
