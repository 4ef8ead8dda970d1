"""Every queue of the client keeps its bound, by count and by bytes, and frees the room of entries that leave it."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from imserver_client import (
    ClientLimits,
    MemoryStorage,
    OutboxFull,
    PostSettled,
    RefusalCode,
    connect,
)
from imserver_client.core.announcer import Announcer
from imserver_client.core.delivery import Delivery
from imserver_client.core.lineage import Lineage
from imserver_client.environment import Environment
from imserver_client.errors import Disconnected
from imserver_client.events import HistoryReplaced
from imserver_client.features.edits import Edits
from imserver_client.features.typing import Typing
from imserver_protocol import Limits, encode_content
from imserver_protocol.methods.history import HISTORY, HistoryParams, HistoryResult, PageItem
from tests.client.support.fake_server import FakeServer
from tests.client.support.messages import take


def item(position: int, size: int) -> PageItem:
    return PageItem(position, "bob", 0, b"k" * 16, b"\x80" * size, 1)


class Waiting:
    """A queue towards an application, and how often it has said that there is room again."""

    def __init__(self, **limits: int) -> None:
        self.limits = ClientLimits(**limits)
        self.again = 0
        self.queue = Delivery(MemoryStorage(), Lineage(), self.limits, self._room_again, lambda _: None)

    def _room_again(self) -> None:
        self.again += 1


@pytest.mark.parametrize("seed", range(20))
async def test_messages_wait_up_to_a_count_and_up_to_so_many_bytes(seed: int) -> None:
    """Filled and emptied again and again, with room kept for pages: it is what a model of two sums says."""
    dice = random.Random(seed)
    waiting = Waiting(max_queued_messages=20, max_queued_bytes=1000)
    queue, sizes, reserved = waiting.queue, list[int](), list[int]()
    for position in range(1, 400):
        free = 20 - len(sizes) - sum(reserved)
        room = free > 0 and sum(sizes) < 1000
        assert queue.has_room() is room
        step = dice.random()
        if step < 0.25:
            wanted = dice.randrange(1, 12)
            granted = queue.reserve(wanted)
            assert granted == (min(wanted, free) if room else 0)
            reserved += [granted] if granted else []
        elif step < 0.4 and reserved:
            queue.release(reserved.pop(dice.randrange(len(reserved))))
        elif step < 0.75 and room:
            sizes.append(dice.choice((1, 50, 400)))
            queue.put("c", item(position, sizes[-1]), redelivered=False, own=False)
        elif sizes:
            before, starved = waiting.again, not queue.has_room()
            await queue.take()
            sizes.pop(0)
            half_free = len(sizes) + sum(reserved) <= 10
            if starved:
                assert waiting.again - before == half_free
    for granted in reserved:
        queue.release(granted)
    while sizes:
        await queue.take()
        sizes.pop()
    assert queue.has_room()
    assert queue.reserve(100) == 20


@pytest.mark.parametrize(
    "limits", [{"max_queued_messages": 10}, {"max_queued_bytes": 3_000}], ids=["count", "bytes"]
)
async def test_who_reads_slowly_keeps_no_more_than_the_bound(server, open_client, limits):
    """What found no room is read from the server when somebody takes, once, and in order."""
    server.chat.conversation("c", "alice", "bob")
    bound = ClientLimits(report_every_s=0.01, page_items=5, **limits)
    async with open_client(token="alice", limits=bound) as alice:
        for number in range(1, 101):
            server.say("c", "bob", f"{number} {'x' * 300}")
        session = server.sessions["alice", alice.device_id]
        await server.until(lambda: session.pushes_unacked_frames == 0)
        assert server.count("history") == 0, "nothing is read while nobody takes"
        seen = await take(alice, 100)
        assert [int(one.split(":")[1]) for one in seen] == list(range(1, 101))
        assert server.count("history") >= (100 - 10) // 5, "only ten wait; the others are read later"


@pytest.mark.parametrize("kept", ["count", "bytes"])
async def test_an_outbox_is_full_at_its_bound_and_has_room_again_when_a_post_is_settled(
    server, open_client, kept
):
    server.chat.conversation("c", "alice", "bob")
    size = len(encode_content({"type": "text", "text": "x" * 100}))
    bound = {"count": {"max_outbox_entries": 5}, "bytes": {"max_outbox_bytes": 5 * size}}[kept]
    held: list[Any] = []

    def script(peer, request):
        if request.method == "post" and len(held) < 5:
            held.append((peer, request))
            return True
        return False

    server.script = script
    async with open_client(token="alice", limits=ClientLimits(**bound)) as alice:
        keys = [bytes([number]) * 16 for number in range(5)]
        waiting = [asyncio.ensure_future(alice.post("c", "x" * 100, key=key)) for key in keys]
        await server.until(lambda: len(held) == 5)
        with pytest.raises(OutboxFull):
            await alice.post("c", "x" * 100)
        if kept == "bytes":
            with pytest.raises(OutboxFull):
                await alice.post("c", "")
        again = asyncio.ensure_future(
            alice.post("c", "x" * 100, key=keys[1])
        )  # the same post takes no more room
        await asyncio.sleep(0)
        assert len(alice.outbox()) == 5
        server.refuse(*held[0], RefusalCode.FORBIDDEN)
        await asyncio.wait([waiting[0]])
        more = asyncio.ensure_future(alice.post("c", "x" * 100))
        await asyncio.sleep(0)
        assert len(alice.outbox()) == 5
        with pytest.raises(OutboxFull):
            await alice.post("c", "x" * 100)
        for peer, request in held[1:]:
            server.answer(peer, request)
            peer.step()
        await asyncio.gather(*waiting[1:], again, more)
        await asyncio.gather(*(alice.post("c", "x" * 100) for _ in range(5)))


async def test_a_full_outbox_leaves_a_part_of_the_window_to_reads(waits):
    async with FakeServer(replace(Limits(), max_requests=20)) as server:
        server.chat.conversation("c", "alice", "bob")
        server.say("c", "bob", "hello")

        def script(peer, request):
            return request.method == "post"  # is never answered

        server.script = script
        limits = ClientLimits(requests_kept_for_reads=6)
        environment = Environment(uniform=waits)
        async with connect(server.url, token="alice", limits=limits, environment=environment) as alice:
            posts = [asyncio.ensure_future(alice.post("c", str(number))) for number in range(40)]
            await server.until(lambda: server.count("post") >= 14)
            async with asyncio.timeout(10):
                assert (await alice.history("c")).head == 1
            assert server.count("post") == 14
            await alice.close(flush=False)
            assert all(
                isinstance(one, Disconnected) for one in await asyncio.gather(*posts, return_exceptions=True)
            )


async def read_all(stream: Any) -> list[Any]:
    return [event async for event in stream]


def settled(number: int) -> PostSettled:
    return PostSettled("c", bytes([number]), None, None)


async def test_each_reader_of_events_has_the_newest_ones() -> None:
    announcer = Announcer(max_queued=3)
    for number in range(5):
        announcer.announce(settled(number))
        announcer.announce(Typing("c", str(number)))
    first, second = announcer.subscribe(), announcer.subscribe()
    for number in range(5, 9):
        announcer.announce(Typing("c", str(number)))
    third = announcer.subscribe()
    announcer.announce(Typing("c", "9"))
    announcer.end(lambda: Disconnected(""))
    late = announcer.subscribe()
    assert await read_all(first) == [Typing("c", str(number)) for number in (7, 8, 9)]
    assert await read_all(second) == [Typing("c", str(number)) for number in (7, 8, 9)]
    assert await read_all(third) == [Typing("c", "9")]
    assert await read_all(late) == []


async def test_only_the_first_reader_is_told_what_was_settled_before() -> None:
    announcer = Announcer(max_queued=3)
    for number in range(5):
        announcer.announce(settled(number))
    first, second = announcer.subscribe(), announcer.subscribe()
    announcer.end(lambda: Disconnected(""))
    assert await read_all(first) == [settled(number) for number in (2, 3, 4)]
    assert await read_all(second) == []


async def test_a_full_queue_loses_nothing_that_is_kept_until_it_was_heard() -> None:
    """A reader that was slow for a moment was never told that its history was replaced."""
    announcer, heard = Announcer(max_queued=2), list[str]()
    stream = announcer.subscribe()
    for name in ("a", "b", "c"):
        announcer.keep(HistoryReplaced(name, 1), partial(heard.append, name))
        announcer.announce(Typing("c", name))
        announcer.announce(Typing("d", name))
    announcer.end(lambda: Disconnected(""))
    assert await read_all(stream) == [HistoryReplaced(name, 1) for name in ("a", "b", "c")]
    assert heard == ["a", "b", "c"]


async def test_of_edited_messages_the_newest_are_read_again() -> None:
    asked: list[tuple[str, int]] = []
    told: list[Any] = []
    enough = asyncio.Event()

    class Port:
        limits = ClientLimits(max_edits_pending=3)

        def on_message(self, handler: Any) -> None:
            self.message = handler

        def on_fall(self, handler: Any) -> None:
            self.fall = handler

        def on_changed(self, handler: Any) -> None:
            self.changed = handler

        def on_open(self, work: Any) -> None:
            self.work = work

        def announce(self, unread: Any) -> None:
            told.append(unread())
            if len(told) == 3:
                enough.set()

        async def call(self, method: Any, params: HistoryParams) -> HistoryResult:
            conversation_id, after = params.conversation_id, params.after
            assert (method, params.before, params.limit) == (HISTORY, None, 1)
            assert after is not None
            asked.append((conversation_id, after))
            return HistoryResult((item(after + 1, 0),), after + 1, after + 1, 99)

    port: Any = Port()
    Edits(port)
    for target in (0, -1, "4", 1, 2, 3, 3, 4, 5):
        port.message("c", {"type": "system", "event": "edited", "target": target})
    port.message("c", {"type": "text", "event": "edited", "target": 9})
    port.message("c", {"type": "system", "event": "added", "target": 9})
    reading = asyncio.ensure_future(port.work())
    await enough.wait()
    port.message("d", {"type": "system", "event": "edited", "target": 7})
    port.fall("d", 0)
    await asyncio.sleep(0)
    reading.cancel()
    assert asked == [("c", 2), ("c", 3), ("c", 4)]
    assert [event.position for event in told] == [3, 4, 5]


async def test_every_refusal_of_a_lane_speaks_in_milliseconds(server, open_client):
    """Also one that comes while the lane is held already."""
    server.chat.conversation("c", "alice", "bob")

    def script(peer, request):
        if request.method == "post" and server.count("post") <= 3:
            first = server.count("post") == 1
            server.refuse(peer, request, RefusalCode.RATE_LIMITED if first else RefusalCode.HELD, 20)
            return True
        return False

    server.script = script
    async with open_client(token="alice") as alice:
        posts = [asyncio.ensure_future(alice.post("c", str(number))) for number in range(3)]
        _, late = await asyncio.wait(posts, timeout=10)
        assert not late, "20 ms are over"
        assert [post.result().position for post in posts] == [1, 2, 3]
