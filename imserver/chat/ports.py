"""What the chat layer needs from the outside, as small Protocols: the store, sessions that receive, an encoder of pushes.

The way of a write: somebody makes a `Unit` and submits it. The store runs whole batches of units on its writer thread, in the
order of submission, one transaction a batch, and after the commit calls `CommitListener.committed(units)` on the event loop.
The listener fans out each unit's `events` and then calls `unit.settle()`, which answers whoever asked. No unit ever spans an
await, and nothing is answered, pushed or told to a plugin before its commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from imserver.errors import Refusal
from imserver.events import StoredEvent
from imserver.model import (
    Audience,
    ConversationRow,
    Cursors,
    ItemPage,
    Kind,
    Membership,
    Message,
    Page,
    Role,
    User,
)

T = TypeVar("T")


class Unit:
    """One unit of work in the writer's queue: all of it commits or none of it.

    After the batch exactly one of these holds: `error` is None and `result` is what the work returned, or `error` says why
    nothing of it is stored. `origin` is the session that asked (it gets a reply instead of a push) or None.
    """

    __slots__ = ("error", "events", "origin", "result", "submitted_at")

    #: What one unit counts against the queue's bound in bytes; a post adds its content.
    size_bytes = 256

    def __init__(self, origin: Outlet | None = None) -> None:
        self.origin = origin
        self.result: Any = None
        self.error: Exception | None = None
        self.events: Sequence[StoredEvent] = ()
        self.submitted_at = 0.0

    def withdrawn(self) -> Exception | None:
        """Asked on the loop right before the batch is formed: an exception takes the unit out (it is settled with it)."""
        return None

    def run(self, tx: Transaction) -> Any:
        """The work, on the writer's thread, synchronous. Raising undoes this unit alone."""
        raise NotImplementedError

    def fail(self, error: Exception) -> None:
        """On the loop, as soon as the unit is known to have failed and before the next batch is formed."""
        self.error = error

    def lost(self, error: Exception) -> None:
        """The store failed and nobody knows whether this unit is stored. Sessions hear nothing; callers in this process are
        told, so that they do not wait for ever."""

    def settle(self) -> None:
        """On the loop, after the unit's events were fanned out (or after it failed): answer whoever asked."""

    def settle_together(self, run: Sequence[Unit]) -> None:
        """Settle this unit and the rest of the `run` that it begins: each committed one message, all of one origin."""
        errors: list[Exception] = []
        for unit in run:
            try:
                unit.settle()
            except Exception as error:
                errors.append(error)
        if errors:
            raise ExceptionGroup("not settled", errors)


def resolve(future: asyncio.Future[Any], unit: Unit) -> None:
    """Hand a settled unit's outcome to a caller in this process, unless the caller has gone."""
    if future.done():
        return
    if unit.error is None:
        future.set_result(unit.result)
    else:
        future.set_exception(unit.error)


def resolve_lost(future: asyncio.Future[Any], error: Exception) -> None:
    """The store failed: tell the caller, unless it has gone."""
    if not future.done():
        future.set_exception(error)


class PostUnit(Unit):
    """A post: the hot path, so the store runs neighbours of this kind together (one multi-row INSERT).

    `result` is a `Posted`. Subclasses override `settle`.
    """

    __slots__ = ("content", "conversation_id", "digest", "key", "sender_id", "sent_at", "size_bytes")

    def __init__(
        self,
        conversation_id: str,
        sender_id: str,
        key: bytes,
        content: bytes,
        digest: bytes,
        sent_at: int,
        origin: Outlet | None = None,
    ) -> None:
        super().__init__(origin)
        self.conversation_id = conversation_id
        self.sender_id = sender_id
        self.key = key
        self.content = content
        self.digest = digest
        self.sent_at = sent_at
        self.size_bytes = Unit.size_bytes + len(content)

    def run(self, tx: Transaction) -> Posted:
        return tx.post(
            self.conversation_id,
            self.sender_id,
            self.key,
            self.content,
            sent_at=self.sent_at,
            digest=self.digest,
        )


class Posted(tuple[int, int, bool]):
    """`(position, sent_at_ms, duplicate)`: just what the reply to a post carries."""

    __slots__ = ()

    @property
    def position(self) -> int:
        return self[0]

    @property
    def sent_at(self) -> int:
        return self[1]

    @property
    def duplicate(self) -> bool:
        return self[2]


class Transaction(Protocol):
    """The store inside one transaction, on the writer's thread. Every method raises `Refusal` for what the rules forbid.

    Methods that take a `key` are idempotent: the same key by the same actor returns the original outcome with
    `duplicate = True`, looked up *before* any refusal; the same key with another content is KEY_REUSED.
    """

    @property
    def now_ms(self) -> int: ...

    # messages
    def post(
        self,
        conversation_id: str,
        sender_id: str,
        key: bytes,
        content: bytes,
        *,
        sent_at: int,
        digest: bytes | None = None,
    ) -> Posted:
        """Append a message. A direct conversation is made by its first post (both users must exist)."""
        ...

    def edit(
        self,
        conversation_id: str,
        editor_id: str,
        key: bytes,
        position: int,
        content: bytes,
        *,
        expected_revision: int | None = None,
    ) -> tuple[int, int, bool]:
        """New content for a message (its author only). Returns (position of the system message, revision, duplicate)."""
        ...

    def find_key(
        self, conversation_id: str, sender_id: str, key: bytes, digest: bytes | None = None
    ) -> Posted | None:
        """What was committed under this key, if anything. With `digest`: KEY_REUSED if the content was another."""
        ...

    # conversations and members
    def create_conversation(
        self, creator_id: str, key: bytes, kind: Kind, title: str, members: Mapping[str, Role]
    ) -> tuple[str, int, bool]: ...

    def add_member(
        self, conversation_id: str, actor_id: str, key: bytes, user_id: str, role: Role
    ) -> tuple[int, bool]: ...

    def remove_member(
        self, conversation_id: str, actor_id: str, key: bytes, user_id: str
    ) -> tuple[int, bool]:
        """Remove somebody, or leave (`actor_id == user_id`)."""
        ...

    def audience(self, conversation_id: str) -> Audience | None:
        """Members now; None if there is no such conversation."""
        ...

    def move_cursors(
        self, conversation_id: str, user_id: str, delivered: int | None, read: int | None
    ) -> Cursors: ...

    # accounts
    def put_user(self, user: User) -> None: ...

    def user(self, user_id: str) -> User | None: ...

    def bind_token(self, token_id: str, user_id: str, device_id: str) -> str:
        """The device that the token belongs to: bound to `device_id` if this is its first use. Idempotent."""
        ...

    # plugins
    def plugin_sql(
        self, plugin: str, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        """One statement on the plugin's own tables (name prefix `PLUGIN_`), under an authorizer. Rows, or []."""
        ...

    def schedule(self, plugin: str, due_at: int, name: str, payload: Mapping[str, Any]) -> int:
        """A durable timer; returns its id."""
        ...

    def cancel_timer(self, plugin: str, timer_id: int) -> bool: ...

    def mark_handled(self, plugin: str, change: int) -> None:
        """Move the plugin's cursor up to `change`; raises `AlreadyHandled` if it is there already."""
        ...

    def mark_timer_done(self, timer_id: int) -> None:
        """Delete a fired timer; raises `AlreadyHandled` if it is gone."""
        ...

    def record_failure(self, plugin: str, event: str, error_id: str, text: str) -> None:
        """A row in `plugin_failures`."""
        ...


class Reader(Protocol):
    """Reads in one snapshot, on a reader's thread. Raises `Refusal` (NOT_FOUND, EPOCH_CHANGED) like the wire would."""

    def history(
        self,
        conversation_id: str,
        user_id: str,
        after: int | None,
        before: int | None,
        limit: int,
        max_bytes: int,
    ) -> Page: ...

    def history_items(
        self,
        conversation_id: str,
        user_id: str,
        after: int | None,
        before: int | None,
        limit: int,
        max_bytes: int,
    ) -> ItemPage:
        """The same page as plain tuples, for whoever only encodes it."""
        ...

    def sync(self, user_id: str, since: str | None, limit: int) -> tuple[list[ConversationRow], str, bool]:
        """Conversations of the user that changed since the token, in commit order; the next token; whether there is more."""
        ...

    def conversations(
        self, user_id: str, before: str | None, limit: int
    ) -> tuple[list[ConversationRow], str | None]: ...

    def members(self, conversation_id: str) -> list[Membership]: ...

    def members_page(self, conversation_id: str, after: str | None, limit: int) -> list[Membership]:
        """At most `limit` of them in the order of user ids, from the first after `after` on."""
        ...

    def membership(self, conversation_id: str, user_id: str) -> Membership | None: ...

    def users(self, user_ids: Sequence[str]) -> list[User]: ...

    def bound_device(self, token_id: str) -> str | None: ...

    # for the plugin host
    def head_change(self) -> int:
        """The number of the last change in this snapshot: where a plugin that never ran starts."""
        ...

    def messages_after(
        self, change: int, bots: Sequence[str] | None, limit: int
    ) -> tuple[list[tuple[int, Message, Audience]], int]:
        """Messages in commit order after `change` in conversations with one of `bots` (None: all); and the change up to
        which the answer is complete."""
        ...

    def plugin_cursor(self, plugin: str) -> int | None: ...

    def timers_due(self, plugin: str, now_ms: int, limit: int) -> list[tuple[int, str, int, dict[str, Any]]]:
        """(timer id, name, due_at, payload) in order of due_at."""
        ...

    def next_timer_at(self, plugin: str) -> int | None: ...

    def plugin_sql(
        self, plugin: str, sql: str, params: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]: ...


class CommitListener(Protocol):
    """Who is told of commits, on the event loop, in commit order. One listener: the hub."""

    def committed(self, units: Sequence[Unit]) -> None:
        """Fan out each unit's events and settle it, in order. May spread the work over several turns of the loop."""
        ...

    def saturated(self) -> bool:
        """True while so much is waiting to be fanned out that the writer should hold its next batch (see `Store.resume`)."""
        ...


class Store(Protocol):
    """Where everything is kept. `SqliteStore` in production, `MemoryStore` as the twin for tests."""

    @property
    def epoch(self) -> str:
        """Mark of this history; a restore makes a new one, and positions of two epochs do not compare."""
        ...

    async def open(self, listener: CommitListener) -> None: ...

    async def close(self) -> None:
        """Finish the queue, checkpoint, close."""
        ...

    def submit(self, unit: Unit) -> None:
        """Queue a unit. Raises `Refusal` OVERLOADED above the queue's bound in units or bytes, STORE_FULL while full."""
        ...

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Submit a unit without origin and wait for its settlement. Cancelling the waiter withdraws a unit not yet begun."""
        ...

    async def read(self, query: Callable[[Reader], T]) -> T: ...

    async def migrate_plugin(self, plugin: str, migrations: Sequence[tuple[int, str]]) -> None:
        """Apply a plugin's numbered SQL scripts that were not applied yet, each in one transaction."""
        ...

    def resume(self) -> None:
        """The listener is no longer saturated."""
        ...

    def on_failure(self, callback: Callable[[Exception], None]) -> None:
        """Called on the loop when the store met an error of unknown outcome: the server must stop."""
        ...


class Outlet(Protocol):
    """A live or detached session, as the hub sees it: where pushes for one device go."""

    user_id: str

    def push_all(self, tails: Sequence[Any]) -> None:
        """Append encoded pushes, in order. Dropped if the session lags: it catches up by reading."""
        ...


class PushEncoder(Protocol):
    """Encodes each kind of push, once for all its recipients; what comes out is opaque to the chat layer."""

    def message(
        self,
        conversation_id: str,
        position: int,
        sender_id: str,
        sent_at: int,
        key: bytes,
        content: bytes | None,
    ) -> Any: ...

    def cursor(self, conversation_id: str, user_id: str, delivered: int, read: int) -> Any: ...


class Reviewer(Protocol):
    """A plugin's review hook: None lets the post pass."""

    async def __call__(
        self, conversation_id: str, sender_id: str, content: Mapping[str, Any]
    ) -> Refusal | None: ...
