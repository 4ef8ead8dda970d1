"""`check` and places over a connection: what a client of before a restart, or of before a restore, is told."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.clock import SystemClock
from imserver.model import Kind, User
from imserver.net import listener
from imserver.net.clock_watch import ClockWatch
from imserver.testing import LogBook, ManualClock
from imserver_protocol.shared.bounds import MAX_CHECKED
from tests.limits.raw import Raw, eventually, new_key, said
from tests.support.servers import config, running

EPOCH_CHANGED, OVERLOADED, TOO_LARGE = 608, 401, 606
PAIR = "direct/alice/bob"


@asynccontextmanager
async def entered(folder: Path, **more: Any) -> AsyncIterator[tuple[Server, Raw]]:
    async with running(folder, **more) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        yield server, raw


async def posts(raw: Raw, *texts: str) -> None:
    for text in texts:
        assert (await raw.ask("post", PAIR, new_key(), said(text))).code == 0


async def test_the_place_of_welcome_is_good_for_check_and_for_sync(tmp_path: Path) -> None:
    async with entered(tmp_path) as (_, raw):
        place = raw.place
        await posts(raw, "1", "2")
        rows, since, _ = (await raw.ask("sync")).result
        for known in (place, since):
            answer = await raw.ask(
                "check", [[PAIR, known, 2, 0], ["group/none", known, 1, 0], [PAIR, "", 2, 0]]
            )
            assert answer.result == [[[2, True, rows[0]], None, [0, True, rows[0]]]]
        assert [row[0] for row in (await raw.ask("sync", place)).result[0]] == [PAIR]
        assert (await raw.ask("check", [])).result == [[]]


async def test_a_resumed_session_is_told_a_place_too(tmp_path: Path) -> None:
    async with entered(tmp_path) as (server, raw):
        welcome = await raw_resumes(server, raw)
        assert welcome.resumed
        assert welcome.place != raw.place
        async with await Raw.open(server) as other:
            await other.enter(server, "alice", "other")
            await posts(other, "1")
            assert (await other.ask("check", [[PAIR, welcome.place, 1, 0]])).result[0][0][0] == 1


async def raw_resumes(server: Server, raw: Raw) -> Any:
    async with await Raw.open(server) as first:
        welcome = await first.enter(server, "bob")
    async with await Raw.open(server) as again:
        return await again.enter(server, "bob", resume=(welcome.session_id, welcome.token))


async def test_an_older_folder_comes_back_between_two_sessions(tmp_path: Path) -> None:
    """With the file beside it, so that nothing on the server tells; and it has grown since."""
    folder, older = tmp_path / "data", tmp_path / "older"
    folder.mkdir()
    async with entered(folder) as (_, raw):
        await posts(raw, "1", "2", "3")
    shutil.copytree(folder, older)
    async with entered(folder) as (server, raw):
        epoch, place = server.store.epoch, raw.place
        await posts(raw, "4", "5")
        since = (await raw.ask("sync")).result[1]
    async with entered(folder) as (_, raw):
        assert (await raw.ask("check", [[PAIR, place, 5, 0]])).result[0][0][0] == 5
        assert (await raw.ask("sync", since)).code == 0
    shutil.rmtree(folder)
    older.rename(folder)
    async with entered(folder) as (server, raw):
        assert server.store.epoch == epoch
        await posts(raw, *"abcdefgh")
        answers = (await raw.ask("check", [[PAIR, each, 5, 0] for each in (place, since)])).result[0]
        assert [(agreed, good, row[3]) for agreed, good, row in answers] == [(3, True, 11)] * 2
        assert (await raw.ask("sync", since)).code == EPOCH_CHANGED
        assert b"imserver_witnesses 1" in server.metrics.render()


async def test_as_many_are_answered_as_have_room_and_in_order(tmp_path: Path) -> None:
    async with entered(tmp_path, limits={"max_frame_bytes": 40_000, "max_content_bytes": 4096}) as (
        server,
        raw,
    ):
        made = [
            await server.chat.create_conversation("alice", Kind.GROUP, "𠀀" * 200, ["bob"]) for _ in range(50)
        ]
        wanted = [place for place, _, _ in made]
        found: list[str] = []
        while len(found) < len(wanted):
            asked = [[place, raw.place, 1, 0] for place in wanted[len(found) :]]
            answers = (await raw.ask("check", asked)).result[0]
            assert 0 < len(answers) < 24
            found += [row[0] for _, _, row in answers]
        assert found == wanted
        # What is not found takes no room.
        nothing = [["c", raw.place, 1, 0]] * 20
        assert (await raw.ask("check", nothing)).result == [[None] * 20]


async def test_the_first_is_answered_however_long_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page is half a frame: here less than the cursors of a group's members take, which no configuration may say."""
    monkeypatch.setattr("imserver.server.check_config", lambda config: None)
    names = [f"{number:02}{'x' * 60}" for number in range(48)]
    small = {"max_frame_bytes": 6_000, "max_content_bytes": 1_000}
    async with entered(tmp_path, users=" ".join(["alice", "bob", *names]), limits=small) as (server, raw):
        groups = [
            (await server.chat.create_conversation("alice", Kind.GROUP, "g", names))[0] for _ in range(2)
        ]
        answers = (await raw.ask("check", [[group, raw.place, 1, 0] for group in groups])).result[0]
        assert [row[0] for _, _, row in answers] == groups[:1]
        assert len(answers[0][2][10]) == len(names)


async def test_a_hundred_may_be_asked_for_and_no_more(tmp_path: Path) -> None:
    async with entered(tmp_path) as (_, raw):
        for count, code in ((MAX_CHECKED, 0), (MAX_CHECKED + 1, TOO_LARGE)):
            answer = await raw.ask("check", [["c", "", 1, 0]] * count)
            assert answer.code == code
            assert answer.result == (MAX_CHECKED if code else [[None] * count])


# -- clocks -----------------------------------------------------------------------------------------------------------


def test_clocks_part_where_one_is_set_and_not_where_both_go_on() -> None:
    clock = ManualClock()
    watch = ClockWatch(clock)
    clock.advance(10**7)
    for by_ms, parted in ((9_000, False), (900, False), (200, True), (-100_000, True)):
        clock.jump_to(clock.now_ms() + by_ms)
        assert watch.parted() is parted
    watch.begin_anew()
    assert not watch.parted()
    clock.jump_to(clock.now_ms() - 10_001)
    assert watch.parted()


async def test_a_clock_that_was_made_to_run_fast_is_not_one_that_was_set(tmp_path: Path) -> None:
    log = LogBook()
    settings = config(tmp_path, clock={"start_ms": 1_800_000_000_000, "rate": 60.0})
    async with Server(settings, log=log):
        await asyncio.sleep(1.5)  # two looks, and a minute and a half by its clock
    assert "clocks_parted" not in log.events()


class Shifted(SystemClock):
    """The machine's clock, which somebody sets."""

    by_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.by_ms


async def test_a_machine_that_was_reverted_with_its_memory_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock is corrected: all sessions end once, and the next ones are of another life, and stay."""
    monkeypatch.setattr(listener, "SWEEP_INTERVAL_S", 0.05)
    clock, log = Shifted(), LogBook()
    server = Server(config(tmp_path), clock=clock, log=log)
    async with server, await Raw.open(server) as raw:
        for name in ("alice", "bob"):
            await server.chat.put_user(User(name, name))
        welcome = await raw.enter(server, "alice")
        await posts(raw, "1")
        clock.by_ms = 3_600_000
        assert (await raw.goodbye()).code == OVERLOADED
        assert log.events("warning") == ["clocks_parted"]
        await eventually(lambda: len(server.listener.sessions) == 0)
        async with await Raw.open(server) as again:
            other = await again.enter(server, "alice", resume=(welcome.session_id, welcome.token))
            assert (other.resumed, other.reason) == (False, "unknown session")
            await posts(again, "2")
            known = [[PAIR, welcome.place, 2, 0], [PAIR, other.place, 2, 0]]
            answers = (await again.ask("check", known)).result[0]
            assert [agreed for agreed, _, _ in answers] == [1, 2]
            await asyncio.sleep(0.3)  # a few more looks at the clocks
            assert (await again.ask("sync")).code == 0
        assert log.events("warning") == ["clocks_parted"]


async def test_a_life_that_a_fault_of_ours_kept_from_beginning_is_logged_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "SWEEP_INTERVAL_S", 0.05)
    clock, log = Shifted(), LogBook()
    server = Server(config(tmp_path), clock=clock, log=log)
    async with server, await Raw.open(server) as raw:
        await server.chat.put_user(User("alice", "alice"))
        await raw.enter(server, "alice")
        begin = server.store.begin_life

        async def fails(why: str) -> None:
            server.store.begin_life = begin  # type: ignore[method-assign]
            raise RuntimeError("a fault of ours")

        server.store.begin_life = fails  # type: ignore[method-assign,assignment]
        clock.by_ms = 3_600_000
        assert (await raw.goodbye()).code == OVERLOADED
        async with asyncio.timeout(10):
            while log.events("warning") != ["clocks_parted", "clocks_parted"]:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        assert log.events("exception") == ["life_not_begun"]


async def test_nobody_is_there_while_a_life_begins(tmp_path: Path) -> None:
    """Sessions of before end before its row is written: a message that is committed together with the row, and pushed to them,
    would stand behind the end of the life that their places name. Until the row is there, places name the old mark."""
    async with entered(tmp_path) as (server, raw):
        await server.chat.put_user(User("bob", "bob"))
        begin, slow = server.store.begin_life, asyncio.Event()

        async def slowly(why: str) -> None:
            await slow.wait()
            await begin(why)

        server.store.begin_life = slowly  # type: ignore[method-assign,assignment]
        beginning = asyncio.create_task(server.listener.attachments.begin_life("the clocks parted"))
        assert (await raw.goodbye()).code == OVERLOADED
        async with await Raw.open(server) as late, await Raw.open(server) as later:
            late.hello(server.accounts.make_token("bob", ttl_s=3600))
            assert (await late.goodbye()).code == OVERLOADED
            assert not list(server.listener.sessions)
            slow.set()
            await beginning
            await later.enter(server, "bob")
            assert (await later.ask("sync")).code == 0
