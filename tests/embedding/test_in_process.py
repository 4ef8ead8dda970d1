"""Calls in the same process, beside TCP clients: what each side says reaches the other, whatever the host does."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from imserver import Refusal, RefusalCode, Server
from imserver.content import decode_content
from imserver.events import MessagePosted
from imserver.model import direct_conversation_id
from imserver_client import connect
from tests.support.servers import Inbox, config, people, running

BOTH = pytest.mark.asyncio(loop_factories=["uvloop", "asyncio"])
AB = direct_conversation_id("alice", "bob")


def text_of(event: MessagePosted) -> str:
    assert event.message.content is not None
    return str(decode_content(event.message.content)["text"])


def stored(folder: Path) -> list[tuple[int, str]]:
    """Position and text of all messages; positions have no gap."""
    with sqlite3.connect(folder / "chat.db") as rows:
        found = rows.execute("SELECT position, content FROM messages ORDER BY position").fetchall()
    rows.close()
    assert [position for position, _ in found] == list(range(1, len(found) + 1))
    return [(position, str(decode_content(content)["text"])) for position, content in found]


@BOTH
async def test_a_post_in_process_reaches_a_client_and_a_handler_sees_what_clients_post(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as server, people(server) as enter:
        seen: list[tuple[str, int, str]] = []
        arrived = asyncio.Event()

        def see(event: MessagePosted) -> None:
            seen.append((event.message.sender_id, event.message.position, text_of(event)))
            arrived.set()

        end = server.chat.subscribe(see)
        bob = await enter("bob")
        heard = Inbox(bob)
        posted = await server.chat.post("alice", AB, "from the host")
        assert (posted.position, posted.duplicate) == (1, False)
        assert (await heard.text("from the host")).position == 1
        arrived.clear()
        await bob.post(AB, "from the client")
        await asyncio.wait_for(arrived.wait(), 20)
        assert seen == [("alice", 1, "from the host"), ("bob", 2, "from the client")]
        end()
        end()  # ending twice is harmless
        await bob.post(AB, "unheard")
        assert len(seen) == 2
        page = await server.chat.history("alice", AB)
        assert [decode_content(item.content or b"")["text"] for item in page.items][-1] == "unheard"
        await heard.close()


@BOTH
async def test_a_handler_may_answer(tmp_path: Path) -> None:
    async with running(tmp_path) as server, people(server) as enter, asyncio.TaskGroup() as group:

        def answer(event: MessagePosted) -> None:
            if event.message.sender_id == "bob":
                group.create_task(server.chat.post("alice", AB, f"you said: {text_of(event)}"))

        end = server.chat.subscribe(answer)
        bob = await enter("bob")
        heard = Inbox(bob)
        await bob.post(AB, "hello")
        await heard.text("you said: hello")
        end()
        await heard.close()


@BOTH
async def test_a_handler_that_fails_disturbs_nobody(tmp_path: Path) -> None:
    async with running(tmp_path) as server, people(server) as enter:
        tried: list[int] = []
        seen: list[int] = []

        def fail(event: MessagePosted) -> None:
            tried.append(event.message.position)
            raise RuntimeError("a bug of the host")

        server.chat.subscribe(fail)
        server.chat.subscribe(lambda event: seen.append(event.message.position))
        bob = await enter("bob")
        heard = Inbox(bob)
        await asyncio.gather(*(server.chat.post("alice", AB, f"{n}") for n in range(50)))
        await heard.until(50)
        assert tried == seen == list(range(1, 51))
        await heard.close()


@BOTH
async def test_the_same_key_is_the_same_message_in_process_too(tmp_path: Path) -> None:
    async with running(tmp_path) as server:
        first = await server.chat.post("alice", AB, "once", key=b"k" * 16)
        again = await server.chat.post("alice", AB, "once", key=b"k" * 16)
        assert (again.position, again.duplicate) == (first.position, True)
        with pytest.raises(Refusal) as refused:
            await server.chat.post("alice", AB, "another", key=b"k" * 16)
        assert refused.value.code is RefusalCode.KEY_REUSED
        for sender, where in (("alice", "direct/alice/nobody"), ("eve", AB)):
            with pytest.raises(Refusal) as refused:
                await server.chat.post(sender, where, "x")
            assert refused.value.code is RefusalCode.NOT_FOUND


@BOTH
@pytest.mark.parametrize("seed", range(4))
async def test_cancelling_who_posts_loses_nothing_and_the_server_goes_on(tmp_path: Path, seed: int) -> None:
    """Each post that was cancelled is stored and pushed, or neither; each that was answered is both."""
    rng = random.Random(seed)
    async with running(tmp_path) as server, people(server) as enter:
        heard = Inbox(await enter("bob"))
        answered: list[str] = []

        async def host(name: int) -> None:
            for number in range(1000):
                text = f"{name}-{number}"
                await server.chat.post("alice", AB, text)
                answered.append(text)

        for name in range(10):
            task = asyncio.create_task(host(name))
            for _ in range(rng.randrange(1, 60)):
                await asyncio.sleep(0)  # a turn of the loop: somewhere between queue, commit and answer
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled()
        last = await server.chat.post("alice", AB, "the end")
        await heard.text("the end")
        rows = stored(tmp_path)
        assert rows == [(m.position, m.text) for m in heard.messages]
        assert rows[-1] == (last.position, "the end")
        assert set(answered) <= {text for _, text in rows}
        await heard.close()


@BOTH
@pytest.mark.parametrize("turns", [0, 1, 2, 5, 13, 40])
async def test_cancelling_the_host_in_mid_post_stops_the_server_in_good_order(
    tmp_path: Path, turns: int
) -> None:
    answered: list[str] = []
    servers: list[Server] = []
    inside, listening = asyncio.Event(), asyncio.Event()

    async def host() -> None:
        async with running(tmp_path) as server:
            servers.append(server)
            inside.set()
            await listening.wait()

            async def post(text: str) -> None:
                await server.chat.post("alice", AB, text)
                answered.append(text)

            for number in range(1000):
                await asyncio.gather(*(post(f"{number}-{part}") for part in range(10)))

    task = asyncio.create_task(host())
    await asyncio.wait_for(inside.wait(), 20)
    port, token = servers[0].port, servers[0].accounts.make_token("bob", ttl_s=60)
    async with connect(f"imserver://127.0.0.1:{port}", token=token, device_id="phone", timeout=15) as bob:
        heard = Inbox(bob)
        listening.set()
        await heard.until(20)
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        rows = stored(tmp_path)
        assert set(answered) <= {text for _, text in rows}
        # The same database goes on in another server of this process; the client finds it again.
        async with Server(config(tmp_path, server={"port": port})) as again:
            last = await again.chat.post("alice", AB, "the end")
            assert last.position == len(rows) + 1
            await heard.text("the end", 40)
        assert [(m.position, m.text) for m in heard.messages] == [*rows, (last.position, "the end")]
        await heard.close()


@BOTH
async def test_cancelling_while_it_stops_still_closes_everything(tmp_path: Path) -> None:
    server = Server(config(tmp_path))
    await server.start()
    stops: Sequence[asyncio.Task[None]] = [asyncio.create_task(server.stop()) for _ in range(2)]
    await asyncio.sleep(0)
    stops[0].cancel()
    await asyncio.gather(*stops, return_exceptions=True)
    assert (stops[0].cancelled(), stops[1].cancelled()) == (True, False)
    async with Server(config(tmp_path)):  # closed: its lock is free
        pass
    with pytest.raises(Refusal):
        await server.chat.post("alice", AB, "too late")


@BOTH
async def test_leaving_by_an_exception_stops_it_and_lets_the_exception_through(tmp_path: Path) -> None:
    async def host() -> None:
        async with running(tmp_path) as server:
            await server.chat.post("alice", AB, "before")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await host()
    assert stored(tmp_path) == [(1, "before")]
    async with running(tmp_path):
        pass
