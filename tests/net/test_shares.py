"""One user's share of the work: what a user floods waits behind itself, and nobody else waits for it."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from pathlib import Path
from typing import Any

from imserver import Server
from imserver.model import Kind
from imserver.net.shares import MAX_AT_WORK, Share, Shares
from tests.limits.raw import Raw, eventually, neighbourhood, new_key, said

HERE = "direct/alice/eve"


class Device:
    """Asks as often as it is told to."""

    def __init__(self, share: Share, count: int, *, reads: bool = False, cost: float = 0.0) -> None:
        self.share = share
        self.left = count
        self.begun = 0
        self._how: Any = {"reads": reads, "cost": cost}

    def pump(self) -> None:
        while self.left and self.share.begin(self, **self._how):
            self.left -= 1
            self.begun += 1


def free(user_id: str, cost: float) -> float:
    return 0.0


async def test_devices_of_one_user_share_its_room_alike() -> None:
    share = Shares(2, free).of("eve")
    devices = [Device(share, 100) for _ in range(5)]
    for device in devices:
        device.pump()
    assert [device.begun for device in devices] == [MAX_AT_WORK, 0, 0, 0, 0]
    for _ in range(40):
        share.end(reads=False)
    begun = [device.begun for device in devices]
    assert sum(begun) == MAX_AT_WORK + 40
    assert max(begun[1:]) - min(begun[1:]) <= 1


async def test_one_user_never_keeps_all_readers_busy() -> None:
    shares = Shares(3, free)
    eve, bob = (Device(shares.of(name), 10, reads=True) for name in ("eve", "bob"))
    eve.pump()
    bob.pump()
    assert (eve.begun, bob.begun) == (2, 2)


async def test_what_is_above_the_rate_waits_and_is_not_refused() -> None:
    waits = [0.0, 0.0, 0.01, 0.0, 0.0]
    share = Shares(2, lambda user_id, cost: waits.pop(0)).of("eve")
    device = Device(share, 4, cost=1.0)
    device.pump()
    assert device.begun == 2
    await eventually(lambda: device.begun == 4)


async def test_a_share_lasts_as_long_as_its_work() -> None:
    """Else a user who comes and goes would begin each time with nothing at work."""
    shares = Shares(2, free)
    first = Device(shares.of("eve"), 10)
    first.pump()
    second = Device(shares.of("eve"), 10)
    second.pump()
    assert (first.begun, second.begun) == (MAX_AT_WORK, 0)
    del first, second
    gc.collect()
    assert len(shares._by_user) == 0, "and no longer"


def watched(server: Server, most: Counter[str]) -> None:
    """Counts how many pages of each user are read at once."""
    real: Any = server.chat.history_as
    now: Counter[str] = Counter()

    async def history_as(encode: Any, user_id: str, *args: Any, **how: Any) -> Any:
        now[user_id] += 1
        most[user_id] = max(most[user_id], now[user_id])
        try:
            return await real(encode, user_id, *args, **how)
        finally:
            now[user_id] -= 1

    server.chat.history_as = history_as  # type: ignore[method-assign]


async def test_sixteen_devices_that_read_in_a_loop_leave_a_reader_to_others(tmp_path: Path) -> None:
    most: Counter[str] = Counter()
    async with neighbourhood(tmp_path, adjust=lambda server: watched(server, most)) as (server, neighbours):
        await server.chat.post("alice", HERE, "x")
        raws = [await Raw.open(server) for _ in range(16)]
        for number, raw in enumerate(raws):
            await raw.enter(server, "eve", f"{number}")
        asked = [[raw.request("history", HERE) for _ in range(50)] for raw in raws]
        await neighbours.talk()
        for raw, seqs in zip(raws, asked, strict=True):
            for seq in seqs:
                assert (await raw.answer(seq)).code == 0
            await raw.hang_up()
    assert most["eve"] == 1, "of two readers"


async def test_writes_that_are_no_posts_take_of_the_same_rate_and_wait_for_it(tmp_path: Path) -> None:
    limits = {"posts_per_second": 50.0, "posts_burst": 10}
    async with neighbourhood(tmp_path, limits=limits) as (server, neighbours), await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        posted = (await raw.ask("post", HERE, new_key(), said("x"))).result[0]
        begun = asyncio.get_running_loop().time()
        seqs = [raw.request("edit", HERE, new_key(), posted, None, said(f"{n}")) for n in range(24)]
        await neighbours.talk()
        assert {(await raw.answer(seq)).code for seq in seqs} == {0}
        took_s = asyncio.get_running_loop().time() - begun
        assert took_s >= (24 - 10) / 50, "no faster than the rate"


async def test_a_large_group_costs_its_author_more(tmp_path: Path) -> None:
    limits = {"posts_per_second": 0.001, "posts_burst": 10}
    names = [f"m{number}" for number in range(400)]
    async with neighbourhood(tmp_path, limits=limits, users="eve alice bob " + " ".join(names)) as (
        server,
        _,
    ):
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "large", ["eve", *names])
        async with await Raw.open(server) as raw:
            await raw.enter(server, "eve")
            codes = [(await raw.ask("post", group, new_key(), said("x"))).code for _ in range(3)]
            assert codes == [0, 0, 700], "five tokens each"


async def test_abandons_take_turns_like_other_requests(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as (server, neighbours), await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        most = 0
        real = server.store.submit

        def submit(unit: Any) -> None:
            nonlocal most
            real(unit)
            most = max(most, server.store.writer.queued_units)  # type: ignore[attr-defined]

        server.store.submit = submit  # type: ignore[method-assign]
        seqs = [raw.request("abandon", HERE, new_key()) for _ in range(250)]
        await neighbours.talk()
        assert {(await raw.answer(seq)).code for seq in seqs} == {0}
        assert most <= MAX_AT_WORK + 2
