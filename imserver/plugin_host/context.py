"""The host's side of a plugin's context: registrations, transactions and reads, all in the plugin's own name."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from imserver.chat.ports import Store
from imserver.chat.records import JOINED
from imserver.clock import Clock
from imserver.errors import ConfigError, PluginError, Refusal, RefusalCode
from imserver.events import MessagePosted, SetBack, TimerFired
from imserver.feature_host import Offer, Offers
from imserver.metrics import Namespace
from imserver.model import BOT, User, valid_user_id
from imserver.plugin_api import (
    Answer,
    Call,
    Content,
    Context,
    Effects,
    Event,
    HttpHandler,
    Read,
    Reader,
    Transaction,
    Write,
)
from imserver.plugin_host.attempt import CURRENT
from imserver.plugin_host.limits import HostLimits
from imserver.plugin_host.methods import PluginOwner
from imserver.plugin_host.records import RecordHandler, Records
from imserver.plugin_host.registrations import Registrations
from imserver.plugin_host.transaction import Keys, PluginTransaction, PluginUnit
from imserver.plugin_host.web import Web

T = TypeVar("T")

#: Role of the accounts that plugins speak as.
BOT_ROLE = "bot"
#: How soon the next hint of one question may follow (seconds).
_SOONEST_HINT_S, _LATEST_HINT_S = 0.1, 60.0

ReviewHandler = Callable[[str, str, Content], Awaitable[Refusal | None]]


class _Undone(Exception):
    """How a transaction ends that only asks: nothing of it is to stay."""


class PluginContext(Context):
    """The host's side of `plugin_api.Context`."""

    def __init__(
        self,
        registrations: Registrations,
        store: Store,
        *,
        config: Any,
        clock: Clock,
        log: Any,
        metrics: Namespace,
        random_bytes: Callable[[int], bytes],
        limits: HostLimits,
        offers: Offers,
        owner: PluginOwner,
        records: Records,
        web: Web,
        folder: str | Path,
        public_url: str,
    ) -> None:
        self._registrations = registrations
        self._offers = offers
        self._owner = owner
        self._records = records
        self._web = web
        self._folder = folder
        self._public_url = public_url
        self._store = store
        self._config = config
        self._clock = clock
        self._log = log
        self._metrics = metrics
        self._random_bytes = random_bytes
        self._limits = limits

    @property
    def config(self) -> Any:
        return self._config

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def log(self) -> Any:
        return self._log

    @property
    def metrics(self) -> Namespace:
        return self._metrics

    def path(self, text: str) -> Path:
        return Path(self._folder, text)

    @property
    def public_url(self) -> str:
        return self._public_url

    @property
    def max_text_chars(self) -> int:
        return self._limits.max_text_chars

    # -- registrations ------------------------------------------------------------------------------------------------

    async def ensure_bot(self, user_id: str, display_name: str, *, language: str = "en") -> User:
        wanted, known = await self._bot(user_id, display_name, language)
        # Delivery starts here: no message to the bot between its making and this line may be missed.
        self._registrar.add_bot(user_id)
        if wanted != known:
            await self.transaction(lambda tx: cast("PluginTransaction", tx).make_bot(wanted))
        return wanted

    async def check_bot(self, user_id: str, display_name: str, *, language: str = "en") -> None:
        wanted, known = await self._bot(user_id, display_name, language)
        if wanted == known:
            return

        def made_and_undone(tx: Transaction) -> None:
            cast("PluginTransaction", tx).make_bot(wanted)
            raise _Undone

        with contextlib.suppress(_Undone):
            await self.transaction(made_and_undone)

    async def _bot(self, user_id: str, display_name: str, language: str) -> tuple[User, User | None]:
        """The account of a bot as it is to be, and as it is. Raises `PluginError`."""
        if not valid_user_id(user_id):
            raise PluginError(f"bot {user_id!r}: 1-64 bytes without control characters")
        known = await self.user(user_id)
        if known is not None and BOT_ROLE not in known.roles:
            raise PluginError(
                f"the account {user_id!r} is not a bot: rename it, or give it the role {BOT_ROLE!r}"
            )
        return User(user_id, display_name, language, known.roles if known else (BOT_ROLE,), BOT), known

    def command(
        self,
        name: str,
        handler: Callable[[Call], Answer | Awaitable[Answer]],
        *,
        help: str = "",
        aliases: Sequence[str] = (),
        wants_sender: bool = True,
    ) -> None:
        try:
            self._registrar.commands.add(name, handler, help=help, aliases=aliases)
        except ValueError as error:
            raise PluginError(str(error)) from None
        if not wants_sender:
            self._registrar.senders_unread.add(name)

    def on(
        self,
        event_type: type[MessagePosted],
        handler: Callable[[MessagePosted], Effects | Awaitable[Effects | None] | None],
    ) -> None:
        if event_type is not MessagePosted:
            raise PluginError(f"on({event_type!r}): only MessagePosted is delivered; for timers see `timer`")
        self._registrar.listeners.append(handler)

    def timer(
        self, name: str, handler: Callable[[TimerFired], Awaitable[None]], *, sends: bool = False
    ) -> None:
        if name in self._registrar.timers:
            raise PluginError(f"timer {name!r} has a handler already")
        self._registrar.timers[name] = handler
        if sends:
            self._registrar.sending.add(name)

    def set_back(self, handler: Callable[[SetBack], Awaitable[None]]) -> None:
        self._registrar.set_back = _first(self._registrar.set_back, handler, "set_back")

    def review(self, handler: ReviewHandler) -> None:
        self._registrar.add_reviewer(_Review(handler, self._limits.review_deadline_s, self._log))

    def method(self, row: Write[Any, Any] | Read[Any, Any]) -> None:
        registrar, name = self._registrar, row.method.name
        prefix = f"x-{registrar.name}."
        if not name.startswith(prefix) or name == prefix:
            raise PluginError(f"method {name!r}: its name begins with {prefix!r}")
        hinted = isinstance(row, Read) and row.hints
        every_s = row.hints_every_s if isinstance(row, Read) else _LATEST_HINT_S
        if not _SOONEST_HINT_S <= every_s <= _LATEST_HINT_S:
            raise PluginError(
                f"method {name!r}: hints_every_s of {_SOONEST_HINT_S:g} to {_LATEST_HINT_S:g} seconds"
            )
        try:
            self._offers.add(Offer(self._owner, row, hinted, every_s))
        except (ConfigError, ValueError) as error:
            raise PluginError(str(error)) from None
        registrar.undo(lambda: self._offers.remove(name))
        if hinted:
            registrar.hinted.add(name)

    def keeps(self, handler: Callable[[Reader, str], int | None]) -> None:
        self._registrar.keeps = _first(self._registrar.keeps, handler, "keeps")

    def export(self, handler: Callable[[Reader, str], Mapping[str, Any]]) -> None:
        self._registrar.export = _first(self._registrar.export, handler, "export")

    def erase(self, handler: Callable[[Transaction, str], None]) -> None:
        self._registrar.erase = _first(self._registrar.erase, handler, "erase")

    def renamed(self, handler: Callable[[Transaction, str], None]) -> None:
        self._registrar.renamed = _first(self._registrar.renamed, handler, "renamed")

    def may_block(self, handler: Callable[[Transaction, str, str], None]) -> None:
        self._registrar.may_block = _first(self._registrar.may_block, handler, "may_block")

    def carry_over(self, handler: Callable[[Transaction, str, str], None]) -> None:
        self._registrar.carry_over = _first(self._registrar.carry_over, handler, "carry_over")

    def on_record(self, name: str, handler: RecordHandler) -> None:
        if name == JOINED:
            raise PluginError(f"record {name!r}: that is the server's own; see `carry_over`")
        if name in self._registrar.records:
            raise PluginError(f"record {name!r} has a handler already")
        self._registrar.records[name] = handler

    def route(self, method: str, path: str, handler: HttpHandler) -> None:
        registrar = self._registrar
        registrar.undo(self._web.add(registrar.name, method, path, handler, self._log))

    def page(self, path: str, handler: HttpHandler) -> None:
        registrar = self._registrar
        registrar.undo(self._web.add_page(registrar.name, path, handler, self._log))

    # -- the store ----------------------------------------------------------------------------------------------------

    async def transaction(self, fn: Callable[[Transaction], T], *, event: Event | None = None) -> T:
        attempt = CURRENT.get()
        if attempt is not None and attempt.abandoned:
            raise PluginError("the deadline of this handler has passed")
        if attempt is not None and attempt.over:
            attempt = None
        name = self._registrar.name
        if event is None:
            keys = Keys(self._clock.now_ms(), name, self._random_bytes(16))
        else:
            keys = Keys.of_event(name, event, "handler")
        unit = PluginUnit(
            fn,
            self._registrar,
            keys,
            event=event,
            attempt=attempt,
            max_content_bytes=self._limits.max_content_bytes,
        )
        result: T = await unit.through(self._store)
        return result

    async def put_on_record(self, name: str, body: Mapping[str, Any]) -> None:
        attempt = CURRENT.get()
        if attempt is not None and attempt.abandoned:
            raise PluginError("the deadline of this handler has passed")
        self._registrar  # noqa: B018  a stopped plugin puts nothing on record
        await self._records.put(name, body)

    async def read(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        name = self._registrar.name
        await self._behind_effects()
        return await self._store.read(lambda reader: reader.plugin_sql(name, sql, params))

    async def user(self, user_id: str) -> User | None:
        self._registrar  # noqa: B018  a stopped plugin reads nothing
        await self._behind_effects()
        found = await self._store.read(lambda reader: reader.users([user_id]))
        return found[0] if found else None

    async def _behind_effects(self) -> None:
        """A handler reads what the handlers before it have done."""
        attempt = CURRENT.get()
        if attempt is not None and not attempt.over:
            await self._registrations.effects_decided()

    @property
    def _registrar(self) -> Registrations:
        if self._registrations.closed:
            raise PluginError(f"the plugin {self._registrations.name!r} is stopped")
        return self._registrations


def _first(known: T | None, handler: T, what: str) -> T:
    """The handler. Raises PluginError if there is one already: it would be forgotten."""
    if known is not None:
        raise PluginError(f"{what} is registered already")
    return handler


class _Review:
    """A plugin's review hook with a deadline. A broken reviewer decides nothing: the author may try again."""

    __slots__ = ("_deadline_s", "_handler", "_log")

    def __init__(self, handler: ReviewHandler, deadline_s: float, log: Any) -> None:
        self._handler = handler
        self._deadline_s = deadline_s
        self._log = log

    async def __call__(
        self, conversation_id: str, sender_id: str, content: Mapping[str, Any]
    ) -> Refusal | None:
        try:
            async with asyncio.timeout(self._deadline_s):
                verdict: object = await self._handler(conversation_id, sender_id, content)
            if verdict is None or isinstance(verdict, Refusal):
                return verdict
            raise TypeError(f"a review answers None or a Refusal, not {type(verdict).__name__}")
        except Exception as error:  # the fault is the plugin's, and the post must get an answer
            self._log.error("review_failed", conversation_id=conversation_id, exc_info=error)
            return Refusal(RefusalCode.OVERLOADED, "this message could not be reviewed", retry_after_ms=1000)


__all__ = ["BOT_ROLE", "PluginContext", "PluginTransaction"]
