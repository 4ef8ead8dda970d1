"""Everything at once, from a seed; then the invariants. See `tests.client.stories.storms`."""

from __future__ import annotations

import pytest

from tests.client.stories.storms import KILLS, Writer, posted_once, storm
from tests.client.support.fake_server import FakeServer


def check(server: FakeServer, writers: list[Writer]) -> None:
    posted_once(server, writers)
    for name in "cd":
        stored = len(server.chat.conversations[name].messages)
        for writer in writers:
            first = [position for position, redelivered in writer.seen[name] if not redelivered]
            assert first == list(range(1, stored + 1)), "each message once, in order"
            again = sum(1 for _, redelivered in writer.seen[name] if redelivered)
            assert again <= KILLS, "at most one redelivery for each kill"


@pytest.mark.parametrize("seed", range(12))
async def test_a_storm(seed):
    await storm(seed, check)
