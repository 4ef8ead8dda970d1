"""HDR histograms: turns the hot loop's slots into a form to store, merge and query."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from hdrh.histogram import HdrHistogram

from benchmarks.plan import HISTOGRAM_BOUNDS_US

#: Slots of a bucket after the first: three significant digits need 2048 in the first, half of it in each other one.
HALF = 1024
#: Points of a percentile curve: from the median to one message in 100,000.
CURVE = (0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 97.5, 99.0, 99.5, 99.75, 99.9, 99.95, 99.99, 99.999, 100.0)


def from_slots(counts: Iterable[tuple[int, int]]) -> str:
    """Encode slots of the hot loop, given as (slot, count)."""
    return from_values((value_of(slot), count) for slot, count in counts)


def from_values(counts: Iterable[tuple[int, int]]) -> str:
    """Encode values in µs, given as (value, count)."""
    histogram = HdrHistogram(*HISTOGRAM_BOUNDS_US)
    for value, count in counts:
        histogram.record_value(min(max(value, 1), HISTOGRAM_BOUNDS_US[1]), count)
    encoded: bytes = histogram.encode()
    return encoded.decode()


def value_of(slot: int) -> int:
    """The lowest value (µs) of a slot, as hotloop.c numbers them."""
    bucket = max(0, slot // HALF - 1)
    return (slot - bucket * HALF) << bucket


def merged(encoded: Iterable[str]) -> str:
    """One histogram of several."""
    parts = [part for part in encoded if part]
    if len(parts) < 2:
        return parts[0] if parts else ""
    histogram = HdrHistogram(*HISTOGRAM_BOUNDS_US)
    for part in parts:
        histogram.decode_and_add(part)
    whole: bytes = histogram.encode()
    return whole.decode()


def percentile_ms(encoded: str, percentile: float) -> float:
    """Milliseconds; 0 of an empty histogram."""
    if not encoded:
        return 0.0
    value: int = _decoded(encoded).get_value_at_percentile(percentile)
    return value / 1000


def count_of(encoded: str) -> int:
    """How many values it holds."""
    return int(_decoded(encoded).get_total_count()) if encoded else 0


def curve_ms(encoded: str) -> Iterator[tuple[float, float]]:
    """(percentile, milliseconds), as far as the number of values supports."""
    total = count_of(encoded)
    for percentile in CURVE:
        if percentile == 100.0 or total * (1 - percentile / 100) >= 1:
            yield percentile, percentile_ms(encoded, percentile)


@lru_cache(maxsize=256)
def _decoded(encoded: str) -> HdrHistogram:
    return HdrHistogram.decode(encoded)
