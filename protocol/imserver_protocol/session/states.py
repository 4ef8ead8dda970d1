"""States of connections and sessions: all their transitions, as two tables.

A pair that is not in its table is not allowed: BAD_STATE if the peer caused it, WrongState if our caller did.
The tables are the same for both sides; the diagrams of SPEC, "States", are drawn from them.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Final

from imserver_protocol.errors import CloseCode, Reaction, reaction
from imserver_protocol.wire.frames import FrameType


class Side(IntEnum):
    """Which end of the connection this is."""

    CLIENT = 0
    SERVER = 1


class ConnectionState(IntEnum):
    AWAITING_HELLO = 0  #: no frame yet
    AWAITING_WELCOME = 1  #: HELLO was sent (client) or received (server)
    OPEN = 2
    CLOSING = 3  #: our GOODBYE is the last frame that we send; later input is ignored
    CLOSED = 4


class ConnectionInput(IntEnum):
    HELLO = 0
    WELCOME = 1
    CONTROL = 2  #: ACK, PING, PONG, SIGNAL
    PAYLOAD = 3
    GOODBYE_RECEIVED = 4
    GOODBYE_SENT = 5  #: also after a violation, when a time-out says so, and at take-over
    LOST = 6  #: end of file, reset, or a peer that fell silent


class SessionState(IntEnum):
    DETACHED = 0  #: new, or waiting to be resumed
    ATTACHED = 1
    ENDED = 2


class SessionInput(IntEnum):
    ATTACH = 0
    DETACH = 1
    END = 2


_C = ConnectionState
_I = ConnectionInput
CONNECTION_TRANSITIONS: Final[dict[tuple[ConnectionState, ConnectionInput], ConnectionState]] = {
    (_C.AWAITING_HELLO, _I.HELLO): _C.AWAITING_WELCOME,
    (_C.AWAITING_HELLO, _I.GOODBYE_RECEIVED): _C.CLOSED,
    (_C.AWAITING_HELLO, _I.GOODBYE_SENT): _C.CLOSING,
    (_C.AWAITING_HELLO, _I.LOST): _C.CLOSED,
    (_C.AWAITING_WELCOME, _I.WELCOME): _C.OPEN,
    (_C.AWAITING_WELCOME, _I.GOODBYE_RECEIVED): _C.CLOSED,
    (_C.AWAITING_WELCOME, _I.GOODBYE_SENT): _C.CLOSING,
    (_C.AWAITING_WELCOME, _I.LOST): _C.CLOSED,
    (_C.OPEN, _I.CONTROL): _C.OPEN,
    (_C.OPEN, _I.PAYLOAD): _C.OPEN,
    (_C.OPEN, _I.GOODBYE_RECEIVED): _C.CLOSED,
    (_C.OPEN, _I.GOODBYE_SENT): _C.CLOSING,
    (_C.OPEN, _I.LOST): _C.CLOSED,
    (_C.CLOSING, _I.LOST): _C.CLOSED,
}

_S = SessionState
_T = SessionInput
SESSION_TRANSITIONS: Final[dict[tuple[SessionState, SessionInput], SessionState]] = {
    (_S.DETACHED, _T.ATTACH): _S.ATTACHED,
    (_S.DETACHED, _T.END): _S.ENDED,
    (_S.ATTACHED, _T.ATTACH): _S.ATTACHED,  # take-over
    (_S.ATTACHED, _T.DETACH): _S.DETACHED,
    (_S.ATTACHED, _T.END): _S.ENDED,
}

#: Which input a received frame is. A type that is not here is unknown, and closes as MALFORMED.
FRAME_INPUTS: Final[dict[int, ConnectionInput]] = {
    FrameType.HELLO: _I.HELLO,
    FrameType.WELCOME: _I.WELCOME,
    FrameType.ACK: _I.CONTROL,
    FrameType.PING: _I.CONTROL,
    FrameType.PONG: _I.CONTROL,
    FrameType.SIGNAL: _I.CONTROL,
    FrameType.GOODBYE: _I.GOODBYE_RECEIVED,
    FrameType.REQUEST: _I.PAYLOAD,
    FrameType.REPLY: _I.PAYLOAD,
    FrameType.REFUSAL: _I.PAYLOAD,
    FrameType.PUSH: _I.PAYLOAD,
}

#: The connection table again, cut by state, so that each frame costs one look-up with a small integer.
CONNECTION_ROWS: Final[dict[ConnectionState, dict[ConnectionInput, ConnectionState]]] = {
    state: {given: target for (source, given), target in CONNECTION_TRANSITIONS.items() if source is state}
    for state in ConnectionState
}

#: Called with each row that is used, so that a test or the simulation can prove that it visited all rows.
Recorder = Callable[[IntEnum, IntEnum], None]

#: After these the session waits to be resumed; after every other code it is over.
SURVIVABLE: Final = frozenset(
    {CloseCode.LOST, CloseCode.DRAINING, CloseCode.IDLE, CloseCode.SLOW, CloseCode.AUTH_TIMEOUT}
)


def session_is_over(code: int, *, by_client: bool, welcomed: bool) -> bool:
    """Whether a close ends the session: the attached one, or before WELCOME the one that HELLO offered.

    A client's GOODBYE always does. Before WELCOME a server that only refused the connection (full, bad token)
    has not touched the session, so it may be offered again.
    """
    if by_client and code != CloseCode.LOST:
        return True
    if welcomed:
        return code not in SURVIVABLE
    return reaction(code) in (Reaction.FRESH, Reaction.STOP)
