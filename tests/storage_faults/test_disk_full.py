"""A disk that is really full, in a file system of its own (beside tests/limits/test_full_disk.py): cursors, edits and reading,
the side file, a start after a kill, and the client's own store."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest

from imserver.proof.server_process import ServerFailed, ServerProcess
from imserver.store.checks import check_database
from imserver_client import Client, Disconnected, Environment, Refused, Stopped, StoreError, connect
from tests.limits.raw import eventually
from tests.storage_faults.life import copy_files
from tests.support.disks import MIB, fill, has_no_room, small_disk

HERE = "direct/alice/bob"
IMPATIENT = Environment(uniform=lambda low, high: min(high, 0.05))
FAST = {"limits": {"posts_per_second": 1e6, "posts_burst": 10**6}}


async def enter(
    stack: AsyncExitStack, process: ServerProcess, name: str, store: Path | None = None
) -> Client:
    return await stack.enter_async_context(
        connect(
            process.url,
            token=process.token(name),
            device_id=f"{name}-1",
            timeout=30,
            environment=IMPATIENT,
            store=store,
        )
    )


def stored(process: ServerProcess, tmp_path: Path) -> list[tuple[bytes, int]]:
    """Keys and positions, of a server that has ended; its database proves itself."""
    copy = tmp_path / "copy"
    copy.mkdir()
    copy_files(process.folder, copy)
    with closing(sqlite3.connect(copy / "chat.db")) as raw:
        report = check_database(raw)
        assert report.found == 0, report.findings
        return raw.execute(
            "SELECT m.key, m.position FROM messages m JOIN conversations c ON c.no = m.conversation_no"
            " WHERE c.conversation_id = ? ORDER BY m.position",
            (HERE,),
        ).fetchall()


@pytest.mark.timeout(180)  # starts of a server process
async def test_on_a_full_disk_reading_and_acking_go_on_and_everything_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path, 6 * MIB) as disk:  # room for the log and for what a start makes of it
        process = ServerProcess(disk, FAST)
        async with process, AsyncExitStack() as stack:
            alice = await enter(stack, process, "alice")
            bob = await enter(stack, process, "bob")
            epoch = alice.store_epoch
            for number in range(40):
                await alice.post(HERE, f"{number} " + "x" * 3000)
            filler = fill(disk)
            posts = [asyncio.create_task(alice.post(HERE, f"{n} " + "y" * 4000)) for n in range(40, 240)]
            reading = asyncio.create_task(bob.cursor(HERE, read=40))
            creating = asyncio.create_task(bob.create_group("z" * 100, []))
            await eventually(lambda: has_no_room(process.folder))
            assert any(not post.done() for post in posts)
            # More than a window of replies: it is acks that let them come.
            for _ in range(300):
                page = await bob.history(HERE, limit=5)
                assert page.items
            assert (await bob.conversations()).conversations
            assert len(await bob.members(HERE)) == 2
            filler.unlink()
            replies = await asyncio.gather(*posts)
            for each in await asyncio.gather(reading, creating, return_exceptions=True):
                assert not isinstance(each, BaseException) or isinstance(each, Refused), each
            assert [reply.position for reply in replies] == list(range(41, 241))
            await bob.cursor(HERE, read=240)
            assert (await alice.edits.edit(HERE, 1, "edited")).revision == 2
            await process.kill()
            await process.start()
            assert (await bob.history(HERE, limit=1)).head == 241
            assert bob.store_epoch == epoch
            assert await process.stop() == 0
        rows = stored(process, tmp_path)
        assert [position for _, position in rows] == list(range(1, 242))
        assert len({key for key, _ in rows}) == 241


@pytest.mark.timeout(180)  # starts of a server process
async def test_a_killed_server_whose_disk_is_full_says_so_in_one_line_and_starts_when_there_is_room(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path, 3 * MIB) as disk:
        process = ServerProcess(disk, FAST)
        async with process, AsyncExitStack() as stack:
            await enter(stack, process, "bob")
            alice = await enter(stack, process, "alice")
            answered = [await alice.post(HERE, f"{n} " + "x" * 3000) for n in range(60)]
            epoch = alice.store_epoch
            await process.kill()
            filler = fill(disk)
            before = process.log.stat().st_size
            with pytest.raises(ServerFailed) as failed:
                await process.start()
            said = process.log.read_bytes()[before:].decode().splitlines()
            assert "Traceback" not in str(failed.value)
            [line] = [line for line in said if line.startswith("imserver: ")]
            assert "full" in line or "No space left" in line, line
            filler.unlink()
            await process.start()
            again = await enter(stack, process, "cy")
            assert again.store_epoch == epoch
            assert (await alice.history(HERE, limit=1)).head == 60
            assert await process.stop() == 0
        assert stored(process, tmp_path) == [(reply.key, reply.position) for reply in answered]


async def talk_on(client: Client, keys: list[bytes]) -> None:
    """Longer than there is room for. Every key is noted before it is offered."""
    for number in range(100):
        keys.append(number.to_bytes(16, "big"))
        await client.post(HERE, f"{number} " + "x" * 20_000, key=keys[-1])


@pytest.mark.timeout(180)  # starts of a server process
async def test_a_client_whose_own_disk_is_full_stops_with_a_reason_and_goes_on_where_it_was(
    tmp_path: Path,
) -> None:
    home = tmp_path / "server"
    home.mkdir()
    with small_disk(tmp_path, MIB) as disk:
        async with ServerProcess(home, FAST) as process:
            async with AsyncExitStack() as stack:
                await enter(stack, process, "bob")
            keys: list[bytes] = []
            filler: Path | None = None
            async with connect(
                process.url,
                token=process.token("alice"),
                device_id="alice-1",
                timeout=30,
                environment=IMPATIENT,
                store=disk / "client.db",
            ) as alice:
                await alice.post(HERE, "before")
                filler = fill(disk)
                with pytest.raises((StoreError, Stopped, Disconnected)):
                    await talk_on(alice, keys)
            filler.unlink()
            async with AsyncExitStack() as stack:
                again = await enter(stack, process, "alice", disk / "client.db")
                for number, key in enumerate(keys):
                    await again.post(HERE, f"{number} " + "x" * 20_000, key=key)
                assert again.outbox() == []
                assert (await again.history(HERE, limit=1)).head == len(keys) + 1
            assert await process.stop() == 0
        assert [key for key, _ in stored(process, tmp_path)][1:] == keys
