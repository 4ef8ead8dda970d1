"""What the storage faults have to have tried and seen before a run of them says anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from tests.storage_faults.faults import CRASHES, Fault

#: Beside at least 100 on a real process.
LEAST_POINTS = 1_900
LEAST_SCENARIOS = 15
#: Points on a real process; a quarter of them has to end it.
LEAST_REAL_POINTS = 100
#: Faults that a sample meets; a proof meets all.
IN_A_SAMPLE = frozenset({*CRASHES, Fault.EIO, Fault.FULL, Fault.SHORT})
#: Outcomes that have to be seen, or they were not tried.
OUTCOMES = ("failed COMMIT found present", "failed COMMIT found absent", "refused")
REAL_OUTCOMES = ("unanswered found present", "unanswered found absent", "did not start")


def shortcomings(
    tried: Counter[str], seen: Counter[str], wrong: Sequence[str], *, scenarios: int, proof: bool
) -> Iterator[str]:
    """Why a sweep does not pass. `tried`: points by "scenario|call fault"; `scenarios`: how many there are."""
    yield from (f"wrong: {text}" for text in wrong)
    met = {name.partition("|")[0] for name in tried}
    if not len(met) == scenarios > LEAST_SCENARIOS:
        yield f"{len(met)} of {scenarios} scenarios"
    faults = {name.rpartition("|")[2].partition(" ")[2] for name in tried}
    for fault in sorted((frozenset(Fault) if proof else IN_A_SAMPLE) - faults):
        yield f"no {fault}"
    if seen["not reached"]:
        yield f"{seen['not reached']} points were not reached"
    if proof:
        if tried.total() < LEAST_POINTS:
            yield f"{tried.total()} points, not {LEAST_POINTS}"
        yield from (f"never seen: {outcome}" for outcome in OUTCOMES if not seen[outcome])


def real_shortcomings(points: int, counts: Counter[str]) -> Iterator[str]:
    """Why the proof on a real process does not pass."""
    if points < LEAST_REAL_POINTS:
        yield f"{points} points, not {LEAST_REAL_POINTS}"
    if counts["ended by itself"] <= LEAST_REAL_POINTS // 4:
        yield f"only {counts['ended by itself']} ended by themselves"
    yield from (f"never seen: {outcome}" for outcome in REAL_OUTCOMES if not counts[outcome])
