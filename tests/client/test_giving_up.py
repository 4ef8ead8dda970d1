"""Giving up a post that was answered before: one outcome, whatever came between the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from imserver_client import Abandoned, ClientLimits, MemoryStorage
from imserver_client.core.backoff import Backoff
from imserver_client.core.lineage import Lineage
from imserver_client.core.posting import Posting
from imserver_client.core.requests import SessionLost
from imserver_client.storage import SavedPost
from imserver_protocol.methods.abandon import ABANDON, AbandonResult
from imserver_protocol.methods.post import POST

KEY = b"k" * 16


class Server:
    """The requests of a client, answered one by one by the test."""

    def __init__(self) -> None:
        self.room_for_posts = True
        self.limits = None
        self.posts: asyncio.Queue[Callable[[Any], None]] = asyncio.Queue()
        self.asked: asyncio.Queue[asyncio.Future[Any]] = asyncio.Queue()

    def send(self, method: str, params: Any, on_answer: Callable[[Any], None]) -> bool:
        assert method == POST.name
        self.posts.put_nowait(on_answer)
        return True

    async def call(self, method: Any, params: Any, *, patient: bool = True) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if method is ABANDON:
            self.asked.put_nowait(answer)
        else:  # the page that tells when it was stored
            answer.set_result(SimpleNamespace(items=[]))
        return await answer

    async def stores(self, position: int) -> None:
        """The next post is answered so."""
        (await self.posts.get())(stored(position))


def stored(position: int) -> Any:
    """An answer to `post`."""
    return SimpleNamespace(result=[position, 0, False])


def posting_of(server: Server, store: MemoryStorage) -> Posting:
    """One process of a client."""
    owner: Any = SimpleNamespace(
        may_offer=True,
        own_message=lambda *_: None,
        note_head=lambda *_: None,
        announce=lambda event: None,
        monotonic=lambda: 0.0,
        key=lambda: bytes(16),
    )
    lineage, made = Lineage(), cast("Any", server)
    saved = store.open()
    lineage.restore(saved.trails, saved.own, saved.notices)
    return Posting(owner, made, store, lineage, ClientLimits(), lambda: Backoff(lambda low, high: low, 1.0))


@pytest.mark.parametrize("answered", ["before the call", "during the call"])
async def test_what_is_given_up_and_offered_again_is_not_said_to_be_given_up(answered: str) -> None:
    async with asyncio.timeout(10):
        await play(answered)


async def play(answered: str) -> None:
    server = Server()
    posting = posting_of(server, MemoryStorage())
    post = asyncio.create_task(posting.post("c", "hello", KEY))
    if answered == "before the call":
        await server.stores(1)
        await post
        giving_up = asyncio.create_task(posting.abandon("c", KEY))
    else:
        answer = await server.posts.get()
        giving_up = asyncio.create_task(posting.abandon("c", KEY))
        await asyncio.sleep(0)  # the call begins
        answer(stored(1))
    assert (await post).position == 1
    # The session ends before `abandon` is answered; the next one is with an older copy, which has no such post.
    (await server.asked.get()).set_exception(SessionLost())
    posting.session_lost()
    again = await server.asked.get()
    posting.offer_again([SavedPost("c", KEY, b"\x80")])
    posting.offer()
    again.set_result(AbandonResult(None))
    await server.stores(2)
    (await server.asked.get()).set_result(AbandonResult(2))
    posted = await giving_up
    assert posted is not None
    assert posted.position == 2


@pytest.mark.parametrize("process", ["the same process", "a later process"])
async def test_what_was_answered_and_is_posted_again_is_not_given_up_unasked(process: str) -> None:
    async with asyncio.timeout(10):
        server, store = Server(), MemoryStorage()
        posting = posting_of(server, store)
        post = asyncio.create_task(posting.post("c", "hello", KEY))
        await server.stores(1)
        await post
        if process == "a later process":
            posting = posting_of(server, store)
        server.room_for_posts = False
        again = asyncio.create_task(posting.post("c", "hello", KEY))
        await asyncio.sleep(0)  # it is in the outbox, and not sent yet
        giving_up = asyncio.create_task(posting.abandon("c", KEY))
        await asyncio.sleep(0)
        server.room_for_posts = True
        posting.offer()
        await server.stores(1)
        assert (await again).position == 1
        (await server.asked.get()).set_result(AbandonResult(1))
        posted = await giving_up
        assert posted is not None
        assert posted.position == 1


async def test_what_was_never_sent_is_given_up_at_once() -> None:
    async with asyncio.timeout(10):
        server = Server()
        server.room_for_posts = False
        posting = posting_of(server, MemoryStorage())
        post = asyncio.create_task(posting.post("c", "hello", KEY))
        await asyncio.sleep(0)
        assert await posting.abandon("c", KEY) is None
        with pytest.raises(Abandoned):
            await post
        assert server.asked.empty()
