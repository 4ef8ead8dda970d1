"""Frames that no honest client sends, and the code that each is answered with."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import msgpack

from tests.limits.raw import (
    ACK,
    GOODBYE,
    HELLO,
    PING,
    PUSH,
    REPLY,
    REQUEST,
    SIGNAL,
    WELCOME,
    Raw,
    framed,
    packed,
)

AUTH_TIMEOUT, VERSION = 103, 202
MALFORMED, FRAME_TOO_LARGE, BAD_STATE, SEQ_ORDER, ACK_TOO_HIGH = 210, 211, 212, 213, 214


def hello(**changes: Any) -> bytes:
    """A HELLO that is right but for the changes."""
    fields: dict[str, Any] = {
        "versions": [1, 1],
        "features": [],
        "token": "t",
        "device": "d",
        "info": {},
        "resume": None,
    }
    return packed(HELLO, 0, 0, *(fields | changes).values())


#: What stands first on the wire, and how the server ends it.
FIRST: dict[str, tuple[bytes, int]] = {
    "nothing in a frame": (struct.pack(">I", 0), MALFORMED),
    "a length above 4 KiB": (struct.pack(">I", 4097), FRAME_TOO_LARGE),
    "a length of 4 GiB": (b"\xff\xff\xff\xff", FRAME_TOO_LARGE),
    "HTTP": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", FRAME_TOO_LARGE),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", FRAME_TOO_LARGE),
    "no msgpack": (framed(b"\xc1\xc1\xc1"), MALFORMED),
    "a map": (framed(msgpack.packb({"type": 0})), MALFORMED),
    "a short array": (packed(0, 0), MALFORMED),
    "two values": (framed(msgpack.packb([0, 0, 0]) + msgpack.packb(1)), MALFORMED),
    "a type below 0": (packed(-1, 0, 0), MALFORMED),
    "a type that is true": (packed(True, 0, 0), MALFORMED),
    "an unknown type": (packed(9, 0, 0), MALFORMED),
    "a number above 2^53": (packed(HELLO, 0, 2**53), MALFORMED),
    "an extension": (packed(HELLO, 0, 0, msgpack.ExtType(5, b"x")), MALFORMED),
    "a timestamp": (packed(HELLO, 0, 0, msgpack.Timestamp(1, 0)), MALFORMED),
    "no text in a text": (framed(b"\x94\x00\x00\x00\xa1\xff"), MALFORMED),
    "a key twice": (framed(b"\x94\x00\x00\x00\x82\xa1a\x01\xa1a\x02"), MALFORMED),
    "a hundred arrays deep": (framed(b"\x94\x00\x00\x00" + b"\x91" * 100 + b"\xc0"), MALFORMED),
    "an array that claims to be long": (framed(b"\xdd\xff\xff\xff\xff"), MALFORMED),
    "a bare HELLO": (packed(HELLO, 0, 0), MALFORMED),
    "bytes for a token": (hello(token=b"t"), MALFORMED),
    "text for a resume token": (hello(resume=["s", "dGV4dA=="]), MALFORMED),
    "an empty device": (hello(device=""), MALFORMED),
    "a device of 300 bytes": (hello(device="d" * 300), MALFORMED),
    "a HELLO with a seq": (packed(HELLO, 1, 0, [1, 1], [], "t", "d", {}, None), MALFORMED),
    "a version from later": (hello(versions=[2, 3]), VERSION),
    "a request before HELLO": (packed(REQUEST, 1, 0, "sync", [None]), BAD_STATE),
    "an ACK before HELLO": (packed(ACK, 0, 0), BAD_STATE),
    "a WELCOME from a client": (packed(WELCOME, 0, 0), BAD_STATE),
}


def _after(*frame: Any) -> Callable[[Raw], bytes]:
    return lambda raw: packed(*frame)


#: What comes after WELCOME and one request that was answered.
LATER: dict[str, tuple[bytes, int]] = {
    "nothing in a frame": (struct.pack(">I", 0), MALFORMED),
    "a length above 64 KiB": (struct.pack(">I", 65537), FRAME_TOO_LARGE),
    "no msgpack": (framed(b"\xc1"), MALFORMED),
    "an unknown payload type": (packed(31, 2, 1), MALFORMED),
    "a control frame with a seq": (packed(ACK, 2, 1), MALFORMED),
    "a request without parameters": (packed(REQUEST, 2, 1, "sync"), MALFORMED),
    "a request with a map": (packed(REQUEST, 2, 1, "sync", {}), MALFORMED),
    "a method that is bytes": (packed(REQUEST, 2, 1, b"sync", []), MALFORMED),
    "a PING without a nonce": (packed(PING, 0, 1), MALFORMED),
    "a PING with a text": (packed(PING, 0, 1, "1"), MALFORMED),
    "a SIGNAL without a kind": (packed(SIGNAL, 0, 1), MALFORMED),
    "a GOODBYE without a code": (packed(GOODBYE, 0, 1), MALFORMED),
    "a second HELLO": (hello(), BAD_STATE),
    "a reply from a client": (packed(REPLY, 2, 1, 1, None), BAD_STATE),
    "a push from a client": (packed(PUSH, 2, 1, "message"), BAD_STATE),
    "the same seq again": (packed(REQUEST, 1, 1, "sync", [None]), SEQ_ORDER),
    "a seq that was left out": (packed(REQUEST, 3, 1, "sync", [None]), SEQ_ORDER),
    "seq 0": (packed(REQUEST, 0, 1, "sync", [None]), SEQ_ORDER),
    "an ack of what was not sent": (packed(ACK, 0, 2), ACK_TOO_HIGH),
    "a request with such an ack": (packed(REQUEST, 2, 2**53 - 1, "sync", [None]), ACK_TOO_HIGH),
}
