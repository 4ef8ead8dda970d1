"""Plugin API: all that a plugin sees of the server. A plugin imports this module and nothing else of `imserver`.

A plugin is an object with `name`, `config_type`, `async start(context)` and `async stop()`; it is found through the entry-point
group `imserver.plugins` and runs if the configuration has a section `[plugins.NAME]`. On stop the host undoes all
registrations made on the context.

The promise: what a plugin stores, the messages that it posts, the timers that it sets, and the fact that it has dealt with an
event are **one transaction**. The chat says "booked" if and only if the appointment exists.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import msgspec

from imserver.chat.permissions import Grant, Need
from imserver.clock import Clock
from imserver.content import decode_content, encode_content
from imserver.errors import AlreadyHandled, PluginError, Refusal, RefusalCode, UniqueViolation
from imserver.events import MessageEdited, MessagePosted, SetBack, TimerFired
from imserver.method_rows import Asker, ReadRow, Repetition, WriteRow
from imserver.metrics import Namespace
from imserver.model import Audience, GuestOf, Kind, Message, Role, User, direct_conversation_id
from imserver.named_file import read_text as read_named_file
from imserver_protocol.methods.descriptors import Method, Shape
from imserver_protocol.shared.cards import Button, Card, CardRef

__all__ = [
    "AlreadyHandled",
    "Asker",
    "Audience",
    "Button",
    "Call",
    "Card",
    "CardRef",
    "Check",
    "Clock",
    "CommandLine",
    "Content",
    "Context",
    "Effects",
    "Event",
    "Grant",
    "GuestOf",
    "Handler",
    "HttpRequest",
    "HttpResponse",
    "Kind",
    "Message",
    "MessageEdited",
    "MessagePosted",
    "Method",
    "Migration",
    "Namespace",
    "Need",
    "Operation",
    "Plugin",
    "PluginError",
    "Read",
    "Reader",
    "Refusal",
    "RefusalCode",
    "Repetition",
    "Role",
    "SetBack",
    "Shape",
    "ShownCode",
    "SignInLink",
    "Snapshot",
    "Stale",
    "TakeOver",
    "TimerFired",
    "Transaction",
    "UniqueViolation",
    "User",
    "Write",
    "decode_content",
    "direct_conversation_id",
    "encode_content",
    "read_named_file",
]

T = TypeVar("T")
P = TypeVar("P", bound=Shape)
R = TypeVar("R")

#: Message content: a map with `type` (`text`, `card`, `x-…`); see the SPEC, "Content". `Card(…).content()` makes one.
Content = Mapping[str, Any]

#: The argument of a handler.
Event = MessagePosted | TimerFired | SetBack


class Stale(Exception):
    """Raised by the `fn` of `Effects` that was made with what is out of date: nothing of it stays, and the handler is called
    again, at once. Not a failure, unless it is so again and again."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What a handler returns to have all of it done in one transaction that also marks its event, behind its return.

    `fn` is as that of `Context.transaction`, and its result is not used. Handlers still run one after another, and so do their
    effects, in the same order, each on what those before it left behind. But the next handler, of another user in another
    conversation, is called before these effects are committed, so that those of a crowd share a commit (docs/performance.md:
    what that is worth). What a handler reads itself (`Context.read`, `user`) is read behind the effects before it.

    What `fn` raises is the handler's failure: it is called again, by itself."""

    fn: Callable[[Transaction], object]


#: What a handler of a command or a message returns: an answer, or what to do. None: nothing, or it was done.
Answer = Content | str | Effects | None


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered SQL script for the plugin's own tables, whose names all begin with `NAME_`. Applied once, in order."""

    number: int
    sql: str


@dataclass(frozen=True, slots=True)
class Call:
    """A text command that a user typed (or tapped): `/ping now` gives name "ping", arguments "now"."""

    name: str
    arguments: str
    sender: User
    conversation_id: str
    event: MessagePosted
    content: Content = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ShownCode:
    """A guest's browser that shows a code (`Transaction.shown_code`). `shop`: for which, as its page said it, "" for any.
    `account_id`: it asks by now whether to go on as this account. `expires_at`: UTC ms."""

    code: str
    guest: User
    shop: str
    expires_at: int
    account_id: str | None


@dataclass(frozen=True, slots=True)
class SignInLink:
    """What signs one browser in, once. `path` stands behind `Context.public_url`, and holds the secret. UTC ms."""

    path: str
    expires_at: int


class Transaction(Protocol):
    """The store inside one transaction. Synchronous: no await, at most 50 ms, no other I/O."""

    @property
    def now_ms(self) -> int:
        """Wall time of this transaction, UTC milliseconds."""
        ...

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement on the plugin's own tables; rows of a SELECT or RETURNING, else []. `params` stand for the
        `?` of the statement, in order. Raises `UniqueViolation` for a key that is taken, which may be caught: only that
        statement is undone."""
        ...

    def post(self, conversation_id: str, content: Content, *, sender_id: str | None = None) -> int:
        """Post as a bot of this plugin (`sender_id`, by default the first of them that is a member there). Returns the
        position."""
        ...

    def edit(self, conversation_id: str, position: int, content: Content) -> int:
        """Change the content of a message of one of the plugin's bots. Returns the revision."""
        ...

    def retract(self, conversation_id: str, position: int) -> int:
        """Take a message back, for ever and with its earlier contents: any message of a person in a group or channel that a
        bot of this plugin runs (and of who is not above it), and a message of its own bots anywhere. Members are told by a
        silent system message. Returns the revision of what is left. GONE if it was taken back before."""
        ...

    def post_system(self, conversation_id: str, telling: Mapping[str, Any]) -> int:
        """In a method that writes and whose requests have keys: append a system message in the asker's name, whose `event`
        begins with `x-PLUGIN.`. It is the proof of a request whose repetition is MESSAGE. Returns its position."""
        ...

    def ensure_conversation(
        self,
        key: str,
        kind: Kind,
        members: Mapping[str, Role],
        *,
        title: str = "",
        owner_id: str | None = None,
        team: str | None = None,
    ) -> str:
        """Find the conversation that `key` names for this plugin, or make it. Returns its id. `owner_id` is a
        bot of this plugin (by default its first). Members and `team` are set at creation only.

        `team` is a group that the owner runs: its persons, at most 200 and never bots, are members of the new group, too,
        as long as they are in the team. They need no row each, so leave them out of `members`."""
        ...

    def set_title(self, conversation_id: str, title: str) -> None:
        """Give a group or channel that a bot of this plugin runs another title; no effect if it is that one. Nobody is told:
        whoever reads the conversation's row from then on finds it there."""
        ...

    def set_team(self, conversation_id: str, team: str, *, keep: Iterable[str] = ()) -> None:
        """Give a group that exists a team, for ever. A bot of this plugin has to run both. No effect if it has this team
        already; CONFLICT if it has another. Members who are in the team are members by it from then on, with the role `member`
        and the cursors that they have; only the owner, who is muted, and whom `keep` names, stays as well. Whoever is not in
        the team, and is not to stay, is for the plugin to remove, before: a former member who ever was in the team reads
        nothing any more."""
        ...

    def add_member(
        self, conversation_id: str, user_id: str, role: Role = Role.MEMBER, *, lets_back: bool = False
    ) -> None:
        """Add a member. No effect if the user was added already; who is a member by the team alone stays from then on, whatever
        becomes of the team. Whoever left by himself stays out (FORBIDDEN), unless an operator decided that he is let back:
        `lets_back`."""
        ...

    def remove_member(self, conversation_id: str, user_id: str) -> None:
        """Remove a member. No effect if the user is not a member. Whoever is here by the team alone is removed from that
        group (FORBIDDEN here)."""
        ...

    def members(self, conversation_id: str) -> Audience:
        """The members, those by the team among them; empty if there is no such conversation."""
        ...

    def schedule(self, due_at: int, name: str, payload: Mapping[str, Any]) -> int:
        """Set a durable timer; its handler (`Context.timer`) is called at `due_at` (UTC ms) or later. Returns its id."""
        ...

    def cancel_timer(self, timer_id: int) -> bool: ...

    def handled(self, event: Event) -> None:
        """Mark the event as dealt with in this transaction; raises `AlreadyHandled` (let it pass) if another unit was
        first. `Context.transaction(fn, event=…)` does it before `fn`, so handlers rarely need it; twice is harmless."""
        ...

    def changed(
        self, method: Method[P, Any], params: P | None, *, users: Iterable[str] | None = None
    ) -> None:
        """The answer of this read of the plugin, which has `hints`, is another: tell the sessions that asked it with
        these params, or with any (None), behind the commit, at most once a second each; those of these users, if given. The
        same said twice is said once; at most 512 questions in a transaction."""
        ...

    def audit(
        self,
        act: str,
        *,
        actor_id: str | None = None,
        about_id: str | None = None,
        conversation_id: str | None = None,
        position: int | None = None,
    ) -> None:
        """Keep in the server's audit log who did what to whom. `act`: words of a-z joined by dots (`record.viewed`), at most
        64 characters, no text of anybody. The row has numbers in place of names."""
        ...

    def user(self, user_id: str) -> User | None: ...

    def guest_of(self, user_id: str) -> GuestOf | None:
        """How an account began that a page made for a stranger; None for all others. What it names as `shop` is what the page
        said: limits of guests (`[http] guests_per_address`) are counted for that, so do not take one at another for counted."""
        ...

    def ensure_user(self, user: User) -> None:
        """Make or update a person's account. Roles that are new to it are given by this plugin."""
        ...

    def is_active(self, user_id: str) -> bool:
        """Whether there is such an account, and no operator has disabled it. A disabled one may do nothing: leave it out of
        whatever it would be asked to do."""
        ...

    def give_role(self, user_id: str, role: str) -> bool:
        """Give a role to an account, in this plugin's name. It stays as long as any of its givers (plugins, the operator) lets
        it. False, and nothing happens, if this plugin had given it, or the account is not active. NOT_FOUND."""
        ...

    def take_role(self, user_id: str, role: str) -> bool:
        """Take back what this plugin has given, or what nobody knows who gave. What others gave stays. NOT_FOUND."""
        ...

    def shown_code(self, code: str) -> ShownCode | None:
        """The guest's browser that shows this code now, five minutes long, to go on as an older account; None if there is
        none. Who tries codes, and how often, is for the plugin to bound."""
        ...

    def ask_guest(self, code: str, account_id: str, *, asked_by: str, about: Mapping[str, Any]) -> ShownCode:
        """Have that browser ask its guest whether to go on as this account. With a yes `Context.carry_over` is called. `about`:
        what the guest is shown of it, JSON of at most 2 KiB: enough to say no, too little to learn from. `asked_by`: who
        typed the code, for the audit log. The same once more changes nothing.

        NOT_FOUND if nobody shows the code; CONFLICT if it asks about another account; FORBIDDEN, with `detail` `guest` or
        `account`: only guests go on as somebody else, and nobody as a disabled account, a bot, or one that has a role."""
        ...

    def make_link(self, user_id: str, *, asked_by: str) -> SignInLink:
        """Make a link that signs one browser of a member of staff in, once, within ten minutes. Whoever has it first is that
        person: post it to nobody but `asked_by`, in a direct chat. FORBIDDEN for whoever is not active, has not the role
        `staff`, or is in no group that a bot of this plugin runs; RATE_LIMITED."""
        ...


class Snapshot(Protocol):
    """One moment of a database, for a plugin's own checks. Call it for SQL: `sql(statement, params) -> rows`."""

    def __call__(self, sql: str, params: Sequence[Any] = (), /) -> list[tuple[Any, ...]]:
        """Run one SELECT on the plugin's own tables."""
        ...

    def looked_at(self, count: int) -> None:
        """Add `count` to the number of things checked, for the report."""
        ...

    def timers(self) -> Mapping[int, TimerFired]:
        """The plugin's timers that have not been dealt with, by id."""
        ...

    def message(self, conversation_id: str, position: int) -> Message | None:
        """A message as it is now; None if there is none at this position."""
        ...

    def members(self, conversation_id: str) -> Audience:
        """The members; empty if there is no such conversation."""
        ...

    def added(self, conversation_id: str) -> Mapping[str, Role | None]:
        """Whoever was ever added, with the role; None for who left or was removed. Who is a member by the team alone is not
        among them."""
        ...

    def team(self, conversation_id: str) -> str | None:
        """The group that the conversation names as its team."""
        ...

    def user(self, user_id: str) -> User | None: ...


class Reader(Protocol):
    """One snapshot, for a method that reads. Synchronous, at most 50 ms of SQL, on a thread of the store's."""

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one SELECT on the plugin's own tables."""
        ...

    def message(self, conversation_id: str, position: int) -> Message | None:
        """A message as it is now, whoever asks; None if there is none at this position."""
        ...

    def members(self, conversation_id: str) -> Audience:
        """The members; empty if there is no such conversation."""
        ...

    def user(self, user_id: str) -> User | None: ...

    def guest_of(self, user_id: str) -> GuestOf | None:
        """As `Transaction.guest_of`."""
        ...


class Write(WriteRow[Transaction, P, R]):
    """A method of a plugin that writes: see `WriteRow`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Read(ReadRow[Reader, P, R]):
    """A method of a plugin that reads: see `ReadRow`.

    With `hints`, sessions that asked it are told when `Transaction.changed` says that the answer is another: they are pushed
    the question, `[method, params…]`, and ask again. The first change after a quiet time is told at once, and of others each
    session hears at most every `hints_every_s` (0.1 to 60 s). Each hint is another answer to look up for each session: less
    than a second is for an answer that is small, and stays small whatever the table holds.
    """

    hints: bool = False
    hints_every_s: float = 1.0


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request under `/x/PLUGIN/`, or for a page. Header names are in small letters: `accept`, `accept-encoding`,
    `accept-language`, `content-type`, `if-modified-since`, `if-none-match`, `origin` and `sec-fetch-site`, no others.

    `params` are what the path says at its `{…}`. `session` is what this plugin keeps of the visitor, and `user_id` who is
    signed in: both come from a cookie, which no plugin sees.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    #: The first value of each name.
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    session: Mapping[str, str] = field(default_factory=dict)
    user_id: str | None = None
    #: Stands for the address that it came from, for limits alone: the same as long as the server runs. Thousands may share one.
    visitor_key: str = ""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An answer. `headers` may be `cache-control`, `content-disposition`, `content-encoding`, `content-language`, `etag`,
    `last-modified`, `location`, `retry-after`, `service-worker-allowed` and `vary`. `session` replaces what is kept of the
    visitor, at most 1 KiB; None leaves it.

    `document`: it is HTML or a service worker of a web page, which may load scripts, styles and pictures of this server, and
    speak to it. Without it the answer may load nothing, whatever it is.
    """

    status: int = 200
    body: bytes | str = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    session: Mapping[str, str] | None = None
    document: bool = False

    @classmethod
    def json(cls, value: Any, status: int = 200, **more: Any) -> HttpResponse:
        """`value` as JSON."""
        return cls(status, msgspec.json.encode(value), "application/json", **more)


HttpHandler = Callable[[HttpRequest], Awaitable[HttpResponse]]


#: A consistency check for `imserver check`: gets a snapshot and returns findings, each one sentence.
#:
#: It runs on databases of other processes and on copies, so it judges by the snapshot alone: a plain function that neither
#: writes nor looks at a running plugin, its configuration or the clock.
Check = Callable[[Snapshot], list[str]]

Handler = Callable[[Any], Awaitable[None]]


class Context(Protocol):
    """The host's interface for a plugin, passed to `Plugin.start`. Registrations are undone on stop."""

    @property
    def config(self) -> Any:
        """The section `[plugins.NAME]`, checked and converted to `Plugin.config_type`."""
        ...

    def path(self, text: str) -> Path:
        """The place that a path of the section names: a relative one is relative to the configuration's folder."""
        ...

    @property
    def clock(self) -> Clock: ...

    @property
    def log(self) -> Any:
        """A structlog logger bound to the plugin's name."""
        ...

    @property
    def metrics(self) -> Namespace:
        """Makes counters, gauges and histograms named `imserver_plugin_NAME_…`. Bind label children once."""
        ...

    @property
    def public_url(self) -> str:
        """How people reach the server's pages, as `[http] public_url` says: `https://chat.example`; "" if it does not."""
        ...

    @property
    def max_text_chars(self) -> int:
        """A longer text is no command: it goes to the handlers of `on`, which leave it to people."""
        ...

    async def ensure_bot(self, user_id: str, display_name: str, *, language: str = "en") -> User:
        """Make a user that this plugin speaks as. The plugin gets events of conversations that have one of its bots.

        Raises `PluginError` for an id that is none, and for a person's account."""
        ...

    async def check_bot(self, user_id: str, display_name: str, *, language: str = "en") -> None:
        """Raise what `ensure_bot` would, and change nothing: for `reload`, which judges first. Somebody may log in with that
        account in between, so `ensure_bot` may still raise."""
        ...

    def command(
        self,
        name: str,
        handler: Callable[[Call], Answer | Awaitable[Answer]],
        *,
        help: str = "",
        aliases: Sequence[str] = (),
        wants_sender: bool = True,
    ) -> None:
        """Add a text command: `/name …` and bare aliases (`预约 …`) typed in a conversation with one of the plugin's
        bots. The bot posts the handler's return value in the same transaction that marks the event handled, or the
        `Effects` that it returns are done in it; None means that the handler did all of it in `transaction(fn,
        event=call.event)`, or that there is no answer. Without `wants_sender` nobody looks the account up before the handler
        is called: of `call.sender` only the id counts (a handler that asks `tx.user` in its transaction needs no more).

        A handler that has nothing to wait for may be a plain function: it needs no task of its own, which is three turns of
        the loop less. It may also decide so each time, and return what is to be awaited."""
        ...

    def on(
        self,
        event_type: type[MessagePosted],
        handler: Callable[[MessagePosted], Effects | Awaitable[Effects | None] | None],
    ) -> None:
        """Register a handler for messages that no command took, in conversations with one of the plugin's bots, after commit,
        in commit order of each sender and of each conversation; senders take turns. Messages of the plugin's own bots are not
        delivered. A crash redelivers unhandled messages. The handler may be a plain function, as that of a command."""
        ...

    def timer(
        self, name: str, handler: Callable[[TimerFired], Awaitable[None]], *, sends: bool = False
    ) -> None:
        """Register the handler for durable timers of this name. `sends`: what it does reaches people (a reminder), and must not
        reach them twice; after a restore those that were due by then are listed in `SetBack` and do not fire. All others fire
        late, as after any downtime."""
        ...

    def set_back(self, handler: Callable[[SetBack], Awaitable[None]]) -> None:
        """Register who is told that an older copy of the database has come back: before any message or timer, and once, if the
        handler marks it with `transaction(fn, event=event)` or returns. The plugin's rows are those of the copy by then; what
        people saw since is not in them."""
        ...

    def review(self, handler: Callable[[str, str, Content], Awaitable[Refusal | None]]) -> None:
        """Register the one hook before commit: (conversation id, sender id, content) → None, or a refusal. Failing or late
        handlers refuse with OVERLOADED."""
        ...

    def method(self, row: Write[Any, Any] | Read[Any, Any]) -> None:
        """Offer a method named `x-PLUGIN.NAME`. Its handler is a plain function that runs on a thread of the store's, of a
        `Write` in the writer's transaction, and maybe more than once: it changes nothing outside. What `tx.post` says in it
        stands under keys that follow from the request's."""
        ...

    def keeps(self, handler: Callable[[Reader, str], int | None]) -> None:
        """Register what the plugin still needs of a conversation: the lowest position, or None. Retention asks before it
        removes anything, and removes nothing if this raises."""
        ...

    def export(self, handler: Callable[[Reader, str], Mapping[str, Any]]) -> None:
        """Register what gives all that the plugin's tables keep of a person (user id → a map)."""
        ...

    def erase(self, handler: Callable[[Transaction, str], None]) -> None:
        """Register what removes it: in one unit with what everybody else keeps of that person."""
        ...

    def renamed(self, handler: Callable[[Transaction, str], None]) -> None:
        """Register what is told when an operator gives a person (user id) another name: a plain function, in that unit. Names
        are read where they are shown, so this says to whoever was shown one that it is another (`Transaction.changed`)."""
        ...

    def may_block(self, handler: Callable[[Transaction, str, str], None]) -> None:
        """Register who is asked when a person (user id) is about to block a bot of this plugin (its id): a plain function, in
        the transaction of the block, that raises a `Refusal` if the bot must go on writing, because something that both agreed
        on is still to come. It says in `text` how to end that."""
        ...

    def carry_over(self, handler: Callable[[Transaction, str, str], None]) -> None:
        """Register what carries over all that the plugin keeps of a guest (user id) to the account (user id) that the guest
        goes on as: a plain function, in one transaction, before whoever said yes is answered, and before any message of a
        start. It is tried before the yes counts, and what it raises then is the answer. The guest's account has ended: nothing
        new comes of it, but messages of before may. Behind a restore it may be called again, and on older rows; of the two, the
        copy may know neither."""
        ...

    def on_record(self, name: str, handler: Callable[[Transaction, Mapping[str, Any]], None]) -> None:
        """Register what does the records of this name (`put_on_record`): a plain function of the transaction and the body. It
        may be called again for what it has done, and on older rows than those of when the record was written."""
        ...

    def route(self, method: str, path: str, handler: HttpHandler) -> None:
        """Answer HTTP requests at `/x/PLUGIN` + `path`: literal parts and `{names}`, which stand for one part each. A GET route
        answers HEAD, too. The handler has 5 s and runs beside others."""
        ...

    def page(self, path: str, handler: HttpHandler) -> None:
        """Answer GET and HEAD at an address of the site itself: `/`, `/s/{shop}`, `/sw.js`. It begins with a word that is
        neither the server's nor a feature's; one plugin has it. Otherwise as `route`."""
        ...

    async def transaction(self, fn: Callable[[Transaction], T], *, event: Event | None = None) -> T:
        """Run `fn` in one transaction. With `event`, it is marked handled in the same transaction.

        `fn` is a plain function and may run more than once (a neighbour in the same commit failed): return results,
        change nothing outside. An exception undoes all of it and is raised here."""
        ...

    async def put_on_record(self, name: str, body: Mapping[str, Any]) -> None:
        """Put into the server's ledger, on the disk, what must hold whatever copy of the database comes back (a consent that is
        withdrawn), then have the handler of `on_record` do it; returns when that is committed. Behind a restore the handler is
        called again, before any message. What it raises is raised here, and then nothing is on record.

        `body`: JSON of at most 2 KiB, kept for ever: ids, versions, times (the time of the act, too), nobody's words. Above 200
        at once and 2 a second it raises OVERLOADED."""
        ...

    async def read(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one SELECT on the plugin's own tables, in a snapshot, beside the writer."""
        ...

    async def user(self, user_id: str) -> User | None: ...


#: `Plugin.file_faults`: gets the checked section and `Context.path`.
FileFaults = Callable[[Any, Callable[[str], Path]], Iterable[str]]

#: What `Plugin.reload` returns: has what was judged in effect, or raises and leaves what was before. Cancelled, at the deadline
#: of a start, it goes back, for which it has as long again; what it has not undone by then stays, and the log says to restart.
TakeOver = Callable[[], Awaitable[None]]

#: What a plugin's command asks of its own tables (`CommandLine.ask`): gets the context and arguments, small maps of JSON, and
#: returns such a map. On a running server it runs beside the plugin's handlers; on a stopped database the plugin is not started
#: and has no bots. It raises `PluginError` for what it cannot do, one line.
Operation = Callable[["Context", Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


class CommandLine(Protocol):
    """What a plugin's `cli` finds as `click.Context.obj`."""

    @property
    def config_path(self) -> Path | None:
        """The configuration's file; None if there is none."""
        ...

    def section(self, plugin: str) -> Any:
        """The section `[plugins.NAME]`, checked; None without one."""
        ...

    def path(self, text: str) -> Path:
        """As `Context.path`."""
        ...

    @property
    def public_url(self) -> str:
        """As `Context.public_url`."""
        ...

    def say(self, text: str, *, err: bool = False) -> None:
        """Print a sentence, or on standard error: a terminal shows it with no word cut in two, a program gets one line."""
        ...

    def ask(self, plugin: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """Have the running server do this operation of a plugin, or do it on the stopped database."""
        ...


@runtime_checkable
class Plugin(Protocol):
    """The contract of a plugin object. `migrations` may be empty; `config_type` is a msgspec.Struct type.

    A plugin may also have `checks` (name -> `Check`), which `imserver check` asks without starting the plugin; `cli`: a
    click command, mounted as `imserver NAME …`, that needs no running server; and `operations` (name -> `Operation`), which
    that command asks.

    One whose section names files may have `file_faults(config, path)`, plain and without a running plugin: sentences about what
    is wrong in them, where `path` is that of the context; `imserver config check` asks, and a reload (SIGHUP) before it changes
    anything; and `async reload()`, which reads and judges them, changes nothing, and returns a `TakeOver` (None: nothing is to
    be taken over). Every plugin has judged its files before the first takes anything over. Both raise `PluginError` if all
    stays as it was.
    """

    @property
    def name(self) -> str: ...

    @property
    def config_type(self) -> type[Any]: ...

    @property
    def migrations(self) -> Sequence[Migration]: ...

    async def start(self, context: Context) -> None: ...

    async def stop(self) -> None: ...
