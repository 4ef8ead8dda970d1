"""A server without manners: plain sockets and plain msgpack, so that it can say what our own encoder would refuse."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import msgpack

from imserver_client import (
    Client,
    Connecting,
    Environment,
    connect,
)

HELLO, WELCOME, ACK, PING, PONG, GOODBYE, SIGNAL = range(7)
REQUEST, REPLY, REFUSAL, PUSH = range(16, 20)

TEXT = msgpack.packb({"type": "text", "text": "hi"})
EMPTY_SYNC: list[Any] = [[], "1", False]

MIB = 1024 * 1024

MALFORMED = 210


def framed(*frame: Any) -> bytes:
    """One frame of whatever is given."""
    body: bytes = msgpack.packb(list(frame))
    return len(body).to_bytes(4, "big") + body


def row(conversation_id: str, head: int = 0, **more: Any) -> list[Any]:
    """A row of sync."""
    fields = {"kind": "group", "title": "", "head": head, "joined_at": 1, "left_at": None, "role": "member"}
    fields |= {"delivered": 0, "read": 0, "settings": {}, "cursors": []} | more
    return [conversation_id, *fields.values()]


def item(position: int, sender_id: str = "bob", content: Any = TEXT, revision: int = 1) -> list[Any]:
    """An item of a page."""
    return [position, sender_id, 1_700_000_000_000, position.to_bytes(16, "big"), content, revision]


def agreeing(check: list[Any]) -> list[Any]:
    """Nothing is gone of what this request asks about."""
    known = check[4][0]
    return [[[position, True, row(name, position)] for name, _, position, _ in known], None, None]


class Gone(Exception):
    """The client has closed the socket."""


class Line:
    """One accepted socket, and what an honest server would count."""

    def __init__(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: list[Any]
    ) -> None:
        self.number = number
        self.reader = reader
        self.writer = writer
        self.sent = 0
        self.received = 0
        self.hello: list[Any] = []
        self._heard = heard
        self._put_by: list[list[Any]] = []

    async def frame(self) -> list[Any]:
        """The next frame of the client. Raises Gone."""
        try:
            length = int.from_bytes(await self.reader.readexactly(4), "big")
            frame: list[Any] = msgpack.unpackb(await self.reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            raise Gone from None
        if frame[0] >= REQUEST:
            self.received = frame[1]
        self._heard.append((self.number, frame))
        return frame

    async def request(self, method: str = "") -> list[Any]:
        """The next request (of that method); others wait for their turn, and what is no request is passed over."""
        for waiting in self._put_by:
            if method in ("", waiting[3]):
                self._put_by.remove(waiting)
                return waiting
        while True:
            frame = await self.frame()
            if frame[0] == REQUEST and frame[3] == "check" and method == "sync":
                self.reply(frame, agreeing(frame))
                continue
            if frame[0] == REQUEST and method in ("", frame[3]):
                return frame
            if frame[0] == REQUEST:
                self._put_by.append(frame)

    async def goodbye(self) -> int:
        """The code of the client's GOODBYE, past everything else; 0 if it just leaves."""
        with contextlib.suppress(Gone):
            while (frame := await self.frame())[0] != GOODBYE:
                pass
            return int(frame[3])
        return 0

    def raw(self, data: bytes) -> None:
        if self.writer.is_closing():  # uvloop refuses what asyncio drops
            raise Gone
        self.writer.write(data)

    def say(self, type_: int, *fields: Any, seq: int | None = None, ack: int | None = None) -> None:
        """One frame; seq and ack are right unless given."""
        if type_ >= REQUEST:
            self.sent += 1
        number = self.sent if type_ >= REQUEST else 0
        self.raw(
            framed(type_, number if seq is None else seq, self.received if ack is None else ack, *fields)
        )

    def reply(self, request: list[Any], result: Any) -> None:
        self.say(REPLY, request[1], result)

    def push(self, conversation_id: str, position: int, sender_id: str = "bob", content: Any = TEXT) -> None:
        key = position.to_bytes(16, "big") if 0 <= position < 2**64 else b"k" * 16
        self.say(PUSH, "message", conversation_id, position, sender_id, 1, key, content)

    async def welcome(self, *, ack: int = 0, **more: Any) -> None:
        """Read HELLO and let the client in."""
        self.hello = await self.frame()
        self.say(WELCOME, *welcome_fields(self.number, **more), ack=ack)

    async def enter(self, rows: list[Any] | None = None, **more: Any) -> None:
        """WELCOME, and an answer to the first sync."""
        await self.welcome(**more)
        self.reply(await self.request("sync"), [rows or [], "1", False])

    async def serve(self, answer: Callable[[list[Any]], Any]) -> None:
        """Answer every request until the client goes: `answer(request)` gives the result, None stays silent."""
        while True:
            request = await self.request()
            result = agreeing(request) if request[3] == "check" else answer(request)
            if request[3] == "sync" and (not isinstance(result, list) or len(result) < 3):
                result = EMPTY_SYNC  # of a session that a play says nothing about
            if result is not None:
                self.reply(request, result)


def welcome_fields(number: int, **more: Any) -> list[Any]:
    fields: dict[str, Any] = {"version": 1, "features": [], "user_id": "alice", "session_id": f"s{number}"}
    fields |= {"resume_token": b"t" * 16, "resumed": False, "reason": "", "store_epoch": "e"}
    fields |= {"server_time_ms": 0, "limits": {}, "place": "p"}
    return list((fields | more).values())


Play = Callable[[Line], Awaitable[None]]


class HostileServer:
    """`async with HostileServer(play) as server`: `play(line)` has each socket until it returns; then it is closed."""

    def __init__(self, play: Play, tls: ssl.SSLContext | None = None) -> None:
        self.lines = 0
        #: What clients said: (number of the connection, frame).
        self.heard: list[tuple[int, list[Any]]] = []
        self._play = play
        self._tls = tls
        self._tasks: set[asyncio.Task[Any]] = set()
        self._errors: list[BaseException] = []
        self._listener: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._listener is not None
        self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if error is None and self._errors:
            raise self._errors[0]

    @property
    def url(self) -> str:
        assert self._listener is not None
        port = self._listener.sockets[0].getsockname()[1]
        return f"imserver{'s' if self._tls else ''}://127.0.0.1:{port}"

    def hellos(self) -> list[list[Any]]:
        return [frame for _, frame in self.heard if frame[0] == HELLO]

    def posts(self) -> list[tuple[int, bytes]]:
        """(connection, key) of every post."""
        return [
            (number, frame[4][1])
            for number, frame in self.heard
            if frame[0] == REQUEST and frame[3] == "post"
        ]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.lines += 1
        try:
            await self._play(Line(self.lines, reader, writer, self.heard))
        except (Gone, ConnectionError, asyncio.CancelledError):
            pass
        except Exception as error:
            self._errors.append(error)
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()


def client_of(server: HostileServer, waits: Any, **more: Any) -> Connecting:
    given: dict[str, Any] = {"token": "t", "timeout": 10.0, "environment": Environment(uniform=waits)}
    return connect(server.url, **(given | more))


def truth(upto: int, after: int = 0, limit: int = 10**6) -> list[Any]:
    """The honest page of a conversation with `upto` messages."""
    last = min(upto, after + limit)
    return [[item(n) for n in range(after + 1, last + 1)], after + 1, last, upto]


async def seen(client: Client, upto: int) -> list[int]:
    """Positions that the application is shown, until this one."""
    positions: list[int] = []
    async with asyncio.timeout(20):
        async for message in client.messages():
            positions.append(message.position)
            if message.position >= upto:
                break
    return positions
