"""The server's machine: runs one server process after another on one database file, and kills them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from imserver.chat.units import Unit
from imserver.config import StoreConfig
from imserver.errors import StartError, StoreFailed
from imserver.events import MessagePosted
from imserver.plugin_host.handling import Late
from imserver.server import Server
from imserver.store.engine.contacts import contact_limits
from imserver.store.sqlite.store import SqliteStore

from .copies import Copies
from .disk import BUSY, CRASHES, FULL, INSIDE, STUCK, Disk
from .journal import Journal
from .loop import Process, VirtualLoop
from .network import Network
from .setting import LIES_FROM, Setting
from .template import WallClock, plugins
from .watch import Watch

#: Errors that a correct server may log.
EXPECTED_ERRORS = frozenset(
    {"store_failed", "drain_undecided", "plugin_stopped_with_the_store", "plugin_cursors_not_stored"}
)
#: The same, if the store is the reason.
STORE_ERRORS = frozenset({"plugin_start_failed"})
#: A handler was late because of the disk: the host calls it again.
LATE_ERRORS = frozenset({"plugin_handler_failed", "plugin_handler_left_behind"})
#: Seconds that a server may take to stop.
STOP_S = 60.0
DRAIN, KILL = "drain", "kill"
#: Close codes that an honest peer never gets.
VIOLATIONS = range(210, 220)
#: Virtual seconds between two looks at sessions, and the bound of one.
LOOK_S = 0.5
MAX_SESSION_BYTES = 4 * 1024 * 1024


class SimulatedLog:
    """The server's log: errors are findings."""

    def __init__(self, journal: Journal, fields: dict[str, Any] | None = None) -> None:
        self._journal = journal
        self._fields = fields or {}

    def bind(self, **fields: Any) -> SimulatedLog:
        return SimulatedLog(self._journal, {**self._fields, **fields})

    def debug(self, event: str, **fields: Any) -> None:
        fields = {**self._fields, **fields}
        if event == "welcomed" and fields["reason"]:
            self._journal.counts[f"resume refused: {fields['reason']}"] += 1
        elif event == "connection_closed" and fields["code"] in VIOLATIONS and fields["address"] != LIES_FROM:
            self._journal.finding(f"a connection was closed for a violation: {fields}")

    def info(self, event: str, **fields: Any) -> None:
        self._journal.note(f"log: {event}")

    def warning(self, event: str, **fields: Any) -> None:
        self._journal.note(f"log: {event}", *fields.items())
        self._journal.counts[f"log: {event}"] += 1

    def error(self, event: str, *, exc_info: BaseException | None = None, **fields: Any) -> None:
        self._journal.note(f"log: {event}", *fields.items())
        of_the_store = isinstance(exc_info, StoreFailed) and event in STORE_ERRORS
        late = event in LATE_ERRORS and (exc_info is None or isinstance(exc_info, Late))
        if event not in EXPECTED_ERRORS and not of_the_store and not late:
            self._journal.finding(f"the server logged {event}: {exc_info!r} {self._fields} {fields}")

    def critical(self, event: str, **fields: Any) -> None:
        self.error(event, **fields)

    def exception(self, event: str, **fields: Any) -> None:
        import sys

        self.error(event, exc_info=sys.exc_info()[1], **fields)


class SimulatedStore(SqliteStore):
    """The real store with measured batches. `committed` gets each batch before any other listener, and `handed_over` is called
    behind the last one."""

    def __init__(
        self,
        journal: Journal,
        committed: Callable[[Sequence[Unit]], None],
        handed_over: Callable[[], None],
        config: StoreConfig,
        **options: Any,
    ) -> None:
        super().__init__(config, **options)
        self._journal = journal
        self._committed = committed
        self._handed_over = handed_over

    def _execute(self, units: Sequence[Unit], done: Callable[[StoreFailed | None], None]) -> None:
        self._journal.raise_to("batch", len(units))

        def decided(failure: StoreFailed | None) -> None:
            if failure is None:
                self._committed(units)
            done(failure)
            if failure is None:
                self._handed_over()

        super()._execute(units, decided)


class Machine:
    """`run()` keeps a server running until `off()`."""

    def __init__(
        self,
        loop: VirtualLoop,
        setting: Setting,
        database: Path,
        network: Network,
        journal: Journal,
    ) -> None:
        self._loop = loop
        self._random = Random(f"{setting.seed} machine")
        self._server_bytes = Random(f"{setting.seed} server").randbytes
        self._setting = setting
        self._config = setting.config(database)
        self._database = database
        self._network = network
        self._journal = journal
        self.clock = WallClock(loop, setting.clock_step_s)
        self.disk = Disk(loop, Random(f"{setting.seed} disk"), journal)
        self.disk.on_kill = lambda kind: self._die()
        self.copies = Copies(database, Random(f"{setting.seed} copies"), journal)
        #: Called when an older copy was put back, with the time from which on answers may be of no worth.
        self.on_put_back: Callable[[float], None] = lambda since: None
        self._puts_back = False
        #: In runs with people who come and go.
        self.watch = Watch(database, journal, loop.time) if setting.people else None
        self.process: Process | None = None
        self.server: Server | None = None
        #: Counts servers.
        self.lives = 0
        #: Set while a server runs and is not stopping.
        self.up = asyncio.Event()
        self._gone = asyncio.Event()
        self._locks: list[Any] = []
        self._wanted = True
        #: When each message was committed, unless the server died first.
        self.committed: dict[tuple[str, int], float] = {}
        self._stop: asyncio.Event | None = None
        self._highest_offset_ms = 0
        self._epochs: set[str] = set()
        self._store: SqliteStore | None = None

    # -- faults -------------------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """SIGKILL, between two instructions."""
        if self.process is not None:
            self._journal.fault(KILL)
            self._die()

    def drain(self) -> None:
        """SIGTERM."""
        if self._stop is not None and not self._stop.is_set():
            self._journal.fault(DRAIN)
            self._stop.set()

    @property
    def put_back(self) -> int:
        """How many older copies were put back."""
        return self.copies.put_back

    def older_copy(self) -> None:
        """Kill the server, and put an older copy of its files back."""
        if self.process is not None:
            self._puts_back = True
            self.kill()

    def plan_crash(self) -> None:
        """One of the next transactions does not finish, or its success is not reported."""
        kind = self._random.choice(CRASHES)
        self.disk.trap.set(kind, self._random.randint(1, 12) if kind == INSIDE else 0)

    async def trouble_with_the_disk(self) -> None:
        """Another process locks the database for a moment, or the disk is full for a while."""
        if not self.up.is_set():
            return
        kind = self._random.choice((BUSY, FULL, STUCK))
        if kind == STUCK:
            self.disk.stuck_s = self._random.choice((0.3, 3.0, 12.0, 50.0))
            return
        if kind == BUSY:
            self._journal.fault(BUSY)
            self.disk.trap.busy = self._random.randint(1, 3)
            return
        self.disk.fill()
        try:
            await asyncio.sleep(self._random.choice((0.2, 1.0, 5.0)))
        finally:
            self.disk.empty()

    def heal(self) -> None:
        """End all faults, and set the clock so that no timer has to wait for a day."""
        self.disk.trap.set("")
        self.disk.trap.busy = 0
        self.disk.stuck_s = 0.0
        self.clock.offset_ms = max(self.clock.offset_ms, self._highest_offset_ms) + 60_000

    def set_clock(self, by_ms: int) -> None:
        """Let wall time jump."""
        self._journal.fault("clock jump", by_ms)
        self.clock.offset_ms += by_ms
        self._highest_offset_ms = max(self._highest_offset_ms, self.clock.offset_ms)

    # -- its life -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """One server after another."""
        while self._wanted:
            await self._live()
            if self._puts_back and self._wanted:
                self._put_back()
            if self._wanted:
                calm = self._network.network_faults.calm
                await asyncio.sleep(0.1 if calm else self._random.choice((0.01, 0.5, 2.0, 6.0)))

    def _put_back(self) -> None:
        self._puts_back = False
        since = self.copies.replace(self._loop.time())
        if since is not None:
            self.committed.clear()
            self.on_put_back(since)

    async def off(self) -> None:
        """Stop the last server in good order."""
        self._wanted = False
        for server in [self.server] if self.server is not None else []:
            self._sum_up(server)
        if self._stop is not None:
            self._stop.set()
            await self._gone.wait()

    async def _live(self) -> None:
        self.lives += 1
        self._gone.clear()
        self._stop = asyncio.Event()
        process = self.process = Process(self._loop, f"server {self.lives}")
        server = self._make_server()
        self._journal.note("server starts", self.lives)
        task = process.spawn(self._serve(server, self._stop), "main")
        task.add_done_callback(lambda done: self._exited(process, done))
        await self._gone.wait()
        self._stop = None

    def _make_server(self) -> Server:
        store = self._store = SimulatedStore(
            self._journal,
            self._committed,
            self._handed_over,
            self._config.store,
            clock=self.clock,
            rng=Random(self._server_bytes(8)),
            log=SimulatedLog(self._journal),
            connector=self.disk.connector,
            opener=self.disk.opener,
            max_members=self._config.limits.max_group_members,
            contacts=contact_limits(self._config.limits),
        )
        return Server(
            self._config,
            plugins=plugins(self._setting.booking),
            clock=self.clock,
            store=store,
            log=SimulatedLog(self._journal),
            random_bytes=self._server_bytes,
            recorder=self._journal.row,
        )

    def _committed(self, units: Sequence[Unit]) -> None:
        """Note the commit: from now on a sync reads it, even if its push comes later."""
        self.copies.committed(self.disk.worked_at)
        for unit in units:
            for event in unit.events():
                if isinstance(event, MessagePosted):
                    message = event.message
                    self.committed[message.conversation_id, message.position] = self.disk.worked_at
        if self.watch is not None:
            self.watch.committed(units, self.disk.worked_at)

    def _handed_over(self) -> None:
        if self.watch is not None and self.server is not None:
            self.watch.look(self.server)

    async def _serve(self, server: Server, stop: asyncio.Event) -> None:
        """Run a server as `imserver serve` does."""
        await server.start()
        self.server = server
        if self.watch is not None:
            self.watch.started(server)
        self._epochs.add(server.store.epoch)
        if len(self._epochs) > 1:
            self._journal.finding(f"the store calls itself a new history: {sorted(self._epochs)}")
        self._locks.append(server.store._guard)  # type: ignore[attr-defined]
        self.up.set()
        looking = asyncio.ensure_future(self._look(server))
        waiters = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(server.failed())]
        await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        failed = waiters[1].done()
        self.up.clear()
        for waiter in (*waiters, looking):
            waiter.cancel()
        async with asyncio.timeout(STOP_S):
            await server.stop()
        self._note_end(server, failed)

    async def _look(self, server: Server) -> None:
        """13, 14: no session ever holds more than its bounds."""
        limits = self._config.limits
        while True:
            for device in server.listener.sessions:
                session = device.stream
                self._journal.raise_to("session_bytes", session.memory_bytes)
                if session.requests_in_flight > limits.max_requests:
                    self._journal.finding(f"{session!r} has {session.requests_in_flight} requests in flight")
                if session.pushes_unacked_frames > limits.window_frames:
                    self._journal.finding(f"{session!r} has {session.pushes_unacked_frames} pushes unacked")
                if session.memory_bytes > MAX_SESSION_BYTES:
                    self._journal.finding(f"{session!r} takes {session.memory_bytes} bytes")
            self._handed_over()
            await asyncio.sleep(LOOK_S)

    def _note_end(self, server: Server, failed: bool) -> None:
        store: Any = server.store
        self._journal.note("server stopped", self.lives, failed, server.decided)
        writer = store._writer
        if not failed and not server.decided and not (writer is None or writer.failure is not None):
            self._journal.finding("a server that was told to stop did not decide everything")

    def _exited(self, process: Process, done: asyncio.Task[None]) -> None:
        if self.process is not process:
            return
        error = None if done.cancelled() else done.exception()
        if isinstance(error, StartError | StoreFailed) and self.disk.sprung:
            self._journal.counts["starts that failed"] += 1
        elif error is not None:
            text = repr(error).replace(str(self._database), "the database")
            self._journal.finding(f"the server ended with {text}")
        self._die()

    def _die(self) -> None:
        """The process is gone, for any reason; the kernel tidies up behind it."""
        process, self.process = self.process, None
        if process is None:
            return
        self._journal.note("server is gone", self.lives)
        self.up.clear()
        if self.server is not None:
            self._sum_up(self.server)
        process.kill()
        self._network.died(process, self._network.network_faults.vanishes)
        self.disk.died()
        for lock in (*self._locks, self._store._guard if self._store is not None else None):
            if lock is not None:
                with suppress(OSError):
                    lock.release()
        self._locks.clear()
        self.server = None
        self._gone.set()

    def _sum_up(self, server: Server) -> None:
        if server._listener is not None:
            counts = server.listener.admission.counts
            self._journal.counts["sessions, fresh"] += counts["welcomed"]
            self._journal.counts["sessions, resumed"] += counts["resumed"]
