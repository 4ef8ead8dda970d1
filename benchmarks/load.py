"""What a generator is asked to do and what it reports: the two ends of one pipe, as JSON."""

from __future__ import annotations

from typing import Any

import msgspec

#: Latencies are kept in microseconds, from 1 µs to 60 s, with three significant digits.
HISTOGRAM_BOUNDS_US = (1, 60_000_000, 3)


class Load(msgspec.Struct, frozen=True):
    """Open-loop load: `pairs` of users, one posts to the other, together `rate` messages a second."""

    host: str
    port: int
    #: `[sender, receiver]` of each pair, and a token for each user.
    pairs: list[tuple[str, str]]
    tokens: dict[str, str]
    rate: float
    warm_up_s: float
    measure_s: float
    body_bytes: int = 128
    #: Seconds to wait for what is still under way after the last send.
    settle_s: float = 5.0


class Report(msgspec.Struct):
    """What was seen, from scheduled time on (no coordinated omission). Latencies as encoded HDR histograms."""

    sent: int = 0
    acknowledged: int = 0
    delivered: int = 0
    refused: int = 0
    doubled: int = 0
    out_of_order: int = 0
    #: From the scheduled time of a post to its reply, and to its arrival at the other side.
    ack_latency: str = ""
    delivery_latency: str = ""
    #: Share of one core that the generator used; above 0.8 the row is void.
    generator_cpu: float = 0.0
    #: Longest that a send was behind its schedule (ms): the generator's own stalls, or the machine's.
    late_ms: float = 0.0
    measured_s: float = 0.0
    errors: list[str] = []

    @property
    def lost(self) -> int:
        """Acknowledged or not: sent and never delivered."""
        return self.sent - self.delivered

    @property
    def clean(self) -> bool:
        """True if nothing was lost, doubled or out of order."""
        return not (self.lost or self.doubled or self.out_of_order or self.refused or self.errors)


def to_plain(report: Report) -> dict[str, Any]:
    """For the JSON result file."""
    plain: dict[str, Any] = msgspec.to_builtins(report)
    return plain | {"lost": report.lost}
