"""imserver's own protocol (protocol/SPEC.md), and the bare relay's."""

from __future__ import annotations

from typing import Any

import msgpack

from benchmarks.codecs.base import End, Frame, Lane, Party, Pushing, Step, Unreadable, Witness
from imserver_protocol.wire.codec import encode_content, encode_tail, frame_bytes
from imserver_protocol.wire.frames import FrameType

#: A bare ACK goes out after so many payload frames (SPEC, section 7).
ACK_AFTER = 32
#: The index stands in the first 8 bytes of the key; these are the others.
KEY_REST_BYTES = 8
_PAYLOAD = int(FrameType.REQUEST)
_PUSH, _REPLY, _PING = int(FrameType.PUSH), int(FrameType.REPLY), int(FrameType.PING)
_ENDINGS = (int(FrameType.REFUSAL), int(FrameType.GOODBYE))
#: seq and ack in their widest form, so that they can be patched.
_WIDE = b"\xce\0\0\0\0"


class ImserverCodec(Pushing):
    """Posts in a conversation; the index is the beginning of the idempotency key."""

    number = 0

    def greeting(self, end: End) -> list[Step]:
        """HELLO, WELCOME."""
        return [Step(hello(end.party), welcome)]

    def frame(self, lane: Lane, run_id: bytes, body_bytes: int) -> Frame:
        """A `post` request."""
        content = encode_content({"type": "text", "text": "x" * body_bytes})
        key = bytes(8) + run_id[:KEY_REST_BYTES]
        tail = encode_tail("post", (lane.place, key, content))
        body = bytes((0x93 + tail.count, _PAYLOAD)) + _WIDE + _WIDE + tail.data
        data = len(body).to_bytes(4, "big") + body
        return Frame(data, seq_at=7, ack_at=12, key_at=data.index(b"\xc4\x10" + key) + 2)

    def parse(self, end: End, data: bytes, at: int, witness: Witness) -> int:
        """One frame."""
        after = frame_end(data, at)
        if not after:
            return at
        frame = unpack(data[at + 4 : after])
        kind = frame[0]
        if kind >= _PAYLOAD:
            if frame[1] != end.received + 1:
                raise Unreadable("a gap in the numbers of frames")
            end.received = frame[1]
        if kind == _PUSH and frame[3] == "message":
            witness.delivered(int.from_bytes(frame[8][:8], "big") - end.key_base)
        elif kind == _REPLY:
            witness.acked(frame[3] - 1)
        elif kind == _PING:
            end.out += pong(end, frame[3])
        elif kind in _ENDINGS or (kind == _PUSH and frame[3] == "lagging"):
            raise Unreadable(f"{FrameType(kind).name}: {frame[3:]}")
        if end.received - end.told >= ACK_AFTER:
            end.out += bare_ack(end)
        return after

    def ping(self) -> bytes:
        """PING."""
        return frame_bytes(FrameType.PING, 0, 0, encode_tail(7))

    def pong(self, data: bytes) -> int:
        """Up to the end of a PONG."""
        at = 0
        while after := frame_end(data, at):
            if unpack(data[at + 4 : after])[0] == FrameType.PONG:
                return after
            at = after
        return 0


def hello(party: Party, received: int = 0, resume: tuple[str, bytes] | None = None) -> bytes:
    """The first frame of a connection."""
    fields: tuple[Any, ...] = (
        [1, 1],
        [],
        party.token,
        f"bench-{party.name}",
        {},
        list(resume) if resume else None,
    )
    return frame_bytes(FrameType.HELLO, 0, received, encode_tail(*fields))


def welcome(data: bytes) -> int:
    """The length of the WELCOME, 0 if it is not there. Raises Unreadable for a GOODBYE."""
    after = frame_end(data, 0)
    if after:
        frame = unpack(data[4:after])
        if frame[0] != FrameType.WELCOME:
            raise Unreadable(f"no WELCOME but {frame}")
    return after


def bare_ack(end: End) -> bytes:
    """An ACK for all received frames."""
    end.told = end.received
    return b"\0\0\0\x08\x93\x02\0\xce" + end.received.to_bytes(4, "big")


def pong(end: End, nonce: int) -> bytes:
    """A PONG with the PING's nonce."""
    body = b"\x94\x04\0\xce" + end.received.to_bytes(4, "big") + encode_tail(nonce).data
    return len(body).to_bytes(4, "big") + body


def frame_end(data: bytes, at: int) -> int:
    """Where the frame at `at` ends, 0 if it is not whole."""
    after = at + 4 + int.from_bytes(data[at : at + 4], "big")
    return after if len(data) - at >= 4 and after <= len(data) else 0


def request(seq: int, received: int, method: str, *params: Any) -> bytes:
    """A whole request."""
    return frame_bytes(FrameType.REQUEST, seq, received, encode_tail(method, params))


def unpack(body: bytes | memoryview) -> tuple[Any, ...]:
    """Unpack without bounds: the server under test is ours."""
    frame: tuple[Any, ...] = msgpack.unpackb(body, use_list=False)
    return frame
