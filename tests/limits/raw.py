"""A client without a library, for sending what no library would send, and neighbours who must not notice."""

from __future__ import annotations

import asyncio
import itertools
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgpack

from imserver import Server
from imserver_client import Client, State, direct_conversation_id
from tests.support.servers import Inbox, people, running

HELLO, WELCOME, ACK, PING, PONG, GOODBYE, SIGNAL = range(7)
REQUEST, REPLY, REFUSAL, PUSH = range(16, 20)
#: A machine that runs many tests at once is slow; nobody waits so long on a good day (seconds).
PATIENCE_S = 30.0
_serial = itertools.count(1)


class Ended(Exception):
    """The stream ended without a GOODBYE."""


class End(NamedTuple):
    """A GOODBYE."""

    code: int
    text: str
    retry_after_ms: int


class Welcomed(NamedTuple):
    """What a test needs of WELCOME."""

    ack: int
    session_id: str
    token: bytes
    resumed: bool
    reason: str
    limits: dict[str, int]
    place: str
    features: list[str]


class Answer(NamedTuple):
    """A REPLY (`code` 0) or REFUSAL."""

    code: int
    text: str
    retry_after_ms: int
    result: Any


class Raw:
    """One socket: frames go out as they are given, and come in as lists. Nothing is acked unless the test says so."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.seq = 0  # of our last payload frame
        self.received = 0  # the last payload seq that came in
        self.place = ""  # of the last WELCOME
        self.pushes: list[list[Any]] = []
        self.signals: list[list[Any]] = []
        self._answers: dict[int, Answer] = {}
        self.end: End | None = None

    @classmethod
    async def open(
        cls, where: Server | int, *, source: str | None = None, tls: ssl.SSLContext | None = None
    ) -> Self:
        """To the server, or to this port of this machine; from the address `source` if one is given."""
        port = where if isinstance(where, int) else where.port
        local = (source, 0) if source else None
        return cls(*await asyncio.open_connection("127.0.0.1", port, local_addr=local, ssl=tls))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.hang_up()

    async def hang_up(self) -> None:
        """Close the socket without a word."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    def reset(self) -> None:
        """RST instead of FIN when the socket is closed."""
        linger = struct.pack("ii", 1, 0)
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    def limit_buffers(self) -> None:
        """The kernel keeps little of what is not read."""
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def half_close(self) -> None:
        """FIN; what still comes can be read."""
        self._writer.write_eof()

    # -- out ----------------------------------------------------------------------------------------------------------

    def send_bytes(self, data: bytes) -> None:
        self._writer.write(data)

    def send(self, *frame: Any) -> None:
        self.send_bytes(packed(*frame))

    def hello(
        self,
        token: str,
        device_id: str = "raw",
        *,
        resume: tuple[str, bytes] | None = None,
        ack: int = 0,
        versions: Any = (1, 1),
    ) -> None:
        self.received = ack
        self.send(HELLO, 0, ack, versions, [], token, device_id, {}, resume)

    def request(self, method: str, *params: Any, ack: int | None = None) -> int:
        """Send a request, acking everything that was read; returns its seq."""
        self.seq += 1
        self.send(REQUEST, self.seq, self.received if ack is None else ack, method, params)
        return self.seq

    def ack(self, number: int | None = None) -> None:
        self.send(ACK, 0, self.received if number is None else number)

    async def flushed(self) -> None:
        await self._writer.drain()

    # -- in -----------------------------------------------------------------------------------------------------------

    async def frame(self) -> list[Any]:
        """The next frame. Raises Ended."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                (length,) = struct.unpack(">I", await self._reader.readexactly(4))
                frame: list[Any] = msgpack.unpackb(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise Ended from None
        self._keep(frame)
        return frame

    def _keep(self, frame: list[Any]) -> None:
        if frame[0] >= REQUEST:
            assert frame[1] == self.received + 1, "the server's own seq has no gap"
            self.received = frame[1]
        if frame[0] == REPLY:
            self._answers[frame[3]] = Answer(0, "", 0, frame[4])
        elif frame[0] == REFUSAL:
            self._answers[frame[3]] = Answer(*frame[4:8])
        elif frame[0] == PUSH:
            self.pushes.append(frame[3:])
        elif frame[0] == SIGNAL:
            self.signals.append(frame[3:])
        elif frame[0] == GOODBYE:
            self.end = End(*frame[3:6])

    async def welcome(self) -> Welcomed:
        frame = await self.frame()
        assert frame[0] == WELCOME, frame
        if not frame[8]:
            self.seq = self.received = 0
        self.place = frame[13]
        return Welcomed(frame[2], frame[6], frame[7], frame[8], frame[9], frame[12], frame[13], frame[4])

    async def enter(self, server: Server, name: str, device_id: str = "raw", **how: Any) -> Welcomed:
        """HELLO with a good token, and WELCOME."""
        self.hello(server.accounts.make_token(name, ttl_s=3600), device_id, **how)
        return await self.welcome()

    async def answer(self, seq: int) -> Answer:
        while seq not in self._answers:
            await self.frame()
        return self._answers[seq]

    def forget(self, seq: int) -> None:
        """The answer is not needed any more (of floods)."""
        self._answers.pop(seq, None)

    def answered(self, seq: int, code: int) -> bool:
        """True if the answer has come by now, and is this one."""
        return seq in self._answers and self._answers[seq].code == code

    async def ask(self, method: str, *params: Any) -> Answer:
        return await self.answer(self.request(method, *params))

    async def push(self, count: int = 1) -> list[list[Any]]:
        """Wait until so many pushes have come."""
        while len(self.pushes) < count:
            await self.frame()
        return self.pushes

    async def goodbye(self) -> End:
        """Read on to GOODBYE, and see that the server ends the stream after it."""
        while self.end is None:
            await self.frame()
        with suppress(Ended):
            raise AssertionError(f"a frame after GOODBYE: {await self.frame()}")
        return self.end


def packed(*frame: Any) -> bytes:
    """A frame with its length."""
    return framed(msgpack.packb(frame))


def framed(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


def said(text: str) -> bytes:
    """A content."""
    data: bytes = msgpack.packb({"type": "text", "text": text})
    return data


def new_key() -> bytes:
    """16 bytes that were not used before in this process."""
    return next(_serial).to_bytes(16, "big")


async def eventually(true: Callable[[], bool]) -> None:
    """Wait for something that the server does by itself and tells nobody."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110  nobody there sets an event
            await asyncio.sleep(0.01)


class Neighbours:
    """Two well-behaved people: they must be able to talk, before, while and after somebody else misbehaves."""

    def __init__(self, ann: Client, ben: Client) -> None:
        self._ann, self._ben = ann, ben
        self._here = direct_conversation_id("ann", "ben")
        self._heard = Inbox(ben)
        self._said: list[str] = []
        self._changes = ann.events(), ben.events()

    async def talk(self) -> None:
        """Three messages go over, at once."""
        for _ in range(3):
            text = f"line {len(self._said) + 1}"
            self._said.append(text)
            await self._ann.post(self._here, text)
        async with asyncio.timeout(PATIENCE_S):
            await self._heard.until(len(self._said), PATIENCE_S)
        assert self._heard.texts == self._said

    async def close(self) -> None:
        """They were never disturbed: each message once and in order, on the same connection."""
        await self.talk()
        assert {self._ann.state, self._ben.state} == {State.CONNECTED}
        page = await self._ben.history(self._here, limit=200)
        assert [(item.content or {})["text"] for item in page.items] == self._said[-200:]
        await self._heard.close()


@asynccontextmanager
async def neighbourhood(
    folder: Path,
    users: str = "eve alice bob",
    *,
    adjust: Callable[[Server], None] | None = None,
    **sections: Any,
) -> AsyncIterator[tuple[Server, Neighbours]]:
    """A server with two people on it who talk, and whose connections outlive the test's mischief."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running(folder, users=f"ann ben {users}", **sections))
        enter = await stack.enter_async_context(people(server))
        neighbours = Neighbours(await enter("ann"), await enter("ben"))
        await neighbours.talk()
        welcomed = server.listener.admission.counts["welcomed"], server.listener.admission.counts["resumed"]
        assert welcomed == (2, 0)
        if adjust is not None:
            adjust(server)
        yield server, neighbours
        await neighbours.close()
