"""The client's store after a restart, after a kill, and on a file of another kind."""

from __future__ import annotations

from imserver_client import storage_memory as memory_store
from imserver_client import storage_sqlite as sqlite_store
from imserver_client.storage import (
    LineageStep,
    Notice,
    Saved,
    SavedAnswered,
    SavedCounted,
    SavedFall,
    SavedItem,
    SavedOwn,
    SavedPosition,
    SavedPost,
    SavedState,
    SavedTrail,
    Storage,
)
from tests.client.stories.storage import *  # noqa: F403


def reopened(storage: Storage) -> Saved:
    storage.close()
    return storage.open()


class TestBothKinds:
    def test_a_new_store_is_empty(self, storage):
        assert storage.open() == Saved()
        storage.close()
        storage.close()

    def test_everything_comes_back(self, storage):
        storage.open()
        storage.save_identity("phone", "alice", "epoch")
        first, second = SavedPost("c", b"1" * 16, b"\x80"), SavedPost("d", b"0" * 16, b"\x80")
        storage.add_post(first)
        storage.add_post(second)
        storage.save_sync("17", True, {"c": SavedPosition(3, 0, 9)})
        saved = reopened(storage)
        assert (saved.device_id, saved.user_id, saved.store_epoch) == ("phone", "alice", "epoch")
        assert (saved.since, saved.synced) == ("17", True)
        assert saved.positions == {"c": SavedPosition(3, 0, 9)}
        assert saved.outbox == [first, second]
        storage.remove_post(first.key)
        assert reopened(storage).outbox == [second]
        storage.close()

    def test_positions_never_go_back(self, storage):
        storage.open()
        storage.save_sync("1", True, {"c": SavedPosition(5, 0, 9)})
        storage.save_sync("2", True, {"c": SavedPosition(0, 0, 7)})
        storage.save_progress(("c", 4), None)
        assert reopened(storage).positions == {"c": SavedPosition(5, 0, 9)}
        storage.save_progress(("c", 6), ("c", 7))
        storage.save_progress(None, ("d", 1))
        assert reopened(storage).positions == {"c": SavedPosition(6, 7, 9), "d": SavedPosition(0, 1, 0)}
        storage.close()

    def test_what_is_doubted_stays_so_as_of_other_features(self, storage):
        """All else is as of 0 then."""
        storage.open()
        items = {1: SavedItem(-1, b"x", -1, None), 2: SavedItem(5, b"x", -1, b"y")}
        storage.save_states({"c": SavedState(-1, 5, about=SavedCounted(-1, b"z"), items=items)}, None)
        storage.forget_since("epoch", LineageStep(), recount=True)
        state = reopened(storage).states["c"]
        assert (state.seen, state.top, state.about.seq) == (-1, 5, -1)
        assert state.items == {1: SavedItem(-1, b"x", -1, None), 2: SavedItem(0, b"x", -1, b"y")}
        storage.close()

    def test_what_is_known_of_the_history_comes_back(self, storage):
        storage.open()
        trails = {"c": SavedTrail("p", ((1, 3),), ((2, 2),), True, "group/t"), "d": SavedTrail("q")}
        own = {b"1" * 16: SavedOwn("c", 4), b"2" * 16: SavedOwn("c", 5, lost=True)}
        notices = {
            "c": Notice("c", True, 3, gone=(b"3" * 16,)),
            "d": Notice("d", forgotten=True, pending=True),
        }
        storage.save_progress(("c", 1), ("c", 2), LineageStep(trails, own, notices))
        saved = reopened(storage)
        assert (saved.trails, saved.own, saved.notices) == (trails, own, notices)
        storage.save_lineage(LineageStep({"c": None}, {b"1" * 16: None}, {"c": None}), {"d": 7})
        saved = reopened(storage)
        assert (list(saved.trails), list(saved.own), list(saved.notices)) == (["d"], [b"2" * 16], ["d"])
        assert saved.positions["d"] == SavedPosition(0, 0, 7)
        storage.close()

    def test_an_answered_post_stays_until_it_is_offered_again(self, storage):
        storage.open()
        posts = [SavedPost("c", bytes([n]) * 16, b"\x80") for n in range(3)]
        for position, post in enumerate(posts, 1):
            storage.add_post(post)
            storage.answer_post(post.key, position, LineageStep())
        storage.save_sync("s", True, {"c": SavedPosition(2, 2, 9)})
        assert reopened(storage).outbox == []
        assert storage.answered("c", 1) == [
            SavedAnswered(posts[1], 2, True),
            SavedAnswered(posts[2], 3, False),
        ]
        storage.add_post(waiting := SavedPost("c", b"w" * 16, b"\x81"))
        assert storage.contents([posts[0].key, b"9" * 16, waiting.key]) == {posts[0].key: b"\x80"}
        storage.remove_post(waiting.key)
        storage.forget_content("c", 1)
        assert storage.contents([posts[0].key]) == {}
        storage.save_checked({"c": SavedFall(1, 4)}, [posts[2].key], {}, None, LineageStep())
        saved = reopened(storage)
        assert (saved.outbox, saved.positions) == ([posts[2]], {"c": SavedPosition(1, 1, 4)})
        storage.save_checked({"c": None}, (), {}, None, LineageStep())
        assert reopened(storage).positions == {}
        storage.close()

    def test_what_falls_has_the_head_of_this_history_be_it_higher_or_lower(self, storage):
        storage.open()
        storage.save_sync("s", True, {"c": SavedPosition(9, 8, 9), "d": SavedPosition(9, 8, 9)})
        falls = {"c": SavedFall(3, 12), "d": SavedFall(3, 5)}
        storage.save_checked(falls, (), {}, None, LineageStep())
        assert reopened(storage).positions == {"c": SavedPosition(3, 3, 12), "d": SavedPosition(3, 3, 5)}
        storage.close()

    def test_what_is_forgotten_comes_back_without_its_values(self, storage):
        storage.open()
        step, item = LineageStep(), SavedItem(5)
        storage.save_sync("s", True, {"c": SavedPosition(9, 9, 9)})
        storage.save_states({"c": SavedState(6, 7, items={2: item})}, None)
        storage.save_checked({"c": None}, (), {}, None, step)
        assert reopened(storage).states == {}
        storage.save_states({"c": SavedState(1)}, None)
        assert reopened(storage).states == {"c": SavedState(1)}
        storage.close()

    def test_a_content_is_forgotten_of_one_conversation(self, storage):
        storage.open()
        for name in ("c", "d"):
            storage.add_post(SavedPost(name, name.encode() * 16, b"x"))
            storage.answer_post(name.encode() * 16, 1, LineageStep())
        storage.forget_content("c", 1)
        assert storage.contents([b"c" * 16, b"d" * 16]) == {b"d" * 16: b"x"}
        storage.close()

    def test_answered_posts_are_bounded(self, storage, monkeypatch):
        for module in (memory_store, sqlite_store):
            monkeypatch.setattr(module, "ANSWERED_KEPT", 4)
            monkeypatch.setattr(module, "ANSWERED_KEPT_BYTES", 30)
            monkeypatch.setattr(module, "ANSWERED_EVERY", 8)
        storage.open()
        for number in range(1, 17):
            storage.add_post(SavedPost("c", number.to_bytes(16, "big"), b"x" * (1 if number <= 8 else 10)))
            storage.answer_post(number.to_bytes(16, "big"), number, LineageStep())
            if number == 8:
                assert [one.position for one in storage.answered("c", 0)] == [5, 6, 7, 8]
        assert [one.position for one in storage.answered("c", 0)] == [14, 15, 16]
        # They are still known to be own ones.
        own = {number.to_bytes(16, "big"): SavedOwn("c", number) for number in range(1, 17)}
        assert list(reopened(storage).own.items()) == list(own.items())
        storage.close()

    def test_an_answered_post_is_an_own_message_that_was_met(self, storage):
        storage.open()
        posts = [SavedPost("c", bytes([n]) * 16, b"\x80") for n in range(6)]
        for position, post in enumerate(posts, 1):
            storage.add_post(post)
            storage.answer_post(post.key, position)
        keys = [post.key for post in posts]
        storage.save_lineage(LineageStep(own={keys[0]: SavedOwn("c", 1, lost=True), keys[1]: None}))
        storage.forget_content("c", 3)
        storage.add_post(posts[3])
        storage.save_checked({}, [keys[4]], {}, None, LineageStep(own={keys[4]: None}))
        saved = reopened(storage)
        assert saved.own == {
            keys[0]: SavedOwn("c", 1, lost=True),  # it is looked for
            keys[2]: SavedOwn("c", 3),  # it says something else now
            keys[3]: SavedOwn("c", 4),  # it is posted once more
            keys[5]: SavedOwn("c", 6),
        }
        assert saved.outbox == [posts[3], posts[4]], "in their old places"
        # What is gone is kept for who is told so, and stands nowhere.
        storage.forget_content("c", 2)
        assert list(storage.contents(keys)) == [keys[0], keys[1], keys[5]]
        assert [one.position for one in storage.answered("c", 0)] == [1, 6]
        storage.close()
