"""State is kept in a store, and what a store of before has is read."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from imserver_client import (
    ItemChanged,
    ItemState,
    MemoryStorage,
    SqliteStorage,
    StoreError,
)
from imserver_client.storage import LineageStep, SavedCounted, SavedItem, SavedPosition, SavedState, Storage
from tests.client.support.scripted_states import MINE, PROMPT, STARS, next_of, of, settle, state

#: Fixtures: they are used by name.
FIXTURES = [state]

KEPT = Path(__file__).parents[1] / "kept"


@pytest.fixture(params=["memory", "sqlite"])
def storage(request, tmp_path):
    return MemoryStorage() if request.param == "memory" else SqliteStorage(tmp_path / "store.db")


def reopened(storage: Storage) -> Any:
    storage.close()
    return storage.open()


class TestStore:
    def test_state_comes_back(self, storage):
        storage.open()
        stars, mine = SavedItem(5, b"\x81", 3, None), SavedItem(6, None, 6, b"\x81")
        whole = SavedState(
            5, 7, 8, True, SavedCounted(4, b"a"), SavedCounted(2, b"s"), ((1, 3), (7, 9)), {1: stars}
        )
        storage.save_sync("1", True, {"c": SavedPosition(3)}, {"c": whole}, SavedCounted(9, b"x"))
        saved = reopened(storage)
        assert saved.states == {"c": whole}
        assert saved.account == SavedCounted(9, b"x")
        storage.save_states(
            {"c": SavedState(6, 7, held=((1, 3),), items={2: mine}), "d": SavedState(1)}, None
        )
        saved = reopened(storage)
        assert saved.states == {
            "c": SavedState(6, 7, held=((1, 3),), items={1: stars, 2: mine}),
            "d": SavedState(1),
        }
        assert (saved.since, saved.account) == ("1", SavedCounted(9, b"x"))
        storage.save_states({"c": SavedState(6, 7, items={1: None})}, None)
        assert reopened(storage).states["c"].items == {2: mine}
        storage.save_states({"c": whole, "d": SavedState(1, 9, 4)}, None)
        storage.forget_since(None, LineageStep(), recount=True)
        saved = reopened(storage)
        counted = SavedState(
            0,
            8,
            8,
            True,
            SavedCounted(0, b"a"),
            SavedCounted(0, b"s"),
            ((1, 3), (7, 9)),
            {1: SavedItem(0, b"\x81", 0, None), 2: SavedItem(0, None, 0, b"\x81")},
        )
        assert saved.states == {"c": counted, "d": SavedState(0, 9, 4)}
        assert (saved.since, saved.account) == (None, SavedCounted(0, b"x"))
        assert saved.positions == {"c": SavedPosition(3)}
        storage.close()

    def test_values_and_seen_are_saved_in_one_step(self, tmp_path):
        storage = SqliteStorage(tmp_path / "store.db")
        storage.open()
        good: Any = {1: SavedItem(1, b"a")}
        storage.save_states({"c": SavedState(1, 1, items=good)}, None)
        bad: Any = {1: SavedItem(2, b"b"), 2: SavedItem(None, None)}  # type: ignore[arg-type]
        with pytest.raises(StoreError):
            storage.save_sync("2", True, {}, {"c": SavedState(2, 2, items=bad)})
        saved = reopened(storage)
        assert (saved.since, saved.states) == (None, {"c": SavedState(1, 1, items=good)})
        storage.close()

    def test_a_file_of_before_opens(self, tmp_path):
        path = tmp_path / "store.db"
        path.write_bytes((KEPT / "store-1.db").read_bytes())
        storage = SqliteStorage(path)
        for _ in range(2):
            saved = storage.open()
            assert (saved.device_id, saved.user_id, saved.store_epoch) == ("phone", "alice", "epoch-1")
            assert saved.positions == {
                "direct/alice/bob": SavedPosition(6, 7, 9),
                "group/1": SavedPosition(0, 0, 0),
            }
            assert [post.key for post in saved.outbox] == [b"1" * 16]
            assert (saved.states, saved.account) == ({}, SavedCounted())
            storage.close()
        storage.open()
        storage.save_states({"group/1": SavedState(1)}, SavedCounted(1, b"x"))
        assert reopened(storage).states == {"group/1": SavedState(1)}
        storage.close()
        with sqlite3.connect(path) as database:
            assert database.execute("PRAGMA user_version").fetchone() == (3,)
        database.close()

    async def test_a_restart_goes_on_where_it_was(self, server, open_client, state, storage):
        async with open_client(token="alice", store=storage, limits=PROMPT) as alice:
            await alice.history("c")
            state.item(1, [2, STARS, MINE])
            server.push("alice", "about", "c", 2, {"x-topic": "lenses"})
            server.push("alice", "settings", "c", 4, {"x-pin": 1})
            server.push("alice", "account", 7, {"x-theme": "dark"})
            await settle(alice)
        state.row, state.settings = [{"x-topic": "lenses"}, 2, None, 4], {"x-pin": 1}
        state.account = [{"x-theme": "dark"}, 7]
        async with open_client(token="alice", store=storage) as again:
            assert again.item("c", 2) == ItemState(STARS, MINE)
            assert again.about("c") == {"x-topic": "lenses"}
            assert again.settings("c") == {"x-pin": 1}
            assert again.account() == {"x-theme": "dark"}
            assert (of(again).seen, of(again).top) == (2, 2)
            state.changes = [[[[2, 3, {}]], 3, False]]
            again.show("c")
            state.hint(3)
            await server.until(lambda: state.asked == [("c", 2)])
            await settle(again)
            assert again.item("c", 2) == ItemState({}, {})

    @pytest.mark.parametrize("killed", [False, True])
    async def test_of_other_features_all_is_told_again(self, server, open_client, state, storage, killed):
        """The same numbers, and other keys: what is held stays until it is told again, and nothing is announced twice."""
        server.features = ("x-stars", "x-topic")
        alice = await open_client(token="alice", store=storage, limits=PROMPT)
        await alice.history("c")
        state.item(1, [2, STARS, MINE], [3, STARS])
        server.push("alice", "about", "c", 2, {"x-topic": "lenses"})
        server.push("alice", "settings", "c", 4, {"x-pin": 1})
        server.push("alice", "account", 7, {"x-theme": "dark"})
        await settle(alice)
        await asyncio.sleep(0.1)
        await (alice.abort() if killed else alice.close())
        asked = server.count("sync")
        server.features = ("x-topic",)
        state.row = [{"x-topic": "lenses"}, 2, None, 4]
        state.account = [{}, 7]
        state.changes = [[[[2, 1, {}], [3, 1, STARS]], 2, False]]
        async with open_client(token="alice", store=storage) as again:
            events = again.events()
            assert server.count("sync") == asked + 1
            [first] = [one.params for one in server.requests if one.method == "sync"][asked:]
            assert first[0] is None, "every row is asked for, also of what did not change"
            assert (again.about("c"), again.settings("c"), again.account()) == ({"x-topic": "lenses"}, {}, {})
            assert again.item("c", 2) == ItemState(STARS, MINE)
            again.show("c")
            await server.until(lambda: state.asked == [("c", 0)])
            assert await next_of(events, ItemChanged) == ItemChanged("c", 2, {}, {})
            await settle(again)
            assert again.item("c", 3) == ItemState(STARS, {})
            assert (of(again).seen, of(again).top) == (2, 2)
            state.item(3, [3, MINE])
            assert await next_of(events, ItemChanged) == ItemChanged("c", 3, MINE, {})
            state.item(4, [3, STARS])
            await settle(again)
        state.row = [{"x-topic": "lenses"}, 4, None, 4]
        async with open_client(token="alice", store=storage) as same:
            assert (of(same).seen, of(same).top) == (4, 4)
            assert server.chat.sync("alice", same._core.catch_up._since, 9)[0] == []

    async def test_a_server_that_comes_back_with_others_is_asked_all(self, server, open_client, state):
        state.modseq, state.state = 4, {2: [STARS]}
        state.row = [{}, 4]
        async with open_client(token="alice") as alice:
            await alice.history("c")
            alice.show("c")
            server.features = ("x-stars",)
            state.changes = [[[[2, 4, {"x-stars": 2}]], 4, False]]
            server.forget_sessions()
            server.cut()
            await server.until(lambda: state.asked == [("c", 0)])
            await settle(alice)
            assert alice.item("c", 2) == ItemState({"x-stars": 2}, {})
            server.forget_sessions()
            server.cut()
            await server.until(lambda: len(server.hellos) == 3)
            await settle(alice)
            assert state.asked == [("c", 0)]

    async def test_a_kill_knows_the_rows_that_its_token_covers(self, server, open_client, state, storage):
        alice = await open_client(token="alice", store=storage)
        await alice.history("c")
        state.row = [{}, 8, None]
        state.touch()
        server.push("alice", "lagging")
        await server.until(lambda: server.count("sync") == 2)
        await settle(alice)
        await alice.abort()
        state.changes = [[[[2, 6, STARS]], 8, False]]
        async with open_client(token="alice", store=storage) as again:
            assert server.chat.sync("alice", again._core.catch_up._since, 9)[0] == []
            again.show("c")
            await server.until(lambda: len(state.asked) == 1)
            await settle(again)
            assert again.item("c", 2) == ItemState(STARS, {})

    async def test_changes_are_saved_a_moment_later(self, server, open_client, state, storage):
        alice = await open_client(token="alice", store=storage, limits=PROMPT)
        await alice.history("c")
        state.item(1, [2, STARS, MINE])
        await settle(alice)
        await asyncio.sleep(0.2)
        assert not alice._core.states._unsaved
        await alice.abort()
        async with open_client(token="alice", store=storage) as again:
            assert again.item("c", 2) == ItemState(STARS, MINE)

    async def test_messages_kept_without_state_are_asked_from_the_beginning(
        self, server, open_client, state, tmp_path
    ):
        path = tmp_path / "store.db"
        storage = SqliteStorage(path)
        storage.open()
        storage.save_identity("phone", "alice", "epoch-1")
        storage.save_sync("0", True, {"c": SavedPosition(3, 3, 4)})
        storage.close()
        state.row = [{}, 9]
        state.changes = [[[[2, 6, STARS]], 9, False]]
        async with open_client(token="alice", store=path, device_id="phone") as alice:
            alice.show("c")
            await server.until(lambda: state.asked == [("c", 0)])
            await settle(alice)
            assert alice.item("c", 2) == ItemState(STARS, {})
            assert of(alice).seen == 9
