"""People come and go in the simulation, and whoever gets past that is found: by the oracle, and by the watch in each server."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from imserver.chat.accounts import Accounts
from imserver.chat.endings import Endings
from imserver.chat.fan_out import Hub
from imserver.net.attach import Attachments
from imserver.proof import acts
from imserver.proof.acts import typing
from imserver.proof.simulation import world as worlds
from imserver.proof.simulation.office import COMINGS_AND_GOINGS
from imserver.proof.simulation.runs import run_one
from imserver.proof.simulation.setting import PEOPLE_SHARE, Setting, draw
from imserver_client.core.core import Core

#: Runs in which a sabotage is looked for. Of those below at least every fifth meets each; the search ends with the first.
RUNS = 60
#: A token is looked up for so long (virtual seconds): what ends it meanwhile is in no snapshot of the look.
LOOK_S = 0.5


def crowded(seed: int) -> Setting:
    """Ten seconds with many comings and goings: a server that lives and has no small limits, clients that come again and
    again."""
    # fmt: off
    return replace(
        draw(seed), people=True, copies=False, runs=False, booking=False, bulky=False,
        limits={}, store={}, clock_step_s=0.0, server_fault_s=1e6, client_fault_s=5.0, trouble=0.1, strike_s=5.0,
        busy_s=10.0, pace_s=0.5, devices={"ann": 2, "ben": 1, "cho": 1, "dee": 1},
    )
    # fmt: on


class Crowd(worlds.World):
    """The owner changes the team all the time, and the operator ends access in a handshake and lets everybody in again."""

    _waiting: frozenset[str] = frozenset()

    def _chaos(self) -> list[Any]:
        assert self.office is not None
        often_s = self.setting.busy_s / 60
        return [
            *super()._chaos(),
            self._now_and_then(often_s, self.office.change),
            self._now_and_then(often_s, self._end_in_handshake),
            self._now_and_then(4 * often_s, self._let_in),
        ]

    def _end_in_handshake(self) -> None:
        assert self.office is not None
        self.machine.watch.at_next_hello = self.office._end_in_handshake  # type: ignore[union-attr]

    def _let_in(self) -> None:
        """Whoever was out the last time, too: what was on its way when access ended has been refused by now."""
        assert self.office is not None
        out = frozenset(self.office._maybe_out)
        for user_id in sorted(out & self._waiting):
            self.office._enable(user_id)
        self._waiting = out - self._waiting


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`run_one` runs crowds, whose people type as often as they post, and whose tokens take a while to be looked up."""
    let_in = Accounts._let_in

    async def looks_long(self: Accounts, *args: Any) -> Any:
        found = await let_in(self, *args)
        await asyncio.sleep(LOOK_S)
        return found

    monkeypatch.setattr(Accounts, "_let_in", looks_long)
    monkeypatch.setattr(worlds, "World", Crowd)
    monkeypatch.setattr(worlds, "draw", crowded)
    often = tuple(replace(act, weight=60) for act in typing.ACTS.acts)
    monkeypatch.setattr(typing, "ACTS", replace(typing.ACTS, acts=often))
    acts.all_acts.cache_clear()
    yield
    acts.all_acts.cache_clear()


def audiences_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hub, "_forget_gone", lambda self, team_id, gone: None)


def sessions_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Attachments, "end_access", lambda self, event: None)


def handshakes_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Endings, "told", lambda self, event: None)


def teams_never_end_for_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Core, "left_teams", lambda self, rows, *, listed: [])


#: Sabotage -> what is said of it.
SABOTAGES = {
    audiences_kept: "was told Heard.*cursors=None.*and was out",
    sessions_go_on: "has a session on a token that was revoked",
    handshakes_go_on: "has a session on a token of before a revocation",
    teams_never_end_for_clients: "still follows .*, and is out",
}


@pytest.mark.usefixtures("crowd")
def test_people_come_and_go_and_nobody_gets_past_it() -> None:
    counts: Counter[str] = Counter()
    for seed in range(3):
        outcome = run_one(seed)
        assert outcome.findings == [], seed
        counts.update(outcome.journal.counts)
    assert all(counts[kind] for kind in COMINGS_AND_GOINGS)


@pytest.mark.parametrize("copies", [False, True])
def test_so_it_is_in_a_run_as_they_are_drawn(copies: bool) -> None:
    seed = next(seed for seed in range(2000) if draw(seed).people and draw(seed).copies == copies)
    assert run_one(seed).findings == []


@pytest.mark.usefixtures("crowd")
@pytest.mark.timeout(120)
@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage.__name__)
def test_whoever_gets_past_it_is_found(sabotage, monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage(monkeypatch)
    words = SABOTAGES[sabotage]
    assert any(re.search(words, "\n".join(run_one(seed).findings)) for seed in range(RUNS))


def test_in_most_runs_everybody_stays() -> None:
    share = sum(draw(seed).people for seed in range(2000)) / 2000
    assert share == pytest.approx(PEOPLE_SHARE, abs=0.03)
