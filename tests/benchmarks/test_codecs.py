"""Codecs: golden bytes, and the loop in C seeing exactly what the one in Python sees."""

from __future__ import annotations

import ctypes
import random
from dataclasses import dataclass, field

import pytest

from benchmarks import native
from benchmarks.codecs import CODECS
from benchmarks.codecs.base import End, Lane, Party, Unreadable
from benchmarks.plan import LanePlan, PartyPlan, Plan
from imserver_protocol.wire.codec import decode, encode_tail, frame_bytes
from imserver_protocol.wire.frames import FrameType

BODY_BYTES = 20
KEY_BASE = 0x0102030405060708
LANE = Lane(3, Party("a3"), (Party("b3"),), "bench.1-3")
RUN_ID = b"RUN-ID-8"


@dataclass
class Seen:
    """What a parser tells."""

    events: list[tuple[str, int]] = field(default_factory=list)

    def acked(self, index: int) -> None:
        self.events.append(("acked", index))

    def delivered(self, index: int) -> None:
        self.events.append(("delivered", index))


def end(*, sender: bool) -> End:
    return End(LANE, LANE.sender if sender else LANE.receivers[0], sender, KEY_BASE)


def push(seq: int, index: int) -> bytes:
    key = (KEY_BASE + index).to_bytes(8, "big") + RUN_ID
    tail = encode_tail("message", "direct/a3/b3", index + 1, "a3", 1_700_000_000_000, key, b"\x80")
    return frame_bytes(FrameType.PUSH, seq, 0, tail)


def reply(seq: int, index: int) -> bytes:
    return frame_bytes(FrameType.REPLY, seq, index + 1, encode_tail(index + 1, (index + 1, 17, False)))


def entries(*indexes: int) -> bytes:
    items = [
        b"*2\r\n$3\r\n1-%d\r\n*2\r\n$1\r\nb\r\n$20\r\n%016dxxxx\r\n" % (index, index) for index in indexes
    ]
    return b"*1\r\n*2\r\n$9\r\nbench.1-3\r\n*%d\r\n" % len(items) + b"".join(items)


#: What comes in (sender's side, receiver's side), and what the receiver says to it.
STREAMS: dict[str, tuple[list[bytes], list[bytes], bytes]] = {
    "imserver": (
        [reply(1, 0), reply(2, 1), frame_bytes(FrameType.PING, 0, 2, encode_tail(77)), reply(3, 2)],
        [push(1, 0), frame_bytes(FrameType.ACK, 0, 0, encode_tail()), push(2, 1), push(3, 200)],
        b"",
    ),
    "mqtt": (
        [b"\x40\x02\0\x01", b"\xd0\0", b"\x40\x02\0\x02"],
        [b"\x32\x21\0\x09bench.1-3\0\x07" + b"%016dxxxx" % index for index in (0, 1)],
        b"\x40\x02\0\x07" * 2,
    ),
    "nats": (
        [b"PING\r\n"]
        + [b'MSG acks.bench-1-3.%016d 1 26\r\n{"stream":"BENCH","seq":1}\r\n' % index for index in (0, 1)],
        [b"MSG bench.1-3 1 $JS.ACK.%d 20\r\n%016dxxxx\r\n" % (index, index) for index in (0, 1)],
        b"PUB $JS.ACK.0 4\r\n+ACK\r\nPUB $JS.ACK.1 4\r\n+ACK\r\n",
    ),
    "redis": (
        [b"$3\r\n1-0\r\n", b"$3\r\n1-1\r\n"],
        [entries(0, 1), b":2\r\n", entries(2)],
        b"*5\r\n$4\r\nXACK\r\n$9\r\nbench.1-3\r\n$1\r\ng\r\n$3\r\n1-0\r\n$3\r\n1-1\r\n"
        + (
            read
            := b"*11\r\n$10\r\nXREADGROUP\r\n$5\r\nGROUP\r\n$1\r\ng\r\n$1\r\nc\r\n$5\r\nCOUNT\r\n$3\r\n256\r\n"
            b"$5\r\nBLOCK\r\n$1\r\n0\r\n$7\r\nSTREAMS\r\n$9\r\nbench.1-3\r\n$1\r\n>\r\n"
        )
        + b"*4\r\n$4\r\nXACK\r\n$9\r\nbench.1-3\r\n$1\r\ng\r\n$3\r\n1-2\r\n"
        + read,
    ),
    "websocket": (
        [b"\x82\x11A%016d" % index for index in (0, 1)] + [b"\x89\0"],
        [b"\x82\x15M%016dxxxx" % index for index in (0, 1)],
        b"".join(b"\x82\x91\0\0\0\0R%016d" % index for index in (0, 1)),
    ),
}
#: A message with seq 2, index 41, after 5 received frames.
FRAMES = {
    "mqtt": b"\x32\x21\0\x09bench.1-3\0\x02" + b"0000000000000041xxxx",
    "nats": b"PUB bench.1-3 acks.bench-1-3.0000000000000041 20\r\n0000000000000041xxxx\r\n",
    "redis": b"*5\r\n$4\r\nXADD\r\n$9\r\nbench.1-3\r\n$1\r\n*\r\n$1\r\nb\r\n$20\r\n0000000000000041xxxx\r\n",
    "websocket": b"\x82\x95\0\0\0\0M0000000000000041xxxx",
}


def parsed(name: str, one: End, data: bytes) -> tuple[list[tuple[str, int]], int]:
    seen, at = Seen(), 0
    while at < len(data) and (after := CODECS[name].parse(one, data, at, seen)) != at:
        at = after
    return seen.events, at


@pytest.mark.parametrize("name", FRAMES)
def test_a_message_is_the_golden_bytes(name: str) -> None:
    frame = CODECS[name].frame(LANE, RUN_ID, BODY_BYTES)
    assert frame.render(2, 5, KEY_BASE, 41) == FRAMES[name]


def test_our_own_message_is_a_post_that_the_strict_codec_reads() -> None:
    frame = CODECS["imserver"].frame(LANE, RUN_ID, BODY_BYTES)
    data = frame.render(2, 5, KEY_BASE, 41)
    assert int.from_bytes(data[:4], "big") == len(data) - 4
    key = (KEY_BASE + 41).to_bytes(8, "big") + RUN_ID
    kind, seq, ack, method, (place, sent_key, content) = decode(data[4:])
    assert (kind, seq, ack, method, place, sent_key) == (FrameType.REQUEST, 2, 5, "post", LANE.place, key)
    assert b"x" * BODY_BYTES in content


@pytest.mark.parametrize("name", STREAMS)
def test_what_is_said_is_seen_and_confirmed(name: str) -> None:
    to_sender, to_receiver, said = STREAMS[name]
    events, _ = parsed(name, end(sender=True), b"".join(to_sender))
    assert [index for _, index in events] == list(range(len(events)))
    assert {kind for kind, _ in events} == {"acked"}
    receiver = end(sender=False)
    events, at = parsed(name, receiver, b"".join(to_receiver))
    assert at == len(b"".join(to_receiver))
    assert {kind for kind, _ in events} == {"delivered"}
    assert bytes(receiver.out) == said


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("sender", [True, False])
def test_c_sees_what_python_sees_wherever_the_bytes_are_cut(name: str, sender: bool, library: str) -> None:
    to_sender, to_receiver, _ = STREAMS[name]
    data = b"".join(to_sender if sender else to_receiver)
    for cut in {0, len(data), *random.Random(4).sample(range(len(data)), min(40, len(data)))}:
        one = end(sender=sender)
        assert in_c(library, name, sender, data[:cut]) == (*parsed(name, one, data[:cut]), bytes(one.out), "")


@pytest.mark.parametrize("name", CODECS)
def test_c_writes_what_python_writes(name: str, library: str) -> None:
    frame = CODECS[name].frame(LANE, RUN_ID, BODY_BYTES)
    out = ctypes.create_string_buffer(len(frame.data))
    plan, spec, result = c_parts(name, True)
    native.load(library).hot_frame(
        ctypes.byref(plan), ctypes.byref(spec), ctypes.byref(result), 70_000, 5, ctypes.c_uint64(12_345), out
    )
    assert out.raw == frame.render(70_000, 5, KEY_BASE, 12_345)


@pytest.mark.parametrize(
    ("name", "sender", "data"),
    [
        ("imserver", True, frame_bytes(FrameType.GOODBYE, 0, 0, encode_tail(210, "no", 0))),
        ("imserver", True, frame_bytes(FrameType.REFUSAL, 1, 1, encode_tail(1, 700, "slower", 10, None))),
        ("imserver", False, frame_bytes(FrameType.PUSH, 1, 0, encode_tail("lagging"))),
        ("imserver", False, push(2, 0)),
        ("mqtt", True, b"\x40\x02\0\x09"),
        ("nats", True, b"-ERR 'no'\r\n"),
        ("nats", True, b'MSG acks.x.0000000000000000 1 11\r\n{"error":{}}'[:-1] + b"\r\n"),
        ("redis", True, b"-ERR no\r\n"),
        ("websocket", False, b"\x88\0"),
    ],
)
def test_a_refusal_ends_the_run_in_both(name: str, sender: bool, data: bytes, library: str) -> None:
    with pytest.raises(Unreadable):
        parsed(name, end(sender=sender), data)
    assert in_c(library, name, sender, data)[3] != ""


def c_parts(name: str, sender: bool) -> tuple[native.CPlan, native.CLink, native.CResult]:
    lane = LanePlan(3, PartyPlan("a3"), [PartyPlan("b3")], LANE.place)
    plan = Plan(name, "127.0.0.1", 1, [lane], 0.0, 0.0)
    codec = CODECS[name]
    frame = codec.frame(LANE, RUN_ID, BODY_BYTES) if sender else None
    return (
        native.plan_of(plan, codec, 1, KEY_BASE, 0),
        native.spec(end(sender=sender), codec, frame, -1, 0),
        native.CResult(),
    )


def in_c(library: str, name: str, sender: bool, data: bytes) -> tuple[list[tuple[str, int]], int, bytes, str]:
    plan, spec, result = c_parts(name, sender)
    events, out = (ctypes.c_uint64 * 64)(), ctypes.create_string_buffer(4096)
    count, room = ctypes.c_int64(32), ctypes.c_int64(4096)
    parts = (ctypes.byref(part) for part in (plan, spec, result))
    at = native.load(library).hot_parse(
        *parts, data, ctypes.c_int64(len(data)), events, ctypes.byref(count), out, ctypes.byref(room)
    )
    names = {1: "acked", 2: "delivered"}
    seen = [(names[events[2 * number]], events[2 * number + 1]) for number in range(count.value)]
    return seen, at, out.raw[: room.value], bytes(result.error).decode()
