"""fanout: a group whose members are all on-line."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from benchmarks.codecs import CODECS
from benchmarks.codecs.base import End, Lane, Party
from benchmarks.codecs.imserver import frame_end, request, unpack
from benchmarks.connect import dial, greet
from benchmarks.histograms import percentile_ms
from benchmarks.measure import Bench, measure
from benchmarks.plan import LanePlan, PartyPlan
from benchmarks.processes import Target, imserver
from benchmarks.results import Row, message_row
from benchmarks.scenarios.base import Scenario, fixed
from imserver_protocol.wire.frames import FrameType

MEMBERS = 1_000
#: Posts in flight: one shows the wait of the last member, many show the rate of deliveries.
IN_FLIGHT = (1, 16)
_OWNER = "owner"


def fanout(bench: Bench, rivals: Sequence[str]) -> Iterator[Row]:
    """One post until the last has it, then 16 at a time."""
    count = bench.scaled(MEMBERS, least=3)
    for window in IN_FLIGHT:
        with imserver() as target:
            members = [f"m{number}" for number in range(count)]
            group = _group(target, members)
            parties = [PartyPlan(name, target.token(name)) for name in members]
            lane = LanePlan(0, PartyPlan(_OWNER, target.token(_OWNER)), parties, group)
            figures = measure(bench, target, [lane], window=window, until_all=True)
        seconds = figures.outcome.measured_s or 1.0
        more = {
            "deliveries_per_s": figures.outcome.measured_delivered / seconds,
            "last_p50_ms": percentile_ms(figures.outcome.all_us, 50.0),
            "last_p99_ms": percentile_ms(figures.outcome.all_us, 99.0),
            "cpu_us_per_delivery": figures.server_cpu_s / max(1, figures.outcome.measured_delivered) * 1e6,
        }
        case = f"{count:,} members, {window} in flight"
        yield message_row("fanout", "imserver", case, figures, **more)


def _group(target: Target, members: Sequence[str]) -> str:
    """Accounts come into being at their first HELLO; then the owner makes the group."""
    codec = CODECS["imserver"]
    for number, name in enumerate((*members, _OWNER)):
        party = Party(name, target.token(name))
        with closing(dial(target.host, target.port, number)) as sock:
            greet(sock, codec.greeting(End(Lane(0, party, (), ""), party, True)))
            if name == _OWNER:
                key = time.time_ns().to_bytes(8, "big") + os.urandom(8)
                sock.sendall(request(1, 0, "create", key, "group", "everybody", list(members)))
                return str(_reply(sock)[0])
    raise AssertionError


def _reply(sock: socket.socket) -> Any:
    """The result of the only request; skips pushes."""
    data = b""
    while True:
        while not (after := frame_end(data, 0)):
            data += sock.recv(65_536)
        frame, data = unpack(data[4:after]), data[after:]
        if frame[0] == FrameType.REPLY:
            return frame[4]
        if frame[0] == FrameType.REFUSAL:
            raise RuntimeError(f"refused: {frame[4]} {frame[5]}")


SCENARIOS = (Scenario("fanout", "a group with 1,000 members on-line", fixed(len(IN_FLIGHT)), fanout),)
