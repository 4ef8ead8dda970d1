"""Turns of the loop: a connection that sends much never holds up those that send little."""

from __future__ import annotations

import asyncio
from pathlib import Path

from imserver.net.scheduling.read_scheduler import SHORT_BYTES, SLICE_BYTES, TURN_S, ReadScheduler
from imserver.net.scheduling.write_queue import MAX_WRITES_A_TURN, WriteQueue
from imserver.testing import ManualClock
from tests.limits.raw import ACK, Raw, neighbourhood, packed


class Peer:
    """Takes bytes; each slice takes it so long."""

    def __init__(self, clock: ManualClock, cost_s: float = 0.0) -> None:
        self.taken = b""
        self.paused = 0
        self.resumed = 0
        self.closes_after: int | None = None
        self._clock = clock
        self._cost_s = cost_s

    def take(self, data: bytes) -> bool:
        self.taken += data
        self._clock.advance(self._cost_s)
        return self.closes_after is None or len(self.taken) < self.closes_after

    def pause_reading(self) -> None:
        self.paused += 1

    def resume_reading(self) -> None:
        self.resumed += 1


LONG = bytes(range(256)) * 200
SLICES_A_TURN = 4
COST_S = TURN_S / (SLICES_A_TURN - 0.5)


async def test_a_long_read_takes_a_bounded_share_of_each_turn_and_is_taken_whole() -> None:
    clock = ManualClock()
    turns, peer = ReadScheduler(asyncio.get_running_loop(), clock), Peer(clock, COST_S)
    turns.read(peer, LONG)
    shares = [len(peer.taken)]
    while len(peer.taken) < len(LONG):
        assert (peer.paused, peer.resumed) == (1, 0)
        await asyncio.sleep(0)
        shares.append(len(peer.taken) - sum(shares))
    assert max(shares) <= SLICES_A_TURN * SLICE_BYTES
    assert (peer.taken, peer.paused, peer.resumed) == (LONG, 1, 1)


async def test_a_short_read_does_not_wait_behind_long_ones() -> None:
    clock = ManualClock()
    turns = ReadScheduler(asyncio.get_running_loop(), clock)
    greedy = [Peer(clock, COST_S) for _ in range(10)]
    for peer in greedy:
        turns.read(peer, LONG)
    modest = Peer(clock)
    turns.read(modest, b"x" * SHORT_BYTES)
    assert len(modest.taken) == SHORT_BYTES


async def test_long_reads_share_a_turn_and_go_round() -> None:
    clock = ManualClock()
    turns = ReadScheduler(asyncio.get_running_loop(), clock)
    greedy = [Peer(clock, COST_S) for _ in range(8)]
    for peer in greedy:
        turns.read(peer, LONG)
    total = sum(len(peer.taken) for peer in greedy)
    while total < 8 * len(LONG):
        await asyncio.sleep(0)
        before, total = total, sum(len(peer.taken) for peer in greedy)
        assert total - before <= SLICES_A_TURN * SLICE_BYTES, "one turn for all of them"
        if total > 8 * SLICES_A_TURN * SLICE_BYTES and total < 7 * len(LONG):
            assert min(len(peer.taken) for peer in greedy) > 0
    assert [peer.resumed for peer in greedy] == [peer.paused for peer in greedy]


async def test_nothing_is_taken_after_the_end() -> None:
    clock = ManualClock()
    turns, peer = ReadScheduler(asyncio.get_running_loop(), clock), Peer(clock, COST_S)
    peer.closes_after = 2 * SLICE_BYTES
    turns.read(peer, LONG)
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(peer.taken) == 2 * SLICE_BYTES


async def test_a_flood_in_one_piece_is_looked_at_in_turns_over_a_real_socket(tmp_path: Path) -> None:
    async with neighbourhood(tmp_path) as (server, neighbours), await Raw.open(server) as raw:
        await raw.enter(server, "eve")
        raw.send_bytes(packed(ACK, 0, 0) * 40_000)
        await neighbours.talk()
        assert (await raw.ask("sync", None)).code == 0, "what came behind it is taken in order"


class Socket:
    def __init__(self) -> None:
        self.flush_pending = False
        self.flushed = 0

    def flush(self) -> None:
        self.flushed += 1

    def abort(self) -> None: ...


async def test_one_turn_writes_a_bounded_number_of_connections() -> None:
    queue = WriteQueue(asyncio.get_running_loop())
    sockets = [Socket() for _ in range(3 * MAX_WRITES_A_TURN)]
    for socket in sockets:
        queue.mark(socket)
    for turn in range(1, 4):
        await asyncio.sleep(0)
        assert sum(socket.flushed for socket in sockets) == turn * MAX_WRITES_A_TURN
    assert {socket.flushed for socket in sockets} == {1}


async def test_all_are_written_at_once_at_the_end() -> None:
    queue = WriteQueue(asyncio.get_running_loop())
    sockets = [Socket() for _ in range(3 * MAX_WRITES_A_TURN)]
    for socket in sockets:
        queue.mark(socket)
    queue.flush_all()
    assert {socket.flushed for socket in sockets} == {1}
