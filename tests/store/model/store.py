"""The model's queue: all that was submitted in one turn of the loop is done in the next, one unit after another."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from imserver.chat.ports import Backup, CommitListener
from imserver.chat.reader import Reader
from imserver.chat.transaction import ActHooks, Transaction
from imserver.chat.units import PostUnit, Unit, resolve
from imserver.clock import Clock, SystemClock
from imserver.config import LimitsConfig, StoreConfig
from imserver.errors import BackupFailed, PluginError, Refusal, RefusalCode, StoreFailed
from imserver.store.engine.lineage import Lineage, Run, new_epoch, new_mark
from imserver.store.engine.places import KEY_BYTES, Places
from tests.store.model.reader import ModelReader
from tests.store.model.transaction import ModelTransaction
from tests.store.model.world import World

T = TypeVar("T")


class _Work(Unit):
    """`write`: a function whose caller waits."""

    __slots__ = ("future", "work")

    def __init__(self, work: Callable[[Transaction], Any], future: asyncio.Future[Any]) -> None:
        super().__init__()
        self.work = work
        self.future = future

    def withdrawn(self) -> Exception | None:
        return Refusal(RefusalCode.INTERNAL, "nobody waits") if self.future.cancelled() else None

    def run(self, tx: Transaction) -> Any:
        return self.work(tx)

    def settle(self) -> None:
        resolve(self.future, self)


class ModelStore:
    """`imserver.chat.ports.Store` whose disk is `world`: another store may be opened on it."""

    def __init__(
        self,
        config: StoreConfig | None = None,
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        world: World | None = None,
        max_members: int = 5_000,
    ) -> None:
        self.hooks = ActHooks()
        self._config = config or StoreConfig()
        self._clock = clock or SystemClock()
        self._rng = rng or random.SystemRandom()
        self._max_members = max_members
        self.world = world or World()
        self._waiting: list[Unit] = []
        self._listener: CommitListener
        self._places: Places | None = None
        self._shown: frozenset[str] | None = None
        self._closing = False

    @property
    def epoch(self) -> str:
        return self.world.epoch

    @property
    def change(self) -> int:
        return self.world.change

    def use_limits(self, limits: LimitsConfig) -> None:
        self._max_members = limits.max_group_members

    def show(self, names: Iterable[str]) -> None:
        self._shown = frozenset(names)

    def place(self) -> str:
        return self._opened().seal(self.world.change)

    @property
    def witnesses(self) -> int:
        return len(self._places.witnesses) if self._places is not None else 0

    # -- life ---------------------------------------------------------------------------------------------------------

    async def open(self, listener: CommitListener) -> None:
        self._listener = listener
        self.world = replace(
            self.world,
            epoch=self.world.epoch or new_epoch(self._rng),
            place_key=self.world.place_key or self._rng.randbytes(KEY_BYTES),
            hidden=frozenset() if self._shown is None else self.world.names - self._shown,
        )
        self.world = self._with_run(self.world)
        self._places = Places(self.world.place_key, Lineage(self.world.runs), self._rng)

    async def close(self, *, discard: bool = False) -> None:
        """Everything that waits is done first."""
        self._closing = True
        while self._waiting:
            self._turn()

    async def begin_life(self, why: str, *, copied_at: int | None = None) -> None:
        def begin(tx: Any) -> None:
            tx.world = self._with_run(tx.world)
            self._opened().lineage = Lineage(tx.world.runs)

        await self.write(begin)  # in its turn

    def on_failure(self, callback: Callable[[Exception], None]) -> None:
        """A model does not fail."""

    async def migrate_plugin(self, plugin: str, migrations: Sequence[tuple[int, str]]) -> None:
        raise PluginError("the model keeps the kernel's rows alone")

    async def backup(self, target: Path, told: Callable[[int, int], None] | None = None) -> Backup:
        raise BackupFailed("the model has no file")

    async def put_on_record(self, kind: str, body: Mapping[str, Any]) -> int:
        raise StoreFailed("the model has no ledger")

    # -- work ---------------------------------------------------------------------------------------------------------

    def submit(self, unit: Unit) -> None:
        self._opened()
        waiting = sum(one.size_bytes for one in self._waiting) + unit.size_bytes
        too_many = len(self._waiting) >= self._config.max_queue_units
        if self._closing or too_many or waiting > self._config.max_queue_bytes:
            raise Refusal(RefusalCode.OVERLOADED, "not now", retry_after_ms=1000)
        self._waiting.append(unit)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._turn)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.submit(_Work(work, future))
        return await future

    async def read(self, query: Callable[[Reader], T]) -> T:
        await asyncio.sleep(0)
        reader: Any = ModelReader(self.world, self._opened())
        return query(reader)

    def resume(self) -> None:
        self._turn()

    # -- parts --------------------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Do all that waits, tell of it in order, unless the listener has enough to tell."""
        if not self._waiting or (self._listener.saturated() and not self._closing):
            return
        units, self._waiting = self._waiting, []
        held: set[tuple[str, str]] = set()
        for unit in units:
            error = unit.withdrawn() or self._do(unit, held)
            if error is not None:
                unit.void()
                unit.error = error
        for unit in units:
            if unit.error is not None:
                unit.fail(unit.error)
        self._listener.committed(units)

    def _do(self, unit: Unit, held: set[tuple[str, str]]) -> Exception | None:
        """Do one unit, or say why nothing of it is done. A post that may come again lets no later one of its author pass."""
        lane = (unit.conversation_id, unit.sender_id) if isinstance(unit, PostUnit) else None
        if lane in held:
            return Refusal(RefusalCode.HELD, "an earlier message has to be decided first")
        draft = ModelTransaction(self.world, self._clock.now_ms(), self._max_members)
        tx: Any = draft
        try:
            unit.result = unit.run(tx)
        except BaseException as raised:
            error = raised if isinstance(raised, Exception) else PluginError(repr(raised))
            if lane is not None and not (isinstance(error, Refusal) and not error.code.retryable):
                held.add(lane)
            return error
        unit.error = None
        unit.happened = tuple(draft.events)
        self.world = draft.world
        return None

    def _with_run(self, world: World) -> World:
        """What is written from now on is a life of its own."""
        number = len(world.runs) + 1
        mark = new_mark(self._rng, self._clock, number)
        run = Run(number, mark, mark, world.change + 1)
        return replace(world, runs=(*world.runs, run))

    def _opened(self) -> Places:
        if self._places is None:
            raise StoreFailed("the store is not open")
        return self._places
