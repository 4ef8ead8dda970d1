"""The composition root: builds and connects all parts of a server; the embedding surface.

    async with Server(config) as server:
        await server.chat.post("alice", "direct/alice/bob", "hello")

No signals, no logging set-up, no event-loop policy, no global state: two servers in one process are independent.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Self, TypeVar

import structlog
from prometheus_client.core import Metric

from imserver.cautions import cautions
from imserver.chat.accounts import Accounts
from imserver.chat.administration import Administration
from imserver.chat.browser_rows import exported
from imserver.chat.browsers import Browsers
from imserver.chat.fan_out import Hub
from imserver.chat.joins import Joins
from imserver.chat.ports import Backup, Store
from imserver.chat.posting import Posting
from imserver.chat.reader import Reader
from imserver.chat.service import Chat
from imserver.chat.transaction import Transaction
from imserver.chat.units import Unit
from imserver.clock import Clock, ShiftedClock, SystemClock
from imserver.conditions import Conditions
from imserver.config import Changes, Config, check_config
from imserver.errors import Refusal, StoreFailed
from imserver.events import AccessEnded
from imserver.feature_api import Feature, Method, Shape
from imserver.feature_host import Askers, FeatureHost
from imserver.feature_host.web import FeatureWeb
from imserver.features import FEATURES
from imserver.figures import of_doors, of_health, of_listener, of_plugins
from imserver.health import MIN_FREE_BYTES, Health
from imserver.metrics import Metrics, one
from imserver.net.dispatch import ROWS, method_table
from imserver.net.feature_rows import feature_row, feature_rows
from imserver.net.listener import Listener
from imserver.net.live_sessions import LiveSessionList
from imserver.net.pushes import WirePushes
from imserver.net.refused_peers import RefusedPeers
from imserver.net.web.doors import ADMIN, HTTP, Doors
from imserver.plugin_api import Plugin
from imserver.plugin_host import HostLimits, PluginHost
from imserver.reload import Parts, reload
from imserver.store.engine.contacts import contact_limits
from imserver.store.sqlite.store import SqliteStore
from imserver.web_answers import WebAnswers
from imserver_protocol.session.states import Recorder

P = TypeVar("P", bound=Shape)
R = TypeVar("R")

#: Pause of the drain before it tries again to enter a full writer's queue (seconds).
FULL_QUEUE_S = 0.02


class _Mark(Unit):
    """The last unit of a drain: once it is settled, committed or not, so is everything queued before it."""

    __slots__ = ("settled",)

    def __init__(self) -> None:
        super().__init__()
        self.settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def run(self, tx: Transaction) -> None: ...

    def settle(self) -> None:
        if not self.settled.done():
            self.settled.set_result(None)


class Server:
    """One IM server in the caller's event loop.

    `plugins` are plugin objects beside the installed ones; they run with or without a section. `features` are what it has
    beside the kernel (`imserver.features`): one that is left out is UNKNOWN_METHOD, and nothing shows it. `clock`, `store`,
    `log` and `random_bytes` replace the defaults (system clock, SQLite at `config.store.path`, a logger named `imserver` of the
    standard library, the system's cryptographic randomness: ids and resume tokens come from it). `recorder` is called with
    every step in the protocol's two transition tables. `folder` is where relative paths of plugins' sections begin, by default
    the current one.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        plugins: Sequence[Plugin] = (),
        features: Sequence[Feature] = FEATURES,
        clock: Clock | None = None,
        store: Store | None = None,
        log: Any = None,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        recorder: Recorder | None = None,
        folder: str | Path = "",
    ) -> None:
        self.config = config or Config()
        check_config(self.config)
        self.clock = clock or _configured_clock(self.config)
        self.log = log if log is not None else standard_log()
        self.store: Store = store or SqliteStore(
            self.config.store,
            clock=self.clock,
            log=self.log,
            max_members=self.config.limits.max_group_members,
            contacts=contact_limits(self.config.limits),
        )
        limits = self.config.limits
        self.hub = Hub(WirePushes(), self.clock, self.log, max_backlog=limits.max_fanout_backlog)
        self.accounts = Accounts(self.store, self.clock, self.config.auth, random_bytes)
        self.posting = Posting(self.store, self.clock, limits)
        #: In-process calls: post, history, conversations, members, accounts.
        self.chat = Chat(self.store, self.hub, self.accounts, self.posting, self.clock, limits, random_bytes)
        #: What an operator may do to accounts, tokens and sessions.
        self.administration = Administration(self.store, self.clock)
        #: Who is signed in by a cookie.
        self.browsers = Browsers(self.store, self.clock, self.accounts, random_bytes)
        #: In Prometheus' terms; `metrics.render()` is the page to scrape.
        self.metrics = Metrics()
        self.metrics.watch(self._figures)
        #: What is wrong for a while; and how the server is, of which `[http]` and `imserver status` tell.
        self.conditions = Conditions(self.log, self.clock.monotonic)
        http = self.config.http
        self.health = Health(
            self.store,
            self.clock,
            self.conditions,
            min_free_bytes=http.min_free_bytes if http is not None else MIN_FREE_BYTES,
        )
        self._refused_peers = RefusedPeers(self.conditions, self.clock.monotonic)
        self.features = FeatureHost(features, self.store, self.chat.read, self.posting, self.log)
        #: Sessions that asked a plugin's read, and hear when its answer is another.
        self.askers = Askers(self.clock, WirePushes.told)
        self.hub.on_gone = self.askers.forget
        self.plugin_host = PluginHost(
            self.store,
            self.config.plugins,
            clock=self.clock,
            log=self.log,
            plugins=plugins,
            random_bytes=random_bytes,
            # A message longer than a frame can be stored, but neither pushed nor read.
            limits=HostLimits(max_content_bytes=limits.max_content_bytes),
            metrics=self.metrics,
            offers=self.features.offers,
            askers=self.askers,
            folder=folder,
            public_url=http.public_url if http is not None else "",
        )
        #: Guests who go on as an older account.
        self.joins = Joins(
            self.store, self.clock, self.accounts, self.browsers, self.plugin_host.carrying, random_bytes
        )
        #: What this server answers over the wire. Sessions look here; another server has its own.
        self.methods = method_table((*ROWS, *feature_rows(self.features, self.askers)))
        self.features.offers.changed = self._offer_changed
        self._random_bytes = random_bytes
        self._recorder = recorder
        self._listener: Listener | None = None
        #: The HTTP listeners, for tests.
        self.doors = Doors(self.config, self._answers(), self.clock, self.log, random_bytes)
        self._failure: asyncio.Future[Exception] | None = None
        self._draining: asyncio.Task[None] | None = None
        self._reloading = asyncio.Lock()
        #: After `stop`: True if all accepted units were decided and answered.
        self.decided = False

    def _answers(self) -> WebAnswers:
        return WebAnswers(
            accounts=self.accounts,
            browsers=self.browsers,
            joins=self.joins,
            health=self.health,
            metrics=self.metrics,
            posting=self.posting,
            plugins=self.plugin_host.web,
            features=FeatureWeb(self.features, self.posting, self.log, self._random_bytes),
        )

    # -- life ---------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open the store, start the plugins, listen. Raises `StartError`, `ConfigError` or `PluginError`.

        If a step fails, the parts started before it are stopped again, and files that were not there before are removed: a
        database that was begun, a secret that was made.
        """
        self._failure = asyncio.get_running_loop().create_future()
        self.store.on_failure(self._store_failed)
        self.hub.on_relief = self.store.resume
        self._listener = Listener(
            self.config,
            self.chat,
            self.store,
            self.clock,
            self.log,
            self._random_bytes,
            self.methods,
            self.features,
            self._offered,
            self._refused_peers,
            self._recorder,
        )
        self.hub.on_access_ended = self._access_ended
        self.administration.renamed = self.plugin_host.renamed_in
        self.administration.live = LiveSessionList(self._listener.attachments)
        self.store.show({*self.features.names, *self.plugin_host.state_names})
        await self.store.open(self.hub)
        units: int | None = None
        try:
            self.hub.observers.append(self.features.notify)
            await self.features.start()
            self.hub.observers.append(self.plugin_host.notify)
            await self.plugin_host.start()
            self.posting.reviewers = self.plugin_host.reviewers
            self.health.refusals = self._listener.attachments.refusals
            self._listener.on_sweep = self._swept
            self.accounts.open()
            units = self._units_done()
            await self.doors.start(self._listener)
            await self._listener.start()
            self.health.not_accepting = ""
            self.health.look()
        except BaseException:
            await self.doors.close()
            await self.plugin_host.stop()
            await self.features.stop()
            # A door that was open for a moment may have told somebody that something is stored.
            unseen = units is None or self._units_done() == units
            await self.store.close(discard=unseen)
            if unseen:
                self.accounts.discard()
            raise
        self._caution()
        self.log.info("listening", host=self.config.server.host, port=self.port, store=self.config.store.path)

    async def stop(self) -> None:
        """Drain (SPEC, "Drain"): no new connections or posts; decide and answer accepted posts; GOODBYE; checkpoint.

        Safe to call twice: both callers wait for the end. Cancelling a caller does not cut the drain short: it has its own
        time-out, and the embedding application may close the loop next.
        """
        if self._draining is None:
            self._draining = asyncio.get_running_loop().create_task(self._drain())
        cancelled: asyncio.CancelledError | None = None
        while not self._draining.done():
            try:
                await asyncio.shield(self._draining)
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled
        await self._draining

    async def reload(self, config: Config) -> Changes:
        """Take over from this configuration what a running server can: limits, certificates and files of plugins, and say which
        fields did and which need a restart (`imserver.config.changes`). Nobody is disconnected. `[log]` is its host's.

        Raises `ConfigError` or `PluginError`, and then everything is as it was."""
        listener = self.listener
        async with self._reloading:
            parts = Parts(listener, self.doors, self.chat, self.hub, self.store, self.plugin_host, self.clock)
            found = await reload(parts, self.config, config)
            self.config = found.in_effect
        self._caution()
        return found

    async def call(self, method: Method[P, R], user_id: str, params: P) -> R:
        """Ask a feature or a plugin in this process, as this user: `await server.call(EDIT, "ann", EditParams(…))`. Raises
        `Refusal`."""
        return await self.features.call(method, user_id, params)

    async def export(self, user_id: str) -> dict[str, Mapping[str, Any]]:
        """All that features and plugins keep of a person, by their names, of one moment; and where he is signed in."""

        def query(reader: Reader) -> dict[str, Mapping[str, Any]]:
            browsers = exported(reader, user_id)
            own = {"browsers": browsers} if browsers else {}
            return own | self.features.exported(reader, user_id) | self.plugin_host.exported(reader, user_id)

        return await self.store.read(query)

    async def erase(self, user_id: str) -> None:
        """Remove all that plugins and features keep of a person, and sign out his browsers: what plugins keep in one unit, and
        first, so that one which cannot leaves all as it was. Broken off behind that, it may begin again."""

        def work(tx: Transaction) -> None:
            self.plugin_host.erase_in(tx, user_id)
            if tx.user(user_id) is not None:
                tx.erase_browsers(user_id)

        await self.store.write(work)
        await self.features.erase(user_id)

    async def backup(self, path: str | Path, told: Callable[[int, int], None] | None = None) -> Backup:
        """Put a copy of the database there, complete by itself, while everybody goes on (docs/operating.md, "Back up").
        `told` hears how many of how many pages are copied. Raises `BackupFailed`."""
        made = await self.store.backup(Path(path), told)
        self.health.last_backup_ms = self.clock.now_ms()
        self.log.info("backed_up", path=str(made.path), messages=made.messages, bytes=made.size_bytes)
        return made

    async def failed(self) -> Exception:
        """Wait until the store meets an error of unknown outcome. The server has then ended all connections: stop it."""
        assert self._failure is not None, "start the server first"
        return await asyncio.shield(self._failure)

    @property
    def listener(self) -> Listener:
        """The listener, for tests and measurements."""
        assert self._listener is not None, "start the server first"
        return self._listener

    @property
    def port(self) -> int:
        """The TCP port; the chosen one if the configuration says 0."""
        return self.listener.port

    @property
    def http_port(self) -> int:
        """The TCP port of `[http]`; 0 if it does not listen."""
        return self.doors.port(HTTP)

    @property
    def admin_port(self) -> int:
        """The TCP port of `[admin]`; 0 if it does not listen, or on a Unix socket."""
        return self.doors.port(ADMIN)

    # -- to see -------------------------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """What `imserver status` shows."""
        server, listener = self.config.server, self._listener
        return {
            **self.health.told(),
            "address": server.unix_socket or f"{server.host}:{self.port if listener else server.port}",
            "http": self.config.http and f"{self.config.http.host}:{self.http_port}",
            "database": self.config.store.path,
            "connections": len(listener.admission.transports) if listener else 0,
            "sessions": len(listener.sessions) if listener else 0,
            "sessions_detached": listener.sessions.detached_count if listener else 0,
            "fan_out_backlog": self.hub.backlog,
            "witnesses": self.store.witnesses,
            "features": list(self.features.names),
            "plugins": [
                {
                    "name": one.plugin,
                    "waiting": one.waiting_count,
                    "behind": one.behind,
                    "handled": one.handled_count,
                    "failed": one.failed_count,
                }
                for one in self.plugin_host.figures()
            ],
        }

    def _caution(self) -> None:
        for event, facts in cautions(self.config, self.clock.now_ms() / 1000):
            self.log.warning(event, **facts)

    def _swept(self) -> None:
        self.health.look()
        self.posting.quotas.sweep()

    async def _drain(self) -> None:
        listener = self.listener
        self.posting.draining = True
        self.health.not_accepting = "the server is going down"
        await listener.stop_accepting()
        await self.posting.close()
        # What plugins offer stays in the table: who asks now is to come again, and not told that there is no such method.
        self.features.offers.changed = lambda name: None
        await self.plugin_host.stop()
        await self.features.stop()
        await self._decide()
        await self.posting.quotas.close()
        await listener.say_goodbye(self.config.server.drain_timeout_s)
        self.hub.close()
        self.askers.close()
        await self.doors.close()
        await self.store.close()
        self.log.info("stopped")

    async def _decide(self) -> None:
        """Wait until all accepted units are decided and answered, or the store has failed."""
        assert self._failure is not None, "start the server first"
        mark = _Mark()
        while not self._failure.done():
            try:
                self.store.submit(mark)
                break
            except Refusal:  # the queue is full; no other unit enters it any more
                await asyncio.sleep(FULL_QUEUE_S)
            except StoreFailed as error:
                self.log.error("drain_undecided", cause=str(error))
                return
        ends: list[asyncio.Future[Any]] = [mark.settled, self._failure]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        self.decided = mark.settled.done()
        if not self.decided:
            self.log.error("drain_undecided", cause=str(self._failure.result()))

    def _units_done(self) -> int:
        """How many units the store has taken, done or not."""
        figures = self.health.figures
        return 0 if figures is None else figures.units + figures.queued_units + (figures.in_flight_s > 0)

    def _offered(self) -> tuple[str, ...]:
        """What WELCOME names: the features, and plugins that have methods."""
        return (*self.features.names, *self.plugin_host.offering)

    def _offer_changed(self, name: str) -> None:
        offer = self.features.offers.methods.get(name)
        if offer is None:
            del self.methods[name]
        else:
            self.methods[name] = feature_row(self.features, self.askers, offer)

    def _figures(self) -> Iterator[Metric]:
        """Read at scrape time; the hot path counts nothing for it."""
        yield from of_health(self.health, str(getattr(self.store, "engine", "")))
        yield one("witnesses", "users whose client knew a history that is not this one", self.store.witnesses)
        yield one("fan_out_backlog", "deliveries that wait for fan-out", self.hub.backlog)
        yield from of_plugins(self.plugin_host.figures())
        if self._listener is not None:
            yield from chain(of_listener(self._listener), of_doors(self.doors.peers))

    def _access_ended(self, event: AccessEnded) -> None:
        """First whoever is coming in, then whoever is in: none is between the two."""
        self.accounts.endings.told(event)
        self.listener.attachments.end_access(event)

    def _store_failed(self, error: Exception) -> None:
        self.log.critical("store_failed", cause=str(error))
        self.health.not_accepting = "the store failed"
        self.plugin_host.store_failed(error)
        failure = error if isinstance(error, StoreFailed) else StoreFailed(str(error))
        self.hub.store_failed(failure)
        if self._listener is not None:
            self._listener.abort()
        if self._failure is not None and not self._failure.done():
            self._failure.set_result(failure)


def standard_log() -> Any:
    """structlog in front of the standard library's logger `imserver`: the embedding application decides what is shown."""
    return structlog.wrap_logger(
        logging.getLogger("imserver"),
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["event"]),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def _configured_clock(config: Config) -> Clock:
    if config.clock.start_ms or config.clock.rate != 1.0:
        system = SystemClock()
        return ShiftedClock(config.clock.start_ms or system.now_ms(), config.clock.rate)
    return SystemClock()
