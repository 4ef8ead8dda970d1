"""A client of the torture run offers again what was answered, in a long run of new posts, and writes down both answers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from imserver.proof.torture import talker
from imserver.proof.torture.client_journal import read_journal
from imserver.proof.torture.talker import RUN_AGAIN, RUN_POSTS, Talkers
from imserver.store.sqlite.bulk_posts import MAX_EXACT_ROWS
from tests.proof.living import PAIR, living
from tests.support.servers import running


async def test_a_burst_ends_with_what_was_answered_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More rows than one statement takes, and behind them some that are there already."""
    monkeypatch.setattr(talker, "RUN_SHARE", 1.0)
    monkeypatch.setattr(talker, "GIVE_UP_SHARE", 0.0)
    monkeypatch.setattr(talker, "ACT_SHARE", 0.0)  # the server's word of an edit has a key, too
    async with running(tmp_path) as server, living(tmp_path, server) as actor:
        talkers = Talkers(Random(1), rate=1.0)
        talkers.places[actor] = [PAIR]
        assert talkers.burst(20) == 20 + RUN_POSTS
        assert await actor.settle(30) == ""
        assert talkers.burst(20) == 20 + RUN_POSTS
        assert await actor.settle(30) == ""
        assert actor.broken == ""
        stored = await server.chat.history("bob", PAIR, limit=200, max_bytes=10**9)
    assert RUN_POSTS > MAX_EXACT_ROWS
    answers = read_journal(tmp_path, "talker-1", "alice").acknowledged
    times = Counter(answer.key for answer in answers)
    assert len(times) == 2 * (20 + RUN_POSTS)
    assert 1 <= sum(count - 1 for count in times.values()) <= 2 * RUN_AGAIN
    there = {item.key: item.position for item in stored.items}
    assert {(answer.key, answer.position) for answer in answers} >= {*there.items()}
    assert len({(answer.key, answer.position) for answer in answers}) == len(times), "one place for each key"
