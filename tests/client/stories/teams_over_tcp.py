"""An employee who comes, goes and comes back, at a real server: he has what is his to read, once, and nothing else stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from imserver import Server
from imserver.model import Kind
from imserver_client import (
    Client,
    ClientLimits,
    Environment,
    HistoryReplaced,
    MemoryStorage,
    PostSettled,
    PostsGone,
    RefusalCode,
    Refused,
    SqliteStorage,
    Storage,
    connect,
)
from imserver_client.storage import SavedPost
from imserver_protocol import encode_content
from tests.support.servers import running

SERVICES = 30
PATIENCE_S = 20
QUICK = Environment(uniform=lambda low, high: low)
AT_ONCE = ClientLimits(report_every_s=0.01)


class Shop:
    """Ann runs the staff group, Bob is in it; each service conversation has one customer."""

    def __init__(self, server: Server, stack: AsyncExitStack) -> None:
        self.server = server
        self.stack = stack
        self.staff = ""
        self.services: list[str] = []

    async def open(self) -> None:
        chat = self.server.chat
        self.staff, *_ = await chat.create_conversation("ann", Kind.GROUP, "staff", ["bob"])
        for number in range(SERVICES):
            made, *_ = await chat.create_conversation(
                "ann", Kind.GROUP, f"{number}", ["customer"], team=self.staff
            )
            self.services.append(made)
            await self.say(number, "first")

    async def say(self, number: int, text: str) -> None:
        await self.server.chat.post("customer", self.services[number], {"type": "text", "text": text})

    async def enter(
        self, name: str, store: Storage | None = None, limits: ClientLimits = AT_ONCE
    ) -> Employee:
        made = await connect(
            f"imserver://127.0.0.1:{self.server.port}",
            token=self.server.accounts.make_token(name, ttl_s=3600),
            device_id=f"{name}-phone",
            store=MemoryStorage() if store is None else store,
            environment=QUICK,
            limits=limits,
        )
        self.stack.push_async_callback(made.close, flush=False)
        return Employee(self, made)


async def soon(holds: Callable[[], bool]) -> None:
    """Wait until it holds, without being told: a store tells nobody, and forgets a moment after the client."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class Employee:
    """A client, and all that it is told."""

    def __init__(self, shop: Shop, client: Client) -> None:
        self.shop = shop
        self.client = client
        self.said: list[tuple[int, str]] = []
        self.events: list[Any] = []
        self._news = asyncio.Condition()
        self._tasks = [
            asyncio.ensure_future(self._read()),
            asyncio.ensure_future(self._hear(client.events())),
        ]

    async def _read(self) -> None:
        async for message in self.client.messages():
            async with self._news:
                if message.text:
                    self.said.append((self.shop.services.index(message.conversation_id), message.text))
                self._news.notify_all()

    async def _hear(self, events: Any) -> None:
        async for event in events:
            async with self._news:
                self.events.append(event)
                self._news.notify_all()

    async def until(self, holds: Callable[[], Any]) -> None:
        async with asyncio.timeout(PATIENCE_S), self._news:
            await self._news.wait_for(holds)

    async def has(self, count: int) -> None:
        await self.until(lambda: len(self.said) >= count)

    def follows(self) -> set[str]:
        return set(self.client._core.inbox)

    async def follows_only(self, names: set[str]) -> None:
        await soon(lambda: self.follows() == names)

    async def gone(self) -> None:
        await self.client.close(flush=False)
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with running(tmp_path, "ann bob customer") as server, AsyncExitStack() as stack:
        made = Shop(server, stack)
        await made.open()
        yield made


@pytest.mark.parametrize("online", [True, False], ids=["online", "off-line"])
async def test_who_is_removed_keeps_nothing_and_who_comes_back_goes_on(
    shop: Shop, tmp_path: Path, online: bool
) -> None:
    store = SqliteStorage(tmp_path / "bob.db")
    bob = await shop.enter("bob", store)
    assert bob.follows() == {shop.staff, *shop.services}
    await shop.say(3, "hello")
    await bob.until(lambda: bob.said == [(3, "hello")])
    if not online:
        await bob.gone()
    await shop.server.chat.remove_member("ann", shop.staff, "bob")
    await shop.say(3, "not for bob")
    if not online:
        bob = await shop.enter("bob", store)
    await bob.follows_only({shop.staff})
    await soon(lambda: set(store.places()) == {shop.staff})
    with pytest.raises(Refused) as refused:
        await bob.client.post(shop.services[3], "am I still here?")
    assert refused.value.code == RefusalCode.NOT_FOUND
    await shop.server.chat.add_member("ann", shop.staff, "bob")
    await bob.follows_only({shop.staff, *shop.services})
    await shop.say(3, "welcome back")
    await bob.until(lambda: (3, "welcome back") in bob.said)
    assert (3, "not for bob") not in bob.said
    assert (3, "first") not in bob.said
    assert not [one for one in bob.events if isinstance(one, (HistoryReplaced, PostsGone))]
    assert (await bob.client.post(shop.services[3], "thanks")).position == 6


async def test_what_waited_when_he_went_is_refused_and_he_is_told(shop: Shop) -> None:
    store = MemoryStorage()
    bob = await shop.enter("bob", store)
    await bob.gone()
    await shop.server.chat.remove_member("ann", shop.staff, "bob")
    bob = await shop.enter("bob", _with_post(store, shop.services[0]))
    await bob.until(lambda: any(isinstance(one, PostSettled) for one in bob.events))
    [told] = [one for one in bob.events if isinstance(one, PostSettled)]
    assert isinstance(told.error, Refused)
    assert (told.conversation_id, told.error.code) == (shop.services[0], RefusalCode.NOT_FOUND)
    assert bob.client.outbox() == []


def _with_post(store: MemoryStorage, conversation_id: str) -> MemoryStorage:
    content = encode_content({"type": "text", "text": "written on the train"})
    store.add_post(SavedPost(conversation_id, b"k" * 16, content))
    return store


async def test_of_many_conversations_a_few_are_followed_and_all_are_heard(shop: Shop) -> None:
    """The window at a real server: what was let go begins behind what was listed, whoever it was that went or came."""
    few = ClientLimits(report_every_s=0.01, max_conversations=20, sync_rows=9)
    store = MemoryStorage()
    bob = await shop.enter("bob", store, few)
    expected: list[tuple[int, str]] = []
    for turn in range(3):
        for number in range(SERVICES):
            await shop.say(number, f"{turn}")
            expected.append((number, f"{turn}"))
            if number % 7 == 0:
                await bob.has(len(expected))
                bob.client._core.want_sync()
                await bob.client.users(["ann"])
        await bob.has(len(expected))
        assert sorted(bob.said) == sorted(expected)
        await bob.gone()
        said = bob.said
        bob = await shop.enter("bob", store, few)
        bob.said = said
        assert len(bob.follows()) <= 20
    for number in range(SERVICES):
        heard = [text for at, text in bob.said if at == number]
        assert heard == ["0", "1", "2"], "once, and in order"


async def test_only_reading_is_reported_of_what_he_has_by_the_team(shop: Shop) -> None:
    bob = await shop.enter("bob")
    await shop.say(1, "hello")
    await bob.until(lambda: bob.said)
    await asyncio.sleep(0.1)
    assert (await bob.client.cursor(shop.services[1])).delivered == 0
    bob.client.mark_read(shop.services[1], 3)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if (await bob.client.cursor(shop.services[1])).read == 3:
                break
            await asyncio.sleep(0.01)


async def test_a_team_is_named_where_a_group_is_made(shop: Shop) -> None:
    ann, bob = await shop.enter("ann"), await shop.enter("bob")
    made = await ann.client.create_group("service", ["customer"], team=shop.staff)
    assert made in {one.conversation_id for one in (await bob.client.conversations()).conversations}
    rows = {one.conversation_id: one.team for one in (await bob.client.conversations()).conversations}
    assert rows[made] == shop.staff
    with pytest.raises(Refused) as refused:
        await bob.client.create_group("mine", team=shop.staff)
    assert refused.value.code == RefusalCode.FORBIDDEN
