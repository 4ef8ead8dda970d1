"""Explains the frames of one connection: bytes of both directions in, a line for each frame out.

It never fails: what it cannot read, it says so. It keeps an unfinished frame of each direction and the requests that wait for
an answer, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from imserver.clock import Clock
from imserver.net.proxy_protocol import BadHeader, read_header
from imserver_protocol.errors import CloseCode, MalformedFrame, RefusalCode, RemoteError
from imserver_protocol.limits import MAX_FRAME_BYTES_CEILING, Limits
from imserver_protocol.wire import frames
from imserver_protocol.wire.codec import decode
from imserver_protocol.wire.frames import HEADER_FIELDS, FrameType
from imserver_protocol.wire.framing import FrameSplitter

from .known import METHODS_BY_NAME, PUSHES_BY_KIND, SIGNALS_SAID, SIGNALS_TOLD
from .shown import Names, fields, length, names_of, row_names_of, value, word

#: Whatever the server's configuration allows, and the codec's other limits with it.
LIMITS = Limits(
    max_frame_bytes=MAX_FRAME_BYTES_CEILING,
    max_content_bytes=MAX_FRAME_BYTES_CEILING,
    max_string_bytes=MAX_FRAME_BYTES_CEILING,
)
#: So many bytes of a frame take as long as one more small frame.
COST_BYTES = 1024
#: Requests that wait for their answer, to name them in it; a session has at most 256 in flight unless configured otherwise.
MAX_ASKED = 1024
UP, DOWN = "→", "←"
#: The first bytes of a TLS handshake, which is no frame.
_TLS = b"\x16\x03"
#: A name of a method or kind; a peer may send anything in its place.
_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,39}")

_HELLO: Names = frames.Hello.__struct_fields__[:-1]  # the last one is the header's ack
_WELCOME: Names = frames.Welcome.__struct_fields__
_GOODBYE: Names = frames.Goodbye.__struct_fields__[1:]
_REFUSAL: Names = frames.Refusal.__struct_fields__[2:]


def cost(size: int) -> int:
    """What it takes to explain a frame of so many bytes, in small frames (10 to 20 microseconds)."""
    return 1 + size // COST_BYTES


class Line(NamedTuple):
    """What happened on a connection. `kind` is a frame's type; without one, it is about the connection itself."""

    at_ms: int
    connection: int
    arrow: str
    kind: str
    seq: int
    ack: int
    size: int
    text: str


class _Direction:
    """One direction of a connection."""

    def __init__(self) -> None:
        self.splitter = FrameSplitter(LIMITS.max_frame_bytes)
        self.frames = 0
        self.bytes = 0
        #: Where a frame begins is not known any more: the rest is only counted.
        self.lost = False
        #: The beginning, as long as it may be a PROXY header; None behind that.
        self.head: bytes | None = b""


class Explainer:
    """The frames of one connection. `contents`: also show what people said."""

    def __init__(self, connection: int, clock: Clock, *, contents: bool = False) -> None:
        self._connection = connection
        self._clock = clock
        self._contents = contents
        self._directions = {True: _Direction(), False: _Direction()}
        #: Frames that were only counted.
        self.unexplained = 0
        #: Requests without an answer: seq -> method, and when it was asked.
        self._asked: dict[int, tuple[str, float]] = {}
        self._kinds: dict[int, Callable[[int, tuple[Any, ...], bool], str]] = {
            FrameType.HELLO: self._hello,
            FrameType.WELCOME: self._welcome,
            FrameType.GOODBYE: self._goodbye,
            FrameType.SIGNAL: self._signal,
            FrameType.REQUEST: self._request,
            FrameType.REPLY: self._reply,
            FrameType.REFUSAL: self._refusal,
            FrameType.PUSH: self._push,
        }

    @property
    def waiting_count(self) -> int:
        """Requests without an answer that are remembered."""
        return len(self._asked)

    def note(self, text: str) -> Line:
        """A line about the connection itself."""
        return Line(self._clock.now_ms(), self._connection, "", "", 0, 0, 0, text)

    def begin_within(self, unfinished: bytes) -> None:
        """The client has sent this of a frame whose rest is still to come, and whatever came before nobody has seen."""
        direction = self._directions[True]
        direction.head = None
        direction.splitter.feed(unfinished)

    def read(self, data: bytes, *, up: bool, most: int | None = None) -> list[Line]:
        """Lines for the frames that these bytes complete. Above a `cost` of `most`, frames are only counted. `up`: from the
        client to the server."""
        direction = self._directions[up]
        begins = direction.bytes == 0
        direction.bytes += len(data)
        if direction.lost:
            return []
        told: list[Line] = []
        if up and direction.head is not None:
            told, data = self._behind_header(direction, direction.head + data)
        splitter = direction.splitter
        try:
            bodies = splitter.feed(data)
            while bodies:
                direction.frames += len(bodies)
                for body in bodies:
                    if most is not None:
                        if most <= 0:
                            self.unexplained += 1
                            continue
                        most -= cost(len(body))
                    told.append(self._explain(body, up=up))
                bodies = splitter.feed(b"") if splitter.stalled else []
        except RemoteError as fault:
            direction.lost = True
            splitter.clear()
            tls = (
                " (this looks like TLS, which is passed on and not read)"
                if begins and data.startswith(_TLS)
                else ""
            )
            told.append(
                self._line(
                    up, "?", text=f"not a frame: {fault}{tls}; the rest of this direction is passed on unread"
                )
            )
        return told

    def _behind_header(self, direction: _Direction, data: bytes) -> tuple[list[Line], bytes]:
        """A proxy in front names the client before the first frame: a line for that, and what follows."""
        direction.head = None
        try:
            header = read_header(data)
        except BadHeader:
            return [], data
        if header is None:
            direction.head = data
            return [], b""
        named = f"the client is {header.source}" if header.source else "the proxy speaks for itself"
        return [self.note(f"PROXY header, {header.length} B: {named}")], data[header.length :]

    def sums(self) -> str:
        """How much went over in each direction."""
        return "; ".join(
            f"{arrow} {direction.frames} frames, {direction.bytes} B"
            for arrow, direction in ((UP, self._directions[True]), (DOWN, self._directions[False]))
        )

    # -- a frame ------------------------------------------------------------------------------------------------------

    def _line(self, up: bool, kind: str, seq: int = 0, ack: int = 0, size: int = 0, text: str = "") -> Line:
        return Line(self._clock.now_ms(), self._connection, UP if up else DOWN, kind, seq, ack, size, text)

    def _explain(self, body: bytes, *, up: bool) -> Line:
        try:
            frame = decode(body, LIMITS)
        except MalformedFrame as fault:
            return self._line(up, "?", size=len(body), text=f"not a frame: {fault}")
        type_, seq, ack = frame[:HEADER_FIELDS]
        behind = frame[HEADER_FIELDS:]
        try:
            kind = FrameType(type_).name
        except ValueError:
            return self._line(up, f"type {type_}", seq, ack, len(body), f"unknown, {len(behind)} fields")
        explain = self._kinds.get(type_)
        try:
            text = explain(seq, behind, up) if explain is not None else self._fields(("nonce",), behind)
        except (LookupError, TypeError, ValueError):
            text = f"not shaped as a {kind}: {len(behind)} fields"
        return self._line(up, kind, seq, ack, len(body), text)

    def _fields(self, names: Names, values: Any, shapes: Any = None) -> str:
        return fields(names, values, contents=self._contents, shapes=shapes)

    def _shaped(self, shape: Any, values: tuple[Any, ...]) -> str:
        """The values of a shape; of an unknown one, which may hold anything, how many."""
        if shape is None:
            return f"{len(values)} fields"
        names, inner = names_of(shape)
        return self._fields(names, values, inner)

    def _hello(self, seq: int, behind: tuple[Any, ...], up: bool) -> str:
        return self._fields(_HELLO, behind)

    def _welcome(self, seq: int, behind: tuple[Any, ...], up: bool) -> str:
        return self._fields(_WELCOME, behind)

    def _goodbye(self, seq: int, behind: tuple[Any, ...], up: bool) -> str:
        # What a server says here is a sentence of its own.
        told = fields(_GOODBYE, behind[1:], contents=self._contents or not up)
        return f"{_code(CloseCode, behind[0])} {told}"

    def _signal(self, seq: int, behind: tuple[Any, ...], up: bool) -> str:
        return f"{_name(behind[0])} {self._shaped((SIGNALS_SAID if up else SIGNALS_TOLD).get(behind[0]), behind[1:])}"

    def _push(self, seq: int, behind: tuple[Any, ...], up: bool) -> str:
        return f"{_name(behind[0])} {self._shaped(PUSHES_BY_KIND.get(behind[0]), behind[1:])}"

    def _request(self, seq: int, behind: tuple[Any, ...], up: bool) -> str:
        name, params = behind[0], behind[1]
        while len(self._asked) >= MAX_ASKED:
            del self._asked[next(iter(self._asked))]
        self._asked[seq] = name, self._clock.monotonic()
        if not isinstance(params, tuple):
            return f"{_name(name)} {length(params)}"
        method = METHODS_BY_NAME.get(name)
        return f"{_name(name)} {self._shaped(method.params if method else None, params)}"

    def _reply(self, seq: int, behind: tuple[Any, ...], up: bool) -> str:
        result = behind[1]
        name, told = self._answers(behind[0])
        method = METHODS_BY_NAME.get(name)
        if method is None:
            return f"{told} {value('', result, contents=False)}"
        rows = row_names_of(method.result)
        if rows is None and isinstance(result, tuple):
            return f"{told} {self._shaped(method.result, result)}"
        return f"{told} {value('', result, contents=self._contents, inner=rows)}"

    def _refusal(self, seq: int, behind: tuple[Any, ...], up: bool) -> str:
        code = behind[1]
        name, told = self._answers(behind[0])
        method = METHODS_BY_NAME.get(name)
        of_params = method.params.__struct_fields__ if method else ()
        detail = behind[4] if len(behind) > 4 else None
        if isinstance(detail, str) and detail in of_params:  # which parameter was wrong
            return (
                f"{told} {_code(RefusalCode, code)} {self._fields(_REFUSAL[:2], behind[2:4])} detail={detail}"
            )
        return f"{told} {_code(RefusalCode, code)} {self._fields(_REFUSAL, behind[2:])}"

    def _answers(self, seq: Any) -> tuple[str, str]:
        """The method of the request that is answered, and what to say of it."""
        if type(seq) is not int:
            raise TypeError
        name, asked_at = self._asked.pop(seq, ("", 0.0))
        if not name:
            return "", f"to {seq}"  # asked on an earlier connection of the session
        return name, f"to {seq} {_name(name)} ({(self._clock.monotonic() - asked_at) * 1000:.1f} ms)"


def _name(name: Any) -> str:
    """The name of a method or kind, unless something else stands in its place."""
    return name if isinstance(name, str) and _NAME.fullmatch(name) else f"(no name: {length(name)})"


def _code(codes: Any, code: Any) -> str:
    try:
        return f"{code} {codes(code).name}"
    except ValueError:
        return word(str(code)) if isinstance(code, int) else "(no code)"
