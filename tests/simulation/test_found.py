"""What the simulation found, each as a test of its own.

A seed replays its fault only as long as the simulation draws the same numbers, so each bug is also shown directly, or only so.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from imserver.config import StoreConfig
from imserver.errors import Refusal, RefusalCode, StoreFailed
from imserver.proof.simulation.journal import Journal
from imserver.proof.simulation.machine import SimulatedStore
from imserver.proof.simulation.oracle import Evidence, echoed_once, gone_posts_are_told
from imserver.proof.simulation.record import Post, Record
from imserver.proof.simulation.runs import run_one
from imserver.proof.simulation.stored import Row
from imserver.store.sqlite.store import SqliteStore
from imserver.testing import LogBook
from imserver_protocol.errors import CloseCode
from tests.limits.raw import GOODBYE, Raw
from tests.support.servers import running

#: Seed -> what it found. Shown directly in the tests of what was wrong.
SEEDS = {
    1002156: "while a post was being given up later ones were stored; the session was lost, and it came behind them",
    1004712: "staff tapped that a customer did not come, and the oracle missed the appointment that was booked",
    2000390: "the same of a customer who came",
    2002971: "a first sync read a message that the server had committed and not told of yet, and the oracle called it late",
    4017430: "a message was edited before the plugin had heard of it, and the oracle wanted its old text answered",
    2004236: "the end of a connection came in the very moment in which it was made, and the simulated network fell over it",
}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_that_found_something_is_clean(seed: int) -> None:
    assert run_one(seed).findings == []


def test_a_message_counts_from_its_commit_and_not_from_when_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between the two a sync may read it; a device whose first sync did has lost nothing."""
    seen: list[object] = []
    outcomes = [None, StoreFailed("unknown outcome")]
    monkeypatch.setattr(SqliteStore, "_execute", lambda self, units, done: done(outcomes.pop(0)))
    store = SimulatedStore(Journal(lambda: 0.0), seen.append, lambda: None, StoreConfig(path="unused"))
    for _ in range(2):
        store._execute([], seen.append)
    assert seen[:2] == [[], None], "before anybody else hears of it"
    assert [type(one) for one in seen[2:]] == [StoreFailed], "what may not be stored has no time"


@pytest.mark.parametrize(
    ("error", "code", "retry_after_ms"),
    [
        (Refusal(RefusalCode.OVERLOADED, "busy", retry_after_ms=1234), CloseCode.OVERLOADED, 1234),
        (StoreFailed("unknown outcome"), CloseCode.STORE_FAILED, 5000),
    ],
)
async def test_a_busy_store_is_no_fault_of_ours_at_hello(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, retry_after_ms: int
) -> None:
    """A store that said "not now" while a token was looked up was logged as an error of the server, and closed INTERNAL."""
    async with running(tmp_path) as server:
        log = LogBook()
        server.listener.log = log

        async def read(query: Any) -> Any:
            raise error

        monkeypatch.setattr(server.store, "read", read)
        async with await Raw.open(server) as raw:
            raw.hello(server.accounts.make_token("alice", ttl_s=3600))
            frame = await raw.frame()
            assert frame[0] == GOODBYE
            assert raw.end is not None
            assert (raw.end.code, raw.end.retry_after_ms) == (code, retry_after_ms)
        assert log.events("error") + log.events("exception") == []


async def test_a_request_that_meets_a_failed_store_is_not_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was refused INTERNAL and logged as a fault of its own, while the server was ending already for another."""
    async with running(tmp_path) as server:
        log = LogBook()
        async with await Raw.open(server) as raw:
            await raw.enter(server, "alice")
            server.listener.log = log

            real, failures = server.store.read, 0

            async def read(query: Any) -> Any:
                nonlocal failures
                failures += 1
                if failures == 1:
                    raise StoreFailed("unknown outcome")
                return await real(query)

            monkeypatch.setattr(server.store, "read", read)
            lost = raw.request("conversations")
            await raw.answer(raw.request("conversations"))
            assert failures == 2
            assert not raw.answered(lost, 704)
        assert log.events("error") == []


KEY = bytes(16)


def echoed(contents: dict[int, Mapping[str, Any] | None], *answers: tuple[str, str]) -> list[str]:
    """What the oracle says of one message to the echo, with these revisions and these answers."""
    rows = [Row("direct/echo/eve", 1, KEY, "eve", 0, len(contents), contents)]
    noted = []
    for position, (kind, key) in enumerate(answers, 2):
        said: dict[int, Mapping[str, Any] | None] = {1: {"type": "text", "text": f"{kind} {key}"}}
        rows.append(Row("direct/echo/eve", position, bytes([position]) * 16, "echo", 0, 1, said))
        noted.append((kind, key, position))
    stored = SimpleNamespace(rows=rows, members={"direct/echo/eve": {"echo", "eve"}}, echoes=noted)
    return list(echoed_once(cast("Evidence", SimpleNamespace(stored=stored))))


def test_an_edited_message_is_answered_as_it_is_when_the_plugin_hears_of_it() -> None:
    """Its server was down when the message was edited; the oracle wanted the old text's second answer all the same."""
    asks, edited = {"type": "text", "text": "later x"}, {"type": "text", "text": "edited"}
    heard, later = ("heard", KEY.hex()), ("later", KEY.hex())
    assert not echoed({1: asks, 2: edited}, heard)
    assert not echoed({1: asks, 2: edited}, heard, later)
    assert not echoed({1: asks}, heard, later)
    for wrong in (
        echoed({1: asks}, heard),
        echoed({1: asks, 2: edited}, heard, later, later),
        echoed({1: edited}, heard, later),
        echoed({1: asks, 2: edited}),
    ):
        assert len(wrong) == 1


@pytest.mark.parametrize("came_back", [False, True])
@pytest.mark.parametrize("left", [False, True])
def test_what_was_said_before_a_team_was_left_is_told_with_its_conversation(
    left: bool, came_back: bool
) -> None:
    """A user left a team and came back; then an older copy had nothing of the conversation. Of the posts of before only the
    conversation is told, for the client forgot their keys when it forgot the conversation; the oracle wanted each of them."""
    record = Record("fay", "fay-0")
    post = Post(b"k" * 16, "group/1", {}, 1, outcome="stored", position=2)
    record.posts[post.key] = post
    if left:
        record.left("group/1")
    if came_back:
        record.began("group/1")
    record.void(0.0)
    record.history_replaced("group/1", None)
    evidence: Any = SimpleNamespace(
        records=[record],
        storages=[SimpleNamespace(dropped=set())],
        stored=SimpleNamespace(of_key=lambda *_: None),
    )
    assert len(list(gone_posts_are_told(evidence))) == (0 if left else 1)
    if left and came_back:
        record.told.clear()
        assert len(list(gone_posts_are_told(evidence))) == 1, "not even of the conversation"
