"""Feature API: what a feature of the server is made of, and all that its handlers see.

A feature is a value, `Feature(name, …)`: rows that say which methods, signals, pushes and routes it has, its tables, what it
follows, and the plain functions behind them. `imserver/features/__init__.py` lists those that a server has unless it is told
otherwise (`Server(features=…)`). A server builds its tables from them; no module keeps one.

**A method that writes** (`Write`) is a plain function `handler(tx, asker, params) -> result`. It runs in the writer's
transaction and may run more than once (a neighbour failed): it changes nothing outside of `tx`. Before it is called, in the
same transaction, the key has been looked up, `need` has been granted, and the message that it is aimed at has been found within
the grant. Its kind of *repetition* says how a repeated request is known:

- `MESSAGE`: it appends a message, whose key row is the proof, for ever. `again` makes the result from that message.
- `OUTCOME`: it happens once and leaves no message. The result is kept under the key for 30 days, and answered again with
  `duplicate = True`, though the asker may be no member any more.
- `NATURAL`: a repeat gives the same state and the result says how it stands; no key.

**A read** (`Read`) is `handler(reader, asker, params) -> result`, in one snapshot. **A task** (`Task`) is what is neither: a
coroutine with a deadline, cancelled when its session ends and at drain. **A signal** (`Heard`) goes to a plain function on the
loop. **A route** (`Route`) answers requests over HTTP, where the server listens for them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from imserver.chat.permissions import EVERYTHING, Grant, Need
from imserver.content import decode_content, encode_content
from imserver.errors import Refusal, RefusalCode, UniqueViolation
from imserver.http_requests import Asked, Page, said
from imserver.method_rows import Asker, Left, ReadRow, Repetition, WriteRow
from imserver.model import Audience, Kind, Message, Role, User
from imserver_protocol.methods.descriptors import Method, Push, Shape, Signal
from imserver_protocol.methods.state import AboutStands, AccountStands, ItemStands, SettingsStand
from imserver_protocol.shared.bounds import MAX_ITEMS_A_CHANGE

__all__ = [
    "EVERYTHING",
    "MOST_ITEMS",
    "AboutStands",
    "AccountStands",
    "Asked",
    "Asker",
    "Audience",
    "Check",
    "Device",
    "Feature",
    "Follow",
    "Grant",
    "Heard",
    "Hooks",
    "ItemStands",
    "Kind",
    "Left",
    "Message",
    "Method",
    "Need",
    "Page",
    "Push",
    "Read",
    "Reader",
    "Refusal",
    "RefusalCode",
    "Repetition",
    "Role",
    "Route",
    "Services",
    "Sessions",
    "SettingsStand",
    "Shape",
    "Signal",
    "Snapshot",
    "Task",
    "Told",
    "Transaction",
    "UniqueViolation",
    "User",
    "Write",
    "decode_content",
    "encode_content",
    "said",
]

P = TypeVar("P", bound=Shape)
R = TypeVar("R")
T = TypeVar("T")

#: Messages of one conversation whose state one transaction may change.
MOST_ITEMS = MAX_ITEMS_A_CHANGE
#: A task that takes longer is cancelled, and its request refused OVERLOADED (seconds).
TASK_DEADLINE_S = 10.0


class Transaction(Protocol):
    """The store inside one transaction, for one feature. Synchronous: no await, no other I/O. Raises `Refusal`."""

    @property
    def now_ms(self) -> int:
        """Wall time of this transaction, UTC milliseconds."""
        ...

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement on the feature's own tables, and on the views of `Reader`; rows of a SELECT or RETURNING, else
        []. Raises `UniqueViolation` for a key that is taken."""
        ...

    def place(self, conversation_id: str) -> int:
        """The small number of a conversation, for ever the same: what the feature's rows name it by. NOT_FOUND."""
        ...

    def conversation_id(self, place: int) -> str:
        """The conversation of this number. NOT_FOUND."""
        ...

    def user_no(self, user_id: str) -> int:
        """The small number of a user. NOT_FOUND."""
        ...

    def user(self, user_id: str) -> User | None: ...

    def members(self, conversation_id: str) -> Audience:
        """The members now; empty if there is no such conversation."""
        ...

    def message(self, conversation_id: str, position: int) -> Message | None:
        """The message as it is now, whoever asks; None if there is none."""
        ...

    def set_block(self, user_id: str, other_id: str, on: bool) -> bool:
        """Keep the direct messages of `other_id` from `user_id`, and their receipts and typing from each other; or do not any
        more. False if that was so already. NOT_FOUND, INVALID for oneself, and what a plugin says that keeps one from it."""
        ...

    def blocked_by(self, user_id: str, after: str, most: int) -> list[str]:
        """Whom this user blocks: user ids in their order, behind `after`, at most so many."""
        ...

    # what everybody reads
    def post_system(self, conversation_id: str, telling: Mapping[str, Any]) -> int:
        """Append a system message in the asker's name: for what people should *read* in the flow, never for what happens
        often. Under the request's key if the method's repetition is MESSAGE (once, then). Returns its position."""
        ...

    def replace_content(
        self, conversation_id: str, position: int, content: bytes | None, *, revision: int | None = None
    ) -> Message:
        """Give a message another content, or (None) take it back: then earlier contents are erased, too. GONE for a
        tombstone, CONFLICT if the revision is not the expected one. Call it before `post_system` tells of it: earlier
        contents are kept for those who left before that message."""
        ...

    # state that is no message (SPEC, "State"): each under the feature's name
    def set_item(
        self, conversation_id: str, position: int, value: Any, own: Mapping[str, Any] | None = None
    ) -> None:
        """State of a message: `extra[NAME]` for all, `mine[NAME]` for the users in `own`. None removes."""
        ...

    def stands(self, conversation_id: str, position: int, user_id: str) -> ItemStands:
        """How a message stands for this user, in this transaction: the result of a put."""
        ...

    def set_about(self, conversation_id: str, value: Any) -> None:
        """State of a conversation, for all its members."""
        ...

    def about_stands(self, conversation_id: str) -> AboutStands:
        """What a conversation shows, in this transaction: the result of a put to it."""
        ...

    def set_own(self, conversation_id: str, user_id: str, value: Any) -> None:
        """A member's own state in a conversation: `settings[NAME]`. NOT_FOUND for who is no member now."""
        ...

    def own_stands(self, conversation_id: str, user_id: str) -> SettingsStand:
        """A member's settings in a conversation, in this transaction: the result of a put to them."""
        ...

    def set_account(self, user_id: str, value: Any) -> None:
        """State of an account, for its devices."""
        ...

    def account_stands(self, user_id: str) -> AccountStands:
        """What an account keeps, in this transaction: the result of a put to it."""
        ...

    def push(self, user_ids: Iterable[str], push: Push[P], told: P) -> None:
        """Push to all devices of these users, after the commit, in commit order. Only a push that the feature registered, with
        the read that tells the same."""
        ...


class Reader(Protocol):
    """One snapshot, for one feature: at most 50 ms of SQL on its own tables and on three views of every engine.

    `readable(user_no, place, first, last)`: what a user may read, conversation by conversation.
    `said(place, position, change, sender_no, sent_at)`: messages that are there. `people(user_no, user_id, kind)`.
    """

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one SELECT."""
        ...

    def place(self, conversation_id: str) -> int:
        """The small number of a conversation. NOT_FOUND."""
        ...

    def conversation_id(self, place: int) -> str:
        """The conversation of this number. NOT_FOUND."""
        ...

    def user_no(self, user_id: str) -> int:
        """The small number of a user. NOT_FOUND."""
        ...

    def blocked_by(self, user_id: str, after: str, most: int) -> list[str]:
        """As in `Transaction`."""
        ...


class Snapshot(Protocol):
    """One moment of a database, for one feature's checks. No server need run, and nothing is started.

    What is streamed may be as long as the database: more statements may be run while it is read.
    """

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one SELECT on the feature's own tables, and on the views of `Reader`."""
        ...

    def rows(self, sql: str, params: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """The same, one row at a time."""
        ...

    def items(self) -> Iterator[tuple[int, int, int, Any]]:
        """What messages show under the feature's name: `(place, position, user_no, value)`, in this order. The value for all
        has user_no 0 and comes before those that people have of their own."""
        ...

    def abouts(self) -> Iterator[tuple[int, Any]]:
        """What conversations show under the feature's name: `(place, value)`."""
        ...

    def settings(self) -> Iterator[tuple[int, int, Any]]:
        """What members have set under the feature's name: `(place, user_no, value)`, also those who left."""
        ...

    def accounts(self) -> Iterator[tuple[int, Any]]:
        """What accounts keep under the feature's name: `(user_no, value)`."""
        ...

    def taken_back(self) -> Iterator[tuple[int, int]]:
        """Messages that were taken back: `(place, position)`."""
        ...

    def members(self) -> Iterator[tuple[int, int]]:
        """Who is a member: `(place, user_no)`, without those who left."""
        ...

    def looked_at(self, count: int) -> None:
        """Add to the number of things checked, for the report."""
        ...


#: A check for `imserver check`: gets a snapshot and gives findings, each one sentence. It runs on databases of other processes
#: and on copies, so it judges by the snapshot alone.
Check = Callable[[Snapshot], Iterable[str]]


class Write(WriteRow[Transaction, P, R]):
    """A method of a feature that writes: see `WriteRow`."""

    __slots__ = ()


class Read(ReadRow[Reader, P, R]):
    """A method of a feature that reads: see `ReadRow`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Task(Generic[P, R]):
    """A method that is neither: `handler(services, asker, params)` is a coroutine function."""

    method: Method[P, R]
    handler: Callable[[Services, Asker, P], Awaitable[R]]
    deadline_s: float = TASK_DEADLINE_S


@dataclass(frozen=True, slots=True)
class Told:
    """A push of the feature, and the method that tells the same again to who missed it."""

    push: Push[Any]
    by: Method[Any, Any]


@dataclass(frozen=True, slots=True)
class Device:
    """One session of a user: `attached` while it has a connection."""

    user_id: str
    device_id: str
    attached: bool = True


class Sessions(Protocol):
    """The sessions of this server now, and what is said to them at once or never."""

    def audience(self, conversation_id: str) -> Audience | None:
        """Members of a conversation as of its last message, if still remembered: enough for what may be lost."""
        ...

    def of(self, user_id: str) -> list[Device]:
        """The user's sessions."""
        ...

    def end(self, user_id: str, device_id: str) -> bool:
        """End a device's session and close its connection (REVOKED). False if there is none."""
        ...

    def tell(self, user_ids: Iterable[str], signal: Signal[Any, P], told: P) -> None:
        """Send a signal to the attached devices of these users."""
        ...


class Services(Protocol):
    """What a task works with."""

    @property
    def sessions(self) -> Sessions: ...

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in one transaction, as a method that writes, but for nobody in particular."""
        ...

    async def read(self, query: Callable[[Reader], T]) -> T:
        """Run `query` in one snapshot."""
        ...

    async def post_as(
        self, user_id: str, conversation_id: str, content: Mapping[str, Any], *, key: bytes
    ) -> int:
        """Post in a person's name, as if that person did it now: rates, reviewers and permissions of now. The key makes it
        exactly once; derive it from what is due. Returns the position."""
        ...


@dataclass(frozen=True, slots=True)
class Heard(Generic[P]):
    """A signal from clients: one from each session at most every `every_s`, the rest is dropped."""

    signal: Signal[P, Any]
    handler: Callable[[Sessions, Device, P], None]
    every_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Follow:
    """Follow all messages from a durable cursor: `handler(tx, messages)`, up to 256 `(change, message)` in commit order in one
    transaction with the cursor: each exactly once. A new feature begins at the newest message."""

    handler: Callable[[Transaction, Sequence[tuple[int, Message]]], None]


@dataclass(frozen=True, slots=True)
class Route:
    """An address on `[http]`, for who has no session: `handler(services, asked)` gives the `Page`. One that ends in `/` is all
    that begins with it. Other methods are 405, HEAD goes with GET. What a body and a handler may take is what plugins have.

    Nobody is signed in here. The path is as it came, with its `%` and `..`: never put it together with a file's."""

    path: str
    handler: Callable[[Services, Asked], Awaitable[Page]]
    methods: Sequence[str] = ("GET",)


@dataclass(frozen=True, slots=True)
class Hooks:
    """Called in the transaction of the act itself; what raises undoes the act."""

    #: `(tx, conversation_id, message)`: a message has another content; None in it means that it was taken back.
    content_replaced: Callable[[Transaction, str, Message], None] | None = None
    #: `(tx, conversation_id, user_id)`: somebody is no member any more.
    member_left: Callable[[Transaction, str, str], None] | None = None


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature. `name`: a-z and 0-9, beginning with a letter; its tables are `NAME_…`, its state stands under NAME.

    `migrations`: (number, SQL script) for its tables. `content_types`: type -> check of a decoded content, which raises
    `Refusal`; asked for messages of that type only. `checks`: name -> check for `imserver check`, which starts no feature.
    `export(reader, user_id)` gives all that the feature keeps of a person, `erase(tx, user_id)` removes it: a feature with
    tables has both. State of at most `MOST_ITEMS` messages of a conversation changes in one transaction, and nobody else writes
    meanwhile: an `erase` that removes a part returns True, and is called again in another.
    """

    name: str
    migrations: Sequence[tuple[int, str]] = ()
    methods: Sequence[Write[Any, Any] | Read[Any, Any] | Task[Any, Any]] = ()
    signals: Sequence[Heard[Any]] = ()
    pushes: Sequence[Told] = ()
    routes: Sequence[Route] = ()
    follow: Follow | None = None
    content_types: Mapping[str, Callable[[Mapping[str, Any]], None]] = field(default_factory=dict)
    hooks: Hooks = Hooks()
    #: Called on the loop when a session got a connection, and when it lost it (or ended).
    attached: Callable[[Sessions, Device], None] | None = None
    detached: Callable[[Sessions, Device], None] | None = None
    checks: Mapping[str, Check] = field(default_factory=dict)
    export: Callable[[Reader, str], Mapping[str, Any]] | None = None
    erase: Callable[[Transaction, str], bool | None] | None = None
