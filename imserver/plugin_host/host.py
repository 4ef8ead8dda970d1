"""The plugin host: starts plugins, notifies them of commits, and stops them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from imserver.chat.ports import Reviewer, Store
from imserver.chat.reader import Reader
from imserver.chat.transaction import Transaction
from imserver.clock import Clock
from imserver.errors import AlreadyHandled, ConfigError, ImserverError, PluginError, StartError
from imserver.events import MessagePosted, PluginNoted, StoredEvent
from imserver.feature_host import Askers, Offers
from imserver.metrics import Metrics, Namespace
from imserver.plugin_api import Check, Plugin
from imserver.plugin_host.attempt import is_store_busy
from imserver.plugin_host.context import PluginContext
from imserver.plugin_host.discovery import Enabled, enabled, file_faults, operation_of
from imserver.plugin_host.limits import HostLimits
from imserver.plugin_host.methods import PluginOwner
from imserver.plugin_host.records import JoinedRecords, Records
from imserver.plugin_host.registrations import Registrations
from imserver.plugin_host.reload import reload
from imserver.plugin_host.snapshot import FAILED, Answer, PluginCheck
from imserver.plugin_host.transaction import TIMERS_CHANGED
from imserver.plugin_host.web import Web
from imserver.plugin_host.worker import Newest, Worker

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding of a plugin's own consistency check."""

    plugin: str
    check: str
    text: str


@dataclass(frozen=True, slots=True)
class PluginFigures:
    """The figures of one plugin, for metrics and health."""

    plugin: str
    handled_count: int
    failed_count: int
    waiting_count: int
    behind: bool
    cursor: int


@dataclass(slots=True)
class _Running:
    plugin: Plugin
    checks: Mapping[str, Check]
    registrations: Registrations
    owner: PluginOwner
    worker: Worker
    context: PluginContext
    records: Records
    metrics: Namespace
    log: Any


class PluginHost:
    """All plugins of one server.

    `sections` is `Config.plugins`: a plugin with a section runs. `plugins` come from the embedding application; they
    run with or without a section. `log` is a structlog logger, `random_bytes` the source of ids.
    """

    def __init__(
        self,
        store: Store,
        sections: Mapping[str, Mapping[str, Any]],
        *,
        clock: Clock,
        log: Any,
        plugins: Iterable[Plugin] = (),
        random_bytes: Callable[[int], bytes] = os.urandom,
        limits: HostLimits | None = None,
        metrics: Metrics | None = None,
        offers: Offers | None = None,
        askers: Askers | None = None,
        folder: str | Path = "",
        public_url: str = "",
    ) -> None:
        self._store = store
        self._clock = clock
        self._log = log
        self._sections = sections
        self._plugins = list(plugins)
        self._random_bytes = random_bytes
        self._limits = limits or HostLimits()
        self._metrics = metrics or Metrics()
        self._offers = offers or Offers()
        self._askers = askers
        self._folder = folder
        self._public_url = public_url.rstrip("/")
        #: What plugins answer under `/x/`, for whoever listens to HTTP.
        self.web = Web(random_bytes, self._limits)
        #: Reviewers that chat calls, in order, before a post may enter the queue. Changed in place, so it is handed over once.
        self.reviewers: list[Reviewer] = []
        self._bots: dict[str, str] = {}
        self._newest = Newest()
        self._running: list[_Running] = []
        #: What plugins keep of a guest who goes on as another account.
        self.carrying = JoinedRecords(lambda: [one.records for one in self._running])
        self._cursor_moved = asyncio.Event()
        self._cursor_task: asyncio.Task[None] | None = None

    @property
    def state_names(self) -> set[str]:
        """The names that state of the enabled plugins has."""
        return {
            f"x-{name}" for name in (*self._sections, *(getattr(one, "name", "") for one in self._plugins))
        }

    # -- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Find, check and start every enabled plugin; then begin to deliver. Afterwards all or none of them run.

        Raises ConfigError (a wrong section), PluginError (a broken contract) or StartError (a plugin that does not start).
        """
        found = enabled(self._sections, self._plugins)
        self._store.hooks.blocking = (self._may_block,)
        try:
            for one in found:
                await self._start_one(one)
        except BaseException:
            await self.stop()
            raise
        for running in self._running:
            running.worker.start()
        if self._running:
            self._cursor_task = asyncio.get_running_loop().create_task(
                self._move_cursors(), name="plugin cursors"
            )

    async def stop(self) -> None:
        """Let running handlers end, stop the plugins in reverse order, undo all their registrations."""
        await asyncio.gather(*(running.worker.stop() for running in self._running))
        await asyncio.gather(*(running.records.close() for running in self._running))
        await self._end_cursor_task()
        with suppress(
            ImserverError
        ):  # the store may be the reason for stopping; then the messages come again
            await self._store_cursors()
        for running in reversed(self._running):
            try:
                async with asyncio.timeout(self._limits.stop_deadline_s):
                    await running.plugin.stop()
            except Exception as error:  # the others have to be stopped too
                running.log.error("plugin_stop_failed", exc_info=error)
            running.registrations.clear()
            running.metrics.unregister()
        self._running.clear()

    def file_faults(self, later: Mapping[str, Mapping[str, Any]] | None = None) -> Iterator[ConfigError]:
        """What is wrong with files that sections of plugins name, as they are now; and with sections that a later start would
        have, where they are others."""
        names = {one.registrations.name for one in self._running}
        sections = {name: self._sections.get(name, {}) for name in sorted(names)}
        others = {name: given for name, given in (later or {}).items() if sections.get(name) != given}
        for each in (sections, others):
            yield from file_faults(each, self._folder, self._plugins)

    async def reload(self) -> None:
        """Have plugins read again the files that their sections name (`imserver.plugin_host.reload`). Raises `PluginError`."""
        await reload(self._running, self._limits.start_deadline_s)

    def store_failed(self, error: Exception) -> None:
        """The store settles no more units: stop waiting for it. `stop` follows."""
        for running in self._running:
            running.worker.handling.stopping.set()
            for unit in list(running.registrations.units):
                unit.lost(error)

    async def kill(self) -> None:
        """Act as a crash: cancel everything, store no cursor, call no plugin's `stop`. For tests and simulations."""
        await self._end_cursor_task()
        for running in self._running:
            await running.worker.kill()
            await running.worker.handling.close()
            running.registrations.clear()
            running.metrics.unregister()
        self._running.clear()

    # -- from the hub -------------------------------------------------------------------------------------------------

    def notify(self, events: Sequence[StoredEvent]) -> None:
        """Called on the loop after each commit, in commit order. Cheap if it concerns no plugin; never blocks or raises."""
        running = self._running
        if not running:
            return
        bots = self._bots.keys()
        newest = 0
        for event in events:
            if type(event) is MessagePosted:
                newest = event.change
                if not event.audience.keys().isdisjoint(bots):
                    for one in running:
                        one.worker.offer(event)
            elif type(event) is PluginNoted:
                self._noted(event)
        if newest:
            self._newest.change = max(self._newest.change, newest)
            self._cursor_moved.set()

    def _noted(self, event: PluginNoted) -> None:
        if event.what is not TIMERS_CHANGED:
            if self._askers is not None:
                for changed in event.what:
                    self._askers.changed(changed.question, changed.users)
            return
        for one in self._running:
            if one.registrations.name == event.plugin:
                one.registrations.timers_changed(None)

    # -- for the server, commands and tests ---------------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """The running plugins."""
        return [running.registrations.name for running in self._running]

    @property
    def offering(self) -> list[str]:
        """The running plugins that have methods, as WELCOME names them."""
        owners = {offer.owner for offer in self._offers.methods.values()}
        return [f"x-{one.registrations.name}" for one in self._running if one.owner in owners]

    def figures(self) -> list[PluginFigures]:
        """One row for each running plugin."""
        return [
            PluginFigures(
                running.registrations.name,
                running.worker.handling.handled_count,
                running.worker.handling.failed_count,
                running.worker.waiting,
                running.worker.behind,
                running.worker.marked,
            )
            for running in self._running
        ]

    async def run_checks(self) -> list[Finding]:
        """Run every check of every plugin, each in one snapshot. A check that raises is a finding."""
        findings = []
        for check in self.checks:
            try:
                answer = await self._store.read(check.ask)
            except Exception as error:  # the store refused, but the other checks may still run
                answer = Answer(0, [f"{FAILED}: {error!r}"])
            findings += [Finding(check.plugin, check.name, text) for text in answer.findings]
        return findings

    async def operate(self, plugin: str, operation: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Do an operation of a plugin for its command: of one that runs, or, on a host that was not started, with its tables
        alone. Raises `PluginError`."""
        running = next((one for one in self._running if one.registrations.name == plugin), None)
        if running is not None:
            return dict(await operation_of(running.plugin, plugin, operation)(running.context, arguments))
        found = next(
            (one for one in enabled(self._sections, self._plugins) if one.plugin.name == plugin), None
        )
        if found is None or self._running:
            raise PluginError(
                f"the plugin {plugin!r} does not run here: there was no section [plugins.{plugin}] when the server started"
            )
        registrations = await self._registrations_of(found)
        metrics = self._metrics_of(found)
        try:
            owner = self._owner_of(registrations)
            records = Records(self._store, registrations, owner, self._clock)
            context = self._context_of(found, registrations, owner, records, metrics)
            return dict(await operation_of(found.plugin, plugin, operation)(context, arguments))
        finally:
            registrations.clear()
            metrics.unregister()

    @property
    def checks(self) -> list[PluginCheck]:
        """The checks of all running plugins, to run on this store or another database."""
        return [
            PluginCheck(running.registrations.name, name, query)
            for running in self._running
            for name, query in running.checks.items()
        ]

    # -- persons and retention ----------------------------------------------------------------------------------------

    async def kept_from(self, conversation_id: str) -> int | None:
        """The lowest position of the conversation that any plugin still needs; None if none does. What a plugin raises is
        raised here: then nobody knows, and nothing may go."""

        def ask(reader: Reader) -> int | None:
            needed = [
                one.owner.read(reader, partial(_called, keeps, conversation_id))
                for one in self._running
                if (keeps := one.registrations.keeps) is not None
            ]
            return min((position for position in needed if position is not None), default=None)

        return await self._store.read(ask)

    def exported(self, reader: Reader, user_id: str) -> dict[str, Mapping[str, Any]]:
        """All that plugins keep of a person, by plugin, in a snapshot of the caller's."""
        return {
            f"x-{one.registrations.name}": one.owner.read(reader, partial(_called, export, user_id))
            for one in self._running
            if (export := one.registrations.export) is not None
        }

    def erase_in(self, tx: Transaction, user_id: str) -> None:
        """Remove all that plugins keep of a person, in a unit of the caller's."""
        for one in self._running:
            erase = one.registrations.erase
            if erase is not None:
                one.owner.write(tx, None, partial(_called, erase, user_id))

    def renamed_in(self, tx: Transaction, user_id: str) -> None:
        """Tell plugins of another name of a person, in a unit of the caller's."""
        for one in self._running:
            renamed = one.registrations.renamed
            if renamed is not None:
                one.owner.write(tx, None, partial(_called, renamed, user_id))

    async def idle(self) -> None:
        """Wait until no plugin has a message to handle or a timer due. For tests, which then need no sleep."""
        while True:
            for running in self._running:
                await running.worker.until_idle()
            if all(running.worker.idle for running in self._running):
                return

    async def next_timer_at(self) -> int | None:
        """When the next timer of any plugin is due (UTC ms)."""
        names = self.names
        times = await self._store.read(lambda reader: [reader.next_timer_at(name) for name in names])
        return min((due_at for due_at in times if due_at is not None), default=None)

    def _may_block(self, tx: Transaction, user_id: str, other_id: str) -> None:
        """Called when somebody is about to block somebody, on the writer's thread: ask the plugin whose bot that is."""
        owner = self._bots.get(other_id)
        for one in self._running if owner is not None else ():
            asked = one.registrations.may_block
            if one.registrations.name == owner and asked is not None:
                one.owner.write(tx, None, partial(_asked, asked, user_id, other_id))

    # -- starting -----------------------------------------------------------------------------------------------------

    async def _start_one(self, one: Enabled) -> None:
        plugin = one.plugin
        log = self._log.bind(plugin=plugin.name)
        registrations = await self._registrations_of(one)
        cursor, ahead, set_backs = await self._cursor_of(plugin.name)
        worker = Worker(
            registrations,
            self._store,
            cursor=cursor,
            ahead=ahead,
            set_backs=set_backs,
            newest=self._newest,
            bots_of_all=self._bots,
            clock=self._clock,
            log=log,
            random_bytes=self._random_bytes,
            limits=self._limits,
        )
        owner = self._owner_of(registrations)
        metrics = self._metrics_of(one)
        records = Records(self._store, registrations, owner, self._clock)
        context = self._context_of(one, registrations, owner, records, metrics)
        self._running.append(
            _Running(plugin, one.checks, registrations, owner, worker, context, records, metrics, log)
        )
        try:
            async with asyncio.timeout(self._limits.start_deadline_s):
                await plugin.start(context)
                await records.do()  # before any message: what is on record held when it was written
        except ConfigError:
            raise
        except PluginError as error:  # a file of the operator's, or a rule of ours: the text says it all
            raise StartError(f"the plugin {plugin.name!r} did not start: {error}") from error
        except Exception as error:
            log.error("plugin_start_failed", exc_info=error)
            raise StartError(f"the plugin {plugin.name!r} did not start: {error!r}") from error

    async def _registrations_of(self, one: Enabled) -> Registrations:
        """Nothing is registered yet; the plugin's tables are there."""
        name = one.plugin.name
        await self._store.migrate_plugin(
            name, [(migration.number, migration.sql) for migration in one.migrations]
        )
        return Registrations(name, self.reviewers, self._bots, self._limits.max_bots, self._random_bytes)

    def _owner_of(self, registrations: Registrations) -> PluginOwner:
        return PluginOwner(registrations, self._random_bytes, self._limits.max_content_bytes)

    def _metrics_of(self, one: Enabled) -> Namespace:
        return self._metrics.namespace(f"plugin_{one.plugin.name.replace('-', '_')}")

    def _context_of(
        self,
        one: Enabled,
        registrations: Registrations,
        owner: PluginOwner,
        records: Records,
        metrics: Namespace,
    ) -> PluginContext:
        return PluginContext(
            registrations,
            self._store,
            config=one.config,
            clock=self._clock,
            log=self._log.bind(plugin=one.plugin.name),
            metrics=metrics,
            random_bytes=self._random_bytes,
            limits=self._limits,
            offers=self._offers,
            owner=owner,
            records=records,
            web=self.web,
            folder=self._folder,
            public_url=self._public_url,
        )

    async def _cursor_of(self, plugin: str) -> tuple[int, list[int], list[tuple[int, int, int]]]:
        """The plugin's cursor, what it has handled above, and the older copies of which it is to be told; a new plugin gets a
        cursor at the newest change, stored at once."""

        def look(reader: Reader) -> tuple[int | None, int, list[int], list[tuple[int, int, int]]]:
            cursor = reader.plugin_cursor(plugin)
            return cursor, reader.head_change(), reader.plugin_handled(plugin), reader.set_backs(plugin)

        cursor, end, ahead, set_backs = await self._store.read(look)
        # Nobody notifies of what was committed before: without this a plugin that was away would read one page of it.
        self._newest.change = max(self._newest.change, end)
        if cursor is not None:
            return cursor, ahead, set_backs

        def begin(tx: Transaction) -> None:
            with suppress(AlreadyHandled):
                tx.mark_handled(plugin, end)

        await self._store.write(begin)
        return end, [], []

    # -- the lazy cursor ----------------------------------------------------------------------------------------------

    async def _move_cursors(self) -> None:
        """Store the cursors of plugins without own marks, all in one unit, now and then."""
        while True:
            await self._cursor_moved.wait()
            self._cursor_moved.clear()
            await asyncio.sleep(self._limits.cursor_interval_s)
            try:
                await self._store_cursors()
            except Exception as error:  # nothing is lost: the next message tries again
                if not is_store_busy(error):
                    self._log.error("plugin_cursors_not_stored", exc_info=error)
            if any(one.worker.waiting for one in self._running):
                self._cursor_moved.set()  # what is dealt with meanwhile is stored as soon, though nothing new comes

    async def _store_cursors(self) -> None:
        moves = [
            (one.worker, *unstored)
            for one in self._running
            if (unstored := one.worker.unstored()) is not None
        ]
        if not moves:
            return

        def move(tx: Transaction) -> None:
            for worker, done, ahead in moves:
                tx.pass_handled(worker.registrations.name, done, ahead)

        await self._store.write(move)
        for worker, done, ahead in moves:
            worker.stored(done, ahead)

    async def _end_cursor_task(self) -> None:
        if self._cursor_task is not None:
            self._cursor_task.cancel()
            await asyncio.wait({self._cursor_task})
            self._cursor_task = None


def _asked(handler: Callable[[Any, str, str], None], user_id: str, other_id: str, view: Any) -> None:
    handler(view, user_id, other_id)


def _called(handler: Callable[[Any, str], T], about: str, view: Any) -> T:
    return handler(view, about)
