"""Long runs of posts offered again in part: the simulation plays them, and other seeds are the runs that they were."""

from __future__ import annotations

import pytest

from imserver.proof.simulation import workload
from imserver.proof.simulation.report import Totals
from imserver.proof.simulation.runs import run_one, run_some
from imserver.proof.simulation.setting import RUNS_SHARE, SHORTENING, draw
from imserver.proof.simulation.workload import RUNS
from imserver.store.sqlite import bulk_posts

#: More seeds than this without a long run would be a surprise.
MANY = range(1, 400)
RUNNING = [seed for seed in MANY if draw(seed).runs]
FEW = RUNNING[:2]
#: Here a run of several statements meets what was stored before, behind the first of them. Each notices; where a change
#: elsewhere makes another run of one, others are left.
NOTICE = (26, 28, 38, 41)


@pytest.fixture(scope="module")
def totals() -> Totals:
    totals = Totals()
    for seed in FEW:
        totals.merge(run_some(range(seed, seed + 1)))
    return totals


def test_a_share_of_the_seeds_plays_them_and_nothing_keeps_their_runs_short() -> None:
    assert 0.7 * RUNS_SHARE < len(RUNNING) / len(MANY) < 1.3 * RUNS_SHARE
    for seed in RUNNING:
        setting = draw(seed)
        assert not SHORTENING & {*setting.limits, *setting.store}


def test_the_seeds_that_play_them_are_clean(totals: Totals) -> None:
    assert [(failure.seed, failure.findings) for failure in totals.failures] == []


def test_what_was_stored_is_offered_again_in_runs_of_several_statements(totals: Totals) -> None:
    """One statement takes up to so many rows; above, what it began has to be taken back with what came before it."""
    assert min(RUNS) > bulk_posts.MAX_EXACT_ROWS
    assert totals.most["batch"] > bulk_posts.MAX_EXACT_ROWS
    assert totals.counts["long runs"] >= len(FEW)
    assert totals.counts["posts offered again in them"] >= len(FEW)


def test_a_store_that_leaves_a_part_of_a_run_behind_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run without the savepoint that its first statements need.

    Nobody does what features offer, so that a new feature makes no other run of it.
    """
    monkeypatch.setattr(workload, "all_acts", dict)
    monkeypatch.setattr(bulk_posts.BulkPosts, "_guard", lambda self: None)
    assert any(run_one(seed).findings for seed in NOTICE)
