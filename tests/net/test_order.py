"""The order between requests of one session: what was sent first is done first, though nobody waited for the answer."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from imserver import Server
from imserver.errors import Refusal
from imserver.model import group_conversation_id
from imserver.net.dispatch import Row, Waiting, read_params
from imserver.net.scheduling.request_order import RequestOrder
from imserver.net.scheduling.user_quota import MAX_AT_WORK
from imserver_protocol.methods.users import UsersParams
from tests.fuzz.shapes import right
from tests.limits.raw import REQUEST, Raw, eventually, new_key, packed, said
from tests.support.methods import METHOD_ROWS
from tests.support.servers import running

HERE, THERE = "direct/alice/bob", "direct/alice/cy"
RATE_LIMITED, HELD = 700, 701


def in_one_piece(raw: Raw, *requests: tuple[Any, ...]) -> list[int]:
    """Send all requests by one call; returns their seqs."""
    frames = []
    for method, *params in requests:
        raw.seq += 1
        frames.append(packed(REQUEST, raw.seq, raw.received, method, params))
    raw.send_bytes(b"".join(frames))
    return list(range(raw.seq - len(requests) + 1, raw.seq + 1))


async def texts(raw: Raw, seq: int) -> list[int]:
    """The positions that a page shows."""
    answer = await raw.answer(seq)
    assert answer.code == 0, answer
    return [item[0] for item in answer.result[0]]


class Gate:
    """A reviewer that lets no post of one conversation pass until it is opened."""

    def __init__(self, server: Server, conversation_id: str) -> None:
        self.opened = asyncio.Event()
        self.asked = 0
        self._conversation_id = conversation_id
        server.posting.reviewers = [self._review]

    async def _review(
        self, conversation_id: str, sender_id: str, content: Mapping[str, Any]
    ) -> Refusal | None:
        if conversation_id == self._conversation_id:
            self.asked += 1
            await self.opened.wait()
        return None


async def test_who_makes_a_group_may_post_to_it_in_the_same_piece(tmp_path: Path) -> None:
    async with running(tmp_path) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        for _ in range(20):
            key = new_key()
            group = group_conversation_id("alice", key)
            posts = [("post", group, new_key(), said(f"{n}")) for n in range(3)]
            created, *said_ = in_one_piece(raw, ("create", key, "group", "t", ["bob"]), *posts)
            assert (await raw.answer(created)).result == [group, 1, False]
            answers = [await raw.answer(seq) for seq in said_]
            assert [(one.code, one.result[0]) for one in answers if one.result] == [(0, 2), (0, 3), (0, 4)]


async def test_writes_of_all_kinds_take_their_positions_in_the_order_of_sending(tmp_path: Path) -> None:
    async with running(tmp_path, "alice bob cy") as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        key = new_key()
        group = group_conversation_id("alice", key)
        seqs = in_one_piece(
            raw,
            ("create", key, "group", "t", []),
            ("post", group, new_key(), said("hello")),
            ("add", group, new_key(), "bob"),
            ("edit", group, new_key(), 2, None, said("hello, bob")),
            ("post", group, new_key(), said("and cy")),
            ("add", group, new_key(), "cy"),
            ("cursor", group, 6, 6),
            ("remove", group, new_key(), "bob"),
            ("leave", group, new_key()),
        )
        answers = [await raw.answer(seq) for seq in seqs]
        assert [answer.code for answer in answers] == [0] * len(seqs), answers
        assert answers[6].result == [6, 6]
        where = [answer.result[0] for answer in answers[1:6] + answers[7:]]
        assert where == [2, 3, 4, 5, 6, 7, 8]


async def test_a_read_sees_what_was_written_before_it(tmp_path: Path) -> None:
    async with running(tmp_path, "alice bob cy") as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        for n in range(20):
            key = new_key()
            group = group_conversation_id("alice", key)
            _, page, _, row, _, after, members = in_one_piece(
                raw,
                ("post", HERE, new_key(), said("x")),
                ("history", HERE),
                ("create", key, "group", f"t{n}", []),
                ("conversations", None, 200),
                ("post", group, new_key(), said("y")),
                ("history", group),
                ("members", group),
            )
            assert (await texts(raw, page))[-1] == n + 1
            assert [one[0] for one in (await raw.answer(row)).result[0]][:2] == [group, HERE]
            assert await texts(raw, after) == [1, 2]
            assert (await raw.answer(members)).result == [["alice", "owner"]]


async def test_a_read_waits_for_the_writes_before_it_and_for_no_later_ones(tmp_path: Path) -> None:
    async with running(tmp_path, "alice bob cy") as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        gate = Gate(server, THERE)
        _, early, held_up, late, other = in_one_piece(
            raw,
            ("post", HERE, new_key(), said("x")),
            ("history", HERE),
            ("post", THERE, new_key(), said("slow")),
            ("history", THERE),
            ("post", HERE, new_key(), said("y")),
        )
        assert (await texts(raw, early))[0] == 1
        assert (await raw.answer(other)).result[0] == 2
        [device] = server.listener.sessions
        assert gate.asked == 1
        assert not raw.answered(held_up, 0)
        assert device.waiting, "the page stands behind the post that is under review"
        gate.opened.set()
        assert await texts(raw, late) == [1]


async def test_a_refused_write_keeps_no_read_waiting(tmp_path: Path) -> None:
    """Refused at once, by the queue, in the transaction: each is settled with its answer."""
    limits = {"posts_per_second": 1e-6, "posts_burst": 3}
    async with running(tmp_path, limits=limits) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        for write in (
            ("edit", HERE, new_key(), 1, None, b"\xc1"),
            ("post", HERE, b"short", said("x")),
            ("post", HERE, new_key(), b"\xc1"),
            ("post", HERE, new_key(), said("x")),
            ("post", HERE, new_key(), said("above the rate")),
            ("post", HERE, new_key(), said("held")),
            ("abandon", HERE, b""),
            ("abandon", "group/nowhere", new_key()),
        ):
            _, page = in_one_piece(raw, write, ("sync",))
            assert (await raw.answer(page)).code == 0, write


async def test_no_post_runs_past_a_write_that_waits_for_its_rate(tmp_path: Path) -> None:
    """`create` takes five tokens: of six there is one left, which is good for a post elsewhere."""
    limits = {"posts_per_second": 20.0, "posts_burst": 6}
    async with running(tmp_path, limits=limits) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        key, mine = new_key(), new_key()
        group = group_conversation_id("alice", key)
        first, second, early, elsewhere, later = in_one_piece(
            raw,
            ("create", new_key(), "group", "first", []),
            ("create", key, "group", "second", []),
            ("post", group, mine, said("early")),
            ("post", HERE, new_key(), said("elsewhere")),
            ("post", group, new_key(), said("later")),
        )
        refused = await raw.answer(early)
        assert refused.code == RATE_LIMITED
        assert refused.retry_after_ms >= 240, "first the five tokens of `create`, then its own"
        assert (await raw.answer(later)).code == HELD
        assert (await raw.answer(elsewhere)).code == 0
        assert not raw.answered(second, 0), "it waits for its rate"
        assert [(await raw.answer(seq)).code for seq in (first, second)] == [0, 0]
        await asyncio.sleep(refused.retry_after_ms / 1000)
        assert (await raw.ask("post", group, mine, said("early"))).result[0] == 2


async def test_no_post_runs_past_a_write_that_waits_for_room(tmp_path: Path) -> None:
    async with running(tmp_path) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        assert (await raw.ask("post", HERE, new_key(), said("x"))).code == 0
        many = [("cursor", HERE, 1)] * (2 * MAX_AT_WORK)
        key = new_key()
        *moved, post, elsewhere = in_one_piece(
            raw, *many, ("post", HERE, key, said("y")), ("post", "direct/alice/alice2", new_key(), said("z"))
        )
        assert (await raw.answer(post)).code == RATE_LIMITED
        assert (await raw.answer(elsewhere)).code != RATE_LIMITED
        assert {(await raw.answer(seq)).code for seq in moved} == {0}
        assert (await raw.ask("post", HERE, key, said("y"))).result[0] == 2, "nothing waits there any more"


async def test_long_requests_that_wait_are_done_as_they_were_asked(tmp_path: Path) -> None:
    """A write for its rate, a read for that write: both longer than what is kept as it was parsed."""
    names = [f"member{number:02}" for number in range(40)]
    limits = {"posts_per_second": 20.0, "posts_burst": 6}
    async with (
        running(tmp_path, "alice " + " ".join(names), limits=limits) as server,
        await Raw.open(server) as raw,
    ):
        await raw.enter(server, "alice")
        key = new_key()
        group = group_conversation_id("alice", key)
        _, made, page, found = in_one_piece(
            raw,
            ("create", new_key(), "group", "first", []),
            ("create", key, "group", "\u0101" * 100, names),
            ("history", group, None, None, 1),
            ("users", [*names, "nobody"]),
        )
        [device] = server.listener.sessions
        await eventually(lambda: device.waiting)
        assert (await raw.answer(made)).result == [group, 1, False]
        assert await texts(raw, page) == [1]
        assert [row[0] for row in (await raw.answer(found)).result] == names
        rows = {row[0]: row for row in (await raw.ask("sync")).result[0]}
        assert rows[group][2] == "\u0101" * 100
        assert [row[0] for row in (await raw.ask("members", group)).result] == ["alice", *names]


@pytest.mark.parametrize("row", METHOD_ROWS, ids=lambda row: row.method.name)
def test_a_request_that_was_packed_is_the_same(row: Row) -> None:
    params = read_params(row.method, right(row.method.params))
    plain, packed_first = (Waiting(row, params, "c", lambda: 1.0) for _ in range(2))
    packed_first.pack()
    for request in (plain, packed_first):
        assert request.cost == row.cost(params, lambda: 1.0)
        assert request.take() == params
        request.pack()  # it has begun: there is nothing to be kept


def test_what_waits_takes_hardly_more_than_it_came_in() -> None:
    """Short names, as many as an array may have."""
    row = next(row for row in METHOD_ROWS if row.method.name == "users")
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        request = Waiting(row, UsersParams([f"{number:04}" for number in range(8000)]), "", lambda: 1.0)
        parsed = tracemalloc.get_traced_memory()[0] - before
        request.pack()
        kept = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert parsed > 400_000
    assert kept < 2 * 8000 * 5


async def test_a_write_follows_the_posts_before_it_through_their_review(tmp_path: Path) -> None:
    async with running(tmp_path) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        group = (await raw.ask("create", new_key(), "group", "t", [])).result[0]
        gate = Gate(server, group)
        last_words, left = in_one_piece(
            raw, ("post", group, new_key(), said("bye")), ("leave", group, new_key())
        )
        await eventually(lambda: gate.asked == 1)
        gate.opened.set()
        assert (await raw.answer(last_words)).result[0] == 2
        assert (await raw.answer(left)).result[0] == 3


async def test_what_waits_behind_a_review_ends_with_its_session_and_makes_room(tmp_path: Path) -> None:
    async with running(tmp_path) as server, await Raw.open(server) as raw, await Raw.open(server) as again:
        await raw.enter(server, "alice")
        gate = Gate(server, HERE)
        writes = [("cursor", HERE, 1)] * MAX_AT_WORK
        in_one_piece(raw, ("post", HERE, new_key(), said("slow")), *writes)
        await eventually(lambda: gate.asked == 1)
        await again.enter(server, "alice")
        asked = again.request("users", ["bob"])
        gate.opened.set()
        assert (await again.answer(asked)).code == 0
        assert (await again.ask("sync")).result[0] == [], "nor is anything stored that nobody will be told of"


@pytest.mark.parametrize("seed", range(20))
def test_a_read_is_due_when_the_writes_before_it_are_settled_and_not_before(seed: int) -> None:
    """Against the rule itself, with writes that are settled in any order."""
    rng = Random(seed)
    order: RequestOrder[None] = RequestOrder()
    open_writes: list[int] = []
    waiting: list[int] = []
    seq = 0
    for _ in range(400):
        act = rng.choice(("post", "write", "read", "settle", "settle", "begin"))
        if rng.random() < 0.01:
            order.clear()
            waiting.clear()
            assert order.unsettled == len(open_writes), "writes that have begun are settled all the same"
        if act == "post":
            seq += 1
            order.unsettled += 1
            open_writes.append(seq)
        elif act == "write":
            seq += 1
            order.add_write(seq, None)
            open_writes.append(seq)
        elif act == "read":
            seq += 1
            order.add_read(seq, None)
            waiting.append(seq)
        elif act == "settle" and open_writes:
            order.settled(open_writes.pop(rng.randrange(len(open_writes))))
        due = bool(waiting) and not any(write < waiting[0] for write in open_writes)
        assert order.read_is_due is due
        if due and act == "begin":
            assert order.begin_read() == (waiting.pop(0), None)
    order.clear()
    assert not order.waiting
    assert order.unsettled == len(open_writes)
