"""A client with many groups that reads its list again and again: `sync` from the beginning to the end, or what changed."""

from __future__ import annotations

import asyncio
import os
import time

import msgspec

from benchmarks.clients.peer import Peer, Spent, Work, enter, serve_plan, spent_since
from benchmarks.codecs.base import Party
from benchmarks.plan import PartyPlan
from imserver_protocol.wire.codec import encode_content

PAGE = 200
#: Groups that are being made at a time.
_WINDOW = 32


class ListPlan(msgspec.Struct, frozen=True):
    """Who lists, who else is in each group, and the number of groups to make before the start.

    `changed`: in so many of them something was said since, and only these are listed; 0: all are.
    """

    host: str
    port: int
    party: PartyPlan
    members: list[PartyPlan]
    groups: int
    seconds: float
    cpus: list[int] = []
    changed: int = 0


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
    groups = await _make(peer, plan)
    begin, wanted = None, plan.groups
    if plan.changed:
        _, begin = await _listed(peer, None)
        wanted = plan.changed
        for group in groups[: plan.changed]:
            await peer.ask("post", group, os.urandom(16), encode_content({"type": "text", "text": "x"}))

    async def work() -> ListsRead:
        wall, cpu = time.monotonic(), time.process_time()
        lists = wrong = requests = 0
        while time.monotonic() < wall + plan.seconds:
            seen, _ = await _listed(peer, begin)
            requests += max(1, -(-len(seen) // PAGE))
            lists += 1
            wrong += len(seen) != wanted or len(set(seen)) != wanted
        return ListsRead(lists, wrong, requests, spent_since(wall, cpu))

    return work


async def _listed(peer: Peer, since: str | None) -> tuple[list[str], str | None]:
    """Conversations from there on, and where a later list begins."""
    more, seen = True, list[str]()
    while more:
        rows, since, more, *_ = await peer.ask("sync", since, PAGE)
        seen += [row[0] for row in rows]
    return seen, since


async def _make(peer: Peer, plan: ListPlan) -> list[str]:
    names = [member.name for member in plan.members]
    made: list[str] = []
    for begin in range(0, plan.groups, _WINDOW):
        some = range(begin, min(begin + _WINDOW, plan.groups))
        answers = await asyncio.gather(
            *(peer.ask("create", os.urandom(16), "group", f"group {number}", names) for number in some)
        )
        made += [answer[0] for answer in answers]
    return made


if __name__ == "__main__":
    serve_plan(ListPlan, prepare)
