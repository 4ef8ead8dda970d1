"""Every attack, the arena that each is for, and how all of an arena are faced and judged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.hostile import crowds, door, floods, frames, people
from tests.hostile.arena import ArenaConfig, Attack, Report, arena, judge

EVERYTHING = [*frames.ATTACKS, *floods.ATTACKS, *people.ATTACKS, *crowds.ATTACKS, *door.ATTACKS]
ARENAS = {
    "plain": ArenaConfig(),
    "floods": ArenaConfig(),
    "reads": ArenaConfig(prepare=floods.prepare),
    "people": ArenaConfig(prepare=floods.prepare),
    "crowds": ArenaConfig(),
    "tls": ArenaConfig(tls=True),
    "web": ArenaConfig(sections={"http": {"port": 0}}),
}


async def face_all(folder: Path, house: str, report: Report, attacks: Sequence[Attack] = EVERYTHING) -> None:
    """Those of a house, one after another; they are judged once all were faced and reported."""
    async with arena(folder, ARENAS[house]) as here:
        outcomes = []
        for attack in attacks:
            if attack.house == house:
                outcome = await here.face(attack)
                report(outcome)
                outcomes.append(outcome)
    for outcome in outcomes:
        judge(outcome)
