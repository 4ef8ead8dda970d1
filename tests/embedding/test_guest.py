"""A server is a good guest: it leaves the process as it was, and two servers do not know of each other."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from imserver import Server, StartError
from imserver.model import User, direct_conversation_id
from imserver_client import connect
from tests.embedding.hosts import surroundings
from tests.support.servers import Inbox, config, people, running

BOTH = pytest.mark.asyncio(loop_factories=["uvloop", "asyncio"])
AB = direct_conversation_id("alice", "bob")
PLUGINS = {"ping": {}, "booking": {"chain": "demo"}}


@BOTH
async def test_it_leaves_everything_as_it_was(tmp_path: Path) -> None:
    before = surroundings()
    async with running(tmp_path, plugins=PLUGINS) as server, people(server) as enter:
        alice, bob = await enter("alice"), await enter("bob")
        heard = Inbox(bob)
        await alice.post(AB, "hello")
        await heard.text("hello")
        while_running = surroundings()
        await heard.close()
    after = surroundings()
    assert after == before
    for name in set(before) - {"threads", "tasks"}:
        assert while_running[name] == before[name], name


WITH_IMPORTS = """
import asyncio, pathlib, sys
sys.path[:0] = ["."]
from tests.embedding.hosts import surroundings

async def main():
    before = surroundings()
    from imserver import Server
    from tests.support.servers import config
    async with Server(config(pathlib.Path(sys.argv[1]), plugins={"ping": {}, "booking": {"chain": "demo"}})):
        pass
    after = surroundings()
    assert after == before, {name: (before[name], after[name]) for name in before if before[name] != after[name]}
    print("as it was")

asyncio.run(main())
"""


def test_importing_it_changes_nothing_either(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WITH_IMPORTS, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (ended.stdout, ended.stderr) == ("as it was\n", "")


@BOTH
async def test_a_start_that_fails_leaves_everything_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    async with running(tmp_path / "first") as server:
        before = surroundings()
        port = {"server": {"port": server.port}}
        for sections in (port, {"store": {"path": str(tmp_path / "nowhere" / "x.db")}}):
            with pytest.raises(StartError):
                await Server(config(tmp_path, **sections)).start()
        assert surroundings() == before
        async with running(tmp_path):  # nothing of the attempts is in the way
            pass


@BOTH
async def test_its_log_goes_where_the_host_sends_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO, "imserver"):
        async with running(tmp_path):
            pass
    assert {record.name for record in caplog.records if record.name.startswith("imserver")} == {"imserver"}
    assert "event=listening" in caplog.text
    assert capfd.readouterr() == ("", "")


@BOTH
async def test_two_servers_in_one_process_do_not_know_of_each_other(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    async with running(tmp_path / "two", plugins=PLUGINS) as two, people(two) as enter_two:
        there = await enter_two("bob", device="phone")
        heard_there = Inbox(there)
        async with running(tmp_path / "one", plugins=PLUGINS) as one, people(one) as enter_one:
            here = await enter_one("bob", device="phone")
            heard_here = Inbox(here)
            for server, text in ((one, "one"), (two, "two"), (one, "one again")):
                await server.chat.post("alice", AB, text)
            await heard_here.text("one again")
            await heard_there.text("two")
            assert (heard_here.texts, heard_there.texts) == (["one", "one again"], ["two"])
            for server in (one, two):
                assert b"imserver_connections 1.0" in server.metrics.render()
            await heard_here.close()
        await two.chat.post("alice", AB, "still here")
        await heard_there.text("still here")
        await heard_there.close()


def test_each_thread_may_have_its_own(tmp_path: Path) -> None:
    errors: list[BaseException] = []

    async def play(folder: Path, text: str) -> None:
        async with running(folder) as server, people(server) as enter:
            bob = await enter("bob")
            heard = Inbox(bob)
            for _ in range(20):
                await server.chat.post("alice", AB, text)
            await heard.until(20)
            assert set(heard.texts) == {text}
            await heard.close()

    def run(name: str) -> None:
        (tmp_path / name).mkdir()
        try:
            asyncio.run(play(tmp_path / name, name))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(50)
    assert not errors
    assert not any(thread.is_alive() for thread in threads)


@BOTH
async def test_one_after_another_on_the_same_database(tmp_path: Path) -> None:
    for number in range(5):
        async with running(tmp_path) as server:
            posted = await server.chat.post("alice", AB, f"{number}")
            assert posted.position == number + 1


@BOTH
async def test_a_host_that_makes_tokens_need_not_make_accounts(tmp_path: Path) -> None:
    async with Server(config(tmp_path)) as server:  # create_users is on
        url, token = f"imserver://127.0.0.1:{server.port}", server.accounts.make_token("new", ttl_s=60)
        async with connect(url, token=token, timeout=15) as client:
            await server.chat.put_user(User("host", "Host"))
            heard = Inbox(client)
            await server.chat.post("host", direct_conversation_id("host", "new"), "welcome")
            await heard.text("welcome")
            await heard.close()
