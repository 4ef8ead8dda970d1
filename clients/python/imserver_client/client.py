"""The client as an application sees it: `connect()` and `Client`. What happens behind it is composed in `core`."""

from __future__ import annotations

import ssl
from collections.abc import Generator, Iterable, Mapping
from os import PathLike
from types import TracebackType
from typing import Any

from .address import parse_address
from .core.announcer import EventStream
from .core.core import Core, Options
from .core.delivery import MessageStream
from .core.reconnect import TokenSource
from .environment import Environment
from .limits import ClientLimits
from .storage import MemoryStorage, Storage
from .storage_sqlite import SqliteStorage
from .values import (
    Content,
    ConversationPage,
    Cursor,
    Edit,
    Member,
    Page,
    Posted,
    Queued,
    State,
    User,
    direct_conversation_id,
)


def connect(
    address: str,
    *,
    token: TokenSource,
    device_id: str | None = None,
    store: Storage | str | PathLike[str] | None = None,
    tls: ssl.SSLContext | None = None,
    timeout: float | None = 30.0,
    close_timeout: float = 5.0,
    have: Mapping[str, int] | None = None,
    client_info: Mapping[str, Any] | None = None,
    limits: ClientLimits | None = None,
    environment: Environment | None = None,
) -> Connecting:
    """Connect, stay connected, and sync: `async with connect(…) as client:` or `client = await connect(…)`.

    Returns when the first sync is finished: every message committed from then on is delivered.

    `token`: a string, or a function (plain or async) that is asked for one at the start and again whenever the server
    no longer takes the last. If it raises OSError or TimeoutError it is asked again later; anything else stops the client.
    `device_id` names this installation. By default it is the store's, or follows from the token (servers bind a token to
    the device that used it first). Two programs that run at the same time must not share one.
    `store`: the path of an SQLite file that keeps the outbox and what was received across restarts (a file may be used by
    one process at a time), a `Storage`, or None to keep all in memory.
    `timeout`: seconds until CannotConnect is raised; None waits for ever. `close_timeout`: for leaving in good order.
    `have`: positions up to which the application has messages, for one that commits them together with its own effects
    in its own transaction (exactly once across kills, too). They overrule the store's.

    Raises Misuse, StoreError, CannotConnect, or Stopped (bad token, …).
    """
    if store is None:
        storage: Storage = MemoryStorage()
    elif isinstance(store, (str, PathLike)):
        storage = SqliteStorage(store)
    else:
        storage = store
    options = Options(
        address=parse_address(address),
        token=token,
        device_id=device_id,
        tls=tls,
        timeout=timeout,
        close_timeout=close_timeout,
        have=dict(have or {}),
        client_info=dict(client_info or {}),
    )
    return Connecting(Core(options, storage, limits or ClientLimits(), environment or Environment()))


class Connecting:
    """What `connect()` returns: enter it (`async with`) or await it."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def _open(self) -> Client:
        await self._core.open()
        return Client(self._core)

    def __await__(self) -> Generator[Any, None, Client]:
        return self._open().__await__()

    async def __aenter__(self) -> Client:
        return await self._open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._core.close(flush=error is None)


class Client:
    """One device of one user. Made by `connect()`. Use it on the event loop that made it.

    Every call waits while the connection is down and goes on when it is back; bound the wait with `asyncio.timeout`.
    Every call may raise Refused, Stopped, Disconnected, or StoreError if the store fails.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    # -- what it is ---------------------------------------------------------------------------------------------------

    @property
    def user_id(self) -> str:
        """The user, as the server read it from the token."""
        return self._core.user_id

    @property
    def device_id(self) -> str:
        """This installation."""
        return self._core.device_id

    @property
    def state(self) -> State:
        """What the client is doing about its connection."""
        return self._core.state

    @property
    def store_epoch(self) -> str:
        """The mark of the server's history: positions of two epochs do not compare."""
        return self._core.store_epoch

    # -- posting ------------------------------------------------------------------------------------------------------

    async def post(self, conversation_id: str, content: Content | str, *, key: bytes | None = None) -> Posted:
        """Post a message; returns when it is durable on the server. A string is `{"type": "text", "text": …}`.

        The post is in the outbox before the first await and stays there until the server has answered: through lost
        connections, and with a store on disk through a kill of this process. Posts to one conversation keep their order.
        `key`: 16 bytes that name this attempt. Offering the same key again is the same message, however often.

        Cancelling (or a time-out around it) ends the waiting, not the sending; `abandon` gives the post up.
        Raises Misuse, OutboxFull, Refused, Undeliverable, Abandoned, Stopped or Disconnected.
        """
        return await self._core.posting.post(conversation_id, content, key)

    async def abandon(self, conversation_id: str, key: bytes) -> Posted | None:
        """Give a post up. None: it is not and will not be stored. Otherwise it had been committed already.

        Whoever waits in `post` for it gets Abandoned, or its Posted. Later posts to the conversation wait until it is known.
        Cancelling (or a time-out around it) ends the waiting, not the giving up.
        """
        return await self._core.posting.abandon(conversation_id, key)

    def outbox(self) -> list[Queued]:
        """Posts without an answer, oldest first; also those that an earlier process left in the store."""
        return self._core.posting.queued()

    async def edit(
        self, conversation_id: str, position: int, content: Content | str, *, revision: int | None = None
    ) -> Edit:
        """Give one's own message a new content. With `revision`: only if it still has that revision (else CONFLICT)."""
        return await self._core.calls.edit(conversation_id, position, content, revision)

    def typing(self, conversation_id: str) -> None:
        """Tell the others that one is writing. May be lost; does nothing while not connected."""
        self._core.signal("typing", conversation_id)

    # -- receiving ----------------------------------------------------------------------------------------------------

    def messages(self) -> MessageStream:
        """Every message of every conversation, own ones included: `async for message in client.messages()`.

        Each exactly once, in order within its conversation; from the first use of a store (or of this client, without
        one) on. Asking for the next message says that the last one is done; one that was handed over and not done comes
        again after a restart with the same store, marked `redelivered`. One reader at a time. Ends when the client is
        closed; raises Stopped if it stopped by itself.
        """
        return self._core.delivery.stream()

    def events(self) -> EventStream:
        """Changes of the connection, cursors, typing, edits …: `async for event in client.events()`.

        Reports what happens after this call, to each reader; the first one also learns of posts that were settled before
        (those that an earlier process left in the store). See `events` for the kinds.
        """
        return self._core.announcer.subscribe()

    # -- reading ------------------------------------------------------------------------------------------------------

    async def history(
        self, conversation_id: str, *, before: int | None = None, after: int | None = None, limit: int = 50
    ) -> Page:
        """A page of a conversation: the last `limit` messages, those before a position, or those after one.

        The server may give fewer: at most 200, and not more bytes than half a frame. `Page.first..last` says what it covers.
        """
        return await self._core.calls.history(conversation_id, after, before, limit)

    async def conversations(self, *, before: Any = None, limit: int = 50) -> ConversationPage:
        """One's conversations, newest first. `before`: the `next` of the page before."""
        return await self._core.calls.conversations(before, limit)

    async def members(self, conversation_id: str) -> list[Member]:
        """Who is in a conversation."""
        return await self._core.calls.members(conversation_id)

    async def users(self, user_ids: Iterable[str]) -> list[User]:
        """Names and languages of users. Unknown ones are left out."""
        return await self._core.calls.users(list(user_ids))

    # -- cursors ------------------------------------------------------------------------------------------------------

    async def cursor(
        self, conversation_id: str, *, delivered: int | None = None, read: int | None = None
    ) -> Cursor:
        """Move one's own cursors (they never go back) and return them; without positions just return them."""
        return await self._core.calls.cursor(conversation_id, delivered, read)

    def mark_read(self, conversation_id: str, position: int) -> None:
        """Say that one has seen everything up to `position`. Reported soon, at most once a second.

        *Delivered* is reported in the same way by itself, when a message is done.
        """
        self._core.receipts.read(conversation_id, position)

    def cursors(self, conversation_id: str) -> dict[str, Cursor]:
        """What is known of the members' cursors, by user. Empty for channels and large groups."""
        return self._core.cursors.of(conversation_id)

    # -- conversations and members ------------------------------------------------------------------------------------

    def direct(self, user_id: str) -> str:
        """The id of the direct conversation with a user; the first post makes it."""
        return direct_conversation_id(self.user_id, user_id)

    async def create_group(
        self, title: str, members: Iterable[str] = (), *, kind: str = "group", key: bytes | None = None
    ) -> str:
        """Make a group (or `kind="channel"`) with oneself as owner; returns its id. The same key makes no second one."""
        return await self._core.calls.create(kind, title, list(members), key)

    async def add_member(
        self, conversation_id: str, user_id: str, *, role: str = "member", key: bytes | None = None
    ) -> int:
        """Add somebody, or change their role. Returns the position of the system message that tells of it."""
        return await self._core.calls.membership("add", conversation_id, key, user_id, role)

    async def remove_member(self, conversation_id: str, user_id: str, *, key: bytes | None = None) -> int:
        """Remove somebody. Returns the position of the system message."""
        return await self._core.calls.membership("remove", conversation_id, key, user_id)

    async def leave(self, conversation_id: str, *, key: bytes | None = None) -> int:
        """Leave a conversation. Returns the position of the system message."""
        return await self._core.calls.membership("leave", conversation_id, key)

    # -- the session --------------------------------------------------------------------------------------------------

    async def renew(self, token: str) -> int:
        """Extend the session with a newer token of the same user and device, without reconnecting.

        Returns when that one expires (UTC milliseconds). It is also used for the next connection.
        """
        return await self._core.calls.renew(token)

    async def close(self, *, flush: bool = True) -> None:
        """Leave: wait up to `close_timeout` for the outbox to empty (`flush`), say GOODBYE, end every task. Idempotent.

        What is still in the outbox then stays in a store on disk, and is lost with one in memory.
        """
        await self._core.close(flush=flush)

    async def abort(self) -> None:
        """End at once as a kill of the process would: nothing is flushed, the server hears nothing. For tests."""
        await self._core.abort()
