"""Decodes a stream of frames for people who write a client: each frame by name with its fields, and the first fault with the
place where it is and the section of SPEC.md that it breaks.

It judges as a receiver does (SPEC, section 5, in the order of that table), as far as the bytes that it was given allow: a
stream that begins in the middle of a session has no counters to compare with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from imserver_protocol.errors import CloseCode
from imserver_protocol.limits import LENGTH_BYTES, MAX_FRAME_BYTES_CEILING, Limits
from imserver_protocol.wire import frames
from imserver_protocol.wire.codec import decode
from imserver_protocol.wire.frames import FIRST_PAYLOAD_TYPE, HEADER_FIELDS, FrameType

from .faults import Fault, fault_in_content, read_body
from .known import METHODS_BY_NAME, PUSHES_BY_KIND, SIGNALS_SAID, SIGNALS_TOLD

CLIENT: Final = "client"
SERVER: Final = "server"
_OTHER: Final = {CLIENT: SERVER, SERVER: CLIENT}
#: Who may send what; a type without a row is everybody's.
_SENDERS: Final = {
    FrameType.HELLO: CLIENT,
    FrameType.WELCOME: SERVER,
    FrameType.REQUEST: CLIENT,
    FrameType.REPLY: SERVER,
    FrameType.REFUSAL: SERVER,
    FrameType.PUSH: SERVER,
}
_STRUCTS: Final[dict[int, Any]] = {
    FrameType.HELLO: frames.Hello,
    FrameType.WELCOME: frames.Welcome,
    FrameType.ACK: frames.Ack,
    FrameType.PING: frames.Ping,
    FrameType.PONG: frames.Pong,
    FrameType.GOODBYE: frames.Goodbye,
    FrameType.REQUEST: frames.Request,
    FrameType.REPLY: frames.Reply,
    FrameType.REFUSAL: frames.Refusal,
}
#: Sections of SPEC.md where the fields of a type, or what stands in them, are said.
_SECTIONS: Final = {FrameType.HELLO: "6", FrameType.WELCOME: "6", FrameType.GOODBYE: "14.1"}
_PUSHES_AT, _METHODS_AT, _CONTENT_AT = "19", "18", "11"
#: Before WELCOME, whatever a server is configured to (SPEC, section 3).
HELLO_BYTES: Final = Limits().max_hello_bytes


@dataclass(frozen=True, slots=True)
class Decoded:
    """A frame. `offset`: of its length, in what its direction has sent; `sender` "" where the type does not tell and nobody
    said; `fields` by name, those behind the known ones as `+1`, `+2` …"""

    offset: int
    sender: str
    kind: str
    seq: int
    ack: int
    body: bytes
    fields: tuple[tuple[str, Any], ...]
    #: What a REPLY or REFUSAL answers, if the request was decoded before.
    answers: str = ""


@dataclass(frozen=True, slots=True)
class Misfit:
    """The first fault: what a receiver closes, or refuses, with."""

    offset: int
    sender: str
    code: str
    text: str
    section: str


class _Found(Exception):
    def __init__(self, offset: int, code: str, text: str, section: str) -> None:
        super().__init__(text)
        self.offset, self.code, self.text, self.section = offset, code, text, section


@dataclass(slots=True)
class _Direction:
    buffer: bytearray = field(default_factory=bytearray)
    #: Of the buffer's first byte, counted from the first byte that was given.
    offset: int = 0
    frames: int = 0
    #: The last payload seq sent; None: not known, the stream began in the middle.
    seq: int | None = None


class Decoder:
    """Bytes in, frames out. `longest`: the longest body that is allowed, unless a WELCOME says so. `from_start`: the first byte
    is the first of the connection."""

    def __init__(self, longest: int = MAX_FRAME_BYTES_CEILING, *, from_start: bool = False) -> None:
        self._from_start = from_start
        self._limits = Limits(max_frame_bytes=longest, max_content_bytes=min(32768, longest))
        self._directions: dict[str, _Direction] = {}
        #: The senders whose first frame was HELLO or WELCOME.
        self._greeted: set[str] = set()
        self._offered: tuple[Any, ...] | None = None
        self._asked: dict[int, str] = {}
        self._whole = False
        #: Nothing is read behind it.
        self.fault: Misfit | None = None

    def feed(self, data: bytes, sender: str = "") -> list[Decoded]:
        """The frames that are complete now, up to the first fault. `sender` "": as the types of the frames tell."""
        direction = self._directions.setdefault(sender, _Direction())
        direction.buffer += data
        told: list[Decoded] = []
        while self.fault is None:
            try:
                body = self._cut(direction, sender)
                if body is None:
                    break
                told.append(self._decode(body, direction.offset, sender))
            except _Found as found:
                offset = direction.offset + found.offset
                self.fault = Misfit(offset, sender, found.code, found.text, found.section)
                break
            step = LENGTH_BYTES + len(body)
            del direction.buffer[:step]
            direction.offset += step
            direction.frames += 1
        return told

    def end(self) -> None:
        """Nothing follows. What is left of a frame is a fault: the stream was cut there."""
        for sender, direction in self._directions.items():
            left = len(direction.buffer)
            if left and self.fault is None:
                wanted = int.from_bytes(direction.buffer[:LENGTH_BYTES], "big") + LENGTH_BYTES
                of = f" of {wanted}" if left >= LENGTH_BYTES else ""
                text = f"the stream ends within a frame, behind {left}{of} bytes of it"
                self.fault = Misfit(direction.offset, sender, "CUT", text, "3")

    # -- one frame, judged in the order of the table of section 5 ------------------------------------------------------

    def _cut(self, direction: _Direction, sender: str) -> bytes | None:
        if len(direction.buffer) < LENGTH_BYTES:
            return None
        length = int.from_bytes(direction.buffer[:LENGTH_BYTES], "big")
        if length == 0:
            raise _Found(0, CloseCode.MALFORMED.name, "a frame of length 0", "3")
        greeting = self._from_start or CLIENT in self._greeted
        longest = HELLO_BYTES if greeting and SERVER not in self._greeted else self._limits.max_frame_bytes
        if length > longest:
            raise _Found(
                0, CloseCode.FRAME_TOO_LARGE.name, f"a frame of {length} bytes; at most {longest}", "3"
            )
        if len(direction.buffer) - LENGTH_BYTES < length:
            return None
        return bytes(direction.buffer[LENGTH_BYTES : LENGTH_BYTES + length])

    def _decode(self, body: bytes, offset: int, sender: str) -> Decoded:
        starts, fault = read_body(body, self._limits)
        if fault is not None:
            raise _found(fault, LENGTH_BYTES, CloseCode.MALFORMED.name)
        at = [LENGTH_BYTES + start for start in starts] + [LENGTH_BYTES + len(body)]
        frame = decode(body, self._limits)
        type_, seq, ack = frame[:HEADER_FIELDS]
        by = sender or _SENDERS.get(type_, "")
        self._judge_ack(by, ack, at[2])
        try:
            kind = FrameType(type_)
        except ValueError:
            text = f"frame type {type_} is none of this version"
            raise _Found(at[0], CloseCode.MALFORMED.name, text, "5") from None
        self._judge_state(kind, by, len(body))
        self._judge_seq(kind, by, seq, at[1])
        fields = frame[HEADER_FIELDS:]
        names = self._judge_fields(kind, by, fields, at[HEADER_FIELDS:])
        answers = self._note(kind, by, seq, ack, fields)
        if kind is FrameType.REPLY and (method := METHODS_BY_NAME.get(answers)) is not None:
            self._judge_value(method.result, fields[1], at[HEADER_FIELDS + 1], answers)
        extra = [f"+{number}" for number in range(1, len(fields) - len(names) + 1)]
        by_name = tuple(zip((*names, *extra), fields, strict=False))
        return Decoded(offset, by, kind.name, seq, ack, body, by_name, answers)

    def _judge_ack(self, by: str, ack: int, at: int) -> None:
        other = self._directions.get(_OTHER.get(by, ""))
        if self._whole and other is not None and other.seq is not None and ack > other.seq:
            text = f"ack {ack}, but the last seq that was sent is {other.seq}"
            raise _Found(at, CloseCode.ACK_TOO_HIGH.name, text, "7")

    def _judge_state(self, kind: FrameType, by: str, size: int) -> None:
        only = _SENDERS.get(kind)
        bad = CloseCode.BAD_STATE.name
        if only is not None and by != only:
            raise _Found(0, bad, f"{kind.name} is sent by the {only} alone", "5")
        first = self._directions.get(by, self._directions.get("", _Direction())).frames == 0
        hello = kind in (FrameType.HELLO, FrameType.WELCOME)
        if hello and by in self._greeted:
            raise _Found(0, bad, f"a second {kind.name}", "5")
        if hello and size > HELLO_BYTES:
            raise _Found(0, CloseCode.FRAME_TOO_LARGE.name, f"{kind.name} fits into {HELLO_BYTES} bytes", "6")
        early = (self._from_start or CLIENT in self._greeted) and SERVER not in self._greeted
        if early and not hello and kind is not FrameType.GOODBYE:
            raise _Found(0, bad, f"{kind.name} before WELCOME", "6")
        if hello and (first or self._greeted):
            self._greeted.add(by)

    def _judge_seq(self, kind: FrameType, by: str, seq: int, at: int) -> None:
        if kind < FIRST_PAYLOAD_TYPE:
            if seq:
                raise _Found(
                    at,
                    CloseCode.MALFORMED.name,
                    f"{kind.name} with seq {seq}; of control frames it is 0",
                    "5",
                )
            return
        direction = self._directions.setdefault(by, _Direction())
        if direction.seq is not None and seq != direction.seq + 1:
            raise _Found(at, CloseCode.SEQ_ORDER.name, f"seq {seq}, expected {direction.seq + 1}", "7")
        direction.seq = seq

    def _judge_fields(
        self, kind: FrameType, by: str, fields: tuple[Any, ...], at: list[int]
    ) -> Sequence[str]:
        section = _SECTIONS.get(kind, "5")
        if kind in (FrameType.PUSH, FrameType.SIGNAL):
            if not fields or type(fields[0]) is not str:
                raise _Found(at[0], CloseCode.MALFORMED.name, f"{kind.name} has no kind", section)
            shapes = (
                PUSHES_BY_KIND if kind is FrameType.PUSH else SIGNALS_TOLD if by == SERVER else SIGNALS_SAID
            )
            shape = shapes.get(fields[0])
            if shape is None:
                return ("kind",)
            self._judge_shape(shape, fields[1:], at[1:], f"{kind.name} {fields[0]}", _PUSHES_AT)
            return ("kind", *shape.__struct_fields__)
        struct = _STRUCTS[kind]
        if kind is FrameType.HELLO:
            fields = fields[:6]  # the last field of the struct is the header's ack
        self._judge_shape(struct, fields, at, kind.name, section)
        if kind is FrameType.REQUEST and (method := METHODS_BY_NAME.get(fields[0])) is not None:
            self._judge_value(method.params, fields[1], at[1], fields[0], code="INVALID")
        names: tuple[str, ...] = struct.__struct_fields__
        return names[:-1] if kind is FrameType.HELLO else names

    def _judge_shape(
        self, shape: Any, fields: Sequence[Any], at: Sequence[int], what: str, section: str
    ) -> None:
        """Each field by position: missing, or not what it has to be."""
        for number, known in enumerate(msgspec.structs.fields(shape)):
            if number >= len(fields):
                if known.required:
                    where = at[min(number, len(at) - 1)]
                    raise _Found(where, CloseCode.MALFORMED.name, f"{what} has no {known.name}", section)
                return
            wrong = _wrong(fields[number], known.type)
            if wrong:
                raise _Found(at[number], CloseCode.MALFORMED.name, f"{what}, {known.name}: {wrong}", section)
            if (
                known.name == "content"
                and (fault := fault_in_content(fields[number], self._limits)) is not None
            ):
                raise _Found(
                    at[number],
                    "INVALID",
                    f"{what}, content, byte {fault.offset}: {fault.text}",
                    fault.section,
                )

    def _judge_value(self, shape: Any, value: Any, at: int, method: str, code: str = "MALFORMED") -> None:
        """The params, or the result, of a method, as one value."""
        if wrong := _wrong(value, shape):
            raise _Found(at, code, f"{method}: {wrong}", _METHODS_AT)
        names = getattr(shape, "__struct_fields__", ())
        place = names.index("content") if "content" in names else len(value)
        if place >= len(value):
            return
        if (fault := fault_in_content(value[place], self._limits)) is not None:
            raise _Found(at, code, f"{method}, content, byte {fault.offset}: {fault.text}", fault.section)

    # -- what the stream tells of itself -------------------------------------------------------------------------------

    def _note(self, kind: FrameType, by: str, seq: int, ack: int, fields: tuple[Any, ...]) -> str:
        """Remember what later frames are judged by. Returns the method that is answered."""
        if kind is FrameType.HELLO:
            self._offered = fields[5]
        elif kind is FrameType.WELCOME:
            self._welcomed(ack, fields)
        elif kind is FrameType.REQUEST:
            self._asked[seq] = fields[0]
        elif kind in (FrameType.REPLY, FrameType.REFUSAL):
            if self._whole and fields[0] not in self._asked:
                text = f"{kind.name} to request {fields[0]}, which is not open"
                raise _Found(0, CloseCode.BAD_STATE.name, text, "5")
            return self._asked.pop(fields[0], "")
        return ""

    def _welcomed(self, ack: int, fields: tuple[Any, ...]) -> None:
        welcome = msgspec.convert(fields, frames.Welcome, builtin_types=(bytes,))
        offered = self._offered[0] if self._offered is not None else None
        if welcome.resumed and CLIENT in self._greeted and welcome.session_id != offered:
            text = "WELCOME resumes a session that HELLO did not offer"
            raise _Found(0, CloseCode.BAD_STATE.name, text, "6")
        if ack and not welcome.resumed:
            raise _Found(0, CloseCode.ACK_TOO_HIGH.name, f"WELCOME of a fresh session with ack {ack}", "6")
        try:
            self._limits = self._limits.from_wire(welcome.limits)
        except ValueError as error:
            raise _Found(0, CloseCode.MALFORMED.name, f"WELCOME: {error}", "16") from None
        if CLIENT in self._greeted and not welcome.resumed:
            self._whole = True
            for name in (CLIENT, SERVER):
                self._directions.setdefault(name, _Direction()).seq = 0


def _found(fault: Fault, base: int, code: str) -> _Found:
    return _Found(base + fault.offset, code, fault.text, fault.section)


def _wrong(value: Any, shape: Any) -> str:
    """Why the value is not what it has to be; "" if it is."""
    try:
        msgspec.convert(value, shape, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        return str(error)
    return ""
