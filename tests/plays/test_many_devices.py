"""Devices that are away, slow or many: all of them end up with the same conversation, once and in order."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from imserver_client import Client, ClientLimits, SqliteStorage, direct_conversation_id
from tests.support.servers import Inbox, people, running

AB = direct_conversation_id("alice", "bob")
FAST = {"posts_per_second": 1e6, "posts_burst": 10**6}
SMALL = FAST | {"window_frames": 8, "window_bytes": 16_384}


def numbers(box: Inbox) -> list[int]:
    return [int(text.split()[0]) for text in box.texts]


async def say(client: Client, where: str, numbers: range, padding: str = "") -> None:
    await asyncio.gather(*(client.post(where, f"{n} {padding}") for n in numbers))


async def test_a_device_that_was_away_for_500_messages_catches_up(tmp_path: Path) -> None:
    store = tmp_path / "phone.db"
    async with running(tmp_path, limits=FAST) as server, people(server) as enter:
        alice, desk = await enter("alice"), await enter("bob", device="desk")
        at_desk = Inbox(desk)
        phone = await enter("bob", device="phone", store=SqliteStorage(store))
        on_phone = Inbox(phone)
        await say(alice, AB, range(10))
        await on_phone.until(10)
        await on_phone.close()
        await phone.close()
        await say(alice, AB, range(10, 510))
        await desk.post(AB, "510 from the desk")
        phone = await enter("bob", device="phone", store=SqliteStorage(store))
        later = Inbox(phone)
        await say(alice, AB, range(511, 520))  # live messages while it reads
        await later.until(510, 40)
        await at_desk.until(520, 40)
        fresh = [m for m in later.messages if not m.redelivered]
        assert [int(m.text.split()[0]) for m in fresh] == list(range(10, 520))
        assert numbers(at_desk) == list(range(520))
        assert {m.position for m in later.messages if m.redelivered} <= {10}, "at most the unfinished one"
        for box in (later, at_desk):
            await box.close()


@pytest.mark.parametrize("batch", [40, 400])
async def test_a_client_that_lags_is_told_and_catches_up(tmp_path: Path, batch: int) -> None:
    """Its windows are so small that pushes stop again and again; what was not pushed is read."""
    async with running(tmp_path, limits=SMALL) as server, people(server) as enter:
        alice, bob = await enter("alice"), await enter("bob", device="phone")
        heard = Inbox(bob)
        session = server.listener.sessions.of_device("bob", "phone")
        assert session is not None
        lagged = 0
        for start in range(0, 1200, batch):
            await asyncio.gather(
                *(server.chat.post("alice", AB, f"{n} " + "x" * 900) for n in range(start, start + batch))
            )
            lagged += session.stream.lagging
        assert lagged
        await heard.until(1200, 50)
        assert numbers(heard) == list(range(1200))
        await alice.post(AB, "1200 live again")
        await heard.until(1201)
        await heard.close()


async def test_an_application_that_does_not_read_is_not_drowned_and_misses_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, limits=FAST) as server, people(server) as enter:
        bob = await enter("bob", limits=ClientLimits(max_queued_messages=50))
        await asyncio.gather(*(server.chat.post("alice", AB, f"{n}") for n in range(900)))
        assert (await bob.post(AB, "900 mine")).position == 901, "replies pass by what nobody reads"
        heard = Inbox(bob)
        await heard.until(901, 40)
        assert numbers(heard) == list(range(901))
        await heard.close()


async def test_a_group_of_50_hears_50_of_its_members(tmp_path: Path) -> None:
    names = [f"m{n}" for n in range(50)]
    async with running(tmp_path, users=" ".join(names), limits=FAST) as server, people(server) as enter:
        clients = await asyncio.gather(*(enter(name) for name in names))
        boxes = [Inbox(client) for client in clients]
        group = await clients[0].create_group("All of us", names[1:])
        await asyncio.gather(
            *(say(client, group, range(n * 10, n * 10 + 4)) for n, client in enumerate(clients))
        )
        first = await boxes[0].until(201, 50)
        order = [(m.position, m.sender_id, m.text) for m in first]
        assert [position for position, _, _ in order] == list(range(1, 202))
        for n, box in enumerate(boxes):
            assert [(m.position, m.sender_id, m.text) for m in await box.until(201, 50)] == order
            own = [m.text.strip() for m in box.messages if m.own and m.text]
            assert own == [f"{number}" for number in range(n * 10, n * 10 + 4)]
        members = await clients[49].members(group)
        assert len(members) == 50
        for box in boxes:
            await box.close()


async def test_two_devices_of_one_user_write_at_once(tmp_path: Path) -> None:
    async with running(tmp_path, limits=FAST) as server, people(server) as enter:
        phone, desk = await enter("alice", device="phone"), await enter("alice", device="desk")
        bob = await enter("bob")
        boxes = [Inbox(client) for client in (phone, desk, bob)]
        await asyncio.gather(say(phone, AB, range(100)), say(desk, AB, range(100, 200)))
        orders = [[(m.position, m.text) for m in await box.until(200, 40)] for box in boxes]
        assert orders[0] == orders[1] == orders[2]
        for own in (range(100), range(100, 200)):
            assert [n for n in numbers(boxes[2]) if n in own] == list(own), "each device's own order"
        for box in boxes:
            await box.close()


async def test_reading_on_one_device_shows_on_the_other(tmp_path: Path) -> None:
    async with running(tmp_path, limits=FAST) as server, people(server) as enter:
        phone, desk = await enter("bob", device="phone"), await enter("bob", device="desk")
        alice = await enter("alice")
        for number in range(5):
            await alice.post(AB, f"{number}")
        assert (await desk.conversations()).conversations[0].unread == 5
        await phone.cursor(AB, read=5)
        await phone.cursor(AB, read=2)  # never back
        assert (await desk.conversations()).conversations[0].unread == 0
        assert (await desk.cursor(AB)).read == 5
