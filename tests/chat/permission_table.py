"""Reads tests/permissions.txt, the reviewed table of who may do what."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import NamedTuple

from imserver.model import Kind

TABLE = Path(__file__).parents[1] / "permissions.txt"


class Act(NamedTuple):
    """A method, which case of it, and the kind of conversation that it is tried in."""

    method: str
    case: str
    kind: Kind

    def __str__(self) -> str:
        return f"{self.method} {self.case} in a {self.kind}".replace("  ", " ")


class Table(NamedTuple):
    """The profiles of each kind, and for each act: profile -> expected answer."""

    profiles: dict[Kind, list[str]]
    cells: dict[Act, dict[str, str]]


def read_table(text: str) -> Table:
    """Raises ValueError unless each act has one answer for each profile of its kind, and no other."""
    table = Table({}, {})
    acts: list[Act] = []
    answering = False
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            if line.startswith(" "):
                answering = True
                _answer(table, acts, *line.split())
            elif line.startswith("profiles of "):
                kind, _, profiles = line.removeprefix("profiles of ").partition(":")
                table.profiles.setdefault(Kind(kind), []).extend(profiles.split())
            else:
                acts = [] if answering else acts
                answering = False
                acts += _new_acts(table, line)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
    for act, cells in table.cells.items():
        missing = set(table.profiles[act.kind]) - set(cells)
        if missing:
            raise ValueError(f"{act}: no answer for {', '.join(sorted(missing))}")
    return table


def _new_acts(table: Table, line: str) -> list[Act]:
    head, _, kinds = line.partition(":")
    method, _, case = head.partition(" ")
    acts = [Act(method, case, Kind(kind)) for kind in kinds.split()]
    for act in acts:
        if act in table.cells:
            raise ValueError(f"{act} stands twice")
        table.cells[act] = {}
    return acts


def _answer(table: Table, acts: list[Act], answer: str, *profiles: str) -> None:
    for act, profile in product(acts, profiles):
        if profile not in table.profiles[act.kind]:
            raise ValueError(f"a {act.kind} has no profile {profile!r}")
        if profile in table.cells[act]:
            raise ValueError(f"{profile!r} has an answer to {act} already")
        table.cells[act][profile] = answer


EXPECTED = read_table(TABLE.read_text(encoding="utf-8"))
