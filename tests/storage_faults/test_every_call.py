"""Every write, sync, truncation and deletion of many scenarios fails once in every way, in a process of its own.

pytest tests/storage_faults                                             a sample
pytest -m prove tests/storage_faults -s                                 more of it; prints the totals
STORAGE_FAULT_POINTS=all pytest -m prove tests/storage_faults -s        every point
STORAGE_FAULT_SEED=7 …                                                  another sample (the seed is printed)
python -m tests.storage_faults.sweep --only "edits" --points all        one scenario
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.storage_faults.gate import shortcomings
from tests.storage_faults.sweep import ALL

ROOT = Path(__file__).parents[2]
#: Points of each scenario: in the ordinary suite, and in the proof.
SAMPLE, PROOF = 5, 90


async def swept(points: str, seed: int, parts: int) -> tuple[Counter[str], Counter[str], list[str]]:
    """So many processes at a time share the points. Points by scenario and fault, what was seen, and what was wrong."""
    command = [sys.executable, "-m", "tests.storage_faults.sweep", "--points", points, "--seed", str(seed)]
    processes = [
        await asyncio.create_subprocess_exec(
            *command, "--part", f"{part}/{parts}", cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        for part in range(parts)
    ]
    tried: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    wrong: list[str] = []
    for output, _ in await asyncio.gather(*(process.communicate() for process in processes)):
        assert output, "a sweep ended without a result (see above)"
        told: dict[str, Any] = json.loads(output)
        tried.update(told["points"])
        seen.update(told["seen"])
        wrong += told["wrong"]
    return tried, seen, wrong


def show(tried: Counter[str], seen: Counter[str], wrong: list[str], seed: int) -> None:
    """Totals as plain lines."""
    scenarios: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    for name, count in tried.items():
        scenario, fault = name.split("|")
        scenarios[scenario] += count
        faults[fault] += count
    print(f"\nstorage faults, seed {seed}: {tried.total()} points in {len(scenarios)} scenarios")
    for title, counts in (("scenario", scenarios), ("fault", faults), ("seen", seen)):
        for name, count in sorted(counts.items()):
            print(f"  {title:<9} {name:<42} {count:>6}")
    print(f"  wrong: {len(wrong)}")
    for text in wrong[:20]:
        print(f"    {text[:1000]}")


@pytest.mark.timeout(180)  # a few seconds, unless others need the machine too
async def test_a_sample_of_calls_fails_in_every_way_and_nothing_is_lost() -> None:
    seed = int(os.environ.get("STORAGE_FAULT_SEED", "1"))
    tried, seen, wrong = await swept(str(SAMPLE), seed, 1)
    show(tried, seen, wrong, seed)
    assert list(shortcomings(tried, seen, wrong, scenarios=len(ALL), proof=False)) == []


@pytest.mark.prove
@pytest.mark.timeout(6 * 3600)
async def test_whatever_call_fails_nothing_is_lost_doubled_or_half_there() -> None:
    seed = int(os.environ.get("STORAGE_FAULT_SEED", "1"))
    points = os.environ.get("STORAGE_FAULT_POINTS", str(PROOF))
    tried, seen, wrong = await swept(points, seed, 2)
    show(tried, seen, wrong, seed)
    assert list(shortcomings(tried, seen, wrong, scenarios=len(ALL), proof=True)) == []
