"""Limits of one address: connections at once, logins and failed logins a minute. And the limit of sockets in all."""

from __future__ import annotations

from collections import Counter, OrderedDict

from imserver.config import LimitsConfig

#: Addresses whose rates are remembered. A flood from more addresses than this meets `max_connections` instead.
MAX_ADDRESSES = 50_000
#: Addresses that one sweep looks at, about a millisecond: all of them in one go would hold the loop for 50.
MAX_SWEPT = 2_000
#: Open files that are not connections: the database and its side files, log, control socket, and sockets about to be closed.
RESERVED_FDS = 128


def room_for_connections(wanted: int) -> int:
    """`wanted`, capped by the limit of open files: above it the store could open none, and `accept` would fail."""
    try:
        import resource
    except ImportError:  # not on this system
        return wanted
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - RESERVED_FDS))


class Bucket:
    """A token bucket: `per_minute` on average, as many in a burst."""

    __slots__ = ("at", "tokens")

    def __init__(self, tokens: float, at: float) -> None:
        self.tokens = tokens
        self.at = at

    def refill(self, per_minute: int, now: float) -> float:
        """Tokens now."""
        self.tokens = min(float(per_minute), self.tokens + (now - self.at) * per_minute / 60)
        self.at = now
        return self.tokens


class AddressLimits:
    """Counts and rates of those who showed a valid token, and rates of those who showed a wrong one; `address` is what theirs
    counts as (`networks.counted_as`). Whoever showed none is not counted: a silent crowd does not use up what others need."""

    def __init__(self, limits: LimitsConfig) -> None:
        self.limits = limits
        self._inside: Counter[str] = Counter()
        # An OrderedDict finds its oldest key at once; a dict that lost many keys does not.
        self._logins: OrderedDict[str, Bucket] = OrderedDict()
        self._failures: OrderedDict[str, Bucket] = OrderedDict()

    def login(self, address: str, now: float) -> float | None:
        """Count a connection with a valid token. None if it may stay; otherwise the seconds after which to come back, and it is
        not counted."""
        if self._inside[address] >= self.limits.max_connections_per_address:
            return 5.0
        wait_s = _take(self._logins, address, self.limits.connects_per_minute, now)
        if wait_s is None:
            self._inside[address] += 1
        return wait_s

    def left(self, address: str) -> None:
        """Uncount a connection that has ended."""
        self._inside[address] -= 1
        if self._inside[address] <= 0:
            del self._inside[address]

    def login_failed(self, address: str, now: float) -> float | None:
        """Count a failed login. Above the rate: the seconds after which to come back.

        Failures never block a valid token from the same address: a signature cannot be guessed.
        """
        return _take(self._failures, address, self.limits.failed_logins_per_minute, now)

    def sweep(self, now: float) -> None:
        """Forget full buckets, for they carry no information. Starts with those that were checked the longest ago."""
        for buckets, per_minute in (
            (self._logins, self.limits.connects_per_minute),
            (self._failures, self.limits.failed_logins_per_minute),
        ):
            for _ in range(min(MAX_SWEPT, len(buckets))):
                address, bucket = buckets.popitem(last=False)
                if bucket.refill(per_minute, now) < per_minute:
                    buckets[address] = bucket


def _take(buckets: OrderedDict[str, Bucket], address: str, per_minute: int, now: float) -> float | None:
    """Take one of an address's bucket; the seconds until there is one if it is empty."""
    bucket = buckets.get(address)
    if bucket is None:
        if len(buckets) >= MAX_ADDRESSES:
            buckets.popitem(last=False)
        bucket = buckets[address] = Bucket(float(per_minute), now)
    if bucket.refill(per_minute, now) < 1.0:
        return (1.0 - bucket.tokens) * 60 / per_minute
    bucket.tokens -= 1.0
    return None
