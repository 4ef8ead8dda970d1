"""See `tests.client.stories.storms`: posts once and in order, messages once, through cuts, lost sessions and kills."""

from __future__ import annotations

import pytest

from tests.client.stories.storms import KILLS, Writer, posted_once, storm
from tests.client.support.fake_server import FakeServer


def check(server: FakeServer, writers: list[Writer]) -> None:
    """A message that was on its way through the pipe when its client was killed counts as the unfinished one."""
    posted_once(server, writers)
    for name in "cd":
        stored = len(server.chat.conversations[name].messages)
        for writer in writers:
            seen = [position for position, _ in writer.seen[name]]
            assert list(dict.fromkeys(seen)) == list(range(1, stored + 1)), "each message, in order"
            again = sum(1 for _, redelivered in writer.seen[name] if redelivered)
            assert len(seen) - stored <= again <= KILLS, "at most one redelivery for each kill"


@pytest.mark.parametrize("seed", range(6))
async def test_a_storm(seed: int) -> None:
    await storm(seed, check)
