"""Bytes a day and in all, on a real server: what counts and what does not, who is refused and when it comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.chat.quotas import DAY_MS
from imserver.content import encode_content
from imserver.errors import Refusal, RefusalCode
from imserver.model import Kind, Usage, User
from imserver.testing import ManualClock
from imserver_protocol.methods.edits import EDIT, EditParams
from tests.limits.raw import Answer, Raw, neighbourhood, new_key, said
from tests.support.clocks import LeapingClock
from tests.support.servers import config

HERE, THERE = "direct/alice/eve", "direct/bob/eve"
GONE_WITH_THE_DAY, FINAL, HELD = RefusalCode.RATE_LIMITED, RefusalCode.QUOTA, RefusalCode.HELD
#: One message of the tests, and how many a day and in all.
TEXT = said("x" * 400)
SIZE = len(TEXT)
A_DAY, IN_ALL = 3, 5
LIMITS = {"max_content_bytes": 1_000, "bytes_per_day": A_DAY * SIZE, "bytes_in_all": IN_ALL * SIZE}
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class NoonClock(LeapingClock):
    """Begins at noon, so that no test meets midnight by accident; and goes on, for one that stands still was set."""

    def __init__(self) -> None:
        self._ahead_ms = round(NOON.timestamp() * 1000) - super().now_ms()

    def now_ms(self) -> int:
        return super().now_ms() + self._ahead_ms


@asynccontextmanager
async def house(
    folder: Path, clock: NoonClock | None = None, **limits: float
) -> AsyncIterator[tuple[Server, NoonClock]]:
    """A server with these limits, on which it is noon."""
    clock = clock or NoonClock()
    async with Server(config(folder, limits=LIMITS | limits), clock=clock) as server:
        for name in ("alice", "bob", "eve"):
            await server.chat.put_user(User(name, name.title()))
        yield server, clock


@asynccontextmanager
async def eve_on(server: Server, device: str = "raw") -> AsyncIterator[Raw]:
    async with await Raw.open(server) as raw:
        await raw.enter(server, "eve", device)
        yield raw


def counted(server: Server, name: str = "eve") -> int:
    """Messages of `SIZE` that count."""
    used = server.posting.quotas.of(name)
    assert used.bytes == used.day_bytes
    assert used.bytes % SIZE == 0, used.bytes
    return used.bytes // SIZE


async def post(raw: Raw, where: str = HERE, content: bytes = TEXT, key: bytes = b"") -> Answer:
    return await raw.ask("post", where, key or new_key(), content)


async def use_up(raw: Raw, count: int = A_DAY) -> None:
    for _ in range(count):
        assert (await post(raw)).code == 0


async def test_a_day_that_is_used_up_holds_and_comes_back_at_midnight(tmp_path: Path) -> None:
    async with house(tmp_path) as (server, clock):
        async with eve_on(server) as raw:
            await use_up(raw)
            key = new_key()
            told = await post(raw, key=key)
            assert told.code == GONE_WITH_THE_DAY
            assert told.text == "1.2 kB a day are used up; again from 00:00 UTC"
            midnight = (clock.now_ms() // DAY_MS + 1) * DAY_MS
            assert told.result == {
                "quota": "bytes_per_day",
                "used": A_DAY * SIZE,
                "limit": A_DAY * SIZE,
                "left": 0,
                "back_at": midnight,
            }
            assert abs(clock.now_ms() + told.retry_after_ms - midnight) < 5_000
            assert (await post(raw, content=said(""))).code == HELD, "nothing overtakes it"
            assert (await post(raw, where=THERE)).code == GONE_WITH_THE_DAY, "wherever it is said"
            async with await Raw.open(server) as other:
                await other.enter(server, "alice")
                assert (await post(other)).code == 0, "everybody has a day of his own"
            assert counted(server) == A_DAY
        clock.leap_s += told.retry_after_ms / 1000
        async with eve_on(server) as raw:
            assert (await post(raw, key=key)).code == 0
            used = server.posting.quotas.of("eve")
            assert (used.bytes, used.day_bytes) == ((A_DAY + 1) * SIZE, SIZE)


async def test_a_guest_has_a_smaller_day_as_long_as_it_is_one(tmp_path: Path) -> None:
    async with house(tmp_path, max_content_bytes=SIZE, bytes_per_day_of_guests=2 * SIZE) as (server, _):
        await server.chat.put_user(User("eve", "Eve", roles=("guest",)))
        async with eve_on(server) as raw:
            await use_up(raw, 2)
            told = await post(raw)
            assert (told.code, told.result["limit"]) == (GONE_WITH_THE_DAY, 2 * SIZE)
        async with await Raw.open(server) as other:
            await other.enter(server, "alice")
            await use_up(other)
        await server.chat.put_user(User("eve", "Eve"))
        async with eve_on(server, "later") as raw:
            await use_up(raw, A_DAY - 2)


async def test_all_that_is_used_up_is_final_and_holds_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as (server, clock):
        async with eve_on(server) as raw:
            await use_up(raw)
        clock.leap_s += 86_400
        async with eve_on(server) as raw:
            await use_up(raw, IN_ALL - A_DAY - 1)
            assert (await post(raw, content=said("x" * 300))).code == 0
            told = await post(raw)
            assert (told.code, told.retry_after_ms) == (FINAL, 0)
            assert told.text.startswith("of 2 kB in all only ")
            detail = told.result
            assert (detail["quota"], detail["limit"], detail["back_at"]) == (
                "bytes_in_all",
                IN_ALL * SIZE,
                None,
            )
            assert detail["left"] == detail["limit"] - detail["used"] == 100
            assert (await post(raw, content=said("x" * 60))).code == 0, (
                "what fits is taken, and nothing holds"
            )
        clock.leap_s += 400 * 86_400
        async with eve_on(server) as raw:
            assert (await post(raw)).code == FINAL


async def test_a_key_that_is_offered_again_counts_once_and_is_answered_when_nothing_is_left(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as (server, _):
        key = new_key()
        async with eve_on(server) as raw:
            first = await post(raw, key=key)
            again = await post(raw, key=key)
            assert (again.code, again.result) == (0, [*first.result[:2], True])
            assert counted(server) == 1
            await use_up(raw, A_DAY - 1)
            assert (await post(raw, key=key)).result == [*first.result[:2], True]
            assert (await post(raw, key=key, content=said("y" * 400))).code == RefusalCode.KEY_REUSED
            assert counted(server) == A_DAY
        server.posting.quotas.of("eve").bytes = IN_ALL * SIZE
        async with eve_on(server, "another") as raw:
            assert (await post(raw, key=key)).result == [*first.result[:2], True]


async def forbid(conversation_id: str, sender_id: str, content: Mapping[str, Any]) -> Refusal | None:
    return Refusal(RefusalCode.FORBIDDEN, "mind your words")


async def later(conversation_id: str, sender_id: str, content: Mapping[str, Any]) -> Refusal | None:
    return Refusal(RefusalCode.OVERLOADED, "not now")


async def test_what_is_refused_does_not_count(tmp_path: Path) -> None:
    async with house(tmp_path) as (server, _), eve_on(server) as raw:
        key = new_key()
        refused = (
            ("direct/alice/bob", TEXT, new_key(), RefusalCode.NOT_FOUND),
            (HERE, b"\xc1" * 400, new_key(), RefusalCode.INVALID),
            (HERE, said("x" * 1_000), new_key(), RefusalCode.TOO_LARGE),
            (HERE, said("y" * 400), key, RefusalCode.KEY_REUSED),
            (HERE, TEXT, b"short", RefusalCode.INVALID),
        )
        assert (await post(raw, key=key)).code == 0
        for _ in range(A_DAY):
            for where, content, bad_key, code in refused:
                assert (await post(raw, where, content, bad_key)).code == code
        server.posting.reviewers = [forbid]
        assert (await post(raw)).code == RefusalCode.FORBIDDEN
        server.posting.reviewers = [later]
        held = new_key()
        assert (await post(raw, key=held)).code == RefusalCode.OVERLOADED
        server.posting.reviewers = []
        assert counted(server) == 1
        assert (await post(raw, key=held)).code == 0
        assert counted(server) == 2


async def test_a_post_that_went_with_its_session_does_not_count(tmp_path: Path) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(conversation_id: str, sender_id: str, content: Mapping[str, Any]) -> Refusal | None:
        asked.set()
        await go_on.wait()
        return None

    async with house(tmp_path) as (server, clock):
        server.posting.reviewers = [slow]
        async with eve_on(server) as raw:
            raw.request("post", HERE, new_key(), TEXT)
            await asked.wait()
            assert counted(server) == 1, "on its way it takes its room"
            [session] = server.listener.sessions
            server.listener.sessions.end(session, clock.monotonic())
        go_on.set()
        await server.posting.close()
        assert counted(server) == 0


async def test_what_is_longer_than_the_room_of_today_is_told_so_before_all_else_that_is_final(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as (server, _), eve_on(server) as raw:
        await use_up(raw)
        assert (await post(raw, content=b"\xc1" * 400)).code == RefusalCode.INVALID
        assert (await post(raw, content=said("x" * 1_000))).code == RefusalCode.TOO_LARGE


async def test_edits_count_as_posts_do(tmp_path: Path) -> None:
    async with house(tmp_path) as (server, _), eve_on(server) as raw:
        position = (await post(raw)).result[0]
        key = new_key()
        params = (HERE, key, position, None, said("y" * 400))
        first = await raw.ask("edit", *params)
        assert first.code == 0
        again = await raw.ask("edit", *params)
        assert again.result == [*first.result[:2], True]
        assert (await raw.ask("edit", HERE, new_key(), position, 7, TEXT)).code == RefusalCode.CONFLICT
        assert (await raw.ask("edit", HERE, new_key(), 1_000, None, TEXT)).code == RefusalCode.NOT_FOUND
        assert (await raw.ask("edit", HERE, new_key(), position, None, b"\xc1")).code == RefusalCode.INVALID
        server.posting.reviewers = [forbid]
        assert (await raw.ask("edit", HERE, new_key(), position, None, TEXT)).code == RefusalCode.FORBIDDEN
        server.posting.reviewers = []
        assert counted(server) == 2
        assert (await raw.ask("edit", HERE, new_key(), position, None, TEXT)).code == 0
        told = await raw.ask("edit", HERE, new_key(), position, None, TEXT)
        assert (told.code, told.result["quota"]) == (GONE_WITH_THE_DAY, "bytes_per_day")
        assert (await raw.ask("edit", *params)).result == [*first.result[:2], True], "it has happened"
        assert counted(server) == A_DAY
        server.posting.quotas.of("eve").bytes = IN_ALL * SIZE
        told = await raw.ask("edit", HERE, new_key(), position, None, TEXT)
        assert (told.code, told.result["quota"]) == (FINAL, "bytes_in_all")
        assert (await raw.ask("edit", *params)).result == [*first.result[:2], True]


async def test_many_at_once_do_not_pass_together(tmp_path: Path) -> None:
    """In one packet, from two devices, long or short, plain or not."""
    async with house(tmp_path) as (server, _), eve_on(server, "one") as one, eve_on(server, "two") as two:
        card = encode_content({"type": "text", "text": "x" * 380, "n": 1.5})
        seqs = [
            (raw, raw.request("post", f"direct/{name}/eve", new_key(), content))
            for raw, name in ((one, "alice"), (two, "bob"))
            for content in (TEXT, card, TEXT, card)
        ]
        codes = [(await raw.answer(seq)).code for raw, seq in seqs]
        assert codes.count(0) == A_DAY
        assert set(codes) == {0, GONE_WITH_THE_DAY, HELD}


async def test_a_day_outlives_the_session_and_the_server(tmp_path: Path) -> None:
    clock = NoonClock()
    async with house(tmp_path, clock) as (server, _):
        async with eve_on(server, "one") as raw:
            await use_up(raw, A_DAY - 1)
        async with eve_on(server, "two") as raw:
            await use_up(raw, 1)
            assert (await post(raw)).code == GONE_WITH_THE_DAY
    async with house(tmp_path, clock) as (server, _):
        assert await server.store.read(lambda reader: reader.used("eve")) == (
            "eve",
            A_DAY * SIZE,
            clock.now_ms() // DAY_MS,
            A_DAY * SIZE,
        )
        async with eve_on(server) as raw:
            assert (await post(raw)).code == GONE_WITH_THE_DAY, "from the first post on"


async def test_an_operator_sees_what_was_used_today_and_in_all(tmp_path: Path) -> None:
    clock = ManualClock(20_000 * DAY_MS)
    async with Server(config(tmp_path), clock=clock) as server:
        await server.chat.put_user(User("eve", "Eve"))
        for day, shown in ((19_999, 0), (20_000, 7), (20_001, 0)):
            await server.store.write(lambda tx, day=day: tx.put_used([Usage("eve", 9, day, 7)]))  # type: ignore[misc]
            assert (await server.administration.user("eve"))["used"] == {"bytes": 9, "day_bytes": shown}


async def test_plugins_and_the_program_around_are_not_limited_and_count_for_nobody(tmp_path: Path) -> None:
    async with house(tmp_path) as (server, _), eve_on(server) as raw:
        for _ in range(IN_ALL):
            await server.chat.post("eve", HERE, "x" * 400)
        said_so = await server.chat.post("eve", HERE, "x" * 400)
        await server.call(EDIT, "eve", EditParams(HERE, new_key(), said_so.position, None, TEXT))
        assert counted(server) == 0
        await use_up(raw)
        await server.chat.post("eve", HERE, "x" * 400)


async def test_what_a_feature_posts_for_somebody_is_that_persons(tmp_path: Path) -> None:
    async with house(tmp_path) as (server, _):
        host, content = server.features, {"type": "text", "text": "x" * 400}
        for number in range(A_DAY):
            for _ in range(2):  # again: the same post
                await host.post_as("eve", HERE, content, b"%016d" % number)
        assert counted(server) == A_DAY
        with pytest.raises(Refusal) as told:
            await host.post_as("eve", HERE, content, b"%016d" % A_DAY)
        assert told.value.code is GONE_WITH_THE_DAY
        assert await host.post_as("eve", HERE, content, b"%016d" % 0) == 1, "it has happened"
        with pytest.raises(Refusal):
            await host.post_as("alice", "direct/bob/eve", content, new_key())
        assert counted(server, "alice") == 0


async def test_nobody_else_notices_who_uses_up_his_day(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path, limits=LIMITS) as (server, neighbours), eve_on(server) as raw:
        group, _, _ = await server.chat.create_conversation("eve", Kind.GROUP, "all", ["ann", "ben"])
        await use_up(raw)
        seqs = [raw.request("post", group, new_key(), TEXT) for _ in range(100)]
        await neighbours.talk()
        codes = {(await raw.answer(seq)).code for seq in seqs}
        assert codes == {GONE_WITH_THE_DAY, HELD}
