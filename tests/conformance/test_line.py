"""A line of the judge: its clock for acks is stopped by acks alone."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from imserver.conformance import line
from imserver.conformance.breach import Breach
from imserver.conformance.session import WIDE, Session
from imserver_protocol.limits import Limits
from imserver_protocol.wire.codec import encode_tail, frame_bytes
from imserver_protocol.wire.frames import FrameType


@pytest.mark.parametrize(("acked", "section"), [(0, "7"), (1, "7"), (2, "")])
async def test_a_client_that_says_something_still_owes_the_acks_that_it_does_not_say(
    monkeypatch: pytest.MonkeyPatch, acked: int, section: str
) -> None:
    monkeypatch.setattr(line, "ACK_SLACK_S", 0.0)
    broken: list[Breach] = []
    play = SimpleNamespace(
        limits=Limits(),
        features=[],
        leisure=1.0,
        journal=SimpleNamespace(wrote=lambda data: None),
        failed=broken.append,
        happened=lambda: None,
        note=lambda *said: None,
    )
    one = line.Line(cast("Any", SimpleNamespace(write=lambda data: None)), play)
    session = Session("judged", Limits())
    one.attach(session)
    session.push("x-unknown", 1)
    session.push("x-unknown", 2)
    one._receive(frame_bytes(FrameType.ACK, 0, acked, encode_tail(limits=WIDE)))
    await asyncio.sleep(3 * line.ACK_DUE_S)
    assert [breach.section for breach in broken] == ([section] if section else [])
