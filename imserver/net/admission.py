"""Admission: limits connections, in all and of one address, and those that have not yet logged in.

Token first: who has shown no valid token takes no place of one who has. Such connections have a share of their own, of which
the largest crowd goes first (`unauthenticated`); limits of an address are charged at the login (docs/decisions/0021).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from imserver.clock import Clock
from imserver.config import LimitsConfig
from imserver.net.address_limits import AddressLimits, room_for_connections
from imserver.net.refused_peers import RefusedPeers
from imserver.net.transport import Accepted, Refusal, ServerTransport
from imserver.net.unauthenticated import Group, Unauthenticated
from imserver.networks import counted_as
from imserver_protocol.errors import CloseCode

#: When clients of a draining server may come back: spread over this many milliseconds.
DRAIN_SPREAD_MS = 3000
#: Connections above `max_connections` that may still be on their way out: half of the reserved descriptors (RESERVED_FDS).
MAX_LEAVING = 64


class Admission:
    """All connections of one server, from accept on."""

    def __init__(
        self, limits: LimitsConfig, clock: Clock, random_bytes: Callable[[int], bytes], refused: RefusedPeers
    ) -> None:
        self.limits = limits
        self.refused = refused
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
        self._unauthenticated = Unauthenticated()
        #: Connections that were counted at their login, and as what.
        self._logged_in: dict[Accepted, str] = {}
        self._addresses = AddressLimits(limits)
        self._max_connections = room_for_connections(limits.max_connections)

    def use_limits(self, limits: LimitsConfig) -> None:
        """Have these hold from now on; who is in stays in."""
        self.limits = limits
        self._addresses.limits = limits
        self._max_connections = room_for_connections(limits.max_connections)

    def admit(self, accepted: Accepted) -> Refusal | None:
        """None if a new connection is admitted, otherwise the GOODBYE that refuses it."""
        self.transports[accepted] = None
        self.empty.clear()
        self.counts["connections"] += 1
        accepted.number = self.counts["connections"]
        if self.draining:
            return CloseCode.DRAINING, "the server is going down", self.drain_delay_ms()
        above = len(self.transports) - self._max_connections
        if above > MAX_LEAVING or (above > 0 and not self._unauthenticated):
            return CloseCode.TOO_MANY, "too many connections", 5000
        self._unauthenticated.add(accepted, _group(accepted))
        if above > 0 or len(self._unauthenticated) > self.limits.max_unauthenticated:
            # An old one goes, not the newest: a crowd of silent sockets does not keep out clients that log in.
            self._unauthenticated.take_oldest().close(
                CloseCode.TOO_MANY, "too many connections that do not say who they are", 5000
            )
        return None

    def login(self, transport: ServerTransport) -> Refusal | None:
        """The connection has shown a valid token. None if its address has room for it, otherwise the GOODBYE."""
        address = counted_as(transport.address)
        if address is None or transport in self._logged_in:
            return None
        wait_s = self._addresses.login(address, self.clock.monotonic())
        if wait_s is not None:
            return CloseCode.TOO_MANY, "too many connections from this address", int(wait_s * 1000) + 1
        self._logged_in[transport] = address
        return None

    def rename(self, accepted: Accepted, address: str) -> None:
        """A proxy's header names the client: from now on the connection is counted as the client's, and as its youngest."""
        accepted.address = address
        if accepted in self._unauthenticated:
            self._unauthenticated.discard(accepted)
            self._unauthenticated.add(accepted, _group(accepted))

    def passed(self, accepted: Accepted, transport: ServerTransport) -> None:
        """What comes before the first frame is done: `transport` takes the place of `accepted` in all counts."""
        if accepted not in self.transports:  # refused in this very turn
            transport.abort()
            return
        del self.transports[accepted]
        self.transports[transport] = None
        if accepted in self._unauthenticated:
            self._unauthenticated.discard(accepted)
            self._unauthenticated.add(transport, _group(transport))

    def forget(self, accepted: Accepted) -> None:
        """The socket is gone: remove it from all counts."""
        self._unauthenticated.discard(accepted)
        if accepted in self.transports:
            del self.transports[accepted]
            if not self.transports:
                self.empty.set()
        address = self._logged_in.pop(accepted, None)
        if address is not None:
            self._addresses.left(address)

    def authenticated(self, transport: ServerTransport) -> None:
        """The connection has a session now: it no longer counts as unauthenticated."""
        self._unauthenticated.discard(transport)

    def login_failed(self, transport: ServerTransport, cause: str) -> float | None:
        """Count a failed login. See `AddressLimits.login_failed`. Peers of a Unix socket have no rate."""
        if self.refused.logins.add(address=transport.address, cause=cause):
            transport.log.info("login_refused", cause=cause)
        else:
            transport.log.debug("login_refused", cause=cause)
        address = counted_as(transport.address)
        return None if address is None else self._addresses.login_failed(address, self.clock.monotonic())

    def proxy_header_refused(self, transport: ServerTransport, cause: str) -> None:
        """Count a PROXY header from who is no proxy, and a wrong one, or none, from one."""
        if self.refused.proxy_headers.add(address=transport.address, cause=cause):
            transport.log.info("proxy_header_refused", cause=cause)
        else:
            transport.log.debug("proxy_header_refused", cause=cause)

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
        """Once a second: forget addresses that used nothing of their rates, and see which waves are over."""
        self.refused.rest()
        self._addresses.sweep(now)


def _group(accepted: Accepted) -> Group:
    """Those with whom a connection counts together; itself if it has no address."""
    return counted_as(accepted.address) or accepted
