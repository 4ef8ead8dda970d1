"""Going down with a full queue, and with a store that fails or is stuck meanwhile."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from imserver import Server
from imserver.chat.transaction import Transaction
from imserver.chat.units import Unit
from imserver.cli import serve
from imserver.cli.app import EXIT_FAILED
from imserver.store import SqliteStore
from imserver.testing import LogBook
from tests.limits.raw import Raw, eventually, new_key, said
from tests.store.support import faulty, sqlite_error
from tests.support.servers import config

HERE = "direct/alice/bob"
DRAINING = 100


class Stuck(Unit):
    """Holds the writer's thread until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def run(self, tx: Transaction) -> None:
        self.begun.set()
        self.go_on.wait(30)


async def with_posts(server: Server, raw: Raw, count: int) -> tuple[Stuck, list[int]]:
    """The writer is stuck, and so many posts of alice wait behind it."""
    await raw.enter(server, "alice")
    async with await Raw.open(server) as bob:
        await bob.enter(server, "bob")
    assert (await raw.ask("post", HERE, new_key(), said("first"))).code == 0
    stuck = Stuck()
    server.store.submit(stuck)
    await asyncio.to_thread(stuck.begun.wait)
    seqs = [raw.request("post", HERE, new_key(), said("x")) for _ in range(count)]
    await raw.flushed()
    await eventually(lambda: server.store.writer.queued_units == count)  # type: ignore[attr-defined]
    return stuck, seqs


async def test_a_full_queue_is_decided_and_answered_before_goodbye(tmp_path: Path) -> None:
    server = Server(config(tmp_path, store={"max_queue_units": 4}))
    await server.start()
    async with await Raw.open(server) as raw:
        stuck, seqs = await with_posts(server, raw, 4)
        stopping = asyncio.create_task(server.stop())
        await asyncio.sleep(0.2)
        stuck.go_on.set()
        assert (await raw.goodbye()).code == DRAINING
        assert [raw._answers[seq].code for seq in seqs if seq in raw._answers] == [0] * 4
        await stopping
    assert server.decided


async def test_a_store_that_fails_in_the_drain_is_no_good_end(tmp_path: Path) -> None:
    connector, connections = faulty()
    settings = config(tmp_path)
    server = Server(settings, store=SqliteStore(settings.store, connector=connector))
    await server.start()
    async with await Raw.open(server) as raw:
        stuck, _ = await with_posts(server, raw, 3)
        error = sqlite_error("SQLITE_IOERR", "disk I/O error")
        connections.before = staticmethod(lambda sql: error if sql == "COMMIT" else None)
        ending = asyncio.create_task(serve._stop(server, settings, LogBook(), 0))
        await asyncio.sleep(0.1)
        stuck.go_on.set()
        assert await ending == EXIT_FAILED
    assert not server.decided


async def test_a_stuck_store_is_no_good_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config(tmp_path, server={"drain_timeout_s": 0.1})
    server = Server(settings)
    await server.start()
    async with await Raw.open(server) as raw:
        stuck, _ = await with_posts(server, raw, 3)
        ended: list[int] = []

        def exit_at_once(code: int) -> None:
            ended.append(code)
            stuck.go_on.set()

        monkeypatch.setattr(serve, "CLOSING_S", 0.1)
        monkeypatch.setattr(os, "_exit", exit_at_once)
        await serve._stop(server, settings, LogBook(), 0)
        assert ended == [EXIT_FAILED]
