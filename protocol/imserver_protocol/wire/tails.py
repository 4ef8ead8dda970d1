"""Tails: what follows a frame's header, encoded. A module of its own, for no Struct stands in a module that is compiled."""

from __future__ import annotations

from msgspec import Struct


class Tail(Struct, frozen=True, gc=False):
    """The encoded fields behind type, seq and ack.

    Encoded once, shared by all recipients and their resend queues.
    """

    count: int
    data: bytes

    def __repr__(self) -> str:
        """Without the bytes: they are a user's message."""
        return f"Tail({self.count} fields, {len(self.data)} bytes)"
