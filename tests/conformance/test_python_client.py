"""The Python client passes the judge, over TCP and over WebSocket."""

from __future__ import annotations

from pathlib import Path

import pytest

from imserver.conformance.judge import Verdict
from imserver.conformance.scenarios import SCENARIOS
from tests.conformance.drivers import QUICK

from .drivers import FAR, PYTHON, judged, said

#: Those in which the application posts behind a refusal.
FAR_AWAY = {"holds/burst", "holds/unanswered", "posting/abandon"}


async def test_the_python_client_passes(tmp_path: Path) -> None:
    outcomes = await judged(PYTHON, [one for one in SCENARIOS if one.name in QUICK], tmp_path)
    assert outcomes.keys() == QUICK
    assert {one.verdict for one in outcomes.values()} == {Verdict.PASSED}, said(outcomes)


async def test_a_client_that_hears_late_passes(tmp_path: Path) -> None:
    """Where a refusal takes its time a post may have left before it is heard (SPEC 9.3): no fault of the client."""
    outcomes = await judged(FAR, [one for one in SCENARIOS if one.name in FAR_AWAY], tmp_path)
    assert outcomes.keys() == FAR_AWAY
    assert {one.verdict for one in outcomes.values()} == {Verdict.PASSED}, said(outcomes)


@pytest.mark.prove
async def test_the_python_client_passes_everything_over_tcp(tmp_path: Path) -> None:
    outcomes = await judged(PYTHON, SCENARIOS, tmp_path, slow=True)
    assert {one.verdict for one in outcomes.values()} == {Verdict.PASSED}, said(outcomes)


@pytest.mark.prove
async def test_the_python_client_passes_everything_over_websocket(tmp_path: Path) -> None:
    outcomes = await judged(PYTHON, SCENARIOS, tmp_path, transport="websocket")
    verdicts = {one.verdict for one in outcomes.values()}
    assert verdicts == {Verdict.PASSED, Verdict.LEFT_OUT}, said(outcomes)
