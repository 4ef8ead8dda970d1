"""One user's share of the work: a flood delays its own user's requests, and no other user's."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from imserver import Server
from imserver.model import Kind
from imserver.net.scheduling.user_quota import MAX_AT_WORK, UserQuota, UserQuotas
from tests.limits.raw import Raw, eventually, neighbourhood, new_key, said
from tests.support.servers import running

HERE = "direct/alice/eve"


class Device:
    """Asks as often as it is told to."""

    def __init__(self, share: UserQuota, count: int, *, reads: bool = False, cost: float = 0.0) -> None:
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
    share = UserQuotas(2, free, free).of("eve")
    devices = [Device(share, 100) for _ in range(5)]
    for device in devices:
        device.pump()
    assert [device.begun for device in devices] == [MAX_AT_WORK, 0, 0, 0, 0]
    for _ in range(40):
        share.end(reads=False)
    begun = [device.begun for device in devices]
    assert sum(begun) == MAX_AT_WORK + 40
    assert max(begun[1:]) - min(begun[1:]) <= 1


@pytest.mark.parametrize(("readers", "own"), [(1, 1), (2, 1), (3, 2), (16, 8)])
async def test_one_user_never_keeps_all_readers_busy(readers: int, own: int) -> None:
    """Unless there is but one; and what is no read waits for none."""
    shares = UserQuotas(readers, free, free)
    eve, bob = (Device(shares.of(name), 10, reads=True) for name in ("eve", "bob"))
    eve.pump()
    bob.pump()
    assert (eve.begun, bob.begun) == (own, own)
    writes = Device(shares.of("eve"), 10)
    writes.pump()
    assert writes.begun == MAX_AT_WORK - own


async def test_what_is_above_the_rate_waits_and_is_not_refused() -> None:
    """It is looked at again when there will be tokens, no sooner; and a second time if there were none."""
    now, wait_s = asyncio.get_running_loop().time, 0.02
    waits = [0.0, 0.0, wait_s, wait_s, 0.0, 0.0]
    asked_at: list[float] = []

    def take(user_id: str, cost: float) -> float:
        asked_at.append(now())
        return waits.pop(0)

    device = Device(UserQuotas(2, take, free).of("eve"), 4, cost=1.0)
    device.pump()
    assert device.begun == 2
    await eventually(lambda: device.begun == 4)
    assert [asked_at[3] - asked_at[2] >= wait_s / 2, asked_at[4] - asked_at[3] >= wait_s / 2] == [True, True]


async def test_who_asks_often_while_there_are_no_tokens_is_not_looked_at_more_often_then() -> None:
    """A device that waits may send a window of frames, and each of them asks again."""
    asked = 0

    def take(user_id: str, cost: float) -> float:
        nonlocal asked
        asked += 1
        return 0.0 if asked == 201 else 0.02 if asked <= 200 else 5.0

    device = Device(UserQuotas(2, take, free).of("eve"), 3, cost=1.0)
    for _ in range(200):
        device.pump()
    await eventually(lambda: device.begun == 1)
    assert asked == 202, "one that was there, and one that was not"


async def test_a_share_lasts_as_long_as_its_work() -> None:
    """Else a user who comes and goes would begin each time with nothing at work."""
    shares = UserQuotas(2, free, free)
    first = Device(shares.of("eve"), 10)
    first.pump()
    second = Device(shares.of("eve"), 10)
    second.pump()
    assert (first.begun, second.begun) == (MAX_AT_WORK, 0)
    del first, second
    gc.collect()
    assert len(shares._by_user) == 0, "and no longer"


class Crowd:
    """Devices of one user, each of its own kind, and a rate that runs dry and comes back, all drawn from one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = Random(seed)
        self.tokens = rng.choice((0.0, 3.0, 1000.0))
        self.taken = 0.0
        self.max_reads = rng.choice((1, 2))
        shares = UserQuotas(
            self.max_reads + 1 if self.max_reads > 1 else rng.choice((1, 2)), self._take, free
        )
        self.kinds = [(rng.random() < 0.5, rng.choice((0.0, 0.5, 1.0))) for _ in range(rng.randrange(1, 5))]
        self.devices = [
            Device(shares.of("eve"), rng.randrange(1, 30), reads=reads, cost=cost)
            for reads, cost in self.kinds
        ]
        self.at_work = [0] * len(self.devices)

    def _take(self, user_id: str, cost: float) -> float:
        if cost > self.tokens:
            return 1e-6
        self.tokens -= cost
        self.taken += cost
        return 0.0

    def look(self, ended: Sequence[int]) -> None:
        """What holds at every moment."""
        self.at_work = [device.begun - over for device, over in zip(self.devices, ended, strict=True)]
        reads = sum(now for now, (is_read, _) in zip(self.at_work, self.kinds, strict=True) if is_read)
        assert sum(self.at_work) <= MAX_AT_WORK
        assert reads <= self.max_reads
        paid = sum(device.begun * cost for device, (_, cost) in zip(self.devices, self.kinds, strict=True))
        assert self.taken == paid, "what waits takes nothing"

    def nobody_waits_in_vain(self) -> None:
        """After somebody made room: who still waits has none, no reader, or no tokens."""
        reads = sum(now for now, (is_read, _) in zip(self.at_work, self.kinds, strict=True) if is_read)
        if sum(self.at_work) < MAX_AT_WORK:
            for device, (is_read, cost) in zip(self.devices, self.kinds, strict=True):
                assert not device.left or (is_read and reads == self.max_reads) or cost > self.tokens


@pytest.mark.parametrize("seed", range(40))
async def test_in_any_order_each_request_is_paid_for_once_and_none_is_forgotten(seed: int) -> None:
    crowd = Crowd(seed)
    rng, devices, ended = crowd.rng, crowd.devices, [0] * len(crowd.devices)
    for device in devices:
        device.pump()
    async with asyncio.timeout(10):
        while any(device.left for device in devices) or any(crowd.at_work):
            busy = [number for number, now in enumerate(crowd.at_work) if now]
            act = rng.randrange(3)
            if act == 0:
                rng.choice(devices).pump()  # as when a frame of this device came
            elif act == 1 and busy:
                number = rng.choice(busy)
                ended[number] += 1
                devices[number].share.end(reads=crowd.kinds[number][0])
            else:
                crowd.tokens += rng.choice((0.0, 0.5, 2.0))
                await asyncio.sleep(0)  # the share's own timer may fire
            crowd.look(ended)
            if act == 1 and busy:
                crowd.nobody_waits_in_vain()


#: What a user does many times at once, and what all of it takes of the rate of posts (tokens).
WRITES: dict[str, tuple[Callable[[str], tuple[Any, ...]], int, float]] = {
    "cursor": (lambda place: (place, 1), 100, 0.2),
    "add": (lambda place: (place, new_key(), "alice"), 20, 1.0),
    "remove": (lambda place: (place, new_key(), "nobody"), 20, 1.0),
    "leave": (lambda place: ("group/" + "0" * 32, new_key()), 20, 1.0),
    "edit": (lambda place: (place, new_key(), 1, None, said("x")), 20, 1.0),
    "create": (lambda place: (new_key(), "group", "t", ["alice"] * 25), 10, 5.5),
    "history": (lambda place: (place,), 30, 0.0),
    "members": (lambda place: (place,), 30, 0.0),
    "users": (lambda place: (["alice"],), 30, 0.0),
    "abandon": (lambda place: (place, new_key()), 30, 0.0),
}


async def test_each_method_takes_of_the_rate_what_it_costs_once_also_if_it_waits(tmp_path: Path) -> None:
    """What is left is good for posts: as many, and not one more."""
    burst = 100
    limits = {"posts_per_second": 1e-6, "posts_burst": burst}
    users = [f"u{name}" for name in WRITES]
    async with running(tmp_path, "alice " + " ".join(users), limits=limits) as server:
        for user, (method, (params, count, cost)) in zip(users, WRITES.items(), strict=True):
            group, _, _ = await server.chat.create_conversation(user, Kind.GROUP, "g", [])
            async with await Raw.open(server) as raw:
                await raw.enter(server, user)
                seqs = [raw.request(method, *params(group)) for _ in range(count)]
                for seq in seqs:
                    await raw.answer(seq)
                posts = [raw.request("post", group, new_key(), said("x")) for _ in range(burst + 1)]
                codes = [(await raw.answer(seq)).code for seq in posts]
            assert codes.count(0) == burst - round(count * cost), (method, codes.count(0))


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
