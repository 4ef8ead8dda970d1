"""Liveness: computes when to PING a silent peer and when it is dead. Numbers in, numbers out."""

from __future__ import annotations

from imserver_protocol.limits import Limits

from .states import Side


class Liveness:
    """Silence is measured from the last byte received; any byte counts, a whole frame is not needed."""

    __slots__ = ("_after_ping_s", "_ping_after_s", "_silent_s", "heard_at", "nonce", "pinged_at")

    def __init__(self, side: Side, limits: Limits, now: float) -> None:
        self.heard_at = now
        self.pinged_at: float | None = None
        self.nonce = 0
        client = side is Side.CLIENT
        self._ping_after_s = limits.client_ping_after_s if client else limits.server_ping_after_s
        # A client gives up some time after its PING; a server after a span of silence, whenever it sent PING.
        self._after_ping_s = limits.client_dead_after_s if client else None
        self._silent_s = limits.server_dead_after_s

    def heard(self, now: float) -> None:
        """Bytes arrived."""
        self.heard_at = now
        self.pinged_at = None

    @property
    def ping_at(self) -> float | None:
        """When to send PING; None if one was sent and no byte has arrived since."""
        return self.heard_at + self._ping_after_s if self.pinged_at is None else None

    @property
    def dead_at(self) -> float | None:
        """When the peer counts as dead."""
        if self._after_ping_s is None:
            return self.heard_at + self._silent_s
        return None if self.pinged_at is None else self.pinged_at + self._after_ping_s

    def ping(self, now: float) -> int:
        """Note that PING is sent now; returns its nonce."""
        self.pinged_at = now
        self.nonce += 1
        return self.nonce
