"""What a request costs: in a group of 5,000 whatever all members hear of costs as a post there, whatever the method."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.chat.posting import MEMBERS_A_POST, Posting
from imserver.chat.transaction import Transaction
from imserver.config import LimitsConfig
from imserver.errors import RefusalCode
from imserver.model import Kind, Role, User
from imserver.testing import ManualClock
from tests.chat.sessions import SAID, Queue, Session
from tests.limits.raw import PING, PONG, Raw, eventually, new_key, said
from tests.support.methods import METHOD_ROWS
from tests.support.servers import config, running

#: A post to 5,000 is one more for each hundred of them.
MANY, FEW = 5_000, 4
POST_TO_MANY = 1 + MANY // MEMBERS_A_POST
BURST = 1_000
#: Nothing that is spent comes back while a test runs.
SPENT = {"posts_per_second": 1e-6, "posts_burst": BURST}


@dataclass(frozen=True)
class Act:
    """One request in a group: its params there, and what it costs among many and among few."""

    params: Callable[[str], tuple[Any, ...]]
    among_many: float
    among_few: float


def heard_by_all(params: Callable[[str], tuple[Any, ...]]) -> Act:
    return Act(params, POST_TO_MANY, 1.0)


#: Every method that writes. The group's first message that is no system message, at position 2, is eve's.
ACTS = {
    "post": heard_by_all(lambda group: (group, new_key(), said("x"))),
    "edit": heard_by_all(lambda group: (group, new_key(), 2, None, said("y"))),
    "react": heard_by_all(lambda group: (group, 2, "\N{THUMBS UP SIGN}")),
    "add": heard_by_all(lambda group: (group, new_key(), "m1", "admin")),
    "remove": heard_by_all(lambda group: (group, new_key(), "m2")),
    # behind `remove`: there is one less
    "leave": Act(lambda group: (group, new_key()), POST_TO_MANY - 1, 1.0),
    # what only own devices hear of: above 50 members nobody is told how far somebody has read
    "cursor": Act(lambda group: (group, 2, 2), 0.2, 0.2),
    "abandon": Act(lambda group: (group, new_key()), 0.0, 0.0),
    # of a person, wherever else the two are
    "block": Act(lambda group: ("m1",), 1.0, 1.0),
    "unblock": Act(lambda group: ("m1",), 1.0, 1.0),
    # for each member whom it names, and no more for where it is told
    "create": Act(lambda group: (new_key(), "group", "x", [f"m{n}" for n in range(100)]), 7.0, 7.0),
}


@asynccontextmanager
async def house(folder: Path, **limits: float) -> AsyncIterator[tuple[Server, str, str]]:
    """A server with a group of 5,000 and one of 3, in both of which eve may do everything."""
    names = [f"m{number}" for number in range(MANY - 1)]

    async with running(folder, "eve", limits=SPENT | limits) as server:

        def enrol(tx: Transaction) -> None:
            for name in names:
                tx.put_user(User(name, name))

        await server.store.write(enrol)
        groups: list[str] = []
        for number in (MANY, FEW):
            group, _, _ = await server.chat.create_conversation("eve", Kind.GROUP, "all", names[: number - 1])
            await server.chat.post("eve", group, "x")
            groups.append(group)
        many, few = groups
        yield server, many, few


def left(server: Server, name: str = "eve") -> float:
    return server.posting.rates.tokens(name, server.clock.monotonic())


def test_each_method_that_writes_has_a_place_in_this_table() -> None:
    assert set(ACTS) == {row.method.name for row in METHOD_ROWS if row.writes}


@pytest.mark.parametrize("of", ["many", "few"])
async def test_the_audience_counts_and_not_the_method(tmp_path: Path, of: str) -> None:
    async with house(tmp_path) as (server, many, few), await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        group = many if of == "many" else few
        for method in [*(ACTS.keys() - {"remove", "leave"}), "remove", "leave"]:
            act, before = ACTS[method], left(server)
            answer = await raw.ask(method, *act.params(group))
            assert answer.code == 0, (method, answer)
            cost = act.among_many if of == "many" else act.among_few
            assert before - left(server) == pytest.approx(cost, abs=0.001), method


EDITS: dict[str, Callable[[str, int], tuple[Any, ...]]] = {
    "edit": lambda group, number: (group, new_key(), 2, None, said(f"{number}")),
    "add": lambda group, number: (group, new_key(), "m1", ("admin", "member")[number % 2]),
    "react": lambda group, number: (group, 2, "\N{THUMBS UP SIGN}", number % 2 == 0),
}


@pytest.mark.parametrize("method", EDITS)
async def test_what_one_account_may_change_at_once_among_many_is_what_it_may_post(
    tmp_path: Path, method: str
) -> None:
    """200 tokens are three posts to 5,000, so they are three edits or changes of role: not 68 a second."""
    async with house(tmp_path, posts_burst=200) as (server, many, few), await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        done = 200 // POST_TO_MANY
        seqs = [raw.request(method, *EDITS[method](many, number)) for number in range(60)]
        [session] = server.listener.sessions
        await eventually(lambda: session.stream.recv_seq == raw.seq and not session._quota._at_work)
        assert {(await raw.answer(seq)).code for seq in seqs[:done]} == {0}
        assert left(server) == pytest.approx(200 - done * POST_TO_MANY, abs=0.1), "the others wait"
        raw.send(PING, 0, raw.received, 1)
        while (await raw.frame())[0] != PONG:
            pass
        assert not any(raw.answered(seq, 0) for seq in seqs[done:])
        async with await Raw.open(server) as neighbour:
            await neighbour.enter(server, "m0")
            assert (await neighbour.ask("post", few, new_key(), said("x"))).code == 0


@pytest.mark.parametrize("method", EDITS)
async def test_among_few_it_may_change_as_much_as_it_may_post_there(tmp_path: Path, method: str) -> None:
    async with house(tmp_path, posts_burst=200) as (server, _, few), await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        seqs = [raw.request(method, *EDITS[method](few, number)) for number in range(190)]
        assert {(await raw.answer(seq)).code for seq in seqs} == {0}
        assert left(server) == pytest.approx(10, abs=1)


# -- where nobody has spoken since the start -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["post", *EDITS])
async def test_a_group_that_is_not_remembered_costs_the_same_a_moment_later(
    tmp_path: Path, method: str
) -> None:
    """In one piece, right behind a restart: what was written before its size was known is paid for as soon as it is."""
    async with house(tmp_path) as (server, many, _):
        pass
    async with Server(config(tmp_path, limits=SPENT)) as server, await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        asked = EDITS.get(method, lambda group, number: (group, new_key(), said(f"{number}")))
        seqs = [raw.request(method, *asked(many, number)) for number in range(5)]
        for seq in seqs:
            assert (await raw.answer(seq)).code == 0
        assert BURST - left(server) == pytest.approx(5 * POST_TO_MANY, abs=1)


async def test_a_group_of_few_owes_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as (server, _, few):
        pass
    async with Server(config(tmp_path, limits=SPENT)) as server, await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        for number in range(5):
            assert (await raw.ask("post", few, new_key(), said(f"{number}"))).code == 0
        assert BURST - left(server) == pytest.approx(5, abs=0.1)
        assert not server.posting._owed


def test_what_is_owed_is_bounded_and_waits_for_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imserver.chat.posting.MAX_OWED", 3)
    clock = ManualClock()
    chat = Posting(Queue(), clock, LimitsConfig(**SPENT))  # type: ignore[arg-type]
    for number in range(10):
        chat.post_all(Session(), [(1, f"group/{number}", b"%016d" % number, SAID)])
    assert list(chat._owed) == ["group/7", "group/8", "group/9"]
    everybody = dict.fromkeys(["ann", *(f"m{n}" for n in range(MANY - 1))], Role.MEMBER)
    chat.audience_of = {"group/9": everybody}.get
    chat.audience_known("group/9")
    assert chat.rates.tokens("ann", 0.0) == pytest.approx(BURST - 10 - (POST_TO_MANY - 1))
    assert chat.rates.tokens("bob", 0.0) == BURST
    chat.audience_known("group/9")
    assert chat.rates.tokens("ann", 0.0) == pytest.approx(BURST - 10 - (POST_TO_MANY - 1)), "once"


async def test_who_owes_more_than_he_has_waits_until_it_is_paid(tmp_path: Path) -> None:
    async with house(tmp_path) as (server, many, few):
        pass
    limits = {"posts_per_second": 10.0, "posts_burst": 60}
    async with Server(config(tmp_path, limits=limits)) as server, await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        seqs = [raw.request("post", many, new_key(), said(f"{number}")) for number in range(5)]
        assert {(await raw.answer(seq)).code for seq in seqs} == {0}
        told = await raw.ask("post", few, new_key(), said("x"))
        assert told.code == RefusalCode.RATE_LIMITED
        assert told.retry_after_ms == pytest.approx((5 * POST_TO_MANY - 60) * 100, abs=1_500)
