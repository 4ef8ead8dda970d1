"""Pages, pushes, listings and members that cannot be true."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import msgpack
import pytest

from imserver_client import (
    CatchUpFailed,
    ClientLimits,
    Stopped,
)
from imserver_client.features.edits import Edited
from tests.client.support.hostile import (
    MALFORMED,
    PUSH,
    HostileServer,
    Line,
    client_of,
    item,
    row,
    seen,
    truth,
)

pytestmark = pytest.mark.usefixtures("calm")


@pytest.mark.parametrize("seed", range(6))
async def test_pushes_in_any_order_doubled_and_missing(waits, seed):
    """Pages tell the truth, pushes do not: everything is seen once and in order."""
    rng = random.Random(seed)
    count = 200

    async def play(line: Line) -> None:
        await line.enter([row("c", 0)])
        pushed = [rng.randint(1, count) for _ in range(count)] + [count]
        for position in pushed:
            line.push("c", position)
            if rng.random() < 0.1:
                await asyncio.sleep(0)
        await line.serve(
            lambda request: (
                truth(count, request[4][1], rng.randint(1, request[4][3]))
                if request[3] == "history"
                else [0, 0]
            )
        )

    async with HostileServer(play) as server, client_of(server, waits) as alice:
        assert await seen(alice, count) == list(range(1, count + 1))


PAGES: dict[str, Any] = {
    "items out of order": [[item(2), item(1)], 1, 2, 3],
    "an item twice": [[item(1), item(1)], 1, 2, 3],
    "items before the page": [[item(1)], 2, 3, 3],
    "items behind the page": [[item(3)], 1, 2, 3],
    "a page beyond the head": [[item(1), item(2)], 1, 2, 1],
    "nothing up to beyond the head": [[], 1, 9, 3],
    "more than was asked for": [[item(n) for n in range(1, 1002)], 1, 1001, 1001],
    "items of another shape": [[["1", "bob"]], 1, 1, 3],
    "a negative revision": [[item(1, revision=-1)], 1, 1, 3],
    "a text": "page",
    "nothing": None,
    "a float": [[], 1, 1.0, 3],
}


@pytest.mark.parametrize("page", PAGES, ids=PAGES)
async def test_a_page_that_cannot_be_true_is_not_shown(waits, page):
    said: list[int] = []

    async def play(line: Line) -> None:
        await line.enter([row("c", 0)])
        if line.number == 1:
            line.push("c", 3)
            line.reply(await line.request("history"), PAGES[page])
            said.append(await line.goodbye())
        line.push("c", 3)
        await line.serve(lambda request: truth(3, request[4][1]) if request[3] == "history" else [0, 0])

    async with HostileServer(play) as server, client_of(server, waits) as alice:
        assert await seen(alice, 3) == [1, 2, 3]
    assert said == [MALFORMED]


@pytest.mark.parametrize(
    "page",
    [[[], 1, 0, 9], [[], 4, 3, 9], [[item(3)], 3, 3, 9], [[], 1, 3, 9]],
    ids=["empty", "behind", "of before", "emptied"],
)
async def test_a_page_that_leads_nowhere_is_asked_for_once(waits, page):
    """The first three positions were shown; what is pushed later is a hole that no page fills."""

    async def play(line: Line) -> None:
        await line.enter([row("c", 0)])
        line.reply(await line.request("members"), [])
        for position in (1, 2, 3, 9):
            line.push("c", position)
        await line.serve(lambda request: page if request[3] == "history" else [0, 0])

    async with HostileServer(play) as server, client_of(server, waits) as alice:
        events = alice.events()
        await alice.members("c")
        assert await seen(alice, 3) == [1, 2, 3]
        while not isinstance(told := await anext(events), CatchUpFailed):
            pass
        assert (told.after, told.known_head) == (3, 9)
        await alice.close()
    assert len([1 for _, frame in server.heard if frame[0] == 16 and frame[3] == "history"]) == 1


async def test_positions_at_the_end_of_all_numbers(waits):
    """The largest position there is, in a push and a page: no arithmetic goes beyond it."""
    most = 2**53 - 1

    async def play(line: Line) -> None:
        await line.enter([row("c", 0)])
        line.push("c", most)
        await line.serve(
            lambda request: [[item(most)], most, most, most] if request[3] == "history" else [most, most]
        )

    async with HostileServer(play) as server, client_of(server, waits) as alice:
        assert await seen(alice, most) == [most]
        assert (await alice.cursor("c", read=most)).read == most


async def test_revisions_that_go_back_are_told_as_they_come(waits):
    revisions = iter((5, 2))

    def edited(position: int) -> list[Any]:
        content = {"type": "system", "event": "edited", "target": 1, "revision": 9}
        return [PUSH, "message", "c", position, "bob", 1, b"k" * 16, msgpack.packb(content)]

    async def play(line: Line) -> None:
        await line.enter([row("c", 0)])
        await line.request("members")
        for position in (1, 2):
            line.say(*edited(position))
            request = await line.request("history")
            line.reply(request, [[item(1, revision=next(revisions))], 1, 1, 2])
        await line.serve(lambda request: [0, 0])

    async with HostileServer(play) as server, client_of(server, waits) as alice:
        events = alice.events()
        asked = asyncio.create_task(alice.members("c"))
        told: list[int] = []
        while len(told) < 2:
            if isinstance(event := await anext(events), Edited):
                told.append(event.revision)
        assert told == [5, 2]
        asked.cancel()


@pytest.mark.parametrize("rows", [[], [row("c", 5)]], ids=["empty", "the same again"])
async def test_a_sync_that_never_ends_is_given_up(waits, rows):
    numbers = iter(range(10**9))

    async def play(line: Line) -> None:
        await line.welcome()
        await line.serve(lambda request: [rows, str(next(numbers)), True])

    limits = ClientLimits(max_conversations=50, sync_rows=10)
    async with HostileServer(play) as server:
        with pytest.raises(Stopped) as stopped:
            await client_of(server, waits, limits=limits)
    assert stopped.value.code == MALFORMED
    assert server.lines == 5


@pytest.mark.parametrize(
    "page",
    [
        [[f"u{n:05}", "member"] for n in range(200)],
        [["b", "member"], ["a", "member"]],
        [["a", "member"], ["a", "owner"]],
    ],
    ids=["the same page", "out of order", "one twice"],
)
async def test_members_that_cannot_be_true(waits, page):
    async def play(line: Line) -> None:
        await line.enter([row("c", 0)])
        await line.serve(lambda request: page if request[3] == "members" else [[], "1", False])

    async with HostileServer(play) as server, client_of(server, waits) as alice:
        with pytest.raises(Stopped):
            await alice.members("c")


async def test_members_without_end_are_not_believed(waits):
    numbers = iter(range(10**9))

    async def play(line: Line) -> None:
        await line.enter([row("c", 0)])
        await line.serve(
            lambda request: (
                [[f"u{next(numbers):09}", "member"] for _ in range(200)]
                if request[3] == "members"
                else [[], "1", False]
            )
        )

    limits = ClientLimits(max_members=1000)
    async with HostileServer(play) as server, client_of(server, waits, limits=limits) as alice:
        with pytest.raises(Stopped):
            await alice.members("c")
