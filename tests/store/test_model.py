"""The model is an oracle of its own: it shares no code of writes with the product, and does units one after another."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from imserver.errors import Refusal
from imserver.events import MessagePosted
from imserver.model import User
from tests.store.model import ModelStore, ModelTransaction, World
from tests.store.support import DIRECT, USERS, Recorder, Stand, Work, edit_message, key, post, said

FOLDER = Path(__file__).parent / "model"
#: What it has of the product's store: pure, with tests of their own.
SHARED = {"imserver.store.engine.lineage", "imserver.store.engine.places"}


def test_of_the_store_it_has_sealed_places_and_lineage_alone() -> None:
    imported = {
        name
        for file in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        for name in _imports(node)
    }
    ours = {name for name in imported if name.startswith("imserver.store")}
    assert ours == SHARED
    assert not imported & {"sqlite3", "aiosqlite", "importlib"}


def _imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


@pytest.fixture
async def stand() -> Any:
    store = ModelStore()
    opened = Stand(store, recorder := Recorder())
    await store.open(recorder)
    await opened.users(*USERS)
    yield opened
    await store.close()


async def test_units_are_done_in_the_order_of_submission_whatever_they_name(stand: Stand) -> None:
    """A post of somebody else passes nothing, even where the product lets it."""
    other = "direct/cy/dee"
    await stand.post(post(1), post(2, "cy", other))
    units = [
        Work(lambda tx: tx.move_cursors(DIRECT, "bob", 1, 1), DIRECT),
        post(3, "cy", other),
        Work(lambda tx: tx.move_cursors(DIRECT, "bob", 1, 0), DIRECT),
        post(4),
    ]
    await stand.do(units)
    assert stand.recorder.units[-5:-1] == units
    changes = [event.change for unit in units for event in unit.events()]
    assert changes == sorted(changes)
    assert len(changes) == 3


async def test_a_unit_that_raises_leaves_the_very_world_of_before(stand: Stand) -> None:
    store = stand.store
    assert isinstance(store, ModelStore)
    before = store.world

    def spoiled(tx: Any) -> None:
        tx.post(DIRECT, "ann", key(1), said("1"), sent_at=1)
        tx.note("row")
        raise ValueError

    unit = Work(spoiled)
    await stand.do([unit])
    assert store.world is before
    assert isinstance(unit.error, ValueError)
    assert unit.events() == ()


def test_a_draft_changes_nothing_that_a_snapshot_holds() -> None:
    world = World()
    draft = ModelTransaction(world, now_ms=1, max_members=5)
    for name in USERS:
        draft.put_user(User(name, name))
    draft.post(DIRECT, "ann", key(1), said("1"), sent_at=1)
    held = draft.world
    copy = dataclasses.replace(held)
    draft.post(DIRECT, "bob", key(2), said("2"), sent_at=2)
    edit_message(draft, DIRECT, "ann", key(3), 1, said("one"))
    draft.move_cursors(DIRECT, "bob", 1, 1)
    assert (world, held) == (World(), copy)
    assert held.talks[DIRECT].head == 1
    assert [type(event) for event in draft.events].count(MessagePosted) == 3
    with pytest.raises(Refusal):
        draft.post(DIRECT, "cy", key(4), said("4"), sent_at=4)
