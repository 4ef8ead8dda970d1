"""Frames that no honest client sends: each has its close code, and other clients are not affected."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from imserver import Server
from tests.limits.bad_frames import AUTH_TIMEOUT, BAD_STATE, FIRST, LATER, MALFORMED, hello
from tests.limits.raw import (
    GOODBYE,
    REQUEST,
    Raw,
    framed,
    neighbourhood,
    packed,
    said,
)


async def test_what_is_wrong_before_welcome(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as (server, neighbours):
        for what, (data, code) in FIRST.items():
            async with await Raw.open(server) as raw:
                raw.send_bytes(data)
                assert (await raw.goodbye()).code == code, what
        await neighbours.talk()


async def test_what_is_wrong_after_welcome(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as (server, neighbours):
        for number, (what, (data, code)) in enumerate(LATER.items()):
            async with await Raw.open(server) as raw:
                welcome = await raw.enter(server, "eve", f"device {number}")
                assert (await raw.ask("sync", None)).code == 0
                raw.send_bytes(data)
                assert (await raw.goodbye()).code == code, what
            async with await Raw.open(server) as raw:  # a violation ends the session, too
                again = await raw.enter(
                    server, "eve", f"device {number}", resume=(welcome.session_id, welcome.token)
                )
                assert not again.resumed, what
                raw.send(GOODBYE, 0, 0, 200, "", 0)
                await raw.flushed()
        await neighbours.talk()


async def test_what_came_before_the_fault_is_still_done_and_nothing_after_it(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as (server, _):
        async with await Raw.open(server) as raw:
            await raw.enter(server, "eve")
            here = "direct/alice/eve"
            raw.send_bytes(
                packed(REQUEST, 1, 0, "post", [here, b"1" * 16, said("before")])
                + framed(b"\xc1")
                + packed(REQUEST, 2, 0, "post", [here, b"2" * 16, said("after")])
            )
            assert (await raw.goodbye()).code == MALFORMED
        async with await Raw.open(server) as raw:
            await raw.enter(server, "eve")
            items = (await raw.ask("history", here)).result[0]
            assert [item[4] for item in items] == [said("before")]


async def test_who_says_nothing_is_sent_away(tmp_path: Path) -> None:
    def impatient(server: Server) -> None:
        limits = server.listener.protocol_limits
        server.listener.attachments.protocol_limits = dataclasses.replace(limits, hello_timeout_s=0.2)

    async with (
        neighbourhood(tmp_path, adjust=impatient) as (server, _),
        await Raw.open(server) as silent,
        await Raw.open(server) as slow,
    ):
        slow.send_bytes(hello()[:-1])  # a HELLO that is never whole
        assert (await silent.goodbye()).code == AUTH_TIMEOUT
        assert (await slow.goodbye()).code == AUTH_TIMEOUT


async def test_a_client_that_leaves_in_the_middle_of_a_frame_is_no_fault(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as (server, _):
        async with await Raw.open(server) as raw:
            welcome = await raw.enter(server, "eve")
            raw.send_bytes(packed(REQUEST, 1, 0, "sync", [None])[:-3])
            await raw.flushed()
        async with await Raw.open(server) as raw:
            resumed = await raw.enter(server, "eve", resume=(welcome.session_id, welcome.token))
            assert (resumed.resumed, resumed.ack) == (True, 0)
            assert (await raw.ask("sync", None)).code == 0


async def test_who_does_not_wait_for_welcome_is_sent_away(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as (server, _), await Raw.open(server) as raw:
        raw.hello(server.accounts.make_token("eve", ttl_s=3600))
        raw.request("sync", None)  # in the same segment
        assert (await raw.goodbye()).code == BAD_STATE
