"""Every method that pages: whatever limit is asked for, each page fits a frame, and all of them together are the whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from typing import Any

from imserver import Server
from imserver.config import LimitsConfig
from imserver.model import MAX_USER_ID_BYTES, Kind, User, direct_conversation_id
from imserver.net.dispatch import ITEM_OVERHEAD_BYTES
from tests.limits.raw import Raw, said
from tests.support.servers import running

#: SPEC, "Methods": a limit above the largest page is taken for the largest page.
LARGEST_PAGE = 200
LIMITS = (1, 7, LARGEST_PAGE, LARGEST_PAGE + 1, 5000, 2**53 - 1)
#: Ids as long as they may be, so that pages fill by their bytes, too.
CROWD = [f"m{n:03}" + "é" * ((MAX_USER_ID_BYTES - 4) // 2) for n in range(230)]
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


async def world(server: Server) -> dict[str, Any]:
    """A large group with a long history, many small ones full of receipts, and for each method what all pages show."""
    chat = server.chat
    await asyncio.gather(*(chat.put_user(User(name, "x")) for name in CROWD))
    group, _, _ = await chat.create_conversation("alice", Kind.GROUP, "all", CROWD)
    many = [await chat.create_conversation("alice", Kind.GROUP, "界" * 200, CROWD[:49]) for _ in range(60)]
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
    **{f"drawn {seed}": drawn(seed) for seed in range(4)},
}


async def test_a_last_message_is_left_out_only_where_it_has_no_room(tmp_path: Path) -> None:
    """And not because another one, above it, had none."""
    peers = [f"p{n:02}" for n in range(max(map(len, LISTS.values())))]
    users = [f"u{n}" for n in range(len(LISTS))]
    async with running(tmp_path, " ".join([*peers, *users])) as server:
        for user, (name, sizes) in zip(users, LISTS.items(), strict=True):
            for peer, size in reversed(list(zip(peers, sizes, strict=False))):
                await server.chat.post(peer, direct_conversation_id(user, peer), "x" * size)
            async with await Raw.open(server) as raw:
                await raw.enter(server, user)
                rows, _ = (await raw.ask("conversations", None, LARGEST_PAGE)).result
            contents = [said("x" * size) for size in sizes]
            shown = [row[5][4] if row[5] is not None else None for row in rows]
            assert all(one in (content, None) for one, content in zip(shown, contents, strict=True)), name
            room = PAGE_BYTES - ITEM_OVERHEAD_BYTES * len(rows) - sum(len(one) for one in shown if one)
            hidden = [len(content) for one, content in zip(shown, contents, strict=True) if one is None]
            assert all(size > room for size in hidden), (name, room, hidden)
