"""A session: the resumable stream between one device and the server, which survives connections.

It numbers payload frames, keeps them until they are acked, and keeps the accounts of every window
(SPEC, "Windows"). It lives in memory only. The same class serves both sides; methods for one side
say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from imserver_protocol.errors import CloseCode, EncodeError, LocalError, RemoteError, WindowFull, WrongState
from imserver_protocol.limits import FRAME_OVERHEAD_BYTES, LENGTH_BYTES, Limits
from imserver_protocol.wire.codec import encode_tail, make_tail
from imserver_protocol.wire.frames import FrameType
from imserver_protocol.wire.tails import Tail

from .states import SESSION_TRANSITIONS, Recorder, SessionInput, SessionState, Side
from .window import ReceiveWindow, ReplyRoom, ResendQueue

_REQUEST: Final = int(FrameType.REQUEST)
_REPLY: Final = int(FrameType.REPLY)
_REFUSAL: Final = int(FrameType.REFUSAL)
_PUSH: Final = int(FrameType.PUSH)
_HEADER_BYTES: Final = FRAME_OVERHEAD_BYTES - LENGTH_BYTES
#: Memory of an empty session, its queue and its dictionaries; part of `memory_bytes`.
_OWN_BYTES: Final = 2048
#: An entry of the resend queue beside its tail's bytes.
_ENTRY_BYTES: Final = 200
#: A refusal whose detail finds no room is sent without it, and with no more text than this: it always fits.
_SHORT_TEXT_CHARACTERS: Final = 80


def push_tail(kind: str, *fields: Any, limits: Limits | None = None) -> Tail:
    """Encode a push once, to share it with all recipients. Raises EncodeError."""
    if limits is None:
        return encode_tail(kind, *fields)
    return encode_tail(kind, *fields, limits=limits)


LAGGING_TAIL: Final = push_tail("lagging")


class Holder(Protocol):
    """The connection that holds a session, as the session sees it."""

    opened_at: float

    def displaced(self, now: float, session_over: bool) -> None:
        """Another connection holds the session now, or it was ended from outside: ignore all further input."""


class Session:
    """One device's stream.

    The server's owner makes it for a fresh HELLO, the client's connection at WELCOME.
    """

    def __init__(
        self,
        side: Side,
        *,
        session_id: str,
        user_id: str,
        device_id: str,
        limits: Limits,
        resume_token: bytes = b"",
        recorder: Recorder | None = None,
    ) -> None:
        self.side = side
        self.session_id = session_id
        self.user_id = user_id
        self.device_id = device_id
        self.limits = limits
        self.state = SessionState.DETACHED
        #: Counts attachments; a connection acts only while it holds the newest (invariant 9, docs/reliability.md).
        self.generation = 0
        self.detached_at: float | None = None
        #: The token that resumes, and the one before it while the client may not have seen the newer.
        self.resume_token = resume_token
        self.previous_token: bytes | None = None
        #: Server: push is off, because the window was full; PUSH "lagging" will make the client catch up by
        #: reading.
        self.lagging = False
        #: Requests without an answer, and their sizes. Client: sent; server: received.
        self.open_requests: dict[int, int] = {}
        self.pushes_unacked_frames = 0
        self.pushes_unacked_bytes = 0
        self.replies_unacked_frames = 0
        self.replies_unacked_bytes = 0
        self.request_bytes_in_flight = 0
        # Only the connection that holds the session touches these two.
        self.queue = ResendQueue()
        self.receive = ReceiveWindow(limits)
        self._holder: Holder | None = None
        self._recorder = recorder
        self._reply_room = ReplyRoom(limits)
        # Copies of limits that the hot path reads.
        self._max_tail_bytes = limits.max_frame_bytes - _HEADER_BYTES
        self._window_frames = limits.window_frames
        self._window_bytes = limits.window_bytes
        self._post_reply_bytes = limits.post_reply_bytes

    def __repr__(self) -> str:
        return (
            f"Session({self.session_id!r}, {self.user_id!r}, {self.device_id!r}, {self.state.name}, "
            f"generation={self.generation}, sent={self.sent_seq}, acked={self.acked_seq}, received={self.recv_seq})"
        )

    # -- queries -----------------------------------------------------------------------------------

    @property
    def recv_seq(self) -> int:
        """The last payload seq taken over: the ack that every frame of ours carries."""
        return self.receive.seq

    @property
    def sent_seq(self) -> int:
        """The last seq given to a frame of ours."""
        return self.queue.sent_seq

    @property
    def acked_seq(self) -> int:
        """The highest ack of the peer."""
        return self.queue.acked_seq

    @property
    def transmitted_seq(self) -> int:
        """The last seq handed out for writing: the highest ack that the peer can honestly give."""
        return self.queue.transmitted_seq

    @property
    def pushes_unacked(self) -> tuple[int, int]:
        """Unacked pushes: frames and bytes."""
        return self.pushes_unacked_frames, self.pushes_unacked_bytes

    @property
    def requests_in_flight(self) -> int:
        """Requests in flight: each until the client has acked its reply."""
        return len(self.open_requests) + self.replies_unacked_frames

    @property
    def memory_bytes(self) -> int:
        """Approximate memory of this session. Tails of pushes are counted in full though they are shared."""
        entries = len(self.queue) + len(self.open_requests)
        return _OWN_BYTES + self.queue.bytes + self.request_bytes_in_flight + entries * _ENTRY_BYTES

    @property
    def unshared_bytes(self) -> int:
        """Memory of this session alone: requests in flight and replies. Pushes are shared with other recipients."""
        return self.replies_unacked_bytes + self.request_bytes_in_flight

    # -- life --------------------------------------------------------------------------------------

    def _step(self, given: SessionInput) -> None:
        target = SESSION_TRANSITIONS.get((self.state, given))
        if target is None:
            raise WrongState(f"{given.name} does not fit a session that is {self.state.name}")
        if self._recorder is not None:
            self._recorder(self.state, given)
        self.state = target

    def is_held_by(self, connection: Holder) -> bool:
        return self._holder is connection

    def is_held_by_newer(self, opened_at: float) -> bool:
        """Whether a connection that was opened later holds the session.

        A HELLO may be late: the client gave that socket up and reconnected on another one, which was served first.
        Close the late one with REPLACED, whether it asks to resume or is fresh; served, it would displace the
        connection that the client really uses, and REPLACED would stop that client from reconnecting.
        """
        return self._holder is not None and self._holder.opened_at > opened_at

    def hold(self, connection: Holder, now: float) -> None:
        """From now on only `connection` acts for this session: any other one is displaced (take-over)."""
        if self.state is SessionState.ENDED:
            raise WrongState("the session is over")
        holder = self._holder
        if holder is not None and holder is not connection:
            self._holder = None
            holder.displaced(now, False)
        self._holder = connection

    def attach(self, connection: Holder, peer_ack: int, now: float) -> bool:
        """`connection` speaks for this session; everything beyond the peer's ack goes out again.

        Returns True if the ack ended `lagging`. Raises WrongState if the session is over or the ack out of
        range, which the caller has checked.
        """
        if not self.acked_seq <= peer_ack <= self.transmitted_seq:
            raise WrongState("the peer's ack is out of range")
        self.hold(connection, now)
        self._step(SessionInput.ATTACH)
        self.generation += 1
        self.detached_at = None
        self.receive.told()
        ended = self._trim(peer_ack)
        self.queue.replay()
        return ended

    def detach(self, now: float) -> None:
        """The connection is gone; the session waits to be resumed."""
        self._step(SessionInput.DETACH)
        self._holder = None
        self.detached_at = now

    def release(self, connection: Holder) -> None:
        """`connection` closes and gives the session back; the caller then ends it, detaches it or leaves it as it is."""
        if self._holder is connection:
            self._holder = None

    def end(self, now: float) -> None:
        """The session is over, for whatever reason; its memory is freed. Ending twice is allowed.

        A connection that still holds it closes with REPLACED; to say another code, `close` the connection
        instead.
        """
        if self.state is SessionState.ENDED:
            return
        holder, self._holder = self._holder, None
        if holder is not None:
            holder.displaced(now, True)
        self._step(SessionInput.END)
        self.detached_at = now
        self.queue.clear()
        self.open_requests.clear()
        self._reply_room.clear()
        self.pushes_unacked_frames = self.pushes_unacked_bytes = 0
        self.replies_unacked_frames = self.replies_unacked_bytes = 0
        self.request_bytes_in_flight = 0
        self.resume_token = b""
        self.previous_token = None

    def rotate_token(self, token: bytes, presented: bytes | None) -> None:
        """Server, at each WELCOME. The token that was just presented stays good until the client confirms.

        Not the current one: if two WELCOMEs are lost in a row, the client still holds the one that it
        presented.
        """
        self.previous_token = presented
        self.resume_token = token

    def confirm_token(self) -> None:
        """The first frame after WELCOME arrived: the client has the new token."""
        self.previous_token = None

    # -- client: requests --------------------------------------------------------------------------

    def take_limits(self, limits: Limits) -> None:
        """Those of the newest WELCOME, whatever the session began with: its server may have been configured anew."""
        self.limits = limits
        self._max_tail_bytes = limits.max_frame_bytes - _HEADER_BYTES

    def room_for_request(self, size: int) -> bool:
        """Whether a request of `size` bytes (its tail and FRAME_OVERHEAD_BYTES) may be sent now."""
        limits = self.limits
        return (
            len(self.open_requests) < limits.max_requests
            and self.request_bytes_in_flight + size <= limits.max_request_bytes
        )

    def request(self, method: str, params: Sequence[Any]) -> int:
        """Client: number and queue a request, also while detached.

        Returns its seq, which names it in the reply. Raises EncodeError, WindowFull or WrongState, before a seq is given.
        """
        if self.side is not Side.CLIENT:
            raise WrongState("only a client sends requests")
        if self.state is SessionState.ENDED:
            raise WrongState("the session is over")
        tail = make_tail((method, tuple(params)), self.limits)
        size = len(tail.data) + FRAME_OVERHEAD_BYTES
        if size > self.limits.max_request_bytes:
            # No answer will ever make room for it: a caller waiting for room would wait for ever.
            raise EncodeError(
                f"request is longer than {self.limits.max_request_bytes} bytes, the whole window"
            )
        if not self.room_for_request(size):
            raise WindowFull("too many requests in flight")
        seq = self.queue.append(_REQUEST, tail, size)
        self.open_requests[seq] = size
        self.request_bytes_in_flight += size
        return seq

    # -- server: replies ---------------------------------------------------------------------------

    def room_for_reply(self, bytes_: int) -> bool:
        """Whether `bytes_` can be reserved for the reply to one request. `post_reply_bytes` always can."""
        return self._reply_room.has_room(bytes_)

    def reserve_reply(self, request_seq: int, bytes_: int) -> bool:
        """Reserve room for the reply to an open request, before the work is done that makes it.

        False: no room now; keep the request as a descriptor and ask again after an ack. Each request has
        `post_reply_bytes` without asking. A second call replaces the first. Raises LocalError if the request
        is not open.
        """
        if self.state is SessionState.ENDED:
            return True
        if request_seq not in self.open_requests:
            raise LocalError(f"request {request_seq} is not open")
        return self._reply_room.reserve(request_seq, bytes_)

    def reply(self, request_seq: int, result: Any) -> None:
        """Server: answer an open request, also while detached. Nothing happens if the session is over.

        Raises EncodeError, LocalError (not open, or answered already), or WindowFull (more than was reserved,
        and no room for it). The request then stays open.
        """
        if self.state is not SessionState.ENDED:
            self._answer(_REPLY, request_seq, make_tail((request_seq, result), self.limits))

    def reply_with(self, request_seq: int, tail: Tail) -> None:
        """`reply` by a tail that is encoded already, of values that need no check. Raises LocalError or WindowFull."""
        if self.state is not SessionState.ENDED:
            self._answer(_REPLY, request_seq, tail)

    def refuse(
        self, request_seq: int, code: int, text: str, retry_after_ms: int = 0, detail: Any = None
    ) -> None:
        """Server: refuse an open request, also while detached. Nothing happens if the session is over.

        Always finds room: without any, the detail is left out and the text cut. Raises EncodeError or
        LocalError.
        """
        if self.state is SessionState.ENDED:
            return
        tail = encode_tail(request_seq, int(code), text, retry_after_ms, detail, limits=self.limits)
        try:
            self._answer(_REFUSAL, request_seq, tail)
        except WindowFull:
            short = encode_tail(request_seq, int(code), text[:_SHORT_TEXT_CHARACTERS], retry_after_ms, None)
            self._answer(_REFUSAL, request_seq, short)

    def _answer(self, type_: int, request_seq: int, tail: Tail) -> None:
        request_size = self.open_requests.get(request_seq)
        if request_size is None:
            raise LocalError(f"request {request_seq} is not open")
        size = len(tail.data) + FRAME_OVERHEAD_BYTES
        if not self._reply_room.take(request_seq, size):
            raise WindowFull(f"no room for a reply of {size} bytes")
        del self.open_requests[request_seq]
        self.queue.append(type_, tail, size, request_size)
        self.replies_unacked_frames += 1
        self.replies_unacked_bytes += size

    # -- server: pushes ----------------------------------------------------------------------------

    def push(self, tail: Tail) -> bool:
        """Server: number and queue a push, also while detached. False: dropped, because the session lags or
        is over.

        The first push that finds the window full sets `lagging`; no push is numbered then until half of the
        window is free again and PUSH "lagging" is queued. Raises EncodeError if the peer's max_frame_bytes is
        smaller.
        """
        if self.lagging or self.state is SessionState.ENDED:
            return False
        length = len(tail.data)
        if length > self._max_tail_bytes:
            raise EncodeError("push is longer than a frame may be")
        size = length + FRAME_OVERHEAD_BYTES
        frames = self.pushes_unacked_frames + 1
        total = self.pushes_unacked_bytes + size
        if frames > self._window_frames or total > self._window_bytes:
            self._start_lagging()
            return False
        self.pushes_unacked_frames = frames
        self.pushes_unacked_bytes = total
        self.queue.append(_PUSH, tail, size)
        return True

    def push_all(self, tails: Sequence[Tail]) -> None:
        """`push` for each, in order. When there is room for all of them, their accounts are settled once."""
        if len(tails) == 1:
            self.push(tails[0])
            return
        lengths = [len(tail.data) for tail in tails]
        frames = self.pushes_unacked_frames + len(lengths)
        total = self.pushes_unacked_bytes + sum(lengths) + len(lengths) * FRAME_OVERHEAD_BYTES
        if (
            self.lagging
            or self.state is SessionState.ENDED
            or frames > self._window_frames
            or total > self._window_bytes
            or max(lengths) > self._max_tail_bytes
        ):
            for tail in tails:
                self.push(tail)
            return
        self.pushes_unacked_frames = frames
        self.pushes_unacked_bytes = total
        self.queue.extend(_PUSH, tails)

    def _start_lagging(self) -> None:
        self.lagging = True
        # A push larger than the whole window: no ack will come that could end the lagging, so end it here.
        if self.pushes_unacked_frames == 0:
            self._end_lagging()

    def _end_lagging(self) -> bool:
        """Number PUSH "lagging" and turn push on again, in one step, if half of the window is free."""
        if (
            self.pushes_unacked_frames > self._window_frames // 2
            or self.pushes_unacked_bytes > self._window_bytes // 2
        ):
            return False
        self.lagging = False
        return self.push(LAGGING_TAIL)

    # -- received frames (called by the connection) ------------------------------------------------

    def receive_ack(self, ack: int) -> bool:
        """Take a header's ack that is above the last one.

        Returns True if it ended `lagging`. Raises RemoteError, moving nothing.
        """
        if ack > self.queue.transmitted_seq:
            raise RemoteError(CloseCode.ACK_TOO_HIGH, f"ack {ack}, sent {self.queue.transmitted_seq}")
        return self._trim(ack)

    def _trim(self, ack: int) -> bool:
        pushes = push_bytes = replies = reply_bytes = request_bytes = 0
        for _, type_, _, size, request_size in self.queue.ack(ack):
            if type_ == _PUSH:
                pushes += 1
                push_bytes += size
            elif type_ != _REQUEST:
                replies += 1
                reply_bytes += size
                request_bytes += request_size
                if size > self._post_reply_bytes:
                    self._reply_room.release(size)
        self.pushes_unacked_frames -= pushes
        self.pushes_unacked_bytes -= push_bytes
        self.replies_unacked_frames -= replies
        self.replies_unacked_bytes -= reply_bytes
        self.request_bytes_in_flight -= request_bytes
        return self._end_lagging() if self.lagging else False

    def open_request(self, seq: int, size: int) -> None:
        """Server: open a request that arrived. Raises RemoteError if the client exceeds its window."""
        limits = self.limits
        in_flight = self.request_bytes_in_flight + size
        if (
            len(self.open_requests) + self.replies_unacked_frames >= limits.max_requests
            or in_flight > limits.max_request_bytes
        ):
            raise RemoteError(CloseCode.WINDOW_EXCEEDED, "too many requests in flight")
        self.request_bytes_in_flight = in_flight
        self.open_requests[seq] = size

    def settle_request(self, request_seq: int) -> None:
        """Client: close a request whose answer arrived. Its room is free at once: any later frame of ours carries the ack.

        Raises RemoteError if the request is not open. An answer implies that the request was received, so its own
        header, or an earlier one, must have acked it: that keeps the resend queue within the window of requests
        whatever the server does.
        """
        size = self.open_requests.get(request_seq)
        if size is None or request_seq > self.queue.acked_seq:
            raise RemoteError(CloseCode.BAD_STATE, f"an answer to request {request_seq}, which is not open")
        del self.open_requests[request_seq]
        self.request_bytes_in_flight -= size
