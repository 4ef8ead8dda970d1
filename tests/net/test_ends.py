"""Ends that come at an odd moment: in the middle of a handshake, of a review, of everything."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from imserver.chat.accounts import Identity
from imserver.errors import Refusal, RefusalCode, StoreFailed
from tests.limits.raw import Ended, Raw, eventually, new_key, said
from tests.support.servers import running

HERE = "direct/alice/bob"
DRAINING = 100


async def test_who_leaves_while_the_token_is_checked_leaves_no_session_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would never be detached, so it would stay for ever and be pushed to."""
    async with running(tmp_path) as server:
        asked, go_on = asyncio.Event(), asyncio.Event()
        authenticate = server.accounts.authenticate

        async def slow(token: str, device_id: str, met: object = None) -> Identity:
            asked.set()
            await go_on.wait()
            return await authenticate(token, device_id)

        monkeypatch.setattr(server.accounts, "authenticate", slow)
        async with await Raw.open(server) as raw:
            raw.hello(server.accounts.make_token("alice", ttl_s=60))
            await asked.wait()
        await eventually(lambda: not server.listener.admission.transports)
        go_on.set()
        await eventually(lambda: not server.listener.attachments._handshakes)
        assert len(server.listener.sessions) == 0
        assert list(server.hub.outlets_of("alice")) == []


#: What the times to come back differ by at the least, and their bound (milliseconds).
SPREAD_MS, MOST_MS = 300, 3000


async def test_in_a_drain_everybody_is_told_another_time_to_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is inside, who has said nothing yet, whose token is being checked, and who comes while it goes on."""
    crowd = range(12)
    async with running(tmp_path) as server:
        inside, silent, asking = [[await Raw.open(server) for _ in crowd] for _ in range(3)]
        for number, raw in enumerate(inside):
            await raw.enter(server, "alice", f"{number}")
        monkeypatch.setattr(server.accounts, "authenticate", lambda *_: asyncio.Event().wait())
        for raw in asking:
            raw.hello("a token")
        await eventually(lambda: len(server.listener.attachments._handshakes) == len(crowd))
        server.listener.admission.draining = True
        late = [await Raw.open(server) for _ in crowd]
        for raw in late:
            await raw.frame()
        stopping = asyncio.create_task(server.stop())
        for raws in (inside, silent, asking, late):
            ends = [await raw.goodbye() for raw in raws]
            assert {end.code for end in ends} == {DRAINING}
            times = [end.retry_after_ms for end in ends]
            assert min(times) > 0
            assert max(times) <= MOST_MS
            assert max(times) - min(times) >= SPREAD_MS, times
            for raw in raws:
                await raw.hang_up()
        await stopping


#: What checking a token may end in, and with which GOODBYE: code, milliseconds.
CHECKS: list[tuple[Exception, tuple[int, int]]] = [
    (Refusal(RefusalCode.OVERLOADED, "full", retry_after_ms=77), (401, 77)),
    (StoreFailed("the disk"), (501, 5000)),
    (RuntimeError("a fault of ours"), (500, 5000)),
]


@pytest.mark.parametrize(("error", "told"), CHECKS, ids=lambda value: type(value).__name__)
async def test_who_cannot_be_let_in_is_told_why_and_when_to_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, told: tuple[int, int]
) -> None:
    async with running(tmp_path) as server:
        real = server.accounts.authenticate

        async def failing(token: str, device_id: str, met: object = None) -> Identity:
            raise error

        monkeypatch.setattr(server.accounts, "authenticate", failing)
        async with await Raw.open(server) as raw:
            raw.hello("a token")
            end = await raw.goodbye()
        assert (end.code, end.retry_after_ms) == told
        monkeypatch.setattr(server.accounts, "authenticate", real)
        async with await Raw.open(server) as raw:
            await raw.enter(server, "alice")


async def test_what_is_under_review_when_the_drain_begins_is_decided_and_answered(tmp_path: Path) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def reviewer(conversation_id: str, sender_id: str, content: Mapping[str, Any]) -> Refusal | None:
        asked.set()
        await go_on.wait()
        return None

    async with running(tmp_path) as server, await Raw.open(server) as raw:
        server.posting.reviewers = [reviewer]
        await raw.enter(server, "alice")
        seq = raw.request("post", HERE, new_key(), said("accepted before the drain"))
        await asked.wait()
        stopping = asyncio.create_task(server.stop())
        await eventually(lambda: server.posting.draining)
        go_on.set()
        assert (await raw.answer(seq)).code == 0
        assert (await raw.goodbye()).code == DRAINING
        await stopping


async def test_when_the_store_fails_every_socket_ends_without_a_word(tmp_path: Path) -> None:
    """Whatever were said now could be wrong; clients come back, and learn the truth."""
    async with running(tmp_path) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        server._store_failed(StoreFailed("the outcome is unknown"))
        with pytest.raises((Ended, ConnectionError)):
            await raw.goodbye()
        assert isinstance(await server.failed(), StoreFailed)


@pytest.mark.parametrize("in_time", [True, False])
async def test_a_request_in_work_is_answered_before_goodbye_if_it_ends_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_time: bool
) -> None:
    """And if it does not, GOODBYE still says that the server goes down."""
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def users(user_ids: Any) -> list[Any]:
        asked.set()
        await go_on.wait()
        return []

    drain = {"drain_timeout_s": 30.0 if in_time else 0.3}
    async with running(tmp_path, server=drain) as server, await Raw.open(server) as raw:
        monkeypatch.setattr(server.chat, "users", users)
        await raw.enter(server, "alice")
        seq = raw.request("users", ["bob"])
        await asked.wait()
        stopping = asyncio.create_task(server.stop())
        told = asyncio.create_task(raw.goodbye())
        if in_time:
            done, _ = await asyncio.wait({told}, timeout=0.3)
            assert not done, "GOODBYE is the last frame, behind the answer"
            go_on.set()
        assert (await told).code == DRAINING
        assert (seq in raw._answers) is in_time
        go_on.set()
        await stopping
