"""Frames of the wire: type numbers and, for each type, its fields in order.

A frame is the array `[type, seq, ack, field…]`. The structs here name the fields behind that header; a receiver ignores
extra trailing ones, but in the two arrays inside HELLO. REQUEST, REPLY and PUSH are frequent, so the hot path reads them as
plain tuples; their structs are for tests, tools and readers.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

#: The one version that this package speaks.
VERSION: Final = 1
#: Where the fields begin in a decoded frame.
HEADER_FIELDS: Final = 3


class FrameType(IntEnum):
    """0-15 are control frames (`seq` is 0, not counted, not resent), 16-31 payload frames (counted, kept until acked)."""

    HELLO = 0
    WELCOME = 1
    ACK = 2
    PING = 3
    PONG = 4
    GOODBYE = 5
    SIGNAL = 6

    REQUEST = 16
    REPLY = 17
    REFUSAL = 18
    PUSH = 19


FIRST_PAYLOAD_TYPE: Final = 16

Identifier = Annotated[str, Meta(min_length=1, max_length=256)]
Milliseconds = Annotated[int, Meta(ge=0)]
#: A sealed place, opaque to clients.
Place = Annotated[str, Meta(max_length=4096)]
ResumeToken = Annotated[bytes, Meta(min_length=1, max_length=64)]


class Hello(Struct, frozen=True, array_like=True):
    """c→s, the first frame. Its header's `ack` is the last payload seq received in the session to resume."""

    versions: tuple[int, int]
    features: tuple[str, ...]
    token: str
    device_id: Identifier
    client_info: dict[str, Any]
    resume: tuple[Identifier, ResumeToken] | None
    #: Not on the wire: the header's ack, put here by the connection.
    ack: int = 0

    def __repr__(self) -> str:
        """Without the tokens: this object ends up in logs."""
        resume = None if self.resume is None else self.resume[0]
        return f"Hello(versions={self.versions}, device_id={self.device_id!r}, resume={resume!r}, ack={self.ack})"


class Welcome(Struct, frozen=True, array_like=True):
    """s→c, answers HELLO. Its header's `ack` is the last payload seq received in the session."""

    version: int
    features: tuple[str, ...]
    user_id: Identifier
    session_id: Identifier
    resume_token: ResumeToken
    resumed: bool
    reason: str
    store_epoch: str
    server_time_ms: Milliseconds
    limits: dict[str, Any]
    place: Place

    def __repr__(self) -> str:
        """Without the token."""
        return f"Welcome(user_id={self.user_id!r}, session_id={self.session_id!r}, resumed={self.resumed})"


class Ack(Struct, frozen=True, array_like=True):
    """Both ways; the header carries the ack."""


class Ping(Struct, frozen=True, array_like=True):
    """Both ways; answered from the receive path."""

    nonce: int


class Pong(Struct, frozen=True, array_like=True):
    """The answer, with the nonce of the newest PING."""

    nonce: int


class Goodbye(Struct, frozen=True, array_like=True):
    """Both ways; the last frame in its direction."""

    code: Annotated[int, Meta(ge=1)]
    text: str
    retry_after_ms: Milliseconds


class Signal(Struct, frozen=True):
    """Both ways; may be dropped, never resent. On the wire the fields follow the kind directly."""

    kind: str
    fields: tuple[Any, ...]


class Request(Struct, frozen=True, array_like=True):
    """c→s. Named by its seq."""

    method: str
    params: tuple[Any, ...]


class Reply(Struct, frozen=True, array_like=True):
    """s→c, the answer to a request."""

    request_seq: int
    result: Any


class Refusal(Struct, frozen=True, array_like=True):
    """s→c, the refusal of a request."""

    request_seq: int
    code: int
    text: str
    retry_after_ms: Milliseconds
    detail: Any


class Push(Struct, frozen=True):
    """s→c. On the wire the fields follow the kind directly."""

    kind: str
    fields: tuple[Any, ...]
