"""A world for the hot loops: a clock that moves only while a loop waits, and a server between socket pairs.

Both loops run in it, the one in C with its clock and its wait replaced at compile time, so what they count has a known answer.
"""

from __future__ import annotations

import ctypes
import select
import socket
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import native, pyloop
from benchmarks.codecs import CODECS
from benchmarks.codecs.base import End, Frame, Lane, Party
from benchmarks.plan import LanePlan, Outcome, PartyPlan, Plan

TICK_NS = 1_000_000
BASE_NS = 1_000_000_000
#: The load begins between two ticks, so that no message is due on the edge of one.
START_NS = BASE_NS + TICK_NS // 2
#: Of each second the generator uses so much of its processor.
CPU_SHARE = 0.25
BODY_BYTES = 20
_FRAME_BYTES, _INDEX_AT = 27, 7
#: The hot loop with another clock, and a wait that is a turn of this world.
WORLD_C = """
#define _GNU_SOURCE
#include <stdint.h>
#include <sys/epoll.h>
#include <time.h>
static int64_t (*ask)(int);
static int told_time(clockid_t clock, struct timespec *at)
{
    int64_t ns = ask(clock == CLOCK_MONOTONIC ? 0 : 1);
    at->tv_sec = ns / 1000000000; at->tv_nsec = ns % 1000000000;
    return 0;
}
static int waited(int epoll, struct epoll_event *events, int most, int ms)
{
    ask(2);
    return epoll_wait(epoll, events, most, ms < 0 ? ms : 0);
}
#define clock_gettime told_time
#define epoll_wait waited
#include "HOTLOOP"
void hot_world(int64_t (*given)(int)) { ask = given; }
"""
_ASK = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int)


def compiled_for_worlds(folder: Path) -> str:
    """Path of the hot loop that asks a world; "" without a compiler."""
    source = folder / "world.c"
    source.write_text(WORLD_C.replace("HOTLOOP", str(native.SOURCE)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "SOURCE", source)
        return native.compiled(folder)


#: What becomes of a message: to which receiver it goes, after how many ticks, and as which index.
Deliveries = Callable[[int, int], Sequence[tuple[int, int, int]]]


def at_once(receivers: int, index: int) -> Sequence[tuple[int, int, int]]:
    """To everybody, in the tick in which the server reads it."""
    return [(receiver, 0, index) for receiver in range(receivers)]


class World:
    """`stall`: ticks in which the server does nothing. `silent`: messages that it does not answer."""

    def __init__(
        self,
        lanes: int = 1,
        receivers: int = 1,
        *,
        stall: Container[int] = (),
        deliveries: Deliveries = at_once,
        silent: Container[int] = (),
    ) -> None:
        self.now_ns = BASE_NS
        self._stall, self._deliveries, self._silent = stall, deliveries, silent
        self._receivers = receivers
        self._codec = CODECS["websocket"]
        self._pending: list[tuple[int, socket.socket, bytes]] = []
        self._rest = [b""] * lanes
        self.lanes = [_lane(number, receivers) for number in range(lanes)]
        self.ends: list[tuple[End, Frame | None, socket.socket]] = []
        self._senders: list[socket.socket] = []
        self._listeners: list[list[socket.socket]] = []
        for lane in self.lanes:
            self._listeners.append([self._connect(lane, party, None) for party in lane.receivers])
            frame = self._codec.frame(lane, b"", BODY_BYTES)
            self._senders.append(self._connect(lane, lane.sender, frame))

    def _connect(self, lane: Lane, party: Party, frame: Frame | None) -> socket.socket:
        near, far = socket.socketpair()
        near.setblocking(False)
        far.setblocking(False)
        self.ends.append((End(lane, party, frame is not None), frame, near))
        return far

    def close(self) -> None:
        """Close every socket."""
        far = [*self._senders, *(sock for listeners in self._listeners for sock in listeners)]
        for sock in (*far, *(near for _, _, near in self.ends)):
            sock.close()

    @property
    def tick(self) -> int:
        """Ticks since the beginning."""
        return (self.now_ns - BASE_NS) // TICK_NS

    @property
    def cpu_ns(self) -> int:
        """What the generator has used of its processor."""
        return int(self.now_ns * CPU_SHARE)

    def turn(self) -> None:
        """A loop waits: a tick passes, and the server answers what it was sent in earlier ones."""
        self.now_ns += TICK_NS
        if self.tick in self._stall:
            return
        for number, sock in enumerate(self._senders):
            data = self._rest[number] + _read(sock)
            whole = len(data) // _FRAME_BYTES * _FRAME_BYTES
            self._rest[number] = data[whole:]
            for at in range(0, whole, _FRAME_BYTES):
                self._take(number, int(data[at + _INDEX_AT : at + _INDEX_AT + 16]))
            for listener in self._listeners[number]:
                _read(listener)
        due = [one for one in self._pending if one[0] <= self.tick]
        self._pending = [one for one in self._pending if one[0] > self.tick]
        for _, sock, data in due:
            sock.sendall(data)

    def _take(self, number: int, index: int) -> None:
        if index not in self._silent:
            self._pending.append((self.tick, self._senders[number], b"\x82\x11A%016d" % index))
        for receiver, ticks, told in self._deliveries(self._receivers, index):
            message = b"\x82\x15M%016dxxxx" % told
            self._pending.append((self.tick + ticks, self._listeners[number][receiver], message))


def plan_for(world: World, *, library: str = "", **load: object) -> Plan:
    """A load on it."""
    lanes = [
        LanePlan(lane.number, PartyPlan(lane.sender.name), [PartyPlan(p.name) for p in lane.receivers], "")
        for lane in world.lanes
    ]
    times = {"warm_up_s": 0.0997, "measure_s": 0.5, "settle_s": 0.05}
    return Plan("websocket", "", 0, lanes, library=library, **{**times, **load})  # type: ignore[arg-type]


def in_python(world: World, plan: Plan, patch: pytest.MonkeyPatch) -> Outcome:
    """What the loop in Python sees."""
    patch.setattr(
        pyloop,
        "time",
        SimpleNamespace(monotonic=lambda: world.now_ns / 1e9, process_time=lambda: world.cpu_ns / 1e9),
    )
    patch.setattr(
        pyloop,
        "select",
        SimpleNamespace(
            EPOLLIN=select.EPOLLIN, EPOLLOUT=select.EPOLLOUT, epoll=lambda: _Waits(world, select.epoll())
        ),
    )
    return pyloop.Run(plan, CODECS["websocket"], world.ends, 0, START_NS).go()


def in_c(world: World, plan: Plan) -> Outcome:
    """What the loop in C sees. `plan.library` is that of `compiled_for_worlds`."""

    def ask(what: int) -> int:
        if what == 2:
            world.turn()
        return world.cpu_ns if what == 1 else world.now_ns

    kept = _ASK(ask)
    native.load(plan.library).hot_world(kept)
    descriptors = [(end, frame, sock.fileno()) for end, frame, sock in world.ends]
    return native.run(plan, CODECS["websocket"], descriptors, 0, START_NS)


class _Waits:
    """An epoll whose waiting is a turn of the world."""

    def __init__(self, world: World, real: select.epoll) -> None:
        self._world = world
        self._real = real
        self.register, self.modify, self.close = real.register, real.modify, real.close

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        self._world.turn()
        return self._real.poll(0, most)


def _lane(number: int, receivers: int) -> Lane:
    parties = tuple(Party(f"b{number}-{each}") for each in range(receivers))
    return Lane(number, Party(f"a{number}"), parties, "")


def _read(sock: socket.socket) -> bytes:
    try:
        return sock.recv(1 << 20)
    except BlockingIOError:
        return b""
