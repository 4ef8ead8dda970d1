"""Rates: what each user may do at once and a second, as one bucket of tokens for each."""

from __future__ import annotations

from collections import OrderedDict

from imserver.clock import Clock

#: Tokens that a sum of fractions may lack: a client that comes back at the very time that was named is let in.
ROUNDING = 1e-6
#: Users who are remembered; a full bucket carries no information, so forgetting one is harmless.
MAX_BUCKETS = 50_000


class Rates:
    """One rate of all users: `burst` tokens at once, `per_second` on average."""

    def __init__(self, per_second: float, burst: float, clock: Clock) -> None:
        self.per_second = per_second
        self.burst = float(burst)
        self._clock = clock
        # An OrderedDict finds its oldest key at once; a dict that lost many keys does not.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def change(self, per_second: float, burst: float) -> None:
        """Another rate from now on; nobody has more than the new burst."""
        self.per_second, self.burst = per_second, float(burst)

    def take(self, user_id: str, cost: float = 1.0) -> float:
        """Take `cost` tokens. Returns 0.0 if taken, otherwise the seconds until there are enough."""
        now = self._clock.monotonic()
        tokens = self.tokens(user_id, now)
        cost = min(cost, self.burst)
        if tokens < cost - ROUNDING:
            return (cost - tokens) / self.per_second
        self.keep(user_id, tokens - cost, now)
        return 0.0

    def tokens(self, user_id: str, now: float) -> float:
        """The user's tokens now."""
        burst = self.burst
        tokens, at = self._buckets.get(user_id, (burst, now))
        tokens += (now - at) * self.per_second
        return tokens if tokens < burst else burst  # noqa: FURB136 - for each post: `min` takes twice as long

    def keep(self, user_id: str, tokens: float, now: float) -> None:
        """Store the user's remaining tokens."""
        if len(self._buckets) >= MAX_BUCKETS and user_id not in self._buckets:
            self._buckets.popitem(last=False)
        self._buckets[user_id] = (tokens, now)
