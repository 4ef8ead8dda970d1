"""Test kit for plugin authors: a clock that is moved by hand, and one plugin on a store of its own, without sockets.

    async with PluginKit(Ping, config={"bot": "pong"}) as kit:
        await kit.user("ann")
        [answer] = await kit.say("ann", kit.direct("ann", "pong"), "/ping")
        assert answer.text.startswith("pong")

Nothing here sleeps: `say` and `advance` return when the plugin has nothing left to do.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, Self, TypeVar, cast

import msgspec

from imserver.chat.accounts import Accounts
from imserver.chat.administration import Administration
from imserver.chat.browsers import SECRET_BYTES, Browsers, hashed
from imserver.chat.fan_out import Hub
from imserver.chat.joins import Joins
from imserver.chat.ports import Store
from imserver.chat.posting import Posting
from imserver.chat.reader import Reader
from imserver.clock import Clock
from imserver.config import AuthConfig, LimitsConfig, StoreConfig
from imserver.content import decode_content, encode_content
from imserver.errors import Refusal
from imserver.events import MessageEdited, MessagePosted, StoredEvent
from imserver.feature_host import Askers, FeatureHost
from imserver.http_requests import Visitor
from imserver.model import AuditRow, Kind, Role, User, direct_conversation_id
from imserver.net.pushes import WirePushes
from imserver.plugin_api import Content, HttpResponse, Method, Plugin, Shape
from imserver.plugin_host import HostLimits, PluginHost
from imserver.store.sqlite.inline import open_inline
from imserver.store.sqlite.store import SqliteStore

T = TypeVar("T")
P = TypeVar("P", bound=Plugin)
S = TypeVar("S", bound=Shape)
R = TypeVar("R")

#: Default start of a ManualClock: a Monday morning (UTC) without any meaning.
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
#: Timers that one `advance` may fire one after another; a plugin that keeps setting a timer of no length would never end.
MAX_TIMER_STEPS = 10_000
#: Lines of the log about a handler that is not called again.
_GIVEN_UP = frozenset({"plugin_handler_failed_after_commit", "plugin_handler_failed_late"})


class ManualClock:
    """Stands still until it is moved. Wall time may be moved back, monotonic time never."""

    def __init__(self, start: datetime | int = START) -> None:
        self._now_ms = start if isinstance(start, int) else round(start.timestamp() * 1000)
        self._monotonic_s = 0.0

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic(self) -> float:
        return self._monotonic_s

    def advance(self, seconds: float) -> None:
        """Move both readings on by `seconds`."""
        if seconds < 0:
            raise ValueError("advance: time does not go back; see jump_to")
        self._now_ms += round(seconds * 1000)
        self._monotonic_s += seconds

    def jump_to(self, now_ms: int) -> None:
        """Set wall time, as when an operator sets the machine's clock."""
        self._now_ms = now_ms


@dataclass(frozen=True, slots=True)
class Said:
    """A message as a member reads it now (edits included)."""

    conversation_id: str
    position: int
    sender_id: str
    content: Content
    revision: int = 1

    @property
    def text(self) -> str:
        """`text` of the content, or "" if it has none."""
        return str(self.content.get("text", ""))


class _Device:
    """A user's one session, as the host sees it."""

    ended = False

    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        self.pushes: list[tuple[Any, ...]] = []

    def push_all(self, tails: Sequence[Any]) -> None:
        for tail in tails:
            whole = bytes([0x90 | tail.count]) + tail.data  # a tail is the fields of an array
            self.pushes.append(tuple(msgspec.msgpack.decode(whole)))


class LogBook:
    """Replaces a structlog logger and keeps its records: `(level, event, fields)`."""

    def __init__(
        self,
        fields: Mapping[str, Any] | None = None,
        lines: list[tuple[str, str, dict[str, Any]]] | None = None,
    ):
        self._fields = dict(fields or {})
        self.lines: list[tuple[str, str, dict[str, Any]]] = [] if lines is None else lines

    def bind(self, **fields: Any) -> LogBook:
        return LogBook({**self._fields, **fields}, self.lines)

    def events(self, level: str | None = None) -> list[str]:
        """Names of the logged events, in order."""
        return [event for logged, event, _ in self.lines if level in (None, logged)]

    def __getattr__(self, level: str) -> Callable[..., None]:
        if level not in {"debug", "info", "warning", "error", "exception", "critical"}:
            raise AttributeError(level)

        def log(event: str, **fields: Any) -> None:
            self.lines.append((level, event, {**self._fields, **fields}))

        return log


def scratch_store(clock: Clock | None = None, seed: int = 1) -> SqliteStore:
    """The real store without threads: its work runs on the loop, in the same order in every run. Its file goes with it."""
    config = StoreConfig(path=":memory:", readers=1)
    return SqliteStore(config, clock=clock, rng=random.Random(seed), opener=open_inline)  # noqa: S311  ids in a test


class PluginKit(Generic[P]):
    """One plugin, run by the real plugin host on `scratch_store` (or on `store`).

    `plugin` is a class (or anything that makes the plugin object when called), so that `restart` gets a new one, or a ready
    object. `config` is its section. `seed` makes every id the same in every run.

    Whatever waits for the plugin (`say`, `idle`, `advance`) raises the exception of a handler that the host gave up on, or that
    came behind its commit: a server would log it and go on, and a test would look for what was never said. With
    `raises=False` it goes on, for tests of what people are told then.
    """

    def __init__(
        self,
        plugin: P | Callable[[], P],
        config: Mapping[str, Any] | None = None,
        *,
        store: Store | None = None,
        clock: ManualClock | None = None,
        limits: HostLimits | None = None,
        seed: int = 1,
        public_url: str = "",
        raises: bool = True,
    ) -> None:
        self._make = plugin
        self._raises = raises
        #: Lines of the log that were looked at for failures.
        self._looked = 0
        self._config = config or {}
        self.clock = clock or ManualClock()
        self.log = LogBook()
        self.store: Store = store or scratch_store(self.clock, seed)
        self.limits = limits or HostLimits()
        self.public_url = public_url
        self._random = random.Random(seed)  # noqa: S311  ids in a test
        self._hub = Hub(WirePushes(), self.clock, self.log, max_backlog=100_000)
        self._hub.observers.append(self._observe)
        self._askers = Askers(self.clock, WirePushes.told)
        self._devices: dict[str, _Device] = {}
        self._sessions: dict[str, Mapping[str, str]] = {}
        #: Code -> secret of the browser that shows it.
        self._codes: dict[str, bytes] = {}
        self._said: dict[str, dict[int, Said]] = {}
        #: The plugin object that runs.
        self.plugin: P
        self.host: PluginHost

    async def __aenter__(self) -> Self:
        self._hub.on_relief = self.store.resume
        await self.store.open(self._hub)
        try:
            await self.start()
        except BaseException:
            await self.store.close()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.host.stop()
        self._askers.close()
        await self.store.close()

    # -- the plugin's life --------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the plugin (the `async with` does it). Raises `RuntimeError` if it runs."""
        host = getattr(self, "host", None)
        if host is not None and host.names:
            raise RuntimeError("the plugin runs: `restart` it, or `crash` it first")
        made = self._make
        # A class has `start` too, so it is asked first.
        ready = not isinstance(made, type) and hasattr(made, "start")
        self.plugin = cast("P", made if ready else cast("Callable[[], P]", made)())
        posting = Posting(self.store, self.clock, LimitsConfig())
        self._door = FeatureHost((), self.store, self._read, posting, self.log)
        self.host = PluginHost(
            self.store,
            {self.plugin.name: self._config},
            clock=self.clock,
            log=self.log,
            plugins=[self.plugin],
            random_bytes=self._random.randbytes,
            limits=self.limits,
            offers=self._door.offers,
            askers=self._askers,
            public_url=self.public_url,
        )
        posting.reviewers = self.host.reviewers
        await self.host.start()

    async def _read(self, query: Callable[[Reader], tuple[T, int]]) -> T:
        answer, _ = await self.store.read(query)
        return answer

    async def restart(self) -> None:
        """Stop the plugin in good order and start it again on the same store."""
        await self.host.stop()
        await self.start()

    async def set_back(self, copied_at: int) -> None:
        """Act as if an older copy of the database, of that time, had come back as it is now: the plugin is killed, started
        again, and told."""
        await self.crash()
        await self.store.begin_life("restore", copied_at=copied_at)
        await self.start()
        await self.idle()

    async def operate(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Ask what the plugin's command asks, of the running plugin, or of its tables if it was stopped (`host.stop`)."""
        return await self.host.operate(self.plugin.name, operation, arguments)

    async def crash(self) -> None:
        """Kill the plugin in mid-work; committed data stays. `start` starts it again."""
        await self.host.kill()

    # -- users and messages -------------------------------------------------------------------------------------------

    async def user(
        self, user_id: str, name: str = "", *, language: str = "en", roles: Sequence[str] = ()
    ) -> User:
        """Make an account."""
        made = User(user_id, name or user_id.title(), language, tuple(roles))
        await self.store.write(lambda tx: tx.put_user(made))
        return made

    def direct(self, one: str, other: str) -> str:
        """The id of the direct conversation of two users. It exists from its first message on."""
        return direct_conversation_id(one, other)

    async def group(self, owner: str, *members: str, title: str = "", team: str | None = None) -> str:
        """Make a group, maybe with a team, which the owner runs. Returns its id."""
        key, roles = self._random.randbytes(16), dict.fromkeys(members, Role.MEMBER)
        made = await self.store.write(
            lambda tx: tx.create_conversation(owner, key, Kind.GROUP, title, roles, team)
        )
        return made[0]

    async def post(self, user_id: str, conversation_id: str, content: Content | str) -> int:
        """Post, after the plugin's review, without waiting for the plugin's answers. Returns the position."""
        whole: Content = {"type": "text", "text": content} if isinstance(content, str) else content
        for reviewer in self.host.reviewers:
            refusal = await reviewer(conversation_id, user_id, whole)
            if refusal is not None:
                raise refusal
        key, data = self._random.randbytes(16), encode_content(whole)
        posted = await self.store.write(
            lambda tx: tx.post(conversation_id, user_id, key, data, sent_at=self.clock.now_ms())
        )
        return posted.position

    async def say(self, user_id: str, conversation_id: str, content: Content | str) -> list[Said]:
        """Post, and wait until the plugin has nothing left to do. Returns the later messages of others there."""
        position = await self.post(user_id, conversation_id, content)
        await self.idle()
        return [
            said
            for said in self.messages(conversation_id)
            if said.position > position and said.sender_id != user_id
        ]

    def messages(self, conversation_id: str) -> list[Said]:
        """All messages of the conversation, as they read now, without system messages."""
        said = self._said.get(conversation_id, {})
        return [said[position] for position in sorted(said) if said[position].content.get("type") != "system"]

    # -- methods, pushes and HTTP -------------------------------------------------------------------------------------

    async def call(self, method: Method[S, R], user_id: str, params: S) -> R:
        """Ask a method of the plugin, as this user's device would; hear of it from then on, if it is a read with `hints`.
        Raises `Refusal`. Waits for no handlers: see `idle`."""
        offer = self._door.offers.methods.get(method.name)
        if offer is None or not offer.hinted:
            return await self._door.call(method, user_id, params)
        device = self._devices.setdefault(user_id, _Device(user_id))
        self._askers.asked(device, method, params, offer.hinted_every_s)
        try:
            return await self._door.call(method, user_id, params)
        except Refusal:
            self._askers.refused(device, method, params)
            raise

    def pushes(self, user_id: str) -> list[tuple[Any, ...]]:
        """What the user's device was pushed since the last call: `(method, params…)`, of reads to ask again."""
        device = self._devices.get(user_id)
        if device is None:
            return []
        heard, device.pushes = device.pushes, []
        return heard

    async def http(
        self,
        method: str,
        target: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        visitor: str = "",
        user_id: str | None = None,
        address: str = "192.0.2.1",
    ) -> HttpResponse:
        """Ask over HTTP: `await kit.http("GET", "/x/shop/day?date=…")`. `visitor` names a browser, whose session is kept;
        `address` is where it asks from."""

        async def chunks() -> AsyncIterator[bytes]:
            if body:
                yield body

        named = {name.lower(): value for name, value in (headers or {}).items()}
        who = Visitor(self._sessions.get(visitor, {}), user_id)
        answer = await self.host.web.answer(method, target, named, chunks(), who, address)
        if answer.session is not None:
            self._sessions[visitor] = answer.session
        told = dict(answer.headers)
        content_type = told.get("content-type", "")
        return HttpResponse(answer.status, answer.body, content_type, told, answer.session, answer.document)

    async def export(self, user_id: str) -> Mapping[str, Any]:
        """All that the plugin says it keeps of a person."""
        exported = await self.store.read(lambda reader: self.host.exported(reader, user_id))
        return exported.get(f"x-{self.plugin.name}", {})

    async def erase(self, user_id: str) -> None:
        """Have the plugin remove all that it keeps of a person."""
        await self.store.write(lambda tx: self.host.erase_in(tx, user_id))

    async def rename(self, user_id: str, name: str) -> None:
        """Give a person another name, as an operator does."""
        administration = Administration(self.store, self.clock)
        administration.renamed = self.host.renamed_in
        await administration.put_user(user_id, display_name=name)

    async def audit(self) -> list[AuditRow]:
        """The audit log, at most its first thousand rows."""
        return await self.store.read(lambda reader: reader.audit_after(0, 1000))

    # -- guests who go on as somebody else --------------------------------------------------------------------------------

    async def show_code(self, user_id: str, shop: str = "") -> str:
        """Have a browser of a guest (an account with the role `guest`) show a code, as at a counter. Returns it."""
        secret = self._random.randbytes(SECRET_BYTES)
        browsers, joins = self._joining()
        device_id = browsers.new_device_id()
        await self.store.write(
            lambda tx: tx.put_browser(hashed(secret), user_id, device_id, "Browser on a phone")
        )
        found = await browsers.signed_in([secret])
        if found is None:
            raise RuntimeError(f"there is no account {user_id!r}")
        code = (await joins.show(found[1], shop)).code
        self._codes[code] = secret
        return code

    async def accept(self, code: str) -> None:
        """Have its guest say yes: what the plugin keeps is carried over. Raises `Refusal` before anybody has asked."""
        _, joins = self._joining()
        await joins.accept([self._codes[code]], code, key=b"", label="Browser on a phone")
        await self.idle()

    async def refuse(self, code: str) -> None:
        """Have its guest say no."""
        browsers, joins = self._joining()
        found = await browsers.signed_in([self._codes[code]])
        assert found is not None
        await joins.refuse(found[1], code)

    def _joining(self) -> tuple[Browsers, Joins]:
        random_bytes = self._random.randbytes
        accounts = Accounts(
            self.store, self.clock, AuthConfig(secret="of a kit that lets nobody in, ever"), random_bytes
        )
        browsers = Browsers(self.store, self.clock, accounts, random_bytes)
        joins = Joins(self.store, self.clock, accounts, browsers, self.host.carrying, random_bytes)
        return browsers, joins

    # -- time ---------------------------------------------------------------------------------------------------------

    async def idle(self) -> None:
        """Wait until the plugin has handled every message and no timer is due. Raises what a handler raised at last."""
        await self.host.idle()
        lines, self._looked = self.log.lines[self._looked :], len(self.log.lines)
        for _, event, fields in lines if self._raises else ():
            if event in _GIVEN_UP or fields.get("attempt") == self.limits.max_attempts:
                raise fields["exc_info"]

    async def advance(self, seconds: float) -> None:
        """Let time pass, stopping at every timer on the way, so that each one fires at its own time."""
        if seconds < 0:
            raise ValueError("advance: time does not go back; see ManualClock.jump_to")
        end = self.clock.now_ms() + round(seconds * 1000)
        await self.idle()
        for _ in range(MAX_TIMER_STEPS):
            due_at = await self.host.next_timer_at()
            if due_at is None or due_at > end:
                break
            self.clock.advance(max(0, due_at - self.clock.now_ms()) / 1000)
            self._askers.look()
            await self.idle()
        else:
            raise RuntimeError(f"more than {MAX_TIMER_STEPS} timers in {seconds:g} s")
        self.clock.advance(max(0, end - self.clock.now_ms()) / 1000)
        self._askers.look()
        await self.idle()

    def _observe(self, events: Sequence[StoredEvent]) -> None:
        for event in events:
            if not isinstance(event, MessagePosted | MessageEdited):
                continue
            message = event.message
            if message.content is not None:
                self._said.setdefault(message.conversation_id, {})[message.position] = Said(
                    message.conversation_id,
                    message.position,
                    message.sender_id,
                    _readable(message.content),
                    message.revision,
                )
        host = getattr(self, "host", None)
        if host is not None:
            host.notify(events)


def _readable(content: bytes) -> Content:
    try:
        return decode_content(content)
    except Exception:  # a test may post bytes that no codec can read
        return {}
