"""Contract: of long runs offered again in part each key is there once, where its sender was told, and nothing else is."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from imserver.chat.ports import Store
from imserver.chat.reader import Reader
from imserver.model import Kind, Role, User, group_conversation_id
from imserver.testing import ManualClock
from tests.store.deeds import PAIRS, PEOPLE
from tests.store.homes import Home, ModelHome
from tests.store.long_runs import Said, long_run
from tests.store.support import Recorder, Stand, key, outcome, said

GROUP = group_conversation_id("ann", key(10**6))
#: In some of them some are no members; the direct ones begin with the first post.
PLACES = (*PAIRS, GROUP, GROUP, "group/none")


async def _opened(store: Store) -> Stand:
    stand = Stand(store, recorder := Recorder())
    await store.open(recorder)
    return stand


async def _lives(home: Home, seed: int) -> list[Any]:
    """Runs in two lives, with posts one by one between them; all answers and events, and all that is stored."""
    rng, told = random.Random(seed), []
    known: list[Said] = []
    store = home.store(clock=ManualClock(), rng=random.Random(3))
    stand = await _opened(store)
    for person in PEOPLE:
        await stand.tx(lambda tx, name: tx.put_user(User(name, name)), person)
    members = dict.fromkeys(PEOPLE[1:3], Role.MEMBER)
    await stand.tx(lambda tx: tx.create_conversation("ann", key(10**6), Kind.GROUP, "g", members))
    for round_ in range(4):
        if round_ == 2:  # what the writer remembers is gone
            await store.close()
            store = home.store(clock=ManualClock(), rng=random.Random(3))
            stand = await _opened(store)
        run = long_run(rng, PEOPLE, PLACES, known, 10_000 * (round_ + 1))
        units = [each.unit() for each in run]
        await stand.do(units)
        told.append([(outcome(unit), list(unit.events())) for unit in units])
        known += [each for each, unit in zip(run, units, strict=True) if unit.error is None]
        alone = Said(900_000 + round_, "ann", GROUP, "alone")
        told.append(await stand.post(alone.unit(), alone.unit()))
        known.append(alone)
    told.append(await stand.read(_stored))
    await store.close()
    return told


def _stored(reader: Reader) -> list[Any]:
    return [
        reader.messages_after(0, None, 10_000),
        *(reader.conversations(person, None, 100) for person in PEOPLE),
        reader.history(GROUP, "ann", 0, None, 10_000, 10**9),
    ]


@pytest.mark.parametrize("seed", range(16))
async def test_a_long_run_offered_again_in_part_is_stored_once_and_as_answered(
    engine_home: Home, tmp_path: Path, seed: int
) -> None:
    """The model does them one by one; the check looks for rows that nobody can see."""
    by_sql = await _lives(engine_home, seed)
    by_hand = await _lives(ModelHome(tmp_path), seed)
    for number, (left, right) in enumerate(zip(by_sql, by_hand, strict=True)):
        assert left == right, f"seed {seed}, part {number}"
    assert engine_home.findings() == []


@pytest.mark.parametrize("length", [65, 99, 128, 600])
@pytest.mark.parametrize("where", ["first", "last"])
async def test_whatever_is_answered_stored_is_there(stand: Stand, length: int, where: str) -> None:
    """One of so many was committed before its sender was cut off; then all are offered at once."""
    run = [Said(number, "ann", PAIRS[0], f"{number}") for number in range(1, length + 1)]
    await stand.post(run[0 if where == "first" else -1].unit())
    answers = await stand.post(*[each.unit() for each in run])
    page = await stand.read(lambda reader: reader.history(PAIRS[0], "bob", 0, None, 1000, 10**9))
    there = {item.position: (item.key, item.content) for item in page.items}
    for each, (position, _, duplicate) in zip(run, answers, strict=True):
        assert there.pop(position) == (key(each.number), said(each.text))
        assert duplicate == (position == 1)
    assert there == {}
