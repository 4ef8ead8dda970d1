"""All scenarios, by the noun that they are about; those of features stand in parts/."""

from __future__ import annotations

from imserver.conformance.parts import all_scenarios
from imserver.conformance.scenario import Scenario

from . import (
    closes,
    frames,
    growth,
    hello,
    holds,
    lineage,
    posting,
    receiving,
    resume,
    states,
    syncing,
    windows,
)

SCENARIOS: tuple[Scenario, ...] = (
    *(
        one
        for noun in (
            hello,
            resume,
            windows,
            frames,
            posting,
            holds,
            receiving,
            syncing,
            lineage,
            states,
            closes,
            growth,
        )
        for one in noun.SCENARIOS
    ),
    *all_scenarios(),
)
