"""The load generator, a process of its own: sends at scheduled times, whatever the answers do.

`python -m benchmarks.generator` reads a `Load` as JSON from standard input and writes a `Report` to standard output. It says on
standard error, in one line each, "ready", "begin" and "end", so that the harness can read the server's CPU time in between.
The hot loop is written to be cheap: tails are pre-encoded, all that falls due in a turn is one write for each connection.
"""

from __future__ import annotations

import asyncio
import os
import struct
import sys
import time
from collections import defaultdict
from functools import partial
from typing import Any, cast

import msgpack
import msgspec
import uvloop
from hdrh.histogram import HdrHistogram

from benchmarks.load import HISTOGRAM_BOUNDS_US, Load, Report
from imserver_protocol.codec import Tail, encode_content, encode_tail, frame_bytes
from imserver_protocol.frames import FrameType

#: The schedule is looked at this often (seconds): sends of one look are written together, as a busy client would.
TICK_S = 0.001
#: Loopback addresses that connections come from, so that limits for each address stay on.
SOURCE_ADDRESSES = 200
#: A bare ACK goes out after so many pushes.
ACK_AFTER = 32
REQUEST, PUSH, REPLY, REFUSAL = (
    int(FrameType.REQUEST),
    int(FrameType.PUSH),
    int(FrameType.REPLY),
    int(FrameType.REFUSAL),
)
CONNECT_TIMEOUT_S = 10.0
EMPTY = Tail(0, b"")


class Peer(asyncio.Protocol):
    """One connection, speaking just enough of the protocol."""

    def __init__(self, run: Run, user_id: str) -> None:
        self._run = run
        self.user_id = user_id
        self.welcomed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._seq = 0
        self._received = 0
        self._acked = 0
        self._posted: dict[int, int] = {}
        self._last_index: dict[str, int] = defaultdict(lambda: -1)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        token = self._run.load.tokens[self.user_id]
        hello = encode_tail([1, 1], [], token, f"bench-{self.user_id}", {}, None)
        self._transport.write(frame_bytes(FrameType.HELLO, 0, 0, hello))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.welcomed.done():
            self.welcomed.set_exception(ConnectionError(f"{self.user_id}: closed before WELCOME"))
        elif not self._run.finished:
            self._run.report.errors.append(f"{self.user_id}: connection lost")

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        buffer = self._buffer + data if self._buffer else data
        at, end = 0, len(buffer)
        while end - at >= 4:
            length = int.from_bytes(buffer[at : at + 4], "big")
            if end - at - 4 < length:
                break
            self._frame(msgpack.unpackb(buffer[at + 4 : at + 4 + length], use_list=False), now)
            at += 4 + length
        self._buffer = buffer[at:]
        if self._received - self._acked >= ACK_AFTER:
            self._acked = self._received
            assert self._transport is not None
            self._transport.write(frame_bytes(FrameType.ACK, 0, self._received, EMPTY))

    def _frame(self, frame: tuple[Any, ...], now: float) -> None:
        kind = frame[0]
        if kind >= REQUEST:
            self._received = frame[1]
        if kind == PUSH and frame[3] == "message":
            self._pushed(frame[4], struct.unpack_from(">Q", frame[8])[0], now)
        elif kind == REPLY:
            self._run.acknowledged(self._posted.pop(frame[3]), now)
        elif kind == REFUSAL:
            self._run.report.refused += 1
            self._run.report.errors.append(f"{self.user_id}: refused {frame[4]} {frame[5]}")
        elif kind == FrameType.WELCOME and not self.welcomed.done():
            self.welcomed.set_result(None)
        elif kind == FrameType.GOODBYE:
            self._run.report.errors.append(f"{self.user_id}: goodbye {frame[3]} {frame[4]}")

    def _pushed(self, conversation_id: str, index: int, now: float) -> None:
        last = self._last_index[conversation_id]
        if index == last:
            self._run.report.doubled += 1
        elif index < last:
            self._run.report.out_of_order += 1
        self._last_index[conversation_id] = max(index, last)
        self._run.delivered(index, now)

    def post(self, batch: list[tuple[int, Tail]]) -> None:
        """Send these posts in one write."""
        out = []
        for index, tail in batch:
            self._seq += 1
            self._posted[self._seq] = index
            out.append(frame_bytes(REQUEST, self._seq, self._received, tail))
        self._acked = self._received
        assert self._transport is not None
        self._transport.write(b"".join(out))

    def close(self) -> None:
        """Abandon the connection."""
        if self._transport is not None:
            self._transport.abort()


class Run:
    """One load from beginning to end."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.report = Report()
        self.finished = False
        self._ack_histogram = HdrHistogram(*HISTOGRAM_BOUNDS_US)
        self._delivery_histogram = HdrHistogram(*HISTOGRAM_BOUNDS_US)
        self._start = 0.0
        self._first_measured = int(load.rate * load.warm_up_s)
        self._total = int(load.rate * (load.warm_up_s + load.measure_s))
        self._delivered_total = 0
        self._acknowledged_total = 0
        # Keys are time-ordered and differ between runs on the same database.
        self._run_id = struct.pack(">Q", time.time_ns())
        self._body = encode_content({"type": "text", "text": "x" * load.body_bytes})
        self._senders = [(sender, _conversation(sender, receiver)) for sender, receiver in load.pairs]

    async def go(self) -> Report:
        """Connect, warm up, measure, settle."""
        load = self.load
        peers = await self._connect()
        _say("ready")
        cpu = wall = 0.0
        measuring = False
        self._start = time.perf_counter() + 0.05
        sent = 0
        while sent < self._total:
            now = time.perf_counter()
            due = min(self._total, int((now - self._start) * load.rate) + 1) if now >= self._start else 0
            if due > sent:
                if not measuring and sent >= self._first_measured:
                    measuring = True
                    cpu, wall = time.process_time(), time.perf_counter()
                    _say("begin")
                self._send(peers, sent, due)
                if measuring:
                    self.report.late_ms = max(self.report.late_ms, (now - self._due_at(sent)) * 1000)
                sent = due
            await asyncio.sleep(TICK_S)
        await self._settle()
        elapsed = time.perf_counter() - wall
        self.report.generator_cpu = (time.process_time() - cpu) / elapsed
        self.report.measured_s = elapsed
        _say("end")
        self.finished = True
        for peer in peers.values():
            peer.close()
        self.report.sent = self._total - self._first_measured
        self.report.ack_latency = self._ack_histogram.encode().decode()
        self.report.delivery_latency = self._delivery_histogram.encode().decode()
        return self.report

    def acknowledged(self, index: int, now: float) -> None:
        """The reply to a post arrived."""
        self._acknowledged_total += 1
        if index >= self._first_measured:
            self.report.acknowledged += 1
            self._ack_histogram.record_value(max(1, int((now - self._due_at(index)) * 1e6)))

    def delivered(self, index: int, now: float) -> None:
        """The message arrived at the other side."""
        self._delivered_total += 1
        if index >= self._first_measured:
            self.report.delivered += 1
            self._delivery_histogram.record_value(max(1, int((now - self._due_at(index)) * 1e6)))

    def _due_at(self, index: int) -> float:
        return self._start + index / self.load.rate

    def _send(self, peers: dict[str, Peer], first: int, end: int) -> None:
        batches: dict[str, list[tuple[int, Tail]]] = defaultdict(list)
        count, body = len(self._senders), self._body
        for index in range(first, end):
            sender, conversation_id = self._senders[index % count]
            key = struct.pack(">Q", index) + self._run_id
            batches[sender].append((index, encode_tail("post", (conversation_id, key, body))))
        for sender, batch in batches.items():
            peers[sender].post(batch)

    async def _connect(self) -> dict[str, Peer]:
        loop = asyncio.get_running_loop()
        peers: dict[str, Peer] = {}
        for number, user_id in enumerate(user for pair in self.load.pairs for user in pair):
            source = (f"127.0.{number // 250 % 250}.{number % SOURCE_ADDRESSES + 2}", 0)
            _, peer = await loop.create_connection(
                partial(Peer, self, user_id), self.load.host, self.load.port, local_addr=source
            )
            peers[user_id] = peer
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await peer.welcomed
        return peers

    async def _settle(self) -> None:
        until = time.perf_counter() + self.load.settle_s
        while time.perf_counter() < until and not self.report.errors:
            if self._delivered_total >= self._total and self._acknowledged_total >= self._total:
                return
            await asyncio.sleep(TICK_S)


def _conversation(one: str, other: str) -> str:
    first, second = sorted((one, other))
    return f"direct/{first}/{second}"


def _say(word: str) -> None:
    os.write(2, f"{word}\n".encode())


def main() -> None:
    """Entry of the process."""
    load = msgspec.json.decode(sys.stdin.buffer.read(), type=Load)
    report = uvloop.run(Run(load).go())
    sys.stdout.buffer.write(msgspec.json.encode(report))


if __name__ == "__main__":
    main()
