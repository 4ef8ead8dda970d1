"""The Python client passes the judge, over TCP and over WebSocket."""

from __future__ import annotations

from pathlib import Path

import pytest

from imserver.conformance.judge import Verdict
from imserver.conformance.scenarios import SCENARIOS

from .drivers import TCP, WEBSOCKET, judged, said

#: A few of each kind, which end soon; a proof plays them all.
QUICK = {
    "hello/first",
    "hello/killed",
    "hello/welcome-with-few-limits",
    "resume/sends-again",
    "resume/smaller-limits",
    "windows/requests",
    "frames/too-long",
    "posting/fresh-session",
    "holds/unanswered",
    "receiving/gap",
    "receiving/many-pairs",
    "windows/exact-bounds",
    "syncing/lagging",
    "lineage/check",
    "states/gap",
    "reactions/put-and-remove",
    "closes/201",
    "closes/orderly",
    "growth/exchange",
}


async def test_the_python_client_passes(tmp_path: Path) -> None:
    outcomes = await judged(TCP, [one for one in SCENARIOS if one.name in QUICK], tmp_path)
    assert outcomes.keys() == QUICK
    assert {one.verdict for one in outcomes.values()} == {Verdict.PASSED}, said(outcomes)


@pytest.mark.prove
async def test_the_python_client_passes_everything_over_tcp(tmp_path: Path) -> None:
    outcomes = await judged(TCP, SCENARIOS, tmp_path, slow=True)
    assert {one.verdict for one in outcomes.values()} == {Verdict.PASSED}, said(outcomes)


@pytest.mark.prove
async def test_the_python_client_passes_everything_over_websocket(tmp_path: Path) -> None:
    outcomes = await judged(WEBSOCKET, SCENARIOS, tmp_path, transport="websocket")
    # Of many clients at once one may have its next post under way before it has read a refusal: judged again by themselves.
    late = [one for one in SCENARIOS if outcomes[one.name].verdict is Verdict.FAILED]
    if late:
        (tmp_path / "again").mkdir()
        outcomes = {**outcomes, **await judged(WEBSOCKET, late, tmp_path / "again", transport="websocket")}
    verdicts = {one.verdict for one in outcomes.values()}
    assert verdicts == {Verdict.PASSED, Verdict.LEFT_OUT}, said(outcomes)
