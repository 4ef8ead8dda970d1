"""Units of work: each waits in the writer's queue, commits whole or not at all, and is answered after its commit.

A caller makes a `Unit` and submits it. The store runs batches of units on its writer thread, one transaction for each
batch, in the order of submission (but plain posts may go before units that have nothing to do with them), and after the
commit calls `CommitListener.committed(units)` on the event loop. The listener fans out each unit's `events` and then calls
`unit.settle()`, which answers the caller. No unit spans an await, and no reply, push or plugin event precedes its commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from imserver.chat.transaction import Posted, Transaction
from imserver.events import MessagePosted, StoredEvent
from imserver.model import Audience, Message

T = TypeVar("T")
#: What one unit does in its transaction. It may run more than once (a neighbour failed): it changes nothing outside.
Work: TypeAlias = Callable[[Transaction], T]


class Outlet(Protocol):
    """An attached or detached session, as the hub sees it: takes the pushes for one device."""

    user_id: str

    def push_all(self, tails: Sequence[Any]) -> None:
        """Append encoded pushes, in order. A lagging session drops them: it catches up by reading."""
        ...


class Unit:
    """One unit of work in the writer's queue: all of it commits or none of it.

    After the batch exactly one of these holds: `error` is None and `result` is the work's return value, or `error` says why
    nothing of it is stored. `origin` is the requesting session (it gets a reply instead of a push) or None. `happened` are
    the events that the work made. A post that was stored with its neighbours has none: it has `audience`, the members when it
    took its position.
    """

    __slots__ = ("audience", "conversation_id", "error", "happened", "origin", "result", "submitted_at")

    #: Bytes that one unit counts against the queue's bound; a post adds its content.
    size_bytes = 256
    #: True for a plain post: the store does neighbours of this kind together.
    together = False
    #: True for what may change more than the conversation that it names: no unit passes it either. Who goes from a group that
    #: is a team is gone everywhere.
    barrier = False

    def __init__(self, origin: Outlet | None = None) -> None:
        self.origin = origin
        self.result: Any = None
        self.error: Exception | None = None
        self.happened: Sequence[StoredEvent] = ()
        self.audience: Audience | None = None
        #: The conversation that the unit changes, and nothing else; None: it may change anything, and no unit passes it.
        self.conversation_id: str | None = None
        self.submitted_at = 0.0

    @property
    def session(self) -> object | None:
        """The session that asked: its units are done in the order of their arrival."""
        return self.origin

    def withdrawn(self) -> Exception | None:
        """Called on the loop right before the batch is formed: a returned exception takes the unit out and settles it."""
        return None

    def run(self, tx: Transaction) -> Any:
        """Do the work, on the writer's thread, synchronously. Raising undoes this unit alone."""
        raise NotImplementedError

    def void(self) -> None:
        """Forget result, error and events: the batch in which they came about was undone."""
        self.result = self.error = self.audience = None
        self.happened = ()

    def events(self) -> Sequence[StoredEvent]:
        """What happened, in order; the hub and observers alone ask, after the commit. A post makes its event only here."""
        return self.happened

    def fail(self, error: Exception) -> None:
        """Called on the loop as soon as the unit has failed, before the next batch is formed."""
        self.error = error

    def lost(self, error: Exception) -> None:
        """Called when the store failed and this unit's outcome is unknown. Sessions get no reply; callers in this process
        get the error, so that they do not wait for ever."""

    def settle(self) -> None:
        """Answer the caller; called on the loop after the unit's events were fanned out, or after it failed."""

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
    """Give a settled unit's outcome to a caller in this process, unless the caller has gone."""
    if future.done():
        return
    if unit.error is None:
        future.set_result(unit.result)
    else:
        future.set_exception(unit.error)


def resolve_lost(future: asyncio.Future[Any], error: Exception) -> None:
    """The store failed: give the error to the caller, unless it has gone."""
    if not future.done():
        future.set_exception(error)


class PostUnit(Unit):
    """A post: the hot path, so the store runs neighbours of this kind together (one multi-row INSERT).

    `result` is a `Posted`, `change` is set together with `audience`. Subclasses override `settle`; one that overrides `run` is
    no plain post, and is done alone.
    """

    together = True
    conversation_id: str

    __slots__ = (
        "change",
        "content",
        "digest",
        "key",
        "sender_id",
        "sent_at",
        "size_bytes",
    )

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
        self.change = 0
        self.conversation_id = conversation_id
        self.sender_id = sender_id
        self.key = key
        self.content = content
        self.digest = digest
        self.sent_at = sent_at
        self.size_bytes = Unit.size_bytes + len(content)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.together = cls.run is PostUnit.run

    def run(self, tx: Transaction) -> Posted:
        return tx.post(
            self.conversation_id,
            self.sender_id,
            self.key,
            self.content,
            sent_at=self.sent_at,
            digest=self.digest,
        )

    def events(self) -> Sequence[StoredEvent]:
        if self.audience is None:
            return self.happened
        message = Message(
            self.conversation_id, self.result[0], self.sender_id, self.sent_at, self.key, self.content
        )
        return (MessagePosted(self.change, message, self.audience),)
