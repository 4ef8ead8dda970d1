"""Ports of the chat layer, as small Protocols: the store, its listener, an encoder of pushes, reviewers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from imserver.chat.transaction import Reader, Transaction
from imserver.chat.units import Unit
from imserver.errors import Refusal

T = TypeVar("T")


class CommitListener(Protocol):
    """Receives commits on the event loop, in commit order. The hub is the only one."""

    def committed(self, units: Sequence[Unit]) -> None:
        """Fan out each unit's events and settle it, in order. May spread the work over several turns of the loop."""
        ...

    def saturated(self) -> bool:
        """True while the fan-out backlog is so long that the writer should hold its next batch (see `Store.resume`)."""
        ...


class Store(Protocol):
    """Keeps everything durable. `SqliteStore` in production; in tests `ModelStore` says what is right."""

    @property
    def epoch(self) -> str:
        """Mark of this history; a restore makes a new one, and positions of two epochs do not compare."""
        ...

    def place(self) -> str:
        """The place of now, sealed: labels what a session that begins now will learn."""
        ...

    @property
    def witnesses(self) -> int:
        """Users whose client knew a history that is not this one, since the store was opened."""
        ...

    async def begin_life(self, why: str) -> None:
        """Begin another life: a new mark, for all that is written from now on. Sessions of before must end."""
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
        """Register a callback for an error of unknown outcome; it runs on the loop, and the server must stop."""
        ...


class PushEncoder(Protocol):
    """Encodes each kind of push, once for all its recipients; the result is opaque to the chat layer."""

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
