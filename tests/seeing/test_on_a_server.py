"""On a real server and a real disk: what is wrong logs one line at each end, shows, and is told in words."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from imserver import Server, health
from imserver.config import HttpConfig
from imserver.proof.server_process import ServerProcess
from imserver.store.sqlite import store as sqlite
from imserver.store.sqlite.connection import connect as open_database
from imserver.testing import LogBook
from imserver_client import Environment, connect
from tests.cli.processes import imserver
from tests.limits.raw import Raw, eventually, new_key, said
from tests.seeing.web import ask, seen
from tests.support.disks import MIB, fill, small_disk
from tests.support.servers import config, people
from tests.support.small_store import SmallStore

HERE = "direct/alice/bob"
FAST = {"posts_per_second": 1e6, "posts_burst": 10**6}
IMPATIENT = Environment(uniform=lambda low, high: min(high, 0.05))


def lines(process: ServerProcess, event: str) -> list[dict[str, Any]]:
    """The lines of this event in the log."""
    told = [json.loads(line) for line in process.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in told if line["event"] == event]


async def status(process: ServerProcess) -> dict[str, Any]:
    done = await asyncio.to_thread(
        imserver, process.folder, "--config", str(process.folder / "imserver.toml"), "status", "--json"
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.timeout(180)  # starts of processes, and a condition that has to be quiet for a while
async def test_a_full_disk_is_told_to_everybody_and_is_over_by_itself(tmp_path: Path) -> None:
    sections: dict[str, dict[str, Any]] = {"limits": FAST, "http": {"port": 0, "min_free_bytes": 1}}
    with small_disk(tmp_path, 6 * MIB) as disk:
        process = ServerProcess(disk, sections)
        process.log = tmp_path / "server.log"  # a log on the disk that is full would be lost
        async with (
            process,
            aiohttp.ClientSession() as session,
            connect(
                process.url, token=process.token("bob"), device_id="b-1", timeout=30, environment=IMPATIENT
            ),
            connect(
                process.url, token=process.token("alice"), device_id="a-1", timeout=60, environment=IMPATIENT
            ) as alice,
        ):
            [listening] = lines(process, "http_listening")
            ready = f"http://localhost:{listening['port']}/readyz"

            async def answers(status: int, within_s: float = 20) -> dict[str, Any]:
                async with asyncio.timeout(within_s):
                    while True:
                        async with session.get(ready) as answer:
                            if answer.status == status:
                                told: dict[str, Any] = await answer.json()
                                return told
                        await asyncio.sleep(0.1)

            await alice.post(HERE, "before")
            await answers(200)
            filler = fill(disk)
            posts = [asyncio.create_task(alice.post(HERE, f"{n} " + "x" * 4000)) for n in range(100)]
            told = await answers(503)
            assert told["disk"] == {"ok": False, "why": "the disk is full"}
            [condition] = (await status(process))["conditions"]
            assert condition["name"] == "disk_full"
            assert "The disk is full" in condition["words"]
            await answers(503, 3)
            filler.unlink()
            await asyncio.gather(*posts)
            await answers(200, 40)
            assert (await status(process))["conditions"] == []
            [begins] = lines(process, "disk_full_begins")
            [ends] = lines(process, "disk_full_ends")
            assert begins["level"] == "warning"
            assert ends["duration_s"] >= 10
            assert ends["count"] >= 1
            assert await process.stop() == 0


async def test_whoever_is_refused_for_a_full_disk_reads_whose_it_is_and_that_it_goes_by(
    tmp_path: Path,
) -> None:
    settings = config(tmp_path)
    store = SmallStore(settings.store, connector=open_database)
    async with Server(settings, store=store) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        async with await Raw.open(server) as bob:
            await bob.enter(server, "bob")
        await store.allow(more_pages=2)
        for _ in range(5):
            answer = await raw.ask("post", HERE, new_key(), said("x" * 30_000))
            if answer.code:
                break
        else:
            pytest.fail("there was room for all")
        assert "the server's disk is full" in answer.text
        assert "by itself" in answer.text
        server.health.look()
        assert [condition.name for condition in server.conditions.on] == ["disk_full"]
        full = server.health.figures
        assert full is not None
        assert (full.has_room, full.full) == (False, 1)
        await store.allow(None)
        assert (await raw.ask("create", new_key(), "group", "us", ["bob"])).code == 0
        room = server.health.figures
        assert room is not None
        assert (room.has_room, room.full) == (True, 1)


async def test_a_reader_that_never_ends_is_noticed_and_its_end_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "WATCHED_WAL_BYTES", MIB)
    monkeypatch.setattr(health, "LONG_WAL_BYTES", MIB)
    monkeypatch.setattr(health, "LAG_BYTES", MIB // 2)
    log = LogBook()
    async with seen(tmp_path, log=log, limits=FAST) as server, people(server) as enter:
        await enter("bob")
        alice = await enter("alice")
        lag = server.conditions["reader_lag"]
        with closing(sqlite3.connect(server.config.store.path, isolation_level=None)) as foreign:
            foreign.execute("BEGIN")
            foreign.execute("SELECT count(*) FROM messages").fetchone()
            for number in range(60):
                await alice.post(HERE, f"{number} " + "x" * 30_000)
            await eventually(lambda: lag.is_on)
            page = (await ask(server.http_port, "GET", "/readyz")).json
            assert page["ready"], "it serves on"
            assert 'imserver_condition{name="reader_lag"} 1.0' in server.metrics.render().decode()
            lag._needed_s = 0.5
        await eventually(lambda: not lag.is_on)
        assert log.events("warning") == ["reader_lag_begins", "reader_lag_ends"]


async def test_refusals_are_counted_by_their_code(tmp_path: Path) -> None:
    async with seen(tmp_path, http=HttpConfig(port=0, metrics=True)) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        for method in ("nonsense", "nonsense", "history"):
            assert (await raw.ask(method, "group/none")).code
        page = (await ask(server.http_port, "GET", "/metrics")).body.decode()
        refused = dict(
            line.removeprefix('imserver_refusals_total{code="').split('"} ')
            for line in page.splitlines()
            if line.startswith("imserver_refusals_total")
        )
        assert Counter({code: float(count) for code, count in refused.items() if float(count)}) == {
            "UNKNOWN_METHOD": 2,
            "NOT_FOUND": 1,
        }


async def test_posts_are_counted_whatever_they_share_a_commit_with(tmp_path: Path) -> None:
    async with seen(tmp_path, limits=FAST) as server, people(server) as enter:
        await enter("bob")
        alice = await enter("alice")
        posts = [alice.post(HERE, str(number)) for number in range(200)]
        others = [server.chat.post("bob", HERE, f"b{number}") for number in range(20)]
        await asyncio.gather(*posts, *others, alice.create_group("us", ["bob"]))
        figures = server.health.figures
        assert figures is not None
        assert figures.posts == 220
        assert sum(figures.commit_s.counts) == sum(figures.batch_units.counts) == figures.batches
        assert figures.batch_units.total == figures.units > 220
        assert (figures.failed, figures.full) == (0, 0)
