"""All sessions of this server: which one a HELLO means, which a user has, and which must go when they keep too much."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from imserver.config import LimitsConfig
from imserver.net.sessions import DeviceSession
from imserver_protocol.errors import CloseCode

#: Sessions that the sweep looks at in one turn of the loop, about two milliseconds.
SWEPT_A_TURN = 1000


class SessionRegistry:
    """All sessions of this server: by id for resume, by device for replacement, detached ones by age for eviction."""

    def __init__(self, limits: LimitsConfig, on_end: Callable[[DeviceSession], None]) -> None:
        self._limits = limits
        self._on_end = on_end
        #: Called when a session got a connection that had none, and when it has none any more.
        self.on_attached: Callable[[DeviceSession], None] | None = None
        self.on_detached: Callable[[DeviceSession], None] | None = None
        self._by_id: dict[str, DeviceSession] = {}
        self._by_device: dict[tuple[str, str], DeviceSession] = {}
        self._of_user: dict[str, dict[str, DeviceSession]] = {}
        self._detached: dict[str, DeviceSession] = {}  # oldest first
        #: As of the last sweep: what detached sessions keep, and what attached ones keep that was not acked.
        self.detached_bytes = self.unacked_bytes = 0

    def use_limits(self, limits: LimitsConfig) -> None:
        """Have these hold from the next sweep and login on."""
        self._limits = limits

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[DeviceSession]:
        return iter(list(self._by_id.values()))

    @property
    def detached_count(self) -> int:
        """Sessions without a connection."""
        return len(self._detached)

    def get(self, session_id: str) -> DeviceSession | None:
        """The session that a HELLO asks to resume."""
        return self._by_id.get(session_id)

    def of_user(self, user_id: str) -> list[DeviceSession]:
        """The sessions of a user."""
        return list(self._of_user.get(user_id, {}).values())

    def of_device(self, user_id: str, device_id: str) -> DeviceSession | None:
        """The one session of a device."""
        return self._by_device.get((user_id, device_id))

    def make_room_for(self, user_id: str) -> bool:
        """True if the user may have one more session; at the limit, evicts the user's oldest detached one."""
        own = self._of_user.get(user_id, {})
        if len(own) < self._limits.max_sessions_per_user:
            return True
        detached = [found for found in own.values() if found.stream.session_id in self._detached]
        if not detached:
            return False
        self.end(min(detached, key=lambda found: found.stream.detached_at or 0.0), 0.0)
        return True

    def add(self, found: DeviceSession) -> None:
        """Register a fresh session, not yet attached."""
        self._by_id[found.stream.session_id] = found
        self._by_device[found.user_id, found.device_id] = found
        self._of_user.setdefault(found.user_id, {})[found.stream.session_id] = found

    def attached(self, found: DeviceSession) -> None:
        """The session has a connection (again)."""
        self._detached.pop(found.stream.session_id, None)
        if self.on_attached is not None:
            self.on_attached(found)

    def detached(self, found: DeviceSession) -> None:
        """The session lost its connection and waits to be resumed; above the bound of detached ones the oldest is evicted."""
        self._detached[found.stream.session_id] = found
        self._unheard(found)  # behind that: who hears of it may end the session
        while len(self._detached) > self._limits.max_detached_sessions:
            self.end(next(iter(self._detached.values())), 0.0)

    def end(self, found: DeviceSession, now: float) -> None:
        """The session is over: its memory is freed, and the hub forgets it. Ending twice is harmless."""
        if self._by_id.pop(found.stream.session_id, None) is None:
            return
        self._detached.pop(found.stream.session_id, None)
        if self._by_device.get((found.user_id, found.device_id)) is found:
            del self._by_device[found.user_id, found.device_id]
        own = self._of_user[found.user_id]
        del own[found.stream.session_id]
        if not own:
            del self._of_user[found.user_id]
        found.stream.end(now)
        found.cancel_tasks()
        self._unheard(found)
        self._on_end(found)

    def _unheard(self, found: DeviceSession) -> None:
        was_attached, found.transport = found.transport is not None, None
        if was_attached and self.on_detached is not None:
            self.on_detached(found)

    def sweep(self, now: float, now_s: float, grace_s: int) -> Iterator[None]:
        """Once a second: end sessions that expired or are no longer authorized; free memory above the limits.

        Yields after each `SWEPT_A_TURN` sessions: all of them in one go would hold the loop for a twentieth of a second.
        """
        detached_bytes = attached_bytes = 0
        for number, found in enumerate(self, 1):
            of_others = detached_bytes, attached_bytes
            if found.stream.session_id in self._detached:
                detached_bytes += found.stream.memory_bytes
                detached_at = found.stream.detached_at
                if detached_at is not None and now - detached_at >= self._limits.detached_s:
                    self.end(found, now)
            else:
                attached_bytes += found.stream.unshared_bytes
            if now_s >= found.identity.expires_at_s + grace_s:
                if found.transport is not None:
                    found.transport.close(CloseCode.AUTH_EXPIRED, "the token expired")
                self.end(found, now)
            if found.ended:  # keeps nothing any more: counted, it would cost others their sessions
                detached_bytes, attached_bytes = of_others
            if number % SWEPT_A_TURN == 0:
                yield
        self.detached_bytes, self.unacked_bytes = detached_bytes, attached_bytes
        self._evict_detached(detached_bytes - self._limits.max_detached_bytes, now)
        self._cut_off_heaviest(attached_bytes - self._limits.max_unacked_bytes)

    def _evict_detached(self, too_much: int, now: float) -> None:
        """End the oldest detached sessions until `too_much` bytes are free."""
        for found in list(self._detached.values()):
            if too_much <= 0:
                return
            too_much -= found.stream.memory_bytes
            self.end(found, now)

    def _cut_off_heaviest(self, too_much: int) -> None:
        """Close the connections of the heaviest sessions. They may resume, and count as detached sessions until then."""
        if too_much <= 0:
            return
        attached = [found for found in self if found.transport is not None]
        for found in sorted(attached, key=lambda found: found.stream.unshared_bytes, reverse=True):
            if too_much <= 0:
                return
            too_much -= found.stream.unshared_bytes
            if found.transport is not None:
                found.transport.close(CloseCode.SLOW, "too much is kept that was not acked")
