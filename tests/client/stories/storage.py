"""The client's store after a restart, after a kill, and on a file of another kind."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from imserver_client import ClientLimits, MemoryStorage, PostSettled, SqliteStorage, StoreError
from imserver_client.storage import (
    LineageStep,
    SavedPosition,
    SavedPost,
    SavedTrail,
)

KEPT = Path(__file__).parents[1] / "kept"
READER = Path(__file__).parents[1] / "support" / "reader.py"


@pytest.fixture(params=["memory", "sqlite"])
def storage(request, tmp_path):
    if request.param == "memory":
        return MemoryStorage()
    return SqliteStorage(tmp_path / "store.db")


class TestFiles:
    def test_a_file_of_before_knows_of_no_edit_and_of_no_place_but_the_token(self, tmp_path):
        """So any message may have been edited, and whatever was learnt was learnt at the token, or in the life behind it."""
        path = tmp_path / "store.db"
        path.write_bytes((KEPT / "store-2.db").read_bytes())
        storage = SqliteStorage(path)
        for _ in range(2):
            saved = storage.open()
            assert (saved.device_id, saved.since, saved.features) == ("phone", "17", frozenset({"edits"}))
            assert saved.positions == {"c": SavedPosition(5, 6, 9), "d": SavedPosition(0, 0, 0)}
            assert saved.trails == {"c": SavedTrail("17", ((1, 5),), (), veiled=True)}
            assert saved.outbox == [SavedPost("c", b"k" * 16, b"\x81\xa4type\xa4text")]
            assert (saved.own, saved.notices, saved.states["c"].met) == ({}, {}, 4)
            storage.close()

    def test_two_processes_cannot_share_a_store(self, tmp_path):
        path = tmp_path / "store.db"
        first, second = SqliteStorage(path), SqliteStorage(path)
        first.open()
        with pytest.raises(StoreError, match="in use"):
            second.open()
        first.close()
        second.open()
        second.close()

    def test_what_is_no_store_is_left_alone(self, tmp_path):
        text = tmp_path / "text"
        text.write_text("not a database " * 100)
        other = tmp_path / "other.db"
        database = sqlite3.connect(other)
        database.execute("CREATE TABLE somebody_elses (x)")
        database.close()
        for path in (text, other, tmp_path / "no" / "folder.db"):
            with pytest.raises(StoreError):
                SqliteStorage(path).open()
        assert text.read_text() == "not a database " * 100

    def test_a_store_of_a_newer_version(self, tmp_path):
        path = tmp_path / "store.db"
        storage = SqliteStorage(path)
        storage.open()
        storage.database.execute("PRAGMA user_version=99")
        storage.close()
        with pytest.raises(StoreError, match="newer"):
            storage.open()

    def test_using_a_store_that_is_not_open(self, tmp_path):
        storage = SqliteStorage(tmp_path / "store.db")
        with pytest.raises(StoreError, match="not open"):
            storage.remove_post(b"")
        storage.open()
        with pytest.raises(StoreError, match="already open"):
            storage.open()
        with pytest.raises(StoreError):
            storage.add_post(SavedPost("c", None, b""))  # type: ignore[arg-type]
        storage.remove_post(b"")
        storage.close()

    def test_a_rollback_that_fails_too_is_an_error_of_the_store(self, tmp_path):
        class BadDisk(sqlite3.Connection):
            def execute(self, sql, *values):
                if sql in ("COMMIT", "ROLLBACK"):
                    raise sqlite3.OperationalError(f"disk I/O error at {sql}")
                return super().execute(sql, *values)

        path = tmp_path / "store.db"
        storage = SqliteStorage(path)
        storage.open()
        storage.close()
        storage._database = sqlite3.connect(path, isolation_level=None, factory=BadDisk)
        with pytest.raises(StoreError, match="at COMMIT"):
            storage.save_sync("s", True, {})
        for step in (
            lambda: storage.add_post(SavedPost("c", b"1" * 16, b"")),
            lambda: storage.remove_post(b"1" * 16),
            lambda: storage.save_progress(("c", 1), ("c", 2)),
            lambda: storage.save_lineage(LineageStep()),
        ):
            with pytest.raises(StoreError, match="transaction"):
                step()
        storage.close()
        saved = storage.open()
        assert (saved.outbox, saved.synced, saved.positions) == ([], False, {})
        storage.close()

    async def test_a_store_belongs_to_one_device_and_one_user(self, server, open_client, tmp_path):
        path = tmp_path / "store.db"
        async with open_client(token="alice", store=path) as alice:
            device_id = alice.device_id
        with pytest.raises(StoreError, match="device"):
            await open_client(token="alice", store=path, device_id="other")
        with pytest.raises(StoreError, match="belongs to the user 'alice'"):
            await open_client(token="bob", store=path)
        async with open_client(token="alice", store=path) as again:
            assert again.device_id == device_id


class TestRestarts:
    async def test_what_was_missed_comes_and_what_was_done_does_not(self, server, open_client, storage):
        server.chat.conversation("c", "alice", "bob")
        server.say("c", "bob", "of old")
        async with open_client(token="alice", store=storage) as alice:
            messages = alice.messages()
            for number in (2, 3):
                server.say("c", "bob", str(number))
                assert (await anext(messages)).position == number
        server.say("c", "bob", "4")
        server.chat.conversation("d", "alice", "bob")
        server.say("d", "bob", "new")
        async with open_client(token="alice", store=storage) as alice:
            server.say("c", "bob", "5")
            seen = [message async for message in _some(alice, 4)]
        found = [(one.conversation_id, one.position, one.redelivered) for one in seen]
        assert [one for one in found if one[0] == "c"] == [("c", 3, True), ("c", 4, False), ("c", 5, False)]
        assert ("d", 1, False) in found

    async def test_done_says_that_a_message_need_not_come_again(self, server, open_client, storage):
        server.chat.conversation("c", "alice", "bob")
        async with open_client(token="alice", store=storage) as alice:
            server.say("c", "bob", "1")
            async for message in alice.messages():
                message.done()
                break
        server.say("c", "bob", "2")
        async with open_client(token="alice", store=storage) as alice:
            (message,) = [one async for one in _some(alice, 1)]
            assert (message.position, message.redelivered) == (2, False)

    async def test_the_application_may_keep_have_itself(self, server, open_client, storage):
        server.chat.conversation("c", "alice", "bob")
        async with open_client(token="alice", store=storage) as alice:
            for number in range(1, 4):
                server.say("c", "bob", str(number))
            _ = [one async for one in _some(alice, 3)]
        async with open_client(token="alice", store=storage, have={"c": 1}) as alice:
            seen = [(one.position, one.redelivered) async for one in _some(alice, 2)]
        assert seen == [(2, False), (3, False)]

    async def test_a_first_sync_that_was_cut_off_is_still_the_first(self, server, open_client, storage):
        for number in range(3):
            server.chat.conversation(f"c{number}", "alice", "bob")
            server.say(f"c{number}", "bob", "of old")
        server.script = lambda peer, request: request.method == "sync" and request.params[0] is not None
        opening = asyncio.ensure_future(
            asyncio.wait_for(open_client(token="alice", store=storage, limits=ClientLimits(sync_rows=1)), 10)
        )
        await server.until(lambda: server.count("sync") == 2)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        server.script = None
        async with open_client(token="alice", store=storage) as alice:
            server.say("c2", "bob", "new")
            (message,) = [one async for one in _some(alice, 1)]
            assert message.text == "new"

    async def test_the_outbox_is_offered_again(self, server, open_client, storage):
        server.chat.conversation("c", "alice")
        server.script = lambda peer, request: request.method == "post"
        alice = await open_client(token="alice", store=storage)
        posts = [asyncio.create_task(alice.post("c", str(number))) for number in range(3)]
        await server.until(lambda: server.count("post") == 3)
        server.chat.commit(
            "c", "alice", *server.requests[-3].params[1:]
        )  # the first was committed, unanswered
        await alice.abort()
        await asyncio.gather(*posts, return_exceptions=True)
        server.script = None
        async with open_client(token="alice", store=storage) as again:
            events = again.events()
            seen = [one async for one in _some(again, 3)]
            settled = [one for one in [await anext(events) for _ in range(3)] if isinstance(one, PostSettled)]
        assert [one.text for one in seen] == ["0", "1", "2"]
        assert all(one.own for one in seen)
        assert [one.posted.position for one in settled if one.posted] == [1, 2, 3]


async def _some(client, count: int):
    messages = client.messages()
    for _ in range(count):
        yield await anext(messages)


class TestKilledProcesses:
    @asynccontextmanager
    async def reader(self, server, path, finish: int):
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(READER), server.url, str(path), str(finish), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"

        async def line() -> str:
            assert process.stdout is not None
            return (await process.stdout.readline()).decode().strip()

        try:
            yield line
        finally:
            process.kill()
            await process.wait()
            process._transport.close()  # type: ignore[attr-defined]

    async def test_only_the_unfinished_message_comes_again(self, server, tmp_path):
        server.chat.conversation("c", "alice", "bob")
        path = tmp_path / "store.db"
        async with self.reader(server, path, 2) as line:
            for number in range(1, 6):
                server.say("c", "bob", str(number))
            assert [await line() for _ in range(3)] == ["c 1 first", "c 2 first", "c 3 first"]
        server.say("c", "bob", "6")
        async with self.reader(server, path, 99) as line:
            assert [await line() for _ in range(4)] == [
                "c 3 redelivered",
                "c 4 first",
                "c 5 first",
                "c 6 first",
            ]

    async def test_a_post_that_was_in_flight_is_offered_again(self, server, tmp_path):
        server.chat.conversation("c", "alice", "bob")
        path = tmp_path / "store.db"
        server.script = lambda peer, request: request.method == "post"
        async with self.reader(server, path, 0) as line:
            server.say("c", "bob", "answer")
            assert await line() == "c 1 first"
            await server.until(lambda: server.count("post") == 1)
        server.script = None
        async with self.reader(server, path, 99) as line:
            assert [await line() for _ in range(2)] == ["c 1 redelivered", "c 2 first"]
        assert server.chat.conversations["c"].head == 2
