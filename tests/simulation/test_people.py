"""People come and go in the simulation, and whoever gets past that is found: by the oracle, and by the watch in each server."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from imserver.chat.endings import Endings
from imserver.chat.fan_out import Hub
from imserver.net.attach import Attachments
from imserver.proof.simulation.office import COMINGS_AND_GOINGS
from imserver.proof.simulation.runs import run_one
from imserver.proof.simulation.setting import PEOPLE_SHARE, draw
from imserver_client.core.core import Core

#: With people who come and go; and seeds in which older copies come back beside it.
SEEDS, WITH_COPIES = (2, 44, 168, 497), (49, 106)


def audiences_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hub, "_forget_gone", lambda self, team_id, gone: None)


def sessions_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Attachments, "end_access", lambda self, event: None)


def handshakes_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Endings, "told", lambda self, event: None)


def teams_never_end_for_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Core, "left_teams", lambda self, rows, *, listed: [])


#: Sabotage -> seeds of which each notices it (a change elsewhere may make another run of one), and what it says.
SABOTAGES = {
    audiences_kept: ((1883, 2543), "was told Heard.*cursors=None.*and was out"),
    sessions_go_on: ((44,), "has a session on a token that was revoked"),
    handshakes_go_on: ((624, 938, 1540, 3657), "has a session on a token of before a revocation"),
    teams_never_end_for_clients: ((44,), "still follows .*, and is out"),
}


def test_people_come_and_go_and_nobody_gets_past_it() -> None:
    counts: Counter[str] = Counter()
    for seed in (*SEEDS, *WITH_COPIES):
        assert draw(seed).people
        outcome = run_one(seed)
        assert outcome.findings == [], seed
        counts.update(outcome.journal.counts)
    assert all(counts[kind] for kind in COMINGS_AND_GOINGS)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage.__name__)
def test_whoever_gets_past_it_is_found(sabotage, monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage(monkeypatch)
    seeds, words = SABOTAGES[sabotage]
    assert any(re.search(words, "\n".join(run_one(seed).findings)) for seed in seeds)


def test_in_most_runs_everybody_stays() -> None:
    share = sum(draw(seed).people for seed in range(2000)) / 2000
    assert share == pytest.approx(PEOPLE_SHARE, abs=0.03)
