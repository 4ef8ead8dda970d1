"""Limits: every bound of the protocol, with its reason: frames, windows, time-outs.

One frozen value travels through the package. The server makes it from its configuration and sends the client
the part that concerns senders in WELCOME (`to_wire`); the client takes it over from there (`from_wire`), so
both encoders refuse what the peer would refuse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final

from .shared.bounds import MAX_CONTENT_BYTES, MAX_PAGE_ITEMS

#: Bytes that a sender adds to a tail's length for every window: 4 length + 1 array + 1 type + 9 seq + 9 ack,
#: the largest header there is. A receiver counts the frame's length field, which is never more, so an honest
#: sender never exceeds a window.
FRAME_OVERHEAD_BYTES: Final = 24
#: The length prefix itself is not part of the length that it states.
LENGTH_BYTES: Final = 4
#: 2**53 - 1: browsers keep integers exact up to here (SPEC, "Encoding").
MAX_INTEGER: Final = 2**53 - 1
#: Arrays, maps and the frame's own array together. Content in a `bin` counts from 1 again.
MAX_NESTING: Final = 16
#: Fields behind type, seq and ack, in both directions, so that the frame's array always has a one-byte header.
MAX_TAIL_FIELDS: Final = 12
#: No frame is ever longer, whatever the configuration says: 1 MiB of empty arrays blocks a decoder for about
#: 230 ms.
MAX_FRAME_BYTES_CEILING: Final = 1024 * 1024

_KIB = 1024
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one connection and its session. Bytes, counts and seconds, as the names say."""

    # -- frames
    max_frame_bytes: int = 64 * _KIB  # small, so that no frame holds the event loop for long
    max_hello_bytes: int = 4 * _KIB  # before WELCOME the peer is unauthenticated: little is buffered for it
    max_content_bytes: int = MAX_CONTENT_BYTES
    max_string_bytes: int = 32 * _KIB  # as long as a content: no string needs more
    max_array_items: int = 8192  # members of a group (5,000) fit
    max_map_items: int = 256  # a content or client_info has a dozen
    # -- requests
    max_requests: int = 256  # in flight: until the client has acked the reply
    max_request_bytes: int = _MIB  # the same requests in bytes
    reply_room_bytes: int = _MIB  # unacked replies and reserved ones, for each session
    post_reply_bytes: int = (
        512  # always kept free for each request, so that a post is never without room for its reply
    )
    max_page_items: int = MAX_PAGE_ITEMS  # of history and sync
    # -- pushes
    window_frames: int = 256  # unacked pushes; the next one makes the session lagging
    window_bytes: int = _MIB
    # -- signals
    max_signals_pending: int = 64  # droppable by definition; the next one is dropped
    # -- acks: a bare ACK costs a write, so it waits for a frame to ride on, but never for long
    ack_after_frames: int = 32
    ack_after_bytes: int = 64 * _KIB
    ack_after_s: float = 0.1
    # -- liveness
    server_ping_after_s: float = (
        30.0  # of silence; background tabs throttle timers, so the client has priority
    )
    client_ping_after_s: float = 25.0
    server_dead_after_s: float = 60.0  # without a byte
    client_dead_after_s: float = 10.0  # after its PING without a byte
    hello_timeout_s: float = 5.0  # server: HELLO is due
    welcome_timeout_s: float = 15.0  # client: WELCOME (or GOODBYE) is due
    close_timeout_s: float = 5.0  # for GOODBYE to leave and the socket to end; then the adapter aborts
    # -- sessions
    session_ttl_s: float = 120.0  # a detached session is kept so long

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) <= 0:
                raise ValueError(f"{field.name} must be above 0")
        if not self.max_hello_bytes <= self.max_frame_bytes <= MAX_FRAME_BYTES_CEILING:
            raise ValueError(f"max_frame_bytes must be {self.max_hello_bytes}..{MAX_FRAME_BYTES_CEILING}")
        if self.max_requests * self.post_reply_bytes > self.reply_room_bytes:
            raise ValueError("reply_room_bytes must hold post_reply_bytes for each of max_requests")
        if self.max_content_bytes > self.max_frame_bytes:
            raise ValueError("max_content_bytes must not be above max_frame_bytes")

    def to_wire(self) -> dict[str, int]:
        """The map `limits` of WELCOME: the bounds for a client's encoder."""
        return {name: getattr(self, name) for name in _WIRE_BOUNDS}

    def from_wire(self, wire: Mapping[str, object]) -> Limits:
        """These limits with the peer's taken over. Unknown keys are ignored.

        Raises ValueError for a value that is no integer or out of its sane bounds: a peer must not be able to
        make us buffer more than the ceilings here, nor set limits under which nothing works.
        """
        changes: dict[str, int] = {}
        for name, (low, high) in _WIRE_BOUNDS.items():
            value = wire.get(name)
            if value is None:
                continue
            if type(value) is not int or not low <= value <= high:
                raise ValueError(f"limit {name} is not an integer within {low}..{high}")
            changes[name] = value
        # A frame may be shorter than the default content, of which WELCOME then need not speak.
        longest = changes.get("max_frame_bytes", self.max_frame_bytes)
        if changes.setdefault("max_content_bytes", min(self.max_content_bytes, longest)) > longest:
            raise ValueError("limit max_content_bytes is above max_frame_bytes")
        # The room for replies is the server's own business; a client must only not refuse a large
        # `max_requests` for it.
        requests = changes.get("max_requests", self.max_requests)
        room = max(self.reply_room_bytes, requests * self.post_reply_bytes)
        return replace(self, reply_room_bytes=room, **changes)


_WIRE_BOUNDS: Final[dict[str, tuple[int, int]]] = {
    "max_frame_bytes": (4 * _KIB, MAX_FRAME_BYTES_CEILING),
    "max_content_bytes": (1, MAX_FRAME_BYTES_CEILING),
    "max_string_bytes": (256, MAX_FRAME_BYTES_CEILING),
    "max_array_items": (256, MAX_FRAME_BYTES_CEILING),
    "max_map_items": (16, MAX_FRAME_BYTES_CEILING),
    "max_requests": (1, 65536),
    "max_request_bytes": (4 * _KIB, 64 * _MIB),
    "max_page_items": (1, 10_000),
    "window_frames": (1, 65536),
    "window_bytes": (4 * _KIB, 64 * _MIB),
}
