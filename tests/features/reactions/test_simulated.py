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

#: A few that show everything; a hundred have ten times as much.
SEEDS = range(1, 17)


def counted(seeds: Iterable[int], monkeypatch: pytest.MonkeyPatch) -> tuple[Counter[str], list[str]]:
    """What people did in these seeds, and what was found."""
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
        findings = [text for seed in seeds for text in run_one(seed).findings]
    finally:
        acts_module.all_acts.cache_clear()
    return counts, findings


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


def test_people_react_and_nothing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, findings = counted(SEEDS, monkeypatch)
    assert findings == []
    least = {
        "put": 60,
        "removed": 30,
        "asked who": 20,
        "people told": 5,
        "lost with a session": 5,
        "seen in the end": 20,
        "seen as one's own": 10,
        "people in the end": 20,
    }
    assert {what: counts[what] for what in least if counts[what] < least[what]} == {}
