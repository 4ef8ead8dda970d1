"""A full disk, at start and later: posts that cannot be stored are refused and offered again, stored ones stay."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from imserver import Server
from imserver.cli.app import EXIT_AGAIN
from imserver.proof.server_process import ServerProcess
from imserver.store.sqlite.connection import connect as open_database
from imserver.store.sqlite.store import SqliteStore
from imserver_client import Environment, connect
from tests.cli.processes import imserver
from tests.limits.raw import Raw, eventually, neighbourhood, new_key, said
from tests.support.disks import MIB, fill, has_no_room, small_disk
from tests.support.servers import Inbox, config
from tests.support.small_store import SmallStore

STORE_FULL = 702
HERE = "direct/alice/bob"
IMPATIENT = Environment(uniform=lambda low, high: min(high, 0.05))


def _full(disk: Path) -> None:
    fill(disk)


def _nearly_full(disk: Path) -> None:
    fill(disk, leaving=64 * 1024)


@pytest.mark.parametrize("prepare", [_full, _nearly_full])
def test_on_a_full_disk_the_server_does_not_start_and_says_so_in_one_line(
    tmp_path: Path, prepare: Callable[[Path], None]
) -> None:
    (tmp_path / "imserver.toml").write_text("[store]\npath = 'disk/imserver.db'\n")
    with small_disk(tmp_path, MIB) as disk:
        prepare(disk)
        ended = imserver(tmp_path, "serve")
        assert (ended.returncode, ended.stdout) == (EXIT_AGAIN, "")
        *logged, last = ended.stderr.splitlines()
        assert last.startswith("imserver: ")
        assert [json.loads(line)["event"] for line in logged] == []
        assert "full" in ended.stderr or "No space left" in ended.stderr, ended.stderr
        (disk / "filler").unlink()
        assert imserver(tmp_path, "user", "add", "alice", "--create").returncode == 0, (
            "what it left behind is no obstacle"
        )


def test_on_a_read_only_disk_the_server_does_not_start_and_says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "imserver.toml").write_text("[store]\npath = 'disk/imserver.db'\n")
    with small_disk(tmp_path, MIB) as disk:
        assert imserver(tmp_path, "user", "add", "alice", "--create").returncode == 0
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        ended = imserver(tmp_path, "serve")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("imserver: ")
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert "read-only" in ended.stderr.lower(), ended.stderr


async def test_a_disk_that_fills_up_refuses_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """A real process on a real file system; what it answered before is there after a kill."""
    fast = {"posts_per_second": 1e6, "posts_burst": 10**6}
    with small_disk(tmp_path, 3 * MIB) as disk:
        process = ServerProcess(disk, {"limits": fast})
        async with (
            process,
            connect(
                process.url, token=process.token("bob"), device_id="bob-1", timeout=30, environment=IMPATIENT
            ) as bob,
            connect(
                process.url, token=process.token("alice"), device_id="a-1", timeout=30, environment=IMPATIENT
            ) as alice,
        ):
            heard = Inbox(bob)
            first = await alice.post(HERE, "before")
            filler = fill(disk, leaving=256 * 1024)
            posts = [asyncio.create_task(alice.post(HERE, f"{n} " + "x" * 4000)) for n in range(200)]
            await eventually(lambda: has_no_room(process.folder))
            waiting = [post for post in posts if not post.done()]
            assert waiting
            page = await alice.history(HERE, limit=1)  # reading goes on
            assert page.head >= first.position
            filler.unlink()
            replies = await asyncio.gather(*posts)
            assert [reply.position for reply in replies] == list(range(2, 202))
            await heard.until(201, 40)
            assert [text.split()[0] for text in heard.texts] == ["before", *(str(n) for n in range(200))]
            await heard.close()
            await process.kill()
        with sqlite3.connect(process.database) as rows:
            kept = rows.execute("SELECT position, key FROM messages ORDER BY position").fetchall()
        rows.close()
        assert kept == [(reply.position, reply.key) for reply in (first, *replies)]


async def test_where_nothing_can_be_mounted_a_file_that_may_not_grow_does_the_same(tmp_path: Path) -> None:
    settings = config(tmp_path)
    store = SmallStore(settings.store, connector=open_database)
    async with Server(settings, store=store) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        async with await Raw.open(server) as bob:
            await bob.enter(server, "bob")
            text = said("x" * 30_000)
            assert (await raw.ask("post", HERE, new_key(), text)).result[0] == 1
            await store.allow(more_pages=20)
            keys = [new_key() for _ in range(10)]
            codes = [(await raw.ask("post", HERE, key, text)).code for key in keys]
            good = codes.index(STORE_FULL)
            assert codes == [0] * good + [STORE_FULL] + [701] * (9 - good), "what follows is held"
            assert (await raw.ask("history", HERE)).result[3] == good + 1, "reading goes on"
            refused = await raw.ask("post", HERE, keys[good], text)
            assert (refused.code, refused.retry_after_ms > 0) == (STORE_FULL, True)
            await store.allow(None)
            for place, key in enumerate(keys[good:], start=good + 2):
                assert (await raw.ask("post", HERE, key, text)).result[::2] == [place, False]
            assert [push[2] for push in await bob.push(11)] == list(range(1, 12))


async def test_a_disk_that_is_full_stops_nobody_from_reading(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as (server, _), await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        await server.chat.post("alice", "direct/alice/eve", "before")
        assert isinstance(server.store, SqliteStore)
        connection = server.store._connection
        assert connection is not None
        await connection.run(lambda tx: tx.execute("PRAGMA max_page_count = 1"))  # not below what it has
        big = said("x" * 32_000)
        answers = [await raw.ask("post", f"direct/{name}/eve", new_key(), big) for name in ("ann", "ben")]
        assert {answer.code for answer in answers} <= {0, STORE_FULL}
        assert answers[-1].code == STORE_FULL
        assert (await raw.ask("history", "direct/alice/eve")).result[3] == 1
        assert (await raw.ask("sync", None)).code == 0
        await connection.run(lambda tx: tx.execute("PRAGMA max_page_count = 100000000"))
