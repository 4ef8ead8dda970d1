"""A long life of both: the product on disk, closed, killed and opened again, against a model that never ends."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from imserver.chat.reader import Reader
from imserver.config import StoreConfig
from imserver.errors import Refusal, RefusalCode
from imserver.store import SqliteStore
from imserver.store.checks import check_database
from imserver.store.engine.places import LISTED
from imserver.testing import ManualClock
from tests.store.deeds import GROUPS, PAIRS, PEOPLE, Op
from tests.store.long_runs import Said, long_run
from tests.store.model import ModelStore
from tests.store.support import Recorder, Stand, meaning
from tests.store.twins import answer, anybody, everything, in_order, opened, ops, people, places

#: A place as the store on disk gave it, and as the model did.
Tokens = tuple[str | None, str | None]
numbers = st.one_of(st.none(), st.integers(-1, 30), st.sampled_from([2**53 - 1, -(2**53) + 1]))
limits = st.sampled_from([1, 2, 3, 7, 100])


def said_by(query: Callable[[], Any]) -> Any:
    """The answer, or the code of the refusal."""
    try:
        return query()
    except Refusal as refusal:
        return refusal.code


def sync_page(person: str, since: str | None, limit: int, reader: Reader) -> tuple[Any, str]:
    """What a page says, and the place behind it."""
    rows, following, more = reader.sync(person, since, limit)
    return (rows, more, meaning(reader, following)), following


def listed(person: str, before: str | None, limit: int, reader: Reader) -> tuple[Any, str | None]:
    rows, following = reader.conversations(person, before, limit)
    return (rows, meaning(reader, following, LISTED)), following


def whole(place: str, person: str, reader: Reader) -> Any:
    return said_by(lambda: reader.history(place, person, 0, None, 1000, 10**9))


class Twins(RuleBasedStateMachine):
    """Whatever is done to both and asked of both: the same answers, events and pages."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="imserver-twins-"))
        self.lives = 1
        self.clock = ManualClock()
        self.disk: Stand
        self.model: Stand
        #: Places that were given out: each by both.
        self.sinces: dict[str, list[Tokens]] = {person: [] for person in PEOPLE}
        self.lasts: dict[tuple[str, str], int] = {}
        #: What was offered in long runs, and what of it is stored.
        self.runs: list[list[Said]] = []
        self.find_committed: list[Said] = []

    def _on_disk(self, name: str) -> SqliteStore:
        (self.folder / name).mkdir(exist_ok=True)
        config = StoreConfig(path=str(self.folder / name / "chat.db"), max_cached_conversations=2, readers=1)
        return SqliteStore(config, clock=self.clock, rng=random.Random(3))

    def _open_again(self, names: tuple[str, ...] | None = None) -> None:
        self.disk = Stand(self._on_disk(str(self.lives)), recorder := Recorder())
        model = self.model.store
        assert isinstance(model, ModelStore)
        world = model.world
        hidden = world.names - {*(world.names if names is None else names)}
        model.world = replace(world, hidden=hidden)
        if names is not None:
            self.disk.store.show(names)
        self.loop.run_until_complete(self.disk.store.open(recorder))

    def both(self, ask: Callable[[Reader], Any]) -> Any:
        """The answer of both, which is one."""
        disk, model = (
            self.loop.run_until_complete(stand.store.read(ask)) for stand in (self.disk, self.model)
        )
        assert disk == model
        return disk

    def both_pages(
        self, ask: Callable[..., tuple[Any, str | None]], person: str, tokens: Tokens, limit: int
    ) -> tuple[Any, Tokens]:
        """The page of both, which is one, and the places behind it: each store knows its own."""
        disk, model = (
            self.loop.run_until_complete(stand.store.read(partial(ask, person, token, limit)))
            for stand, token in zip((self.disk, self.model), tokens, strict=True)
        )
        assert disk[0] == model[0]
        return disk[0], (disk[1], model[1])

    @initialize()
    def begin(self) -> None:
        self.disk = self.loop.run_until_complete(opened(self._on_disk("1")))
        model = ModelStore(clock=self.clock, rng=random.Random(3))
        self.model = self.loop.run_until_complete(opened(model))

    # -- what is done

    @rule(batch=st.lists(ops, min_size=1, max_size=12))
    def work(self, batch: list[Op]) -> None:
        """Posts (keys come again), groups, members, edits, cursors, plugin tables; some units fail, some end all."""
        told = []
        for stand in (self.disk, self.model):
            units = in_order(batch)
            self.loop.run_until_complete(stand.do(units))
            told.append([(answer(unit), list(unit.events())) for unit in units])
        assert told[0] == told[1]

    @rule(seed=st.integers(0, 2**32))
    def offered_again_in_part(self, seed: int) -> None:
        """A long run at once, of which some was committed before: in this life of the store or in an earlier one."""
        first = 1_000_000 * (1 + len(self.runs))
        run = long_run(random.Random(seed), PEOPLE, (*PAIRS, *GROUPS), self.find_committed, first, longest=99)
        self.runs.append(run)
        here, there = ([each.unit() for each in run] for _ in range(2))
        for stand, units in ((self.disk, here), (self.model, there)):
            self.loop.run_until_complete(stand.do(units))
        told = [[(answer(unit), list(unit.events())) for unit in units] for units in (here, there)]
        assert told[0] == told[1]
        self.find_committed += [each for each, unit in zip(run, here, strict=True) if unit.error is None]

    @rule(seconds=st.sampled_from([0.0, 1.0, 86_400.0]), back=st.booleans())
    def time_passes(self, seconds: float, back: bool) -> None:
        """24: also backwards."""
        if back:
            self.clock.jump_to(self.clock.now_ms() - round(seconds * 1000))
        else:
            self.clock.advance(seconds)

    @rule(token=st.sampled_from(["t1", "t2"]), person=people, device=st.sampled_from(["phone", "tablet"]))
    def token_is_bound(self, token: str, person: str, device: str) -> None:
        """To the device that comes first, for ever."""
        bound = [
            self.loop.run_until_complete(stand.tx(lambda tx: tx.bind_token(token, person, device)))
            for stand in (self.disk, self.model)
        ]
        assert bound[0] == bound[1]
        self.both(lambda reader: reader.bound_device(token))

    @rule(names=st.sampled_from((None, ("marks", "x"), ("marks",), ("x",), ())))
    def closed_and_opened(self, names: tuple[str, ...] | None) -> None:
        """By a server that shows these names of state; None: all."""
        self.loop.run_until_complete(self.disk.store.close())
        self._open_again(names)

    @rule()
    def killed_and_opened(self) -> None:
        """The files as they are, without a last word of the store."""
        old, folder = self.disk, self.folder / str(self.lives)
        self.lives += 1
        shutil.copytree(folder, self.folder / str(self.lives))
        self.loop.run_until_complete(old.store.close())
        self._open_again()

    # -- what is asked

    @rule(
        person=anybody,
        place=places,
        after=numbers,
        before=numbers,
        limit=limits,
        size=st.sampled_from([1, 60, 10_000]),
    )
    def history(
        self, person: str, place: str, after: int | None, before: int | None, limit: int, size: int
    ) -> None:
        if after is not None and before is not None:
            before = None
        self.both(lambda reader: said_by(lambda: reader.history(place, person, after, before, limit, size)))

    @rule(person=people, limit=limits, which=st.integers(0, 20))
    def sync_from_any_time(self, person: str, limit: int, which: int) -> None:
        """With any token that was ever given out; the pages together list each change once."""
        known = self.sinces[person]
        since = known[which % len(known)] if known and which else (None, None)
        for _ in range(40):
            (_, more, _), since = self.both_pages(sync_page, person, since, limit)
            known.append(since)
            if not more:
                return
        raise AssertionError("a sync that never ends")

    @rule(person=people, limit=limits)
    def list_of_conversations(self, person: str, limit: int) -> None:
        before: Tokens = (None, None)
        shown: list[str] = []
        for _ in range(40):
            (rows, _), before = self.both_pages(listed, person, before, limit)
            shown += [row.conversation_id for row in rows]
            if before == (None, None):
                break
        assert len(shown) == len(set(shown))

    @rule(after=st.integers(0, 60), limit=limits, who=st.sampled_from([None, ["bob"], ["ann", "dee"]]))
    def messages_in_order_of_commit(self, after: int, limit: int, who: list[str] | None) -> None:
        self.both(lambda reader: reader.messages_after(after, who, limit))

    # -- what must always hold

    @invariant()
    def positions_are_whole_and_never_go_back(self) -> None:
        """3, 4: first to last without a hole, and `last` only rises, also across kills."""
        for place in (*PAIRS, *GROUPS):
            for person in PEOPLE:
                page = self.loop.run_until_complete(self.disk.store.read(partial(whole, place, person)))
                if isinstance(page, RefusalCode):
                    continue
                assert [item.position for item in page.items] == list(range(page.first, page.last + 1))
                last = max((item.position for item in page.items), default=0)
                assert last >= self.lasts.get((place, person), 0)
                self.lasts[place, person] = last

    def teardown(self) -> None:
        try:
            self._end()
        finally:
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self) -> None:
        if self.disk.store.epoch:
            self.both(everything)
        for stand in (self.disk, self.model):
            if stand.store.epoch:
                assert stand.store.witnesses == 0, "no place that was given out is of another history"
            self.loop.run_until_complete(stand.store.close())
        with closing(sqlite3.connect(self.folder / str(self.lives) / "chat.db")) as raw:
            assert check_database(raw).findings == []


Twins.TestCase.settings = settings(
    max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestTwins = Twins.TestCase


class TwinsForLong(Twins):
    """The same, many times."""


TwinsForLong.TestCase.settings = settings(Twins.TestCase.settings, max_examples=120, stateful_step_count=30)
TestTwinsForLong = pytest.mark.prove(pytest.mark.timeout(400)(TwinsForLong.TestCase))
