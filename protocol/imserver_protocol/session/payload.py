"""Turns payload frames into events: one function for each type checks the fields and opens or settles the request.

The frame is decoded and its seq is the next one; all of them raise RemoteError and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from imserver_protocol.errors import MalformedFrame
from imserver_protocol.wire.frames import FrameType

from .events import Event, PushReceived, RefusalReceived, ReplyReceived, RequestReceived
from .session import Session
from .states import Side

Taker = Callable[[Session, tuple[Any, ...], int], Event]


def take_request(session: Session, frame: tuple[Any, ...], size: int) -> RequestReceived:
    """`size` is the frame's length in bytes, which counts for the window."""
    if len(frame) < 5 or type(frame[3]) is not str or type(frame[4]) is not tuple:
        raise MalformedFrame("REQUEST is not [method, params]")
    seq = frame[1]
    session.open_request(seq, size)
    return RequestReceived(seq, frame[3], frame[4], size)


def take_reply(session: Session, frame: tuple[Any, ...], size: int) -> ReplyReceived:
    if len(frame) < 5 or type(frame[3]) is not int:
        raise MalformedFrame("REPLY is not [request_seq, result]")
    session.settle_request(frame[3])
    return ReplyReceived(frame[3], frame[4])


def take_refusal(session: Session, frame: tuple[Any, ...], size: int) -> RefusalReceived:
    fields = frame[3:8]
    if [type(field) for field in fields[:4]] != [int, int, str, int] or len(fields) < 5 or fields[3] < 0:
        raise MalformedFrame("REFUSAL is not [request_seq, code, text, retry_after_ms, detail]")
    session.settle_request(fields[0])
    return RefusalReceived(*fields)


def take_push(session: Session, frame: tuple[Any, ...], size: int) -> PushReceived:
    if len(frame) < 4 or type(frame[3]) is not str:
        raise MalformedFrame("PUSH has no kind")
    return PushReceived(frame[3], frame[4:])


#: Payload frames that each side may receive, by type; any other in state OPEN is BAD_STATE.
TAKERS: Final[dict[Side, dict[int, Taker]]] = {
    Side.SERVER: {FrameType.REQUEST: take_request},
    Side.CLIENT: {FrameType.PUSH: take_push, FrameType.REPLY: take_reply, FrameType.REFUSAL: take_refusal},
}
