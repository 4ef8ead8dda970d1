"""Over connections: what is said last stands, and what a client shows never goes back and is right in the end.

Cut connections and lost sessions, pages that race pushes, a client that was away or lagged, a crowd that is only hinted at.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from imserver.chat import state_pushes
from imserver.features.reactions import rules
from imserver.model import Kind, User
from imserver.proof.fault_proxy import FaultProxy
from imserver_client import Client, ConnectionChanged, Environment, ItemChanged, State, direct_conversation_id
from imserver_client.core.core import Core
from imserver_client.features.reactions import read_reactions
from imserver_protocol.methods.lagging import LaggingPush
from tests.support.servers import people, running

from .homes import HERE, USERS, found_by_checks, group_of, people_of, react

PATIENCE_S = 30.0
EMOJI = "👍🎉👀"
#: Times that connections are cut.
TURNS = 16
#: A client that comes back at once.
AT_ONCE = Environment(uniform=lambda low, high: low)


async def until(condition: Any, what: str) -> None:
    """Look again and again; what is told to nobody can only be asked."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.005)


class Lives:
    """Counts what became of a client's connections."""

    def __init__(self, client: Client) -> None:
        self.resumed = self.fresh = 0
        self._task = asyncio.create_task(self._read(client.events()))

    async def _read(self, events: Any) -> None:
        async for event in events:
            if isinstance(event, ConnectionChanged) and event.state is State.CONNECTED:
                self.resumed += event.resumed
                self.fresh += not event.resumed

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def test_puts_and_removes_end_as_the_last_one_said_over_lost_sessions(tmp_path: Path) -> None:
    """Connections are cut in the middle of requests and answers; every second time the session is gone, too."""
    random = Random(12)
    limits = {"detached_s": 0.05, "posts_per_second": 5_000.0, "posts_burst": 50_000}
    async with running(tmp_path, USERS, limits=limits) as server, people(server) as enter:
        group = await group_of(server, "bob", "cy")
        async with FaultProxy("127.0.0.1", server.port) as proxy:
            bob = await enter("bob", port=proxy.port, timeout=60.0, environment=AT_ONCE)
            lives = Lives(bob)
            done = 0
            for turn in range(TURNS):
                last: dict[str, bool] = {}
                calls = []
                for number in range(30):
                    emoji, on = random.choice(EMOJI), random.random() < 0.5
                    last[emoji] = on
                    change = bob.reactions.put if on else bob.reactions.remove
                    calls.append(asyncio.create_task(change(group, HERE, emoji)))
                    if number == 10:
                        proxy.faults.cut_after_bytes_up = random.randrange(1, 300)
                        proxy.faults.cut_after_bytes_down = random.randrange(1, 900) if turn % 2 else -1
                    if number > 10 and turn % 4:
                        proxy.accepting = number == 29
                        await asyncio.sleep(random.random() * 0.02)  # the session is gone before this is over
                async with asyncio.timeout(PATIENCE_S):
                    await asyncio.gather(*calls)
                done += len(calls)
                await bob.history(group)
                who = {emoji for name, *some in (await people_of(server, "ann", group))[0] for emoji in some}
                assert who == {emoji for emoji, on in last.items() if on} | (who - last.keys())
                assert set(bob.reactions.mine(group, HERE)) == who
            assert done == TURNS * 30
            assert (lives.fresh - 1, lives.resumed) >= (3, 0), "sessions were lost"
            assert proxy.cuts >= TURNS // 2
            await lives.close()
        assert (await found_by_checks(server))[0] == []


async def test_pages_and_pushes_race_and_nothing_goes_back(tmp_path: Path) -> None:
    """Counts only rise here; pages are asked for all the time, so that many are older than a push before them."""
    crowd = [f"p{number}" for number in range(40)]
    limits = {"posts_per_second": 50_000.0, "posts_burst": 50_000}
    async with running(tmp_path, " ".join(["ann", *crowd]), limits=limits) as server, people(server) as enter:
        group, _, _ = await server.chat.create_conversation("ann", Kind.GROUP, "g", crowd)
        await server.chat.post("ann", group, "lunch?")
        ann = await enter("ann")
        await ann.history(group)
        ann.show(group)
        events = ann.events()
        shown: list[int] = []
        over = asyncio.Event()

        def look() -> None:
            seen = ann.reactions.of(group, HERE)
            shown.append(sum(one.count for one in seen.shown))

        async def hear() -> None:
            async for event in events:
                if isinstance(event, ItemChanged):
                    look()

        pages = 0

        async def ask() -> None:
            nonlocal pages
            while not over.is_set():
                await ann.history(group)
                pages += 1
                look()

        tasks = [asyncio.create_task(hear()), *(asyncio.create_task(ask()) for _ in range(4))]
        for emoji in EMOJI:
            for start in range(0, len(crowd), 4):
                await asyncio.gather(
                    *(react(server, name, group, emoji) for name in crowd[start : start + 4])
                )
                await asyncio.sleep(0)
        over.set()
        await asyncio.gather(*tasks[1:])
        await until(lambda: shown[-1] == 3 * len(crowd), f"the last of {len(shown)} is {shown[-1]}")
        tasks[0].cancel()
        assert shown == sorted(shown), "something that was shown went back"
        assert len(set(shown)) > 10
        assert pages > 50


async def shows(client: Client, group: str, position: int = HERE) -> dict[str, int]:
    return {one.emoji: one.count for one in client.reactions.of(group, position).shown}


async def test_who_was_away_catches_up(tmp_path: Path) -> None:
    async with running(tmp_path, USERS) as server, people(server) as enter:
        group = await group_of(server, "bob", "cy")
        async with FaultProxy("127.0.0.1", server.port) as proxy:
            bob = await enter("bob", port=proxy.port, environment=AT_ONCE)
            await bob.history(group)
            bob.show(group)
            proxy.accepting = False
            proxy.cut()
            await react(server, "ann", group, "👍")
            await react(server, "cy", group, "🎉")
            await react(server, "ann", group, "👍", on=False)
            proxy.accepting = True
            seen = bob.reactions
            await until(lambda: [one.emoji for one in seen.of(group, HERE).shown] == ["🎉"], "caught up")
            await bob.reactions.put(group, HERE, "🎉")
            assert (await shows(bob, group), bob.reactions.mine(group, HERE)) == ({"🎉": 2}, ("🎉",))


async def test_who_lagged_catches_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So much is told that the server gives up pushing to a client which hears nothing."""
    lagged: list[bool] = []
    heard = Core._on_lagging

    def hears(core: Core, push: LaggingPush) -> None:
        lagged.append(True)
        heard(core, push)

    monkeypatch.setattr(Core, "_on_lagging", hears)
    limits = {"window_frames": 8, "window_bytes": 8192, "posts_per_second": 50_000.0, "posts_burst": 50_000}
    async with running(tmp_path, USERS, limits=limits) as server, people(server) as enter:
        group = await group_of(server, "bob", "cy")
        async with FaultProxy("127.0.0.1", server.port) as proxy:
            bob = await enter("bob", port=proxy.port, environment=AT_ONCE)
            await bob.history(group)
            bob.show(group)
            proxy.faults.stalled = True
            for number in range(60):
                await react(server, ("ann", "cy")[number % 2], group, EMOJI[number % 3], on=number % 5 != 0)
            expected = read_reactions((await react(server, "ann", group, "💯")).extra["reactions"])
            proxy.faults.stalled = False
            proxy.apply(proxy.faults)
            await until(lambda: bob.reactions.of(group, HERE) == expected, "caught up")
            assert lagged


async def test_a_crowd_is_hinted_at_and_whoever_looks_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_pushes, "HINT_INTERVAL_S", 0.05)
    crowd = [f"p{number}" for number in range(60)]
    async with running(tmp_path, " ".join(["ann", *crowd])) as server, people(server) as enter:
        group, _, _ = await server.chat.create_conversation("ann", Kind.GROUP, "g", crowd)
        await server.chat.post("ann", group, "lunch?")
        ann = await enter("ann")
        await ann.history(group)
        ann.show(group)
        for name in crowd:
            await react(server, name, group, "👍")
        await until(lambda: [one.count for one in ann.reactions.of(group, HERE).shown] == [60], "all of them")
        [one] = ann.reactions.of(group, HERE).shown
        assert one.user_ids == tuple(crowd[: rules.MAX_NAMES])


async def test_thousands_are_rows_of_the_feature_and_one_of_state(tmp_path: Path) -> None:
    """No position, no place in the list, nothing unread; and the last put costs what the first did."""
    kinds = [chr(0x1F600 + number) for number in range(rules.MAX_OWN)]
    crowd = [f"p{number:04}" for number in range(250)]
    async with running(tmp_path, USERS) as server, people(server) as enter:

        def make(tx: Any) -> None:
            for name in crowd:
                tx.put_user(User(name, name))

        await server.store.write(make)
        group, _, _ = await server.chat.create_conversation("ann", Kind.GROUP, "g", ["bob", *crowd])
        await server.chat.post("ann", group, "lunch?")
        newer = direct_conversation_id("ann", "bob")
        await server.chat.post("ann", newer, "hi")
        bob = await enter("bob")
        before = await listed(bob)
        assert [one for one, *_ in before] == [newer, group]
        for emoji in kinds:
            await asyncio.gather(*(react(server, name, group, emoji) for name in crowd))
        assert await listed(bob) == before
        with closing(sqlite3.connect(server.config.store.path)) as raw:
            (rows,), (kept,) = raw.execute(
                "SELECT COUNT(*) FROM reactions_put UNION ALL SELECT COUNT(*) FROM reactions_kinds"
            ).fetchall()
            assert (rows, kept) == (2_000, len(kinds))
            state = raw.execute(
                "SELECT user_no = 0, COUNT(*) FROM item_values GROUP BY user_no = 0"
            ).fetchall()
            assert dict(state) == {1: 1, 0: len(crowd)}, "one for everybody, and one for each person's own"
        await bob.history(group)
        assert [one.count for one in bob.reactions.of(group, HERE).shown] == [len(crowd)] * len(kinds)
        assert (await found_by_checks(server))[0] == []


async def listed(client: Client) -> list[tuple[Any, ...]]:
    rows = (await client.conversations()).conversations
    return [(one.conversation_id, one.head, one.unread) for one in rows]


async def test_all_of_ones_devices_hear_that_it_is_ones_own(tmp_path: Path) -> None:
    async with running(tmp_path, USERS) as server, people(server) as enter:
        group = await group_of(server, "bob", "cy")
        phone, desk = await enter("bob", device="phone"), await enter("bob", device="desk")
        for client in (phone, desk):
            await client.history(group)
        await phone.reactions.put(group, HERE, "👍")
        assert phone.reactions.mine(group, HERE) == ("👍",)
        await until(lambda: desk.reactions.mine(group, HERE) == ("👍",), "the other device knows it")
        await desk.reactions.remove(group, HERE, "👍")
        await until(lambda: phone.reactions.of(group, HERE).kinds == 0, "and that it is gone")
        assert phone.reactions.mine(group, HERE) == ()


async def test_what_a_later_server_says_is_left_out(tmp_path: Path) -> None:
    later: Any = [[["👍", 2, ["ann", 7], "new"], ["🎉"], [1, 2, 3], ["👀", 0, []]], 9, "new"]
    seen = read_reactions(later)
    assert ([(one.emoji, one.count, one.user_ids) for one in seen.shown], seen.kinds) == (
        [("👍", 2, ("ann",))],
        9,
    )
    others: list[Any] = [None, 7, [], [[]], [7, 7], {}, [[], True], "👍"]
    for value in others:
        assert read_reactions(value).shown == ()
