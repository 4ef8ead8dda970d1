"""A store that lives on a faulty disk, what it is asked to do, and what it answered: the truth that recoveries are held to."""

from __future__ import annotations

import asyncio
import itertools
import random
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from imserver.chat.ports import Store
from imserver.chat.posting import LocalPost
from imserver.chat.transaction import Transaction
from imserver.chat.units import Unit
from imserver.config import StoreConfig
from imserver.content import encode_content
from imserver.errors import AlreadyHandled, Refusal, RefusalCode, StartError, StoreFailed
from imserver.events import MessagePosted
from imserver.model import Page
from imserver.store import SqliteStore
from imserver.store.engine.writer import WorkUnit
from imserver.testing import ManualClock
from tests.storage_faults.connection import FaultyDisksConnection, connector
from tests.storage_faults.disk import Disk

T = TypeVar("T")

START_MS = 1_800_000_000_000
DATABASE = "chat.db"
#: Nothing here waits for anything but the processor.
HANGS_S = 20.0


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def said(text: str) -> bytes:
    return encode_content({"type": "text", "text": text})


class Ended(Exception):
    """The process is over: the store failed, or did not open, or the machine is gone."""


class Wrong(AssertionError):
    """Something was seen that must never be."""


@dataclass(frozen=True)
class Deed:
    """Something that is asked for, and asked for again with the same key until it is answered."""

    name: str
    make: Callable[[], Unit]
    #: What it always ends in, if it is not to succeed.
    fails: type[Exception] | None = None


def post(number: int, sender_id: str, conversation_id: str, text: str = "") -> Deed:
    """A post whose text is its number unless another is given."""
    content = said(text or str(number))
    return Deed(
        f"post {number}",
        lambda: LocalPost(conversation_id, sender_id, key(number), content, START_MS + number),
    )


def work(name: str, function: Callable[[Transaction], Any]) -> Deed:
    """A unit of any work. It has to be one that can be done twice: it has a key, or moves something one way."""
    return Deed(name, lambda: WorkUnit(function, asyncio.get_running_loop().create_future()))


@dataclass
class Ledger:
    """What anybody outside has been told. Survives crashes: it is the clients' memory."""

    #: By name of the deed: the first answer, without the mark of a duplicate.
    answers: dict[str, Any] = field(default_factory=dict)
    #: Positions that were answered, pushed or read, and the key that was shown there.
    shown: dict[tuple[str, int], bytes] = field(default_factory=dict)
    #: Deeds that somebody waits for: the store took them and has not answered.
    open: set[str] = field(default_factory=set)
    #: Refused for want of room, over all.
    refused: int = 0
    epoch: str = ""

    def answered(self, deed: Deed, result: Any) -> None:
        """The first answer, or the same again."""
        told = _without_mark(result)
        first = self.answers.setdefault(deed.name, told)
        if first != told:
            raise Wrong(f"{deed.name}: answered {first}, and later {told}")

    def show(self, conversation_id: str, position: int, message_key: bytes) -> None:
        """Somebody saw this message at this position."""
        first = self.shown.setdefault((conversation_id, position), message_key)
        if first != message_key:
            raise Wrong(f"position {position} of {conversation_id} was given to two messages")


def _without_mark(result: Any) -> Any:
    if isinstance(result, tuple) and result and isinstance(result[-1], bool):
        return tuple(result[:-1])
    return result


#: Every process rolls other dice, in every run the same.
_lives = itertools.count(1)


class _Inline:
    """A connection without a thread: every call is made where it is asked for, so every run is the same run."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self._raw = raw

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        return function(self._raw)

    def post(self, function: Callable[[], object]) -> None:
        function()

    async def close(self) -> None:
        self._raw.close()


async def _open_inline(make: Callable[[], sqlite3.Connection]) -> _Inline:
    return _Inline(make())


class Life:
    """One process: a store from its opening until it is closed, fails or is gone."""

    def __init__(
        self,
        disk: Disk,
        ledger: Ledger,
        *,
        batch_units: int = 512,
        after_commit: Callable[[FaultyDisksConnection], None] | None = None,
        clock: ManualClock | None = None,
    ) -> None:
        self.disk = disk
        self.ledger = ledger
        self.clock = clock or ManualClock(START_MS)
        #: For the run without faults: each deed alone, and this is told when it is done.
        self.alone: Callable[[Deed], object] | None = None
        self.failure: Exception | None = None
        #: What a store was doing when its COMMIT failed with an unknown outcome.
        self.in_doubt: set[str] = set()
        config = StoreConfig(path=str(disk.folder / DATABASE), readers=1, max_batch_units=batch_units)
        self.sqlite = SqliteStore(
            config,
            clock=self.clock,
            rng=random.Random(next(_lives)),
            connector=connector(disk, after_commit),
            opener=_open_inline,
        )
        self.store: Store = self.sqlite
        self.store.on_failure(self._failed)

    # -- life ---------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Raises `Ended`."""
        try:
            await self.store.open(self)
        except StartError as error:
            raise Ended(str(error)) from error
        if self.ledger.epoch and self.ledger.epoch != self.store.epoch:
            raise Wrong("a new epoch, though the history came with its lineage")
        self.ledger.epoch = self.store.epoch

    async def close(self) -> None:
        """In good order, as far as the disk lets it."""
        await asyncio.wait_for(self.store.close(), HANGS_S)

    def committed(self, units: Sequence[Unit]) -> None:
        """As a commit listener: everybody sees the messages, then who asked is answered."""
        if self.failure is not None:
            raise Wrong("somebody was answered after the store had failed")
        for unit in units:
            for event in unit.events():
                if isinstance(event, MessagePosted):
                    message = event.message
                    self.ledger.show(message.conversation_id, message.position, message.key)
            unit.settle()

    def saturated(self) -> bool:
        return False

    def _failed(self, error: Exception) -> None:
        self.failure = error
        if "COMMIT" in str(error):
            self.in_doubt = set(self.ledger.open)

    # -- work ---------------------------------------------------------------------------------------------------------

    async def do(self, *deeds: Deed) -> None:
        """All in one turn of the loop; what is refused for want of room is asked again once there is room."""
        if self.alone is not None and len(deeds) > 1:
            for deed in deeds:
                await self.do(deed)
            return
        left: Sequence[Deed] = deeds
        for _ in range(3):
            left = await self._ask(left)
            if not left:
                return
            await self._check_reading()
            self.disk.heal()
        raise Wrong(f"still refused: {[deed.name for deed in left]}")

    async def _ask(self, deeds: Sequence[Deed]) -> list[Deed]:
        ledger = self.ledger
        futures: list[asyncio.Future[Any]] = []
        for deed in deeds:
            unit: Any = deed.make()
            try:
                self.store.submit(unit)
            except StoreFailed as error:
                raise Ended(str(error)) from error
            ledger.open.add(deed.name)
            futures.append(unit.future)
            if self.alone is not None:
                unit.future.add_done_callback(partial(self._done_alone, deed))
        outcomes = await asyncio.wait_for(asyncio.gather(*futures, return_exceptions=True), HANGS_S)
        refused: list[Deed] = []
        for deed, outcome in zip(deeds, outcomes, strict=True):
            if isinstance(outcome, StoreFailed):
                continue
            ledger.open.discard(deed.name)
            if isinstance(outcome, Refusal) and outcome.code is RefusalCode.STORE_FULL:
                ledger.refused += 1
                refused.append(deed)
            elif deed.fails is not None and isinstance(outcome, deed.fails):
                pass
            elif isinstance(outcome, AlreadyHandled):
                ledger.answered(deed, None)  # the unit that is stored said so by its mark
            elif isinstance(outcome, BaseException):
                raise Wrong(f"{deed.name}: {outcome!r}") from outcome
            else:
                ledger.answered(deed, outcome)
        if self.failure is not None:
            raise Ended(str(self.failure))
        return refused

    def _done_alone(self, deed: Deed, future: asyncio.Future[Any]) -> None:
        """At once, and not where the answer is read: a plugin may have answered it by then, in a commit of its own."""
        assert self.alone is not None
        if not future.cancelled() and future.exception() is None:
            self.alone(deed)

    async def writing(self, work: Awaitable[Any]) -> Any:
        """Work that makes its own units; it is asked again once there is room."""
        try:
            return await asyncio.wait_for(work, HANGS_S)
        except StoreFailed as error:
            raise Ended(str(error)) from error
        except Refusal as refusal:
            if refusal.code is not RefusalCode.STORE_FULL:
                raise
            self.ledger.refused += 1
            raise Ended("refused at start for want of room") from refusal

    async def _check_reading(self) -> None:
        """A full disk keeps nobody from reading."""
        await self.store.read(lambda reader: reader.head_change())

    async def read(self, query: Callable[[Any], T]) -> T | None:
        """None if this read met the fault: who asked is told that it did not work, and asks again."""
        try:
            return await self.store.read(query)
        except sqlite3.Error:
            return None
        except StoreFailed as error:
            raise Ended(str(error)) from error

    async def see(self, conversation_id: str, user_id: str) -> None:
        """Somebody reads a conversation: whatever they saw has to stay."""
        page: Page | None = await self.read(
            lambda reader: reader.history(conversation_id, user_id, 0, None, 1000, 10**9)
        )
        for message in page.items if page is not None else ():
            self.ledger.show(conversation_id, message.position, message.key)


Step = Callable[[Life], Awaitable[None]]


def do(*deeds: Deed) -> Step:
    """A step that asks for all of them in one turn."""

    async def step(life: Life) -> None:
        await life.do(*deeds)

    return step


def copy_files(source: Path, target: Path) -> None:
    """The database, its log and its side file."""
    for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-journal", f"{DATABASE}.high"):
        path = source / name
        if path.exists():
            (target / name).write_bytes(path.read_bytes())
