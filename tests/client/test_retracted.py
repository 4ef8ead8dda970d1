"""A message that was taken back: the application learns of it, on-line and off-line, and gets its content no more."""

from __future__ import annotations

from typing import Any

import pytest

from imserver_client import Retracted, wire
from imserver_protocol import encode_content
from tests.client.stories.retracted import *  # noqa: F403
from tests.client.stories.retracted import TELLING, event, take, text


async def test_what_was_not_handed_over_before_is_handed_over_as_a_tombstone(server, open_client):
    """Whoever goes by events first is not shown afterwards what they said to forget. Others are left as they are."""
    server.chat.conversation("c", "alice", "bob")
    server.chat.conversation("d", "alice", "bob")
    async with open_client(token="alice") as alice:
        events = alice.events()
        for place, words in (("d", "other"), ("c", "one"), ("c", "two"), ("c", "three")):
            server.say(place, "bob", words)
        server.take_back("c", "bob", 2)
        assert await event(events, Retracted) == Retracted("c", 2, 2, "bob")
        assert await take(alice, 5) == [
            (1, 1, text("other")),
            (1, 1, text("one")),
            (2, 2, None),
            (3, 1, text("three")),
            (4, 1, {**TELLING, "target": 2}),
        ]
        assert alice._core.delivery._bytes == 0, "the room that it took is free again"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (TELLING, (1, 2)),
        ({**TELLING, "more": 1}, (1, 2)),
        ({**TELLING, "type": "text", "text": "system"}, None),
        ({**TELLING, "event": "edited", "more": "retracted"}, None),
        ({**TELLING, "target": "1"}, None),
        ({**TELLING, "target": True}, None),
        ({**TELLING, "target": 0}, None),
        ({**TELLING, "revision": None}, None),
        ({**TELLING, "revision": 0}, None),
        ({"type": "system", "event": "retracted"}, None),
    ],
)
def test_only_a_whole_telling_takes_something_back(content: dict[str, Any], told: Any) -> None:
    said = wire.system_event(encode_content(content))
    assert (None if said is None else wire.taken_back(said)) == told
    assert wire.system_event(None) is None
    assert wire.system_event(b"\xc1 system retracted") is None
