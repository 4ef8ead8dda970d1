"""Hostile peers against a real server, each beside neighbours who must not notice: `pytest -m prove tests/hostile -s`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.arena import Report, arena, judge
from tests.hostile.attacks import ARENAS, EVERYTHING, face_all


@pytest.mark.prove
@pytest.mark.timeout(150)
@pytest.mark.parametrize("house", ARENAS)
async def test_attacks(tmp_path: Path, house: str, report: Report) -> None:
    await face_all(tmp_path, house, report)


#: Of the table, what is over soon: in the ordinary suite, so that the table cannot rot.
QUICK = [
    "wrong first frames",
    "bombs, NaN, extensions, bad UTF-8, trailing",
    "ACK flood",
    "window overflow",
    "stolen sessions, two resume at once",
    "outsiders",
    "members of old",
    "forged places",
    "all that may grow",
    "short names that wait",
    "posts to conversations that do not exist",
    "web: wrong first frames",
    "web: what is no message",
]


@pytest.mark.timeout(150)
async def test_some_attacks_that_are_over_soon(tmp_path: Path) -> None:
    rows = {attack.name: attack for attack in EVERYTHING}
    async with arena(tmp_path, ARENAS["web"]) as here:
        for name in QUICK:
            judge(await here.face(rows[name]))


def test_the_table_names_each_attack_once_and_each_in_a_house_that_stands() -> None:
    assert len({attack.name for attack in EVERYTHING}) == len(EVERYTHING)
    assert {attack.house for attack in EVERYTHING} == set(ARENAS)
