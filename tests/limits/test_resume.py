"""Sessions that are resumed, stolen, taken over, or come too late: no data reaches another, none is lost or doubled."""

from __future__ import annotations

import asyncio
import dataclasses
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from tests.limits.raw import GOODBYE, REQUEST, SIGNAL, Ended, Raw, eventually, neighbourhood, new_key, said
from tests.support.clocks import LeapingClock
from tests.support.servers import config, running

REPLACED = 201
HERE = "direct/alice/eve"


def detached(server: Server) -> int:
    return server.listener.sessions.detached_count


async def test_a_cut_between_post_and_reply_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as (server, _):
        async with await Raw.open(server) as raw:
            welcome = await raw.enter(server, "eve")
            for n in range(10):
                raw.request("post", HERE, new_key(), said(f"{n}"))
            await raw.answer(4)  # of the others the client knows nothing
            for n in range(3):
                await server.chat.post("alice", HERE, f"alice {n}")
            received, sent = raw.received, raw.seq
        await eventually(lambda: detached(server) == 1)
        async with await Raw.open(server) as raw:
            resumed = await raw.enter(server, "eve", resume=(welcome.session_id, welcome.token), ack=received)
            assert (resumed.resumed, resumed.ack) == (True, sent)
            raw.seq = sent
            for seq in range(5, 11):  # seq of replies and pushes goes on without a gap: `Raw` looks at each
                assert (await raw.answer(seq)).result[0] == seq
            assert [push[2] for push in await raw.push(3)] == [11, 12, 13]
            assert (await raw.ask("history", HERE)).result[3] == 13


async def test_a_stolen_resume_token_opens_nothing(tmp_path: Path) -> None:
    async with (
        neighbourhood(tmp_path) as (server, _),
        await Raw.open(server) as owner,
        await Raw.open(server) as thief,
        await Raw.open(server) as other,
    ):
        welcome = await owner.enter(server, "eve", "phone")
        stolen = welcome.session_id, welcome.token
        await server.chat.post("alice", HERE, "secret")
        for raw, name, device in ((thief, "bob", "phone"), (other, "eve", "desk")):
            fresh = await raw.enter(server, name, device, resume=stolen)
            assert not fresh.resumed
            assert fresh.session_id != welcome.session_id
            assert fresh.reason == "unknown session"
        assert thief.pushes == []
        assert [push[6] for push in await owner.push()] == [said("secret")]
        assert (await owner.ask("sync", None)).code == 0
        assert (await thief.ask("history", HERE)).code == 603


@pytest.mark.parametrize("what", ["token", "session", "ack"])
async def test_a_resume_that_does_not_fit_gives_a_fresh_session_and_the_same_reason(
    tmp_path: Path, what: str
) -> None:
    async with neighbourhood(tmp_path) as (server, _):
        async with await Raw.open(server) as raw:
            welcome = await raw.enter(server, "eve")
        await eventually(lambda: detached(server) == 1)
        resume = (
            "nobody's" if what == "session" else welcome.session_id,
            b"wrong" if what == "token" else welcome.token,
        )
        async with await Raw.open(server) as raw:
            fresh = await raw.enter(server, "eve", resume=resume, ack=7 if what == "ack" else 0)
            assert not fresh.resumed
            assert fresh.reason == ("ack out of range" if what == "ack" else "unknown session")
            assert (await raw.ask("post", HERE, new_key(), said("x"))).result[0] == 1


async def test_take_over_ends_the_old_connection_and_what_it_still_says(tmp_path: Path) -> None:
    async with (
        neighbourhood(tmp_path) as (server, _),
        await Raw.open(server) as old,
        await Raw.open(server) as new,
    ):
        welcome = await old.enter(server, "eve")
        assert (await old.ask("post", HERE, new_key(), said("old"))).result[0] == 1
        new.hello(
            server.accounts.make_token("eve", ttl_s=60),
            resume=(welcome.session_id, welcome.token),
            ack=old.received,
        )
        assert (await new.welcome()).resumed
        old.request("post", HERE, new_key(), said("late"))
        assert (await old.goodbye()).code == REPLACED
        new.seq = 1
        assert (await new.ask("post", HERE, new_key(), said("new"))).result[0] == 2
        page = (await new.ask("history", HERE)).result
        assert [item[4] for item in page[0]] == [said("old"), said("new")]


async def test_of_two_that_resume_at_once_one_goes_on(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as (server, _):
        async with await Raw.open(server) as raw:
            welcome = await raw.enter(server, "eve")
        await eventually(lambda: detached(server) == 1)
        await server.chat.post("alice", HERE, "while away")
        async with await Raw.open(server) as one, await Raw.open(server) as two:
            tokens = [server.accounts.make_token("eve", ttl_s=60) for _ in range(2)]
            for raw, token in zip((one, two), tokens, strict=True):
                raw.hello(token, resume=(welcome.session_id, welcome.token))
            # Both are let in or turned away before either says a word: its first frame would use the token up.
            first = {raw: await raw.frame() for raw in (one, two)}
            alive = [raw for raw in (one, two) if await outcome(raw, first[raw]) == "alive"]
            assert len(alive) == 1
            assert [push[6] for push in await alive[0].push()] == [said("while away")]
            assert (await alive[0].ask("post", HERE, new_key(), said("x"))).result[0] == 2


async def outcome(raw: Raw, frame: Any) -> str:
    """Says a frame after WELCOME, and sees whether it is answered."""
    try:
        if frame[0] != GOODBYE:
            raw.send(REQUEST, 1, raw.received, "users", [["eve"]])
            await raw.answer(1)
            raw.seq = 1
            return "alive"
    except (Ended, ConnectionError):
        pass
    assert raw.end is not None
    assert raw.end.code == REPLACED
    return "replaced"


@pytest.mark.parametrize("resuming", [False, True])
async def test_a_hello_that_comes_late_does_not_throw_out_the_newer_connection(
    tmp_path: Path, resuming: bool
) -> None:
    async with neighbourhood(tmp_path) as (server, _), await Raw.open(server) as first:
        welcome = await first.enter(server, "eve")
        async with await Raw.open(server) as late:
            await eventually(lambda: len(server.listener.admission.transports) == 4)
            async with await Raw.open(server) as newer:
                again = await newer.enter(server, "eve", resume=(welcome.session_id, welcome.token))
                assert again.resumed
                token = server.accounts.make_token("eve", ttl_s=60)
                late.hello(token, resume=(welcome.session_id, welcome.token) if resuming else None)
                assert (await late.goodbye()).code == REPLACED
                assert (await newer.ask("sync", None)).code == 0


async def test_a_fresh_hello_of_a_device_ends_its_older_session(tmp_path: Path) -> None:
    async with (
        neighbourhood(tmp_path) as (server, _),
        await Raw.open(server) as old,
        await Raw.open(server) as new,
    ):
        welcome = await old.enter(server, "eve")
        assert not (await new.enter(server, "eve")).resumed
        assert (await old.goodbye()).code == REPLACED
        async with await Raw.open(server) as again:
            resumed = await again.enter(server, "eve", resume=(welcome.session_id, welcome.token))
            assert not resumed.resumed


async def test_a_lost_welcome_is_no_loss(tmp_path: Path) -> None:
    """The token before stays good until the client has shown that it has the newer one."""
    async with neighbourhood(tmp_path) as (server, _):
        async with await Raw.open(server) as raw:
            welcome = await raw.enter(server, "eve")
        held, newest = (welcome.session_id, welcome.token), welcome
        for _ in range(3):
            await eventually(lambda: detached(server) == 1)
            async with await Raw.open(server) as raw:
                newest = await raw.enter(server, "eve", resume=held)
                assert newest.resumed
        await eventually(lambda: detached(server) == 1)
        async with await Raw.open(server) as raw:
            await raw.enter(server, "eve", resume=(newest.session_id, newest.token))
            assert (await raw.ask("sync", None)).code == 0
        await eventually(lambda: detached(server) == 1)
        async with await Raw.open(server) as raw:
            assert not (await raw.enter(server, "eve", resume=held)).resumed, "used up by now"


async def test_a_detached_session_is_forgotten_in_time(tmp_path: Path) -> None:
    clock = LeapingClock()
    settings = config(tmp_path, limits={"detached_s": 30.0})
    async with Server(settings, clock=clock) as server:
        async with await Raw.open(server) as raw:
            welcome = await raw.enter(server, "eve")
        await eventually(lambda: detached(server) == 1)
        clock.leap_s = 29.0
        async with await Raw.open(server) as raw:
            again = await raw.enter(server, "eve", resume=(welcome.session_id, welcome.token))
            assert again.resumed
        await eventually(lambda: detached(server) == 1)
        clock.leap_s = 60.0
        await eventually(lambda: len(server.listener.sessions) == 0)
        assert list(server.hub.outlets_of("eve")) == []
        async with await Raw.open(server) as raw:
            late = await raw.enter(server, "eve", resume=(again.session_id, again.token))
            assert (late.resumed, late.reason) == (False, "unknown session")


async def test_a_session_that_is_detached_lags_instead_of_growing(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as (server, _):
        async with await Raw.open(server) as raw:
            welcome = await raw.enter(server, "eve")
        await eventually(lambda: detached(server) == 1)
        await asyncio.gather(*(server.chat.post("alice", HERE, "x" * 30_000) for _ in range(300)))
        device = server.listener.sessions.of_device("eve", "raw")
        assert device is not None
        assert device.stream.lagging
        assert device.stream.memory_bytes < 2 * 1024 * 1024
        async with await Raw.open(server) as raw:
            resumed = await raw.enter(server, "eve", resume=(welcome.session_id, welcome.token))
            assert resumed.resumed
            while (await raw.frame())[3] != "lagging":
                raw.ack()


async def test_a_socket_that_nobody_reads_is_gone_at_once_when_its_session_is_resumed(tmp_path: Path) -> None:
    """Each would keep two windows for as long as a GOODBYE may take, and a peer could resume again and again."""

    def patient(server: Server) -> None:
        limits = server.listener.protocol_limits
        server.listener.attachments.protocol_limits = dataclasses.replace(limits, close_timeout_s=1000.0)

    limits = {"window_bytes": 8 * 1024 * 1024, "window_frames": 2000}
    async with (
        neighbourhood(tmp_path, limits=limits, adjust=patient) as (server, neighbours),
        AsyncExitStack() as stack,
    ):
        old = await stack.enter_async_context(await Raw.open(server))
        welcome = await old.enter(server, "eve")
        for _ in range(4):
            await asyncio.gather(*(server.chat.post("alice", HERE, "x" * 30_000) for _ in range(64)))
        [device] = [found for found in server.listener.sessions if found.user_id == "eve"]
        for _ in range(3):
            link: Any = device.transport
            await eventually(lambda link=link: link._unwritable_since is not None)  # type: ignore[misc]
            raw = await stack.enter_async_context(await Raw.open(server))
            raw.hello(server.accounts.make_token("eve", ttl_s=60), resume=(welcome.session_id, welcome.token))
            welcome = await raw.welcome()
            assert welcome.resumed
            await eventually(lambda: len(server.listener.admission.transports) == 3)
        await neighbours.talk()


async def test_goodbye_is_heard_by_who_goes_on_sending(tmp_path: Path) -> None:
    """A socket closed over bytes that nobody read is reset, and what was written last is lost."""
    async with neighbourhood(tmp_path) as (server, _), await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        raw.send(31, 0, 0)
        for _ in range(200):
            raw.send(REQUEST, 1, 0, "users", ["x" * 30_000])
        assert (await raw.goodbye()).code == 210


async def test_no_goodbye_before_welcome_ends_the_session_that_hello_offered(tmp_path: Path) -> None:
    """SPEC, "When the session cannot be resumed": whatever was wrong with the attempt, the session may be offered again."""
    async with running(tmp_path) as server:
        good = server.accounts.make_token("alice", ttl_s=3600, device_id="phone")
        async with await Raw.open(server) as raw:
            raw.hello(good, "phone")
            held = await raw.welcome()
        offered = (held.session_id, held.token)
        spoiled: list[tuple[int, dict[str, Any]]] = [
            (202, {"versions": (7, 9)}),
            (210, {"versions": "1"}),
            (300, {"token": "rubbish"}),
        ]
        for code, how in spoiled:
            async with await Raw.open(server) as raw:
                raw.hello(how.pop("token", good), "phone", resume=offered, **how)
                assert (await raw.goodbye()).code == code
        async with await Raw.open(server) as raw:
            raw.hello(good, "phone", resume=offered)
            raw.send(SIGNAL, 0, 0, "typing", "direct/alice/bob")  # too early
            assert (await raw.goodbye()).code == 212
        async with await Raw.open(server) as raw:
            raw.hello(good, "phone", resume=offered)
            assert (await raw.welcome()).resumed
