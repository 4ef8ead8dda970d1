"""The readers' caches are bounded, and answers stay the same when they are full."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from imserver.chat.permissions import Grant
from imserver.model import Kind, Role, direct_conversation_id
from imserver.store.sqlite import reader as sqlite_reader
from imserver.store.sqlite.conversation_lists import MAX_GRANTS, granted_by_row
from tests.store.costs import Cost, opened
from tests.store.support import Stand, post

OTHERS = [f"user{number}" for number in range(12)]
BOUND = 4


async def test_names_and_audiences_are_kept_up_to_their_bounds(
    sqlite_stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plugin that hears of everybody, and pages of everybody's history, on a reader that lives for months."""
    monkeypatch.setattr(sqlite_reader, "MAX_CACHED_NAMES", BOUND)
    monkeypatch.setattr(sqlite_reader, "MAX_CACHED_AUDIENCES", BOUND)
    await sqlite_stand.users(*OTHERS)
    places = {name: direct_conversation_id("ann", name) for name in OTHERS}
    await sqlite_stand.post(
        *(post(number, name, place) for number, (name, place) in enumerate(places.items()))
    )
    with closing(opened(tmp_path / "chat.db")) as connection:
        reader = Cost(connection).reader
        for _ in range(2):
            for name, place in places.items():
                (item,) = reader.history_items(place, "ann", None, None, 10, 10_000).items
                assert item[1] == name
                assert len(reader._names) <= BOUND
            told, _ = reader.messages_after(0, None, 100)
            assert [(message.sender_id, set(members)) for _, message, members in told] == [
                (name, {"ann", name}) for name in OTHERS
            ]
            assert len(reader._audiences) <= BOUND


def test_grants_are_remembered_within_a_bound() -> None:
    for left_at in range(1, MAX_GRANTS + 10):
        assert granted_by_row("group", "member", left_at) == (Kind.GROUP, Role.MEMBER, Grant(1, left_at))
    assert granted_by_row.cache_info().currsize == MAX_GRANTS
    granted_by_row.cache_clear()
