"""Ports of the chat layer, as small Protocols: the store, its listener, an encoder of pushes, reviewers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from imserver.chat.reader import Reader
from imserver.chat.transaction import ActHooks, Transaction
from imserver.chat.units import Unit
from imserver.config import LimitsConfig
from imserver.errors import Refusal

T = TypeVar("T")


class Backup(Protocol):
    """A backup that was made."""

    @property
    def path(self) -> Path: ...

    @property
    def copied_at(self) -> int:
        """UTC milliseconds: everything that was committed before is in it."""
        ...

    @property
    def messages(self) -> int: ...

    @property
    def size_bytes(self) -> int: ...

    @property
    def ledger(self) -> str:
        """What became of the ledger, in words."""
        ...


class CommitListener(Protocol):
    """Receives commits on the event loop, in commit order. The hub is the only one."""

    def committed(self, units: Sequence[Unit]) -> None:
        """Fan out each unit's events and settle it, in order. May spread the work over several turns of the loop.

        Gets every unit of a batch once, in the order in which they were done: those that committed, those that failed, and
        those that were withdrawn. Never a unit whose outcome is unknown."""
        ...

    def saturated(self) -> bool:
        """True while the fan-out backlog is so long that the writer should hold its next batch (see `Store.resume`)."""
        ...


class Store(Protocol):
    """Keeps everything durable: `SqliteStore`. Another engine shares `imserver.store.engine`, which says what to write, and
    passes the contract tests in `tests/store`.

    All methods are called on one event loop, between `open` and `close` unless they say otherwise. How it is made is
    the engine's own matter (`imserver.server` does it): of its part of the configuration, a clock, random numbers, a log, and
    the most members of a conversation.
    """

    @property
    def epoch(self) -> str:
        """Mark of this history, 16 hex digits: the same in every life, another one if no lineage came along. Positions of two
        epochs do not compare."""
        ...

    @property
    def hooks(self) -> ActHooks:
        """What is called in the transaction of an act; filled before the first unit."""
        ...

    @property
    def change(self) -> int:
        """The last change that is committed and was handed to the listener, or is just being so."""
        ...

    def place(self) -> str:
        """The place of now, sealed: labels what a session that begins now will learn. It ends with the last batch that was
        settled; from the moment that `committed` is called, with that batch."""
        ...

    @property
    def witnesses(self) -> int:
        """Users whose client knew a history that is not this one, since the store was opened (`engine.places` counts them).
        The first is a warning in the log: somebody may have put an older copy back."""
        ...

    def show(self, names: Iterable[str]) -> None:
        """The names of state that this server has: those of its features and plugins. Called before `open`.

        What was written here under other names until then stays in the rows, and is left out of all that readers,
        transactions and events tell; counters stay what they are. Decided at the opening: a name that is written for the
        first time behind it is shown. Without this call all names are."""
        ...

    def use_limits(self, limits: LimitsConfig) -> None:
        """Have other bounds of members and rules of contact hold, from the next batch on."""
        ...

    async def begin_life(self, why: str, *, copied_at: int | None = None) -> None:
        """Begin another life: a new mark, for all that is written from now on. Sessions of before must end. `copied_at`: an
        older copy has come back with it, of that time (UTC ms), of which plugins are told.

        Queued like a unit: what was submitted before belongs to the life that ends, and what shares a batch with it behind it
        belongs to the new one, also in `place`. If the unit fails, no life has begun. Takes no number of a change."""
        ...

    async def open(self, listener: CommitListener) -> None:
        """Open the database, bring it to the present schema, and begin a life: a row of the lineage under a new mark, which
        is durable before anybody is served.

        The counters go on where they were: `change` with the last number that a committed unit took, whatever it took it for.
        An engine that can tell that its database is older than what it once had written begins a new epoch, and warns.

        Raises `StartError`, one line for the operator, if it cannot be used: not there, not ours, of a later schema, damaged,
        or in use by another process. Then nothing stays open."""
        ...

    async def close(self, *, discard: bool = False) -> None:
        """Finish the queue (`submit` refuses from now on), make all of it durable, close. Closing twice is harmless, and so is
        closing what was not opened. It may be opened again.

        `discard`: a database that this opening made goes, for a server that did not start. One that was there stays."""
        ...

    def submit(self, unit: Unit) -> None:
        """Queue a unit. Raises `Refusal` OVERLOADED above the queue's bound in units or bytes, `StoreFailed` once the store has
        failed. A full disk is the unit's own error: STORE_FULL.

        Every unit is decided: committed, refused or withdrawn, then handed to the listener; or lost with the store. Units of
        one conversation, and units of one session, are done in the order of submission; one that names no conversation is
        passed by none. Of a batch the plain posts may be done before strangers' other units."""
        ...

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Submit a unit without origin and wait for its settlement. Cancelling the waiter withdraws a unit not yet begun.

        What `work` raises is raised here, and nothing of it is stored. It may run more than once."""
        ...

    async def read(self, query: Callable[[Reader], T]) -> T:
        """Run `query` in one snapshot, beside the writer, and return or raise what it does.

        The snapshot holds all that was settled before the call. `query` is a plain function, runs off the loop, and keeps no
        reader. Raises `Refusal` OVERLOADED (come again after …) if more reads wait than the engine bounds them to, and
        `StoreFailed` once the store has failed."""
        ...

    async def migrate_plugin(self, plugin: str, migrations: Sequence[tuple[int, str]]) -> None:
        """Apply a plugin's SQL scripts (number, script) that were not applied yet, in the order of their numbers.

        A script is applied once in the life of the database: with the mark that it was, in one transaction, queued like any
        unit. If it fails, nothing of it is there, the earlier ones stay, no later one is tried, and its error is raised; the
        next call begins with it again. A script may be new below one that was applied.

        It has any number of statements, comments, and `;` in texts; and may make, change and drop tables and indexes whose
        names begin with `PLUGIN_`, and write to these tables. Anything else is a `PluginError`: other tables, the catalogue,
        triggers, views, virtual tables, PRAGMA, ATTACH, COMMIT. So is, whether or not there are scripts, a plugin name that is
        not a-z and 0-9 beginning with a letter, of at most 31, or is the first word of our own tables or an engine's:
        `plugin`, `item`, `user`, `state`, `team`, `first`, `given`, `revoked`, `own`, `sqlite`, `pragma`, `json`, `pg`. No time
        bound: it runs before the server serves.

        What every engine takes, here and in `plugin_sql` (docs/plugins.md has the whole list): columns are INTEGER, of 64 bits,
        or TEXT; INTEGER PRIMARY KEY numbers the rows itself; WITHOUT ROWID may stand behind a table, and REFERENCES may be
        DEFERRABLE INITIALLY DEFERRED; ON CONFLICT with a target, RETURNING, WITH RECURSIVE; times are integer milliseconds. No
        functions of dates, no json functions, no row ids. An engine whose words differ puts its own for them."""
        ...

    async def backup(self, target: Path, told: Callable[[int, int], None] | None = None) -> Backup:
        """Put a copy of one moment there, complete by itself, and the ledger beside it unless the one there is newer. Returns
        what was made; `told` hears on the loop how much of how much is copied.

        Commits go on meanwhile, at nearly their usual pace. A file of that name is replaced in one step if it is such a copy.
        Raises `BackupFailed`, one line for the operator, and leaves nothing behind: another backup is being made, the target is
        no place for one, it is full, the store is closed. Cancelling the caller ends it."""
        ...

    async def put_on_record(self, kind: str, body: Mapping[str, Any]) -> int:
        """Put into the ledger, durably, what must hold whatever copy of the database comes back; then do it, in a unit, and
        return the record's number. Once it is in the ledger it will be done, if not now then at the next opening.

        `kind` is one of those that the store was made with, each with the function that does it (perhaps again). Raises
        `Refusal` STORE_FULL, and nothing is on record."""
        ...

    def resume(self) -> None:
        """The listener is no longer saturated: the batch that was held may start."""
        ...

    def on_failure(self, callback: Callable[[Exception], None]) -> None:
        """Register a callback for an error of unknown outcome; it runs on the loop, once, and the server must stop.

        Behind it no unit is settled and no batch is begun; callers that wait in this process get `StoreFailed`. May be called
        before `open`."""
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

    def items(
        self,
        conversation_id: str,
        modseq: int,
        items: Sequence[tuple[int, bytes, bytes | None]] | None,
    ) -> Any:
        """Items as `(position, extra, mine)`, in encoded maps; `mine` None: as it was. No items: a hint."""
        ...

    def about(self, conversation_id: str, modseq: int, about: bytes) -> Any: ...

    def settings(self, conversation_id: str, seq: int, settings: bytes) -> Any: ...

    def account(self, seq: int, account: bytes) -> Any: ...

    def told(self, kind: str, fields: Sequence[Any]) -> Any:
        """A push that a feature named."""
        ...


class Reviewer(Protocol):
    """A plugin's review hook: None lets the post pass."""

    async def __call__(
        self, conversation_id: str, sender_id: str, content: Mapping[str, Any]
    ) -> Refusal | None: ...
