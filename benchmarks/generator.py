"""The load generator, a process of its own: `python -m benchmarks.generator`.

Reads a Plan (one line of JSON) from standard input, connects, says `ready`; reads the nanosecond of the monotonic clock at
which the load begins; writes an Outcome (JSON) to standard output.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
import time

import msgspec

from benchmarks import native
from benchmarks.codecs import CODECS
from benchmarks.codecs.base import Codec, End, Frame, Lane, Party
from benchmarks.connect import dial, greet
from benchmarks.machine import allow_many_files
from benchmarks.plan import LanePlan, Outcome, Plan
from benchmarks.pyloop import Run


def main() -> None:
    """Entry of the process."""
    allow_many_files()
    plan = msgspec.json.decode(sys.stdin.buffer.readline(), type=Plan)
    if plan.cpus:
        os.sched_setaffinity(0, plan.cpus)
    codec = CODECS[plan.codec]
    key_base = time.time_ns() // 1000
    ends = connected(plan, codec, key_base)
    print("ready", flush=True)
    start_ns = int(sys.stdin.buffer.readline() or b"0")
    outcome = driven(plan, codec, ends, key_base, start_ns)
    sys.stdout.buffer.write(msgspec.json.encode(outcome) + b"\n")
    for _, _, sock in ends:
        sock.close()


def connected(plan: Plan, codec: Codec, key_base: int) -> list[tuple[End, Frame | None, socket.socket]]:
    """All connections of all lanes, receivers first: no message comes before its receivers."""
    run_id = os.urandom(8)
    ends: list[tuple[End, Frame | None, socket.socket]] = []
    for lane in (_lane(each) for each in plan.lanes):
        for party in (*lane.receivers, lane.sender):
            end = End(lane, party, party is lane.sender, key_base)
            sock = dial(plan.host, plan.port, plan.first_address + len(ends), plan.tls_ca)
            greet(sock, codec.greeting(end), end)
            sock.setblocking(False)
            frame = codec.frame(lane, run_id, plan.body_bytes) if end.is_sender else None
            ends.append((end, frame, sock))
    return ends


def driven(
    plan: Plan,
    codec: Codec,
    ends: list[tuple[End, Frame | None, socket.socket]],
    key_base: int,
    start_ns: int,
) -> Outcome:
    """Run the hot loop."""
    gc.freeze()
    gc.disable()  # nothing here makes cycles; a collection would show as a stall in the server's figures
    if plan.loop == "c" and plan.library and not plan.tls_ca:
        descriptors = [(end, frame, sock.fileno()) for end, frame, sock in ends]
        return native.run(plan, codec, descriptors, key_base, start_ns)
    return Run(plan, codec, ends, key_base, start_ns).go()


def _lane(plan: LanePlan) -> Lane:
    receivers = tuple(Party(each.name, each.token) for each in plan.receivers)
    return Lane(plan.number, Party(plan.sender.name, plan.sender.token), receivers, plan.place)


if __name__ == "__main__":
    main()
