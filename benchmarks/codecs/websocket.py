"""The relay on WebSockets (benchmarks/ws_relay.py): binary messages whose first byte is their kind.

`M` index and body, from the sender and to the receiver; `A` index, the relay's acknowledgement; `R` index, the receiver's.
"""

from __future__ import annotations

from base64 import b64encode

from benchmarks.codecs.base import (
    End,
    Frame,
    Lane,
    Pushing,
    Step,
    Unreadable,
    Witness,
    decimal,
    padded,
    undecimal,
)

_BINARY, _PING, _PONG = 0x82, 0x89, 0x8A


class WebsocketCodec(Pushing):
    """A path for each lane and role: `/s/PLACE` sends, `/r/PLACE` receives."""

    number = 4

    def greeting(self, end: End) -> list[Step]:
        """The HTTP upgrade."""
        path = f"/{'s' if end.is_sender else 'r'}/{end.lane.place}"
        return [Step(upgrade(path), _switched)]

    def frame(self, lane: Lane, run_id: bytes, body_bytes: int) -> Frame:
        """A message."""
        data = masked(_BINARY, b"M" + padded(body_bytes))
        return Frame(data, decimals_at=(len(data) - body_bytes,))

    def parse(self, end: End, data: bytes, at: int, witness: Witness) -> int:
        """One message or control frame."""
        body, after = _body(data, at)
        if not after:
            return at
        code = data[at] & 15
        if code == _PING & 15:
            end.out += masked(_PONG, b"")
        elif code == 8:
            raise Unreadable("websocket: closed")
        else:
            index = undecimal(data, body + 1)
            if data[body : body + 1] == b"A":
                witness.acked(index)
            else:
                witness.delivered(index)
                end.out += masked(_BINARY, b"R" + decimal(index))
        return after

    def ping(self) -> bytes:
        """A ping frame."""
        return masked(_PING, b"")

    def pong(self, data: bytes) -> int:
        """A pong frame."""
        return data.find(b"\x8a\0") + 2 if b"\x8a\0" in data else 0


def upgrade(path: str, *more: str, host: str = "bench") -> bytes:
    """The client's request; `more` are headers."""
    key = b64encode(b"benchmarks-0123!").decode()
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        *more,
    )
    return "\r\n".join((*lines, "", "")).encode()


def masked(first: int, body: bytes) -> bytes:
    """A client's frame; the mask is four zeros, which leaves the body as it is."""
    length = len(body)
    if length < 126:
        size = bytes((0x80 | length,))
    else:
        size = b"\xfe" + length.to_bytes(2) if length < 65_536 else b"\xff" + length.to_bytes(8)
    return bytes((first,)) + size + bytes(4) + body


def _body(data: bytes, at: int) -> tuple[int, int]:
    if len(data) < at + 2:
        return 0, 0
    length, body = data[at + 1] & 127, at + 2
    if length == 126:
        if len(data) < at + 4:
            return 0, 0
        length, body = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
    elif length == 127:
        raise Unreadable("websocket: a frame of more than 64 KiB")
    return (body, body + length) if body + length <= len(data) else (0, 0)


def _switched(data: bytes) -> int:
    at = data.find(b"\r\n\r\n")
    if at < 0:
        return 0
    if not data.startswith(b"HTTP/1.1 101"):
        raise Unreadable(f"websocket: {data[:80]!r}")
    return at + 4
