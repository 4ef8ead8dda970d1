"""The scenarios: each a measurement with its rivals and its load."""

from __future__ import annotations

from benchmarks.scenarios import (
    appointments,
    backup,
    door,
    fairness,
    groups,
    growth,
    libraries,
    memory,
    page,
    pairs,
    people,
    reading,
    returning,
    staff,
)
from benchmarks.scenarios.base import Scenario

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for module in (
        pairs,
        groups,
        memory,
        door,
        returning,
        appointments,
        page,
        staff,
        reading,
        growth,
        fairness,
        backup,
        people,
        libraries,
    )
    for scenario in module.SCENARIOS
}
