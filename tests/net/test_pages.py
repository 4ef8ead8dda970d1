"""Every method that pages: whatever limit is asked for, each page fits a frame, and all of them together are the whole."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from typing import Any

import msgpack

from imserver import Server
from imserver.config import LimitsConfig
from imserver.model import MAX_USER_ID_BYTES, Kind, User, direct_conversation_id
from imserver.net.dispatch import LONG_PREVIEW_SHARE
from tests.limits.raw import Raw, eventually, said
from tests.support.servers import running

#: SPEC, "Methods": a limit above the largest page is taken for the largest page.
LARGEST_PAGE = 200
LIMITS = (30, LARGEST_PAGE + 1, 2**53 - 1)
#: Ids as long as they may be, so that pages fill by their bytes, too.
CROWD = [f"m{n:03}" + "é" * ((MAX_USER_ID_BYTES - 4) // 2) for n in range(230)]
#: What a session's replies may take until they are acked.
ROOM_BYTES = 1024 * 1024
PAGE_BYTES = LimitsConfig().max_frame_bytes // 2


async def history(raw: Raw, group: str, limit: int) -> AsyncIterator[list[Any]]:
    after, head = 0, 1
    while after < head:
        items, first, last, head = (await raw.ask("history", group, after, None, limit)).result
        assert first == after + 1
        yield [item[0] for item in items]
        after = last


async def sync(raw: Raw, group: str, limit: int) -> AsyncIterator[list[Any]]:
    since, more = None, True
    while more:
        rows, since, more = (await raw.ask("sync", since, limit)).result
        yield [row[0] for row in rows]


async def conversations(raw: Raw, group: str, limit: int) -> AsyncIterator[list[Any]]:
    before, more = None, True
    while more:
        rows, before = (await raw.ask("conversations", before, limit)).result
        yield [row[0] for row in rows]
        more = before is not None


async def members(raw: Raw, group: str, limit: int) -> AsyncIterator[list[Any]]:
    after, page = None, [None]
    while page:
        answer = await raw.ask("members", group, after, limit)
        page = [user_id for user_id, _ in answer.result]
        yield page
        after = page[-1] if page else None


async def world(server: Server, *, few: bool = False) -> dict[str, Any]:
    """A large group with a long history, many full of receipts, many with a long title, and what all pages of a method show."""
    chat = server.chat
    await asyncio.gather(*(chat.put_user(User(name, "x")) for name in CROWD))
    group, _, _ = await chat.create_conversation("alice", Kind.GROUP, "all", CROWD)
    kinds = [("t", CROWD[:49])] * 60 + [("𠀀" * 200, ["bob"])] * 90
    if few:
        kinds = [("t", CROWD[:49])] * 3 + [("𠀀" * 200, ["bob"])] * 10
    many = [await chat.create_conversation("alice", Kind.GROUP, title, names) for title, names in kinds]
    await asyncio.gather(*(chat.post("alice", group, "x" * (n % 400)) for n in range(250)))
    places = [group, *(one for one, _, _ in many)]
    head = 1 + 250
    return {
        "group": group,
        history.__name__: list(range(1, head + 1)),
        sync.__name__: sorted(places),
        conversations.__name__: [group, *(one for one, _, _ in reversed(many))],
        members.__name__: ["alice", *CROWD],
    }


async def test_pages_of_any_limit_are_bounded_and_together_the_whole(tmp_path: Path) -> None:
    walks: list[Callable[[Raw, str, int], AsyncIterator[list[Any]]]] = [history, sync, conversations, members]
    async with running(tmp_path) as server, await Raw.open(server) as raw:
        expected = await world(server)
        await raw.enter(server, "alice")
        for walk in walks:
            for limit in LIMITS:
                pages = [page async for page in walk(raw, expected["group"], limit)]
                found = [one for page in pages for one in page]
                if walk is sync:  # by when they changed, which says nothing here
                    found.sort()
                assert found == expected[walk.__name__], (walk.__name__, limit)
                assert max(map(len, pages)) <= min(limit, LARGEST_PAGE), (walk.__name__, limit)


async def test_a_page_of_sync_ends_only_where_the_next_row_has_no_room(tmp_path: Path) -> None:
    """Short rows come by the largest page, long ones fill half a frame: who is in thousands of groups asks few times."""
    async with running(tmp_path) as server:
        await world(server)
        short = (server.chat.create_conversation("cy", Kind.GROUP, f"g{n}", []) for n in range(450))
        await server.chat.put_user(User("cy", "Cy"))
        await asyncio.gather(*short)
        for name, count in (("alice", 151), ("bob", 90), ("cy", 450)):
            async with await Raw.open(server) as raw:
                await raw.enter(server, name)
                pages, since, more = [], None, True
                while more:
                    rows, since, more = (await raw.ask("sync", since, LARGEST_PAGE)).result
                    pages.append(rows)
                sizes = [[len(msgpack.packb(row)) for row in rows] for rows in pages]
                assert sum(map(len, sizes)) == count, name
                assert max(map(sum, sizes)) <= PAGE_BYTES, name
                for page, following in itertools.pairwise(sizes):
                    assert len(page) == LARGEST_PAGE or sum(page) + following[0] > PAGE_BYTES, name


async def test_pages_that_find_no_room_wait_for_it_and_are_answered(tmp_path: Path) -> None:
    """Of every method that pages: more of them than are kept unacked, asked for at once."""
    count = 160
    async with (
        running(tmp_path, limits={"users_burst": 100 * count}) as server,
        await Raw.open(server) as raw,
    ):
        place = (await world(server, few=True))["group"]
        named = [User(f"q{n}", "n" * 60) for n in range(100)]
        await asyncio.gather(*map(server.chat.put_user, named))
        await raw.enter(server, "alice")
        asked: dict[str, tuple[Any, ...]] = {
            "history": (place, 0, None, 200),
            "sync": (None, 200),
            "conversations": (None, 200),
            "members": (place,),
            "users": ([user.user_id for user in named],),
        }
        [device] = server.listener.sessions
        for method, params in asked.items():
            seqs = [raw.request(method, *params, ack=raw.received) for _ in range(count)]
            await eventually(lambda: device.stream.recv_seq == raw.seq and not device._tasks)
            size = 0
            for seq in seqs:
                answer = await raw.answer(seq)
                assert answer.code == 0, (method, answer)
                size += len(msgpack.packb(answer.result))
                if raw.received == device.stream.sent_seq:
                    raw.ack()
            assert size > ROOM_BYTES, (method, size)
            raw.ack()


def drawn(seed: int) -> list[int]:
    """Sizes of last messages, of all kinds from short ones to those of which no two fit one page."""
    rng = Random(seed)
    return [rng.choice((0, 20, 200, 3000, 20_000, 30_000)) for _ in range(rng.randrange(3, 30))]


#: Lists of last messages, the newest first.
LISTS: dict[str, list[int]] = {
    "two long ones on top": [20_000, 20_000, *range(10, 30)],
    "a long one in the middle": [*range(10), 30_000, 30_000, *range(10)],
    "all long": [30_000] * 5,
    "more rows than a page has room for": [10] * 30 + [30_000],
    "many that are not long": [2000] * 29,
    "none that is long and little room": [PAGE_BYTES // LONG_PREVIEW_SHARE - 100] * 20,
    **{f"drawn {seed}": drawn(seed) for seed in range(4)},
}


#: What an item has around its content.
AROUND_BYTES = 64


async def test_a_last_message_is_left_out_only_where_it_is_long_and_has_no_room(tmp_path: Path) -> None:
    """And not because another one, above it, had none. A page ends only where the next row has no room, either."""
    peers = [f"p{n:02}" for n in range(max(map(len, LISTS.values())))]
    users = [f"u{n}" for n in range(len(LISTS))]
    async with running(tmp_path, " ".join([*peers, *users])) as server:
        for user, (name, sizes) in zip(users, LISTS.items(), strict=True):
            for peer, size in reversed(list(zip(peers, sizes, strict=False))):
                await server.chat.post(peer, direct_conversation_id(user, peer), "x" * size)
            async with await Raw.open(server) as raw:
                await raw.enter(server, user)
                pages, before, more = [], None, True
                while more:
                    rows, before = (await raw.ask("conversations", before, LARGEST_PAGE)).result
                    pages.append(rows)
                    more = before is not None
            contents = iter([said("x" * size) for size in sizes])
            rooms = [PAGE_BYTES - sum(len(msgpack.packb(row)) for row in rows) for rows in pages]
            assert min(rooms) >= 0, (name, rooms)
            assert sum(map(len, pages)) == len(sizes), name
            for rows, room in zip(pages, rooms, strict=True):
                for row, content in zip(rows, contents, strict=False):
                    if row[5] is None:
                        assert len(content) >= PAGE_BYTES // LONG_PREVIEW_SHARE, name
                        assert len(content) + AROUND_BYTES > room, (name, room)
                    else:
                        assert row[5][4] == content, name
            for following, room in zip(pages[1:], rooms, strict=False):
                row = following[0]
                long = row[5] is not None and len(row[5][4]) >= PAGE_BYTES // LONG_PREVIEW_SHARE
                least = [*row[:5], None, *row[6:]] if long else row
                assert len(msgpack.packb(least)) > room, (name, room)
