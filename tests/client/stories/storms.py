"""Everything at once, from a seed: cuts, lost sessions, lost WELCOMEs, refusals, lagging, kills; then a check."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from imserver_client import ClientLimits, Environment, MemoryStorage, RefusalCode, connect
from imserver_protocol import Limits, decode_content
from tests.client.support.fake_server import FakeServer

POSTS = 60
KILLS = 3


class Writer:
    """A user with a store, who posts, reads, and is killed now and then."""

    def __init__(self, server: FakeServer, name: str, dice: random.Random) -> None:
        self.server = server
        self.name = name
        self.dice = dice
        self.store = MemoryStorage()
        self.posted: dict[str, list[str]] = {"c": [], "d": []}
        self.seen: dict[str, list[tuple[int, bool]]] = {"c": [], "d": []}
        self.number = 0
        self.news = asyncio.Event()

    async def live(self, kills: int) -> None:
        for _ in range(kills):
            await self.one_process(self.dice.randrange(5, 30))
        await self.one_process(None)

    async def one_process(self, upto: int | None) -> None:
        environment = Environment(uniform=lambda low, high: 0.0)
        limits = ClientLimits(max_queued_messages=7, page_items=5, sync_rows=1)
        client = await connect(
            self.server.url, token=self.name, store=self.store, environment=environment, limits=limits
        )
        reading = asyncio.create_task(self.read(client))
        posting = asyncio.create_task(self.post(client, upto))
        await posting
        if upto is None:
            total = 2 * POSTS
            chat = self.server.chat
            await self.server.until(lambda: sum(one.head for one in chat.conversations.values()) == total)
            while not all(self.last(name) == chat.conversations[name].head for name in "cd"):
                self.news.clear()
                await self.news.wait()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await (client.close() if upto is None else client.abort())

    def last(self, name: str) -> int:
        return max((position for position, _ in self.seen[name]), default=0)

    async def post(self, client, upto: int | None) -> None:
        tasks: list[asyncio.Task[object]] = []
        while self.number < POSTS and (upto is None or len(tasks) < upto):
            name = self.dice.choice("cd")
            text = f"{self.name} {self.number}"
            self.number += 1
            self.posted[name].append(text)
            tasks.append(asyncio.create_task(client.post(name, text)))
            if self.dice.random() < 0.3:
                await asyncio.sleep(0)
        if upto is None:
            await asyncio.gather(*tasks)
        else:
            await asyncio.sleep(0)  # all of them are in the outbox now
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def read(self, client) -> None:
        async for message in client.messages():
            self.seen[message.conversation_id].append((message.position, message.redelivered))
            self.news.set()
            if self.dice.random() < 0.2:
                await asyncio.sleep(0)


def restart(server: FakeServer) -> None:
    """Of the server's process, as its clients see it."""
    server.forget_sessions()
    server.cut()


def make_trouble(server: FakeServer, dice: random.Random) -> None:
    """The server misbehaves on every tenth request or so."""
    held: dict[tuple[object, str], bytes] = {}

    def script(peer, request):
        luck = dice.random()
        loop = asyncio.get_running_loop()
        if luck < 0.02:
            loop.call_soon(peer.cut)
        elif luck < 0.03:
            loop.call_soon(restart, server)
        elif luck < 0.035:
            server.drop_welcomes += 1
            loop.call_soon(peer.cut)
        if request.method == "post":
            lane = (peer.connection.session, request.params[0])
            key = request.params[1]
            if held.get(lane) == key:
                del held[lane]
            if lane in held:
                server.refuse(peer, request, RefusalCode.HELD)
                return True
            if dice.random() < 0.05:
                held[lane] = key
                server.refuse(peer, request, RefusalCode.OVERLOADED)
                return True
            if dice.random() < 0.03:
                server.chat.commit(request.params[0], peer.connection.session.user_id, *request.params[1:])
                restart(server)  # committed; neither reply nor push
                return True
        return False

    server.script = script


async def storm(seed: int, check: Callable[[FakeServer, list[Writer]], None]) -> None:
    dice = random.Random(seed)
    async with FakeServer(Limits(window_frames=8, max_requests=16)) as server:
        for name in "cd":
            server.chat.conversation(name, "alice", "bob")
        make_trouble(server, dice)
        writers = [Writer(server, "alice", dice), Writer(server, "bob", dice)]
        # First use of each store: from here on everything must be seen.
        for writer in writers:
            client = await connect(server.url, token=writer.name, store=writer.store)
            await client.abort()
        await asyncio.gather(*(writer.live(kills=KILLS) for writer in writers))
        check(server, writers)


def posted_once(server: FakeServer, writers: list[Writer]) -> None:
    """Each post is stored once, in order, through kills and lost sessions."""
    for name in "cd":
        texts = [
            decode_content(one.content or b"")["text"] for one in server.chat.conversations[name].messages
        ]
        for writer in writers:
            assert [text for text in texts if text.startswith(writer.name)] == writer.posted[name]
