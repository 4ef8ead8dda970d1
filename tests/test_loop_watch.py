"""What holds the loop of a server is found: a plugin's handler, its review, a transaction of its own are not let off."""

from __future__ import annotations

import asyncio
import gc
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from imserver import Server
from imserver.plugin_api import Context, MessagePosted, Migration
from tests.support.loop_watch import BEAT_S, MAX_TURN_S, LoopHeld, LoopWatch
from tests.support.servers import config, people

WITH_THE_BOT = "direct/alice/careless"
#: Above the bound by more than the watch cannot tell apart, and by so much that its thread gets a processor beside other tests.
TOO_LONG_S = MAX_TURN_S + 2 * BEAT_S + 0.3


def compute_for(seconds: float) -> None:
    """Without an await, as a careless loop does."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


class NoConfig(msgspec.Struct):
    """It has none."""


class Careless:
    """A plugin that computes in its handler, or in its review."""

    name = "careless"
    config_type = NoConfig
    migrations: tuple[Migration, ...] = ()

    def __init__(self, where: str) -> None:
        self.where = where
        self.heard = asyncio.Event()

    async def start(self, context: Context) -> None:
        await context.ensure_bot("careless", "Careless")
        context.on(MessagePosted, self.hear)
        context.review(self.judge)

    async def stop(self) -> None:
        """Nothing to end."""

    async def hear(self, event: MessagePosted) -> None:
        if self.where == "handler":
            compute_for(TOO_LONG_S)
        self.heard.set()

    async def judge(self, *_: Any) -> None:
        if self.where == "review":
            compute_for(TOO_LONG_S)


async def say_something(folder: Path, plugin: Careless) -> None:
    async with Server(config(folder), plugins=[plugin]) as server, people(server) as enter:
        alice = await enter("alice")
        await alice.post(WITH_THE_BOT, "hello")
        await plugin.heard.wait()


@pytest.mark.parametrize("where", ["handler", "review"])
async def test_a_plugin_that_holds_the_loop_is_found_by_name(tmp_path: Path, where: str) -> None:
    with pytest.raises(LoopHeld, match=r"held for 0\.[2-9]\d s") as found, LoopWatch():
        await say_something(tmp_path, Careless(where))
    assert "compute_for" in str(found.value), "where it stood"
    assert "in hear" in str(found.value) if where == "handler" else "in judge" in str(found.value)


async def test_a_plugin_that_does_not_is_not(tmp_path: Path) -> None:
    with LoopWatch() as watch:
        await say_something(tmp_path, Careless(""))
    assert 0 < watch.longest_s < MAX_TURN_S


async def test_many_short_turns_are_no_long_one() -> None:
    with LoopWatch(0.05):
        for _ in range(60):
            compute_for(0.005)
            await asyncio.sleep(0)


async def test_a_busy_machine_is_nobodys_fault() -> None:
    """The loop's thread gets no processor for a while: that is not its own time."""
    with LoopWatch(0.05) as watch:
        time.sleep(0.3)  # noqa: ASYNC251  the machine gives the processor to others
    assert watch.longest_s < 0.05


async def test_the_collector_is_not_counted() -> None:
    kept = [[] for _ in range(400_000)]  # type: ignore[var-annotated]
    with LoopWatch() as watch:
        begun_s = time.thread_time()
        gc.collect()
        gc.collect()
        took_s = time.thread_time() - begun_s
    assert watch.longest_s < max(MAX_TURN_S, took_s) / 2
    del kept


async def test_the_fault_of_the_test_itself_is_the_one_that_is_told() -> None:
    def at_fault() -> None:
        compute_for(0.2)
        raise ValueError("the test's own")

    with pytest.raises(ValueError, match="the test's own"), LoopWatch(0.01):
        at_fault()
