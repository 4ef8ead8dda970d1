"""What one address may do: connections at once, connects and failed logins a minute."""

from __future__ import annotations

from collections import Counter

from imserver.config import LimitsConfig

#: Addresses whose rates are remembered. A flood from more addresses than this meets `max_connections` instead.
MAX_ADDRESSES = 50_000


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
    """Counts and rates by peer address."""

    def __init__(self, limits: LimitsConfig) -> None:
        self._limits = limits
        self._open: Counter[str] = Counter()
        self._connects: dict[str, Bucket] = {}
        self._failures: dict[str, Bucket] = {}

    def connect(self, address: str, now: float) -> float | None:
        """Counts a connection. None if it is welcome, otherwise the seconds after which to come back."""
        self._open[address] += 1
        if self._open[address] > self._limits.max_connections_per_address:
            return 5.0
        per_minute = self._limits.connects_per_minute
        bucket = self._bucket(self._connects, address, per_minute, now)
        if bucket.refill(per_minute, now) < 1.0:
            return (1.0 - bucket.tokens) * 60 / per_minute
        bucket.tokens -= 1.0
        return None

    def disconnect(self, address: str) -> None:
        """A counted connection is gone."""
        self._open[address] -= 1
        if self._open[address] <= 0:
            del self._open[address]

    def login_failed(self, address: str, now: float) -> float | None:
        """One failed login more. Above the rate: the seconds after which to come back, and nothing is logged.

        Good tokens are never turned away for the failures of a neighbour: a signature cannot be guessed.
        """
        per_minute = self._limits.failed_logins_per_minute
        bucket = self._bucket(self._failures, address, per_minute, now)
        if bucket.refill(per_minute, now) < 1.0:
            return (1.0 - bucket.tokens) * 60 / per_minute
        bucket.tokens -= 1.0
        return None

    def sweep(self, now: float) -> None:
        """Forget full buckets: they carry no information."""
        for buckets, per_minute in (
            (self._connects, self._limits.connects_per_minute),
            (self._failures, self._limits.failed_logins_per_minute),
        ):
            for address in [
                name for name, found in buckets.items() if found.refill(per_minute, now) >= per_minute
            ]:
                del buckets[address]

    @staticmethod
    def _bucket(buckets: dict[str, Bucket], address: str, per_minute: int, now: float) -> Bucket:
        bucket = buckets.get(address)
        if bucket is None:
            if len(buckets) >= MAX_ADDRESSES:
                buckets.pop(next(iter(buckets)))
            bucket = buckets[address] = Bucket(float(per_minute), now)
        return bucket
