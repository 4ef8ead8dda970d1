"""The stall probe: a separate connection that sends a ping every 5 ms. `python -m benchmarks.probe`.

The longest answer bounds the worst stall of the server's event loop from outside, for every protocol alike and without any
code in the server. Answers count from their schedule, so a stall of 100 ms shows as one. Where the system allows it the
probe has priority on the generator's core; time that the machine itself took away is included all the same.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections import Counter

import msgspec

from benchmarks.codecs import CODECS
from benchmarks.codecs.base import Codec, End, Lane, Party
from benchmarks.connect import dial, greet
from benchmarks.histograms import from_values

INTERVAL_S = 0.005
_CONNECTION_NUMBER = 60_000


class ProbePlan(msgspec.Struct, frozen=True):
    """The server to probe, and how."""

    codec: str
    host: str
    port: int
    token: str
    tls_ca: str = ""
    cpus: list[int] = []


class Stalls(msgspec.Struct):
    """Encoded histogram of the answers (µs), and whether the probe had priority."""

    answer_us: str = ""
    first: bool = False


def main() -> None:
    """Entry of the process: plan, `ready`, two nanoseconds (begin, end), Stalls."""
    plan = msgspec.json.decode(sys.stdin.buffer.readline(), type=ProbePlan)
    if plan.cpus:
        os.sched_setaffinity(0, plan.cpus)
    first = False
    with contextlib.suppress(PermissionError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        first = True
    codec = CODECS[plan.codec]
    party = Party("probe", plan.token)
    sock = dial(plan.host, plan.port, _CONNECTION_NUMBER, plan.tls_ca)
    end = End(Lane(0, party, (), "probe"), party, True)
    greet(sock, codec.greeting(end), end)
    print("ready", flush=True)
    begin, until = (int(part) / 1e9 for part in sys.stdin.buffer.readline().split())
    answers = asked(sock, codec, begin, until)
    stalls = Stalls(from_values(answers.items()), first)
    sys.stdout.buffer.write(msgspec.json.encode(stalls) + b"\n")


def asked(sock: socket.socket, codec: Codec, begin: float, until: float) -> Counter[int]:
    """Ping from `begin` to `until`; waits for later answers."""
    ping, data = codec.ping(), b""
    answers: Counter[int] = Counter()
    due = begin
    while due < until:
        time.sleep(max(0.0, due - time.monotonic()))
        sock.sendall(ping)
        while not (length := codec.pong(data)):
            more = sock.recv(65_536)
            if not more:
                return answers
            data += more
        data = data[length:]
        now = time.monotonic()
        # Each tick that passed meanwhile would have waited for its share of the same stall.
        while due <= now and due < until:
            answers[int((now - due) * 1e6)] += 1
            due += INTERVAL_S
    return answers


if __name__ == "__main__":
    main()
