"""The JavaScript client passes the judge of clients, over TCP and over WebSocket."""

from __future__ import annotations

from pathlib import Path

import pytest

from imserver.conformance.judge import Verdict
from imserver.conformance.scenarios import SCENARIOS
from tests.conformance.drivers import QUICK, ROOT, judged, said
from tests.support.node import NODE

DRIVER = [NODE, str(ROOT / "clients" / "js" / "examples" / "conformance_driver.js")]


@pytest.mark.parametrize("transport", ["tcp", "websocket"])
async def test_the_javascript_client_passes(tmp_path: Path, transport: str) -> None:
    few = [one for one in SCENARIOS if one.name in QUICK]
    outcomes = await judged(DRIVER, few, tmp_path, transport=transport)
    assert {one.verdict for one in outcomes.values()} == {Verdict.PASSED}, said(outcomes)


@pytest.mark.prove
@pytest.mark.parametrize("transport", ["tcp", "websocket"])
async def test_the_javascript_client_passes_everything(tmp_path: Path, transport: str) -> None:
    outcomes = await judged(DRIVER, SCENARIOS, tmp_path, transport=transport)
    verdicts = {one.verdict for one in outcomes.values()}
    assert verdicts == {Verdict.PASSED, Verdict.LEFT_OUT}, said(outcomes)
