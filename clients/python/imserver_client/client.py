"""The client's public API: `connect()` and `Client`. `core` composes the implementation."""

from __future__ import annotations

import ssl
from collections.abc import Generator, Iterable, Mapping
from importlib.util import find_spec
from os import PathLike
from types import TracebackType
from typing import Any, TypeVar

from imserver_protocol.methods.descriptors import Method, Shape
from imserver_protocol.shared.ids import direct_conversation_id

from .address import parse_address
from .core.announcer import EventStream
from .core.core import Core, Options
from .core.delivery import MessageStream
from .core.questions import Answers
from .core.reconnect import TokenSource
from .environment import Environment
from .errors import Misuse
from .features import FEATURES, Features
from .limits import ClientLimits
from .storage import Storage
from .storage_memory import MemoryStorage
from .storage_sqlite import SqliteStorage
from .values import (
    Content,
    ConversationPage,
    Cursor,
    ItemState,
    Member,
    Page,
    Posted,
    Queued,
    State,
    User,
)

P = TypeVar("P", bound=Shape)
R = TypeVar("R")


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

    `token`: a string, or a function (plain or async) that the client calls at the start and again whenever the server
    rejects the last token. After OSError or TimeoutError the client calls it again later; any other exception stops it.
    `device_id` names this installation. By default it is the store's, or follows from the token (servers bind a token to
    the device that used it first). Two programs that run at the same time must not share one.
    `store`: the path of an SQLite file that keeps the outbox and received positions across restarts (one process
    may use a file at a time), a `Storage`, or None to keep all in memory.
    `timeout`: seconds until CannotConnect is raised; None waits for ever. `close_timeout`: for an orderly close.
    `have`: the application's own positions, if it commits them together with its effects in its own transaction (exactly
    once across kills, too). They overrule the store's.

    Raises Misuse, StoreError, CannotConnect, or Stopped (bad token, …).
    """
    if store is None:
        storage: Storage = MemoryStorage()
    elif isinstance(store, (str, PathLike)):
        storage = SqliteStorage(store)
    else:
        storage = store
    where = parse_address(address)
    if where.web and find_spec("websockets") is None:
        raise Misuse("a WebSocket needs a library: pip install 'imserver[websocket]'")
    options = Options(
        address=where,
        token=token,
        device_id=device_id,
        tls=tls,
        timeout=timeout,
        close_timeout=close_timeout,
        have=dict(have or {}),
        client_info=dict(client_info or {}),
    )
    return Connecting(
        Core(options, storage, limits or ClientLimits(), environment or Environment(), FEATURES)
    )


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


class Client(Features):
    """One device of one user. Made by `connect()`. Use it on the event loop that made it.

    What stands under a feature's name (`client.edits`) belongs to a feature that a server may not have: `NotOffered` then.
    Every call waits while the connection is down and goes on when it is back; bound the wait with `asyncio.timeout`.
    Every call may raise Refused, Stopped, Disconnected, or StoreError if the store fails.
    """

    def __init__(self, core: Core) -> None:
        super().__init__(core.features)
        self._core = core

    # -- identity and state -------------------------------------------------------------------------------------------

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
        """The state of the client's connection."""
        return self._core.state

    @property
    def store_epoch(self) -> str:
        """The mark of the server's database: another one after it was moved by a dump, say."""
        return self._core.store_epoch

    @property
    def server_features(self) -> frozenset[str]:
        """The features that the server has, by name; empty if it does not say."""
        return self._core.server_features

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

        A pending `post` raises Abandoned, or returns its Posted. Later posts to the conversation wait for the outcome.
        Cancelling (or a time-out around it) ends the waiting, not the giving up.
        """
        return await self._core.posting.abandon(conversation_id, key)

    def outbox(self) -> list[Queued]:
        """Posts without an answer, oldest first; also those that an earlier process left in the store."""
        return self._core.posting.queued()

    # -- receiving ----------------------------------------------------------------------------------------------------

    def messages(self) -> MessageStream:
        """Every message of every conversation, own ones included: `async for message in client.messages()`.

        Each comes exactly once, in order within its conversation, from the first use of the store (or of this client,
        without one) on. Asking for the next message marks the last one as done; a message handed over but not done comes
        again after a restart with the same store, marked `redelivered`. One reader at a time. Ends when the client is
        closed; raises Stopped if it stopped by itself.
        """
        return self._core.delivery.stream()

    def events(self) -> EventStream:
        """Changes of the connection, cursors, state, typing, edits …: `async for event in client.events()`.

        Each reader gets the events after this call; the first one also gets earlier `PostSettled` events (of posts that
        an earlier process left in the store), and `HistoryReplaced` and `PostsGone` are kept until one has heard them. See
        `events`, and each feature, for the kinds.
        """
        return self._core.subscribe()

    # -- reading ------------------------------------------------------------------------------------------------------

    async def history(
        self, conversation_id: str, *, before: int | None = None, after: int | None = None, limit: int = 50
    ) -> Page:
        """A page of a conversation: the last `limit` messages, those before a position, or those after one.

        The server may give fewer: at most 200, and not more bytes than half a frame. `Page.first..last` is the covered range.
        Items have the newest state that is known, maybe newer than the page.
        """
        return await self._core.calls.history(conversation_id, after, before, limit)

    async def conversations(self, *, before: Any = None, limit: int = 50) -> ConversationPage:
        """The user's conversations, newest first. `before`: the `next` of the page before."""
        return await self._core.calls.conversations(before, limit)

    async def members(self, conversation_id: str) -> list[Member]:
        """The members of a conversation."""
        return await self._core.calls.members(conversation_id)

    async def users(self, user_ids: Iterable[str]) -> list[User]:
        """Names and languages of users. Unknown ones are left out."""
        return await self._core.calls.users(list(user_ids))

    # -- state that is no message -------------------------------------------------------------------------------------

    def show(self, conversation_id: str) -> None:
        """A screen shows the conversation: from now on what is known of its messages' state is kept whole.

        What was missed (while off-line, or in a conversation so large that the server tells only that something changed) is
        read as long as the conversation is shown, and told by `ItemChanged`.
        """
        self._core.states.show(conversation_id)

    def hide(self, conversation_id: str) -> None:
        """No screen shows the conversation any more. Pushes go on being heard; what is missed waits for the next `show`."""
        self._core.states.hide(conversation_id)

    def item(self, conversation_id: str, position: int) -> ItemState | None:
        """A message's state as this client knows it; None if it does not hold that message: read its page (`history`)."""
        return self._core.states.item(conversation_id, position)

    def about(self, conversation_id: str) -> Mapping[str, Any]:
        """What the conversation keeps for all its members, by name of what keeps it."""
        return self._core.states.about(conversation_id)

    def settings(self, conversation_id: str) -> Mapping[str, Any]:
        """What the conversation keeps for this user alone."""
        return self._core.states.settings(conversation_id)

    def account(self) -> Mapping[str, Any]:
        """What the user's account keeps."""
        return self._core.states.account()

    # -- plugins of the server ----------------------------------------------------------------------------------------

    async def ask(self, method: Method[P, R], params: P) -> R:
        """Ask a method of a plugin that reads. Its descriptor is the application's: `Method("x-shop.day", Params, Result)`,
        with two `Shape`s.

        Raises NotOffered if the server does not have the plugin, Refused, Misuse, Stopped or Disconnected.
        """
        return await self._core.questions.ask(method, params)

    def watch(self, method: Method[P, R], params: P) -> Answers[R]:
        """The answer to `ask`, and each later one: `async for day in client.watch(DAY, DayParams("2026-03-02"))`.

        For methods of which their plugin says that the answer has changed; at most once a second, and again after lost
        connections. At most 16 are watched at once; one goes on for as long as it is held. Ends when the client is closed.
        """
        return self._core.questions.watch(method, params)

    async def write(self, method: Method[P, R], params: P) -> R:
        """Have a method of a plugin do something. A method with a `key` does it once; `key()` makes one.

        The same request is offered until there is an answer, through lost connections, behind earlier ones to this plugin in
        the conversation that `params` name. Cancelling ends the waiting, not the writing. Nothing of it survives the process.
        Raises NotOffered, Refused, OutboxFull, Misuse, Stopped or Disconnected.
        """
        return await self._core.questions.write(method, params)

    def key(self) -> bytes:
        """A new idempotency key."""
        return self._core.key()

    # -- cursors ------------------------------------------------------------------------------------------------------

    async def cursor(
        self, conversation_id: str, *, delivered: int | None = None, read: int | None = None
    ) -> Cursor:
        """Advance the user's own cursors (they never go back) and return them; without positions just return them."""
        return await self._core.calls.cursor(conversation_id, delivered, read)

    def mark_read(self, conversation_id: str, position: int) -> None:
        """Mark everything up to `position` as read. Reported soon, at most once a second.

        The client reports *delivered* by itself in the same way, when a message is done.
        """
        self._core.receipts.read(conversation_id, position)

    def cursors(self, conversation_id: str) -> dict[str, Cursor]:
        """The members' known cursors, by user. Empty for channels and large groups."""
        return self._core.cursors.of(conversation_id)

    # -- conversations and members ------------------------------------------------------------------------------------

    def direct(self, user_id: str) -> str:
        """The id of the direct conversation with a user; the first post makes it."""
        return direct_conversation_id(self.user_id, user_id)

    async def create_group(
        self,
        title: str,
        members: Iterable[str] = (),
        *,
        kind: str = "group",
        team: str | None = None,
        key: bytes | None = None,
    ) -> str:
        """Make a group (or `kind="channel"`) owned by this user; returns its id. The same key makes no second one.

        `team`: a group that this user runs; whoever is in it is a member of the new one, too, for as long.
        """
        return await self._core.calls.create(kind, title, list(members), team, key)

    async def add_member(
        self, conversation_id: str, user_id: str, *, role: str = "member", key: bytes | None = None
    ) -> int:
        """Add a member, or change a member's role. Returns the position of the system message."""
        return await self._core.calls.add(conversation_id, user_id, role, key)

    async def remove_member(self, conversation_id: str, user_id: str, *, key: bytes | None = None) -> int:
        """Remove a member. Returns the position of the system message."""
        return await self._core.calls.remove(conversation_id, user_id, key)

    async def leave(self, conversation_id: str, *, key: bytes | None = None) -> int:
        """Leave a conversation. Returns the position of the system message."""
        return await self._core.calls.leave(conversation_id, key)

    # -- the session --------------------------------------------------------------------------------------------------

    async def renew(self, token: str) -> int:
        """Extend the session with a newer token of the same user and device, without reconnecting.

        Returns the expiry of that token (UTC milliseconds). It is also used for the next connection.
        """
        return await self._core.calls.renew(token)

    async def close(self, *, flush: bool = True) -> None:
        """Leave: wait up to `close_timeout` for the outbox to empty (`flush`), say GOODBYE, end every task. Idempotent.

        Posts still in the outbox stay in a store on disk, and are lost with one in memory.
        """
        await self._core.close(flush=flush)

    async def abort(self) -> None:
        """End at once as a kill of the process would: nothing is flushed or sent. For tests."""
        await self._core.abort()
