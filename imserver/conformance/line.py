"""One connection as the judge sees it: every frame of the client is read strictly, judged and noted; the judge writes what it
likes, also what no server would."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from imserver.features import FEATURES
from imserver.trace.faults import fault_in_content
from imserver.trace.known import METHODS_BY_NAME, SIGNALS_SAID
from imserver_protocol.errors import MalformedFrame, RemoteError
from imserver_protocol.limits import Limits
from imserver_protocol.session.handshake import read_hello
from imserver_protocol.wire.codec import decode, encode_tail, frame_bytes
from imserver_protocol.wire.frames import HEADER_FIELDS, VERSION, FrameType, Goodbye, Hello
from imserver_protocol.wire.framing import FrameSplitter

from .breach import Breach
from .session import WIDE, Request, Session
from .wires import BadMessage, Wire

HELLO_BYTES: Final = Limits().max_hello_bytes
#: An ack is due after 100 ms (SPEC, section 7). What is above it is the machine's: a judge blames no client for that.
ACK_DUE_S: Final = 0.1
ACK_SLACK_S: Final = 1.9
_CONTROL = {FrameType.ACK, FrameType.PING, FrameType.PONG, FrameType.GOODBYE, FrameType.SIGNAL}
#: `features` of WELCOME that a method or signal belongs to.
OPTIONAL: Final = {
    name: feature.name
    for feature in FEATURES
    for name in (
        *(row.method.name for row in feature.methods),
        *(heard.signal.kind for heard in feature.signals),
    )
}


class Frame(NamedTuple):
    """A frame of the client."""

    type: FrameType
    seq: int
    ack: int
    fields: tuple[Any, ...]


class Line:
    """`play` hears of what comes: `on_hello`, `on_request`, `happened`, `note` and `failed`."""

    def __init__(self, wire: Wire, play: Any) -> None:
        self._wire = wire
        self._play = play
        self._splitter = FrameSplitter(HELLO_BYTES)
        self._limits = Limits()
        self.hello: Hello | None = None
        self.session: Session | None = None
        self.features: tuple[str, ...] = ()
        #: Everything that the client sent here.
        self.frames: list[Frame] = []
        #: Its GOODBYE, and whether its end of the stream, or a reset, was seen.
        self.goodbye: Goodbye | None = None
        self.ended = False
        #: The judge has closed, or broken the rules: what still comes is not judged.
        self.given_up = False
        self._ack_timer: asyncio.TimerHandle | None = None
        #: Acks are not judged by time, for what stops a client from reading also stops it from acking.
        self.patient = False
        self.answers_ping = True

    # -- reading -------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Read to the end."""
        try:
            while data := await self._wire.read():
                if not self.given_up:
                    self._receive(data)
        except BadMessage as bad:
            self._play.failed(Breach(str(bad), "2.2"))
        except Breach as breach:
            self._play.failed(breach)
        except Exception as error:  # a fault of ours must not look like silence
            self._play.failed(Breach(f"the judge failed: {error!r}", "0"))
        finally:
            self.ended = True
            self._stop_timer()
            if self.session is not None and self.session.write == self.write:
                self.session.write = None
            self._play.happened()

    def _receive(self, data: bytes) -> None:
        try:
            bodies = self._splitter.feed(data)
            while True:
                for body in bodies:
                    self._frame(body)
                if not self._splitter.stalled:
                    break
                bodies = self._splitter.feed(b"")
        except MalformedFrame as fault:
            raise Breach(f"no frame: {fault.text}", "4" if self.frames else "3") from None
        except RemoteError as fault:
            raise Breach(fault.text, "3") from None
        self._play.happened()

    def _frame(self, body: bytes) -> None:
        if self.given_up:
            return
        decoded = decode(body, self._limits)
        try:
            kind = FrameType(decoded[0])
        except ValueError:
            raise Breach(f"frame type {decoded[0]}", "5") from None
        frame = Frame(kind, decoded[1], decoded[2], decoded[HEADER_FIELDS:])
        self._play.note(">", kind.name, frame.seq, frame.ack, frame.fields)
        if self.goodbye is not None:
            raise Breach(f"{kind.name} behind its GOODBYE", "14.1")
        self.frames.append(frame)
        if self.session is None:
            self._before_welcome(frame, decoded)
            return
        # A client that does not take WELCOME for one has no session yet whose frames it could ack.
        if kind is not FrameType.GOODBYE or len(self.frames) > 2:
            self.session.take_ack(frame.ack)
        self._judge_timer()
        if kind is FrameType.REQUEST:
            self._request(frame, len(body))
        elif kind in _CONTROL:
            if frame.seq:
                raise Breach(f"{kind.name} with seq {frame.seq}", "5")
            self._control(frame)
        else:
            raise Breach(f"a client sends no {kind.name} here", "5")

    def _before_welcome(self, frame: Frame, decoded: tuple[Any, ...]) -> None:
        if frame.type is FrameType.GOODBYE:
            self._goodbye(frame)
        elif frame.type is not FrameType.HELLO:
            raise Breach(f"{frame.type.name} before WELCOME", "6")
        elif self.hello is not None:
            raise Breach("a second HELLO", "6")
        else:
            if frame.seq:
                raise Breach(f"HELLO with seq {frame.seq}", "5")
            try:
                self.hello = read_hello(decoded)
            except RemoteError as fault:
                raise Breach(fault.text, "6") from None
            self._play.on_hello(self)

    def _control(self, frame: Frame) -> None:
        if frame.type is FrameType.PING:
            if self.answers_ping:
                self.write_frame(FrameType.PONG, 0, frame.fields[0])
        elif frame.type is FrameType.GOODBYE:
            self._goodbye(frame)
        elif frame.type is FrameType.SIGNAL:
            kind = frame.fields[0]
            self._judge_optional(kind)
            shape = SIGNALS_SAID.get(kind)
            if shape is not None:
                _judge_shape(f"SIGNAL {kind}", frame.fields[1:], shape, "19")

    def _goodbye(self, frame: Frame) -> None:
        try:
            self.goodbye = msgspec.convert(frame.fields, Goodbye, builtin_types=(bytes,))
        except msgspec.ValidationError as error:
            raise Breach(f"GOODBYE: {error}", "5") from None
        if self.session is not None:
            self.session.over = True  # whatever a client says goodbye for (SPEC, section 14.1)
        self._stop_timer()

    def _request(self, frame: Frame, size: int) -> None:
        assert self.session is not None
        if len(frame.fields) < 2 or type(frame.fields[0]) is not str or type(frame.fields[1]) is not tuple:
            raise Breach("REQUEST is not [method, params]", "5")
        method, params = frame.fields[:2]
        request = self.session.take_request(frame.seq, method, params, size)
        self._judge_optional(method)
        if method not in METHODS_BY_NAME:
            raise Breach(f"no method {method!r}", "18")
        shape = METHODS_BY_NAME[method].params
        _judge_shape(method, params, shape, "18")
        self._judge_key_and_content(method, dict(zip(shape.__struct_fields__, params, strict=False)))
        self._play.on_request(request)

    def _judge_optional(self, name: str) -> None:
        part = OPTIONAL.get(name)
        if part is not None and part not in self.features:
            raise Breach(f"{name!r} of the part {part!r}, which WELCOME does not name", "18.12")

    def _judge_key_and_content(self, method: str, params: dict[str, Any]) -> None:
        if "key" in params and len(params["key"]) != 16:
            raise Breach(f"{method}: a key of {len(params['key'])} bytes", "9.1")
        content = params.get("content")
        if content is None:
            return
        if len(content) > self._limits.max_content_bytes:
            text = f"{method}: a content of {len(content)} bytes, more than WELCOME's max_content_bytes"
            raise Breach(text, "16")
        if (fault := fault_in_content(content, self._limits)) is not None:
            raise Breach(f"{method}: content, byte {fault.offset}: {fault.text}", "11")

    # -- acks by time --------------------------------------------------------------------------------------------------

    def expect_ack(self) -> None:
        """Payload frames went out: the client has to ack them, by whatever it sends."""
        if self._ack_timer is None and self.session is not None and not self.patient and not self.given_up:
            loop = asyncio.get_running_loop()
            self._ack_timer = loop.call_later(self._ack_within_s, self._ack_late, self.session.sent)

    @property
    def _ack_within_s(self) -> float:
        return ACK_DUE_S + ACK_SLACK_S * float(self._play.leisure)

    def _ack_late(self, seq: int) -> None:
        self._ack_timer = None
        session = self.session
        if session is None or self.ended or self.given_up or self.patient:
            return
        if session.acked < seq:
            self._play.failed(Breach(f"no ack of payload frame {seq} in {self._ack_within_s:.1f} s", "7"))
        elif session.kept:
            self.expect_ack()

    def _judge_timer(self) -> None:
        assert self.session is not None
        if not self.session.kept:
            self._stop_timer()

    def _stop_timer(self) -> None:
        if self._ack_timer is not None:
            self._ack_timer.cancel()
            self._ack_timer = None

    # -- writing -------------------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Bytes as they are."""
        if not self.ended:
            self._play.journal.wrote(data)
            self._wire.write(data)
            self.expect_ack()

    def write_frame(self, type_: int, seq: int, *fields: Any, ack: int | None = None) -> None:
        """A frame as it is told, numbered and acking as it is told."""
        if ack is None:
            ack = self.session.received if self.session is not None else 0
        if self.session is not None:
            self.session.told = max(self.session.told, min(ack, self.session.received))
        self.write(frame_bytes(type_, seq, ack, encode_tail(*fields, limits=WIDE)))

    async def trickle(self, data: bytes, size: int = 1) -> None:
        """Bytes in pieces of `size`, each on its way before the next."""
        for at in range(0, len(data), size):
            self._wire.write(data[at : at + size])
            await asyncio.sleep(0)

    def welcome_bytes(self, session: Session, **says: Any) -> bytes:
        """WELCOME for this session; `says` takes the place of what it would say, `ack` that of the header."""
        token = f"token-{len(session.tokens) + 1}-{session.session_id}".encode()
        told: dict[str, Any] = {
            "version": VERSION,
            "features": list(self._play.features),
            "user_id": self._play.world.user,
            "session_id": session.session_id,
            "resume_token": token,
            "resumed": False,
            "reason": "",
            "store_epoch": self._play.world.epoch,
            "server_time_ms": self._play.world.now_ms,
            "limits": self._play.wire_limits(),
            "place": self._play.world.place,
        }
        ack = says.pop("ack", session.received)
        extra = says.pop("tail", ())
        session.tokens.append(token)
        told |= says
        return frame_bytes(FrameType.WELCOME, 0, ack, encode_tail(*told.values(), *extra, limits=WIDE))

    def welcome(self, session: Session, *, behind: bytes = b"", **says: Any) -> None:
        """Attach the session and say WELCOME, with the frames that are to be sent again (and `behind`) in the same segment."""
        resumed = bool(says.get("resumed", False))
        data = self.welcome_bytes(session, **says)
        self.attach(session)
        again = session.unacked() if resumed else b""
        session.told = max(session.told, session.received)
        self.write(data + again + behind)

    def attach(self, session: Session) -> None:
        self.session = session
        session.write = self.write
        session.limits = self._limits = self._play.limits
        self._splitter.max_frame_bytes = self._limits.max_frame_bytes
        self.features = tuple(self._play.features)

    def say_goodbye(self, code: int, text: str = "scripted", retry_after_ms: int = 0) -> None:
        """GOODBYE, and the end of the socket behind it."""
        self.write_frame(FrameType.GOODBYE, 0, int(code), text, retry_after_ms)
        self.give_up()
        self._wire.close()

    def cut(self) -> None:
        """Pull the cable."""
        self.give_up()
        self._wire.abort()

    def give_up(self) -> None:
        """From here on nothing of this line is judged."""
        self.given_up = True
        self._stop_timer()
        if self.session is not None and self.session.write == self.write:
            self.session.write = None

    # -- what came -----------------------------------------------------------------------------------------------------

    def of(self, kind: FrameType) -> list[Frame]:
        return [frame for frame in self.frames if frame.type is kind]

    def requests(self, method: str) -> list[tuple[Any, ...]]:
        """Params of the requests of a method, in the order in which they came."""
        return [
            frame.fields[1]
            for frame in self.frames
            if frame.type is FrameType.REQUEST and frame.fields[0] == method
        ]


def _judge_shape(what: str, values: tuple[Any, ...], shape: Any, section: str) -> None:
    try:
        msgspec.convert(values, shape, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise Breach(f"{what}: {error}", section) from None


#: What a scenario does with a HELLO instead of the usual; True: it was dealt with.
OnHello = Callable[[Line], bool]
__all__ = ["HELLO_BYTES", "Frame", "Line", "OnHello", "Request"]
