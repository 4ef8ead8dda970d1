"""Whatever becomes of requests: each is answered with its code, and its place in the user's share comes back."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.chat.posting import SessionWrite
from imserver.chat.units import Unit
from imserver.errors import Refusal, RefusalCode
from imserver.model import User
from imserver.net.scheduling.user_quota import MAX_AT_WORK
from tests.limits.raw import Answer, Raw, eventually, new_key, said
from tests.support.servers import running

HERE = "direct/alice/bob"
FORBIDDEN, NOT_FOUND, RATE_LIMITED, HELD, OVERLOADED, INTERNAL = 602, 603, 700, 701, 703, 704
AFTER_MS = 77


def as_it_is(server: Server) -> None:
    """Nothing goes wrong."""


def a_fault_of_ours(server: Server) -> None:
    async def users(user_ids: Any) -> list[User]:
        await asyncio.sleep(0)
        raise RuntimeError("a fault of ours")

    server.chat.users = users  # type: ignore[method-assign]


def longer_than_a_frame(server: Server) -> None:
    async def users(user_ids: Any) -> list[User]:
        return [User(f"{n}", "x" * 1000) for n in range(100)]

    server.chat.users = users  # type: ignore[method-assign]


def a_reviewer_with_much_to_say(server: Server) -> None:
    async def reviewer(conversation_id: str, sender_id: str, content: Mapping[str, Any]) -> Refusal | None:
        return Refusal(RefusalCode.FORBIDDEN, "no " * 50_000)

    server.posting.reviewers = [reviewer]


def full() -> Refusal:
    return Refusal(RefusalCode.OVERLOADED, "full", retry_after_ms=AFTER_MS)


def no_abandon_finds_room(server: Server) -> None:
    real = server.store.submit

    def submit(unit: Unit) -> None:
        if isinstance(unit, SessionWrite):
            raise full()
        real(unit)

    server.store.submit = submit  # type: ignore[method-assign]


def no_abandon_is_looked_up(server: Server) -> None:
    real = server.store.submit

    def submit(unit: Unit) -> None:
        if isinstance(unit, SessionWrite):
            unit.fail(full())
            asyncio.get_running_loop().call_soon(unit.settle)
        else:
            real(unit)

    server.store.submit = submit  # type: ignore[method-assign]


Arrange = Callable[[Server], None]
#: What goes wrong, what is asked, and the code of each answer.
OUTCOMES: list[tuple[Arrange, str, Callable[[], tuple[Any, ...]], int]] = [
    (as_it_is, "users", lambda: (["bob"],), 0),
    (as_it_is, "sync", lambda: (None,), 0),
    (as_it_is, "history", lambda: ("direct/bob/nobody",), NOT_FOUND),
    (as_it_is, "leave", lambda: ("group/nowhere", new_key()), NOT_FOUND),
    (as_it_is, "abandon", lambda: (HERE, new_key()), 0),
    (a_fault_of_ours, "users", lambda: (["bob"],), INTERNAL),
    (a_reviewer_with_much_to_say, "post", lambda: (HERE, new_key(), said("x")), FORBIDDEN),
    (longer_than_a_frame, "users", lambda: (["bob"],), INTERNAL),
    (no_abandon_finds_room, "abandon", lambda: (HERE, new_key()), OVERLOADED),
    (no_abandon_is_looked_up, "abandon", lambda: (HERE, new_key()), OVERLOADED),
]


def never_by_an_ack(server: Server) -> None:
    """Bare ACKs and PINGs are not due for a long time: what is not written by itself is not written."""
    server.listener.attachments.protocol_limits = dataclasses.replace(
        server.listener.protocol_limits,
        ack_after_s=1000.0,
        ack_after_frames=10_000,
        server_ping_after_s=1000.0,
    )


async def answered(raw: Raw, seq: int) -> Answer | None:
    """None if nobody answers."""
    with suppress(TimeoutError):
        async with asyncio.timeout(5):
            return await raw.answer(seq)
    return None


async def codes(raw: Raw, seqs: list[int]) -> list[int | None]:
    """Of the answers, up to the first that does not come."""
    found: list[int | None] = []
    for seq in seqs:
        answer = await answered(raw, seq)
        found.append(answer.code if answer is not None else None)
        if answer is None:
            break
    return found


async def test_each_outcome_is_told_and_makes_room_for_the_next_request(tmp_path: Path) -> None:
    """Of more requests than are worked on at once: were one place kept, in the end nobody of this user would be answered."""
    users = [f"user{number}" for number in range(len(OUTCOMES))]
    async with running(tmp_path, " ".join(["alice", "bob", *users])) as server:
        never_by_an_ack(server)
        for user, (arrange, method, params, code) in zip(users, OUTCOMES, strict=True):
            real_users, real_submit = server.chat.users, server.store.submit
            arrange(server)
            async with await Raw.open(server) as raw:
                await raw.enter(server, user)
                what = (arrange.__name__, method)
                assert await codes(raw, [raw.request(method, *params())]) == [code], what
                seqs = [raw.request(method, *params()) for _ in range(3 * MAX_AT_WORK)]
                assert await codes(raw, seqs) == [code] * len(seqs), what
                if code == OVERLOADED:
                    assert {(await raw.answer(seq)).retry_after_ms for seq in seqs} == {AFTER_MS}, what
                server.chat.users, server.store.submit = real_users, real_submit  # type: ignore[method-assign]
                server.posting.reviewers = []
                later = [raw.request("users", ["bob"]) for _ in range(MAX_AT_WORK + 1)]
                assert await codes(raw, later) == [0] * len(later), what


@pytest.mark.parametrize("arrange", [no_abandon_finds_room, no_abandon_is_looked_up])
async def test_an_abandon_that_was_refused_gives_nothing_up(tmp_path: Path, arrange: Arrange) -> None:
    """The key still holds: what was said after it does not overtake."""
    limits = {"posts_per_second": 1e-6, "posts_burst": 1}
    async with running(tmp_path, limits=limits) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        assert (await raw.ask("post", HERE, new_key(), said("stored"))).code == 0
        held, later = new_key(), new_key()
        assert (await raw.ask("post", HERE, held, said("held"))).code == RATE_LIMITED
        real = server.store.submit
        arrange(server)
        assert (await raw.ask("abandon", HERE, held)).code == OVERLOADED
        server.store.submit = real  # type: ignore[method-assign]
        assert (await raw.ask("post", HERE, later, said("later"))).code == HELD
        assert (await raw.ask("abandon", HERE, held)).result == [None]
        assert (await raw.ask("post", HERE, later, said("later"))).code == RATE_LIMITED, "held no longer"


async def test_who_goes_while_requests_wait_leaves_nothing_at_work(tmp_path: Path) -> None:
    """And the same user's next session finds all its room."""
    async with running(tmp_path) as server:
        for _ in range(3):
            async with await Raw.open(server) as raw:
                await raw.enter(server, "alice")
                for _ in range(5 * MAX_AT_WORK):
                    raw.request("sync", None)
                await raw.flushed()
            await eventually(lambda: not server.listener.admission.transports)
        async with await Raw.open(server) as raw:
            await raw.enter(server, "alice")
            later = [raw.request("sync", None) for _ in range(MAX_AT_WORK + 1)]
            assert await codes(raw, later) == [0] * len(later)
