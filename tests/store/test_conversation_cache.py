"""What the writer remembers of conversations is bounded, keeps what is used, and forgets what was undone."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from imserver.config import StoreConfig
from imserver.model import Kind, Role
from imserver.store import SqliteStore
from imserver.store.engine import conversation_cache as cache_module
from imserver.store.engine.conversation_cache import ConversationCache, ConversationState, Journal
from tests.store.support import Recorder, Stand, faulty, post


def state(number: int, members: int = 2) -> ConversationState:
    made = ConversationState(number, f"c{number}", Kind.GROUP, "")
    made.members = dict.fromkeys((f"u{member}" for member in range(members)), Role.MEMBER)
    return made


def kept(cache: ConversationCache) -> int:
    return len(cache.young) + len(cache.old)


def test_it_keeps_no_more_than_it_may_and_what_is_used() -> None:
    cache = ConversationCache(Journal(), max_conversations=10)
    for number in range(100):
        cache.loaded(state(number))
        assert cache.get("c0") is not None  # asked for in each batch
        cache.trim()
        assert kept(cache) <= 10 + 1
    assert cache.get("c99") is not None
    assert cache.get("c1") is None


def test_members_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "MAX_CACHED_MEMBERS", 1000)
    cache = ConversationCache(Journal(), max_conversations=10**6)
    for number in range(50):
        cache.loaded(state(number, members=100))
        cache.trim()
        assert kept(cache) <= 12
    # What was dropped does not count any more: what comes now stays.
    cache.trim()
    cache.loaded(state(900))
    for _ in range(5):
        cache.trim()
    assert cache.get("c900") is not None


def test_users_are_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "MAX_CACHED_USERS", 10)
    cache = ConversationCache(Journal(), max_conversations=10)
    cache.users.update({f"u{number}": number for number in range(11)})
    cache.trim()
    assert len(cache.users) <= 10


def test_what_was_made_and_undone_is_gone_and_what_changed_is_as_before() -> None:
    journal = Journal()
    cache = ConversationCache(journal, max_conversations=10)
    old = state(1)
    cache.loaded(old)
    before = old.memento()
    mark = journal.mark()
    cache.made(state(2))
    cache.made_user("new", 7)
    journal.note(old.restore, old.memento())
    old.head, old.unread, old.title = 5, 5, "other"
    old.with_member("new", Role.MEMBER)
    old.without_member("u0")
    old.muted = {"u1": 9}
    journal.undo(mark)
    assert cache.get("c2") is None
    assert "new" not in cache.users
    assert old.memento() == before


async def test_a_store_with_a_small_cache_asks_again_and_answers_the_same(tmp_path: Path) -> None:
    """And one with a large cache does not ask."""
    asked: dict[int, int] = {}
    for size in (4, 1000):
        connector, connections = faulty()
        config = StoreConfig(path=str(tmp_path / f"{size}.db"), max_cached_conversations=size)
        store = SqliteStore(config, connector=connector, rng=random.Random(1))
        recorder = Recorder()
        await store.open(recorder)
        stand = Stand(store, recorder)
        names = [f"u{number}" for number in range(30)]
        await stand.users("ann", *names)
        asked[size] = 0

        def count(sql: str, size: int = size) -> None:
            asked[size] += "FROM conversations" in sql

        for _ in range(3):
            for number, name in enumerate(names):
                connections.before = staticmethod(count)
                await stand.post(post(recorder_key(recorder, number), "ann", f"direct/ann/{name}"))
        rows, _ = await stand.read(lambda reader: reader.conversations("ann", None, 100))
        assert [row.head for row in rows] == [3] * 30
        await store.close()
    assert asked[1000] <= 31
    assert asked[4] >= 89


def recorder_key(recorder: Recorder, number: int) -> int:
    """A key that was not used yet."""
    return len(recorder.units) * 100 + number
