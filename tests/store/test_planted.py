"""The model disagrees with the product for each sabotage that is planted in the product, and with none it agrees.

The comparisons are those of `test_twins.py` and of a life like that in `test_twin_life.py`, on fixed histories (`scenes.py`).
So what is proved here is that those properties can fail: the model states each of these rules.

Not in the table, for no store shows it to the twins:

- what a cache or a batch is for (speed), and bounds that only bigger histories reach (lists of 500,000 conversations);
- rules that the model shares: `chat.permissions`, sealed places and lineage. They have oracles of their own
  (`test_places.py`, `test_lineage_rules.py`, `tests/permissions.txt`);
- what is made of the events behind the store: `run-over-a-removal` is a mistake of the hub (`tests/chat/test_fan_out.py`);
- disks that fail, and lives that end in the middle of a commit (`test_faults.py`, `test_kill_images.py`);
- the SQL of plugins (`test_plugin_sandbox.py`), of which the model has one table.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from imserver.chat.ports import Store
from imserver.chat.reader import Reader
from imserver.config import StoreConfig
from imserver.model import Learnt
from imserver.testing import ManualClock
from tests.store.deeds import GROUPS, PAIRS, PEOPLE, Op
from tests.store.model import ModelStore
from tests.store.sabotages import SABOTAGES, Sabotage, Vanished, is_plantable, planted
from tests.store.scenes import STATE_NAMES, history, history_of_state
from tests.store.support import Recorder, Stand
from tests.store.twins import answer, everything, in_order, model, opened, page_on, play, play_apart, product

#: Most sabotages show in one of the first two, each in one of these.
HISTORIES = range(24)
#: Of SQLite's machine, in one statement.
MAX_STEPS = 1_000_000
Batches = list[list[Op]]

pytestmark = pytest.mark.skipif(
    not all(map(is_plantable, SABOTAGES.values())), reason="nothing is planted in machine code"
)


class Bounded(sqlite3.Connection):
    """Ends a statement that does not end: a sabotage may make a conversation whose messages name each other in a ring. Set for
    each: the sandbox of plugins sets a bound of its own, and takes it away."""

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        self.set_progress_handler(lambda: 1, MAX_STEPS)
        return super().execute(sql, *arguments)


def bounded(path: str) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, factory=Bounded)


class Sides:
    """Makes the stores of one side; on another call the next life of the same."""

    def __init__(self, folder: str, by_hand: bool) -> None:
        self._clock = ManualClock()
        path = str(Path(folder) / "chat.db") if folder else ":memory:"
        self._config = StoreConfig(path=path, max_cached_conversations=3, readers=1)
        self._by_hand = by_hand
        self._last: ModelStore | None = None

    def __call__(self) -> Store:
        if not self._by_hand:
            return product(self._config, self._clock, bounded)
        before, self._last = self._last, model(self._config, self._clock)
        if before is not None:
            self._last.world = before.world
        return self._last


async def live_on(open_next: Callable[[], Store], batches: Batches) -> list[Any]:
    """Closed and opened again behind every second batch; at the end somebody comes back from each of these lives."""
    stand = await opened(open_next())
    told: list[Any] = []
    places = []
    for number, batch in enumerate(batches):
        units = in_order(batch)
        await stand.do(units)
        told.append([(answer(unit), list(unit.events())) for unit in units])
        if number % 2:
            places.append(stand.store.place())
            await stand.store.close()
            stand = Stand(open_next(), recorder := Recorder())
            await stand.store.open(recorder)
    told += [await stand.store.read(everything), await stand.store.read(partial(agreed, places))]
    await stand.store.close()
    return told


async def with_other_names(open_next: Callable[[], Store], batches: Batches) -> list[Any]:
    """Opened again behind every second batch, by a server that shows other names of state."""
    stand = await opened(open_next())
    told: list[Any] = []
    for number, batch in enumerate(batches):
        units = in_order(batch)
        await stand.do(units)
        told.append([(answer(unit), list(unit.events())) for unit in units])
        told.append(await stand.store.read(everything))
        if number % 2:
            await stand.store.close()
            stand = Stand(open_next(), recorder := Recorder())
            stand.store.show(SHOWN[number // 2 % len(SHOWN)])
            await stand.store.open(recorder)
            told.append(await stand.store.read(everything))
    await stand.store.close()
    return told


def agreed(places: list[str], reader: Reader) -> list[Any]:
    """Up to where each person agrees who learnt at one of these places."""
    return [
        reader.check(person, Learnt(conversation_id, place, 99, 0))
        for place in places
        for person in PEOPLE
        for conversation_id in (*PAIRS, *GROUPS)
    ]


def in_pages(open_next: Callable[[], Store], batches: Batches) -> Awaitable[list[Any]]:
    """With pages of one, two and three, and now and then a new device."""
    rounds = [
        (batch, number % 3 + 1, number % 6 if number % 5 == 4 else None)
        for number, batch in enumerate(batches)
    ]
    return page_on(open_next(), rounds)


COMPARISONS: dict[str, Callable[[Callable[[], Store], Batches], Awaitable[list[Any]]]] = {
    "in order": lambda open_next, batches: play(open_next(), batches),
    "apart": lambda open_next, batches: play_apart(open_next(), batches),
    "page by page": in_pages,
    "life after life": live_on,
    "other names": with_other_names,
}
#: Those that open one database again and again.
ON_DISK = ("life after life", "other names")
#: The names of state that its lives show, one after another.
SHOWN = (("marks",), STATE_NAMES, (), ("x",), STATE_NAMES, ("marks", "y"))


def told(comparison: str, seed: int, by_hand: bool) -> list[Any]:
    """All that one side says in a history."""
    tell = history_of_state if comparison == "other names" else history
    batches = tell(random.Random(seed))

    async def run(folder: str) -> list[Any]:
        return await COMPARISONS[comparison](Sides(folder, by_hand), batches)

    if comparison not in ON_DISK:
        return asyncio.run(run(""))
    with tempfile.TemporaryDirectory(prefix="imserver-planted-") as folder:
        return asyncio.run(run(folder))


@cache
def told_by_the_model(comparison: str, seed: int) -> list[Any]:
    return told(comparison, seed, by_hand=True)


@pytest.mark.prove
@pytest.mark.parametrize("share", range(3))
@pytest.mark.parametrize("comparison", COMPARISONS)
def test_without_a_sabotage_they_agree_on_each_history(comparison: str, share: int) -> None:
    histories = HISTORIES[:6] if comparison in ON_DISK else HISTORIES  # a disk takes its time
    for seed in histories[share::3]:
        by_sql = told(comparison, seed, by_hand=False)
        for part, (left, right) in enumerate(zip(by_sql, told_by_the_model(comparison, seed), strict=True)):
            assert left == right, f"history {seed}, part {part}"


@pytest.mark.prove
@pytest.mark.parametrize("name", SABOTAGES)
def test_a_sabotage_makes_them_disagree(name: str) -> None:
    sabotage = SABOTAGES[name]
    assert any(disagree(sabotage, seed) for seed in HISTORIES), sabotage.what


def disagree(sabotage: Sabotage, seed: int) -> bool:
    """A product that stops working disagrees, but not by an error of the sabotage itself; the model is asked without it."""
    by_hand = told_by_the_model(sabotage.shown, seed)
    try:
        with planted(sabotage):
            by_sql = told(sabotage.shown, seed, by_hand=False)
    except (NameError, TypeError, AttributeError):
        raise
    except Exception:
        return True
    if by_sql == by_hand:
        return False
    text = repr(by_sql)
    assert not any(f"'{error}'" in text for error in ("NameError", "UnboundLocalError", "TypeError"))
    return True


def test_a_sabotage_whose_place_has_vanished_is_an_error() -> None:
    known = next(iter(SABOTAGES.values()))
    with pytest.raises(Vanished, match="0 times"), planted(Sabotage("?", known.where, "not there", "")):
        raise AssertionError("planted")
    with pytest.raises(Vanished, match="times"), planted(Sabotage("?", known.where, " ", "")):
        raise AssertionError("planted")


def test_what_was_planted_is_gone_afterwards() -> None:
    for sabotage in SABOTAGES.values():
        before = place(sabotage)
        with planted(sabotage):
            assert place(sabotage) != before
        assert place(sabotage) is before


def place(sabotage: Sabotage) -> Any:
    where: Any = sabotage.where
    return where.__code__ if callable(where) else getattr(where.module, where.name)
