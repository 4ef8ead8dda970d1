"""All scenarios, by the noun that they are about."""

from __future__ import annotations

from imserver.conformance.scenario import Scenario

from . import (
    closes,
    frames,
    growth,
    hello,
    holds,
    lineage,
    parts,
    posting,
    receiving,
    resume,
    states,
    syncing,
    windows,
)

SCENARIOS: tuple[Scenario, ...] = tuple(
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
        parts,
        closes,
        growth,
    )
    for one in noun.SCENARIOS
)
