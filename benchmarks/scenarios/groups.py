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
OWNER = "owner"


def fanout(bench: Bench, rivals: Sequence[str]) -> Iterator[Row]:
    """One post until the last has it, then 16 at a time."""
    count = bench.scaled(MEMBERS, least=3)
    for window in IN_FLIGHT:
        with imserver() as target:
            members = [f"m{number}" for number in range(count)]
            group = group_of(target, members)
            parties = [PartyPlan(name, target.token(name)) for name in members]
            lane = LanePlan(0, PartyPlan(OWNER, target.token(OWNER)), parties, group)
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


def enter_once(target: Target, name: str, number: int = 0) -> None:
    """An account comes into being at its first HELLO."""
    party = Party(name, target.token(name))
    with closing(dial(target.host, target.port, number)) as sock:
        greet(sock, CODECS["imserver"].greeting(End(Lane(0, party, (), ""), party, True)))


def group_of(target: Target, members: Sequence[str]) -> str:
    """The id of a new group of these members and its owner."""
    for number, name in enumerate(members):
        enter_once(target, name, number)
    party = Party(OWNER, target.token(OWNER))
    with closing(dial(target.host, target.port, len(members))) as sock:
        greet(sock, CODECS["imserver"].greeting(End(Lane(0, party, (), ""), party, True)))
        key = time.time_ns().to_bytes(8, "big") + os.urandom(8)
        sock.sendall(request(1, 0, "create", key, "group", "everybody", list(members)))
        return str(_reply(sock)[0])


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
