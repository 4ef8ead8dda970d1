"""People of a team who come and go: an admin swaps two of them again and again. Who goes reads until the server refuses, and
who comes reads the list of what was gained."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter

import msgspec

from benchmarks.clients.peer import Peer, Refused, Spent, Work, enter, serve_plan, spent_since
from benchmarks.codecs.base import Party
from benchmarks.histograms import from_values
from benchmarks.plan import PartyPlan

PAGE = 200
#: Reads behind the first refusal, which have to be refused, too.
_READS_AFTER = 5
#: Between two swaps.
_REST_S = 0.05


class SwapPlan(msgspec.Struct, frozen=True):
    """`there` is in the team at first, `away` is not. `read` is a conversation of the team. A newcomer lists `gained`."""

    host: str
    port: int
    admin: PartyPlan
    there: PartyPlan
    away: PartyPlan
    team: str
    read: str
    gained: int
    seconds: float
    cpus: list[int] = []


class Swapped(msgspec.Struct):
    """Times (encoded histograms, µs): of each act of the admin, from the removal to the first read that was refused, and of the
    newcomer's whole list. `wrong`: reads that were answered behind a refusal, and lists that lacked something."""

    swaps: int
    wrong: int
    act_us: str
    gone_us: str
    list_us: str
    spent: Spent


class _Swaps:
    def __init__(self, plan: SwapPlan, admin: Peer) -> None:
        self.plan = plan
        self.admin = admin
        self.act_us: Counter[int] = Counter()
        self.gone_us: Counter[int] = Counter()
        self.list_us: Counter[int] = Counter()
        self.swaps = self.wrong = 0

    async def swap(self, there: Peer, away: Peer, since: str) -> str:
        """One goes, the other comes. Returns where the list of who went begins, when that one comes again."""
        begun = time.monotonic()
        gone = asyncio.get_running_loop().create_task(self._reads_until_gone(there, begun))
        await self._act("remove", there.party.name)
        await gone
        _, left, _, *_ = await there.ask("sync", None, PAGE)
        await self._act("add", away.party.name)
        await self._list(away, since)
        self.swaps += 1
        return str(left)

    async def _act(self, method: str, user_id: str) -> None:
        begun = time.monotonic()
        key = time.time_ns().to_bytes(8, "big") + os.urandom(8)
        await self.admin.ask(method, self.plan.team, key, user_id)
        self.act_us[_us_since(begun)] += 1

    async def _reads_until_gone(self, peer: Peer, begun: float) -> None:
        while await self._may_read(peer):
            pass
        self.gone_us[_us_since(begun)] += 1
        for _ in range(_READS_AFTER):
            self.wrong += await self._may_read(peer)

    async def _may_read(self, peer: Peer) -> bool:
        try:
            await peer.ask("history", self.plan.read, None, None, 1)
        except Refused:
            return False
        return True

    async def _list(self, peer: Peer, since: str) -> None:
        begun, more, seen = time.monotonic(), True, set[str]()
        while more:
            rows, since, more, *_ = await peer.ask("sync", since, PAGE)
            seen.update(row[0] for row in rows)
        self.list_us[_us_since(begun)] += 1
        self.wrong += len(seen - {self.plan.team}) != self.plan.gained


def _us_since(begun: float) -> int:
    return int((time.monotonic() - begun) * 1e6)


async def prepare(plan: SwapPlan) -> Work:
    """Connect the three."""
    admin, there, away = [
        await enter(plan.host, plan.port, Party(party.name, party.token), number)
        for number, party in enumerate((plan.admin, plan.there, plan.away))
    ]
    _, since, more, *_ = await away.ask("sync", None, PAGE)
    if more:
        raise RuntimeError("who is away has more than a page of conversations")

    async def work() -> Swapped:
        wall, cpu = time.monotonic(), time.process_time()
        swaps = _Swaps(plan, admin)
        one, other, place = there, away, since
        while time.monotonic() < wall + plan.seconds or not swaps.swaps:
            place = await swaps.swap(one, other, place)
            one, other = other, one
            await asyncio.sleep(_REST_S)
        act, gone, listed = (
            from_values(times.items()) for times in (swaps.act_us, swaps.gone_us, swaps.list_us)
        )
        return Swapped(swaps.swaps, swaps.wrong, act, gone, listed, spent_since(wall, cpu))

    return work


if __name__ == "__main__":
    serve_plan(SwapPlan, prepare)
