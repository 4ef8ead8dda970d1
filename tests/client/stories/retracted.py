"""A message that was taken back: the application learns of it, on-line and off-line, and gets its content no more."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from imserver_client import Retracted
from imserver_client.features.edits import Edited, Edits
from imserver_client.limits import ClientLimits
from imserver_protocol import encode_content
from imserver_protocol.methods.history import HistoryResult, PageItem

TELLING = {"type": "system", "event": "retracted", "target": 1, "revision": 2}


async def event(events, kind):
    while not isinstance(found := await anext(events), kind):
        pass
    return found


async def take(client, count: int) -> list[Any]:
    messages = client.messages()
    return [
        (one.position, one.revision, one.content) for one in [await anext(messages) for _ in range(count)]
    ]


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


async def test_the_application_is_told_at_once(server, open_client):
    server.chat.conversation("c", "alice", "bob", "carol")
    async with open_client(token="alice") as alice:
        events = alice.events()
        server.say("c", "bob", "hush")
        assert await take(alice, 1) == [(1, 1, text("hush"))]
        server.take_back("c", "carol", 1)
        assert await event(events, Retracted) == Retracted("c", 1, 2, "carol")
        assert await take(alice, 1) == [(2, 1, TELLING)]
        [item, _] = (await alice.history("c")).items
        assert (item.content, item.revision) == (None, 2)


@pytest.mark.parametrize("seen_before", [True, False])
async def test_who_was_away_learns_of_it_by_the_same_catching_up(server, open_client, seen_before):
    server.chat.conversation("c", "alice", "bob")
    async with open_client(token="alice") as alice:
        events = alice.events()
        server.say("c", "bob", "first")
        if seen_before:
            assert await take(alice, 1) == [(1, 1, text("first"))]
        server.cut()
        server.say("c", "bob", "hush", pushed=False)
        server.take_back("c", "bob", 1, pushed=False)
        server.take_back("c", "bob", 2, pushed=False)
        server.forget_sessions()
        assert await event(events, Retracted) == Retracted("c", 1, 2, "bob")
        assert await event(events, Retracted) == Retracted("c", 2, 2, "bob")
        first = [] if seen_before else [(1, 2, None)]
        rest = [(2, 2, None), (3, 1, TELLING), (4, 1, {**TELLING, "target": 2})]
        assert await take(alice, len(first + rest)) == first + rest


class Slow(SimpleNamespace):
    """The client as a feature sees it, whose pages come when the test says so."""

    limits = ClientLimits()

    def __init__(self) -> None:
        super().__init__(events=[], asked=[], work=None, on_message=lambda handler: None)
        self.on_fall = self.on_changed = lambda handler: None

    def on_open(self, work: Any) -> None:
        self.work = work

    def announce(self, made: Any) -> None:
        self.events.append(made())

    async def call(self, method: Any, params: Any) -> Any:
        self.asked.append(asyncio.get_running_loop().create_future())
        return await self.asked[-1]


def page(content: bytes | None) -> HistoryResult:
    return HistoryResult((PageItem(1, "bob", 1, b"k" * 16, content, 2),), 1, 1, 9)


@pytest.mark.parametrize("meanwhile", ["nothing", "taken back", "another taken back", "read as taken back"])
async def test_no_edit_is_told_after_the_message_was_taken_back(meanwhile: str) -> None:
    """A page with the edited words was under way when that was told: it must not bring them back."""
    port = Slow()
    edits = Edits(port)
    work = asyncio.ensure_future(port.work())
    edits.seen("c", {"type": "system", "event": "edited", "target": 1, "revision": 2})
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(port.asked) == 1
    if "taken back" in meanwhile and "read" not in meanwhile:
        edits.seen("c", {**TELLING, "target": 2 if "another" in meanwhile else 1})
    port.asked[0].set_result(page(None if "read" in meanwhile else encode_content(text("better"))))
    for _ in range(5):
        await asyncio.sleep(0)
    told = [Edited("c", 1, 2, text("better"))]
    assert port.events == (told if meanwhile in ("nothing", "another taken back") else [])
    work.cancel()


async def test_what_waits_to_be_read_is_not_read_after_it_was_taken_back() -> None:
    port = Slow()
    edits = Edits(port)
    for target in (1, 2):
        edits.seen("c", {"type": "system", "event": "edited", "target": target, "revision": 2})
    edits.seen("c", TELLING)
    work = asyncio.ensure_future(port.work())
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(port.asked) == 1
    work.cancel()
