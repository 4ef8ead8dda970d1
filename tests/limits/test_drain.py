"""Drain: accepted posts are answered, GOODBYE is last, and clients come back by themselves."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import AsyncExitStack
from pathlib import Path

from imserver.proof.server_process import ServerProcess
from imserver_client import Client, Environment, Posted, connect, direct_conversation_id
from tests.limits.raw import Ended, Raw, new_key, said
from tests.support.servers import Inbox, running

DRAINING, HELD, OVERLOADED = 100, 701, 703
HERE = "direct/alice/bob"
FAST = {"posts_per_second": 1e6, "posts_burst": 10**6}
#: Clients that come back at once.
IMPATIENT = Environment(uniform=lambda low, high: min(high, 0.05))


def stored(database: Path) -> list[bytes]:
    """Keys of all messages, by position; looks that positions have no gap."""
    with sqlite3.connect(database) as rows:
        found = rows.execute("SELECT position, key FROM messages ORDER BY position").fetchall()
    rows.close()
    assert [position for position, _ in found] == list(range(1, len(found) + 1))
    return [bytes(key) for _, key in found]


async def test_what_is_in_the_queue_is_answered_and_goodbye_is_the_last_frame(tmp_path: Path) -> None:
    async with (
        running(tmp_path, limits=FAST) as server,
        await Raw.open(server) as raw,
        await Raw.open(server) as listening,
    ):
        await raw.enter(server, "alice")
        await listening.enter(server, "bob")
        await raw.ask("post", HERE, new_key(), said("hello"))
        keys = {raw.request("post", HERE, key, said("x")): key for key in (new_key() for _ in range(100))}
        await raw.flushed()
        await listening.push(1)
        stopping = asyncio.create_task(server.stop())
        end = await raw.goodbye()
        assert (end.code, 0 < end.retry_after_ms <= 3000) == (DRAINING, True)
        assert (await listening.goodbye()).code == DRAINING
        await stopping
        yes = [seq for seq in keys if seq in raw._answers and raw._answers[seq].code == 0]
        no = [seq for seq in keys if seq in raw._answers and raw._answers[seq].code in (OVERLOADED, HELD)]
        assert [keys[seq] for seq in yes] == stored(tmp_path / "chat.db")[1:]
        assert len(yes) + len(no) == sum(seq in raw._answers for seq in keys)
        assert max(yes, default=1) < min(no, default=1000), "nothing is accepted after the first refusal"
        assert len(listening.pushes) == 1 + len(yes)


async def test_who_does_not_read_holds_the_end_up_for_no_longer_than_the_drain_may_take(
    tmp_path: Path,
) -> None:
    limits = {"window_bytes": 1 << 23} | FAST
    async with (
        running(tmp_path, server={"drain_timeout_s": 0.5}, limits=limits) as server,
        await Raw.open(server) as raw,
    ):
        await raw.enter(server, "bob")
        await asyncio.gather(*(server.chat.post("alice", HERE, "x" * 30_000) for _ in range(250)))
        async with asyncio.timeout(10):
            await server.stop()
        try:
            while True:
                await raw.frame()
        except Ended:
            pass


async def test_nobody_is_let_in_any_more(tmp_path: Path) -> None:
    async with running(tmp_path) as server, await Raw.open(server) as late:
        stopping = asyncio.create_task(server.stop())
        late.hello(server.accounts.make_token("alice", ttl_s=60))
        assert (await late.goodbye()).code == DRAINING
        await stopping


async def test_sigterm_under_load_loses_nothing_and_clients_return_after_the_restart(tmp_path: Path) -> None:
    process = ServerProcess(tmp_path, {"limits": FAST})
    async with process, AsyncExitStack() as stack:

        async def enter(name: str) -> Client:
            client = connect(
                process.url,
                token=process.token(name),
                device_id=f"{name}-1",
                timeout=30,
                environment=IMPATIENT,
            )
            return await stack.enter_async_context(client)

        alice, bob = await enter("alice"), await enter("bob")
        here = direct_conversation_id("alice", "bob")
        heard = Inbox(bob)
        posts = [asyncio.create_task(alice.post(here, f"{n}")) for n in range(4000)]
        await heard.until(100)  # in the middle of it
        answered = sum(post.done() for post in posts)
        assert await process.stop() == 0
        assert answered < len(posts)
        await process.start()
        replies: list[Posted] = await asyncio.gather(*posts)
        assert [reply.position for reply in replies] == list(range(1, 4001))
        await heard.until(4000, 60)
        assert heard.texts == [f"{n}" for n in range(4000)]
        await heard.close()
        assert await process.stop() == 0
    assert stored(process.database) == [reply.key for reply in replies]
