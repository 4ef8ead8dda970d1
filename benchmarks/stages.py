"""Processor time of each stage of a post by itself, without sockets, the best of many rounds.

The rest of the `CPU` of scenario throughput is the system's: sockets, the poll, switching between two threads.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jwt

from benchmarks.codecs.base import Party
from benchmarks.codecs.imserver import hello, request
from benchmarks.processes import direct
from imserver import Config, Server
from imserver.chat.transaction import Posted, Transaction
from imserver.chat.units import PostUnit, Unit
from imserver.config import AuthConfig, LimitsConfig, ServerConfig, StoreConfig
from imserver.model import Role, User, content_digest
from imserver.net.transport import ServerTransport
from imserver.store.sqlite.store import SqliteStore
from imserver_protocol.wire.codec import encode_content, encode_tail, frame_bytes
from imserver_protocol.wire.frames import FrameType

PAIRS = 50
BODY_BYTES = 128
#: Posts of one read; and of one commit.
WINDOWS = (1, 64)
BATCHES = (10, 64, 512)
#: A commit with other units than posts: so many units in all, and a cursor after each so many posts.
MIXED_BATCH = 60
POSTS_A_CURSOR = 4
ROUNDS = {1: 200, 64: 30}
COMMITS = 60
MAX_TURNS = 10_000
_SECRET = "a secret for benchmarks that is long enough"
_CONTENT = encode_content({"type": "text", "text": "x" * BODY_BYTES})


@dataclass(frozen=True, slots=True)
class Stage:
    """µs of processor time for one post, or for one unit."""

    name: str
    case: str
    cpu_us: float


class _Wire:
    """Stands in for a socket: takes everything at once."""

    def __init__(self, end: ServerTransport) -> None:
        self.written = 0
        self._end = end

    def write(self, data: bytes) -> None:
        self.written += len(data)

    def get_extra_info(self, name: str) -> Any:
        return ("127.0.0.1", 1)

    def is_closing(self) -> bool:
        return False

    def can_write_eof(self) -> bool:
        return False

    def set_write_buffer_limits(self, high: int) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...

    def close(self) -> None:
        asyncio.get_running_loop().call_soon(self._end.connection_lost, None)

    abort = close


class _Held(SqliteStore):
    """A store whose queue the measurement holds."""

    def __init__(self, config: StoreConfig) -> None:
        super().__init__(config)
        self.held: list[Unit] | None = None

    def submit(self, unit: Unit) -> None:
        if self.held is None:
            super().submit(unit)
        else:
            self.held.append(unit)


async def stages() -> list[Stage]:
    """Measure all stages, on a fresh database in a temporary folder."""
    found: list[Stage] = []
    with tempfile.TemporaryDirectory(prefix="imserver-bench-") as folder:
        for window in WINDOWS:
            found += await _loop_stages(Path(folder) / f"loop-{window}.db", window)
        for size in BATCHES:
            found.append(await _commit_stage(Path(folder) / f"commit-{size}.db", size))
        found += await _mixed_stage(Path(folder) / "mixed.db")
    return found


def _config(path: Path) -> Config:
    return Config(
        server=ServerConfig(port=0),
        store=StoreConfig(path=str(path)),
        auth=AuthConfig(secret=_SECRET, create_users=True),
        limits=LimitsConfig(
            strangers="open",
            posts_per_second=1e7,
            posts_burst=10**7,
            bytes_per_day=10**12,
            bytes_in_all=10**13,
            max_connections_per_address=10 * PAIRS,
            connects_per_minute=100_000,
        ),
    )


async def _loop_stages(path: Path, window: int) -> list[Stage]:
    config = _config(path)
    store = _Held(config.store)
    async with Server(config, store=store) as server:
        senders = [await _enter(server, f"a{number}") for number in range(PAIRS)]
        receivers = [await _enter(server, f"b{number}") for number in range(PAIRS)]
        places = [direct(f"a{number}", f"b{number}") for number in range(PAIRS)]
        members = {
            place: {f"a{number}": Role.MEMBER, f"b{number}": Role.MEMBER}
            for number, place in enumerate(places)
        }
        best: dict[str, float] = {}
        try:
            for round_ in range(ROUNDS[window]):
                first = round_ * window
                store.held = []
                reads = [_read(place, first, window) for place in places]
                spent = {"bytes to queue": await _receiving(senders, reads, store.held, window * PAIRS)}
                for number, unit in enumerate(store.held, first * PAIRS + 1):
                    assert isinstance(unit, PostUnit)
                    _commit(unit, number, members[unit.conversation_id])
                spent["commit to bytes"] = await _fanning_out(server, store.held)
                acks = frame_bytes(FrameType.ACK, 0, first + window, encode_tail())
                spent["acks"] = await _receiving(receivers, [acks] * PAIRS, [], 0)
                for name, cpu_s in spent.items():
                    best[name] = min(best.get(name, 1.0), cpu_s / (window * PAIRS))
        finally:
            store.held = None  # otherwise the store would decide no more units
    return [Stage(name, f"{window} a read", cpu_s * 1e6) for name, cpu_s in best.items()]


async def _receiving(
    transports: Sequence[ServerTransport], reads: Sequence[bytes], held: Sequence[Unit], wanted: int
) -> float:
    """CPU seconds of this thread, with the turns of the loop that it takes."""
    begin = time.thread_time()
    for transport, data in zip(transports, reads, strict=True):
        transport.data_received(data)
    await _turns(lambda: len(held) >= wanted)
    return time.thread_time() - begin


async def _fanning_out(server: Server, units: Sequence[Unit]) -> float:
    begin = time.thread_time()
    server.hub.committed(units)
    await _turns(lambda: not server.hub.backlog)
    server.listener.write_queue.flush_all()
    return time.thread_time() - begin


async def _turns(done: Callable[[], bool]) -> None:
    """Let the loop turn, as a part of the work. Raises RuntimeError if `done` never holds."""
    for _ in range(MAX_TURNS):
        if done():
            return
        await asyncio.sleep(0)
    raise RuntimeError("a stage did not come to its end")


def _commit(unit: PostUnit, position: int, audience: dict[str, Role]) -> None:
    """Decide a unit as the store would."""
    unit.change, unit.audience = position, audience
    unit.result = Posted((position, unit.sent_at, False))


def _read(place: str, first: int, window: int) -> bytes:
    """So many posts as one read from a socket; everything older is acked."""
    return b"".join(
        request(first + number + 1, first, "post", place, os.urandom(16), _CONTENT)
        for number in range(window)
    )


async def _enter(server: Server, name: str) -> ServerTransport:
    transport = ServerTransport(server.listener)
    transport.connection_made(_Wire(transport))  # type: ignore[arg-type]
    claims = {"sub": name, "exp": int(time.time()) + 3600, "device": f"bench-{name}"}
    transport.data_received(hello(Party(name, jwt.encode(claims, _SECRET, algorithm="HS256"))))
    while transport.session is None:  # noqa: ASYNC110 - no event reports it
        await asyncio.sleep(0.001)
    return transport


def _put_users(names: Sequence[str], tx: Transaction) -> None:
    for name in names:
        tx.put_user(User(name, name))


class _Settling:
    """A listener of commits that only settles their units."""

    def __init__(self) -> None:
        self.settled = 0
        self.more = asyncio.Event()

    def committed(self, units: Sequence[Unit]) -> None:
        for unit in units:
            unit.settle()
        self.settled += len(units)
        self.more.set()

    def saturated(self) -> bool:
        return False


class _Cursor(Unit):
    """A reader's cursor goes up: the size of a reaction."""

    conversation_id: str

    def __init__(self, conversation_id: str, user_id: str, position: int) -> None:
        super().__init__()
        self.conversation_id = conversation_id
        self._user_id = user_id
        self._position = position

    def run(self, tx: Transaction) -> Any:
        return tx.move_cursors(self.conversation_id, self._user_id, self._position, None)


async def _commit_stage(path: Path, size: int) -> Stage:
    """Both threads: into the queue, the commit with its fsync, and back."""
    store, listener = SqliteStore(StoreConfig(path=str(path))), _Settling()
    await store.open(listener)
    names = await _named(store)
    spent = []
    for round_ in range(COMMITS):
        units = [_said(*names[number % PAIRS], number, round_) for number in range(size)]
        spent.append(await _committing(store, listener, units))
    await store.close()
    return Stage("commit", f"{size} a commit", sorted(spent)[len(spent) // 4] * 1e6)


async def _mixed_stage(path: Path) -> list[Stage]:
    """The same units as they come, a cursor after each fourth post, and sorted: in turns, since only their ratio counts."""
    store, listener = SqliteStore(StoreConfig(path=str(path))), _Settling()
    await store.open(listener)
    names = await _named(store)
    await _committing(store, listener, [_said(*pair, number, 0) for number, pair in enumerate(names)])
    spent: dict[str, list[float]] = {"as they come": [], "sorted": []}
    posts = 0
    for round_ in range(1, 2 * COMMITS + 1):
        units: list[Unit] = []
        while len(units) < MIXED_BATCH:
            one, other = names[posts % PAIRS]
            units.append(_said(one, other, posts, round_))
            posts += 1
            if posts % POSTS_A_CURSOR == 0:
                units.append(_Cursor(direct(one, other), other, round_ // 2 + 1))
        case = "sorted" if round_ % 2 else "as they come"
        if round_ % 2:
            units.sort(key=lambda unit: not unit.together)
        spent[case].append(await _committing(store, listener, units))
    await store.close()
    return [
        Stage("mixed commit", case, sorted(costs)[len(costs) // 4] * 1e6) for case, costs in spent.items()
    ]


async def _named(store: SqliteStore) -> list[tuple[str, str]]:
    """Pairs of users that exist."""
    names = [(f"a{number}", f"b{number}") for number in range(PAIRS)]
    await store.write(partial(_put_users, [name for pair in names for name in pair]))
    return names


def _said(one: str, other: str, number: int, round_: int) -> PostUnit:
    key = (time.time_ns() + number).to_bytes(8, "big") + os.urandom(8)
    return PostUnit(direct(one, other), one, key, _CONTENT, content_digest(_CONTENT), round_ + 1)


async def _committing(store: SqliteStore, listener: _Settling, units: Sequence[Unit]) -> float:
    """CPU seconds a unit."""
    begin, wanted = time.process_time(), listener.settled + len(units)
    for unit in units:
        store.submit(unit)
    while listener.settled < wanted:
        listener.more.clear()
        await listener.more.wait()
    return (time.process_time() - begin) / len(units)
