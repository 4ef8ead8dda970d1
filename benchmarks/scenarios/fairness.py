"""fairness: one user posts as fast as possible; measures the effect on another user."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import msgspec

from benchmarks.histograms import percentile_ms
from benchmarks.measure import Bench, Figures, pair_lanes, plans_for, run_plans
from benchmarks.plan import Outcome, Plan
from benchmarks.processes import Target, imserver
from benchmarks.results import Row, message_row
from benchmarks.scenarios.base import Scenario, fixed

#: The quiet user's posts a second, and the flood's unanswered posts.
QUIET_RATE = 200.0
FLOOD_WINDOW = 190


def fairness(bench: Bench, rivals: Sequence[str]) -> Iterator[Row]:
    """The quiet user alone, then beside the flood: the same server, the same rate."""
    with imserver() as target:
        quiet, flood = pair_lanes(target, 1), pair_lanes(target, 1, first=1)
        first = plans_for(bench, target, quiet, rate=QUIET_RATE)
        alone = _figures(bench, target, first)[0]
        yield message_row("fairness", "imserver", "quiet user alone", alone)
        cpus = list(bench.pinned.generators[-1])
        second = plans_for(bench, target, flood, window=FLOOD_WINDOW)
        both = [*first, *(msgspec.structs.replace(plan, cpus=cpus, first_address=40_000) for plan in second)]
        beside, flooding = _figures(bench, target, both)
    ratio = percentile_ms(beside.outcome.ack_us, 99.0) / (percentile_ms(alone.outcome.ack_us, 99.0) or 1.0)
    yield message_row("fairness", "imserver", "quiet user beside the flood", beside, p99_ratio=ratio)
    yield message_row("fairness", "imserver", "the flood", flooding)


def _figures(bench: Bench, target: Target, plans: Sequence[Plan]) -> list[Figures]:
    """The figures of each generator. Processor time: the server's for all of them, and theirs of the core that they share."""
    outcomes, stalls, common = run_plans(bench, target, plans, probe=True)
    share = sum(_share(outcome) for outcome in outcomes)
    return [
        replace(common, outcome=outcome, generator_cpu=share, stall_us=stalls.answer_us)
        for outcome in outcomes
    ]


def _share(outcome: Outcome) -> float:
    return outcome.generator_cpu_s / (outcome.measured_s or 1.0)


SCENARIOS = (Scenario("fairness", "one user floods, another one's tail", fixed(3), fairness),)
