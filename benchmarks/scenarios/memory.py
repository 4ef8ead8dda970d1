"""idle: memory of the server for a connection, a detached session and a conversation in the cache."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import closing

from benchmarks import machine
from benchmarks.codecs import CODECS
from benchmarks.codecs.base import End, Lane, Party
from benchmarks.codecs.imserver import frame_end, request, unpack
from benchmarks.connect import dial, greet
from benchmarks.measure import Bench
from benchmarks.processes import Target, direct, imserver
from benchmarks.results import Row
from benchmarks.scenarios.base import Scenario, fixed
from imserver_protocol.wire.codec import encode_content
from imserver_protocol.wire.frames import FrameType

SESSIONS = 2_000
CONVERSATIONS = 10_000
#: Connections served before the first comparison, so that lazy loading is over. Detached sessions come in waves of so many,
#: so that the memory of sockets is used again.
FIRST = 100
#: Requests in flight.
_AHEAD = 64
#: The memory of a process counts when it has not grown for so long (seconds).
_CALM_S = 0.3


def idle(bench: Bench, rivals: Sequence[str]) -> Iterator[Row]:
    """Measure the KiB of each kind."""
    count, first = bench.scaled(SESSIONS, least=20), bench.scaled(FIRST, least=5)
    for tls in (False, True):
        with imserver(tls=tls) as target:
            yield _connections(target, count if not tls else max(20, count // 4), first)
    with imserver() as target:
        yield _detached(target, count, first)
    with imserver() as target:
        yield _conversations(target, bench.scaled(CONVERSATIONS, least=50))


def _connections(target: Target, count: int, first: int) -> Row:
    early = [_enter(target, f"first-{number}", number) for number in range(first)]
    before = resting_memory(target)
    held = [_enter(target, f"u{number}", first + number) for number in range(count)]
    grown = resting_memory(target) - before
    for sock in (*early, *held):
        sock.close()
    return _row(target.name, f"{count:,} idle connections with their sessions", grown, count)


def _detached(target: Target, count: int, first: int) -> Row:
    """Each wave connects and is cut; its sessions stay."""
    _wave(target, 0, first)
    before = resting_memory(target)
    for begin in range(first, first + count, first):
        _wave(target, begin, min(first, first + count - begin))
    return _row(target.name, f"{count:,} detached sessions", resting_memory(target) - before, count)


def _wave(target: Target, begin: int, count: int) -> None:
    for sock in [_enter(target, f"u{number}", number) for number in range(begin, begin + count)]:
        sock.close()


def _conversations(target: Target, count: int) -> Row:
    """Two messages in each: the second time only the message is new; its memory is subtracted."""
    users = [f"u{number}" for number in range(_users_for(count))]
    for number, name in enumerate(users):
        _enter(target, name, number).close()
    pairs = [(one, other) for number, one in enumerate(users) for other in users[number + 1 :]][:count]
    _post_each(target, pairs[:10])
    before = resting_memory(target)
    _post_each(target, pairs)
    first = resting_memory(target) - before
    _post_each(target, pairs)
    second = resting_memory(target) - before - first
    row = _row(target.name, f"{count:,} cached conversations", max(0, first - second), count)
    row.figures["message_kib"] = max(0, second) / 1024 / count
    return row


def _users_for(conversations: int) -> int:
    count = 2
    while count * (count - 1) // 2 < conversations:
        count += 1
    return count


def _post_each(target: Target, pairs: Sequence[tuple[str, str]]) -> None:
    content = encode_content({"type": "text", "text": "x" * 128})
    for name in dict.fromkeys(one for one, _ in pairs):
        others = [other for one, other in pairs if one == name]
        with closing(_enter(target, name, 0)) as sock:
            seq = received = 0
            while received < len(others):
                if seq < len(others) and seq - received < _AHEAD:
                    seq += 1
                    key = time.time_ns().to_bytes(8, "big") + os.urandom(8)
                    sock.sendall(request(seq, received, "post", direct(name, others[seq - 1]), key, content))
                else:
                    received += _answers(sock)


def _answers(sock: socket.socket) -> int:
    """Reads until no frame is incomplete; returns the number of replies."""
    data = sock.recv(65_536)
    at = replies = 0
    while at < len(data):
        while not (after := frame_end(data, at)):
            data += sock.recv(65_536)
        frame = unpack(data[at + 4 : after])
        if frame[0] == FrameType.REFUSAL:
            raise RuntimeError(f"refused: {frame[4]} {frame[5]}")
        replies += frame[0] == FrameType.REPLY
        at = after
    return replies


def _enter(target: Target, name: str, number: int) -> socket.socket:
    party = Party(name, target.token(name))
    sock = dial(target.host, target.port, number, target.tls_ca)
    greet(sock, CODECS["imserver"].greeting(End(Lane(0, party, (), ""), party, True)))
    return sock


def resting_memory(target: Target) -> int:
    """The server's memory when it has come to rest."""
    seen, since = machine.rss_bytes(target.pid), time.monotonic()
    while time.monotonic() - since < _CALM_S:
        time.sleep(0.05)
        now = machine.rss_bytes(target.pid)
        if now != seen:
            seen, since = now, time.monotonic()
    return seen


def _row(target: str, case: str, grown: int, count: int) -> Row:
    return Row("idle", target, case, {"kib": grown / 1024 / count, "count": float(count)})


SCENARIOS = (
    Scenario("idle", "memory of idle connections, detached sessions, conversations", fixed(4), idle),
)
