"""How many reads one address may have worked out: what is in the cache costs nothing, and thousands share an address."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from imserver.plugin_api import Refusal, RefusalCode

#: Answers that are worked out for one address: at once, and each second from then on. A page has three at its begin.
BURST = 60.0
A_SECOND = 20.0
#: Addresses that are remembered; the one that asked the longest ago is forgotten, and had its burst back by then.
MAX_ADDRESSES = 10_000


@dataclass(slots=True)
class _Bucket:
    left: float
    at_s: float


class ReadLimit:
    """A bucket for each address. Time is an argument (seconds, monotonic)."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, key: str, now_s: float) -> None:
        """One answer is to be worked out for this address. Raises `Refusal` if it had too many."""
        bucket = self._buckets.setdefault(key, _Bucket(BURST, now_s))
        self._buckets.move_to_end(key)
        if len(self._buckets) > MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        bucket.left = min(BURST, bucket.left + (now_s - bucket.at_s) * A_SECOND)
        bucket.at_s = now_s
        if bucket.left < 1:
            raise Refusal(
                RefusalCode.RATE_LIMITED, "too many questions from one address", retry_after_ms=1_000
            )
        bucket.left -= 1
