"""A client with many groups that reads its whole list again and again: `sync` from the beginning to the end."""

from __future__ import annotations

import asyncio
import os
import time

import msgspec

from benchmarks.clients.peer import Peer, Spent, Work, enter, serve_plan, spent_since
from benchmarks.codecs.base import Party
from benchmarks.plan import PartyPlan

PAGE = 200
#: Groups that are being made at a time.
_WINDOW = 32


class ListPlan(msgspec.Struct, frozen=True):
    """Who lists, who else is in each group, and the number of groups to make before the start."""

    host: str
    port: int
    party: PartyPlan
    members: list[PartyPlan]
    groups: int
    seconds: float
    cpus: list[int] = []


class ListsRead(msgspec.Struct):
    """Whole lists, those that lacked or doubled a group, and the requests that they took."""

    lists: int
    wrong: int
    requests: int
    spent: Spent


async def prepare(plan: ListPlan) -> Work:
    """Make the groups."""
    for number, member in enumerate(plan.members, 1):
        (await enter(plan.host, plan.port, Party(member.name, member.token), number)).cut()
    peer = await enter(plan.host, plan.port, Party(plan.party.name, plan.party.token), 0)
    await _make(peer, plan)

    async def work() -> ListsRead:
        wall, cpu = time.monotonic(), time.process_time()
        lists = wrong = requests = 0
        while time.monotonic() < wall + plan.seconds:
            since, more, seen = None, True, list[str]()
            while more:
                rows, since, more, *_ = await peer.ask("sync", since, PAGE)
                seen += [row[0] for row in rows]
                requests += 1
            lists += 1
            wrong += len(seen) != plan.groups or len(set(seen)) != plan.groups
        return ListsRead(lists, wrong, requests, spent_since(wall, cpu))

    return work


async def _make(peer: Peer, plan: ListPlan) -> None:
    names = [member.name for member in plan.members]
    for begin in range(0, plan.groups, _WINDOW):
        some = range(begin, min(begin + _WINDOW, plan.groups))
        await asyncio.gather(
            *(peer.ask("create", os.urandom(16), "group", f"group {number}", names) for number in some)
        )


if __name__ == "__main__":
    serve_plan(ListPlan, prepare)
