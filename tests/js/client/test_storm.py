"""See `tests.client.test_storm`: posts once and in order, messages once, through cuts, lost sessions and kills."""

from __future__ import annotations

import pytest

from imserver_protocol import decode_content
from tests.client import test_storm
from tests.client.support.fake_server import FakeServer
from tests.client.test_storm import Writer

KILLS = 3


def check(server: FakeServer, writers: list[Writer]) -> None:
    """A message that was on its way through the pipe when its client was killed counts as the unfinished one."""
    for name in "cd":
        stored = server.chat.conversations[name].messages
        texts = [decode_content(one.content or b"")["text"] for one in stored]
        for writer in writers:
            mine = [text for text in texts if text.startswith(writer.name)]
            assert mine == writer.posted[name], "each post once, in order, through kills and lost sessions"
            seen = [position for position, _ in writer.seen[name]]
            assert list(dict.fromkeys(seen)) == list(range(1, len(stored) + 1)), "each message, in order"
            again = sum(1 for _, redelivered in writer.seen[name] if redelivered)
            assert len(seen) - len(stored) <= again <= KILLS, "at most one redelivery for each kill"


@pytest.mark.parametrize("seed", range(6))
async def test_a_storm(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_storm, "check", check)
    await test_storm.test_a_storm(seed)
