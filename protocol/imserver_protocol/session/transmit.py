"""Transmitter: turns pending frames of one connection into bytes and builds their headers at the last moment."""

from __future__ import annotations

from typing import Any, Final

from imserver_protocol.wire.codec import encode_tail, frame_bytes, frame_start, pack_number
from imserver_protocol.wire.frames import FrameType
from imserver_protocol.wire.tails import Tail

from .session import Session

_EMPTY: Final = Tail(0, b"")


class Transmitter:
    """Pending control frames, each kind with its own bound. Payload frames wait in the session."""

    __slots__ = ("_max_signals", "_signals", "frames", "ping", "pong")

    def __init__(self, max_signals: int) -> None:
        #: The nonces of the one PING and the one PONG (the newest) that may be pending.
        self.ping: int | None = None
        self.pong: int | None = None
        self._signals: list[Tail] = []
        self._max_signals = max_signals
        #: HELLO, WELCOME, GOODBYE: whole frames, at most two; and the payload frames that go before GOODBYE.
        self.frames: list[bytes] = []

    def has_pending(self, session: Session) -> bool:
        """Whether state OPEN has something to write, apart from an ACK that falls due by time."""
        return (
            session.queue.has_unsent
            or session.receive.now_due
            or self.pong is not None
            or self.ping is not None
            or bool(self._signals)
        )

    def append(self, type_: FrameType, ack: int, tail: Tail) -> None:
        """Append a control frame whose header is final: HELLO, WELCOME, GOODBYE."""
        self.frames.append(frame_bytes(type_, 0, ack, tail))

    def append_signal(self, tail: Tail) -> bool:
        """Append a signal. False: dropped."""
        if len(self._signals) >= self._max_signals:
            return False
        self._signals.append(tail)
        return True

    def append_open(self, session: Session, now: float) -> None:
        """Append all pending frames in state OPEN. Each header carries the present ack; a bare ACK goes only alone."""
        receive, out = session.receive, self.frames
        due_at = receive.due_at
        ack = receive.seq
        before = len(out)
        if self.pong is not None or self.ping is not None or self._signals:
            self._append_control(ack)
        if session.queue.has_unsent:
            ack_bytes = pack_number(ack)
            ack_length = len(ack_bytes)
            append = out.append
            for seq, type_, tail, _, _ in session.queue.take_unsent():
                data = tail.data
                append(frame_start(type_, seq, tail.count, ack_length + len(data)))
                append(ack_bytes)
                append(data)
        if len(out) == before:
            if due_at is None or not (receive.now_due or now >= due_at):
                return
            out.append(frame_bytes(FrameType.ACK, 0, ack, _EMPTY))
        receive.told()

    def _append_control(self, ack: int) -> None:
        pending: list[tuple[FrameType, Any]] = [(FrameType.SIGNAL, tail) for tail in self._signals]
        if self.pong is not None:
            pending.append((FrameType.PONG, encode_tail(self.pong)))
        if self.ping is not None:
            pending.append((FrameType.PING, encode_tail(self.ping)))
        self.frames.extend(frame_bytes(type_, 0, ack, tail) for type_, tail in pending)
        self.drop_pending()

    def drop_pending(self) -> None:
        """The connection closes: drop all droppable frames."""
        self.ping = self.pong = None
        self._signals.clear()

    def take(self) -> bytes:
        """All bytes, joined once."""
        data = b"".join(self.frames)
        self.frames.clear()
        return data

    def clear(self) -> None:
        """The connection is closed: drop everything."""
        self.drop_pending()
        self.frames.clear()
