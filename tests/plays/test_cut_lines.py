"""Lines that are cut, most of all in mid-frame: posts arrive once and in order without any act of their authors."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from imserver import Server
from imserver.proof.fault_proxy import FaultProxy, Faults
from imserver_client import (
    Client,
    ConnectionChanged,
    Environment,
    EventStream,
    State,
    connect,
    direct_conversation_id,
)
from tests.limits.raw import eventually
from tests.support.servers import Inbox, running

BOTH = pytest.mark.asyncio(loop_factories=["uvloop", "asyncio"])
AB = direct_conversation_id("alice", "bob")
FAST = {"posts_per_second": 1e6, "posts_burst": 10**6}
#: Clients that come back at once: the cuts are what is tested here, not their patience.
IMPATIENT = Environment(uniform=lambda low, high: min(high, 0.05))


@asynccontextmanager
async def over(proxy: FaultProxy, server: Server, name: str) -> AsyncIterator[Client]:
    token = server.accounts.make_token(name, ttl_s=3600)
    url = f"imserver://127.0.0.1:{proxy.port}"
    async with connect(url, token=token, device_id=f"{name}-1", timeout=20, environment=IMPATIENT) as client:
        yield client


async def returns(events: EventStream) -> ConnectionChanged:
    """The next time that the client is connected again."""
    async with asyncio.timeout(30):
        async for event in events:
            if isinstance(event, ConnectionChanged) and event.state is State.CONNECTED:
                return event
    raise AssertionError("the events ended")


@BOTH
@pytest.mark.parametrize("seed", range(3))
async def test_whatever_the_byte_at_which_it_is_cut(tmp_path: Path, seed: int) -> None:
    """Both directions are cut at bytes of chance, in both people's lines, while both talk."""
    rng = random.Random(seed)
    async with (
        running(tmp_path, limits=FAST) as server,
        FaultProxy("127.0.0.1", server.port) as proxy,
        over(proxy, server, "alice") as alice,
        over(proxy, server, "bob") as bob,
    ):
        boxes = [Inbox(client) for client in (alice, bob)]
        events = alice.events()
        talk = [
            asyncio.create_task(client.post(AB, f"{client.user_id} {n} " + "x" * rng.randrange(600)))
            for n in range(120)
            for client in (alice, bob)
        ]
        resumed = 0
        for _ in range(8):
            up, down = (rng.randrange(1, 9000), -1) if rng.random() < 0.5 else (-1, rng.randrange(1, 9000))
            proxy.apply(
                Faults(slice_bytes=rng.choice((0, 7, 500)), cut_after_bytes_up=up, cut_after_bytes_down=down)
            )
            cut = proxy.cuts
            talk += [
                asyncio.create_task(client.post(AB, f"more {len(talk)} {client.user_id}"))
                for client in (alice, bob)
            ]
            while proxy.cuts == cut and not all(post.done() for post in talk):
                await asyncio.wait(talk, return_when=asyncio.FIRST_COMPLETED, timeout=0.05)
            if proxy.cuts == cut:
                proxy.cut()
            resumed += (await returns(events)).resumed
        proxy.apply(Faults())
        posted = await asyncio.gather(*talk)
        assert sorted(each.position for each in posted) == list(range(1, len(talk) + 1))
        for box in boxes:
            messages = await box.until(len(talk), 40)
            assert [message.position for message in messages] == list(range(1, len(talk) + 1))
            assert len({message.key for message in box.messages}) == len(box.messages) == len(talk)
            await box.close()
        for name in ("alice", "bob"):  # each in the order of saying
            own = [m.text.split()[1] for m in boxes[0].messages if m.text.startswith(f"{name} ")]
            assert own == [f"{n}" for n in range(120)]
        assert proxy.cuts >= 8
        assert resumed, "a session outlives its connection"


@BOTH
async def test_a_frame_cut_in_the_middle_goes_on_in_the_same_session(tmp_path: Path) -> None:
    async with (
        running(tmp_path) as server,
        FaultProxy("127.0.0.1", server.port) as proxy,
        over(proxy, server, "alice") as alice,
        over(proxy, server, "bob") as bob,
    ):
        heard, events = Inbox(bob), alice.events()
        proxy.apply(Faults(cut_after_bytes_up=2000))
        posted = await alice.post(AB, "x" * 5000)
        assert proxy.mid_chunk_cuts == 1
        assert (await returns(events)).resumed
        assert posted.position == 1
        assert (await heard.until(1))[0].text == "x" * 5000
        welcomed = server.listener.admission.counts["welcomed"]
        assert welcomed == 2, "no fresh session was needed"
        await heard.close()


@BOTH
async def test_a_reply_cut_in_the_middle_is_no_second_message(tmp_path: Path) -> None:
    async with (
        running(tmp_path) as server,
        FaultProxy("127.0.0.1", server.port) as proxy,
        over(proxy, server, "alice") as alice,
    ):
        for number in range(10):
            proxy.apply(Faults(cut_after_bytes_down=number))
            posted = await alice.post(AB, f"{number}")
            assert posted.position == number + 1
        page = await alice.history(AB)
        assert [(item.content or {})["text"] for item in page.items] == [f"{n}" for n in range(10)]
        assert proxy.mid_chunk_cuts >= 10


@BOTH
async def test_bytes_one_by_one_change_nothing(tmp_path: Path) -> None:
    async with (
        running(tmp_path) as server,
        FaultProxy("127.0.0.1", server.port) as proxy,
        over(proxy, server, "alice") as alice,
        over(proxy, server, "bob") as bob,
    ):
        heard = Inbox(bob)
        proxy.apply(Faults(slice_bytes=1))
        await asyncio.gather(*(alice.post(AB, f"{n}") for n in range(20)))
        await heard.until(20)
        assert heard.texts == [f"{n}" for n in range(20)]
        assert (proxy.cuts, server.listener.admission.counts["resumed"]) == (0, 0)
        await heard.close()


@BOTH
async def test_after_a_long_cut_the_client_catches_up_by_reading(tmp_path: Path) -> None:
    """Its session is gone by then: a fresh one, and not a message less."""
    limits = FAST | {"detached_s": 0.05}
    async with (
        running(tmp_path, limits=limits) as server,
        FaultProxy("127.0.0.1", server.port) as proxy,
        over(proxy, server, "bob") as bob,
    ):
        heard, events = Inbox(bob), bob.events()
        await server.chat.post("alice", AB, "0")
        await heard.until(1)
        proxy.accepting = False
        proxy.cut()
        await asyncio.gather(*(server.chat.post("alice", AB, f"{n}") for n in range(1, 400)))
        await eventually(lambda: len(server.listener.sessions) == 0)
        proxy.accepting = True
        assert not (await returns(events)).resumed
        await heard.until(400, 40)
        assert heard.texts == [f"{n}" for n in range(400)]
        await heard.close()
