"""Errors of the protocol, with whose fault each is, their codes on the wire, and a client's reaction to each.

`LocalError`: our own caller misused the library; raised at the call. `RemoteError`: the peer broke the
protocol; never escapes from a `Connection`, which closes with the error's code instead.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Final

from .shared.refusals import RETRYABLE, RefusalCode

__all__ = [
    "REACTIONS",
    "RETRYABLE",
    "CloseCode",
    "EncodeError",
    "LocalError",
    "MalformedFrame",
    "ProtocolError",
    "Reaction",
    "RefusalCode",
    "RemoteError",
    "WindowFull",
    "WrongState",
    "reaction",
]


class CloseCode(IntEnum):
    """Codes of GOODBYE (SPEC, "Close codes and refusals")."""

    LOST = 0  #: never on the wire: the socket ended, or fell silent, without a GOODBYE

    DRAINING = 100
    IDLE = 101
    SLOW = 102
    AUTH_TIMEOUT = 103

    OK = 200
    REPLACED = 201
    VERSION = 202

    MALFORMED = 210
    FRAME_TOO_LARGE = 211
    BAD_STATE = 212
    SEQ_ORDER = 213
    ACK_TOO_HIGH = 214
    WINDOW_EXCEEDED = 215

    AUTH_FAILED = 300
    AUTH_EXPIRED = 301
    REVOKED = 302

    TOO_MANY = 400
    OVERLOADED = 401
    INTERNAL = 500
    STORE_FAILED = 501


class Reaction(Enum):
    """A client's reaction to a close."""

    COME_BACK = "come back, after retry_after_ms"
    STOP = "do not come back by itself; tell the application"
    FRESH = "the session is over; come back fresh with back-off, offer the outbox one by one"
    NEW_TOKEN = "come back only with a new token"
    LATER = "come back later, with back-off"


REACTIONS: Final[dict[int, Reaction]] = {
    CloseCode.LOST: Reaction.COME_BACK,
    CloseCode.DRAINING: Reaction.COME_BACK,
    CloseCode.IDLE: Reaction.COME_BACK,
    CloseCode.SLOW: Reaction.COME_BACK,
    CloseCode.AUTH_TIMEOUT: Reaction.COME_BACK,
    CloseCode.OK: Reaction.STOP,
    CloseCode.REPLACED: Reaction.STOP,
    CloseCode.VERSION: Reaction.STOP,
    CloseCode.MALFORMED: Reaction.FRESH,
    CloseCode.FRAME_TOO_LARGE: Reaction.FRESH,
    CloseCode.BAD_STATE: Reaction.FRESH,
    CloseCode.SEQ_ORDER: Reaction.FRESH,
    CloseCode.ACK_TOO_HIGH: Reaction.FRESH,
    CloseCode.WINDOW_EXCEEDED: Reaction.FRESH,
    CloseCode.AUTH_FAILED: Reaction.NEW_TOKEN,
    CloseCode.AUTH_EXPIRED: Reaction.NEW_TOKEN,
    CloseCode.REVOKED: Reaction.NEW_TOKEN,
    CloseCode.TOO_MANY: Reaction.LATER,
    CloseCode.OVERLOADED: Reaction.LATER,
    CloseCode.INTERNAL: Reaction.LATER,
    CloseCode.STORE_FAILED: Reaction.LATER,
}


def reaction(code: int) -> Reaction:
    """A client's reaction to a close with `code`. An unknown code is treated by its hundred."""
    known = REACTIONS.get(code)
    if known is not None:
        return known
    by_hundred = {1: Reaction.COME_BACK, 2: Reaction.STOP, 3: Reaction.NEW_TOKEN}
    return by_hundred.get(code // 100, Reaction.LATER)


class ProtocolError(Exception):
    """Root of all errors of this package."""


class LocalError(ProtocolError):
    """Our caller's mistake. The call has numbered, queued and changed nothing."""


class EncodeError(LocalError):
    """A value that may not go on the wire: type, size, nesting, integer range, or more than the peer accepts."""


class WindowFull(LocalError):
    """No room in a window or in the room for replies. Ask `room_for_request` or `reserve_reply` first."""


class WrongState(LocalError):
    """The call does not fit the state of the connection or session, or the side."""


class RemoteError(ProtocolError):
    """The peer broke the protocol: close with `code` and `text`."""

    def __init__(self, code: CloseCode, text: str) -> None:
        super().__init__(f"{code.name}: {text}")
        self.code = code
        self.text = text


class MalformedFrame(RemoteError):
    """The only error that decoding raises."""

    def __init__(self, text: str) -> None:
        super().__init__(CloseCode.MALFORMED, text)
