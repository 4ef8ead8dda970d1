"""`retry_after_ms` of a refusal: the same act succeeds after that time, and above the rate no sooner."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from imserver import Server
from imserver.chat.posting import MEMBERS_A_POST, Posting
from imserver.config import LimitsConfig, StoreConfig
from imserver.errors import Refusal, RefusalCode
from imserver.model import Kind, User
from imserver.plugin_api import Context
from imserver.store import SqliteStore
from imserver.testing import ManualClock, PluginKit
from imserver_protocol.methods.edits import EDIT, EditParams
from tests.chat.sessions import SAID, Queue, Session
from tests.plugins.bench import made_with
from tests.plugins.conftest import QUICK
from tests.store.support import Recorder, Work
from tests.support.servers import running

#: Rounding to whole milliseconds, up, and what a sum of fractions may lack.
SLACK_S = 0.002

rates = st.one_of(st.sampled_from([0.1, 2.0, 3.0, 50.0]), st.floats(0.05, 200.0))
bursts = st.integers(1, 12)
crowds = st.sampled_from([2, 99, 100, 250, 1_000, 5_000])


class Author:
    """Posts to one conversation with so many members at so many posts a second, on a clock that is moved by hand."""

    def __init__(self, rate: float, burst: int, crowd: int = 2) -> None:
        self.clock, self.queue, self.burst = ManualClock(), Queue(), burst
        self.chat = Posting(self.queue, self.clock, LimitsConfig(posts_per_second=rate, posts_burst=burst))  # type: ignore[arg-type]
        others = {f"m{number}": None for number in range(crowd - 1)}
        self.chat.audience_of = {"group/full": {"ann": None} | others, "group/others": others}.get
        self.price = min(1 + crowd // MEMBERS_A_POST, burst)
        self._number = 0

    def post(self, conversation_id: str = "group/full") -> int | None:
        """None: it is in the queue. Otherwise the `retry_after_ms` of its refusal."""
        self._number += 1
        session, queued = Session(), len(self.queue.units)
        self.chat.post_all(session, [(1, conversation_id, b"%016d" % self._number, SAID)])
        if len(self.queue.units) > queued:
            return None
        refusal = session.refused[1]
        assert isinstance(refusal, Refusal)
        assert refusal.code is RefusalCode.RATE_LIMITED
        assert refusal.retry_after_ms >= 1
        return refusal.retry_after_ms

    def until_refused(self) -> tuple[int, int]:
        """How many posts went through first, and `retry_after_ms` of the first refusal."""
        for posted in range(self.burst + 1):
            told = self.post()
            if told is not None:
                return posted, told
        raise AssertionError("more than the burst")


@settings(deadline=None)
@given(rates, bursts, crowds, st.floats(0, 30))
def test_a_post_above_the_rate_succeeds_after_the_time_that_was_told_and_no_sooner(
    rate: float, burst: int, crowd: int, idle_s: float
) -> None:
    author = Author(rate, burst, crowd)
    author.until_refused()
    author.clock.advance(idle_s)
    _, told = author.until_refused()
    early_s = told / 1000 - SLACK_S
    if early_s > 0:
        author.clock.advance(early_s)
        assert author.post() is not None, "too early"
        author.clock.advance(SLACK_S)
    else:
        author.clock.advance(told / 1000)
    assert author.post() is None


@settings(deadline=None)
@given(rates, bursts, crowds)
def test_a_burst_is_what_it_says_also_after_a_long_rest(rate: float, burst: int, crowd: int) -> None:
    author = Author(rate, burst, crowd)
    for _ in range(2):
        assert author.until_refused()[0] == burst // author.price
        author.clock.advance(1000 * burst / rate)


@settings(deadline=None)
@given(rates, bursts, st.lists(st.floats(0.1, 40.0), min_size=1, max_size=6))
def test_another_request_goes_on_after_the_time_that_was_told_and_takes_its_part_of_the_rate(
    rate: float, burst: int, costs: list[float]
) -> None:
    author = Author(rate, burst)
    author.until_refused()
    for cost in costs:
        wait_s = author.chat.take_tokens("ann", cost)
        if wait_s > SLACK_S:
            author.clock.advance(wait_s - SLACK_S)
            assert author.chat.take_tokens("ann", cost) > 0, "too early"
            author.clock.advance(SLACK_S)
        else:
            author.clock.advance(wait_s)
        before = author.chat.rates.tokens("ann", author.clock.monotonic())
        assert author.chat.take_tokens("ann", cost) == 0.0
        after = author.chat.rates.tokens("ann", author.clock.monotonic())
        assert math.isclose(before - after, min(cost, burst), abs_tol=1e-9)


def test_each_conversation_of_one_read_has_its_own_price() -> None:
    """The price of one conversation does not apply to the next; and a post to strangers costs one token."""
    for first, second, through in (("group/full", "group/others", 5), ("group/others", "group/full", 2)):
        author = Author(1.0, 10, crowd=500)
        posts = [(1, first, b"%016d" % 1, SAID)]
        posts += [(number, second, b"%016d" % number, SAID) for number in range(2, 20)]
        author.chat.post_all(Session(), posts)
        assert len(author.queue.units) == through


def test_posts_of_one_read_take_of_the_rate_as_those_of_many_do() -> None:
    author = Author(1.0, 5)
    author.chat.post_all(Session(), [(n, f"group/{n}", b"%016d" % n, SAID) for n in range(4)])
    assert author.until_refused()[0] == 1
    assert author.chat.take_tokens("bob", 5.0) == 0.0, "everybody has a rate of his own"


# -- refusals that name a time without counting it ------------------------------------------------------------------------


def sensible(refused: Refusal) -> bool:
    """Neither at once nor only tomorrow: what helps here takes about a second."""
    return refused.code.retryable and 10 <= refused.retry_after_ms <= 10_000


DRAINED: dict[str, Callable[[Server], Awaitable[Any]]] = {
    "edit": lambda server: server.call(
        EDIT, "alice", EditParams("direct/alice/bob", bytes(16), 1, None, SAID)
    ),
    "create": lambda server: server.chat.create_conversation("alice", Kind.GROUP, "late", ["bob"]),
    "add": lambda server: server.chat.add_member("alice", "group/x", "bob"),
    "remove": lambda server: server.chat.remove_member("alice", "group/x", "bob"),
}


async def test_who_comes_during_the_drain_is_told_to_come_back_when_there_is_a_server_again(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as server:
        server.posting.draining = True
        for act in DRAINED.values():
            with pytest.raises(Refusal) as refused:
                await act(server)
            assert sensible(refused.value)
        session = Session()
        server.posting.post_all(session, [(1, "direct/alice/bob", bytes(16), SAID)])
        assert isinstance(session.refused[1], Refusal)
        assert sensible(session.refused[1])


async def test_a_post_that_could_not_be_reviewed_may_come_again_soon() -> None:
    async def broken(conversation_id: str, sender_id: str, content: Mapping[str, Any]) -> Refusal | None:
        raise RuntimeError("oops")

    author = Author(1.0, 5)
    author.chat.reviewers = [broken]
    with pytest.raises(Refusal) as refused:
        await asyncio.wait_for(author.chat.post_local("group/full", "ann", bytes(16), SAID), 10)
    assert sensible(refused.value)

    def setup(context: Context) -> None:
        context.review(broken)

    async with PluginKit(made_with(setup), limits=QUICK) as kit:
        await kit.user("ann")
        with pytest.raises(Refusal) as refused:
            await kit.post("ann", kit.direct("ann", "bot"), "x")
        assert sensible(refused.value)


async def test_a_full_queue_has_room_again_when_it_is_worked_off(tmp_path: Path) -> None:
    recorder = Recorder()
    store = SqliteStore(StoreConfig(path=str(tmp_path / "chat.db"), max_queue_units=3), clock=ManualClock())
    await store.open(recorder)
    recorder.full = True
    for _ in range(3):
        store.submit(Work(lambda tx: None))
    with pytest.raises(Refusal) as refused:
        await store.write(lambda tx: None)
    assert (refused.value.code, sensible(refused.value)) == (RefusalCode.OVERLOADED, True)
    recorder.full = False
    store.resume()
    await store.write(lambda tx: tx.put_user(User("ann", "Ann")))
    await store.close()
