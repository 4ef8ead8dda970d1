"""Admission: limits connections, in all and of one address, and those that have not yet logged in."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable

from imserver.clock import Clock
from imserver.config import LimitsConfig
from imserver.net.address_limits import AddressLimits, room_for_connections
from imserver.net.transport import Accepted, ServerTransport
from imserver_protocol.errors import CloseCode

#: When clients of a draining server may come back: spread over this many milliseconds.
DRAIN_SPREAD_MS = 3000


class Admission:
    """All connections of one server, from accept on."""

    def __init__(self, limits: LimitsConfig, clock: Clock, random_bytes: Callable[[int], bytes]) -> None:
        self.limits = limits
        self.clock = clock
        self.random_bytes = random_bytes
        #: In order of accepting, so that work on all of them has the same order in every run.
        self.transports: dict[Accepted, None] = {}
        #: Sums for metrics: accepted connections, welcomes, resumes. The first numbers the connections, too.
        self.counts: Counter[str] = Counter()
        #: Set while no connection is left.
        self.empty = asyncio.Event()
        self.empty.set()
        #: True once the server is going down: it admits no connection any more.
        self.draining = False
        #: Connections that have not yet logged in, the oldest first.
        self._unauthenticated: OrderedDict[Accepted, None] = OrderedDict()
        self._addresses = AddressLimits(limits)
        self._max_connections = room_for_connections(limits.max_connections)

    def admit(self, accepted: Accepted) -> tuple[CloseCode, str, int] | None:
        """None if a new connection is admitted, otherwise the GOODBYE that refuses it."""
        self.transports[accepted] = None
        self.empty.clear()
        self.counts["connections"] += 1
        accepted.number = self.counts["connections"]
        # A refused connection is counted as well: `forget` uncounts every connection of its address.
        wait_s = self._addresses.connect(accepted.address, self.clock.monotonic())
        if self.draining:
            return CloseCode.DRAINING, "the server is going down", self.drain_delay_ms()
        if len(self.transports) > self._max_connections:
            return CloseCode.TOO_MANY, "too many connections", 5000
        if wait_s is not None:
            return CloseCode.TOO_MANY, "too many connections from this address", int(wait_s * 1000) + 1
        self._unauthenticated[accepted] = None
        if len(self._unauthenticated) > self.limits.max_unauthenticated:
            # The oldest goes, not the newest: a crowd of silent sockets does not keep out clients that log in.
            oldest, _ = self._unauthenticated.popitem(last=False)
            oldest.close(CloseCode.TOO_MANY, "too many connections that do not say who they are", 5000)
        return None

    def passed(self, accepted: Accepted, transport: ServerTransport) -> None:
        """The TLS handshake is done: `transport` takes the place of `accepted` in all counts."""
        if accepted not in self.transports:  # refused in this very turn
            transport.abort()
            return
        del self.transports[accepted]
        self.transports[transport] = None
        if accepted in self._unauthenticated:
            del self._unauthenticated[accepted]
            self._unauthenticated[transport] = None

    def forget(self, accepted: Accepted) -> None:
        """The socket is gone: remove it from all counts."""
        self._unauthenticated.pop(accepted, None)
        if accepted in self.transports:
            del self.transports[accepted]
            if not self.transports:
                self.empty.set()
            self._addresses.disconnect(accepted.address)

    def authenticated(self, transport: ServerTransport) -> None:
        """The connection has a session now: it no longer counts as unauthenticated."""
        self._unauthenticated.pop(transport, None)

    def login_failed(self, address: str) -> float | None:
        """See `AddressLimits.login_failed`."""
        return self._addresses.login_failed(address, self.clock.monotonic())

    @property
    def unauthenticated(self) -> int:
        """Connections that have not yet logged in."""
        return len(self._unauthenticated)

    def turn_away(self) -> None:
        """Send GOODBYE DRAINING to every connection."""
        for transport in list(self.transports):
            transport.close(CloseCode.DRAINING, "the server is going down", self.drain_delay_ms())

    def abort(self) -> None:
        """End every socket now."""
        for transport in list(self.transports):
            transport.abort()

    def drain_delay_ms(self) -> int:
        """Milliseconds after which one client of a draining server may come back, drawn at random."""
        return int.from_bytes(self.random_bytes(4)) % DRAIN_SPREAD_MS + 1

    def sweep(self, now: float) -> None:
        """Once a second: forget addresses that used nothing of their rates."""
        self._addresses.sweep(now)
