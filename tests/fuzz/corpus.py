"""Frames to begin with: the golden vectors, what the transcripts send and expect, and frames from a grammar."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import msgpack

VECTORS = Path(__file__).resolve().parents[2] / "protocol" / "vectors"
MOST = 2**53 - 1

#: For each frame type the kinds of its fields: i integer, n integer from 0, s string, b bytes, t boolean, l array, m map,
#: o anything, z nil or the pair of a session, v the pair of versions.
FIELDS = {0: "vlssmz", 1: "nlssbtssnm", 2: "", 3: "i", 4: "i", 5: "nsn", 6: "so"}
FIELDS |= {16: "sl", 17: "no", 18: "nnsno", 19: "soooooo"}

STRINGS: tuple[str, ...] = (
    "",
    "a",
    "post",
    "history",
    "sync",
    "message",
    "cursor",
    "lagging",
    "typing",
    "direct/alice/bob",
    "配镜",
)
STRINGS += ("\x00\x1b[2J\u202e", "x" * 31, "x" * 32, "x" * 255, "x" * 256, "é" * 300, "x" * 5000)
INTEGERS: tuple[int, ...] = (
    0,
    1,
    2,
    3,
    5,
    127,
    128,
    255,
    256,
    65_535,
    65_536,
    2**32 - 1,
    2**32,
    MOST,
    -1,
    -32,
    -33,
    -128,
    -MOST,
)
#: What the dialect forbids, and msgpack can say.
FORBIDDEN: tuple[Any, ...] = (
    MOST + 1,
    -MOST - 1,
    2**64 - 1,
    -(2**63),
    math.nan,
    math.inf,
    -math.inf,
    msgpack.ExtType(5, b"x"),
    msgpack.ExtType(1, b""),
    msgpack.Timestamp(1, 0),
    {1: 1},
    {b"a": 1},
    {None: {}},
)


def framed(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


class Grammar:
    """Valid frames and nearly valid ones of every type, from one source of chance."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.nearly = 0.0

    def value(self, depth: int = 0) -> Any:
        """Any value of the dialect; now and then, if `nearly` is above 0, one that it forbids."""
        rng = self.rng
        if self.nearly and rng.random() < self.nearly:
            return rng.choice(FORBIDDEN)
        match rng.randrange(9 if depth < 5 else 6):
            case 0:
                return rng.choice(INTEGERS)
            case 1:
                return rng.choice(STRINGS)
            case 2:
                return rng.randbytes(rng.choice((0, 1, 8, 16, 31, 40, 300)))
            case 3:
                return rng.choice((None, True, False))
            case 4:
                return rng.choice((0.0, -1.5, 1e300, 1.0))
            case 5:
                return rng.randrange(1000)
            case 6 | 7:
                return tuple(
                    self.value(depth + 1)
                    for _ in range(rng.choice((0, 1, 2, 3, 6, 20) if depth < 2 else (0, 1, 2)))
                )
            case _:
                return {rng.choice(STRINGS)[:40]: self.value(depth + 1) for _ in range(rng.randrange(4))}

    def field(self, kind: str) -> Any:
        rng = self.rng
        if self.nearly and rng.random() < self.nearly:
            return self.value()
        match kind:
            case "i":
                return rng.choice(INTEGERS)
            case "n":
                return rng.choice((0, 1, 2, 3, 4, 5, 100, 210, 600, 700, MOST))
            case "s":
                return rng.choice(STRINGS)
            case "b":
                return rng.randbytes(rng.choice((1, 16, 24, 64)))
            case "t":
                return rng.random() < 0.5
            case "l":
                return tuple(self.value(1) for _ in range(rng.randrange(5)))
            case "m":
                return {rng.choice(STRINGS)[:40]: self.value(1) for _ in range(rng.randrange(4))}
            case "z":
                return rng.choice((None, ("S1", rng.randbytes(16))))
            case "v":
                return rng.choice(((1, 1), (1, 1), (0, 3), (2, 9)))
            case _:
                return self.value(1)

    def fields(self, type_: int) -> tuple[Any, ...]:
        fields = [self.field(kind) for kind in FIELDS[type_]]
        if type_ in (6, 19):
            del fields[1 + self.rng.randrange(7) :]
        if self.rng.random() < 0.1:
            fields.append(self.value())  # a later version
        return tuple(fields)

    def frame(self, seq: int = 1, ack: int = 0) -> tuple[Any, ...]:
        """(type, seq, ack, field…) of the dialect, if `nearly` is 0."""
        type_ = self.rng.choice(tuple(FIELDS))
        return (type_, seq if type_ >= 16 else 0, ack, *self.fields(type_))

    def nearly_valid(self, seq: int = 1, ack: int = 0) -> bytes:
        """The body of a frame with something wrong in it."""
        rng = self.rng
        self.nearly = 0.15
        try:
            frame: list[Any] = list(self.frame(seq, ack))
        finally:
            self.nearly = 0.0
        match rng.randrange(8):
            case 0:
                del frame[rng.randrange(len(frame)) :]
            case 1:
                frame[rng.randrange(3)] = rng.choice((-1, True, None, 1.0, "1", MOST + 1, 7, 20, 31, 32))
            case 2:
                frame[rng.randrange(len(frame))] = self.value()
            case 3:
                frame[1] = rng.choice((0, 2, seq - 1, seq + 1, MOST))
            case 4:
                frame[2] = rng.choice((1, 7, MOST))
        return bytes(msgpack.packb(frame))


def _sample(value: Any) -> Any:
    """A transcript's JSON as a value: whatever fits its patterns."""
    if isinstance(value, list):
        return [_sample(item) for item in value]
    if not isinstance(value, dict):
        return value
    name: str = next(iter(value), "")
    given: Any = value.get(name)
    match name:
        case "hex":
            return bytes.fromhex(given)
        case "$pack":
            return msgpack.packb(_sample(given))
        case "$int":
            return given[0]
        case "$or":
            return _sample(given[0])
        case "$list":
            return _sample(given)
        case "$bind" | "$ref":
            return b"t" * 16 if "token" in str(given) else f"{given}"
        case "$token" | "$str":
            return "TOKEN"
        case "$any":
            return None
    return {key: _sample(item) for key, item in value.items()}


def golden() -> list[bytes]:
    """Whole frames (length and body) of the vectors, good and bad, and of the transcripts."""
    rows = json.loads((VECTORS / "frames.json").read_text(encoding="utf-8"))["frames"]
    found = [bytes.fromhex(row["hex"]) for row in rows]
    for path in sorted((VECTORS / "transcripts").glob("*.json")):
        for step in json.loads(path.read_text(encoding="utf-8"))["steps"]:
            frames = list(step.get("send", ()))
            frames += step.get("expect_any_order") or [
                step[name] for name in ("expect", "expect_later") if name in step
            ]
            found += [framed(msgpack.packb(_sample(frame))) for frame in frames if isinstance(frame, list)]
            found += [bytes.fromhex(step[name]) for name in ("hex", "send_hex") if name in step]
    return [frame for frame in dict.fromkeys(found) if len(frame) <= 65_540]


def contents() -> list[bytes]:
    """The bytes of the golden contents."""
    rows = json.loads((VECTORS / "contents.json").read_text(encoding="utf-8"))["contents"]
    return [bytes.fromhex(row["hex"]) for row in rows]
