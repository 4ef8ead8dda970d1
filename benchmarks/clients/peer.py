"""One connection with requests and pushes: a client with only the protocol, cheap enough to run in thousands."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import msgspec
import uvloop

from benchmarks.codecs.base import Party
from benchmarks.codecs.imserver import ACK_AFTER, frame_end, hello, request, unpack
from benchmarks.connect import source_address
from benchmarks.machine import allow_many_files
from imserver_protocol.wire.codec import encode_tail, frame_bytes
from imserver_protocol.wire.frames import FrameType

PlanT = TypeVar("PlanT")
Work = Callable[[], Awaitable[Any]]
_PAYLOAD = int(FrameType.REQUEST)
_PUSH, _REPLY = int(FrameType.PUSH), int(FrameType.REPLY)


class Refused(Exception):
    """The server refused, or closed the connection."""


class Peer(asyncio.Protocol):
    """Says HELLO by itself; `welcomed` is the WELCOME frame. `resume`: (session id, token, last seq received)."""

    def __init__(
        self,
        party: Party,
        on_push: Callable[[tuple[Any, ...]], None] | None = None,
        resume: tuple[str, bytes, int] | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.party = party
        self.welcomed: asyncio.Future[tuple[Any, ...]] = loop.create_future()
        self.received = resume[2] if resume else 0
        self._resume = resume
        self._on_push = on_push
        self._open: dict[int, asyncio.Future[Any]] = {}
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._seq = self._told = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send HELLO."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's class does not inherit from it
        resume = self._resume[:2] if self._resume else None
        self._transport.write(hello(self.party, self.received, resume))

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail all pending requests."""
        for waiting in (self.welcomed, *self._open.values()):
            if not waiting.done():
                waiting.set_exception(Refused(f"{self.party.name}: connection lost"))
        if self.welcomed.done() and not self.welcomed.cancelled():
            self.welcomed.exception()

    def data_received(self, data: bytes) -> None:
        """Handle whole frames."""
        buffer = self._buffer + data if self._buffer else data
        at = 0
        while after := frame_end(buffer, at):
            self._frame(unpack(memoryview(buffer)[at + 4 : after]))
            at = after
        self._buffer = buffer[at:]
        if self.received - self._told >= ACK_AFTER:
            self._told = self.received
            self._write(frame_bytes(FrameType.ACK, 0, self.received, encode_tail()))

    def ask(self, method: str, *params: Any) -> asyncio.Future[Any]:
        """Send a request; the future has its result, or raises Refused."""
        self._seq += 1
        self._told = self.received
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._open[self._seq] = answer
        self._write(request(self._seq, self.received, method, *params))
        return answer

    def cut(self) -> None:
        """Cut the connection without a GOODBYE."""
        if self._transport is not None:
            self._transport.abort()

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def _frame(self, frame: tuple[Any, ...]) -> None:
        kind = frame[0]
        if kind >= _PAYLOAD:
            self.received = frame[1]
        if kind == _PUSH:
            if self._on_push is not None:
                self._on_push(frame)
        elif kind == _REPLY:
            self._open.pop(frame[3]).set_result(frame[4])
        elif kind == FrameType.WELCOME:
            self.welcomed.set_result(frame)
        elif kind == FrameType.PING:
            self._write(frame_bytes(FrameType.PONG, 0, self.received, encode_tail(frame[3])))
        elif kind == FrameType.REFUSAL:
            self._open.pop(frame[3]).set_exception(Refused(f"{self.party.name}: {frame[4]} {frame[5]}"))
        elif kind == FrameType.GOODBYE:
            problem = Refused(f"{self.party.name}: goodbye {frame[3]} {frame[4]}")
            for waiting in (self.welcomed, *self._open.values()):
                if not waiting.done():
                    waiting.set_exception(problem)


async def enter(
    host: str,
    port: int,
    party: Party,
    number: int,
    on_push: Callable[[tuple[Any, ...]], None] | None = None,
    resume: tuple[str, bytes, int] | None = None,
) -> Peer:
    """A connection that was welcomed, from the n-th loopback address."""
    _, peer = await asyncio.get_running_loop().create_connection(
        lambda: Peer(party, on_push, resume), host, port, local_addr=(source_address(number), 0)
    )
    await peer.welcomed
    return peer


class Spent(msgspec.Struct):
    """The client process's own use of time, from the start to the end of its work."""

    wall_s: float
    cpu_s: float

    @property
    def share(self) -> float:
        """Its share of one core."""
        return self.cpu_s / (self.wall_s or 1.0)


def serve_plan(kind: type[PlanT], prepare: Callable[[PlanT], Awaitable[Work]]) -> None:
    """Body of a client process: read the plan, prepare, say `ready`, wait for the moment, work, write the result."""
    allow_many_files()
    plan = msgspec.json.decode(sys.stdin.buffer.readline(), type=kind)
    cpus = getattr(plan, "cpus", None)
    if cpus:
        os.sched_setaffinity(0, cpus)
    uvloop.run(_served(plan, prepare))


async def _served(plan: PlanT, prepare: Callable[[PlanT], Awaitable[Work]]) -> None:
    work = await prepare(plan)
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    start_ns = int(await loop.run_in_executor(None, sys.stdin.buffer.readline))
    await asyncio.sleep(max(0.0, (start_ns - time.monotonic_ns()) / 1e9))
    result = await work()
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")
    sys.stdout.flush()
    os._exit(0)  # thousands of sockets need no farewell


def spent_since(wall: float, cpu: float) -> Spent:
    """Time used since `wall` (`time.monotonic()`) and `cpu` (`time.process_time()`)."""
    return Spent(time.monotonic() - wall, time.process_time() - cpu)
