"""In the simulation people really react: puts, removes, reads and retries over lost sessions happen, and are judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from imserver.proof import acts as acts_module
from imserver.proof.acts import Evidence, Notes, reactions
from imserver.proof.acts.reactions import ASKED, DONE, SAID
from imserver.proof.simulation.runs import run_one
from imserver_client.core.requests import OnAnswer, Requests
from imserver_protocol.methods.reactions import REACT

#: A few show everything. How many it takes depends on what else there is to do: each feature has acts of its own.
SEEDS = range(1, 65)
#: What has to happen.
LEAST = {
    "put": 60,
    "removed": 30,
    "asked who": 20,
    "people told": 5,
    "lost with a session": 5,
    "seen in the end": 20,
    "seen as one's own": 10,
    "people in the end": 20,
}


def counted(seeds: Iterable[int], monkeypatch: pytest.MonkeyPatch) -> tuple[Counter[str], list[str]]:
    """What people did in these seeds until enough was done, and what was found."""
    counts: Counter[str] = Counter()
    send = Requests.send

    def watched(requests: Requests, method: str, params: Any, on_answer: OnAnswer) -> bool:
        def answered(answer: Any) -> None:
            counts["lost with a session"] += method == REACT.name and answer is None
            on_answer(answer)

        return send(requests, method, params, answered)

    def judge(evidence: Evidence) -> Iterator[str]:
        for notes in evidence.notes:
            count(counts, notes)
        yield from reactions.judge(evidence)

    monkeypatch.setattr(Requests, "send", watched)
    monkeypatch.setattr(reactions, "ACTS", replace(reactions.ACTS, judge=judge))
    acts_module.all_acts.cache_clear()
    try:
        findings: list[str] = []
        for seed in seeds:
            findings += run_one(seed).findings
            if not missing(counts):
                break
    finally:
        acts_module.all_acts.cache_clear()
    return counts, findings


def missing(counts: Counter[str]) -> dict[str, int]:
    """What has not happened often enough, and how often it did."""
    return {what: counts[what] for what, least in LEAST.items() if counts[what] < least}


def count(counts: Counter[str], notes: Notes) -> None:
    on: dict[int, bool] = {}
    for kind, number, *words in notes.facts:
        if kind == SAID:
            on[number] = words[-1]
        elif kind == DONE:
            counts["put" if on[number] else "removed"] += 1
        elif kind == ASKED:
            counts["asked who"] += 1
            counts["people told"] += number
    for _, _, extra, mine, _, who in notes.rest or ():
        counts["seen in the end"] += extra is not None
        counts["seen as one's own"] += mine is not None
        counts["people in the end"] += len(who)


@pytest.mark.prove
def test_people_react_and_nothing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, findings = counted(SEEDS, monkeypatch)
    assert findings == []
    assert missing(counts) == {}
