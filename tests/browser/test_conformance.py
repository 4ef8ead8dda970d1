"""The JavaScript client passes the judge of clients in a real browser, also across kills of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from imserver.conformance.judge import Verdict
from imserver.conformance.scenarios import SCENARIOS
from tests.browser.conftest import CHROMIUM
from tests.conformance.drivers import judged, said

DRIVER = [sys.executable, "-m", "tests.browser.conformance_driver"]


@pytest.mark.timeout(240)
async def test_the_javascript_client_passes_everything_in_chromium(tmp_path: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("no chromium here (Debian, Ubuntu: apt install chromium)")
    outcomes = await judged(DRIVER, SCENARIOS, tmp_path, transport="websocket")
    verdicts = {one.verdict for one in outcomes.values()}
    assert verdicts == {Verdict.PASSED, Verdict.LEFT_OUT}, said(outcomes)
