"""A second reader of the wire, written from protocol/SPEC.md alone: it imports nothing of ours, so a misreading that our codec
and our server share shows here. It decodes frames strictly and plays the transcripts of protocol/vectors against any server."""

from __future__ import annotations

import math
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgpack

MALFORMED, FRAME_TOO_LARGE, BAD_STATE, VERSION = 210, 211, 212, 202
WELCOME = 1
#: A letter for what a field has to be; n and p are integers from 0 and from 1, o is anything.
KINDS: dict[str, Any] = {"i": int, "n": int, "p": int, "s": str, "b": bytes, "t": bool, "l": list, "m": dict}
#: Frame type -> who sends it (client, server), and its fields.
FRAMES = {0: "c:llssmo", 1: "s:ilssbtssnms", 2: "cs:", 3: "cs:i", 4: "cs:i", 5: "cs:psn", 6: "cs:s"}
FRAMES |= {16: "c:sl", 17: "s:io", 18: "s:iisno", 19: "s:s"}
MOST_FIELDS = 12
LIMITS = "max_frame_bytes max_content_bytes max_string_bytes max_array_items max_map_items max_requests"
LIMITS += " max_request_bytes max_page_items window_frames window_bytes"


class Fault(Exception):
    """Refused: `args` are the close code, and why."""


def unpack(data: bytes) -> Any:
    """Exactly one value of the strict dialect (SPEC, "Encoding")."""

    def pairs(items: list[tuple[Any, Any]]) -> dict[Any, Any]:
        if len(dict(items)) != len(items) or any(type(key) is not str for key, _ in items):
            raise ValueError("keys")
        return dict(items)

    def check(value: Any, depth: int) -> None:
        kind = type(value)
        if kind in (list, dict):
            if depth > 16:
                raise ValueError("nesting")
            for item in value if kind is list else value.values():
                check(item, depth + 1)
        elif kind not in (int, float, str, bytes, bool, type(None)):
            raise ValueError(f"{kind}")  # extension types, the timestamp among them
        elif (kind is int and abs(value) >= 2**53) or (kind is float and not math.isfinite(value)):
            raise ValueError(f"{value}")

    try:
        value = msgpack.unpackb(data, object_pairs_hook=pairs, max_array_len=8192, max_map_len=256)
        check(value, 1)
    except Exception as error:
        raise Fault(MALFORMED, type(error).__name__) from None  # its repr may hold what was nested too deep
    return value


def split(data: bytes, longest: int = 65536) -> tuple[bytes, bytes] | None:
    """The first body and the rest; None: not all there yet (SPEC, "Framing")."""
    if len(data) < 4:
        return None
    (length,) = struct.unpack_from(">I", data)
    if not 1 <= length <= longest:
        raise Fault(FRAME_TOO_LARGE if length else MALFORMED, f"length {length}")
    return (data[4 : 4 + length], data[4 + length :]) if len(data) >= 4 + length else None


def is_a(value: Any, letter: str) -> bool:
    above = {"n": 0, "p": 1}.get(letter)
    return letter == "o" or (type(value) is KINDS[letter] and (above is None or value >= above))


def all_are(letters: str, values: list[Any]) -> bool:
    return len(values) >= len(letters) and all(map(is_a, values, letters))


def is_pair(letters: str, value: Any) -> bool:
    """The arrays that never grow (SPEC, "What may grow")."""
    return type(value) is list and len(value) == 2 and all_are(letters, value)


def read(body: bytes, by: str, before_welcome: bool = False) -> list[Any]:
    """One frame, checked as far as one can without knowing the session."""
    frame = unpack(body)
    if type(frame) is not list or len(frame) > 3 + MOST_FIELDS or not all_are("nnn", frame):
        raise Fault(MALFORMED, "header")
    (kind, seq, _), fields = frame[:3], frame[3:]
    if kind not in FRAMES:
        raise Fault(MALFORMED, "type")
    senders, letters = FRAMES[kind].split(":")
    if by[0] not in senders or (kind != 5 and (kind < 2) != before_welcome):
        raise Fault(BAD_STATE, "not here, not now")
    well_made = (kind >= 16 or seq == 0) and all_are(letters, fields)
    if well_made and kind == 0:
        versions, features, _, device, _, resume = fields[:6]
        resumes = resume is None or (is_pair("sb", resume) and all(resume))
        well_made = is_pair("ii", versions) and all_are("s" * len(features), features) and device and resumes
    if well_made and kind == 1:
        well_made = all(is_a(limit, "p") for name, limit in fields[9].items() if name in LIMITS.split())
    if not well_made:
        raise Fault(MALFORMED, "fields")
    if (kind == 0 and not fields[0][0] <= 1 <= fields[0][1]) or (kind == 1 and fields[0] != 1):
        raise Fault(VERSION, "version")
    return list(frame)


def filled(value: Any, bound: dict[str, Any], token: Callable[[str, str], str] | None = None) -> Any:
    """JSON of the vectors -> the value that it stands for."""
    if not isinstance(value, dict):
        return [filled(item, bound, token) for item in value] if isinstance(value, list) else value
    name = next(iter(value), "")
    if name == "$token" and token is not None:
        return token(*value[name])
    if name == "$pack":
        return msgpack.packb(filled(value[name], bound))
    if name in ("hex", "$ref"):
        return bytes.fromhex(value[name]) if name == "hex" else bound[value[name]]
    return {key: filled(item, bound, token) for key, item in value.items()}


def fits(got: Any, wanted: Any, bound: dict[str, Any]) -> bool:
    """Does the value fit the pattern? An array may have more items than its pattern, a map more keys; a $list has as many."""
    if isinstance(wanted, list):
        enough = type(got) is list and len(got) >= len(wanted)
        return enough and all(fits(*pair, bound) for pair in zip(got, wanted, strict=False))
    name = next(iter(wanted), "") if isinstance(wanted, dict) else "literal"
    given: Any = wanted[name] if name.startswith("$") else None
    if name == "$or":
        return any(fits(got, each, bound) for each in given)
    if name == "$list":
        return fits(got, given, bound) and len(got) == len(given)
    if name == "$int":
        return type(got) is int and bool(given[0] <= got <= given[1])
    if name == "$bind":
        return bool(bound.setdefault(given, got) == got)
    if name == "$pack":
        return type(got) is bytes and bool(unpack(got) == filled(given, bound))
    if name in ("$any", "$str"):
        return name == "$any" or type(got) is str
    if name in ("literal", "hex", "$ref"):
        value = filled(wanted, bound)
        return type(got) is type(value) and bool(got == value)
    return type(got) is dict and all(
        key in got and fits(got[key], each, bound) for key, each in wanted.items()
    )


class Player:
    """Plays one transcript: `step` after step, on as many connections as it opens."""

    def __init__(self, address: tuple[str, int], token: Callable[[str, str], str]) -> None:
        self.address, self.token = address, token
        self.sockets: dict[str, Any] = {}
        self.unread: dict[str, bytes] = {}
        self.seq: dict[str, int] = {}  # the last one received; from HELLO's ack on
        self.bound: dict[str, Any] = {}

    def connected(self) -> Any:
        """A new connection, with what a socket has of `sendall`, `recv` and `close`."""
        return socket.create_connection(self.address, 10)

    def frame(self, on: str) -> list[Any] | None:
        """The next frame but a bare ACK, its seq checked; None: the socket has ended."""
        while (found := split(self.unread[on])) is None:
            try:
                data = self.sockets[on].recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                return None
            self.unread[on] += data
        body, self.unread[on] = found
        frame = read(body, "server", before_welcome=unpack(body)[0] == 1)
        if frame[0] == 1 and not frame[8]:
            self.seq[on] = 0
        if frame[0] >= 16:
            self.seq[on] += 1
            assert frame[1] == self.seq[on], f"seq {frame[1]}, not {self.seq[on]}"
        return self.frame(on) if frame[0] == 2 else frame

    def expect(self, on: str, left: list[Any], skip: bool) -> None:
        while left:
            frame = self.frame(on)
            fitting = [p for p in left if frame is not None and fits(frame, p, self.bound)]
            assert fitting or (skip and frame is not None), f"got {frame}, wanted {left}; known: {self.bound}"
            left = [p for p in left if p is not (fitting or [None])[0]]

    def send(self, on: str, step: dict[str, Any]) -> None:
        frames = filled(step.get("send", []), self.bound, self.token)
        data = b"".join(struct.pack(">I", len(b)) + b for b in map(msgpack.packb, frames))
        assert "hex" not in step or bytes.fromhex(step["hex"]) == data, data.hex()
        if frames and frames[0][0] == 0:
            self.seq[on] = frames[0][2]
        with suppress(ConnectionError):  # what is sent after a take-over may find no socket
            self.sockets[on].sendall(data or bytes.fromhex(step["send_hex"]))

    def step(self, step: dict[str, Any]) -> None:
        on = step.get("on") or step.get("connect") or step.get("cut") or ""
        if "connect" in step:
            self.sockets[on], self.unread[on] = self.connected(), b""
        elif "cut" in step:
            self.sockets.pop(on).close()
        elif "send" in step or "send_hex" in step:
            self.send(on, step)
        elif "expect_end" in step:
            assert (frame := self.frame(on)) is None, frame
        else:
            patterns = step.get("expect_any_order") or [step.get("expect") or step["expect_later"]]
            self.expect(on, patterns, skip="expect_later" in step)
