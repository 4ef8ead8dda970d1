"""Looks at what a crash left, with another copy of SQLite on a copy of the files: is it a state that there should be?"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from imserver.store.checks import SideFile, check_database
from imserver.store.sqlite.database import HighWater
from tests.storage_faults.life import DATABASE, Ledger, Wrong, copy_files

#: One whole state of a database: every row of every table that two runs must have in common.
State = tuple[Any, ...]
Ask = Callable[[str], Iterable[tuple[Any, ...]]]

#: Each start adds to them what no other start has: counters, an epoch, a mark.
_STARTS = frozenset({"meta", "lineage"})
#: How many starts there were when a plugin last wrote is no part of what it wrote.
_COLUMNS = {"plugin_cursors": "plugin, change"}


def state_of(ask: Ask, unlike: frozenset[str]) -> State:
    """Everything but `unlike` tables and the counters that depend on how units met in batches."""
    tables = sorted(
        name
        for (name,) in ask("SELECT name FROM sqlite_master WHERE type = 'table'")
        if name not in unlike | _STARTS and not name.startswith("sqlite_stat")
    )
    version = list(ask("PRAGMA user_version"))
    return (
        tuple(version[0]),
        *(
            (name, *sorted(map(tuple, ask(f"SELECT {_COLUMNS.get(name, '*')} FROM {name}")), key=repr))
            for name in tables
        ),
    )


def state_in(folder: Path, unlike: frozenset[str]) -> State:
    """Of files that nobody has open."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as copy:
        copy_files(folder, Path(copy))
        with closing(sqlite3.connect(Path(copy) / DATABASE)) as raw:
            return state_of(raw.execute, unlike)


class States:
    """The states that a run without faults goes through, in order, and which of them each answer belongs to."""

    def __init__(self) -> None:
        self._last: dict[State, int] = {}
        self.final: State = ()
        #: Name of a deed -> the first state that holds it.
        self.index_of: dict[str, int] = {}
        #: States that were proved, with what the side file said then.
        self.checked: set[tuple[int, tuple[int, bool] | None]] = set()

    def __len__(self) -> int:
        return len(self._last)

    def add(self, state: State) -> None:
        self._last[state] = len(self._last) if state not in self._last else self._last[state]
        self.final = state

    @property
    def newest(self) -> int:
        return len(self._last) - 1

    def find(self, state: State) -> int:
        """Raises `Wrong` for a state that no run should be in."""
        if state not in self._last:
            raise Wrong(f"a state that should not be: {difference(state, self.final)}")
        return self._last[state]


def difference(state: State, other: State) -> str:
    """For a person: the rows that one has and the other has not."""
    here = {(table[0], row) for table in state for row in table[1:]}
    there = {(table[0], row) for table in other for row in table[1:]}
    return f"has {sorted(here - there, key=repr)[:4]}, lacks {sorted(there - here, key=repr)[:4]}"


def examine(folder: Path, states: States, ledger: Ledger, unlike: frozenset[str], *, look_aside: bool) -> int:
    """The number of the state that is found. Raises `Wrong` for whatever is not as it must be."""
    # Copies: another SQLite may have the files themselves open (see `connection`).
    with tempfile.TemporaryDirectory(dir=folder.parent) as copy:
        copy_files(folder, Path(copy))
        with closing(sqlite3.connect(Path(copy) / DATABASE)) as raw:
            raw.execute("PRAGMA synchronous = OFF")
            if not raw.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                if ledger.answers:
                    raise Wrong("an empty database, after answers")
                return -1
            damage = raw.execute("PRAGMA integrity_check").fetchall()
            if damage != [("ok",)]:
                raise Wrong(f"damaged: {damage[:3]}")
            number = states.find(state_of(raw.execute, unlike))
            _check(raw, states, number, _side_file(Path(copy)) if look_aside else None)
            _check_shown(raw, ledger)
            for name in ledger.answers:
                if states.index_of.get(name, -1) > number:
                    raise Wrong(f"{name} was answered and is not there")
            return number


def _check(raw: sqlite3.Connection, states: States, number: int, side: SideFile | None) -> None:
    """What `imserver check` proves, once for each state and side file that is met."""
    epoch = raw.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()
    met = (number, None if side is None else (side.change, (side.epoch,) == epoch))
    if met in states.checked:
        return
    report = check_database(raw, side=side)
    if report.found:
        raise Wrong(f"imserver check: {[(each.check, each.text) for each in report.findings[:3]]}")
    states.checked.add(met)


def _side_file(folder: Path) -> SideFile | None:
    seen = HighWater(folder / DATABASE).read()
    return None if seen is None else SideFile(*seen)


def _check_shown(raw: sqlite3.Connection, ledger: Ledger) -> None:
    rows = raw.execute(
        "SELECT c.conversation_id, m.position, m.key FROM messages m JOIN conversations c ON c.no = m.conversation_no"
    ).fetchall()
    stored = {(conversation, position): key for conversation, position, key in rows}
    if len(stored) != len(rows):
        raise Wrong("two messages at one position")
    for place, key in ledger.shown.items():
        if stored.get(place) != key:
            raise Wrong(f"{place} was shown and is not there")
