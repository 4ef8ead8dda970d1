"""Requests with random parameters to a server in this process: each gets exactly one reply or refusal, never INTERNAL (20), and
the session of an honest peer goes on."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest

from imserver import Server
from imserver.chat.ports import Store
from imserver.config import StoreConfig
from imserver.model import Kind, User
from imserver.store import SqliteStore
from imserver.testing import LogBook, scratch_store
from imserver_protocol import Connection, EncodeError, Limits, RefusalReceived, ReplyReceived, Side
from tests.fuzz.runs import seed_of_this_run
from tests.support.methods import METHODS
from tests.support.servers import config

from .corpus import Grammar

#: For each method what its params are.
SHAPES: dict[str, Any] = {method.name: method.params for method in METHODS}
USERS = ("alice", "bob", "bob", "cy", "cy", "cy", "nobody", "", "x" * 70, "\ud7ff", "a/b", " ")
POSITIONS = (0, 1, 1, 1, 2, 2, 3, 50, -1, 2**53 - 1, -(2**53) + 1)
#: What parameters may be, by name. A parameter that is new fails until it stands here.
VALUES: dict[str, tuple[Any, ...]] = {
    "position": POSITIONS,
    "emoji": ("👍", "👍", "🎉", "great", None, "", "\x07"),
    "on": (True, True, False),
    "after_modseq": (0, 0, 0, 1, 2, -1, 2**53 - 1),
    "after": (*[None] * 9, *POSITIONS),
    "before": (*[None] * 20, *POSITIONS),
    "delivered": (*[None] * 3, *POSITIONS),
    "read": (None, 0, 1),
    "revision": (None, 1, 2),
    "user_id": USERS,
    "limit": (1, 2, 3, 50, 100, 200, 201, 0, -1, 2**53 - 1),
    "kind": ("group", "group", "channel", "direct", ""),
    "role": ("member", "reader", "admin", "owner", "x"),
    "title": ("", "Lunch", "x" * 201, "\x00\u202e\n"),
    "token": ("", "a.b.c", "x" * 3000, "\x00"),
}
#: INTERNAL, STORE_FULL, OUTCOME_UNKNOWN: faults of a server, whatever was asked.
FAULTS = {702, 704, 705}
#: Limits out of the way: how much one may ask is not the question here.
PLENTY = {"posts_per_second": 1e9, "posts_burst": 10**9}


class RequestContext:
    """Parameters: of every method, right, nearly right and wrong."""

    def __init__(self, rng: random.Random, group: str) -> None:
        self.rng = rng
        self.grammar = Grammar(rng)
        places = (
            "direct/alice/bob",
            group,
            group,
            "direct/bob/alice",
            "direct/alice/alice",
            "direct/alice",
            "group/",
        )
        self.places = (
            *places,
            "direct/%2F/alice",
            "direct/alice/\x00",
            "x" * 500,
            "",
            "group/" + "0" * 32,
            "配镜",
        )
        self.keys = [bytes([number]) * 16 for number in range(12)]
        self.contents = [
            msgpack.packb({"type": "text", "text": text}) for text in ("", "hi", "\x00\u202e", "配" * 2000)
        ]
        self.contents += [
            msgpack.packb({"type": "card", "title": 1}),
            msgpack.packb({"type": "system"}),
            b"",
            b"\xc1",
        ]
        self.sinces: list[Any] = [None, "", "0", "x.1", "9f2c61d04ab35e78.-1", "\x00", "alice", "1" * 300]

    def request(self) -> tuple[str, list[Any]]:
        rng = self.rng
        method = rng.choice((*SHAPES, "post", "post", "edit", "", "nothing", "__init__", "x" * 5000))
        params = self.fitting(method)
        self.grammar.nearly = 0.0
        for _ in range(rng.choice((0, 0, 0, 0, 1, 2))):
            if params:
                params[rng.randrange(len(params))] = self.grammar.value(1)
        if rng.random() < 0.1:
            del params[rng.randrange(len(params) + 1) :]
        if rng.random() < 0.1:
            params.append(self.grammar.value(1))
        return method, params

    def fitting(self, method: str) -> list[Any]:
        """A value for each parameter of the method, as its shape names and types them."""
        shape = SHAPES.get(method)
        if shape is None:
            return [self.value("conversation_id"), self.value("position")]
        fields = msgspec.structs.fields(shape)
        return [self.value("since" if field.type == str | None else field.name) for field in fields]

    def value(self, name: str) -> Any:
        """Something that a parameter of this name may be."""
        rng = self.rng
        if name in ("conversation_id", "content", "since"):
            pool: Sequence[Any] = {
                "conversation_id": self.places[: rng.choice((3, 3, 3, 99))],
                "content": self.contents[: rng.choice((3, 3, 99))],
                "since": self.sinces[: rng.choice((1, 99))],
            }[name]
            return rng.choice(pool)
        if name in ("members", "user_ids"):
            return [rng.choice(USERS), *rng.choice(((), ("bob",), ("bob",) * 99, ("alice", "bob", "bob")))]
        if name == "known":
            what = ("conversation_id", "since", "position", "position")
            return [[self.value(each) for each in what] for _ in range(rng.choice((0, 1, 1, 3, 101)))]
        if name == "key":
            return rng.choice(self.keys)
        return rng.choice(VALUES[name])


class Guest(asyncio.Protocol):
    """The smallest client around the protocol's own `Connection`."""

    def __init__(self, token: str) -> None:
        self.connection = Connection(Side.CLIENT, Limits(), 0.0)
        self.answers: Counter[int] = Counter()
        self.codes: Counter[int] = Counter()
        self.ended: list[Any] = []
        self.sinces: list[str] = []
        self.asked: dict[int, tuple[str, list[Any]]] = {}
        self._changed = asyncio.Event()
        self._transport: Any = None
        self.connection.hello(token, "fuzz", {})

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.write()

    def write(self) -> None:
        self._transport.write(self.connection.data_to_send(0.0))

    def data_received(self, data: bytes) -> None:
        self.connection.receive_data(data, 0.0)
        for event in self.connection.events():
            if isinstance(event, ReplyReceived):
                self.answers[event.request_seq] += 1
                self.codes[0] += 1
                if self.asked[event.request_seq][0] == "sync":
                    self.sinces.append(event.result[1])
            elif isinstance(event, RefusalReceived):
                assert event.code not in FAULTS, (self.asked[event.request_seq], event)
                self.answers[event.request_seq] += 1
                self.codes[event.code] += 1
        self.write()
        self._changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.append(exc)
        self._changed.set()

    async def enter(self, port: int) -> None:
        """Connect, and be let in."""
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", port)
        await self.until(lambda: self.connection.session is not None)

    async def until(self, true: Any) -> None:
        async with asyncio.timeout(50):
            while not true():
                assert not self.ended, "the server hung up"
                self._changed.clear()
                await self._changed.wait()

    async def ask(self, requests: list[tuple[str, list[Any]]]) -> int:
        """All at once; returns when each has its answer. What the codec does not say is left out."""
        session = self.connection.session
        assert session is not None
        asked = 0
        for method, params in requests:
            try:
                self.asked[session.request(method, params)] = (method, params)
                asked += 1
            except EncodeError:
                continue
        self.write()
        await self.until(lambda: not session.open_requests)
        return asked


async def play(seed: int, count: int, store: Store, folder: Path) -> Counter[int]:
    """Alice asks whatever; bob asks something sensible beside her, and is answered."""
    log, rng = LogBook(), random.Random(seed)
    async with Server(config(folder, limits=PLENTY), store=store, log=log) as server:
        for name in ("alice", "bob", "cy"):
            await server.chat.put_user(User(name, name.title()))
        group, _, _ = await server.chat.create_conversation("alice", Kind.GROUP, "Lunch", ["bob"])
        guests = []
        for name in ("alice", "bob"):
            guest = Guest(server.accounts.make_token(name, ttl_s=3600))
            await guest.enter(server.port)
            guests.append(guest)
        alice, bob = guests
        asker, asked = RequestContext(rng, group), 0
        while asked < count:
            asked += await alice.ask([asker.request() for _ in range(60)])
            asker.sinces = asker.sinces[:7] + alice.sinces[-3:]
            await bob.ask([("cursor", ["direct/alice/bob"])])
        assert set(alice.answers.values()) == {1}
        assert len(alice.answers) == asked
        assert log.events("error") == []
        for guest in guests:
            guest.connection.close(now=0.0)
            guest.write()
            await guest.until(lambda: True)
    print(f"requests: {asked:,} to {type(store).__name__}: {dict(sorted(alice.codes.items()))}")
    return alice.codes


def stores(folder: Path, seed: int) -> list[Store]:
    rng = random.Random(seed)
    return [scratch_store(seed=seed), SqliteStore(StoreConfig(path=str(folder / "chat.db")), rng=rng)]


@pytest.mark.prove
@pytest.mark.timeout(240)
async def test_many_requests(tmp_path: Path) -> None:
    seed = seed_of_this_run()
    print(f"\nrequests: seed {seed}")
    for store in stores(tmp_path, seed):
        await play(seed, 8_000, store, tmp_path)


@pytest.mark.parametrize("which", [0, 1], ids=["inline", "threads"])
async def test_requests(tmp_path: Path, which: int) -> None:
    codes = await play(5, 1200, stores(tmp_path, 5)[which], tmp_path)
    assert {0, 600, 601, 603} <= set(codes)
