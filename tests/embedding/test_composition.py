"""Every setting reaches the part that it is meant for: limits, reviews, clock, plugins, figures."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.errors import PluginError, Refusal, RefusalCode, StartError
from imserver.model import Kind, User
from imserver.net.listener import Listener
from imserver.plugin_api import Content, Context
from imserver.testing import LogBook
from tests.limits.raw import Raw, eventually, new_key, said
from tests.plugins.bench import Bench, made_with
from tests.plugins.ledger import Ledger
from tests.support.servers import config, running

AB = "direct/alice/bob"
FORBIDDEN, DRAINING = 602, 100


async def people(server: Server, *names: str) -> None:
    for name in names:
        await server.chat.put_user(User(name, name.title()))


async def test_what_a_plugin_reviews_is_reviewed_by_whatever_door_it_comes(tmp_path: Path) -> None:
    async def review(conversation_id: str, sender_id: str, content: Content) -> Refusal | None:
        return Refusal(RefusalCode.FORBIDDEN, "mind your words") if "bad" in content["text"] else None

    reviewing = made_with(lambda context: context.review(review))()
    async with Server(config(tmp_path), plugins=[reviewing], log=LogBook()) as server:
        await people(server, "alice", "bob")
        async with await Raw.open(server) as raw:
            await raw.enter(server, "alice")
            assert (await raw.ask("post", AB, new_key(), said("bad"))).code == FORBIDDEN
            assert (await raw.ask("post", AB, new_key(), said("good"))).result[0] == 1
        with pytest.raises(Refusal, match="mind your words"):
            await server.chat.post("bob", AB, "bad")


async def test_a_bot_may_say_no_more_than_anybody(tmp_path: Path) -> None:
    bench = Bench()
    limits = {"max_content_bytes": 100}
    async with Server(config(tmp_path, limits=limits), plugins=[bench], log=LogBook()) as server:
        await people(server, "alice")

        def post(text: str) -> Callable[[Any], int]:
            return lambda tx: tx.post("direct/alice/bot", {"type": "text", "text": text})

        assert await bench.context.transaction(post("x" * 50)) == 1
        with pytest.raises(PluginError, match="at most 100 bytes"):
            await bench.context.transaction(post("x" * 100))
        with pytest.raises(Refusal):
            await server.chat.post("alice", "direct/alice/bot", "x" * 100)


async def test_a_group_has_a_greatest_number_of_members_made_or_added(tmp_path: Path) -> None:
    async with running(tmp_path, "alice bob cy dee", limits={"max_group_members": 3}) as server:
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "three", ["bob"])
        await server.chat.add_member("alice", group, "cy")
        for act in (
            lambda: server.chat.add_member("alice", group, "dee"),
            lambda: server.chat.create_conversation("alice", Kind.GROUP, "four", ["bob", "cy", "dee"]),
        ):
            with pytest.raises(Refusal) as refused:
                await act()
            assert (refused.value.code, refused.value.detail) == (RefusalCode.TOO_LARGE, 3)
        await server.chat.remove_member("alice", group, "cy")
        await server.chat.add_member("alice", group, "dee")


@pytest.mark.parametrize(
    ("start_ms", "rate"), [(4_000_000_000_000, 1.0), (0, 1000.0), (4_000_000_000_000, 1000.0), (0, 1.0)]
)
async def test_the_clock_begins_and_runs_as_it_was_told(tmp_path: Path, start_ms: int, rate: float) -> None:
    begun_ms = start_ms or time.time_ns() // 1_000_000
    server = Server(config(tmp_path, clock={"start_ms": start_ms, "rate": rate}))
    first = server.clock.now_ms()
    assert 0 <= first - begun_ms < 60_000 * max(1.0, rate)
    before = server.clock.monotonic()
    await eventually(lambda: server.clock.monotonic() - before >= 0.02)
    passed_s = server.clock.monotonic() - before
    ran_ms = server.clock.now_ms() - first
    assert ran_ms >= passed_s * 1000 * rate - 2
    assert rate > 1 or ran_ms <= (server.clock.monotonic() - before) * 1000 + 2


async def test_a_plugin_answers_what_was_asked_before_the_drain_and_is_stopped(tmp_path: Path) -> None:
    """Its handler is under way when the drain begins: its answer is stored, and told to who still listens."""
    ledger = Ledger()
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        await go_on.wait()

    ledger.meddle = lambda kind, step: wait() if step == "before" else None
    server = Server(config(tmp_path), plugins=[ledger], log=LogBook())
    async with server:
        await people(server, "alice")
        async with await Raw.open(server) as raw:
            await raw.enter(server, "alice")
            assert (await raw.ask("post", "direct/alice/clerk", new_key(), said("/note x"))).result[0] == 1
            await reached.wait()
            stopping = asyncio.create_task(server.stop())
            await eventually(lambda: server.posting.draining)
            go_on.set()
            assert (await raw.goodbye()).code == DRAINING
            assert [push[6] for push in raw.pushes] == [said("note: x")]
            await stopping
        assert (ledger.stopped, server.decided) == (True, True)


async def test_a_start_that_fails_stops_the_plugins_that_were_started(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        (tmp_path / "second").mkdir()
        ledger = Ledger()
        taken = {"server": {"port": server.port}}
        with pytest.raises(StartError, match="cannot listen"):
            await Server(config(tmp_path / "second", **taken), plugins=[ledger], log=LogBook()).start()
        assert ledger.stopped


@pytest.mark.parametrize("was_stored", [False, True])
async def test_a_database_outlives_a_failed_start_if_somebody_may_have_been_told_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, was_stored: bool
) -> None:
    server = Server(config(tmp_path), log=LogBook())

    async def open_for_a_moment(listener: Any) -> None:
        if was_stored:
            await people(server, "alice")
        raise StartError("cannot listen")

    monkeypatch.setattr(Listener, "start", open_for_a_moment)
    with pytest.raises(StartError, match="cannot listen"):
        await server.start()
    assert os.path.exists(server.config.store.path) is was_stored  # noqa: ASYNC240


async def test_plugins_do_not_wait_for_a_store_that_has_failed(tmp_path: Path, caplog: Any) -> None:
    ledger = Ledger()
    server = Server(config(tmp_path), plugins=[ledger], log=LogBook())
    async with server:
        waiting = asyncio.Event()
        ledger.meddle = lambda kind, step: waiting.wait() if step == "before" else None
        await people(server, "alice")
        await server.chat.post("alice", "direct/alice/clerk", "/note x")
        await eventually(lambda: ledger.calls == ["x"])
        server._store_failed(RuntimeError("the disk is gone"))
        assert server.plugin_host._running[0].worker.handling.stopping.is_set()
        waiting.set()
        assert "the disk is gone" in str(await server.failed())


async def test_what_a_plugin_has_done_stands_in_the_figures(tmp_path: Path) -> None:
    async def fail(call: Any) -> None:
        raise RuntimeError("no")

    async def ask(call: Any) -> str:
        return "yes"

    def setup(context: Context) -> None:
        context.command("fail", fail)
        context.command("ask", ask)

    bench = made_with(setup)()
    async with Server(config(tmp_path), plugins=[bench], log=LogBook()) as server:
        await people(server, "alice")
        for text in ("/ask", "/ask", "/fail", "/ask"):
            await server.chat.post("alice", "direct/alice/bot", text)
        await server.plugin_host.idle()
        page = server.metrics.render().decode()
        assert 'imserver_plugins_handled_total{plugin="bench"} 3.0' in page
        assert 'imserver_plugins_failed_total{plugin="bench"} 1.0' in page
        assert 'imserver_plugins_waiting{plugin="bench"} 0.0' in page
