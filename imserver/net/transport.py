"""Server transport: moves bytes between one client's socket and the protocol's `Connection`, and does nothing else.

After any call into the `Connection` exactly one thing happens, `_step()`: hand over events, ask to be written, re-arm one timer
(architecture, "The step rule"). No other code touches the socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

from imserver.clock import Clock
from imserver.config import LimitsConfig
from imserver.net.proxy_protocol import begins_header
from imserver.net.scheduling.read_scheduler import ReadScheduler
from imserver.net.scheduling.write_queue import WriteQueue
from imserver.net.sessions import DeviceSession, logged_id
from imserver.net.taps import Tap, Taps, show
from imserver.networks import UNIX, canonical
from imserver_protocol.errors import CloseCode, Reaction, reaction
from imserver_protocol.limits import Limits
from imserver_protocol.session.connection import Connection
from imserver_protocol.session.events import (
    Closed,
    Event,
    HelloReceived,
    LaggingEnded,
    RequestReceived,
    SignalReceived,
)
from imserver_protocol.session.post_frames import PostReceived
from imserver_protocol.session.states import ConnectionState, Recorder, Side
from imserver_protocol.wire.frames import Hello

#: Above so many bytes that the kernel has not taken yet we write no more. The rest stays in the resend queue.
HIGH_WATER_BYTES = 256 * 1024
#: Deadlines further away than this, and those of liveness, are left to the sweep over all connections (seconds).
SWEEP_INTERVAL_S = 1.0


#: What a peer is told that sends a PROXY header and is no proxy, or a second one behind that of a proxy.
NO_PROXY_TEXT = "a PROXY header, which is for listed proxies to send, and once"


class Accepted(Protocol):
    """An accepted socket: a client's connection, or a TLS handshake that becomes one."""

    address: str
    #: Its number in the log, given when it is admitted.
    number: int

    def sweep(self, now: float) -> None: ...

    def close(self, code: CloseCode, text: str = "", retry_after_ms: int = 0) -> None: ...

    def abort(self) -> None: ...


#: What GOODBYE says to a connection that is not admitted: code, text, and after how many milliseconds to come back.
Refusal = tuple[CloseCode, str, int]


class AdmissionPort(Protocol):
    """Admission as a transport sees it."""

    def admit(self, accepted: Accepted) -> Refusal | None: ...

    def passed(self, accepted: Accepted, transport: ServerTransport) -> None: ...

    def rename(self, accepted: Accepted, address: str) -> None: ...

    def forget(self, accepted: Accepted) -> None: ...

    def proxy_header_refused(self, transport: ServerTransport, cause: str) -> None: ...


class SessionPort(Protocol):
    """The sessions as a transport sees them: it asks for one at HELLO, and reports its own end."""

    def hello(self, transport: ServerTransport, hello: Hello) -> None: ...

    #: Takes a signal of a client.
    hear: Callable[[DeviceSession, str, tuple[Any, ...]], None]

    def closed(self, transport: ServerTransport, session: DeviceSession | None, event: Closed) -> None: ...


class Acceptor(Protocol):
    """The listener as a transport sees it."""

    loop: asyncio.AbstractEventLoop
    clock: Clock
    limits: LimitsConfig
    write_queue: WriteQueue
    read_scheduler: ReadScheduler
    log: Any
    recorder: Recorder | None
    taps: Taps

    @property
    def protocol_limits(self) -> Limits: ...

    @property
    def admission(self) -> AdmissionPort: ...

    @property
    def attachments(self) -> SessionPort: ...


class ServerTransport(asyncio.Protocol):
    """asyncio's side of one connection."""

    __slots__ = (
        "_admitted",
        "_begins",
        "_breach",
        "_left",
        "_listener",
        "_loop",
        "_timer",
        "_timer_at",
        "_transport",
        "_unwritable_since",
        "address",
        "connection",
        "flush_pending",
        "number",
        "session",
        "session_id",
        "taps",
    )

    def __init__(self, listener: Acceptor, admitted: Accepted | None = None) -> None:
        self._listener = listener
        self._loop = listener.loop
        self.connection = Connection(
            Side.SERVER,
            listener.protocol_limits,
            listener.clock.monotonic(),
            recorder=listener.recorder,
            typed_posts=True,
        )
        #: The session that this connection speaks for, from WELCOME to its end.
        self.session: DeviceSession | None = None
        #: Of the session that it last spoke for, to name it in the log; "" before WELCOME.
        self.session_id = ""
        self.address = admitted.address if admitted is not None else ""
        self.number = admitted.number if admitted is not None else 0
        #: Who looks on; nobody, almost always.
        self.taps: tuple[Tap, ...] = ()
        self._admitted = admitted
        self.flush_pending = False
        self._begins = True  # nothing has come from the peer yet
        self._breach = False  # the peer broke the protocol, and GOODBYE says so
        self._left = False
        self._transport: asyncio.Transport | None = None
        self._unwritable_since: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    # -- asyncio calls ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transport does not inherit from it
        self._transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        if self._admitted is not None:
            self._listener.admission.passed(self._admitted, self)
            self._admitted = None
        else:
            self.address = address_of(transport.get_extra_info("peername"))
            refusal = self._listener.admission.admit(self)
            if refusal is not None:
                self.connection.close(*refusal, now=self._listener.clock.monotonic())
        self._step()

    def data_received(self, data: bytes) -> None:
        self._listener.read_scheduler.read(self, data)

    def take(self, data: bytes) -> bool:
        """Process the peer's bytes when the read scheduler hands them over. False: take no more, the connection closes."""
        if self._begins:
            self._begins = False
            if begins_header(data):
                self._listener.admission.proxy_header_refused(self, NO_PROXY_TEXT)
                self.close(CloseCode.MALFORMED, NO_PROXY_TEXT)
                return False
        if self.taps:
            show(self, data, up=True)
        try:
            self.connection.receive_data(data, self._listener.clock.monotonic())
            self._step()
        except Exception:
            # A fault of ours. Requests read so far are acked, so a resumed client would wait for ever: end the session.
            self.log.exception("connection_failed")
            self.close(CloseCode.INTERNAL, "try again later")
        return self.connection.state < ConnectionState.CLOSING

    def pause_reading(self) -> None:
        """Read nothing while the peer's bytes wait in the read scheduler."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on: all bytes of the peer have been processed."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def eof_received(self) -> bool:
        return False  # a half-closed client is a gone client: asyncio closes, connection_lost follows

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.connection.receive_eof(self._listener.clock.monotonic())
        self._step()
        for tap in self.taps:
            tap.ended()
        self.taps = ()
        self._listener.admission.forget(self)

    def pause_writing(self) -> None:
        self._unwritable_since = self._listener.clock.monotonic()

    def resume_writing(self) -> None:
        self._unwritable_since = None
        self.mark()

    # -- others call --------------------------------------------------------------------------------------------------

    @property
    def log(self) -> Any:
        """The log of this connection and of its session, if it had one. Made for each line: most connections never log any."""
        named: dict[str, Any] = {"connection": self.number, "address": self.address}
        if self.session_id:
            named["session"] = logged_id(self.session_id)
        return self._listener.log.bind(**named)

    def attach(self, session: DeviceSession) -> None:
        """Speak for this session from now on: WELCOME names it."""
        self.session = session
        self.session_id = session.stream.session_id
        self._listener.taps.logged_in(self)

    @property
    def unfinished(self) -> bytes:
        """What has come of a frame that is not whole."""
        return self.connection.unfinished

    def mark(self) -> None:
        """There is something to send: queue it for the write at the end of this turn."""
        if not self.flush_pending:
            self._listener.write_queue.mark(self)

    def flush(self) -> None:
        """Write all pending bytes in one call. While the socket is unwritable they wait in the resend queue."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        closing = self.connection.state >= ConnectionState.CLOSING
        if self._unwritable_since is not None and not closing:
            return
        data = self.connection.data_to_send(self._listener.clock.monotonic())
        if data:
            if self.taps:
                show(self, data, up=False)
            transport.write(data)
        if closing and not self._left:
            self._left = True
            self._leave(transport)

    def _leave(self, transport: asyncio.Transport) -> None:
        """Not abort(): GOODBYE has to leave. A peer that does not take it is aborted by the sweep."""
        if self._breach and self.connection.state is ConnectionState.CLOSING and transport.can_write_eof():
            # The peer's bytes are read and dropped until it has received GOODBYE: closing a socket with unread bytes resets it,
            # and GOODBYE is lost.
            transport.write_eof()
            self.resume_reading()
        else:
            transport.close()

    def close(self, code: CloseCode, text: str = "", retry_after_ms: int = 0) -> None:
        """Send GOODBYE after everything that is queued."""
        self.connection.close(code, text, retry_after_ms, now=self._listener.clock.monotonic())
        self._step()

    def sweep(self, now: float) -> None:
        """Once a second: check liveness, an unwritable socket, a close that does not finish."""
        connection = self.connection
        deadline = connection.deadline
        if deadline is not None and now >= deadline:
            connection.on_time(now)
            self._step()
        unwritable = self._unwritable_since
        if connection.state is ConnectionState.CLOSED:
            self.abort()
        elif unwritable is not None and now - unwritable >= self._listener.limits.unwritable_s:
            self.close(CloseCode.SLOW, "nothing could be written for too long")
            self.abort()

    def abort(self) -> None:
        """End the socket now: uvloop's `close` may never finish with a stuck peer."""
        if self._transport is not None:
            self._transport.abort()

    def displaced(self) -> None:
        """Another connection took the session over: report it and leave."""
        self.session = None
        self._step()

    # -- the one step -------------------------------------------------------------------------------------------------

    def _step(self) -> None:
        connection = self.connection
        session = self.session
        posts: list[PostReceived] = []
        for event in connection.events():
            if type(event) is PostReceived:
                posts.append(event)
                continue
            if posts and session is not None:
                session.posts(posts)
                posts = []
            # A breach behind this has ended it: what came before that counts.
            over = session is not None and session.ended
            self._on_event(event, session)
            if session is not None and session.ended and not over:
                session = None  # the handler of a signal has: nothing behind that counts
        if session is not None:
            if posts:
                session.posts(posts)
            if session.waiting:
                session.pump()
        if connection.state >= ConnectionState.CLOSING or connection.has_data_to_send:
            self.mark()
        self._arm()

    def _on_event(self, event: Event, session: DeviceSession | None) -> None:
        """Handle any event but a post."""
        if type(event) is RequestReceived:
            if session is not None:
                session.request(event)
        elif type(event) is HelloReceived:
            self._listener.attachments.hello(self, event.hello)
        elif type(event) is SignalReceived:
            if session is not None:
                self._listener.attachments.hear(session, event.kind, event.fields)
        elif type(event) is Closed:
            self._closed(event)
        elif type(event) is LaggingEnded:
            self.mark()

    def _closed(self, event: Closed) -> None:
        session, self.session = self.session, None
        self._listener.attachments.closed(self, session, event)
        self._breach = session is not None and reaction(event.code) is Reaction.FRESH
        if self._unwritable_since is not None and event.code != CloseCode.DRAINING:
            # GOODBYE would queue behind bytes that the peer does not read, and keep them until closing times out: a peer
            # that reconnects again and again would leave one such socket each time.
            self.abort()

    def _arm(self) -> None:
        """Arm one timer for what is due before the next sweep: acks, handshake time-out. If it fires early, arm it again."""
        due_at = self.connection.near_deadline
        if (
            due_at is None
            or self._transport is None
            or (self._timer is not None and self._timer_at <= due_at)
        ):
            return
        wait_s = due_at - self._listener.clock.monotonic()
        if wait_s >= SWEEP_INTERVAL_S:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due_at
        self._timer = self._loop.call_later(max(0.0, wait_s), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.connection.on_time(self._listener.clock.monotonic())
        self._step()


def address_of(peer: Any) -> str:
    """A peer's address as the log and the limits know it, from what the socket calls its peer."""
    if not (isinstance(peer, tuple) and peer):
        return UNIX
    return canonical(str(peer[0])) or str(peer[0])
