"""SIGTERM in the middle of attacks: answered posts are stored, and the server ends in time."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import AsyncExitStack
from pathlib import Path

from imserver.proof.server_process import ServerProcess
from tests.hostile.floods import flood, pour
from tests.limits.raw import ACK, Raw, new_key, packed, said

HERE = "direct/alice/eve"
FAST = {"posts_per_second": 1e6, "posts_burst": 10**6}


async def entered(process: ServerProcess, name: str, device_id: str) -> Raw:
    raw = await Raw.open(process.port)
    raw.hello(process.token(name), device_id)
    await raw.welcome()
    return raw


async def test_a_server_under_attack_drains_in_time_and_keeps_what_it_answered(tmp_path: Path) -> None:
    """The exit code says that everything accepted was decided, the time-out of `stop` that it did not take for ever."""
    sections = {"server": {"drain_timeout_s": 5.0}, "limits": FAST}
    async with ServerProcess(tmp_path, sections) as process, AsyncExitStack() as stack:
        for name in ("alice", "eve"):
            await (await entered(process, name, "first")).hang_up()
        for _ in range(200):  # who says nothing
            await stack.enter_async_context(await Raw.open(process.port))
        deaf = await stack.enter_async_context(await entered(process, "alice", "deaf"))
        deaf.limit_buffers()
        acks, asking, poster = [await entered(process, "eve", f"{number}") for number in range(3)]
        floods = [
            asyncio.create_task(pour(acks, packed(ACK, 0, 0) * 5000, 20)),
            asyncio.create_task(flood(asking, lambda n: ("history", HERE, None, None, 200), 20)),
        ]
        seqs = [poster.request("post", HERE, new_key(), said("x" * 1000)) for _ in range(200)]
        await poster.answer(seqs[20])
        assert await process.stop() == 0, process.tail()
        end = await poster.goodbye()
        assert end.code == 100, "DRAINING"
        answered = [poster._answers[seq].result[0] for seq in seqs if poster.answered(seq, 0)]
        assert len(answered) > 20
        for task in floods:
            task.cancel()
        await asyncio.gather(*floods, return_exceptions=True)
        for raw in (acks, asking, poster):
            await raw.hang_up()
    with sqlite3.connect(process.database) as rows:
        last = rows.execute("SELECT max(position) FROM messages").fetchone()[0]
    rows.close()
    assert last >= max(answered), "what was answered is stored"
