"""What follows messages from a place of its own, and tasks that nobody asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.errors import Refusal, RefusalCode
from imserver.feature_api import Services
from imserver.feature_host import follow
from imserver.model import User
from imserver.testing import LogBook
from tests.features.house import AB, INTERNAL, INVALID, OVERLOADED, code_of, house
from tests.features.trial import WAIT, Trial, WaitParams
from tests.limits.raw import Raw, new_key, said
from tests.support.servers import config


async def test_a_follower_gets_each_message_once_over_faults_and_restarts(tmp_path: Path) -> None:
    trial = Trial()

    async def counted(server: Server) -> list[str]:
        rows = await server.store.read(
            lambda reader: reader.feature_sql("trial", "SELECT text FROM trial_counted ORDER BY change")
        )
        return [text for (text,) in rows]

    async with Server(config(tmp_path)) as server:
        for name in ("alice", "bob"):
            await server.chat.put_user(User(name, name))
        await server.chat.post("alice", AB, "before the feature")
    log = LogBook()
    async with house(tmp_path, trial, log=log) as server:
        await server.features.idle()
        assert log.events("exception") == []
        for number in range(5):
            await server.chat.post("alice", AB, f"m{number}")
        await server.features.idle()
        assert await counted(server) == [f"m{number}" for number in range(5)]
    async with house(tmp_path, trial) as server:
        trial.fail_follow = 1
        await server.chat.post("alice", AB, "poison")
        await server.chat.post("alice", AB, "behind it")
        await server.features.idle()
        assert await counted(server) == [*(f"m{number}" for number in range(5)), "poison", "behind it"]


async def test_a_follower_finds_its_place_after_a_commit_that_it_did_not_hear_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "FIRST_PAUSE_S", 0.01)
    trial = Trial()
    async with house(tmp_path, trial) as server:
        await server.features.idle()
        write, failed = server.store.write, list[bool]()

        async def heard_nothing(work: Any) -> Any:
            result = await write(work)
            if not failed:
                failed.append(True)
                raise Refusal(RefusalCode.OVERLOADED, "it was committed, and nobody says so")
            return result

        monkeypatch.setattr(server.store, "write", heard_nothing)
        for text in ("one", "two"):
            await server.chat.post("alice", AB, text)
            async with asyncio.timeout(10):
                await server.features.idle()
        rows = await server.store.read(
            lambda reader: reader.feature_sql("trial", "SELECT text FROM trial_counted ORDER BY change")
        )
        assert [text for (text,) in rows] == ["one", "two"]
        assert failed


async def test_what_times_out_within_a_task_is_its_own_fault(tmp_path: Path) -> None:
    """And not its deadline: to come again would help nobody."""
    trial = Trial()

    async def late(services: Services) -> int:
        raise TimeoutError

    trial.wait = late
    async with house(tmp_path, trial) as server, await Raw.open(server) as raw:
        await raw.enter(server, "bob")
        assert (await raw.ask("x-wait", "a")).code == INTERNAL


async def test_what_is_posted_for_a_person_is_at_that_persons_rate(tmp_path: Path) -> None:
    trial = Trial()

    async def post(services: Services) -> int:
        content = {"type": "text", "text": "x"}
        return await services.post_as("alice", AB, content, key=new_key())

    trial.wait = post
    async with house(tmp_path, trial) as server:
        burst = server.config.limits.posts_burst
        assert server.posting.take_tokens("alice", burst - 1) == 0.0
        await server.call(WAIT, "bob", WaitParams("a"))
        assert await code_of(server.call(WAIT, "bob", WaitParams("a"))) is RefusalCode.RATE_LIMITED


async def test_a_task_has_a_deadline_and_may_post_as_a_person(tmp_path: Path) -> None:
    trial, key = Trial(), new_key()

    async def post(services: Services) -> int:
        return await services.post_as("alice", AB, {"type": "text", "text": "due"}, key=key)

    async def forever(services: Services) -> int:
        await asyncio.Event().wait()
        return 0

    async with house(tmp_path, trial) as server, await Raw.open(server) as raw:
        await raw.enter(server, "bob")
        trial.wait = post
        assert [(await raw.ask("x-wait", "a")).result for _ in range(2)] == [[1], [1]]
        trial.wait = forever
        assert (await raw.ask("x-wait", "a")).code == OVERLOADED
        assert await code_of(server.call(WAIT, "bob", WaitParams("a"))) is RefusalCode.OVERLOADED


async def test_a_content_type_is_checked_where_it_is_posted(tmp_path: Path) -> None:
    async with house(tmp_path, Trial()) as server, await Raw.open(server) as raw:
        await raw.enter(server, "alice")
        shout = {"type": "x-shout", "text": "HELLO"}
        await server.chat.post("alice", AB, shout)
        assert await code_of(server.chat.post("alice", AB, shout | {"text": "hello"})) is RefusalCode.INVALID
        quiet = b"\x82\xa4type\xa7x-shout\xa4text\xa5hello"
        assert (await raw.ask("post", AB, new_key(), quiet)).code == INVALID
        assert (await raw.ask("post", AB, new_key(), said("hello"))).code == 0
