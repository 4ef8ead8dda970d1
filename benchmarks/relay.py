"""The bare relay: the machine's yardstick. Decodes and encodes the same frames, and does nothing else.

It checks no tokens, stores nothing, has no permissions and no windows: only the cost of sockets, msgpack and Python is left.
It stands beside each figure of the server as this machine's limit at this moment. `python -m benchmarks.relay 0` prints the
port that it chose.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any, cast

import msgpack
import uvloop

from imserver_protocol.limits import Limits
from imserver_protocol.wire.codec import encode_tail, frame_bytes
from imserver_protocol.wire.frames import FrameType


class Line(asyncio.Protocol):
    """One connection. Its device id names its user: `bench-NAME`."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._seq = 0
        self._received = 0
        self._out: list[bytes] = []
        self._user_id = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's class does not inherit from it

    def connection_lost(self, exc: Exception | None) -> None:
        self._relay.lines.pop(self._user_id, None)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        at, end = 0, len(buffer)
        while end - at >= 4:
            length = int.from_bytes(buffer[at : at + 4], "big")
            if end - at - 4 < length:
                break
            self._frame(msgpack.unpackb(buffer[at + 4 : at + 4 + length], use_list=False))
            at += 4 + length
        self._buffer = buffer[at:]

    def _frame(self, frame: tuple[Any, ...]) -> None:
        if frame[0] == FrameType.REQUEST:
            self._received = frame[1]
            conversation_id, key, content = frame[4]
            sent_at = time.time_ns() // 1_000_000
            self._relay.position += 1
            self.payload(FrameType.REPLY, frame[1], (self._relay.position, sent_at, False))
            _, first, second = conversation_id.split("/")
            peer = self._relay.lines.get(second if first == self._user_id else first)
            if peer is not None:
                peer.payload(
                    FrameType.PUSH,
                    "message",
                    conversation_id,
                    self._relay.position,
                    self._user_id,
                    sent_at,
                    key,
                    content,
                )
        elif frame[0] == FrameType.HELLO:
            self._user_id = frame[6].removeprefix("bench-")
            self._relay.lines[self._user_id] = self
            tail = encode_tail(1, [], self._user_id, "s", b"t", False, "", "relay", 0, Limits().to_wire())
            self.send(frame_bytes(FrameType.WELCOME, 0, 0, tail))
        elif frame[0] == FrameType.PING:
            self.send(frame_bytes(FrameType.PONG, 0, self._received, encode_tail(frame[3])))

    def payload(self, kind: FrameType, *fields: Any) -> None:
        """Number and queue a payload frame."""
        self._seq += 1
        self.send(frame_bytes(kind, self._seq, self._received, encode_tail(*fields)))

    def send(self, frame: bytes) -> None:
        """Queue a frame for the write at the end of this turn."""
        if not self._out:
            self._relay.mark(self)
        self._out.append(frame)

    def flush(self) -> None:
        """Write all queued frames at once."""
        if self._transport is not None:
            self._transport.write(b"".join(self._out))
        self._out.clear()


class Relay:
    """All lines, and those to be written at the end of this turn."""

    def __init__(self) -> None:
        self.lines: dict[str, Line] = {}
        self.position = 0
        self._waiting: list[Line] = []

    def mark(self, line: Line) -> None:
        """One write for each line and turn of the loop."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.append(line)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for line in waiting:
            line.flush()


async def serve(port: int) -> None:
    """Listen on loopback until standard input ends; prints the port."""
    loop = asyncio.get_running_loop()
    relay = Relay()
    server = await loop.create_server(lambda: Line(relay), "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
