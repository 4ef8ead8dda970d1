"""The judge notices small faults of a client, each by the scenario that is about it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from imserver.conformance.judge import Verdict
from imserver.conformance.scenarios import SCENARIOS

from .drivers import judged, sabotaged
from .sabotages import SABOTAGES

BY_NAME = {one.name: one for one in SCENARIOS}
#: Of each kind one; a proof plants them all.
QUICK = ("request window +1", "no ack on resume", "drops a push at a gap")
#: Most of a sabotaged client's time is waiting for what does not come.
AT_ONCE = 6
#: What it does not do by then it does not do at all. The same scenarios are passed without the fault, with more patience.
IMPATIENT_S = 3.0


async def unnoticed(name: str, folder: Path) -> str:
    """Why the judge has not noticed; "" if it has."""
    scenario = BY_NAME[SABOTAGES[name].noticed_by]
    outcome = (await judged(sabotaged(name), [scenario], folder, patience_s=IMPATIENT_S))[scenario.name]
    if outcome.verdict is not Verdict.FAILED:
        return f"{scenario.name} has not noticed: {name}"
    return outcome.text if "the judge failed" in outcome.text or not outcome.section else ""


@pytest.mark.parametrize("name", QUICK)
async def test_a_sabotage_is_noticed(name: str, tmp_path: Path) -> None:
    assert await unnoticed(name, tmp_path) == ""


@pytest.mark.prove
@pytest.mark.timeout(240)
async def test_every_sabotage_is_noticed(tmp_path: Path) -> None:
    room = asyncio.Semaphore(AT_ONCE)

    async def one(at: int, name: str) -> str:
        folder = tmp_path / str(at)
        folder.mkdir()
        async with room:
            return await unnoticed(name, folder)

    found = await asyncio.gather(*(one(at, name) for at, name in enumerate(SABOTAGES)))
    assert [text for text in found if text] == []
    print(f"{len(found)} sabotages, each noticed by its scenario")
