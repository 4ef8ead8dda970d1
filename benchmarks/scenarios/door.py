"""door: what WebSocket costs beside TCP. One client of each kind on one server, in turns; and memory of those that are idle."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from benchmarks.codecs import CODECS
from benchmarks.codecs.base import End, Lane, Party
from benchmarks.codecs.imserver import frame_end, request, unpack
from benchmarks.connect import dial, greet
from benchmarks.measure import Bench
from benchmarks.processes import Target, direct, free_port, imserver
from benchmarks.results import Row
from benchmarks.scenarios.base import Scenario, fixed
from benchmarks.scenarios.memory import resting_memory
from benchmarks.web import WebSocket
from imserver_protocol.wire.codec import encode_content
from imserver_protocol.wire.frames import FrameType

WINDOW = 64
#: Posts of one turn, and turns of each kind: a machine that slows down slows both.
TURN = 1_000
TURNS = 12
IDLE = 10_000
IDLE_TLS = 500
#: Connections before the first comparison, so that what is loaded late is loaded.
FIRST = 100
#: A client says something this often, or the server takes it for gone (seconds).
SAY_EVERY_S = 15.0
ACK = bytes.fromhex("00000004 93020000")
TCP, WEB = "TCP", "WebSocket"


class Spent(NamedTuple):
    """What posts took: seconds, and the server's processor time."""

    seconds: float
    cpu_s: float


def door(bench: Bench, rivals: Sequence[str]) -> Iterator[Row]:
    """Posts through both, then memory without TLS and with it."""
    yield from _posts(bench)
    for tls, most in ((False, IDLE), (True, IDLE_TLS)):
        yield _idle(bench.scaled(most, least=20), bench.scaled(FIRST, least=5), tls=tls)


def _posts(bench: Bench) -> Iterator[Row]:
    turn, turns = bench.scaled(TURN, least=2 * WINDOW), bench.scaled(TURNS, least=2)
    port = free_port()
    with imserver(more=f"[http]\nport = {port}") as target, ExitStack() as stack:
        talkers = {kind: _Talker(target, kind, port, number) for number, kind in enumerate((TCP, WEB))}
        for talker in talkers.values():
            stack.callback(talker.close)
            talker.posts(turn)
        spent: dict[str, list[Spent]] = {kind: [] for kind in talkers}
        for _ in range(turns):
            for kind, talker in talkers.items():
                spent[kind].append(talker.posts(turn))
    rows = {kind: _row(kind, spent[kind], turn) for kind in spent}
    rows[WEB].figures["rate_ratio"] = rows[WEB].figures["per_s"] / rows[TCP].figures["per_s"]
    rows[WEB].figures["cpu_ratio"] = rows[WEB].figures["cpu_s_per_100k"] / rows[TCP].figures["cpu_s_per_100k"]
    yield from rows.values()


def _row(kind: str, spent: list[Spent], turn: int) -> Row:
    seconds, cpu_s, posts = (
        sum(one.seconds for one in spent),
        sum(one.cpu_s for one in spent),
        turn * len(spent),
    )
    figures = {"per_s": posts / seconds, "cpu_s_per_100k": cpu_s / posts * 100_000}
    return Row("door", "imserver", f"{kind}, window {WINDOW}, one client", figures)


class _Talker:
    """One client that keeps its window full."""

    def __init__(self, target: Target, kind: str, http_port: int, number: int) -> None:
        self._target = target
        party = Party(f"talker{number}", target.token(f"talker{number}"))
        self._end = End(Lane(0, party, (), ""), party, True)
        other = f"listener{number}"
        self._sock = entered(target, other, 100 + number)  # makes the account; hears nothing that is measured
        self._sock.close()
        self._sock = entered(target, party.name, number, http_port if kind == WEB else 0)
        self._place = direct(party.name, other)
        self._content = encode_content({"type": "text", "text": "x" * 128})
        self._seq = 0
        self._unread = b""

    def posts(self, count: int) -> Spent:
        """So many, all answered."""
        begin, cpu = time.perf_counter(), self._target.cpu_seconds()
        sent = answered = 0
        while answered < count:
            room = min(WINDOW - (sent - answered), count - sent)
            if room:
                self._sock.sendall(b"".join(self._post() for _ in range(room)))
                sent += room
            answered += self._answers()
        return Spent(time.perf_counter() - begin, self._target.cpu_seconds() - cpu)

    def close(self) -> None:
        """End the connection."""
        self._sock.close()

    def _post(self) -> bytes:
        self._seq += 1
        key = time.time_ns().to_bytes(8) + os.urandom(8)
        return request(self._seq, self._end.received, "post", self._place, key, self._content)

    def _answers(self) -> int:
        data, at, replies = self._unread + self._sock.recv(65_536), 0, 0
        while after := frame_end(data, at):
            frame = unpack(data[at + 4 : after])
            if frame[0] in (FrameType.REFUSAL, FrameType.GOODBYE):
                raise RuntimeError(f"refused: {frame[3:]}")
            if frame[0] >= FrameType.REQUEST:
                self._end.received = frame[1]
            replies += frame[0] == FrameType.REPLY
            at = after
        self._unread = data[at:]
        return replies


class _Held:
    """Connections that are kept."""

    def __init__(self, target: Target, http_port: int) -> None:
        self._target = target
        self._http_port = http_port
        self._socks: list[WebSocket] = []
        self._heard_at = time.monotonic()

    def more(self, count: int) -> None:
        """So many more, each behind its first sync. Raises RuntimeError if the server let any go."""
        for _ in range(count):
            number = len(self._socks)
            self._socks.append(synced(self._target, f"u{number}", number, self._http_port))
            if time.monotonic() - self._heard_at >= SAY_EVERY_S:
                self._heard_at = time.monotonic()
                for sock in self._socks:
                    sock.sendall(ACK)
        if (there := len(os.listdir(f"/proc/{self._target.pid}/fd"))) < len(self._socks):
            raise RuntimeError(f"{there} descriptors for {len(self._socks)} connections")

    def close(self) -> None:
        """All of them."""
        for sock in self._socks:
            sock.close()


def _idle(count: int, first: int, *, tls: bool) -> Row:
    port = free_port()
    files = '\ntls_certificate = "server.pem"\ntls_key = "server.key"' if tls else ""
    with imserver(tls=tls, more=f"[http]\nport = {port}{files}") as target:
        held = _Held(target, port)
        held.more(first)
        before = resting_memory(target)
        held.more(count)
        grown = resting_memory(target) - before
        held.close()
    case = f"{count:,} idle WebSockets behind their first sync{', TLS' if tls else ''}"
    return Row("door", "imserver", case, {"kib": grown / 1024 / count, "count": float(count)})


def entered(target: Target, name: str, number: int, http_port: int = 0) -> WebSocket:
    """A connection that is welcome: a WebSocket if there is a port for it."""
    party = Party(name, target.token(name))
    if http_port:
        sock = WebSocket.dial(target.host, http_port, number, target.tls_ca)
    else:
        sock = dial(target.host, target.port, number, target.tls_ca)  # type: ignore[assignment]
    greet(sock, CODECS["imserver"].greeting(End(Lane(0, party, (), ""), party, True)))  # type: ignore[arg-type]
    return sock


def synced(target: Target, name: str, number: int, http_port: int) -> WebSocket:
    """One whose first sync is answered."""
    sock = entered(target, name, number, http_port)
    sock.sendall(request(1, 0, "sync", None))
    data = b""
    while not frame_end(data, 0):
        data += sock.recv(65_536)
    return sock


SCENARIOS = (
    Scenario("door", "WebSocket beside TCP: posts, CPU, memory of idle connections", fixed(4), door),
)
