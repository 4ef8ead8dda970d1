"""One connection: bytes and `now` go in; bytes, events and one deadline come out. It dies with its socket.

After any call the adapter does one thing: write what `data_to_send` has, re-arm one timer for `deadline`,
hand over `events`. Feeding bytes never raises for the peer's fault: the connection closes and reports
`Closed`. Misuse by our own caller raises a LocalError at the call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from imserver_protocol.errors import CloseCode, LocalError, MalformedFrame, RemoteError, WrongState
from imserver_protocol.limits import Limits
from imserver_protocol.wire.codec import decode, encode_tail
from imserver_protocol.wire.frames import VERSION, FrameType, Hello, Welcome
from imserver_protocol.wire.framing import FrameSplitter

from . import handshake
from .events import Closed, Event, HelloReceived, LaggingEnded, SignalReceived, WelcomeReceived
from .liveness import Liveness
from .payload import TAKERS
from .posts import PostReader, leave_all, post_reader
from .session import Session
from .states import (
    CONNECTION_ROWS,
    FRAME_INPUTS,
    ConnectionInput,
    ConnectionState,
    Recorder,
    SessionState,
    Side,
    session_is_over,
)
from .transmit import Transmitter

_AWAITING_HELLO: Final = ConnectionState.AWAITING_HELLO
_AWAITING_WELCOME: Final = ConnectionState.AWAITING_WELCOME
_OPEN: Final = ConnectionState.OPEN
_CLOSING: Final = ConnectionState.CLOSING
#: After these codes no queued frame goes out before GOODBYE: the peer does not read, and the session keeps
#: them.
_NOT_FLUSHED: Final = frozenset({CloseCode.IDLE, CloseCode.SLOW})


class Connection:
    """The protocol's state for one socket.

    `limits` are our own; a client takes the server's over at WELCOME. `typed_posts`: a server gets posts as
    `PostReceived` where the fast reader can read them, otherwise as `RequestReceived` like any other request.
    """

    def __init__(
        self,
        side: Side,
        limits: Limits,
        now: float,
        *,
        recorder: Recorder | None = None,
        typed_posts: bool = False,
    ) -> None:
        self.side = side
        self.limits = limits
        self.state = _AWAITING_HELLO
        #: The session that this connection speaks for: from WELCOME on, and still after the end.
        self.session: Session | None = None
        #: This connection's number in the session's attachments; a higher one there displaces it.
        self.generation = 0
        #: When the socket was opened: an older connection never takes a session from a newer one.
        self.opened_at = now
        self._now = now
        self._since = now  # of the present state, for its time-out
        self._rows = CONNECTION_ROWS[_AWAITING_HELLO]
        self._splitter = FrameSplitter(limits.max_hello_bytes)
        self._liveness = Liveness(side, limits, now)
        self._events: list[Event] = []
        self._out = Transmitter(limits.max_signals_pending)
        self._hello: Hello | None = None  # server: the HELLO received
        self._offered: Session | None = None  # client: the session that HELLO asked to resume
        self._device_id = ""
        self._token_unconfirmed = False
        self._recorder = recorder
        self._takers = TAKERS[side]  # payload frames that this side may receive, once OPEN
        self._read_post: PostReader = post_reader(limits) if typed_posts else leave_all
        self._handlers = _HANDLERS[side]  # control frames that this side may receive

    # -- input --------------------------------------------------------------------------------------

    def receive_data(self, data: bytes | bytearray | memoryview, now: float) -> None:
        """Process bytes from the socket, cut anywhere. Never raises for the peer's fault."""
        self._now = now
        if self.state >= _CLOSING or not data:
            return
        self._liveness.heard(now)
        splitter = self._splitter
        try:
            bodies = splitter.feed(data)
            self._receive_frames(bodies)
            while splitter.stalled and self.state < _CLOSING:
                self._receive_frames(splitter.feed(b""))
        except RemoteError as error:
            self._finish(ConnectionInput.GOODBYE_SENT, error.code, error.text)

    def _receive_frames(self, bodies: list[bytes]) -> None:
        for index, body in enumerate(bodies):
            if self.state is _OPEN:
                self._receive_open(bodies[index:])
                return
            if self.state >= _CLOSING:
                return
            self._receive_control(decode(body, self.limits))

    def _receive_open(self, bodies: list[bytes]) -> None:
        """The hot path: no object but the event, and the accounts of acks settled once for all frames.

        A post is its own event (benchmark "throughput").
        """
        session = self.session
        assert session is not None
        limits, takers, append, recorder = self.limits, self._takers, self._events.append, self._recorder
        queue, receive, read_post = session.queue, session.receive, self._read_post
        seq = first = receive.seq
        total = 0
        frame: tuple[Any, ...] = ()
        if self._token_unconfirmed:
            self._token_unconfirmed = False
            session.confirm_token()
        try:
            for body in bodies:
                post = read_post(body)
                if post is not None:
                    number, ack, take = post.seq, post.ack, None
                else:
                    frame = decode(body, limits)
                    number, ack, take = frame[1], frame[2], takers.get(frame[0])
                # The ack before the payload of the same frame: it may free the room that the payload takes.
                if ack > queue.acked_seq and session.receive_ack(ack):
                    append(LaggingEnded())
                if post is None and take is None:
                    self._receive_control(frame)
                    if self.state is not _OPEN:
                        return
                    continue
                if number != seq + 1:
                    raise RemoteError(CloseCode.SEQ_ORDER, f"seq {number}, expected {seq + 1}")
                if recorder is not None:
                    recorder(_OPEN, ConnectionInput.PAYLOAD)
                size = len(body)
                if take is not None:
                    append(take(session, frame, size))
                elif post is not None:
                    session.open_request(number, size)
                    append(post)
                seq = number
                total += size
        finally:
            if seq != first:
                receive.took(seq - first, total, self._now)

    def _receive_control(self, frame: tuple[Any, ...]) -> None:
        """Process any frame but a payload frame that is allowed here."""
        type_ = frame[0]
        given = FRAME_INPUTS.get(type_)
        if given is None:
            raise MalformedFrame(f"unknown frame type {type_}")
        handler = self._handlers.get(type_)
        if handler is None or given not in self._rows:
            raise RemoteError(CloseCode.BAD_STATE, f"{FrameType(type_).name} in state {self.state.name}")
        if frame[1] != 0:
            raise MalformedFrame("a control frame with a seq")
        if self._recorder is not None and given is ConnectionInput.CONTROL:
            self._recorder(self.state, given)
        handler(self, frame)

    def receive_eof(self, now: float) -> None:
        """The socket ended, by end of file, reset or our own abort. The session, if any, is detached."""
        self._now = now
        if self.state is _CLOSING:
            self._step(ConnectionInput.LOST)
        elif self.state < _CLOSING:
            self._finish(ConnectionInput.LOST, CloseCode.LOST, "connection lost")

    def on_time(self, now: float) -> None:
        """Do what is due. Call at `deadline`, or at any other time."""
        self._now = now
        if self.state is _OPEN:
            session = self.session
            assert session is not None
            ack_at = session.receive.due_at
            if ack_at is not None and now >= ack_at:
                session.receive.now_due = True
            self._check_peer(now)
            return
        due = self._handshake_deadline()
        if due is None or now < due:
            return
        if self.state is _CLOSING:
            self._step(ConnectionInput.LOST)
        elif self.side is Side.SERVER:
            self._finish(ConnectionInput.GOODBYE_SENT, CloseCode.AUTH_TIMEOUT, "too slow")
        else:
            self._finish(ConnectionInput.LOST, CloseCode.LOST, "no WELCOME")

    def _check_peer(self, now: float) -> None:
        liveness = self._liveness
        dead_at, ping_at = liveness.dead_at, liveness.ping_at
        if dead_at is not None and now >= dead_at:
            if self.side is Side.SERVER:
                self._finish(ConnectionInput.GOODBYE_SENT, CloseCode.IDLE, "silent for too long")
            else:
                self._finish(ConnectionInput.LOST, CloseCode.LOST, "no answer to PING")
        elif ping_at is not None and now >= ping_at:
            self._out.ping = liveness.ping(now)

    @property
    def deadline(self) -> float | None:
        """When `on_time` has something to do, in monotonic seconds; None if never."""
        if self.state is not _OPEN:
            return self._handshake_deadline()
        session, liveness = self.session, self._liveness
        assert session is not None
        ping_at, dead_at = liveness.ping_at, liveness.dead_at
        earliest = ping_at if ping_at is not None else dead_at
        assert earliest is not None
        # An ACK that is due already waits for `data_to_send`, not for time: the socket may block it for long.
        ack_at = None if session.receive.now_due else session.receive.due_at
        return ack_at if ack_at is not None and ack_at < earliest else earliest

    @property
    def near_deadline(self) -> float | None:
        """`deadline` without liveness, whose deadlines are far away whenever bytes have just arrived."""
        if self.state is not _OPEN:
            return self._handshake_deadline()
        session = self.session
        assert session is not None
        return None if session.receive.now_due else session.receive.due_at

    def _handshake_deadline(self) -> float | None:
        limits, server = self.limits, self.side is Side.SERVER
        if self.state is _AWAITING_HELLO:
            return self._since + limits.hello_timeout_s if server else None
        if self.state is _AWAITING_WELCOME:
            return self._since + (limits.server_dead_after_s if server else limits.welcome_timeout_s)
        if self.state is _CLOSING:
            return self._since + limits.close_timeout_s
        return None

    # -- output -------------------------------------------------------------------------------------

    def events(self) -> list[Event]:
        """The events since the last call, in order."""
        events = self._events
        if events:
            self._events = []
        return events

    @property
    def has_data_to_send(self) -> bool:
        """Whether `data_to_send` would return bytes; apart from an ACK that falls due by time."""
        out, session = self._out, self.session
        return bool(out.frames) or (self.state is _OPEN and session is not None and out.has_pending(session))

    @property
    def unfinished(self) -> bytes:
        """What has come of a frame that is not whole, for whoever begins to look at the stream here."""
        return self._splitter.unfinished

    def data_to_send(self, now: float) -> bytes:
        """All bytes to write now, joined once; b"" if there are none. They count as transmitted."""
        self._now = now
        out = self._out
        if self.state is _OPEN:
            session = self.session
            assert session is not None
            out.append_open(session, now)
        return out.take() if out.frames else b""

    def signal(self, kind: str, *fields: Any) -> bool:
        """Queue an ephemeral frame.

        False: dropped, because the connection is not open or too many are pending.
        """
        tail = encode_tail(kind, *fields, limits=self.limits)
        return self.state is _OPEN and self._out.append_signal(tail)

    # -- the handshake -----------------------------------------------------------------------------

    def hello(
        self,
        token: str,
        device_id: str,
        client_info: dict[str, Any],
        session: Session | None = None,
        features: Iterable[str] = (),
    ) -> None:
        """Client: say HELLO, offering `session` to be resumed.

        Any other connection that still holds it is displaced: it ignores further bytes.
        Raises EncodeError (also above 4 KiB) or WrongState.
        """
        if self.side is not Side.CLIENT:
            raise WrongState("only a client says HELLO")
        self._require(ConnectionInput.HELLO)
        tail = handshake.hello_tail(
            token=token,
            device_id=device_id,
            client_info=client_info,
            features=tuple(features),
            session=session,
            limits=self.limits,
        )
        ack = 0
        if session is not None:
            # From here on our ack stands in HELLO: an older connection must not take over one frame more.
            session.hold(self, self._now)
            ack = session.recv_seq
        self._offered = session
        self._device_id = device_id
        self._step(ConnectionInput.HELLO)
        self._out.append(FrameType.HELLO, ack, tail)

    def welcome(
        self,
        session: Session,
        *,
        resumed: bool,
        resume_token: bytes,
        store_epoch: str,
        place: str,
        server_time_ms: int,
        now: float,
        reason: str = "",
        features: Iterable[str] = (),
    ) -> None:
        """Server: the answer to HELLO.

        Attaches the session; a connection that still holds it gets GOODBYE REPLACED. `resumed` only after
        `handshake.resume_refusal` returned None. Raises WrongState or EncodeError.
        """
        self._now = now
        if self.side is not Side.SERVER or self._hello is None:
            raise WrongState("WELCOME answers HELLO")
        self._require(ConnectionInput.WELCOME)
        hello = self._hello
        welcome = Welcome(
            VERSION,
            tuple(features),
            session.user_id,
            session.session_id,
            resume_token,
            resumed,
            reason,
            store_epoch,
            server_time_ms,
            session.limits.to_wire(),
            place,
        )
        tail = handshake.welcome_tail(welcome, self.limits)
        lagging_ended = session.attach(self, hello.ack if resumed else 0, now)
        session.rotate_token(resume_token, hello.resume[1] if resumed and hello.resume else None)
        self._open(session, session.limits)
        self._token_unconfirmed = True
        self._out.append(FrameType.WELCOME, session.recv_seq, tail)
        if lagging_ended:
            self._events.append(LaggingEnded())

    def _open(self, session: Session, limits: Limits) -> None:
        self.session = session
        self.generation = session.generation
        self.limits = limits
        self._hello = self._offered = None
        self._splitter.max_frame_bytes = limits.max_frame_bytes
        self._step(ConnectionInput.WELCOME)

    # -- the end -----------------------------------------------------------------------------------

    def close(
        self, code: int = CloseCode.OK, text: str = "", retry_after_ms: int = 0, now: float | None = None
    ) -> None:
        """Say GOODBYE as the last frame, after every payload frame that is queued. Closing twice is allowed.

        Whether the session is over follows from the code and the sending side (`states.session_is_over`).
        """
        if code < 1:
            raise LocalError("GOODBYE needs a code above 0")
        if now is not None:
            self._now = now
        if self.state < _CLOSING:
            self._finish(
                ConnectionInput.GOODBYE_SENT, code, text, retry_after_ms, flush=code not in _NOT_FLUSHED
            )

    def displaced(self, now: float, session_over: bool) -> None:
        """Another connection took the session over, or it was ended: ignore everything from now on (invariant 9)."""
        self._now = now
        text = "replaced by a newer connection"
        if self.side is Side.SERVER:
            self._append_goodbye(CloseCode.REPLACED, text, 0, 0)
            self._step(ConnectionInput.GOODBYE_SENT)
            self._report_closed(CloseCode.REPLACED, text, 0, False, session_over)
            return
        # A client that reconnects has given the old socket up; it sends nothing more on it.
        self._step(ConnectionInput.LOST)
        if self.session is not None and self.session.state is SessionState.ATTACHED:
            self.session.detach(now)
        self._report_closed(CloseCode.LOST, text, 0, False, session_over)

    def _finish(
        self,
        given: ConnectionInput,
        code: int,
        text: str,
        retry_after_ms: int = 0,
        *,
        flush: bool = False,
    ) -> None:
        """Close the connection; every end but take-over comes here."""
        session = self.session if self.session is not None else self._offered
        welcomed = self.session is not None
        if given is ConnectionInput.GOODBYE_SENT:
            ack = session.recv_seq if session is not None and welcomed else 0
            if flush and self.state is _OPEN and session is not None:
                self._out.append_open(session, self._now)
            self._append_goodbye(code, text, retry_after_ms, ack)
        by_peer = given is ConnectionInput.GOODBYE_RECEIVED
        by_client = by_peer is (self.side is Side.SERVER)
        over = session is None or session_is_over(code, by_client=by_client, welcomed=welcomed)
        self._step(given)
        if session is not None and session.is_held_by(self):
            session.release(self)
            if over:
                session.end(self._now)
            elif welcomed:
                session.detach(self._now)
        self._report_closed(code, text, retry_after_ms, by_peer, over)

    def _append_goodbye(self, code: int, text: str, retry_after_ms: int, ack: int) -> None:
        self._out.append(FrameType.GOODBYE, ack, handshake.goodbye_tail(code, text, retry_after_ms))

    def _report_closed(self, code: int, text: str, retry_after_ms: int, by_peer: bool, over: bool) -> None:
        self._out.drop_pending()
        self._events.append(Closed(code, text, retry_after_ms, by_peer, over))

    def _require(self, given: ConnectionInput) -> None:
        if given not in self._rows:
            raise WrongState(f"{given.name} does not fit a connection that is {self.state.name}")

    def _step(self, given: ConnectionInput) -> None:
        self._require(given)
        if self._recorder is not None:
            self._recorder(self.state, given)
        self.state = self._rows[given]
        self._rows = CONNECTION_ROWS[self.state]
        self._since = self._now
        if self.state >= _CLOSING:
            self._splitter.clear()  # a socket may take its time to end
        if self.state is ConnectionState.CLOSED:
            self._out.clear()

    # -- handlers, one for each frame type that this side may receive ------------------------------

    def _on_hello(self, frame: tuple[Any, ...]) -> None:
        hello = handshake.read_hello(frame)
        self._hello = hello
        self._step(ConnectionInput.HELLO)
        self._events.append(HelloReceived(hello))

    def _on_welcome(self, frame: tuple[Any, ...]) -> None:
        offered = self._offered
        welcome, limits = handshake.read_welcome(frame, offered, self.limits)
        if welcome.resumed and offered is not None:
            session = offered
            session.take_limits(limits)
        else:
            if offered is not None:
                offered.release(self)
                offered.end(self._now)
            session = Session(
                self.side,
                session_id=welcome.session_id,
                user_id=welcome.user_id,
                device_id=self._device_id,
                limits=limits,
                recorder=self._recorder,
            )
        session.attach(self, frame[2], self._now)
        session.resume_token = welcome.resume_token
        self._open(session, session.limits)
        self._events.append(WelcomeReceived(welcome, session, welcome.resumed))

    def _on_ack(self, frame: tuple[Any, ...]) -> None:
        """Nothing to do: the header carried the ack."""

    def _on_pong(self, frame: tuple[Any, ...]) -> None:
        """Nothing to do: the received bytes already count as liveness, whichever PING they answer."""
        _check_nonce(frame)

    def _on_ping(self, frame: tuple[Any, ...]) -> None:
        _check_nonce(frame)
        self._out.pong = frame[3]  # the newest one only: a flood of PINGs costs its sender, not us

    def _on_signal(self, frame: tuple[Any, ...]) -> None:
        if len(frame) < 4 or type(frame[3]) is not str:
            raise MalformedFrame("SIGNAL has no kind")
        self._events.append(SignalReceived(frame[3], frame[4:]))

    def _on_goodbye(self, frame: tuple[Any, ...]) -> None:
        goodbye = handshake.read_goodbye(frame)
        self._finish(ConnectionInput.GOODBYE_RECEIVED, goodbye.code, goodbye.text, goodbye.retry_after_ms)


_EVERYBODYS: Final[dict[int, Callable[[Connection, tuple[Any, ...]], None]]] = {
    FrameType.ACK: Connection._on_ack,
    FrameType.PING: Connection._on_ping,
    FrameType.PONG: Connection._on_pong,
    FrameType.GOODBYE: Connection._on_goodbye,
    FrameType.SIGNAL: Connection._on_signal,
}
_HANDLERS: Final[Mapping[Side, Mapping[int, Callable[[Connection, tuple[Any, ...]], None]]]] = {
    Side.SERVER: {**_EVERYBODYS, FrameType.HELLO: Connection._on_hello},
    Side.CLIENT: {**_EVERYBODYS, FrameType.WELCOME: Connection._on_welcome},
}


def _check_nonce(frame: tuple[Any, ...]) -> None:
    if len(frame) < 4 or type(frame[3]) is not int:
        raise MalformedFrame(f"{FrameType(frame[0]).name} has no nonce")
