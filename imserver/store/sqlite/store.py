"""SQLite store: one writer connection with group commit, and a few readers, each on its own thread.

Durable before it answers: WAL, `synchronous=FULL`, and no unit is settled before its COMMIT has returned. All writes and all
checkpoints go through the writer's connection (SQLite's WAL-reset bug needs two).

`path=":memory:"` keeps nothing: the file lives in a private temporary folder, without fsync, and goes with the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from imserver.chat.ports import CommitListener
from imserver.chat.reader import Reader
from imserver.chat.records import LEDGER_KINDS
from imserver.chat.transaction import ActHooks, Transaction
from imserver.chat.units import Unit
from imserver.clock import Clock, SystemClock, time_text
from imserver.config import LimitsConfig, StoreConfig
from imserver.errors import BackupFailed, PluginError, Refusal, RefusalCode, StartError, StoreFailed
from imserver.passing import passes
from imserver.store.engine.batch import Batches
from imserver.store.engine.contacts import NO_STRANGERS, ContactLimits, contact_limits
from imserver.store.engine.figures import Sizes, WriterFigures
from imserver.store.engine.hidden import Hidden, hidden_of
from imserver.store.engine.ledger import Applied, Kinds, Ledger, Record, is_storable, plan
from imserver.store.engine.places import Places
from imserver.store.engine.transaction import MAX_MEMBERS
from imserver.store.engine.writer import MAX_RETRY_MS, MIN_RETRY_MS, WorkUnit, Writer
from imserver.store.sqlite import database
from imserver.store.sqlite.backup import Backup, Pace, back_up, check_target
from imserver.store.sqlite.connection import (
    Connector,
    DatabaseConnection,
    Opener,
    call_soon,
    connect,
    open_on_thread,
)
from imserver.store.sqlite.engine import SqliteEngine
from imserver.store.sqlite.guard import Guard
from imserver.store.sqlite.ledger import LedgerFile, ledger_path, sound_ledger
from imserver.store.sqlite.plugin_sandbox import PluginSandbox, check_plugin_name
from imserver.store.sqlite.reader import SqliteReader
from imserver.store.sqlite.transaction import SqliteTransaction
from imserver.store.sqlite.views import make_views

T = TypeVar("T")

#: Reads that wait for a reader, over all readers; above, they are refused OVERLOADED. Twice the default of
#: `max_unauthenticated`: when all devices come back in one moment, each HELLO is a read.
MAX_WAITING_READS = 8192
#: The idle writer checkpoints when about so many pages were written since the last time: small and often keeps the tail of
#: latencies short. An estimate: SQLite does not report it.
CHECKPOINT_PAGES = 1000
#: A log of more bytes than this is longer than it gets by itself: the one who looks tries to shorten it.
WATCHED_WAL_BYTES = database.MAX_IDLE_WAL_BYTES
#: The side file is written when the writer has been idle for so long (seconds).
HIGH_WATER_AFTER_S = 1.0
#: An older copy of the database has come back, as far as can be known here.
OLDER_COPY = "older_copy_suspected"
#: Records of the ledger that one unit applies.
RECORDS_OF_A_UNIT = 100
#: After a failure a connection may take so long to close (seconds); its thread may be stuck for ever.
CLOSE_TIMEOUT_S = 2.0


class SqliteStore:
    """`imserver.chat.ports.Store` on a file."""

    #: Its name in metrics.
    engine = f"SQLite {sqlite3.sqlite_version}"

    def __init__(
        self,
        config: StoreConfig,
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        log: Any = None,
        connector: Connector = connect,
        opener: Opener = open_on_thread,
        max_members: int = MAX_MEMBERS,
        ledger_kinds: Kinds | None = None,
        contacts: ContactLimits = NO_STRANGERS,
    ) -> None:
        self._contacts = contacts
        self._config = config
        self._clock = clock or SystemClock()
        self._rng = rng or random.SystemRandom()
        self._log = log
        self._connector = connector
        self._opener = opener
        self._max_members = max_members
        self._hooks = ActHooks()
        self._file = Path()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._guard: Guard | None = None
        self._connection: DatabaseConnection | None = None
        self._readers: list[_ReaderThread] = []
        self._writer: Writer | None = None
        self._batches: Batches | None = None
        self._tx: SqliteTransaction | None = None
        self._raw: sqlite3.Connection | None = None
        self._high: database.HighWater | None = None
        self._high_timer: asyncio.TimerHandle | None = None
        self._failed: Callable[[Exception], None] = lambda error: None
        self._pages = 0
        #: Of the log, what the last checkpoint could not take over.
        self._lag_bytes = 0
        self._was_ahead = False
        self._lag_excused = False
        self._closing = False
        #: The backup that is being made, if one is: its target, its end when asked for, and its task.
        self._copying: tuple[Path, threading.Event, asyncio.Task[Backup]] | None = None
        self._ledger_kinds = LEDGER_KINDS if ledger_kinds is None else ledger_kinds
        self._ledger: LedgerFile | None = None
        self._applied = Applied()
        #: Records that are in the ledger and not yet in the database.
        self._on_record: list[Record] = []
        self._applying = asyncio.Lock()
        self._epoch = ""
        self._places: Places | None = None
        #: Names of state that this server has (None: all), and what it hides.
        self._shown: frozenset[str] | None = None
        self._hidden: Hidden | None = None
        #: The last change that is committed, as the loop knows it.
        self._change = 0

    @property
    def hooks(self) -> ActHooks:
        """What is called in the transaction of an act."""
        return self._hooks

    def use_limits(self, limits: LimitsConfig) -> None:
        self._max_members, self._contacts = limits.max_group_members, contact_limits(limits)
        if self._tx is not None:  # the writer's thread reads each once for an act
            self._tx.max_members, self._tx.contacts = self._max_members, self._contacts

    @property
    def epoch(self) -> str:
        """Mark of this history; a restore makes a new one."""
        return self._epoch

    @property
    def change(self) -> int:
        """The last change that is committed, as the loop knows it."""
        return self._change

    def show(self, names: Iterable[str]) -> None:
        """The names of state that this server has; those of others that wrote here are hidden. Before `open`."""
        self._shown = frozenset(names)

    def place(self) -> str:
        """The place of now, sealed: labels what a session that begins now will learn."""
        return self._opened_places().seal(self._change)

    @property
    def witnesses(self) -> int:
        """Users whose client knew a history that is not this one, since the store was opened."""
        return len(self._places.witnesses) if self._places is not None else 0

    def _opened_places(self) -> Places:
        if self._places is None:
            raise StoreFailed("the store is not open")
        return self._places

    @property
    def writer(self) -> Writer:
        """The writer, for metrics: queue and counters."""
        if self._writer is None:
            raise StoreFailed("the store is not open")
        return self._writer

    # -- to see -------------------------------------------------------------------------------------------------------

    def figures(self) -> WriterFigures | None:
        """What there is to see of the writer; None while the store is not open."""
        if self._writer is None:
            return None
        return self._writer.figures()._replace(
            waiting_reads=sum(reader.waiting for reader in self._readers),
            older_copy=self.witnesses + self._was_ahead,
        )

    def look(self, told: Callable[[Sizes], object]) -> bool:
        """Have the sizes of the files looked up, behind the batch in flight, and told on the loop: not while the disk does not
        answer. False, and never told, in a simulation, whose disk has no size."""
        if self._connection is None or self._opener is not open_on_thread:
            return False
        self._connection.post(partial(self._look, asyncio.get_running_loop(), told))
        return True

    # -- life ---------------------------------------------------------------------------------------------------------

    async def open(self, listener: CommitListener) -> None:
        """Open the file and its connections. Raises `StartError`, one line, if the file cannot be used."""
        if self._writer is not None:
            raise StoreFailed("the store is open already")
        path = self._file = self._path()
        try:
            guard = self._guard = Guard(path)
            guard.take()
            self._high = database.HighWater(path, durable=self._folder is None)
            self._connection = await self._connect(path)
            self._watch(await self._connection.run(lambda raw: self._prepare(raw, path, guard)))
            for _ in range(self._config.readers):
                connection = await self._connect(path)
                reader = _ReaderThread(connection)
                self._readers.append(reader)
                await connection.run(partial(reader.prepare, self._opened_places(), self._hidden))
        except BaseException as error:
            await self._release(discard=True)
            if isinstance(error, sqlite3.Error):
                raise StartError(f"{path}: {database.in_plain_words(error)}", again=passes(error)) from error
            raise
        self._writer = Writer(
            self._execute,
            listener,
            self._config,
            clock=self._clock,
            rng=self._rng,
            on_failure=self._on_failure,
            on_idle=self._when_idle,
        )
        try:
            await self._open_ledger()
        except BaseException:
            await self.close(discard=True)
            raise

    async def close(self, *, discard: bool = False) -> None:
        """Finish the queue, checkpoint, close. Closing twice is harmless. `discard`: see `Store.close`."""
        writer = self._writer
        if writer is None or self._closing:
            return
        self._closing = True
        try:
            await self._break_off()
            await writer.drain()
            if writer.failure is None and self._connection is not None:
                await self._close_readers()
                await self._connection.run(self._last_words)
        finally:
            await self._release(discard=discard)
            self._writer = None
            self._closing = False

    def on_failure(self, callback: Callable[[Exception], None]) -> None:
        """Register a callback for an error of unknown outcome; it runs on the loop, and the server must stop."""
        self._failed = callback

    def _on_failure(self, failure: StoreFailed) -> None:
        self._failed(failure)

    # -- work ---------------------------------------------------------------------------------------------------------

    def submit(self, unit: Unit) -> None:
        """Queue a unit. Raises `Refusal` OVERLOADED above the queue's bounds."""
        writer = self._writer
        if writer is None:
            raise StoreFailed("the store is not open")
        writer.submit(unit)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction and wait until it is committed. Cancelling withdraws it if it has not begun."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.submit(WorkUnit(work, future))
        return await future

    async def read(self, query: Callable[[Reader], T]) -> T:
        """Run `query` in one snapshot on the least busy reader."""
        if self.writer.failure is not None:
            raise StoreFailed(str(self.writer.failure))
        if sum(reader.waiting for reader in self._readers) >= MAX_WAITING_READS:
            raise Refusal(
                RefusalCode.OVERLOADED,
                "too many reads are waiting",
                retry_after_ms=self.writer.retry_after_ms(),
            )
        if not self._readers:
            raise StoreFailed("the store is closed")
        reader = min(self._readers, key=_waiting)
        return await reader.read(query)

    async def begin_life(self, why: str, *, copied_at: int | None = None) -> None:
        """Begin another life: a new mark, for all that is written from now on. Sessions of before must end. `copied_at`: an
        older copy has come back, of that time."""
        places = self._opened_places()
        await self.write(partial(_begin_life, places, why, copied_at, self._clock, self._rng))

    async def migrate_plugin(self, plugin: str, migrations: Sequence[tuple[int, str]]) -> None:
        """Apply a plugin's scripts that were not applied yet, in order of number, each in one transaction."""
        check_plugin_name(plugin)
        for number, script in sorted(migrations):
            await self.write(partial(_migrate, plugin, number, script))

    def resume(self) -> None:
        """The listener is no longer saturated."""
        if self._writer is not None:
            self._writer.resume()

    # -- backups ------------------------------------------------------------------------------------------------------

    async def backup(self, target: Path, told: Callable[[int, int], None] | None = None) -> Backup:
        """Copy the database beside its writer, with the ledger; see `Store.backup`."""
        if self._writer is None or self._closing:
            raise StoreFailed("the store is not open")
        if self._copying is not None:
            raise BackupFailed(f"a backup is being made already, to {self._copying[0]}", again=True)
        ended = threading.Event()
        loop = asyncio.get_running_loop()
        pace = Pace(
            told=lambda done, total: call_soon(loop, told, done, total) if told else None, ended=ended
        )
        task = loop.create_task(self._copy(target, pace), name=f"backup to {target}")
        self._copying = target, ended, task
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            ended.set()
            await asyncio.wait({task})
            raise
        finally:
            self._copying = None

    async def _copy(self, target: Path, pace: Pace) -> Backup:
        assert self._connection is not None
        connection = await self._connect(self._file)
        try:
            done = await connection.run(lambda raw: self._copied(raw, target, pace))
        finally:
            await self._close_connection(connection)
            # The log could not be written back meanwhile.
            self._connection.post(partial(self._checkpoint, asyncio.get_running_loop()))
        return done

    def _copied(self, raw: sqlite3.Connection, target: Path, pace: Pace) -> Backup:
        target = target.absolute()
        check_target(target, self._file)
        database.prepare_reader(raw)
        copied_at = self._clock.now_ms()  # before the snapshot: it has all that was committed until then
        raw.execute("BEGIN")
        raw.execute("SELECT count(*) FROM sqlite_master").fetchall()
        try:
            self._check_same()
            return back_up(raw, self._file, target, copied_at, pace)
        finally:
            if raw.in_transaction:
                raw.execute("ROLLBACK")

    def _check_same(self) -> None:
        """That what was just opened is what the writer has open. A batch would notice, but perhaps nobody writes."""
        assert self._guard is not None
        try:
            self._guard.look_now()
        except StoreFailed as error:
            raise BackupFailed(str(error)) from error

    async def _break_off(self) -> None:
        if self._copying is not None:
            _, ended, task = self._copying
            ended.set()
            await asyncio.wait({task})

    # -- the ledger ---------------------------------------------------------------------------------------------------

    async def put_on_record(self, kind: str, body: Mapping[str, Any]) -> int:
        """Write a record into the ledger, apply it, and return its number; see `Store.put_on_record`."""
        if self._connection is None or self._ledger is None or self._closing:
            raise StoreFailed("the store is not open")
        if kind not in self._ledger_kinds:
            raise ValueError(f"no such kind of record: {kind}")
        if not is_storable(body):  # it would stop all records behind it, and every start
            raise Refusal(RefusalCode.INVALID, "a text that cannot be stored")
        ledger, above, now = self._ledger, self._applied.number, self._clock.now_ms()

        def append(raw: sqlite3.Connection) -> Record:
            record = ledger.append(now, kind, body, above=above)
            self._on_record.append(record)  # here, on the writer's thread: records keep their order
            return record

        record = await self._connection.run(append)
        await self._apply()
        return record.number

    async def _open_ledger(self) -> None:
        """Apply what the ledger is ahead by. Raises StartError if it cannot be read, or holds what we do not know."""
        assert self._connection is not None
        path = ledger_path(self._file)
        found = await self._connection.run(lambda raw: sound_ledger(path))
        self._ledger = LedgerFile(path, found, self._rng)
        if found is None:
            found = Ledger("")
        elif found.cut_off:
            await self._connection.run(self._ledger.drop_cut_off)
            self._complain("ledger_cut_off", {"path": str(path), "bytes": found.cut_off})
        stands = plan(found, self._applied)
        if stands.parted:
            self._complain("ledger_is_another", {"path": str(path), "record": self._applied.number})
        elif stands.lacking:
            self._complain("ledger_is_older", {"path": str(path), "lacking": stands.lacking})
        unknown = next(
            (record.kind for record in stands.ahead if record.kind not in self._ledger_kinds), None
        )
        if unknown is not None:
            raise StartError(f"{path}: has records of a newer imserver ({unknown!r}); run that one")
        self._on_record = list(stands.ahead)
        if stands.ahead:
            await self._apply()
            if self._log is not None:
                self._log.info("ledger_applied", path=str(path), records=len(stands.ahead))

    async def _apply(self) -> None:
        """Apply the records that wait, in order, so many in each unit. A unit that the full queue refuses is tried again."""
        async with self._applying:
            while self._on_record:
                records = self._on_record[:RECORDS_OF_A_UNIT]
                try:
                    await self.write(partial(_apply_records, records, self._ledger_kinds))
                except Refusal as refusal:
                    if self._closing or not refusal.retry_after_ms:
                        raise
                    await asyncio.sleep(refusal.retry_after_ms / 1000)
                    continue
                self._applied = Applied(records[-1].number, records[-1].sum)
                del self._on_record[: len(records)]

    # -- the writer's thread ------------------------------------------------------------------------------------------

    def _prepare(self, raw: sqlite3.Connection, path: Path, guard: Guard) -> dict[str, dict[str, Any]]:
        """Returns what there is to say of the file: warnings, by event."""
        assert self._high is not None
        warnings: dict[str, dict[str, Any]] = {}
        database.prepare(raw, path, durable=self._folder is None)
        guard.hold()
        found = database.begin(
            raw,
            path,
            found_log=guard.found_log,
            clock=self._clock,
            rng=self._rng,
            seen=self._high.read(),
        )
        if found.incomplete_since is not None:
            warnings["log_missing"] = {"last_change": time_text(found.incomplete_since)}
        if found.is_backup and found.copied_at is not None:
            warnings["set_back"] = {"to": time_text(found.copied_at)}
        change, message_change = database.last_changes(raw)
        self._applied = database.ledger_applied(raw)
        self._epoch = database.epoch_of(raw)
        if not found.is_backup and self._high.is_ahead_of(self._epoch, change):
            warnings[OLDER_COPY] = {"by": "the side file"}
        self._high.write(self._epoch, change)
        self._places = Places(database.place_key(raw), database.lineage(raw), self._rng)
        self._change = change
        self._raw = raw
        make_views(raw)
        sandbox = PluginSandbox(raw)
        self._tx = SqliteTransaction(
            raw,
            sandbox,
            max_conversations=self._config.max_cached_conversations,
            max_members=self._max_members,
        )
        self._tx.hooks = self._hooks
        self._tx.disabled = database.disabled_users(raw)
        self._tx.contacts = self._contacts
        self._tx.state_names = database.state_names(raw)
        self._tx.hidden = self._hidden = hidden_of(self._tx.state_names, self._shown)
        self._tx.change, self._tx.message_change = change, message_change
        engine = SqliteEngine(raw, self._tx, sandbox)
        self._batches = Batches(engine, self._clock, lambda: self._rng.randint(MIN_RETRY_MS, MAX_RETRY_MS))
        return warnings

    def _watch(self, warnings: Mapping[str, dict[str, Any]]) -> None:
        """Say what was found at the opening; and, once, that an older copy has come back: then, or when a client tells."""
        self._was_ahead = OLDER_COPY in warnings
        loop = asyncio.get_running_loop()
        for event, facts in warnings.items():
            self._complain(event, facts)
        if OLDER_COPY not in warnings:
            self._opened_places().on_witness = lambda: call_soon(
                loop, self._complain, OLDER_COPY, {"by": "a client"}
            )

    def _execute(self, units: Sequence[Unit], done: Callable[[StoreFailed | None], None]) -> None:
        assert self._connection is not None
        assert self._batches is not None
        assert self._tx is not None
        assert self._guard is not None
        batches, tx, guard, loop = self._batches, self._tx, self._guard, asyncio.get_running_loop()

        def on_thread() -> None:
            failure: StoreFailed | None = None
            try:
                batches.run(units)
                # Behind the commit: what went into a file that is no longer there was not stored.
                guard.look()
            except StoreFailed as error:
                failure = error
            except BaseException as error:  # a fault of ours: the outcome is unknown
                failure = StoreFailed(f"the writer failed: {error!r}")
                failure.__cause__ = error
            call_soon(loop, decided, failure, tx.change)

        def decided(failure: StoreFailed | None, change: int) -> None:
            # Only now: who asks for the last change on the loop has been, or is being, told of everything up to it.
            self._change = change
            done(failure)

        self._pages += 4 + 2 * len(units)
        self._connection.post(on_thread)

    def _when_idle(self) -> None:
        if self._pages >= CHECKPOINT_PAGES and self._connection is not None:
            self._pages = 0
            self._connection.post(partial(self._checkpoint, asyncio.get_running_loop()))
        if self._high_timer is None:
            self._high_timer = asyncio.get_running_loop().call_later(HIGH_WATER_AFTER_S, self._post_high)

    def _post_high(self) -> None:
        self._high_timer = None
        if self._connection is not None:
            self._connection.post(self._write_high)

    def _write_high(self) -> None:
        if self._high is not None and self._tx is not None:
            self._high.write(self._epoch, self._tx.change)

    def _checkpoint(self, loop: asyncio.AbstractEventLoop) -> None:
        """On the writer's thread. A checkpoint that fails loses nothing: the WAL still holds it, and the next one tries."""
        try:
            self._take_over()
        except sqlite3.Error as error:
            call_soon(loop, self._complain, "checkpoint_failed", {"error": str(error)})

    def _take_over(self) -> None:
        """Take what stands in the log over into the database, but for what a reader that never ends still needs before it."""
        assert self._raw is not None
        _, pages, done = self._raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()[0]
        self._lag_bytes = (pages - done) * self._raw.execute("PRAGMA page_size").fetchone()[0]

    def _look(self, loop: asyncio.AbstractEventLoop, told: Callable[[Sizes], object]) -> None:
        """On the writer's thread. Files are never opened for it: closing one would undo SQLite's locks."""
        path = self._file
        try:
            wal_bytes = _bytes_of(Path(f"{path}-wal"))
            if wal_bytes > WATCHED_WAL_BYTES:
                with contextlib.suppress(sqlite3.Error):  # each second: the idle writer's complaint is enough
                    self._take_over()
            room = os.statvfs(path.parent)
            sizes = Sizes(
                _bytes_of(path),
                wal_bytes,
                0 if self._excuses(wal_bytes) else min(self._lag_bytes, wal_bytes),
                room.f_bavail * room.f_frsize,
                room.f_blocks * room.f_frsize,
            )
        except OSError:  # gone, or broken: whoever waits for the sizes will wonder
            return
        call_soon(loop, told, sizes)

    def _excuses(self, wal_bytes: int) -> bool:
        """Whether a long log is a backup's own, and is until it has been cut back behind it: nobody else is to be suspected."""
        self._lag_excused = self._copying is not None or (self._lag_excused and wal_bytes > WATCHED_WAL_BYTES)
        return self._lag_excused

    def _complain(self, event: str, facts: dict[str, Any]) -> None:
        if self._log is not None:
            self._log.warning(event, **facts)

    def _last_words(self, raw: sqlite3.Connection) -> None:
        assert self._guard is not None
        with contextlib.suppress(sqlite3.Error):
            database.end(raw)
            self._guard.let_go()
        # Else (a full disk) the log holds everything, and stays for the next start.
        self._write_high()

    # -- parts --------------------------------------------------------------------------------------------------------

    def _path(self) -> Path:
        if self._config.path != ":memory:":
            # One name for one file: a lock beside a symbolic link would not stop a process that opens the file itself.
            return Path(self._config.path).resolve()
        self._folder = tempfile.TemporaryDirectory(prefix="imserver-")
        return Path(self._folder.name) / "memory.db"

    async def _connect(self, path: Path) -> DatabaseConnection:
        return await self._opener(lambda: self._connector(str(path)))

    async def _close_readers(self) -> None:
        while self._readers:
            await self._close_connection(self._readers.pop().connection)

    async def _close_connection(self, connection: DatabaseConnection) -> None:
        """Close, but leave a thread behind that is stuck in a dead disk: the process must be able to end and restart."""
        if self._writer is None or self._writer.failure is None:
            await connection.close()
            return
        closing = asyncio.ensure_future(connection.close())
        done, stuck = await asyncio.wait({closing}, timeout=CLOSE_TIMEOUT_S)
        for task in done:
            task.exception()  # of a connection that failed before: reported already
        if stuck:
            # It may yet finish what it began: the database stays ours until the process ends.
            self._guard = None

    async def _release(self, *, discard: bool) -> None:
        if self._high_timer is not None:
            self._high_timer.cancel()
            self._high_timer = None
        await self._close_readers()
        if self._connection is not None:
            await self._close_connection(self._connection)
            self._connection = None
        if self._guard is not None:
            self._guard.release(discard=discard)
            self._guard = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


class _ReaderThread:
    """A reader connection and the number of reads that wait for it."""

    def __init__(self, connection: DatabaseConnection) -> None:
        self.connection = connection
        self.waiting = 0
        self._reader: SqliteReader | None = None
        self._sandbox: PluginSandbox | None = None

    def prepare(self, places: Places, hidden: Hidden | None, raw: sqlite3.Connection) -> None:
        database.prepare_reader(raw)
        self._sandbox = PluginSandbox(raw)
        self._reader = SqliteReader(raw, self._sandbox, places, hidden)

    async def read(self, query: Callable[[Reader], T]) -> T:
        self.waiting += 1
        try:
            return await self.connection.run(lambda raw: self._snapshot(raw, query))
        finally:
            self.waiting -= 1

    def _snapshot(self, raw: sqlite3.Connection, query: Callable[[Reader], T]) -> T:
        assert self._reader is not None
        assert self._sandbox is not None
        self._sandbox.begin_unit()
        raw.execute("BEGIN")
        try:
            return query(self._reader)
        finally:
            if raw.in_transaction:
                raw.execute("ROLLBACK")


def _bytes_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _waiting(reader: _ReaderThread) -> int:
    return reader.waiting


def _begin_life(
    places: Places, why: str, copied_at: int | None, clock: Clock, rng: random.Random, tx: Transaction
) -> None:
    if not isinstance(tx, SqliteTransaction):
        raise StoreFailed("a life begins in the store's own transaction")
    # Here and not after the commit: what is written behind the row in the same batch is no part of the run before, and a place
    # that says so would be taken for one of another history.
    lineage = places.lineage
    tx.journal.note(setattr, places, "lineage", lineage)
    places.lineage = lineage.with_run(tx.begin_life(why, clock, rng, copied_at))


def _apply_records(records: Sequence[Record], kinds: Kinds, tx: Transaction) -> None:
    """What the records say, and with it that the database has them."""
    if not isinstance(tx, SqliteTransaction):
        raise StoreFailed("records are applied in the store's own transaction")
    for record in records:
        kinds[record.kind](tx, record)
    tx.put_ledger_applied(Applied(records[-1].number, records[-1].sum))


def _migrate(plugin: str, number: int, script: str, tx: Transaction) -> None:
    if not isinstance(tx, SqliteTransaction):
        raise PluginError("migrations need the SQLite store's own transaction")
    tx.migrate_plugin(plugin, number, script)
