"""The interface between the hot loop and a protocol: greeting, frames to send, answers to parse.

A codec does no I/O. The hot loop (in C or in Python) patches an index into pre-encoded frames, and reads it back from answers
and deliveries: so it sees loss, doubles and order without building an object for each message.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

#: Width of an index in decimal, at the beginning of a body (protocols without a binary key of their own).
DIGITS = 16
NO_HOLE = -1


class Unreadable(Exception):
    """The server sent a frame that is no part of the measured work: the run has failed."""


@dataclass(frozen=True, slots=True)
class Party:
    """One end of a lane: its user, device and token."""

    name: str
    token: str = ""


@dataclass(frozen=True, slots=True)
class Lane:
    """One sender and its receivers."""

    number: int
    sender: Party
    receivers: tuple[Party, ...]
    #: Where the sender posts: a conversation, topic, subject or stream, by the protocol's custom.
    place: str


@dataclass(frozen=True, slots=True)
class Frame:
    """A message ready for sending except for its numbers, and the offsets of these (`NO_HOLE`: none)."""

    data: bytes
    seq_at: int = NO_HOLE
    seq_bytes: int = 4
    ack_at: int = NO_HOLE
    #: The index in 8 bytes, added to the run's base.
    key_at: int = NO_HOLE
    #: The index in decimal.
    decimals_at: tuple[int, ...] = ()

    def render(self, seq: int, received: int, key_base: int, index: int) -> bytes:
        """The bytes to send."""
        out = bytearray(self.data)
        if self.seq_at >= 0:
            number = (seq - 1) % 65535 + 1 if self.seq_bytes == 2 else seq
            out[self.seq_at : self.seq_at + self.seq_bytes] = number.to_bytes(self.seq_bytes, "big")
        if self.ack_at >= 0:
            out[self.ack_at : self.ack_at + 4] = received.to_bytes(4, "big")
        if self.key_at >= 0:
            out[self.key_at : self.key_at + 8] = (key_base + index).to_bytes(8, "big")
        for at in self.decimals_at:
            out[at : at + DIGITS] = decimal(index)
        return bytes(out)


@dataclass(slots=True)
class End:
    """A connection as a codec sees it: its place in the work, its counters, its outgoing bytes."""

    lane: Lane
    party: Party
    is_sender: bool
    key_base: int = 0
    seq: int = 0
    received: int = 0
    told: int = 0
    out: bytearray = field(default_factory=bytearray)


class Witness(Protocol):
    """Receives the events of a parser."""

    def acked(self, index: int) -> None: ...
    def delivered(self, index: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Step:
    """A part of a greeting: send this, then wait until `whole` says how many bytes the answer has (0: not all there).

    Raises Unreadable if the answer is a refusal.
    """

    send: bytes
    whole: Callable[[bytes], int]


class Codec(Protocol):
    """One protocol. `number` is its name in hotloop.c."""

    number: int

    def greeting(self, end: End) -> list[Step]:
        """The steps that make a connection ready to work."""
        ...

    def frame(self, lane: Lane, run_id: bytes, body_bytes: int) -> Frame:
        """The frame that a sender sends."""
        ...

    def parse(self, end: End, data: bytes, at: int, witness: Witness) -> int:
        """Parse one frame; returns where the next begins, or `at` if it is not whole. Answers go to `end.out`."""
        ...

    def mark(self, lane: Lane) -> bytes:
        """The beginning of a receiver's confirmation, where that needs names (Redis)."""
        ...

    def next_read(self, lane: Lane) -> bytes:
        """The request of a receiver for more, where it has to ask (Redis)."""
        ...

    def ping(self) -> bytes:
        """A request that costs the server nothing."""
        ...

    def pong(self, data: bytes) -> int:
        """Bytes up to the end of its answer, 0 if it is not there."""
        ...


class Pushing:
    """Base of protocols whose receivers need not ask."""

    def mark(self, lane: Lane) -> bytes:
        """Nothing."""
        return b""

    def next_read(self, lane: Lane) -> bytes:
        """Nothing."""
        return b""


def decimal(index: int) -> bytes:
    """The index in the form at the beginning of a body."""
    return b"%016d" % index


def padded(body_bytes: int) -> bytes:
    """A body with room for the index in front."""
    return b"0" * DIGITS + b"x" * (body_bytes - DIGITS)


def undecimal(data: bytes, at: int) -> int:
    """The index at that offset. Raises Unreadable."""
    digits = data[at : at + DIGITS]
    if len(digits) < DIGITS or not digits.isdigit():
        raise Unreadable(f"no index: {digits!r}")
    return int(digits)
